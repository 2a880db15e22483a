#!/usr/bin/env python3
"""Print what a directory tree holds, one canonical line a file, sorted by the bytes of its path.

Two trees are the same if `diff` of their manifests finds nothing. Fields, separated by spaces:

    path type mode uid gid nlink size rdev mtime [key=value ...]

with the keys xattr:NAME, sha256 (of contents that are not zeros, so that holes do not matter), data (ranges that are
not holes, in 64 KiB), target (of a symbolic link) and same (the first path with this inode). Bytes outside of
printable ASCII are %-escaped. A directory's size, and a link count beyond what ext4 counts, print as `-`.

    manifest.py DIR [--no-holes] [--no-xattrs]
"""

import argparse
import hashlib
import os
import re
import stat
import sys

GRAIN = 1 << 16
BLOCK = 4096
HUGE = 1 << 30
ZEROS = bytes(BLOCK)
# ext4 gives a directory the link count 1 when it has more subdirectories than this can tell.
LINK_MAX = 65_000

SPECIAL = re.compile(rb"[^a-zA-Z0-9/._+:,@~-]")
TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "char",
    stat.S_IFBLK: "block",
}


def escape(raw):
    return SPECIAL.sub(lambda byte: b"%%%02x" % byte[0][0], raw).decode("ascii")


def brief(value):
    """A value in hex, or its digest where that is long."""
    if len(value) <= 64:
        return value.hex() or "empty"
    return f"{len(value)}:{hashlib.sha256(value).hexdigest()}"


def data_ranges(fd, size):
    """The ranges that are not holes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return  # ENXIO: no more data
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, min(at, size)


def rounded(ranges, size):
    """Ranges widened to GRAIN and joined."""
    joined = []
    for start, end in ranges:
        start = start // GRAIN * GRAIN
        end = min(-(-end // GRAIN) * GRAIN, size)
        if joined and start <= joined[-1][1]:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return ",".join(f"{start}-{end}" for start, end in joined) or "none"


def digest(fd, ranges):
    """A digest of the contents, in which blocks of zeros have no part."""
    hasher = hashlib.sha256()
    for start, end in ranges:
        at = start // BLOCK * BLOCK
        while at < end:
            piece = os.pread(fd, min(1 << 20, end - at), at)
            if not piece:
                raise OSError(f"end of file at {at}, though its size says {end}")
            for offset in range(0, len(piece), BLOCK):
                block = piece[offset : offset + BLOCK]
                if block != ZEROS[: len(block)]:
                    hasher.update((at + offset).to_bytes(8, "big"))
                    hasher.update(block)
            at += len(piece)
    return hasher.hexdigest()


class Manifest:
    """Walks one tree."""

    def __init__(self, root, holes, xattrs):
        self.root = os.fsencode(root)
        self.holes = holes
        self.xattrs = xattrs
        self.first = {}

    def paths(self):
        """Every path below the root, relative, the root first as `.`."""
        found = [b"."]
        for directory, dirs, files in os.walk(self.root, onerror=self.fail):
            relative = os.path.relpath(directory, self.root)
            base = b"" if relative == b"." else relative + b"/"
            found += [base + name for name in dirs + files]
        # mke2fs makes it, tar and cp do not.
        return sorted(path for path in found if path != b"lost+found")

    @staticmethod
    def fail(error):
        raise error

    def line(self, path):
        full = self.root + b"/" + path
        info = os.lstat(full)
        kind = TYPES[stat.S_IFMT(info.st_mode)]
        nlink = info.st_nlink
        if kind == "dir" and (nlink == 1 or nlink >= LINK_MAX):
            nlink = "-"
        size = "-" if kind == "dir" else info.st_size
        rdev = "-"
        if kind in ("char", "block"):
            rdev = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
        mode = f"{stat.S_IMODE(info.st_mode):04o}"
        line = f"{escape(path)} {kind} {mode} {info.st_uid} {info.st_gid} {nlink} {size} {rdev} {info.st_mtime_ns}"
        if kind == "file":
            seen = self.first.setdefault(info.st_ino, path)
            if seen != path:
                # What else there is to say of it has been said.
                return f"{line} same={escape(seen)}"
        if self.xattrs:
            for name in sorted(os.listxattr(full, follow_symlinks=False)):
                value = os.getxattr(full, name, follow_symlinks=False)
                line += f" xattr:{escape(os.fsencode(name))}={brief(value)}"
        if kind == "symlink":
            line += f" target={escape(os.readlink(full))}"
        elif kind == "file":
            for fact in self.contents(full, info):
                line += f" {fact}"
        return line

    def contents(self, full, info):
        size = info.st_size
        fd = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            ranges = list(data_ranges(fd, size))
            if size > HUGE and sum(end - start for start, end in ranges) > info.st_blocks * 512 + HUGE:
                yield "holes=unreported"  # reading it all would take hours
                return
            yield f"sha256={digest(fd, ranges)}"
            if self.holes:
                yield f"data={rounded(ranges, size)}"
        finally:
            os.close(fd)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir")
    parser.add_argument("--no-holes", action="store_true", help="leave out where the holes are")
    parser.add_argument("--no-xattrs", action="store_true", help="leave out extended attributes")
    args = parser.parse_args()
    manifest = Manifest(args.dir, not args.no_holes, not args.no_xattrs)
    sys.stdout.write("".join(manifest.line(path) + "\n" for path in manifest.paths()))


if __name__ == "__main__":
    main()
