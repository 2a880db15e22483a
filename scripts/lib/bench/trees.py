"""A whole tree into a new image in one command: times of whole commands, made anew each time."""

import os
import shutil
import statistics
import time

from . import peers, workloads

SIZE = "1G"


def contestants(binary, tar, work):
    """(name, what it is, command) of what can run here; each makes `work`/tree.ext4."""
    image = work / "tree.ext4"
    unpacked = work / "tree"
    unpacked.mkdir()
    workloads.untar(tar, unpacked)

    def loop():
        peers.run("mke2fs", "-q", "-F", "-t", "ext4", image, SIZE)
        peers.run("mount", "-o", "loop", image, mountpoint)
        try:
            workloads.untar(tar, mountpoint)
        finally:
            peers.run("umount", mountpoint)

    mountpoint = work / "tree.mnt"
    mountpoint.mkdir(exist_ok=True)
    create = (binary, "create", "-q", image, "--size", SIZE, "--from")
    found = [
        ("create --from", "`liveroot create --from` the tar", lambda: peers.run(*create, tar)),
        ("create --from --sync", "the same, safe from a power cut at the end", lambda: peers.run(*create, tar, "--sync")),
        ("from a directory", "`liveroot create --from` the unpacked tree", lambda: peers.run(*create, unpacked)),
        ("cp", "`cp` of the tar", lambda: peers.run("cp", tar, image)),
        ("mke2fs -d", "`mke2fs -d` of the unpacked tree", lambda: peers.run(
            "mke2fs", "-q", "-F", "-t", "ext4", "-d", unpacked, image, SIZE)),
    ]
    if peers.Kernel.missing() is None:
        found.append(("loop mount", "mke2fs, loop mount, tar -x, umount (root)", loop))
    return image, found


def take_turns(label, found, image, tar, runs, progress):
    """For each of what was found, by name, how long it took to make `image` anew, and until that was on disk."""
    times, synced = {name: [] for name, _, _ in found}, {name: [] for name, _, _ in found}
    try:
        for number in range(runs):
            for name, _, command in found:
                progress(f"{label}: run {number + 1} of {runs}, {name}")
                image.unlink(missing_ok=True)
                # Nobody pays for what the one before left to the disk.
                os.sync()
                workloads.warm(tar)
                start = time.monotonic()
                command()
                times[name].append(time.monotonic() - start)
                peers.run("sync", image)
                synced[name].append(time.monotonic() - start)
    finally:
        image.unlink(missing_ok=True)
    return times, synced


def spread(times):
    """The fastest and the slowest, for a table."""
    return f"{min(times):.2f} to {max(times):.2f}"


def measure(binary, tar, work, runs, progress):
    """Rows of a table: what, median, fastest to slowest, liveroot's time by it."""
    image, found = contestants(binary, tar, work)
    try:
        times, _ = take_turns("trees", found, image, tar, runs, progress)
    finally:
        shutil.rmtree(work / "tree")
    medians = {name: statistics.median(runs) for name, runs in times.items()}
    base, synced = medians["create --from"], medians["create --from --sync"]
    rows = [["a tree into a new image", "seconds, median", "fastest to slowest", "create / it", "create --sync / it"]]
    for name, about, _ in found:
        median = medians[name]
        rows.append([about, f"{median:.3f}", spread(times[name]), f"{base / median:.2f}", f"{synced / median:.2f}"])
    return rows
