"""What the probes share: making files, trying calls, asking as somebody else."""

import ctypes
import errno
import os
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NOBODY = 65534


def attempt(call, *args, **kwargs):
    """What a call gives, or the name of its error."""
    try:
        result = call(*args, **kwargs)
        return "ok" if result is None else result
    except OSError as error:
        return errno.errorcode[error.errno]


def as_user(call, uid=NOBODY, gid=NOBODY, groups=()):
    """`attempt`, by another user."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups(list(groups))
            os.setgid(gid)
            os.setuid(uid)
            said = str(attempt(call))
        except BaseException as error:
            said = f"unexpected {error!r}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return said


def make(path, mode=0o644, data=b""):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
    if data:
        os.write(fd, data)
    os.close(fd)
    os.chmod(path, mode)


def mode(path):
    return oct(os.lstat(path).st_mode & 0o7777)


def write(path, data=b"x", flags=0):
    fd = os.open(path, os.O_WRONLY | flags)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def stamps(path):
    found = os.lstat(path)
    return found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns


def changed(path, call, *args):
    """Which of the times (a, m, c) a call changes."""
    before = stamps(path)
    time.sleep(0.02)
    attempt(call, *args)
    after = stamps(path)
    return "".join(name for name, old, new in zip("amc", before, after) if old != new) or "-"


def fallocate(path, how, offset, length):
    fd = os.open(path, os.O_RDWR)
    try:
        if LIBC.fallocate(fd, how, ctypes.c_long(offset), ctypes.c_long(length)):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(fd)
