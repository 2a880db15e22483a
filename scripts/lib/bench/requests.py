"""Counting FUSE requests by kind with the kernel's tracepoint, whoever the server is."""

import contextlib
import os
import pathlib
import re
import subprocess

TRACING = pathlib.Path("/sys/kernel/tracing")
# A trace buffer of our own, so that nobody else's tracing is disturbed.
INSTANCE = TRACING / "instances/liveroot-bench"
# Per core; a request takes some 50 bytes.
BUFFER_KIB = 65536

# Numbers from the FUSE protocol (include/uapi/linux/fuse.h), for kernels that print no names.
OPCODES = {
    1: "lookup", 2: "forget", 3: "getattr", 4: "setattr", 5: "readlink", 6: "symlink", 8: "mknod", 9: "mkdir",
    10: "unlink", 11: "rmdir", 12: "rename", 13: "link", 14: "open", 15: "read", 16: "write", 17: "statfs",
    18: "release", 20: "fsync", 21: "setxattr", 22: "getxattr", 23: "listxattr", 24: "removexattr", 25: "flush",
    26: "init", 27: "opendir", 28: "readdir", 29: "releasedir", 30: "fsyncdir", 34: "access", 35: "create",
    36: "interrupt", 38: "destroy", 39: "ioctl", 42: "batch_forget", 43: "fallocate", 44: "readdirplus",
    45: "rename2", 46: "lseek", 47: "copy_file_range", 50: "syncfs", 52: "statx",
}
# Not work: they belong to the mount, or have no reply that anybody waits for.
UNCOUNTED = {"init", "destroy", "forget", "batch_forget", "interrupt"}


def available():
    """True if this kernel can count, which takes root and a tracepoint that came with Linux 6.10."""
    if not (TRACING / "events").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], stderr=subprocess.DEVNULL, check=False)
    try:
        with counting({}):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def counting(counts, mountpoint=None):
    """Adds to `counts`, by kind, the requests that the mount sends meanwhile."""
    # The connection is known by the mount's device number.
    connection = mountpoint and str(os.minor(os.stat(mountpoint).st_dev))
    INSTANCE.mkdir(exist_ok=True)
    try:
        (INSTANCE / "buffer_size_kb").write_text(str(BUFFER_KIB))
        enable = INSTANCE / "events/fuse/fuse_request_send/enable"
        enable.write_text("1")
        yield
        enable.write_text("0")
        with open(INSTANCE / "trace", errors="replace") as trace:
            for line in trace:
                found = re.search(r"connection (\d+) req \d+ opcode (\d+) ", line)
                if not found or found[1] != connection:
                    continue
                kind = OPCODES.get(int(found[2]), found[2])
                if kind not in UNCOUNTED:
                    counts[kind] = counts.get(kind, 0) + 1
        lost = sum(
            int(re.search(r"overrun: (\d+)", stats.read_text())[1])
            for stats in INSTANCE.glob("per_cpu/cpu*/stats")
        )
        if lost:
            counts["(lost)"] = counts.get("(lost)", 0) + lost
    finally:
        INSTANCE.rmdir()
