"""Which calls change which times, and which times can be kept."""

import mmap
import os
import subprocess
import time

from common import LIBC, attempt, changed, fallocate, make, mode, stamps, write
from setuid import CALLS

BILLION = 10**9


def read(path):
    fd = os.open(path, os.O_RDONLY)
    os.read(fd, 10)
    os.close(fd)


def there_and_back(path):
    os.rename(path, "elsewhere")
    os.rename("elsewhere", path)


def linked(path):
    os.link(path, path + ".2")


def unlinked(path):
    os.unlink(path + ".2")


def of_files(say):
    calls = {name: call for name, call in CALLS.items() if name != "mmap"} | {
        "open": lambda path: os.close(os.open(path, os.O_RDONLY)),
        "write of nothing": lambda path: write(path, b""),
        "link": linked,
        "rename": there_and_back,
        "setxattr": lambda path: os.setxattr(path, "user.a", b"1"),
        "removexattr of none": lambda path: os.removexattr(path, "user.a"),
        "chmod to the same": lambda path: os.chmod(path, int(mode(path), 8)),
        "setfacl": lambda path: subprocess.run(["setfacl", "-m", "u:5:rwx", path], check=True) and None,
        "fallocate keep size": lambda path: fallocate(path, 1, 8192, 4096),
        "fallocate zero range": lambda path: fallocate(path, 16, 0, 4),
    }
    make("source", data=b"abcd")
    for name, call in calls.items():
        path = f"f {name}"
        make(path, data=b"hello")
        say(f"file, {name}", changed(path, call, path))
    make("u", data=b"hello")
    linked("u")
    say("file, unlink of another name", changed("u", unlinked, "u"))
    make("x")
    os.setxattr("x", "user.a", b"1")
    say("file, removexattr", changed("x", os.removexattr, "x", "user.a"))
    make("e")
    say("file, O_TRUNC of empty", changed("e", CALLS["O_TRUNC"], "e"))
    make("m", data=b"hello")
    say("file, mmap", changed("m", CALLS["mmap"], "m").replace("a", ""))


def of_directories(say):
    os.mkdir("d")
    calls = {
        "create": lambda: make("d/n"),
        "mkdir": lambda: os.mkdir("d/m"),
        "rmdir": lambda: os.rmdir("d/m"),
        "symlink": lambda: os.symlink("a", "d/s"),
        "link": lambda: os.link("d/n", "d/n2"),
        "unlink": lambda: os.unlink("d/n2"),
        "rename within": lambda: os.rename("d/n", "d/n3"),
        "rename out": lambda: os.rename("d/n3", "out"),
        "rename in": lambda: os.rename("out", "d/in"),
        "chmod": lambda: os.chmod("d", 0o700),
        "failing mkdir": lambda: os.mkdir("d/s"),
        "failing link": lambda: os.link("d/in", "d/s"),
    }
    for name, call in calls.items():
        say(f"directory, {name}", changed("d", call))
    for name in ("old", "new", "old/sub"):
        os.mkdir(name)
    before = stamps("old/sub")
    time.sleep(0.02)
    os.rename("old/sub", "new/sub")
    say("directory, being moved", [a != b for a, b in zip(before, stamps("new/sub"))])


def of_replaced(say):
    make("one")
    os.link("one", "other name")
    make("two")
    before = stamps("one")
    time.sleep(0.02)
    os.rename("two", "other name")
    after = stamps("one")
    say("file, one name replaced", ([a != b for a, b in zip(before, after)], os.lstat("one").st_nlink))
    make("left")
    make("right")
    before = stamps("left"), stamps("right")
    time.sleep(0.02)
    result = LIBC.renameat2(-100, b"left", -100, b"right", 2)
    after = stamps("right"), stamps("left")
    say("files, exchanged", (result, [a[2] != b[2] for a, b in zip(before, after)]))


def of_writers(say):
    make("slow")
    fd = os.open("slow", os.O_RDWR)
    os.write(fd, b"zz")
    written = stamps("slow")
    time.sleep(0.05)
    os.fsync(fd)
    synced = stamps("slow")
    os.close(fd)
    say("file, fsync long after write", (written == synced, synced == stamps("slow")))
    fd = os.open("slow", os.O_RDWR)
    os.write(fd, b"q")
    os.utime(fd, ns=(10**18, 10**18))
    os.close(fd)
    os.sync()
    say("file, utime after write", os.lstat("slow").st_mtime_ns)
    make("atomic")
    say("file, utime now", changed("atomic", os.utime, "atomic"))


def of_all_ages(say):
    make("age")
    for seconds in (0, -1, -(2**31) + 1, 2**31, 2**32, 2**33, 15032385534):
        os.utime("age", ns=(seconds * BILLION + 123456789, seconds * BILLION + 987654321))
        say(f"utime {seconds}", stamps("age")[:2])


def of_readers(say):
    """relatime: an access time is set when it is not younger than the last change."""

    def is_set(path, call, **kwargs):
        os.utime(path, ns=(10**18, 10**18 + 5), **kwargs)
        # The kernel's clock for this is coarse, and a time as young as the change is set once more.
        time.sleep(0.02)
        call(path)
        return os.lstat(path).st_atime_ns != 10**18

    def read_mapped(path):
        fd = os.open(path, os.O_RDONLY)
        mapped = mmap.mmap(fd, 4096, prot=mmap.PROT_READ)
        mapped[5]
        mapped.close()
        os.close(fd)

    def uncached(path):
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)

    make("r", data=b"x" * 4096)
    uncached("r")
    say("atime, read", is_set("r", read))
    uncached("r")
    before = stamps("r")[0]
    time.sleep(0.02)
    read("r")
    say("atime, read again", stamps("r")[0] != before)
    uncached("r")
    say("atime, mapped", is_set("r", read_mapped))
    os.mkdir("rd")
    make("rd/x")
    say("atime, readdir", is_set("rd", os.listdir))
    os.symlink("x", "rl")
    say("atime, readlink", is_set("rl", os.readlink, follow_symlinks=False))
    say("atime, chmod", is_set("r", lambda path: os.chmod(path, 0o600)))


def run(say):
    of_files(say)
    of_directories(say)
    of_replaced(say)
    of_writers(say)
    of_all_ages(say)
    of_readers(say)
