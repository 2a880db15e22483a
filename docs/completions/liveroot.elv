
use builtin;
use str;

set edit:completion:arg-completer[liveroot] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'liveroot'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'liveroot'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand create 'Make a new ext4 image'
            cand mount 'Show an image as a directory'
            cand umount 'Unmount, and return when the image is complete and clean'
            cand unmount 'Unmount, and return when the image is complete and clean'
            cand run 'Run a command that sees an image, without a mount that anybody else sees'
            cand import 'Put a whole tree into an image, without mounting it'
            cand export 'Write what is in an image as a tar, without mounting it'
            cand info 'Tell what is in an image: label, size, use, features, state'
            cand check 'Look for damage in an image, without changing it'
            cand resize 'Make an image, and the file system in it, larger or smaller'
            cand shrink 'Make an image as small as what it holds'
            cand trim 'Give an image''s free space back to the host'
            cand ls 'List what is in an image''s directory'
            cand cat 'Print files of an image'
            cand stat 'Tell everything about files of an image, as stat(1)'
            cand du 'Count the space that directories of an image take, as du(1)'
            cand tree 'Draw an image''s directories as a tree'
            cand find 'Find files of an image, as find(1)'
            cand cp 'Copy files into an image, out of it, or between images'
            cand mv 'Move and rename files in an image, in one transaction'
            cand rm 'Delete files of an image, in one transaction'
            cand mkdir 'Make directories in an image, in one transaction'
            cand ln 'Make links in an image, in one transaction'
            cand chmod 'Change modes of files in an image, in one transaction'
            cand chown 'Change owners of files in an image, in one transaction'
            cand edit 'Edit a file of an image with your editor, in one transaction'
            cand diff 'Tell how two images, or directories of them, differ'
            cand map 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space'
            cand doctor 'Tell which ways of working this machine allows, and what would allow more'
            cand generate 'Write the manual pages and shell completions'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'liveroot;create'= {
            cand -s 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the source of --from takes, and some headroom; that is the default with --from'
            cand --size 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the source of --from takes, and some headroom; that is the default with --from'
            cand --headroom 'Free space of an image of size auto, in percent of what it holds; free inodes likewise'
            cand -b 'Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts images with blocks up to its own page size: 4096 on most machines'
            cand --block-size 'Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts images with blocks up to its own page size: 4096 on most machines'
            cand -C 'Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc. By default 16 blocks'
            cand --cluster-size 'Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc. By default 16 blocks'
            cand -I 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds'
            cand --inode-size 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds'
            cand -N 'How many files the image can hold'
            cand --inodes 'How many files the image can hold'
            cand -i 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB'
            cand --bytes-per-inode 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB'
            cand -L 'Label of the file system, at most 16 bytes'
            cand --label 'Label of the file system, at most 16 bytes'
            cand -U 'UUID of the file system. By default a random one'
            cand --uuid 'UUID of the file system. By default a random one'
            cand -m 'Share of the blocks that only root may fill, in percent. By default 5'
            cand --reserved 'Share of the blocks that only root may fill, in percent. By default 5'
            cand -J 'Size of the journal. By default a share of the image''s size'
            cand --journal-size 'Size of the journal. By default a share of the image''s size'
            cand -O 'Features to add, or with ^ to leave out, by mke2fs''s names and separated by commas'
            cand --features 'Features to add, or with ^ to leave out, by mke2fs''s names and separated by commas'
            cand --root-owner 'Owner of the root directory. By default 0:0: root, whom an ordinary user''s mount takes the user for'
            cand --from 'Fill the image: with a tar, plain or compressed with gzip, zstd or xz (- for standard input); a directory; an OCI layout, or what `docker save` writes. The root directory is root''s then, unless the source says otherwise'
            cand --owner 'Have everything belong to this user and group'
            cand --map 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error'
            cand --manifest 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it'
            cand --platform 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine''s'
            cand --image 'Which image to take from an OCI layout or `docker save` archive of several, by its name'
            cand --threads 'Threads to work with. By default as many as there are processors'
            cand --no-journal 'Leave the journal out: smaller and faster, but an interrupted write can damage the image'
            cand -f 'Replace a file that exists already'
            cand --force 'Replace a file that exists already'
            cand --sync 'Return when the image is safe from a power cut. An image that is filled is otherwise left to the host to write out, as cp does'
            cand --reproducible 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than'
            cand --skip-unreadable 'Leave out what cannot be read in a directory, and name it, instead of giving up'
            cand -q 'Print nothing but errors and warnings'
            cand --quiet 'Print nothing but errors and warnings'
            cand --json 'Print events as JSON, one a line, instead of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;mount'= {
            cand -o 'Mount options, separated by commas; see below'
            cand --options 'Mount options, separated by commas; see below'
            cand --map 'Who is who in the image: caller, none, or IMAGE:HOST:COUNT,...; see below'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand --threads 'How many threads serve requests. By default one a processor, at least 2, at most 8'
            cand --stats 'At the end, write counts of requests and peak memory to this file, as JSON'
            cand -f 'Stay in the foreground; Ctrl-C unmounts'
            cand --foreground 'Stay in the foreground; Ctrl-C unmounts'
            cand -r 'Change nothing in the image'
            cand --read-only 'Change nothing in the image'
            cand --allow-other 'Let other users in, subject to the files'' permissions'
            cand --no-sandbox 'Let the daemon keep its privileges, and its way to other files, when it serves'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;umount'= {
            cand -l 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
            cand --lazy 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;unmount'= {
            cand -l 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
            cand --lazy 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;run'= {
            cand --at 'Show the image at this directory, for the command alone, instead of at a temporary one'
            cand --bind 'Let the command see the file or directory SRC at DST, read-only with :ro'
            cand --env 'Set an environment variable, or hand over the caller''s'
            cand --workdir 'Start in this directory. By default the current one, with --root the image''s /'
            cand -o 'Mount options, separated by commas; see below'
            cand --options 'Mount options, separated by commas; see below'
            cand --autogrow 'Make the image larger when it would be full, up to MAX bytes (units K, M, G, T allowed)'
            cand --scratch 'Keep the changes in this directory, instead of in memory or $TMPDIR'
            cand --scratch-size 'As much memory as changes may take; with --scratch, what must be free there (units K, M, G, T allowed). By default the size of the image, or what it may grow to, but no more than half of the memory'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand --root 'Run the command inside the image: its root directory is the image''s'
            cand --resolv-conf 'With --root: let the command see the host''s /etc/resolv.conf'
            cand -r 'Change nothing in the image'
            cand --read-only 'Change nothing in the image'
            cand --direct 'Let the command change the image itself, as it goes along, and leave there what a failed one did'
            cand --stage 'Fail where changes cannot be kept apart until the command has succeeded, instead of working on the image itself'
            cand --keep-failed 'If the command fails, start a shell that sees what it left'
            cand --no-sandbox 'Let the process that reads the image keep its privileges; see liveroot mount'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;import'= {
            cand --to 'The directory in the image that the source goes into. It is made if need be'
            cand -p 'The partition that holds the file system, counted from 1'
            cand --partition 'The partition that holds the file system, counted from 1'
            cand --offset 'Byte in the file where the file system starts'
            cand --owner 'Have everything belong to this user and group'
            cand --map 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error'
            cand --manifest 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it'
            cand --platform 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine''s'
            cand --image 'Which image to take from an OCI layout or `docker save` archive of several, by its name'
            cand --threads 'Threads to work with. By default as many as there are processors'
            cand --reproducible 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than'
            cand --skip-unreadable 'Leave out what cannot be read in a directory, and name it, instead of giving up'
            cand -q 'Print nothing but errors and warnings'
            cand --quiet 'Print nothing but errors and warnings'
            cand --json 'Print events as JSON, one a line, instead of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;export'= {
            cand -o 'The file to write. By default standard output'
            cand --output 'The file to write. By default standard output'
            cand -p 'The partition that holds the file system, counted from 1'
            cand --partition 'The partition that holds the file system, counted from 1'
            cand --offset 'Byte in the file where the file system starts'
            cand -q 'Print nothing but errors and warnings'
            cand --quiet 'Print nothing but errors and warnings'
            cand --json 'Print events as JSON, one a line, instead of text'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;info'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;check'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand --json 'Print JSON'
            cand --norecovery 'Check what is under a journal that waits for its replay'
            cand --quick 'Leave out the second reader, which reads the contents of all files'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;resize'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;shrink'= {
            cand --headroom 'Leave so much more room than the contents need, in percent of that'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;trim'= {
            cand --minimum 'Leave shorter runs of free space as they are (units K, M, G, T allowed)'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;ls'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -l 'One line a file, with mode, links, owner, group, size and time'
            cand -a 'Names with a leading dot too, `.` and `..` included'
            cand --all 'Names with a leading dot too, `.` and `..` included'
            cand -A 'Names with a leading dot too, without `.` and `..`'
            cand --almost-all 'Names with a leading dot too, without `.` and `..`'
            cand -R 'Directories below, too'
            cand --recursive 'Directories below, too'
            cand -d 'Directories themselves, not what is in them'
            cand --directory 'Directories themselves, not what is in them'
            cand -h 'With -l: sizes in units of 1024'
            cand --human-readable 'With -l: sizes in units of 1024'
            cand -i 'Inode numbers'
            cand --inode 'Inode numbers'
            cand -n 'Owners and groups as numbers; means -l'
            cand --numeric-uid-gid 'Owners and groups as numbers; means -l'
            cand -1 'One name a line'
            cand -s 'Space taken, in blocks of 1 KiB'
            cand --size 'Space taken, in blocks of 1 KiB'
            cand -F 'Mark directories with `/`, programs with `*`, links with `@`, and so on'
            cand --classify 'Mark directories with `/`, programs with `*`, links with `@`, and so on'
            cand -t 'Newest first'
            cand -S 'Largest first'
            cand -r 'The other way round'
            cand --reverse 'The other way round'
            cand --json 'Print JSON'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;cat'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;stat'= {
            cand -c 'Print this for each file, and a newline'
            cand --format 'Print this for each file, and a newline'
            cand --printf 'As --format, without the newline, and with \n, \t and the like'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -L 'Follow symbolic links'
            cand --dereference 'Follow symbolic links'
            cand --json 'Print JSON'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;du'= {
            cand -d 'Print no directories deeper than this'
            cand --max-depth 'Print no directories deeper than this'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -s 'Only the sum of each operand'
            cand --summarize 'Only the sum of each operand'
            cand -h 'Sizes in units of 1024 that people read, instead of KiB'
            cand --human-readable 'Sizes in units of 1024 that people read, instead of KiB'
            cand -a 'Files, too, not only directories'
            cand --all 'Files, too, not only directories'
            cand --apparent-size 'What the files hold, instead of the space that they take'
            cand -b 'As --apparent-size, in bytes'
            cand --bytes 'As --apparent-size, in bytes'
            cand -l 'Count a file with several names as often'
            cand --count-links 'Count a file with several names as often'
            cand -c 'A sum of everything at the end'
            cand --total 'A sum of everything at the end'
            cand --json 'Print JSON; sizes in bytes'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;tree'= {
            cand -L 'Go down this many levels'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -a 'Names with a leading dot, too'
            cand -d 'Only directories'
            cand -f 'Whole paths'
            cand -s 'Sizes in bytes'
            cand -h 'Sizes in units that people read'
            cand --json 'Print JSON'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;find'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand --json 'Print JSON'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;cp'= {
            cand --preserve 'Keep these: mode, ownership, timestamps, links, xattr, all'
            cand --no-preserve 'Do not keep these'
            cand -t 'The directory that everything goes into; then all operands are sources'
            cand --target-directory 'The directory that everything goes into; then all operands are sources'
            cand --owner 'Owner of new files in an image, unless it is kept; by default you'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -a 'Everything as it is: -d -r --preserve=all'
            cand --archive 'Everything as it is: -d -r --preserve=all'
            cand -r 'Directories, with all that is in them'
            cand -R 'Directories, with all that is in them'
            cand --recursive 'Directories, with all that is in them'
            cand -p 'Keep mode, owner and times'
            cand -d 'Copy symbolic links, and keep hard links: -P --preserve=links'
            cand -P 'Copy symbolic links as links'
            cand --no-dereference 'Copy symbolic links as links'
            cand -L 'Copy what symbolic links lead to'
            cand --dereference 'Copy what symbolic links lead to'
            cand -H 'Follow symbolic links among the operands only'
            cand -f 'Replace what cannot be written'
            cand --force 'Replace what cannot be written'
            cand -n 'Leave alone what is there'
            cand --no-clobber 'Leave alone what is there'
            cand --remove-destination 'Remove what is there before'
            cand -T 'The destination is the new name, never a directory to go into'
            cand --no-target-directory 'The destination is the new name, never a directory to go into'
            cand -v 'Tell each file'
            cand --verbose 'Tell each file'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;mv'= {
            cand -t 'The directory that everything goes into; then all operands are sources'
            cand --target-directory 'The directory that everything goes into; then all operands are sources'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -f 'Replace what is there; the default'
            cand --force 'Replace what is there; the default'
            cand -n 'Leave alone what is there'
            cand --no-clobber 'Leave alone what is there'
            cand -T 'The destination is the new name, never a directory to go into'
            cand --no-target-directory 'The destination is the new name, never a directory to go into'
            cand -v 'Tell each file'
            cand --verbose 'Tell each file'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;rm'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -r 'Directories, with everything in them'
            cand -R 'Directories, with everything in them'
            cand --recursive 'Directories, with everything in them'
            cand -f 'What is not there is no error'
            cand --force 'What is not there is no error'
            cand -d 'Empty directories'
            cand --dir 'Empty directories'
            cand -v 'Tell each file'
            cand --verbose 'Tell each file'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;mkdir'= {
            cand -m 'The mode, as chmod takes it'
            cand --mode 'The mode, as chmod takes it'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -p 'Make the directories above, too; one that is there is no error'
            cand --parents 'Make the directories above, too; one that is there is no error'
            cand -v 'Tell each directory'
            cand --verbose 'Tell each directory'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;ln'= {
            cand -t 'The directory that everything goes into; then all operands are sources'
            cand --target-directory 'The directory that everything goes into; then all operands are sources'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -s 'Symbolic links'
            cand --symbolic 'Symbolic links'
            cand -f 'Replace what is there'
            cand --force 'Replace what is there'
            cand -n 'A destination that is a symbolic link to a directory is a name, not the directory'
            cand --no-dereference 'A destination that is a symbolic link to a directory is a name, not the directory'
            cand -T 'The destination is the new name, never a directory to go into'
            cand --no-target-directory 'The destination is the new name, never a directory to go into'
            cand -v 'Tell each link'
            cand --verbose 'Tell each link'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;chmod'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -R 'Directories with everything below'
            cand --recursive 'Directories with everything below'
            cand -v 'Tell each change'
            cand --verbose 'Tell each change'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;chown'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -R 'Directories with everything below; symbolic links themselves, not what they lead to'
            cand --recursive 'Directories with everything below; symbolic links themselves, not what they lead to'
            cand -h 'Symbolic links themselves'
            cand --no-dereference 'Symbolic links themselves'
            cand -v 'Tell each change'
            cand --verbose 'Tell each change'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;edit'= {
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;diff'= {
            cand -U 'Lines around a change'
            cand --unified 'Lines around a change'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -q 'Only tell what differs, without the text'
            cand --brief 'Only tell what differs, without the text'
            cand --times 'Times of last change, too'
            cand --no-owner 'Not the owners: of a tree that an ordinary user unpacked'
            cand --json 'Print JSON'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;map'= {
            cand -o 'Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output'
            cand --output 'Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output'
            cand --offset 'The file system starts at this byte of the image (units K, M, G, T allowed)'
            cand --partition 'The file system is in this partition (MBR or GPT) of the image, counted from 1'
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;doctor'= {
            cand --json 'Print JSON, for programs'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;generate'= {
            cand -h 'Print help'
            cand --help 'Print help'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'liveroot;help'= {
            cand create 'Make a new ext4 image'
            cand mount 'Show an image as a directory'
            cand umount 'Unmount, and return when the image is complete and clean'
            cand run 'Run a command that sees an image, without a mount that anybody else sees'
            cand import 'Put a whole tree into an image, without mounting it'
            cand export 'Write what is in an image as a tar, without mounting it'
            cand info 'Tell what is in an image: label, size, use, features, state'
            cand check 'Look for damage in an image, without changing it'
            cand resize 'Make an image, and the file system in it, larger or smaller'
            cand shrink 'Make an image as small as what it holds'
            cand trim 'Give an image''s free space back to the host'
            cand ls 'List what is in an image''s directory'
            cand cat 'Print files of an image'
            cand stat 'Tell everything about files of an image, as stat(1)'
            cand du 'Count the space that directories of an image take, as du(1)'
            cand tree 'Draw an image''s directories as a tree'
            cand find 'Find files of an image, as find(1)'
            cand cp 'Copy files into an image, out of it, or between images'
            cand mv 'Move and rename files in an image, in one transaction'
            cand rm 'Delete files of an image, in one transaction'
            cand mkdir 'Make directories in an image, in one transaction'
            cand ln 'Make links in an image, in one transaction'
            cand chmod 'Change modes of files in an image, in one transaction'
            cand chown 'Change owners of files in an image, in one transaction'
            cand edit 'Edit a file of an image with your editor, in one transaction'
            cand diff 'Tell how two images, or directories of them, differ'
            cand map 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space'
            cand doctor 'Tell which ways of working this machine allows, and what would allow more'
            cand generate 'Write the manual pages and shell completions'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'liveroot;help;create'= {
        }
        &'liveroot;help;mount'= {
        }
        &'liveroot;help;umount'= {
        }
        &'liveroot;help;run'= {
        }
        &'liveroot;help;import'= {
        }
        &'liveroot;help;export'= {
        }
        &'liveroot;help;info'= {
        }
        &'liveroot;help;check'= {
        }
        &'liveroot;help;resize'= {
        }
        &'liveroot;help;shrink'= {
        }
        &'liveroot;help;trim'= {
        }
        &'liveroot;help;ls'= {
        }
        &'liveroot;help;cat'= {
        }
        &'liveroot;help;stat'= {
        }
        &'liveroot;help;du'= {
        }
        &'liveroot;help;tree'= {
        }
        &'liveroot;help;find'= {
        }
        &'liveroot;help;cp'= {
        }
        &'liveroot;help;mv'= {
        }
        &'liveroot;help;rm'= {
        }
        &'liveroot;help;mkdir'= {
        }
        &'liveroot;help;ln'= {
        }
        &'liveroot;help;chmod'= {
        }
        &'liveroot;help;chown'= {
        }
        &'liveroot;help;edit'= {
        }
        &'liveroot;help;diff'= {
        }
        &'liveroot;help;map'= {
        }
        &'liveroot;help;doctor'= {
        }
        &'liveroot;help;generate'= {
        }
        &'liveroot;help;help'= {
        }
    ]
    $completions[$command]
}
