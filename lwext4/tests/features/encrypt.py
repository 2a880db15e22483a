"""Makes an encrypted directory `enc` where ext4 is mounted: encrypt.py MOUNTPOINT."""
import fcntl, os, struct, sys

ADD_ENCRYPTION_KEY = 0xC0506617
SET_ENCRYPTION_POLICY = 0x800C6613

at = sys.argv[1]
root = os.open(at, os.O_RDONLY)
key = bytearray(struct.pack("<II32sII32x", 2, 0, b"", 64, 0) + bytes(range(64)))
fcntl.ioctl(root, ADD_ENCRYPTION_KEY, key, True)
# Version 2, AES-256-XTS, AES-256-CTS, names padded to 32 bytes.
policy = struct.pack("<BBBB4x16s", 2, 1, 4, 3, bytes(key[8:24]))
enc = at + "/enc"
os.mkdir(enc)
directory = os.open(enc, os.O_RDONLY)
fcntl.ioctl(directory, SET_ENCRYPTION_POLICY, policy)
for name in ["a", "hello", "x" * 50, "y" * 150, "z" * 250, "z" * 249 + "a"]:
    with open(f"{enc}/{name}", "w") as file:
        file.write(name * 20)
os.symlink("target", enc + "/link")
os.symlink("t" * 200, enc + "/long link")
os.mkfifo(enc + "/fifo")
os.mkdir(enc + "/empty")
os.mkdir(enc + "/big")
for i in range(300):
    os.close(os.open(f"{enc}/big/file number {i}" + "n" * (i % 200), os.O_CREAT))
os.close(directory)
os.close(root)
