
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
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a command that sees an image, without a mount that anybody else sees')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Put a whole tree into an image, without mounting it')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write what is in an image as a tar, without mounting it')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Tell what is in an image: label, size, use, features, state')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Look for damage in an image, without changing it')
            [CompletionResult]::new('resize', 'resize', [CompletionResultType]::ParameterValue, 'Make an image, and the file system in it, larger or smaller')
            [CompletionResult]::new('shrink', 'shrink', [CompletionResultType]::ParameterValue, 'Make an image as small as what it holds')
            [CompletionResult]::new('trim', 'trim', [CompletionResultType]::ParameterValue, 'Give an image''s free space back to the host')
            [CompletionResult]::new('ls', 'ls', [CompletionResultType]::ParameterValue, 'List what is in an image''s directory')
            [CompletionResult]::new('cat', 'cat', [CompletionResultType]::ParameterValue, 'Print files of an image')
            [CompletionResult]::new('stat', 'stat', [CompletionResultType]::ParameterValue, 'Tell everything about files of an image, as stat(1)')
            [CompletionResult]::new('du', 'du', [CompletionResultType]::ParameterValue, 'Count the space that directories of an image take, as du(1)')
            [CompletionResult]::new('tree', 'tree', [CompletionResultType]::ParameterValue, 'Draw an image''s directories as a tree')
            [CompletionResult]::new('find', 'find', [CompletionResultType]::ParameterValue, 'Find files of an image, as find(1)')
            [CompletionResult]::new('cp', 'cp', [CompletionResultType]::ParameterValue, 'Copy files into an image, out of it, or between images')
            [CompletionResult]::new('mv', 'mv', [CompletionResultType]::ParameterValue, 'Move and rename files in an image, in one transaction')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Delete files of an image, in one transaction')
            [CompletionResult]::new('mkdir', 'mkdir', [CompletionResultType]::ParameterValue, 'Make directories in an image, in one transaction')
            [CompletionResult]::new('ln', 'ln', [CompletionResultType]::ParameterValue, 'Make links in an image, in one transaction')
            [CompletionResult]::new('chmod', 'chmod', [CompletionResultType]::ParameterValue, 'Change modes of files in an image, in one transaction')
            [CompletionResult]::new('chown', 'chown', [CompletionResultType]::ParameterValue, 'Change owners of files in an image, in one transaction')
            [CompletionResult]::new('edit', 'edit', [CompletionResultType]::ParameterValue, 'Edit a file of an image with your editor, in one transaction')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Tell how two images, or directories of them, differ')
            [CompletionResult]::new('map', 'map', [CompletionResultType]::ParameterValue, 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Tell which ways of working this machine allows, and what would allow more')
            [CompletionResult]::new('generate', 'generate', [CompletionResultType]::ParameterValue, 'Write the manual pages and shell completions')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'liveroot;create' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the source of --from takes, and some headroom; that is the default with --from')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Size of the image: a number of bytes, or with K, M, G or T (powers of 1024). `auto`: what the source of --from takes, and some headroom; that is the default with --from')
            [CompletionResult]::new('--headroom', '--headroom', [CompletionResultType]::ParameterName, 'Free space of an image of size auto, in percent of what it holds; free inodes likewise')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts images with blocks up to its own page size: 4096 on most machines')
            [CompletionResult]::new('--block-size', '--block-size', [CompletionResultType]::ParameterName, 'Size of a block in bytes: a power of two from 1024 to 65536. By default 4096, or 1024 below 512 MiB. Linux mounts images with blocks up to its own page size: 4096 on most machines')
            [CompletionResult]::new('-C', '-C ', [CompletionResultType]::ParameterName, 'Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc. By default 16 blocks')
            [CompletionResult]::new('--cluster-size', '--cluster-size', [CompletionResultType]::ParameterName, 'Size of a cluster, the unit of allocation: a power of two above the block size, up to 512M. Needs --features bigalloc. By default 16 blocks')
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
            [CompletionResult]::new('--root-owner', '--root-owner', [CompletionResultType]::ParameterName, 'Owner of the root directory. By default 0:0: root, whom an ordinary user''s mount takes the user for')
            [CompletionResult]::new('--from', '--from', [CompletionResultType]::ParameterName, 'Fill the image: with a tar, plain or compressed with gzip, zstd or xz (- for standard input); a directory; an OCI layout, or what `docker save` writes. The root directory is root''s then, unless the source says otherwise')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'Have everything belong to this user and group')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error')
            [CompletionResult]::new('--manifest', '--manifest', [CompletionResultType]::ParameterName, 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine''s')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'Which image to take from an OCI layout or `docker save` archive of several, by its name')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads to work with. By default as many as there are processors')
            [CompletionResult]::new('--no-journal', '--no-journal', [CompletionResultType]::ParameterName, 'Leave the journal out: smaller and faster, but an interrupted write can damage the image')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace a file that exists already')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace a file that exists already')
            [CompletionResult]::new('--sync', '--sync', [CompletionResultType]::ParameterName, 'Return when the image is safe from a power cut. An image that is filled is otherwise left to the host to write out, as cp does')
            [CompletionResult]::new('--reproducible', '--reproducible', [CompletionResultType]::ParameterName, 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than')
            [CompletionResult]::new('--skip-unreadable', '--skip-unreadable', [CompletionResultType]::ParameterName, 'Leave out what cannot be read in a directory, and name it, instead of giving up')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print events as JSON, one a line, instead of text')
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
        'liveroot;run' {
            [CompletionResult]::new('--at', '--at', [CompletionResultType]::ParameterName, 'Show the image at this directory, for the command alone, instead of at a temporary one')
            [CompletionResult]::new('--bind', '--bind', [CompletionResultType]::ParameterName, 'Let the command see the file or directory SRC at DST, read-only with :ro')
            [CompletionResult]::new('--env', '--env', [CompletionResultType]::ParameterName, 'Set an environment variable, or hand over the caller''s')
            [CompletionResult]::new('--workdir', '--workdir', [CompletionResultType]::ParameterName, 'Start in this directory. By default the current one, with --root the image''s /')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Mount options, separated by commas; see below')
            [CompletionResult]::new('--options', '--options', [CompletionResultType]::ParameterName, 'Mount options, separated by commas; see below')
            [CompletionResult]::new('--autogrow', '--autogrow', [CompletionResultType]::ParameterName, 'Make the image larger when it would be full, up to MAX bytes (units K, M, G, T allowed)')
            [CompletionResult]::new('--scratch', '--scratch', [CompletionResultType]::ParameterName, 'Keep the changes in this directory, instead of in memory or $TMPDIR')
            [CompletionResult]::new('--scratch-size', '--scratch-size', [CompletionResultType]::ParameterName, 'As much memory as changes may take; with --scratch, what must be free there (units K, M, G, T allowed). By default the size of the image, or what it may grow to, but no more than half of the memory')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('--root', '--root', [CompletionResultType]::ParameterName, 'Run the command inside the image: its root directory is the image''s')
            [CompletionResult]::new('--resolv-conf', '--resolv-conf', [CompletionResultType]::ParameterName, 'With --root: let the command see the host''s /etc/resolv.conf')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Change nothing in the image')
            [CompletionResult]::new('--read-only', '--read-only', [CompletionResultType]::ParameterName, 'Change nothing in the image')
            [CompletionResult]::new('--direct', '--direct', [CompletionResultType]::ParameterName, 'Let the command change the image itself, as it goes along, and leave there what a failed one did')
            [CompletionResult]::new('--stage', '--stage', [CompletionResultType]::ParameterName, 'Fail where changes cannot be kept apart until the command has succeeded, instead of working on the image itself')
            [CompletionResult]::new('--keep-failed', '--keep-failed', [CompletionResultType]::ParameterName, 'If the command fails, start a shell that sees what it left')
            [CompletionResult]::new('--no-sandbox', '--no-sandbox', [CompletionResultType]::ParameterName, 'Let the process that reads the image keep its privileges; see liveroot mount')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;import' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'The directory in the image that the source goes into. It is made if need be')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The partition that holds the file system, counted from 1')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The partition that holds the file system, counted from 1')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'Byte in the file where the file system starts')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'Have everything belong to this user and group')
            [CompletionResult]::new('--map', '--map', [CompletionResultType]::ParameterName, 'Make users and groups FROM and on into TO and on, COUNT of them. Can be given several times; whoever is in no range is an error')
            [CompletionResult]::new('--manifest', '--manifest', [CompletionResultType]::ParameterName, 'Owners, modes and devices of single files: a save file of fakeroot, or a table with lines of NAME TYPE MODE UID GID MAJOR MINOR START INC COUNT, as genext2fs takes it')
            [CompletionResult]::new('--platform', '--platform', [CompletionResultType]::ParameterName, 'Which image to take from an OCI layout or archive for several: OS/ARCHITECTURE, like linux/arm64. By default this machine''s')
            [CompletionResult]::new('--image', '--image', [CompletionResultType]::ParameterName, 'Which image to take from an OCI layout or `docker save` archive of several, by its name')
            [CompletionResult]::new('--threads', '--threads', [CompletionResultType]::ParameterName, 'Threads to work with. By default as many as there are processors')
            [CompletionResult]::new('--reproducible', '--reproducible', [CompletionResultType]::ParameterName, 'Have the same input give the same bytes. SOURCE_DATE_EPOCH in the environment does it, too, and is then the time that everything happens at, and that no file is younger than')
            [CompletionResult]::new('--skip-unreadable', '--skip-unreadable', [CompletionResultType]::ParameterName, 'Leave out what cannot be read in a directory, and name it, instead of giving up')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print events as JSON, one a line, instead of text')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;export' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'The file to write. By default standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'The file to write. By default standard output')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'The partition that holds the file system, counted from 1')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The partition that holds the file system, counted from 1')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'Byte in the file where the file system starts')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Print nothing but errors and warnings')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print events as JSON, one a line, instead of text')
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
        'liveroot;resize' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;shrink' {
            [CompletionResult]::new('--headroom', '--headroom', [CompletionResultType]::ParameterName, 'Leave so much more room than the contents need, in percent of that')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1. The partition itself stays as it is')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;trim' {
            [CompletionResult]::new('--minimum', '--minimum', [CompletionResultType]::ParameterName, 'Leave shorter runs of free space as they are (units K, M, G, T allowed)')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;ls' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'One line a file, with mode, links, owner, group, size and time')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Names with a leading dot too, `.` and `..` included')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Names with a leading dot too, `.` and `..` included')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'Names with a leading dot too, without `.` and `..`')
            [CompletionResult]::new('--almost-all', '--almost-all', [CompletionResultType]::ParameterName, 'Names with a leading dot too, without `.` and `..`')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Directories below, too')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Directories below, too')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Directories themselves, not what is in them')
            [CompletionResult]::new('--directory', '--directory', [CompletionResultType]::ParameterName, 'Directories themselves, not what is in them')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'With -l: sizes in units of 1024')
            [CompletionResult]::new('--human-readable', '--human-readable', [CompletionResultType]::ParameterName, 'With -l: sizes in units of 1024')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Inode numbers')
            [CompletionResult]::new('--inode', '--inode', [CompletionResultType]::ParameterName, 'Inode numbers')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Owners and groups as numbers; means -l')
            [CompletionResult]::new('--numeric-uid-gid', '--numeric-uid-gid', [CompletionResultType]::ParameterName, 'Owners and groups as numbers; means -l')
            [CompletionResult]::new('-1', '-1', [CompletionResultType]::ParameterName, 'One name a line')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Space taken, in blocks of 1 KiB')
            [CompletionResult]::new('--size', '--size', [CompletionResultType]::ParameterName, 'Space taken, in blocks of 1 KiB')
            [CompletionResult]::new('-F', '-F ', [CompletionResultType]::ParameterName, 'Mark directories with `/`, programs with `*`, links with `@`, and so on')
            [CompletionResult]::new('--classify', '--classify', [CompletionResultType]::ParameterName, 'Mark directories with `/`, programs with `*`, links with `@`, and so on')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'Newest first')
            [CompletionResult]::new('-S', '-S ', [CompletionResultType]::ParameterName, 'Largest first')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'The other way round')
            [CompletionResult]::new('--reverse', '--reverse', [CompletionResultType]::ParameterName, 'The other way round')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;cat' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;stat' {
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'Print this for each file, and a newline')
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Print this for each file, and a newline')
            [CompletionResult]::new('--printf', '--printf', [CompletionResultType]::ParameterName, 'As --format, without the newline, and with \n, \t and the like')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('--dereference', '--dereference', [CompletionResultType]::ParameterName, 'Follow symbolic links')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;du' {
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Print no directories deeper than this')
            [CompletionResult]::new('--max-depth', '--max-depth', [CompletionResultType]::ParameterName, 'Print no directories deeper than this')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Only the sum of each operand')
            [CompletionResult]::new('--summarize', '--summarize', [CompletionResultType]::ParameterName, 'Only the sum of each operand')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Sizes in units of 1024 that people read, instead of KiB')
            [CompletionResult]::new('--human-readable', '--human-readable', [CompletionResultType]::ParameterName, 'Sizes in units of 1024 that people read, instead of KiB')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Files, too, not only directories')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Files, too, not only directories')
            [CompletionResult]::new('--apparent-size', '--apparent-size', [CompletionResultType]::ParameterName, 'What the files hold, instead of the space that they take')
            [CompletionResult]::new('-b', '-b', [CompletionResultType]::ParameterName, 'As --apparent-size, in bytes')
            [CompletionResult]::new('--bytes', '--bytes', [CompletionResultType]::ParameterName, 'As --apparent-size, in bytes')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Count a file with several names as often')
            [CompletionResult]::new('--count-links', '--count-links', [CompletionResultType]::ParameterName, 'Count a file with several names as often')
            [CompletionResult]::new('-c', '-c', [CompletionResultType]::ParameterName, 'A sum of everything at the end')
            [CompletionResult]::new('--total', '--total', [CompletionResultType]::ParameterName, 'A sum of everything at the end')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON; sizes in bytes')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;tree' {
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Go down this many levels')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Names with a leading dot, too')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Only directories')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Whole paths')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Sizes in bytes')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Sizes in units that people read')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;find' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;cp' {
            [CompletionResult]::new('--preserve', '--preserve', [CompletionResultType]::ParameterName, 'Keep these: mode, ownership, timestamps, links, xattr, all')
            [CompletionResult]::new('--no-preserve', '--no-preserve', [CompletionResultType]::ParameterName, 'Do not keep these')
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--target-directory', '--target-directory', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--owner', '--owner', [CompletionResultType]::ParameterName, 'Owner of new files in an image, unless it is kept; by default you')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-a', '-a', [CompletionResultType]::ParameterName, 'Everything as it is: -d -r --preserve=all')
            [CompletionResult]::new('--archive', '--archive', [CompletionResultType]::ParameterName, 'Everything as it is: -d -r --preserve=all')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Directories, with all that is in them')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Directories, with all that is in them')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Directories, with all that is in them')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Keep mode, owner and times')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Copy symbolic links, and keep hard links: -P --preserve=links')
            [CompletionResult]::new('-P', '-P ', [CompletionResultType]::ParameterName, 'Copy symbolic links as links')
            [CompletionResult]::new('--no-dereference', '--no-dereference', [CompletionResultType]::ParameterName, 'Copy symbolic links as links')
            [CompletionResult]::new('-L', '-L ', [CompletionResultType]::ParameterName, 'Copy what symbolic links lead to')
            [CompletionResult]::new('--dereference', '--dereference', [CompletionResultType]::ParameterName, 'Copy what symbolic links lead to')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'Follow symbolic links among the operands only')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace what cannot be written')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace what cannot be written')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Leave alone what is there')
            [CompletionResult]::new('--no-clobber', '--no-clobber', [CompletionResultType]::ParameterName, 'Leave alone what is there')
            [CompletionResult]::new('--remove-destination', '--remove-destination', [CompletionResultType]::ParameterName, 'Remove what is there before')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('--no-target-directory', '--no-target-directory', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;mv' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--target-directory', '--target-directory', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace what is there; the default')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace what is there; the default')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Leave alone what is there')
            [CompletionResult]::new('--no-clobber', '--no-clobber', [CompletionResultType]::ParameterName, 'Leave alone what is there')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('--no-target-directory', '--no-target-directory', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;rm' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-r', '-r', [CompletionResultType]::ParameterName, 'Directories, with everything in them')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Directories, with everything in them')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Directories, with everything in them')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'What is not there is no error')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'What is not there is no error')
            [CompletionResult]::new('-d', '-d', [CompletionResultType]::ParameterName, 'Empty directories')
            [CompletionResult]::new('--dir', '--dir', [CompletionResultType]::ParameterName, 'Empty directories')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each file')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;mkdir' {
            [CompletionResult]::new('-m', '-m', [CompletionResultType]::ParameterName, 'The mode, as chmod takes it')
            [CompletionResult]::new('--mode', '--mode', [CompletionResultType]::ParameterName, 'The mode, as chmod takes it')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Make the directories above, too; one that is there is no error')
            [CompletionResult]::new('--parents', '--parents', [CompletionResultType]::ParameterName, 'Make the directories above, too; one that is there is no error')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each directory')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each directory')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;ln' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--target-directory', '--target-directory', [CompletionResultType]::ParameterName, 'The directory that everything goes into; then all operands are sources')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'Symbolic links')
            [CompletionResult]::new('--symbolic', '--symbolic', [CompletionResultType]::ParameterName, 'Symbolic links')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace what is there')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace what is there')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'A destination that is a symbolic link to a directory is a name, not the directory')
            [CompletionResult]::new('--no-dereference', '--no-dereference', [CompletionResultType]::ParameterName, 'A destination that is a symbolic link to a directory is a name, not the directory')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('--no-target-directory', '--no-target-directory', [CompletionResultType]::ParameterName, 'The destination is the new name, never a directory to go into')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each link')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each link')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;chmod' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Directories with everything below')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Directories with everything below')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each change')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each change')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;chown' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-R', '-R ', [CompletionResultType]::ParameterName, 'Directories with everything below; symbolic links themselves, not what they lead to')
            [CompletionResult]::new('--recursive', '--recursive', [CompletionResultType]::ParameterName, 'Directories with everything below; symbolic links themselves, not what they lead to')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Symbolic links themselves')
            [CompletionResult]::new('--no-dereference', '--no-dereference', [CompletionResultType]::ParameterName, 'Symbolic links themselves')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Tell each change')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Tell each change')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;edit' {
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;diff' {
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'Lines around a change')
            [CompletionResult]::new('--unified', '--unified', [CompletionResultType]::ParameterName, 'Lines around a change')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Only tell what differs, without the text')
            [CompletionResult]::new('--brief', '--brief', [CompletionResultType]::ParameterName, 'Only tell what differs, without the text')
            [CompletionResult]::new('--times', '--times', [CompletionResultType]::ParameterName, 'Times of last change, too')
            [CompletionResult]::new('--no-owner', '--no-owner', [CompletionResultType]::ParameterName, 'Not the owners: of a tree that an ordinary user unpacked')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'liveroot;map' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Where the picture goes: a file whose name ends in .svg or .png; - writes SVG to standard output')
            [CompletionResult]::new('--offset', '--offset', [CompletionResultType]::ParameterName, 'The file system starts at this byte of the image (units K, M, G, T allowed)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'The file system is in this partition (MBR or GPT) of the image, counted from 1')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
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
            [CompletionResult]::new('run', 'run', [CompletionResultType]::ParameterValue, 'Run a command that sees an image, without a mount that anybody else sees')
            [CompletionResult]::new('import', 'import', [CompletionResultType]::ParameterValue, 'Put a whole tree into an image, without mounting it')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write what is in an image as a tar, without mounting it')
            [CompletionResult]::new('info', 'info', [CompletionResultType]::ParameterValue, 'Tell what is in an image: label, size, use, features, state')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Look for damage in an image, without changing it')
            [CompletionResult]::new('resize', 'resize', [CompletionResultType]::ParameterValue, 'Make an image, and the file system in it, larger or smaller')
            [CompletionResult]::new('shrink', 'shrink', [CompletionResultType]::ParameterValue, 'Make an image as small as what it holds')
            [CompletionResult]::new('trim', 'trim', [CompletionResultType]::ParameterValue, 'Give an image''s free space back to the host')
            [CompletionResult]::new('ls', 'ls', [CompletionResultType]::ParameterValue, 'List what is in an image''s directory')
            [CompletionResult]::new('cat', 'cat', [CompletionResultType]::ParameterValue, 'Print files of an image')
            [CompletionResult]::new('stat', 'stat', [CompletionResultType]::ParameterValue, 'Tell everything about files of an image, as stat(1)')
            [CompletionResult]::new('du', 'du', [CompletionResultType]::ParameterValue, 'Count the space that directories of an image take, as du(1)')
            [CompletionResult]::new('tree', 'tree', [CompletionResultType]::ParameterValue, 'Draw an image''s directories as a tree')
            [CompletionResult]::new('find', 'find', [CompletionResultType]::ParameterValue, 'Find files of an image, as find(1)')
            [CompletionResult]::new('cp', 'cp', [CompletionResultType]::ParameterValue, 'Copy files into an image, out of it, or between images')
            [CompletionResult]::new('mv', 'mv', [CompletionResultType]::ParameterValue, 'Move and rename files in an image, in one transaction')
            [CompletionResult]::new('rm', 'rm', [CompletionResultType]::ParameterValue, 'Delete files of an image, in one transaction')
            [CompletionResult]::new('mkdir', 'mkdir', [CompletionResultType]::ParameterValue, 'Make directories in an image, in one transaction')
            [CompletionResult]::new('ln', 'ln', [CompletionResultType]::ParameterValue, 'Make links in an image, in one transaction')
            [CompletionResult]::new('chmod', 'chmod', [CompletionResultType]::ParameterValue, 'Change modes of files in an image, in one transaction')
            [CompletionResult]::new('chown', 'chown', [CompletionResultType]::ParameterValue, 'Change owners of files in an image, in one transaction')
            [CompletionResult]::new('edit', 'edit', [CompletionResultType]::ParameterValue, 'Edit a file of an image with your editor, in one transaction')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Tell how two images, or directories of them, differ')
            [CompletionResult]::new('map', 'map', [CompletionResultType]::ParameterValue, 'Draw where things are in an image: groups, metadata, files by size, fragmentation, free space')
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
        'liveroot;help;run' {
            break
        }
        'liveroot;help;import' {
            break
        }
        'liveroot;help;export' {
            break
        }
        'liveroot;help;info' {
            break
        }
        'liveroot;help;check' {
            break
        }
        'liveroot;help;resize' {
            break
        }
        'liveroot;help;shrink' {
            break
        }
        'liveroot;help;trim' {
            break
        }
        'liveroot;help;ls' {
            break
        }
        'liveroot;help;cat' {
            break
        }
        'liveroot;help;stat' {
            break
        }
        'liveroot;help;du' {
            break
        }
        'liveroot;help;tree' {
            break
        }
        'liveroot;help;find' {
            break
        }
        'liveroot;help;cp' {
            break
        }
        'liveroot;help;mv' {
            break
        }
        'liveroot;help;rm' {
            break
        }
        'liveroot;help;mkdir' {
            break
        }
        'liveroot;help;ln' {
            break
        }
        'liveroot;help;chmod' {
            break
        }
        'liveroot;help;chown' {
            break
        }
        'liveroot;help;edit' {
            break
        }
        'liveroot;help;diff' {
            break
        }
        'liveroot;help;map' {
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
