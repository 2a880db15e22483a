# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_liveroot_global_optspecs
    string join \n h/help V/version
end

function __fish_liveroot_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_liveroot_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_liveroot_using_subcommand
    set -l cmd (__fish_liveroot_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c liveroot -n "__fish_liveroot_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_needs_command" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "create" -d 'Make a new ext4 image'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "mount" -d 'Show an image as a directory'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "umount" -d 'Unmount, and return when the image is complete and clean'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "unmount" -d 'Unmount, and return when the image is complete and clean'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "run" -d 'Run a command that sees an image, without a mount that anybody else sees'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "import" -d 'Put a whole tree into an image, without mounting it'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "export" -d 'Write what is in an image as a tar, without mounting it'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "info" -d 'Tell what is in an image: label, size, use, features, state'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "check" -d 'Look for damage in an image, without changing it'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "resize" -d 'Make an image, and the file system in it, larger or smaller'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "shrink" -d 'Make an image as small as what it holds'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "trim" -d 'Give an image\'s free space back to the host'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "ls" -d 'List what is in an image\'s directory'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "cat" -d 'Print files of an image'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "stat" -d 'Tell everything about files of an image, as stat(1)'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "du" -d 'Count the space that directories of an image take, as du(1)'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "tree" -d 'Draw an image\'s directories as a tree'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "find" -d 'Find files of an image, as find(1)'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "cp" -d 'Copy files into an image, out of it, or between images'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "mv" -d 'Move and rename files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "rm" -d 'Delete files of an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "mkdir" -d 'Make directories in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "ln" -d 'Make links in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "chmod" -d 'Change modes of files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "chown" -d 'Change owners of files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "edit" -d 'Edit a file of an image with your editor, in one transaction'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "diff" -d 'Tell how two images, or directories of them, differ'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "map" -d 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "doctor" -d 'Tell which ways of working this machine allows, and what would allow more'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "generate" -d 'Write the manual pages and shell completions'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s s -l size -d 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the source of --from takes, and some headroom; that is the default with --from' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l headroom -d 'Free space of an image of size auto, in percent of what it holds; free inodes likewise' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s b -l block-size -d 'Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts images with blocks up to its own page size: 4096 on most machines' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s C -l cluster-size -d 'Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc. By default 16 blocks' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s I -l inode-size -d 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s N -l inodes -d 'How many files the image can hold' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s i -l bytes-per-inode -d 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s L -l label -d 'Label of the file system, at most 16 bytes' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s U -l uuid -d 'UUID of the file system. By default a random one' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s m -l reserved -d 'Share of the blocks that only root may fill, in percent. By default 5' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s J -l journal-size -d 'Size of the journal. By default a share of the image\'s size' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s O -l features -d 'Features to add, or with ^ to leave out, by mke2fs\'s names and separated by commas' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l root-owner -d 'Owner of the root directory. By default 0:0: root, whom an ordinary user\'s mount takes the user for' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l from -d 'Fill the image: with a tar, plain or compressed with gzip, zstd or xz (- for standard input); a directory; an OCI layout, or what `docker save` writes. The root directory is root\'s then, unless the source says otherwise' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l owner -d 'Have everything belong to this user and group' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l map -d 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l manifest -d 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l platform -d 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine\'s' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l image -d 'Which image to take from an OCI layout or `docker save` archive of several, by its name' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l threads -d 'Threads to work with. By default as many as there are processors' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l no-journal -d 'Leave the journal out: smaller and faster, but an interrupted write can damage the image'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s f -l force -d 'Replace a file that exists already'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l sync -d 'Return when the image is safe from a power cut. An image that is filled is otherwise left to the host to write out, as cp does'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l reproducible -d 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l skip-unreadable -d 'Leave out what cannot be read in a directory, and name it, instead of giving up'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l json -d 'Print events as JSON, one a line, instead of text'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -s o -l options -d 'Mount options, separated by commas; see below' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l map -d 'Who is who in the image: caller, none, or IMAGE:HOST:COUNT,...; see below' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l threads -d 'How many threads serve requests. By default one a processor, at least 2, at most 8' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l stats -d 'At the end, write counts of requests and peak memory to this file, as JSON' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -s f -l foreground -d 'Stay in the foreground; Ctrl-C unmounts'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -s r -l read-only -d 'Change nothing in the image'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l allow-other -d 'Let other users in, subject to the files\' permissions'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -l no-sandbox -d 'Let the daemon keep its privileges, and its way to other files, when it serves'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand mount" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand umount" -s l -l lazy -d 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
complete -c liveroot -n "__fish_liveroot_using_subcommand umount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand umount" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand unmount" -s l -l lazy -d 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it'
complete -c liveroot -n "__fish_liveroot_using_subcommand unmount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand unmount" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l at -d 'Show the image at this directory, for the command alone, instead of at a temporary one' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l bind -d 'Let the command see the file or directory SRC at DST, read-only with :ro' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l env -d 'Set an environment variable, or hand over the caller\'s' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l workdir -d 'Start in this directory. By default the current one, with --root the image\'s /' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -s o -l options -d 'Mount options, separated by commas; see below' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l autogrow -d 'Make the image larger when it would be full, up to MAX bytes (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l scratch -d 'Keep the changes in this directory, instead of in memory or $TMPDIR' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l scratch-size -d 'As much memory as changes may take; with --scratch, what must be free there (units K, M, G, T allowed). By default the size of the image, or what it may grow to, but no more than half of the memory' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l root -d 'Run the command inside the image: its root directory is the image\'s'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l resolv-conf -d 'With --root: let the command see the host\'s /etc/resolv.conf'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -s r -l read-only -d 'Change nothing in the image'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l direct -d 'Let the command change the image itself, as it goes along, and leave there what a failed one did'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l stage -d 'Fail where changes cannot be kept apart until the command has succeeded, instead of working on the image itself'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l keep-failed -d 'If the command fails, start a shell that sees what it left'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -l no-sandbox -d 'Let the process that reads the image keep its privileges; see liveroot mount'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand run" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l to -d 'The directory in the image that the source goes into. It is made if need be' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -s p -l partition -d 'The partition that holds the file system, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l offset -d 'Byte in the file where the file system starts' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l owner -d 'Have everything belong to this user and group' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l map -d 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l manifest -d 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l platform -d 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine\'s' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l image -d 'Which image to take from an OCI layout or `docker save` archive of several, by its name' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l threads -d 'Threads to work with. By default as many as there are processors' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l reproducible -d 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l skip-unreadable -d 'Leave out what cannot be read in a directory, and name it, instead of giving up'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -l json -d 'Print events as JSON, one a line, instead of text'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand import" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -s o -l output -d 'The file to write. By default standard output' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -s p -l partition -d 'The partition that holds the file system, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -l offset -d 'Byte in the file where the file system starts' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -s q -l quiet -d 'Print nothing but errors and warnings'
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -l json -d 'Print events as JSON, one a line, instead of text'
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand export" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand info" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand info" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand info" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand info" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand info" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -l norecovery -d 'Check what is under a journal that waits for its replay'
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -l quick -d 'Leave out the second reader, which reads the contents of all files'
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand check" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand resize" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand resize" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand resize" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand resize" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand shrink" -l headroom -d 'Leave so much more room than the contents need, in percent of that' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand shrink" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand shrink" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand shrink" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand shrink" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand trim" -l minimum -d 'Leave shorter runs of free space as they are (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand trim" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand trim" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand trim" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand trim" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s l -d 'One line a file, with mode, links, owner, group, size and time'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s a -l all -d 'Names with a leading dot too, `.` and `..` included'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s A -l almost-all -d 'Names with a leading dot too, without `.` and `..`'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s R -l recursive -d 'Directories below, too'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s d -l directory -d 'Directories themselves, not what is in them'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s h -l human-readable -d 'With -l: sizes in units of 1024'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s i -l inode -d 'Inode numbers'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s n -l numeric-uid-gid -d 'Owners and groups as numbers; means -l'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s 1 -d 'One name a line'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s s -l size -d 'Space taken, in blocks of 1 KiB'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s F -l classify -d 'Mark directories with `/`, programs with `*`, links with `@`, and so on'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s t -d 'Newest first'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s S -d 'Largest first'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s r -l reverse -d 'The other way round'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand ls" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand cat" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cat" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cat" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand cat" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -s c -l format -d 'Print this for each file, and a newline' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -l printf -d 'As --format, without the newline, and with \\n, \\t and the like' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -s L -l dereference -d 'Follow symbolic links'
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand stat" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s d -l max-depth -d 'Print no directories deeper than this' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s s -l summarize -d 'Only the sum of each operand'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s h -l human-readable -d 'Sizes in units of 1024 that people read, instead of KiB'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s a -l all -d 'Files, too, not only directories'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -l apparent-size -d 'What the files hold, instead of the space that they take'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s b -l bytes -d 'As --apparent-size, in bytes'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s l -l count-links -d 'Count a file with several names as often'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s c -l total -d 'A sum of everything at the end'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -l json -d 'Print JSON; sizes in bytes'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand du" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s L -d 'Go down this many levels' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s a -d 'Names with a leading dot, too'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s d -d 'Only directories'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s f -d 'Whole paths'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s s -d 'Sizes in bytes'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s h -d 'Sizes in units that people read'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand tree" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand find" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand find" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand find" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand find" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand find" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l preserve -d 'Keep these: mode, ownership, timestamps, links, xattr, all' -r -f -a "mode\t'Permissions and ACLs'
ownership\t'Owner and group'
timestamps\t'Times'
links\t'Hard links among what is copied'
xattr\t'Extended attributes'
all\t'All of these'"
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l no-preserve -d 'Do not keep these' -r -f -a "mode\t'Permissions and ACLs'
ownership\t'Owner and group'
timestamps\t'Times'
links\t'Hard links among what is copied'
xattr\t'Extended attributes'
all\t'All of these'"
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s t -l target-directory -d 'The directory that everything goes into; then all operands are sources' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l owner -d 'Owner of new files in an image, unless it is kept; by default you' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s a -l archive -d 'Everything as it is: -d -r --preserve=all'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s r -s R -l recursive -d 'Directories, with all that is in them'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s p -d 'Keep mode, owner and times'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s d -d 'Copy symbolic links, and keep hard links: -P --preserve=links'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s P -l no-dereference -d 'Copy symbolic links as links'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s L -l dereference -d 'Copy what symbolic links lead to'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s H -d 'Follow symbolic links among the operands only'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s f -l force -d 'Replace what cannot be written'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s n -l no-clobber -d 'Leave alone what is there'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -l remove-destination -d 'Remove what is there before'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s T -l no-target-directory -d 'The destination is the new name, never a directory to go into'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s v -l verbose -d 'Tell each file'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand cp" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s t -l target-directory -d 'The directory that everything goes into; then all operands are sources' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s f -l force -d 'Replace what is there; the default'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s n -l no-clobber -d 'Leave alone what is there'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s T -l no-target-directory -d 'The destination is the new name, never a directory to go into'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s v -l verbose -d 'Tell each file'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand mv" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s r -s R -l recursive -d 'Directories, with everything in them'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s f -l force -d 'What is not there is no error'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s d -l dir -d 'Empty directories'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s v -l verbose -d 'Tell each file'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand rm" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -s m -l mode -d 'The mode, as chmod takes it' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -s p -l parents -d 'Make the directories above, too; one that is there is no error'
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -s v -l verbose -d 'Tell each directory'
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand mkdir" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s t -l target-directory -d 'The directory that everything goes into; then all operands are sources' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s s -l symbolic -d 'Symbolic links'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s f -l force -d 'Replace what is there'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s n -l no-dereference -d 'A destination that is a symbolic link to a directory is a name, not the directory'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s T -l no-target-directory -d 'The destination is the new name, never a directory to go into'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s v -l verbose -d 'Tell each link'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand ln" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -s R -l recursive -d 'Directories with everything below'
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -s v -l verbose -d 'Tell each change'
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand chmod" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -s R -l recursive -d 'Directories with everything below; symbolic links themselves, not what they lead to'
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -s h -l no-dereference -d 'Symbolic links themselves'
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -s v -l verbose -d 'Tell each change'
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand chown" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand edit" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand edit" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand edit" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand edit" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -s U -l unified -d 'Lines around a change' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -s q -l brief -d 'Only tell what differs, without the text'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -l times -d 'Times of last change, too'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -l no-owner -d 'Not the owners: of a tree that an ordinary user unpacked'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -l json -d 'Print JSON'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand diff" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand map" -s o -l output -d 'Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output' -r -F
complete -c liveroot -n "__fish_liveroot_using_subcommand map" -l offset -d 'The file system starts at this byte of the image (units K, M, G, T allowed)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand map" -l partition -d 'The file system is in this partition (MBR or GPT) of the image, counted from 1' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand map" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand map" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -l json -d 'Print JSON, for programs'
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand generate" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand generate" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "create" -d 'Make a new ext4 image'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "mount" -d 'Show an image as a directory'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "umount" -d 'Unmount, and return when the image is complete and clean'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "run" -d 'Run a command that sees an image, without a mount that anybody else sees'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "import" -d 'Put a whole tree into an image, without mounting it'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "export" -d 'Write what is in an image as a tar, without mounting it'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "info" -d 'Tell what is in an image: label, size, use, features, state'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "check" -d 'Look for damage in an image, without changing it'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "resize" -d 'Make an image, and the file system in it, larger or smaller'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "shrink" -d 'Make an image as small as what it holds'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "trim" -d 'Give an image\'s free space back to the host'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "ls" -d 'List what is in an image\'s directory'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "cat" -d 'Print files of an image'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "stat" -d 'Tell everything about files of an image, as stat(1)'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "du" -d 'Count the space that directories of an image take, as du(1)'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "tree" -d 'Draw an image\'s directories as a tree'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "find" -d 'Find files of an image, as find(1)'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "cp" -d 'Copy files into an image, out of it, or between images'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "mv" -d 'Move and rename files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "rm" -d 'Delete files of an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "mkdir" -d 'Make directories in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "ln" -d 'Make links in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "chmod" -d 'Change modes of files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "chown" -d 'Change owners of files in an image, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "edit" -d 'Edit a file of an image with your editor, in one transaction'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "diff" -d 'Tell how two images, or directories of them, differ'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "map" -d 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "doctor" -d 'Tell which ways of working this machine allows, and what would allow more'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "generate" -d 'Write the manual pages and shell completions'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount run import export info check resize shrink trim ls cat stat du tree find cp mv rm mkdir ln chmod chown edit diff map doctor generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
