
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
            cand info 'Tell what is in an image: label, size, use, features, state'
            cand check 'Look for damage in an image, without changing it'
            cand doctor 'Tell which ways of working this machine allows, and what would allow more'
            cand generate 'Write the manual pages and shell completions'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'liveroot;create'= {
            cand -s 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024)'
            cand --size 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024)'
            cand -b 'Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB'
            cand --block-size 'Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB'
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
            cand --root-owner 'Owner of the root directory. By default you, so that you can write there once it is mounted'
            cand --no-journal 'Leave the journal out: smaller and faster, but an interrupted write can damage the image'
            cand -f 'Replace a file that exists already'
            cand --force 'Replace a file that exists already'
            cand -q 'Print nothing but errors'
            cand --quiet 'Print nothing but errors'
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
            cand info 'Tell what is in an image: label, size, use, features, state'
            cand check 'Look for damage in an image, without changing it'
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
        &'liveroot;help;info'= {
        }
        &'liveroot;help;check'= {
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
