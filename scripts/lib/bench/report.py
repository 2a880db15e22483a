"""Medians, ratios and the tables, for the terminal and for docs/benchmarks.md."""

import os
import platform
import statistics

from .workloads import STEPS

BASE = "liveroot"


class Results:
    """Everything measured."""

    def __init__(self):
        self.times = {}  # step → peer → seconds of each run
        self.requests = {}  # step → peer → kind → count
        self.peaks = {}  # peer → KiB
        self.trees = []  # rows of a table
        self.stages = []  # likewise
        self.scaling = []  # likewise
        self.threads = []  # likewise
        self.extras = []  # (what, value)
        self.skipped = {}  # peer → reason

    def add(self, peer, times):
        for step, seconds in times.items():
            self.times.setdefault(step, {}).setdefault(peer, []).append(seconds)

    def median(self, step, peer):
        runs = self.times.get(step, {}).get(peer)
        return statistics.median(runs) if runs else None


def table(rows):
    """Rows of cells as a Markdown table; the first row is the head, all columns but the first are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row):
        first, *rest = row
        cells = [first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(rest, widths[1:])]
        return "| " + " | ".join(cells) + " |"

    ruler = ["-" * widths[0]] + ["-" * (width - 1) + ":" for width in widths[1:]]
    return "\n".join([line(rows[0]), line(ruler), *(line(row) for row in rows[1:])])


def times_table(results, peers):
    others = [peer for peer in peers if peer != BASE]
    head = ["seconds, median"] + peers + ([f"{BASE} / {peer}" for peer in others] if BASE in peers else [])
    rows = [head]
    for step, description in STEPS.items():
        if step not in results.times:
            continue
        medians = {peer: results.median(step, peer) for peer in peers}
        row = [description] + [f"{medians[peer]:.2f}" if medians[peer] else "-" for peer in peers]
        if BASE in peers:
            for peer in others:
                both = medians[BASE] and medians[peer]
                row.append(f"{medians[BASE] / medians[peer]:.2f}" if both else "-")
        rows.append(row)
    return table(rows)


def spread_table(results, peers):
    rows = [["seconds, fastest to slowest"] + peers]
    for step in STEPS:
        if step not in results.times:
            continue
        row = [step]
        for peer in peers:
            runs = results.times[step].get(peer)
            row.append(f"{min(runs):.2f} to {max(runs):.2f}" if runs else "-")
        rows.append(row)
    return table(rows)


def requests_table(results, step):
    counts = results.requests.get(step, {})
    peers = list(counts)
    kinds = sorted({kind for by_kind in counts.values() for kind in by_kind}, key=lambda kind: (
        -max(by_kind.get(kind, 0) for by_kind in counts.values()), kind))
    rows = [[f"requests: {step}"] + peers]
    for kind in kinds:
        rows.append([kind] + [f"{counts[peer].get(kind, 0):,}" for peer in peers])
    rows.append(["all"] + [f"{sum(counts[peer].values()):,}" for peer in peers])
    return table(rows)


def sections(results, peers):
    """The report's parts: heading and text."""
    if results.times:
        yield "Times", times_table(results, peers)
        yield "Spread", spread_table(results, peers)
    if results.trees:
        yield "Whole trees", table(results.trees)
    if results.stages:
        yield "Stages", table(results.stages)
    if results.scaling:
        yield "Two at once", table(results.scaling)
    if results.threads:
        yield "Threads of a program that embeds the engine, image in memory", table(results.threads)
    if results.peaks:
        rows = [["the daemon's peak memory, over all of these", "MiB"]]
        rows += [[peer, f"{kib / 1024:.1f}"] for peer, kib in results.peaks.items()]
        yield "Memory", table(rows)
    if results.extras:
        yield "Also", table([["what", "value"]] + [list(row) for row in results.extras])
    if results.requests:
        text = "\n\n".join(requests_table(results, step) for step in results.requests)
        yield "FUSE requests", text
    if results.skipped:
        yield "Left out", "\n".join(f"- {peer}: {reason}" for peer, reason in results.skipped.items())


def machine():
    """One line about the machine, without anything that changes by the day."""
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / (1 << 20)
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    return f"{os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {release} on {platform.machine()}"


def markdown(results, peers, runs, tar, entries):
    """The text of docs/benchmarks.md."""
    out = [
        "# Benchmarks",
        "",
        "Made by `scripts/bench`; run it to reproduce. "
        f"Machine: {machine()}. Medians of {runs} runs, peers taking turns within each run, every run on a fresh image. "
        f"The root filesystem is a tar of {entries:,} entries, {os.path.getsize(tar) / 1e6:.0f} MB.",
        "",
        "- **liveroot**: this project, image from `liveroot create`.",
        "- **fsync=ignore**: the same, mounted with `-o fsync=ignore`.",
        "- **fuse2fs**: the FUSE server of e2fsprogs, image from mke2fs.",
        "- **kernel**: the kernel's ext4 over a loop device, image from mke2fs. Needs root.",
        "- **floor**: an in-memory filesystem that speaks FUSE as liveroot does (`bench/floor`): what is below it is "
        "the cost of FUSE itself. It has no image, so its times hold no unmount, and no disk.",
        "- **host**: a plain directory on the disk where the images are: what the disk takes by itself.",
        "",
        "Steps that write end when the mount is gone and the daemon has exited: what was written is in the image. Steps "
        "that read start with an empty cache of the mount (a remount; for the floor, dropped caches); the image itself "
        "is in the host's page cache. Below 1, a ratio says that liveroot is faster.",
    ]
    for heading, text in sections(results, peers):
        out += ["", f"## {heading}", "", text]
    return "\n".join(out) + "\n"
