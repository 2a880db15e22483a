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
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "info" -d 'Tell what is in an image: label, size, use, features, state'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "check" -d 'Look for damage in an image, without changing it'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "doctor" -d 'Tell which ways of working this machine allows, and what would allow more'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "generate" -d 'Write the manual pages and shell completions'
complete -c liveroot -n "__fish_liveroot_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s s -l size -d 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024)' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s b -l block-size -d 'Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s I -l inode-size -d 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s N -l inodes -d 'How many files the image can hold' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s i -l bytes-per-inode -d 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s L -l label -d 'Label of the file system, at most 16 bytes' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s U -l uuid -d 'UUID of the file system. By default a random one' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s m -l reserved -d 'Share of the blocks that only root may fill, in percent. By default 5' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s J -l journal-size -d 'Size of the journal. By default a share of the image\'s size' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s O -l features -d 'Features to add, or with ^ to leave out, by mke2fs\'s names and separated by commas' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l root-owner -d 'Owner of the root directory. By default you, so that you can write there once it is mounted' -r
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -l no-journal -d 'Leave the journal out: smaller and faster, but an interrupted write can damage the image'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s f -l force -d 'Replace a file that exists already'
complete -c liveroot -n "__fish_liveroot_using_subcommand create" -s q -l quiet -d 'Print nothing but errors'
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
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -l json -d 'Print JSON, for programs'
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c liveroot -n "__fish_liveroot_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand generate" -s h -l help -d 'Print help'
complete -c liveroot -n "__fish_liveroot_using_subcommand generate" -s V -l version -d 'Print version'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "create" -d 'Make a new ext4 image'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "mount" -d 'Show an image as a directory'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "umount" -d 'Unmount, and return when the image is complete and clean'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "info" -d 'Tell what is in an image: label, size, use, features, state'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "check" -d 'Look for damage in an image, without changing it'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "doctor" -d 'Tell which ways of working this machine allows, and what would allow more'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "generate" -d 'Write the manual pages and shell completions'
complete -c liveroot -n "__fish_liveroot_using_subcommand help; and not __fish_seen_subcommand_from create mount umount info check doctor generate help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
