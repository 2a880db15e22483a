"""The filesystems that are compared: how each is made, mounted and unmounted."""

import os
import pathlib
import shutil
import subprocess
import time


def run(*command, **options):
    """Runs a command that must succeed, quietly."""
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, **options
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def daemon_of(mountpoint):
    """The process that serves a FUSE mount: it has /dev/fuse open and the mount point on its command line."""
    wanted = os.fsencode(mountpoint)
    for process in pathlib.Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if wanted not in (process / "cmdline").read_bytes().split(b"\0"):
                continue
            for descriptor in (process / "fd").iterdir():
                if os.readlink(descriptor) == "/dev/fuse":
                    return int(process.name)
        except OSError:
            continue  # gone, or not ours
    return None


def runs(pid):
    """Whether the process has not ended. Where init is slow to reap, what is left of it stays for a while."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_for(pid):
    """Returns when the process, if there is one, has ended."""
    while pid and runs(pid):
        time.sleep(0.001)


def peak_memory(pid):
    """The most memory a process ever had, in KiB."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return None


def drop_caches():
    run("sync")
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


class Peer:
    """A filesystem in an image of its own below `work`."""

    name = ""
    is_fuse = True
    keeps_data = True  # over an unmount
    groups = None  # of workloads that it takes part in; None: all
    scales = ("disk", "memory")  # where its files may lie when two streams are compared with one

    def __init__(self, work):
        self.image = work / f"{self.name}.ext4"
        self.mountpoint = work / f"{self.name}.mnt"
        self.mountpoint.mkdir(exist_ok=True)
        self.pid = None
        self.peak = 0
        self.mounted = False

    @classmethod
    def missing(cls):
        """Why this peer cannot run here, or None."""
        return None

    def make(self, size="4G", inodes=None):
        """A fresh, empty, sparse image."""
        self.image.unlink(missing_ok=True)
        with open(self.image, "xb"):
            pass
        run("truncate", "-s", size, self.image)
        count = ["-N", inodes] if inodes else []
        run("mke2fs", "-q", "-F", "-t", "ext4", *count, self.image)

    def mount(self):
        self._mount()
        self.mounted = True
        self.pid = daemon_of(self.mountpoint) if self.is_fuse else None

    def umount(self):
        """Unmounts; on return all is in the image and the daemon is gone."""
        # Not by `mounted`: being told to stop may come between mounting and noting it.
        if not os.path.ismount(self.mountpoint):
            return
        self.note_peak()
        self.mounted = False
        self._umount()
        wait_for(self.pid)

    def note_peak(self):
        if self.pid:
            self.peak = max(self.peak, peak_memory(self.pid) or 0)

    def cool(self):
        """Makes the kernel forget what it knows of the mounted files."""
        self.umount()
        self.mount()

    def drop(self):
        """Deletes the image."""
        self.image.unlink(missing_ok=True)

    def _mount(self):
        raise NotImplementedError

    def _umount(self):
        run("umount", self.mountpoint)


class Liveroot(Peer):
    name = "liveroot"
    binary = None

    @classmethod
    def missing(cls):
        return None if cls.binary and os.access(cls.binary, os.X_OK) else f"no program {cls.binary}"

    def make(self, size="4G", inodes=None):
        count = ["--inodes", inodes] if inodes else []
        run(self.binary, "create", "--force", self.image, "--size", size, *count)

    def _mount(self):
        run(self.binary, "mount", self.image, self.mountpoint)

    def _umount(self):
        run(self.binary, "umount", self.mountpoint)


class Ignoring(Liveroot):
    """liveroot, with fsync left to the unmount."""

    name = "fsync=ignore"
    groups = ("packages",)
    scales = ()

    def _mount(self):
        run(self.binary, "mount", self.image, self.mountpoint, "-o", "fsync=ignore")


class Fuse2fs(Peer):
    name = "fuse2fs"

    @classmethod
    def missing(cls):
        return None if shutil.which("fuse2fs") else "fuse2fs is not installed"

    def _mount(self):
        run("fuse2fs", "-o", "allow_other,default_permissions,suid,dev", self.image, self.mountpoint)


class Kernel(Peer):
    name = "kernel"
    is_fuse = False

    @classmethod
    def missing(cls):
        if os.geteuid() != 0:
            return "loop mounts need root"
        return None if os.path.exists("/dev/loop-control") else "no loop devices"

    def _mount(self):
        run("mount", "-o", "loop", self.image, self.mountpoint)


class Floor(Peer):
    """The in-memory filesystem in bench/floor."""

    name = "floor"
    keeps_data = False
    scales = ("memory",)
    binary = None

    @classmethod
    def missing(cls):
        return None if cls.binary and os.access(cls.binary, os.X_OK) else f"no program {cls.binary}"

    def make(self, size="4G", inodes=None):
        pass

    def _mount(self):
        run(self.binary, self.mountpoint)

    def cool(self):
        """Unmounting would lose the files; the kernel's caches can be dropped under it instead."""
        drop_caches()


class Host(Peer):
    """A plain directory of the host: what its disk takes by itself."""

    name = "host"
    is_fuse = False
    groups = ("big",)
    scales = ("disk",)

    @classmethod
    def missing(cls):
        return None if os.geteuid() == 0 else "dropping the host's caches needs root"

    def make(self, size="4G", inodes=None):
        shutil.rmtree(self.mountpoint)
        self.mountpoint.mkdir()

    def umount(self):
        self.mounted = False

    def cool(self):
        drop_caches()

    def drop(self):
        shutil.rmtree(self.mountpoint)

    def _mount(self):
        pass


ALL = [Liveroot, Ignoring, Fuse2fs, Kernel, Floor, Host]
