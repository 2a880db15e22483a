#!/usr/bin/env python3
"""Build a directory tree of everything that a filesystem may get wrong.

The tree is the same every time it is built, times included, so two filesystems that were given it can be compared
with manifest.py. Needs root for devices, owners and trusted attributes.

    nasty_tree.py DIR [--scale tiny|small|full] [--block-size N] [--inode-size N] [--sparse N]
"""

import argparse
import os
import random
import socket
import stat
import struct

# 2001-09-09: what every file gets that is not about times.
EPOCH = 1_000_000_000
NANOSECOND = 123_456_789

SCALES = {
    # subdirectories of one directory, entries of another, size of the sparse file
    "tiny": {"subdirs": 200, "entries": 1_500, "sparse": 1 << 40},
    "small": {"subdirs": 1_000, "entries": 4_000, "sparse": 1 << 40},
    "full": {"subdirs": 70_000, "entries": 300_000, "sparse": 1 << 40},
}


class Nasty:
    """Builds the parts of the tree below the directory `fd`."""

    def __init__(self, root, scale, block_size, inode_size):
        self.root = os.fsencode(root)
        self.scale = scale
        self.block_size = block_size
        self.inode_size = inode_size
        self.random = random.Random(4711)
        self.times = {}

    def path(self, *parts):
        return os.path.join(self.root, *(os.fsencode(part) for part in parts))

    def mkdir(self, *parts):
        path = self.path(*parts)
        os.mkdir(path, 0o755)
        return path

    def write(self, path, data=b""):
        with open(path, "xb") as file:
            file.write(data)
        return path

    def data(self, length):
        return self.random.randbytes(length)

    def build(self):
        for part in (
            self.names,
            self.sizes,
            self.links,
            self.holes,
            self.special,
            self.modes,
            self.owners,
            self.attributes,
            self.acls,
            self.symlinks,
            self.deep,
            self.renamed,
            self.time_range,
            self.many_subdirectories,
            self.many_entries,
        ):
            part()
        self.set_times()

    def names(self):
        """Names of every byte but / and NUL, of every length class, and of invalid UTF-8."""
        base = self.mkdir("names")
        for byte in range(1, 256):
            if byte in (ord("/"), ord(".")):
                continue
            self.write(os.path.join(base, bytes([byte])), bytes([byte]))
        for length in (2, 3, 4, 5, 7, 8, 9, 100, 251, 252, 253, 254, 255):
            self.write(os.path.join(base, b"n" * length), str(length).encode())
        self.write(os.path.join(base, bytes(range(128, 256)) + b"\xff" * 127))
        self.write(os.path.join(base, ("\N{SNOWMAN}" * 85).encode()))
        for odd in (b"...", b" ", b"a b", b"new\nline", b"-rf", b".hidden", b"trailing ", b"~"):
            path = os.path.join(base, odd)
            if not os.path.lexists(path):
                self.write(path, odd)

    def sizes(self):
        """Files around the borders of blocks."""
        base = self.mkdir("sizes")
        borders = (1024, 2048, 4096, 65536, 1 << 20)
        for size in {0, 1, 59, 60, 61, *(b + d for b in borders for d in (-1, 0, 1))}:
            self.write(os.path.join(base, b"%d" % size), self.data(size))

    def links(self):
        base = self.mkdir("links")
        first = self.write(os.path.join(base, b"first"), b"one inode, many names")
        for number in range(100):
            os.link(first, os.path.join(base, b"name%d" % number))
        os.mkdir(os.path.join(base, b"below"))
        os.link(first, os.path.join(base, b"below", b"other directory"))

    def holes(self):
        """Sparse files; every border lies on a multiple of 64 KiB, so block sizes do not show."""
        base = self.mkdir("holes")
        chunk = 1 << 16

        def sparse(name, size, pieces):
            with open(os.path.join(base, name), "xb") as file:
                for offset in pieces:
                    os.pwrite(file.fileno(), self.data(chunk), offset)
                os.truncate(file.fileno(), size)

        sparse(b"all hole", 10 * chunk, [])
        sparse(b"hole first", 10 * chunk, [9 * chunk])
        sparse(b"hole last", 10 * chunk, [0])
        sparse(b"comb", 400 * chunk, range(0, 400 * chunk, 4 * chunk))
        sparse(b"backwards", 64 * chunk, range(62 * chunk, -1, -2 * chunk))
        size = self.scale["sparse"]
        sparse(b"huge", size, [0, size // 2, size - chunk])
        with open(os.path.join(base, b"shrunk"), "xb") as file:
            file.write(self.data(8 * chunk))
            file.flush()
            os.truncate(file.fileno(), 3 * chunk)
            os.truncate(file.fileno(), 8 * chunk)

    def special(self):
        base = self.mkdir("special")
        os.mkfifo(os.path.join(base, b"fifo"), 0o640)
        for kind, letter in ((stat.S_IFCHR, "c"), (stat.S_IFBLK, "b")):
            for major, minor in ((0, 0), (1, 3), (8, 1), (255, 255), (256, 256), (4095, 1048575)):
                name = f"{letter}-{major}-{minor}".encode()
                os.mknod(os.path.join(base, name), kind | 0o660, os.makedev(major, minor))
        server = socket.socket(socket.AF_UNIX)
        before = os.getcwd()
        os.chdir(base)  # an address holds 108 bytes
        server.bind(b"socket")
        os.chdir(before)
        server.close()

    def modes(self):
        base = self.mkdir("modes")
        for mode in (0, 0o400, 0o777, 0o1777, 0o2755, 0o2644, 0o4755, 0o6755, 0o7777):
            file = self.write(os.path.join(base, b"file-%04o" % mode), b"mode")
            os.chmod(file, mode)
            directory = os.path.join(base, b"dir-%04o" % mode)
            os.mkdir(directory)
            os.chmod(directory, mode)

    def owners(self):
        base = self.mkdir("owners")
        for uid in (0, 1, 65533, 65535, 65536, 100_000, 0x7FFF_FFFF, 0xFFFF_FFFE):
            file = self.write(os.path.join(base, b"%d" % uid))
            os.chown(file, uid, 0xFFFF_FFFE - uid)
        link = os.path.join(base, b"symlink")
        os.symlink(b"1", link)
        os.chown(link, 70_000, 80_000, follow_symlinks=False)

    def attributes(self):
        """Extended attributes that fit the inode, and that need a block of their own."""
        base = self.mkdir("xattrs")
        small = self.write(os.path.join(base, b"small"), b"x")
        os.setxattr(small, b"user.a", b"1")
        os.setxattr(small, b"user.empty", b"")
        many = self.write(os.path.join(base, b"many"), b"x")
        for number in range(self.block_size // 64):
            os.setxattr(many, b"user.n%03d" % number, self.data(number % 13))
        large = self.write(os.path.join(base, b"large"), b"x")
        os.setxattr(large, b"user.large", self.data(self.block_size - 300))
        os.setxattr(large, b"user.small", b"beside it")
        spaces = self.write(os.path.join(base, b"name spaces"), b"x")
        os.setxattr(spaces, b"user." + b"n" * 200, b"long name")
        os.setxattr(spaces, b"trusted.t", b"trusted")
        os.setxattr(spaces, b"security.s", b"security")
        # setcap cap_net_bind_service,cap_net_raw=ep
        capable = self.write(os.path.join(base, b"capability"), b"x")
        value = struct.pack("<5I", 0x0200_0001, 1 << 10 | 1 << 13, 0, 0, 0)
        os.setxattr(capable, b"security.capability", value)
        # The same large value on several files: ext4 shares the block.
        shared = self.data(self.block_size // 2)
        for number in range(5):
            file = self.write(os.path.join(base, b"shared%d" % number), b"x")
            os.setxattr(file, b"user.shared", shared)
        changed = self.write(os.path.join(base, b"changed"), b"x")
        os.setxattr(changed, b"user.c", self.data(self.block_size // 2))
        os.setxattr(changed, b"user.c", b"short")
        os.setxattr(changed, b"user.gone", b"gone")
        os.removexattr(changed, b"user.gone")
        directory = os.path.join(base, b"directory")
        os.mkdir(directory)
        os.setxattr(directory, b"user.d", b"directories too")
        link = os.path.join(base, b"symlink")
        os.symlink(b"small", link)
        os.setxattr(link, b"trusted.l", b"symlinks too", follow_symlinks=False)

    def acls(self):
        base = self.mkdir("acls")
        # Entries in the kernel's order: owner, users, group, groups, mask, other.
        owner, user, group, named_group, mask, other = 1, 2, 4, 8, 16, 32
        nobody = 0xFFFF_FFFF

        def acl(*entries):
            return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)

        access = acl(
            (owner, 6, nobody), (user, 4, 1000), (user, 6, 100_000), (group, 4, nobody),
            (named_group, 5, 2000), (mask, 6, nobody), (other, 0, nobody),
        )
        default = acl(
            (owner, 7, nobody), (user, 5, 1000), (group, 5, nobody), (mask, 5, nobody),
            (other, 0, nobody),
        )
        file = self.write(os.path.join(base, b"file"), b"acl")
        os.setxattr(file, b"system.posix_acl_access", access)
        directory = os.path.join(base, b"directory")
        os.mkdir(directory)
        os.setxattr(directory, b"system.posix_acl_access", access)
        os.setxattr(directory, b"system.posix_acl_default", default)
        # These inherit the default ACL.
        self.write(os.path.join(directory, b"inherits"), b"acl")
        os.mkdir(os.path.join(directory, b"inherits too"), 0o777)
        chmodded = self.write(os.path.join(base, b"chmod moves the mask"), b"acl")
        os.setxattr(chmodded, b"system.posix_acl_access", access)
        os.chmod(chmodded, 0o640)

    def symlinks(self):
        base = self.mkdir("symlinks")
        # 59 bytes fit the inode, 60 do not. The longest needs a block; a path has 4095 bytes at most.
        longest = min(4095, self.block_size - 1)
        for length in (1, 58, 59, 60, 61, 255, 1000, longest):
            # Components of at most 255 bytes, or ext4-view calls it corrupt.
            target = (b"t" * 100 + b"/") * (length // 100 + 1)
            os.symlink(target[: length - 1] + b"e", os.path.join(base, b"%d" % length))
        os.symlink(b"../names/x", os.path.join(base, b"good"))
        os.symlink(b"loop", os.path.join(base, b"loop"))

    def deep(self):
        path = self.mkdir("deep")
        for level in range(40):
            path = os.path.join(path, b"d%d" % level)
            os.mkdir(path)
        self.write(os.path.join(path, b"bottom"), b"here")

    def renamed(self):
        """What renames leave: moved directories (whose .. must follow), replaced and swapped files."""
        base = self.mkdir("renamed")
        for name in (b"from", b"to", b"from/moved"):
            os.mkdir(os.path.join(base, name))
        self.write(os.path.join(base, b"from/moved/file"), b"moved along")
        os.rename(os.path.join(base, b"from/moved"), os.path.join(base, b"to/moved"))
        self.write(os.path.join(base, b"old"), b"old")
        self.write(os.path.join(base, b"new"), b"new")
        os.rename(os.path.join(base, b"new"), os.path.join(base, b"old"))
        os.mkdir(os.path.join(base, b"empty"))
        os.rename(os.path.join(base, b"from"), os.path.join(base, b"empty"))

    def time_range(self):
        """Times at the borders of what the inode can hold."""
        base = self.mkdir("times")
        # The kernel drops the nanoseconds of the very first and last second, so those have none here.
        first, last = -(1 << 31), (1 << 31) - 1
        seconds = [first, first + 1, -1, 0, 1, last]
        nanoseconds = [0]
        if self.inode_size > 128:
            # Two more bits: 1901 to 2446. 13_600_000_000 is in 2400.
            last = 15_032_385_535
            seconds += [1 << 31, 1 << 32, 3 << 31, 1 << 33, 13_600_000_000, last - 1, last]
            nanoseconds += [1, 500_000_000, 999_999_999]
        for second in seconds:
            for nanosecond in nanoseconds if first < second < last else [0]:
                path = self.write(os.path.join(base, b"%d.%09d" % (second, nanosecond)))
                self.times[path] = second * 1_000_000_000 + nanosecond

    def many_subdirectories(self):
        """More subdirectories than a link count can tell."""
        base = self.mkdir("subdirs")
        for number in range(self.scale["subdirs"]):
            os.mkdir(os.path.join(base, b"%d" % number))

    def many_entries(self):
        """A hashed directory several levels deep; most entries are hard links, which cost no inodes."""
        base = self.mkdir("entries")
        sources = []
        for number in range(self.scale["entries"]):
            path = os.path.join(base, b"entry-%d" % number)
            if number % 5 == 0:
                self.write(path)
                if len(sources) < 6:
                    sources.append(path)
            else:
                os.link(sources[number % len(sources)], path)
        # Holes in the directory, filled again with other names.
        for number in range(0, self.scale["entries"], 7):
            if number > 35:
                os.unlink(os.path.join(base, b"entry-%d" % number))
        for number in range(self.scale["entries"] // 20):
            os.link(sources[number % len(sources)], os.path.join(base, b"again-%d" % number))

    def set_times(self):
        """Sets every file's times, directories after what is in them."""
        nanosecond = NANOSECOND if self.inode_size > 128 else 0
        usual = EPOCH * 1_000_000_000 + nanosecond
        done = set()
        for directory, dirs, files in os.walk(self.root, topdown=False):
            for name in files:
                path = os.path.join(directory, name)
                info = os.lstat(path)
                if info.st_nlink > 1:
                    if info.st_ino in done:
                        continue
                    done.add(info.st_ino)
                time = self.times.get(path, usual)
                os.utime(path, ns=(time, time), follow_symlinks=False)
            # os.walk lists symbolic links to directories among the directories.
            for name in dirs:
                path = os.path.join(directory, name)
                if os.path.islink(path):
                    os.utime(path, ns=(usual, usual), follow_symlinks=False)
            os.utime(directory, ns=(usual, usual))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dir", help="where to build; is made if it is not there")
    parser.add_argument("--scale", choices=SCALES, default="small")
    parser.add_argument("--block-size", type=int, default=4096, help="bounds xattrs and symlinks")
    parser.add_argument("--inode-size", type=int, default=256, help="128: whole seconds to 2038")
    parser.add_argument("--sparse", type=int, help="size of the largest sparse file")
    args = parser.parse_args()
    scale = SCALES[args.scale]
    if args.sparse:
        scale["sparse"] = args.sparse
    os.umask(0o022)
    os.makedirs(args.dir, exist_ok=True)
    Nasty(args.dir, scale, args.block_size, args.inode_size).build()


if __name__ == "__main__":
    main()
