"""When setuid, setgid and file capabilities go."""

import mmap
import os
import struct
import subprocess

from common import NOBODY, as_user, attempt, fallocate, make, mode, write

MODES = [0o4755, 0o2755, 0o6755, 0o2745, 0o6745, 0o4644, 0o2644, 0o7755]
GROUP = 65533


def map_and_write(path):
    fd = os.open(path, os.O_RDWR)
    mapped = mmap.mmap(fd, 2)
    mapped[0:1] = b"z"
    mapped.flush()
    mapped.close()
    os.close(fd)


def copy_range(path):
    source = os.open("source", os.O_RDONLY)
    target = os.open(path, os.O_WRONLY)
    os.copy_file_range(source, target, 2)
    os.close(source)
    os.close(target)


def write_directly(path):
    page = mmap.mmap(-1, 4096)
    write(path, page, os.O_DIRECT)


def own(path):
    found = os.lstat(path)
    os.chown(path, found.st_uid, found.st_gid)


CALLS = {
    "write": write,
    "append": lambda path: write(path, flags=os.O_APPEND),
    "truncate": lambda path: os.truncate(path, 1),
    "O_TRUNC": lambda path: os.close(os.open(path, os.O_WRONLY | os.O_TRUNC)),
    "fallocate": lambda path: fallocate(path, 0, 0, 8192),
    "punch": lambda path: fallocate(path, 3, 0, 4096),
    "mmap": map_and_write,
    "copy_file_range": copy_range,
    "O_DIRECT": write_directly,
    "chown to itself": own,
    "chown to nobody in particular": lambda path: os.chown(path, -1, -1),
    "chgrp": lambda path: os.chown(path, -1, GROUP),
    "chown": lambda path: os.chown(path, 5, 5),
    "chmod": lambda path: os.chmod(path, os.lstat(path).st_mode & 0o7777),
    "utime": os.utime,
}


def regular_files(say):
    number = 0
    for name, call in CALLS.items():
        for who in ("root", "owner", "other"):
            for bits in MODES:
                path = f"file{number}"
                number += 1
                make(path, 0o600, b"hello world")
                if who == "owner":
                    os.chown(path, NOBODY, NOBODY)
                elif who == "other":
                    os.chown(path, 0, GROUP)
                    bits |= 0o022
                os.chmod(path, bits)
                if who == "root":
                    result = attempt(call, path)
                else:
                    groups = (GROUP,) if who == "owner" else ()
                    result = as_user(lambda: call(path), groups=groups)
                say(f"{name} by {who} of {bits:o}", f"{mode(path)} {result}")


def others(say):
    for bits in (0o4755, 0o2755, 0o6755):
        path = f"dir{bits:o}"
        os.mkdir(path)
        os.chmod(path, bits)
        say(f"chown of directory {bits:o} by root", (attempt(os.chown, path, NOBODY, NOBODY), mode(path)))
        result = as_user(lambda: os.chown(path, -1, GROUP), groups=(GROUP,))
        say(f"chgrp of directory {bits:o} by owner", (result, mode(path)))
    os.mkfifo("fifo")
    os.chmod("fifo", 0o6755)
    say("chown of fifo", (attempt(os.chown, "fifo", 3, 3), mode("fifo")))
    os.symlink("a", "link")
    say("chown of symlink", (attempt(os.chown, "link", 3, 3, follow_symlinks=False), mode("link")))
    make("foreign")
    os.chown("foreign", NOBODY, 5)
    say("chmod 2755 in another's group", (as_user(lambda: os.chmod("foreign", 0o2755)), mode("foreign")))
    os.chmod("foreign", 0o2755)
    acl = as_user(lambda: subprocess.run(["setfacl", "-m", "u:5:rwx", "foreign"], check=False).returncode)
    say("setfacl in another's group", (acl, mode("foreign")))


def capabilities(say):
    value = struct.pack("<IIIII", 0x02000000, 1 << 10, 0, 0, 0)
    for name in ("write", "truncate", "chown", "chmod", "fallocate", "mmap", "copy_file_range", "utime"):
        path = f"capable {name}"
        make(path, 0o755, b"hello")
        os.setxattr(path, "security.capability", value)
        result = attempt(CALLS[name], path)
        say(f"capability after {name}", (result, attempt(os.getxattr, path, "security.capability")))


def run(say):
    make("source", data=b"abcd")
    regular_files(say)
    others(say)
    capabilities(say)
