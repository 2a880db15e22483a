
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'liveroot' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'liveroot'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'liveroot' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make a new ext4 image')
            [CompletionResult]::new('mount', 'mount', [CompletionResultType]::ParameterValue, 'Show an image as a directory')
            [CompletionResult]::new('umount', 'umount', [CompletionResultType]::ParameterValue, 'Unmount, and return when the image is complete and clean')
            [CompletionResult]::new('unmount', 'unmount', [CompletionResultType]::ParameterValue, 'Unmount, and return when the image is complete and clean')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Tell what is in an image: label, size, use, features, state')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Look for damage in an image, without changing it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell which ways of working this machine allows, and what would allow more')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write the manual pages and shell completions')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'liveroot;create' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024)')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024)')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB')
            [CompletionResult]::new('--block-size', '--block-size', [CompletionResultType]::ParameterName, 'Size of a block in bytes: 1024, 2048 or 4096. By default 4096, or 1024 below 512 MiB')
            [CompletionResult]::new('-I', '-I ', [CompletionResultType]::ParameterName, 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds')
            [CompletionResult]::new('--inode-size', '--inode-size', [CompletionResultType]::ParameterName, 'Size of an inode in bytes: 128 or more, a power of two. 128 leaves no room for nanoseconds')
            [CompletionResult]::new('-N', '-N ', [CompletionResultType]::ParameterName, 'How many files the image can hold')
            [CompletionResult]::new('--inodes', '--inodes', [CompletionResultType]::ParameterName, 'How many files the image can hold')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB')
            [CompletionResult]::new('--bytes-per-inode', '--bytes-per-inode', [CompletionResultType]::ParameterName, 'One inode for so many bytes of the image. By default 16384, or 4096 below 512 MiB')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Label of the file system, at most 16 bytes')
            [CompletionResult]::new('--label', '--label', [CompletionResultType]::ParameterName, 'Label of the file system, at most 16 bytes')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'UUID of the file system. By default a random one')
            [CompletionResult]::new('--uuid', '--uuid', [CompletionResultType]::ParameterName, 'UUID of the file system. By default a random one')
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'Share of the blocks that only root may fill, in percent. By default 5')
            [CompletionResult]::new('--reserved', '--reserved', [CompletionResultType]::ParameterName, 'Share of the blocks that only root may fill, in percent. By default 5')
            [CompletionResult]::new('-J', '-J ', [CompletionResultType]::ParameterName, 'Size of the journal. By default a share of the image''s size')
            [CompletionResult]::new('--journal-size', '--journal-size', [CompletionResultType]::ParameterName, 'Size of the journal. By default a share of the image''s size')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'Features to add, or with ^ to leave out, by mke2fs''s names and separated by commas')
            [CompletionResult]::new('--features', '--features', [CompletionResultType]::ParameterName, 'Features to add, or with ^ to leave out, by mke2fs''s names and separated by commas')
            [CompletionResult]::new('--root-owner', '--root-owner', [CompletionResultType]::ParameterName, 'Owner of the root directory. By default you, so that you can write there once it is mounted')
            [CompletionResult]::new('--no-journal', '--no-journal', [CompletionResultType]::ParameterName, 'Leave the journal out: smaller and faster, but an interrupted write can damage the image')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace a file that exists already')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a file that exists already')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;mount' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Mount options, separated by commas; see below')
            [CompletionResult]::new('--options', '--options', [CompletionResultType]::ParameterName, 'Mount options, separated by commas; see below')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'Who is who in the image: caller, none, or IMAGE:HOST:COUNT,...; see below')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'How many threads serve requests. By default one a processor, at least 2, at most 8')
            [CompletionResult]::new('--stats', '--stats', [CompletionResultType]::ParameterName, 'At the end, write counts of requests and peak memory to this file, as JSON')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Stay in the foreground; Ctrl-C unmounts')
            [CompletionResult]::new('--foreground', '--foreground', [CompletionResultType]::ParameterName, 'Stay in the foreground; Ctrl-C unmounts')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Change nothing in the image')
            [CompletionResult]::new('--read-only', '--read-only', [CompletionResultType]::ParameterName, 'Change nothing in the image')
            [CompletionResult]::new('--allow-other', '--allow-other', [CompletionResultType]::ParameterName, 'Let other users in, subject to the files'' permissions')
            [CompletionResult]::new('--no-sandbox', '--no-sandbox', [CompletionResultType]::ParameterName, 'Let the daemon keep its privileges, and its way to other files, when it serves')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;umount' {
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it')
            [CompletionResult]::new('--lazy', '--lazy', [CompletionResultType]::ParameterName, 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;unmount' {
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it')
            [CompletionResult]::new('--lazy', '--lazy', [CompletionResultType]::ParameterName, 'Take the directory away at once, even if in use; the image is closed, and the command returns, when the last process lets go of it')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;info' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;check' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--norecovery', '--norecovery', [CompletionResultType]::ParameterName, 'Check what is under a journal that waits for its replay')
            [CompletionResult]::new('--quick', '--quick', [CompletionResultType]::ParameterName, 'Leave out the second reader, which reads the contents of all files')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;doctor' {
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, for programs')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;generate' {
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;help' {
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Make a new ext4 image')
            [CompletionResult]::new('mount', 'mount', [CompletionResultType]::ParameterValue, 'Show an image as a directory')
            [CompletionResult]::new('umount', 'umount', [CompletionResultType]::ParameterValue, 'Unmount, and return when the image is complete and clean')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Tell what is in an image: label, size, use, features, state')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Look for damage in an image, without changing it')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell which ways of working this machine allows, and what would allow more')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write the manual pages and shell completions')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'liveroot;help;create' {
            break
        }
        'liveroot;help;mount' {
            break
        }
        'liveroot;help;umount' {
            break
        }
        'liveroot;help;info' {
            break
        }
        'liveroot;help;check' {
            break
        }
        'liveroot;help;doctor' {
            break
        }
        'liveroot;help;generate' {
            break
        }
        'liveroot;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
