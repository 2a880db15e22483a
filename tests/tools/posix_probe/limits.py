"""Names, sizes, holes, attributes, devices, locks, and files without names."""

import fcntl
import mmap
import os
import stat

from common import as_user, attempt, make


def names(say):
    say("name of 255", attempt(make, "n" * 255))
    say("name of 256", attempt(make, "n" * 256))
    say("symlink of 4095", (attempt(os.symlink, "x" * 4095, "long"), len(os.readlink("long"))))
    say("symlink of 4096", attempt(os.symlink, "x" * 4096, "longer"))
    say("symlink of nothing", attempt(os.symlink, "", "empty"))
    os.symlink("y" * 100, "slow")
    os.symlink("y" * 10, "fast")
    for name in ("slow", "fast"):
        found = os.lstat(name)
        say(f"{name} symlink", (found.st_size, found.st_blocks))


def sizes(say):
    fd = os.open("big", os.O_CREAT | os.O_RDWR, 0o644)
    for size in (2**44 - 4096, 2**44, 2**62):
        say(f"size {size}", attempt(os.ftruncate, fd, size))
    say("write at the end", attempt(os.pwrite, fd, b"a", 2**44 - 4097))
    os.close(fd)
    os.unlink("big")
    say("block size", os.stat(".").st_blksize)


def holes(say):
    fd = os.open("hole", os.O_CREAT | os.O_RDWR, 0o644)
    os.pwrite(fd, b"a", 100000)
    os.ftruncate(fd, 300000)
    os.close(fd)
    say("blocks of a sparse file", os.stat("hole").st_blocks)
    fd = os.open("hole", os.O_RDONLY)
    for at in (0, 4096, 98304, 100000, 102400, 299999, 300000):
        found = [attempt(os.lseek, fd, at, whence) for whence in (os.SEEK_DATA, os.SEEK_HOLE)]
        say(f"SEEK_DATA, SEEK_HOLE at {at}", found)
    copy = os.open("copy", os.O_CREAT | os.O_RDWR, 0o644)
    say("copy_file_range", attempt(os.copy_file_range, fd, copy, 300000))
    say("what was copied", open("copy", "rb").read() == open("hole", "rb").read())
    say("copy_file_range onto itself", attempt(os.copy_file_range, copy, copy, 100, 0, 50))
    say("copy_file_range within", attempt(os.copy_file_range, copy, copy, 100, 0, 5000))
    os.close(fd)
    os.close(copy)


def direct(say):
    pages = mmap.mmap(-1, 8192)
    pages.write(b"D" * 8192)
    fd = os.open("direct", os.O_CREAT | os.O_RDWR | os.O_DIRECT, 0o644)
    say("O_DIRECT write", attempt(os.write, fd, pages))
    say("O_DIRECT read", attempt(os.preadv, fd, [pages], 4096))
    os.close(fd)
    say("what was written", open("direct", "rb").read() == b"D" * 8192)


def attributes(say):
    make("x")
    for name, value in (
        ("user." + "n" * 250, b"1"),
        ("user." + "n" * 251, b"1"),
        ("user.", b"1"),
        ("foo.a", b"1"),
        ("user.big", b"1" * 5000),
        ("user.empty", b""),
        ("trusted.a", b"1"),
        ("security.a", b"1"),
    ):
        say(f"setxattr {name} {len(value)}", attempt(os.setxattr, "x", name, value))
    say("getxattr", (attempt(os.getxattr, "x", "user.empty"), attempt(os.getxattr, "x", "user.no")))
    say("removexattr of none", attempt(os.removexattr, "x", "user.no"))
    say("XATTR_CREATE", attempt(os.setxattr, "x", "user.empty", b"", os.XATTR_CREATE))
    say("XATTR_REPLACE", attempt(os.setxattr, "x", "user.other", b"", os.XATTR_REPLACE))
    say("listxattr", sorted(os.listxattr("x")))
    say("listxattr by others", as_user(lambda: sorted(os.listxattr("x"))))
    say("trusted by others", as_user(lambda: os.setxattr("x", "trusted.q", b"1")))
    os.symlink("q", "link")
    for name in ("user.a", "trusted.a", "security.a"):
        result = attempt(os.setxattr, "link", name, b"1", follow_symlinks=False)
        say(f"setxattr {name} of a symlink", result)


def devices(say):
    os.mknod("null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    found = os.stat("null")
    say("device", (attempt(lambda: open("null", "rb").read(1)), found.st_rdev, found.st_blocks))
    os.mknod("large", 0o666 | stat.S_IFBLK, os.makedev(4095, 0xFFFFF))
    say("largest device", os.stat("large").st_rdev == os.makedev(4095, 0xFFFFF))


def locks(say):
    make("lock")
    with open("lock", "r+b") as first, open("lock", "r+b") as second:
        say("flock", attempt(fcntl.flock, first, fcntl.LOCK_EX | fcntl.LOCK_NB))
        say("flock held", attempt(fcntl.flock, second, fcntl.LOCK_EX | fcntl.LOCK_NB))
        say("lockf", attempt(fcntl.lockf, first, fcntl.LOCK_EX | fcntl.LOCK_NB, 10))

        def lock():
            with open("lock", "r+b") as third:
                fcntl.lockf(third, fcntl.LOCK_EX | fcntl.LOCK_NB, 10)

        os.chmod("lock", 0o666)
        say("lockf held", as_user(lock))


def nameless(say):
    make("gone")
    fd = os.open("gone", os.O_RDWR)
    os.unlink("gone")
    say("unlinked file", (os.fstat(fd).st_nlink, os.write(fd, b"abc"), attempt(os.fchmod, fd, 0o600)))
    say("unlinked file, linked again", attempt(os.link, f"/proc/self/fd/{fd}", "back", follow_symlinks=True))
    say("unlinked file, read", os.pread(fd, 9, 0))
    os.close(fd)
    os.mkdir("gone directory")
    fd = os.open("gone directory", os.O_RDONLY)
    os.rmdir("gone directory")
    say("removed directory", (os.fstat(fd).st_nlink, attempt(os.listdir, fd)))
    say("removed directory, create", attempt(os.open, "x", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    say("O_TMPFILE", isinstance(attempt(os.open, ".", os.O_TMPFILE | os.O_RDWR, 0o640), int))


def run(say):
    names(say)
    sizes(say)
    holes(say)
    direct(say)
    attributes(say)
    devices(say)
    locks(say)
    nameless(say)
