"""What is timed. A group is a session with one fresh image; its steps are timed one by one."""

import subprocess
import sys
import time

MIB = 1 << 20
SMALL_FILES = 5000
BIG_MIB = 512
PACKAGES = 2000

STEPS = {
    "untar": "untar of the root filesystem, and unmount",
    "small": f"{SMALL_FILES:,} files of 4 KiB, and unmount",
    "packages": f"{PACKAGES:,} times as a package manager: write a file, fsync, rename over the old one; and unmount",
    "write": f"write {BIG_MIB} MiB (dd bs=1M conv=fsync), and unmount",
    "read": f"read {BIG_MIB} MiB (dd bs=1M), after a remount",
    "write-mem": "write, as above, with the image in memory",
    "read-mem": "read, as above, with the image in memory",
    "walk": "walk with stat (find -printf), after a remount",
    "readtree": "read the tree (tar -c through a pipe), after a remount",
    "rm": "rm -rf of the tree, and unmount",
}
GROUPS = {
    "tree": ("untar", "walk", "readtree", "rm"),
    "small": ("small",),
    "packages": ("packages",),
    "big": ("write", "read"),
    "big-mem": ("write-mem", "read-mem"),
}
# Groups whose images lie in the host's memory: what is left is the work of the filesystems. The floor always is there.
IN_MEMORY = {"big-mem"}

MAKE_SMALL = """
import os, sys
data = bytes(range(256)) * 16
os.chdir(sys.argv[1])
for directory in range(50):
    os.mkdir(str(directory))
    for number in range(int(sys.argv[2]) // 50):
        fd = os.open(f"{directory}/{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        os.write(fd, data)
        os.close(fd)
"""

UNPACK = """
import os, sys
os.chdir(sys.argv[1])
for number in range(int(sys.argv[2])):
    name = f"{number % 200}"
    fd = os.open(name + ".dpkg-new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(fd, b"%08d" % number * (64 + number % 4000))
    os.fsync(fd)
    os.close(fd)
    os.rename(name + ".dpkg-new", name)
"""


def command(*parts):
    subprocess.run([str(part) for part in parts], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def shell(script, *args):
    command("sh", "-c", script, "sh", *args)


def untar(tar, into):
    command("tar", "-x", "-C", into, "-f", tar, "--numeric-owner", "--xattrs", "--xattrs-include=*")


def step_untar(peer, tar):
    untar(tar, peer.mountpoint)
    finish(peer)


def step_walk(peer, _tar):
    shell('find "$1" -printf "%s %b %m %u %T@ %p\\n" >/dev/null', peer.mountpoint)


def step_readtree(peer, _tar):
    # Into a pipe: tar does not read what goes to /dev/null.
    shell('tar -c -C "$1" . | cat >/dev/null', peer.mountpoint)


def step_rm(peer, _tar):
    shell('cd "$1" && rm -rf ./*', peer.mountpoint)
    finish(peer)


def step_small(peer, _tar):
    command(sys.executable, "-c", MAKE_SMALL, peer.mountpoint, SMALL_FILES)
    finish(peer)


def step_packages(peer, _tar):
    command(sys.executable, "-c", UNPACK, peer.mountpoint, PACKAGES)
    finish(peer)


def step_write(peer, _tar):
    shell(f'dd if=/dev/zero of="$1/big" bs=1M count={BIG_MIB} conv=fsync 2>/dev/null', peer.mountpoint)
    finish(peer)


def step_read(peer, _tar):
    shell('dd if="$1/big" of=/dev/null bs=1M 2>/dev/null', peer.mountpoint)


def finish(peer):
    """The end of a step that writes: what it wrote must be in the image. The floor has none."""
    if peer.keeps_data:
        peer.umount()


RUN = {name: globals()[f"step_{name.removesuffix('-mem')}"] for name in STEPS}
COLD = {"walk", "readtree", "read", "read-mem"}


def session(peer, group, tar, watch=None):
    """One run of a group on a fresh image. Gives seconds by step.

    `watch(step)`, where given, is a context manager around each step; it is for counting, as it costs time.
    """
    times = {}
    peer.make()
    peer.mount()
    try:
        for step in GROUPS[group]:
            if not peer.mounted:
                peer.mount()
            elif step in COLD:
                peer.cool()
            warm(tar)
            if watch:
                with watch(step):
                    RUN[step](peer, tar)
            else:
                start = time.monotonic()
                RUN[step](peer, tar)
                times[step] = time.monotonic() - start
    finally:
        peer.umount()
    return times


def warm(tar):
    """Reads the tar, so that no peer waits for the disk where another did not."""
    with open(tar, "rb", buffering=0) as file:
        while file.read(8 * MIB):
            pass


def million(peer):
    """A tree of a million files; gives the daemon's peak memory in KiB, over making, walking and deleting it."""
    peer.make(size="20G", inodes=1_100_000)
    peer.peak = 0
    peer.mount()
    try:
        command(sys.executable, "-c", MAKE_MILLION, peer.mountpoint)
        step_walk(peer, None)
        peer.note_peak()
        made = peer.peak
        peer.cool()
        step_walk(peer, None)
        peer.note_peak()
    finally:
        peer.umount()
        peer.image.unlink(missing_ok=True)
    return max(made, peer.peak)


MAKE_MILLION = """
import os, sys
os.chdir(sys.argv[1])
for directory in range(1000):
    os.mkdir(str(directory))
    for number in range(1000):
        os.close(os.open(f"{directory}/{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
"""


def mount_seconds(peer, size):
    """How long mounting an empty image of that size takes."""
    peer.make(size=size)
    start = time.monotonic()
    peer.mount()
    seconds = time.monotonic() - start
    peer.umount()
    peer.image.unlink(missing_ok=True)
    return seconds
