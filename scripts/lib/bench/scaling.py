"""Two at once against one: dd on different files of a mount, and threads of the engine without FUSE between."""

import os
import statistics
import subprocess
import time

from .workloads import shell

WORK = {
    "write": 'dd if=/dev/zero of="$1/$2" bs=1M count=256 conv=fsync 2>/dev/null',
    "read": 'dd if="$1/$2" of=/dev/null bs=1M 2>/dev/null',
    "direct write": 'dd if=/dev/zero of="$1/$2" bs=128K count=1024 oflag=direct conv=notrunc 2>/dev/null',
    "direct read": 'dd if="$1/$2" of=/dev/null bs=128K count=1024 iflag=direct 2>/dev/null',
}
PLACES = {"disk": "image on disk", "memory": "image in memory"}


def measure(chosen, work, memory, runs, progress):
    """Rows of a table: kinds of work by peers. `memory`, if given, is a directory in the host's memory."""
    columns = [kind for kind in chosen if kind.scales]
    rows = [["throughput of two at once, one alone being 1 (cores that one kept busy)"] + [kind.name for kind in columns]]
    for where, place in zip(PLACES, (work, memory)):
        for what in WORK if place else ():
            cells = [f"{what}, {PLACES[where]}"]
            for kind in columns:
                if where not in kind.scales:
                    cells.append("-")
                    continue
                progress(f"scaling: {what}, in {where}, {kind.name}")
                peer = kind(place)
                factor, cores = statistics.median_high(two_at_once(peer, what) for _ in range(runs))
                cells.append(f"{factor:.2f} ({cores:.1f})")
                peer.drop()
            rows.append(cells)
    return rows


def two_at_once(peer, what):
    """Writing or reading one file, then two at once.

    Gives the factor in throughput, and how many cores the machine kept busy while it was one: a stream that keeps two
    busy by itself cannot be faster with another one beside it. Direct reads and writes wait for each answer.
    """

    def seconds(names):
        start = time.monotonic()
        busy = busy_seconds()
        running = [subprocess.Popen(["sh", "-c", WORK[what], "sh", str(peer.mountpoint), name]) for name in names]
        if any([process.wait() for process in running]):
            raise RuntimeError("dd failed")
        took = time.monotonic() - start
        return took, (busy_seconds() - busy) / took

    peer.make()
    peer.mount()
    try:
        if what != "write":
            for name in ("one", "two", "three"):
                shell('dd if=/dev/zero of="$1" bs=1M count=256 2>/dev/null', peer.mountpoint / name)
            peer.cool()
        alone, cores = seconds(["one"])
        together, _ = seconds(["two", "three"])
    finally:
        peer.umount()
    return 2 * alone / together, cores


def busy_seconds():
    """What all cores have worked so far, in seconds."""
    with open("/proc/stat") as file:
        user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, file.readline().split()[1:])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def engine(binary, memory, runs, progress):
    """Rows of a table: what one thread and two do, in a program that embeds the engine, with the image in `memory`."""
    seen = {}
    for number in range(runs):
        progress(f"scaling: threads of the engine, run {number + 1} of {runs}")
        done = subprocess.run([binary, memory / "threads.ext4"], check=True, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            one, two, name = line.split(maxsplit=2)
            seen.setdefault(name, []).append((float(two) / float(one), float(one), float(two)))
    rows = [["each thread on a file or directory of its own", "unit", "one thread", "two threads", "factor"]]
    for name, results in seen.items():
        factor, one, two = statistics.median_high(results)
        unit = "files of 4 KiB per second" if name == "create" else "MiB per second"
        rows.append([name, unit, f"{one:,.0f}", f"{two:,.0f}", f"{factor:.2f}"])
    return rows
