"""Inode flags, projects and labels: the ioctls of chattr(1), lsattr(1) and e2label(8)."""

import array
import fcntl
import os
import struct
import subprocess

from common import NOBODY, as_user, attempt, changed, fallocate, make, write
from setuid import CALLS

GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
FSGETXATTR, FSSETXATTR = 0x801C581F, 0x401C5820
GETVERSION = 0x80087601
GETLABEL, SETLABEL = 0x81009431, 0x41009432
EXTENTS = 0x80000
JOURNAL_DATA = 0x4000
IMMUTABLE, APPEND = 0x10, 0x20


def control(path, command, data):
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, command, data)
    finally:
        os.close(fd)
    return data


def get(path):
    return hex(control(path, GETFLAGS, array.array("I", [0, 0]))[0])


def put(path, flags):
    control(path, SETFLAGS, array.array("I", [flags, 0]))


def getx(path):
    return struct.unpack("5I", control(path, FSGETXATTR, bytearray(28))[:20])


def putx(path, flags, project=0):
    control(path, FSSETXATTR, bytearray(struct.pack("5I8x", flags, 0, 0, project, 0)))


def each_flag(say):
    make("plain")
    os.mkdir("dir")
    os.mkfifo("fifo")
    say("of new files", (get("plain"), get("dir"), attempt(get, "fifo")))
    for bit in range(32):
        flag = 1 << bit
        # The one is about more than a flag, the other needs a capability that root may lack.
        if flag in (EXTENTS, JOURNAL_DATA):
            continue
        for path in ("plain", "dir"):
            say(f"setting {flag:#x} of {path}", (attempt(put, path, EXTENTS | flag), get(path)))
            say(f"setting {flag:#x} of {path} by others", as_user(lambda: put(path, EXTENTS | flag)))
            put(path, EXTENTS)
    os.chown("plain", NOBODY, NOBODY)
    say("setting nodump by owner", (as_user(lambda: put("plain", EXTENTS | 0x40)), get("plain")))
    say("setting immutable by owner", (as_user(lambda: put("plain", EXTENTS | IMMUTABLE)), get("plain")))
    say("times", changed("plain", put, "plain", EXTENTS | 0x80))
    say("version", len(attempt(control, "plain", GETVERSION, bytearray(8))))


def on_file(path):
    """What may be done to a file, most of it without changing it if it may not."""
    yield "open", write, path
    yield "append", lambda path: write(path, flags=os.O_APPEND), path
    yield "truncate", os.truncate, path, 0
    yield "O_TRUNC", CALLS["O_TRUNC"], path
    yield "chmod", os.chmod, path, 0o600
    yield "chown", os.chown, path, 1, 1
    yield "utime now", os.utime, path
    yield "utime", lambda path: os.utime(path, ns=(1, 1)), path
    yield "link", os.link, path, path + "2"
    yield "rename", os.rename, path, path + "3"
    yield "replace", os.rename, "spare", path
    yield "unlink", os.unlink, path
    yield "setxattr", os.setxattr, path, "user.a", b"1"
    yield "removexattr", os.removexattr, path, "user.a"
    yield "setfacl", lambda path: subprocess.run(["setfacl", "-m", "u:5:r", path], capture_output=True, check=False).returncode, path
    yield "fallocate", fallocate, path, 0, 0, 8192
    yield "punch", fallocate, path, 3, 0, 4096
    yield "mmap", CALLS["mmap"], path
    yield "read", lambda path: open(path, "rb").read(3), path


def in_directory(path):
    yield "create", make, path + "/n"
    yield "mkdir", os.mkdir, path + "/m"
    yield "unlink", os.unlink, path + "/x"
    yield "rename within", os.rename, path + "/x", path + "/y"
    yield "rename out", os.rename, path + "/x", "outside"
    yield "rename in", os.rename, "spare", path + "/in"
    yield "link", os.link, "linked", path + "/linked"
    yield "chmod", os.chmod, path, 0o700
    yield "utime now", os.utime, path
    yield "rmdir", os.rmdir, path
    yield "rename", os.rename, path, path + "z"
    yield "write to a file", write, path + "/x"
    yield "list", lambda path: len(os.listdir(path)), path


def enforced(say):
    make("linked")
    for name, flag in (("immutable", IMMUTABLE), ("append-only", APPEND)):
        path = f"file {name}"
        make(path, data=b"hi!")
        fd = os.open(path, os.O_RDWR)
        os.write(fd, b"buf")
        say(f"{name}, set", attempt(put, path, EXTENTS | flag))
        make("spare")
        for what, call, *args in on_file(path):
            say(f"{name} file, {what}", attempt(call, *args))
        os.unlink("spare") if os.path.exists("spare") else None
        say(f"{name} file, ftruncate of one open before", attempt(os.ftruncate, fd, 1))
        say(f"{name} file, fchmod of one open before", attempt(os.fchmod, fd, 0o600))
        os.close(fd)
        say(f"{name}, cleared by others", as_user(lambda: put(path, EXTENTS)))
        put(path, EXTENTS)
        path = f"dir {name}"
        os.mkdir(path)
        make(path + "/x")
        put(path, EXTENTS | flag)
        make("spare")
        for what, call, *args in in_directory(path):
            say(f"{name} directory, {what}", attempt(call, *args))
        os.unlink("spare") if os.path.exists("spare") else None
        put(path, EXTENTS)


def inherited(say):
    os.mkdir("inherit")
    put("inherit", EXTENTS | 0x40 | 0x80 | 0x8 | 0x10000 | 0x20)
    make("inherit/file")
    os.mkdir("inherit/dir")
    say("inherited", (get("inherit/file"), get("inherit/dir")))
    put("inherit", EXTENTS)


def extended(say):
    make("x")
    os.mkdir("xd")
    say("fsxattr of new files", (getx("x"), getx("xd")))
    for flag in (0x80, 0x40, 0x20, 0x10, 0x8, 0x1, 0x100):
        say(f"fsxattr, setting {flag:#x}", (attempt(putx, "x", flag), getx("x"), get("x")))
        putx("x", 0)
    say("fsxattr, project", (attempt(putx, "x", 0, 42), getx("x")))
    say("fsxattr, project of no change", attempt(putx, "x", 0, 0))
    say("fsxattr, inherit", (attempt(putx, "xd", 0x200), getx("xd")))
    make("xd/f")
    os.mkdir("xd/d")
    say("fsxattr, inherited", (getx("xd/f"), getx("xd/d"), attempt(os.link, "x", "xd/x")))
    say("fsxattr by others", as_user(lambda: putx("x", 0x80)))


def labels(say):
    def get_label():
        return bytes(control(".", GETLABEL, bytearray(256))).split(b"\0")[0]

    def put_label(label):
        control(".", SETLABEL, bytearray(label.ljust(256, b"\0")))

    for label in (b"", b"sixteen bytes ok", b"x" * 17, b"test"):
        say(f"label {label}", (attempt(put_label, label), get_label()))
    say("label by others", as_user(lambda: put_label(b"other")))
    say("unknown ioctl", attempt(control, ".", 0x80086699, bytearray(8)))
    make("terminal")
    say("TCGETS", attempt(control, "terminal", 0x5401, bytearray(64)))


def run(say):
    each_flag(say)
    enforced(say)
    inherited(say)
    extended(say)
    labels(say)
