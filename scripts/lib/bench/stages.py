"""An untar into a new image: `run --stage` of a user beside what root does."""

import os
import pathlib
import shlex
import statistics
import subprocess

from . import peers, trees

SIZE = "1G"
# Nobody in particular.
USER, SUBIDS = 23456, "200000:65536"
UNTAR = "tar -x -C {into} -f {tar} --numeric-owner --xattrs --xattrs-include='*'"

# $1: a directory of the user's, $2: what to do there. The user exists in this mount namespace only.
AS_USER = f"""
mount --make-rprivate /
{{ cat /etc/passwd; echo "stager:x:{USER}:{USER}::/:/bin/sh"; }} >"$1/passwd"
mount --bind "$1/passwd" /etc/passwd
echo "stager:{SUBIDS}" >"$1/subids"
for ids in /etc/subuid /etc/subgid; do mount --bind "$1/subids" $ids; done
cd "$1"
exec setpriv --reuid={USER} --regid={USER} --clear-groups env -u XDG_RUNTIME_DIR TMPDIR="$1" sh -euc "$2"
"""


def missing(work):
    """Why this cannot run below `work`, or None."""
    if os.geteuid() != 0:
        return "root has to become another user"
    if not os.access("/dev/fuse", os.F_OK) or os.stat("/dev/fuse").st_mode & 0o006 != 0o006:
        return "users may not open /dev/fuse"
    if not all(os.path.exists(file) for file in ("/etc/subuid", "/etc/subgid")):
        return "no subordinate ids here"
    if not all(above.stat().st_mode & 0o001 for above in (work, *work.parents)):
        return f"users do not get to {work}"
    return None


def contestants(binary, tar, place):
    """As in `trees`; each makes `place`/stage.ext4."""
    image, mountpoint = place / "stage.ext4", place / "stage.mnt"
    mountpoint.mkdir()
    liveroot = place / "liveroot"
    # The user need not be able to see where it was built.
    liveroot.write_bytes(pathlib.Path(binary).read_bytes())
    liveroot.chmod(0o755)
    inside = shlex.quote(UNTAR.format(into='"$LIVEROOT"', tar="rootfs.tar"))

    def user(options):
        script = f"""./liveroot create -q stage.ext4 --size {SIZE}
            ./liveroot run {options} stage.ext4 -- sh -c {inside}"""
        return lambda: peers.run("unshare", "-m", "sh", "-euc", AS_USER, "sh", place, script)

    def mounted(*mount):
        def work():
            peers.run("mke2fs", "-q", "-F", "-t", "ext4", image, SIZE)
            peers.run(*mount, image, mountpoint)
            daemon = peers.daemon_of(mountpoint)
            try:
                peers.run("sh", "-euc", UNTAR.format(into=mountpoint, tar="rootfs.tar"), cwd=place)
            finally:
                peers.run("umount", mountpoint)
                peers.wait_for(daemon)

        return work

    found = [
        ("stage", "`liveroot create` and `run --stage`, as a user", user("--stage")),
        ("process", "the same, `-o durability=process`", user("--stage -o durability=process")),
        ("run", "`liveroot create` and `run --direct`, as a user", user("--direct")),
        ("loop mount", "mke2fs, loop mount, umount, as root", mounted("mount", "-o", "loop")),
    ]
    if peers.Fuse2fs.missing() is None:
        found.append(("fuse2fs", "mke2fs, fuse2fs, umount, as root", mounted("fuse2fs", "-o", "fakeroot")))
    return image, found


def measure(binary, tar, work, runs, progress):
    """Rows of a table: what, median, fastest to slowest, liveroot's time by it."""
    place = work / "stage"
    place.mkdir()
    os.chown(place, USER, USER)
    (place / "rootfs.tar").write_bytes(pathlib.Path(tar).read_bytes())
    image, found = contestants(binary, tar, place)
    found_times = trees.take_turns("stages", found, image, place / "rootfs.tar", runs, progress)
    rows = [["an untar into a new image"]]
    for what in ("", ", and the image on disk"):
        rows[0] += ["seconds, median" + what, "fastest to slowest", "`--stage` / it", "with durability=process / it"]
    for name, about, _ in found:
        row = [about]
        for times in found_times:
            median = statistics.median(times[name])
            row += [f"{median:.3f}", trees.spread(times[name])]
            row += [f"{statistics.median(times[base]) / median:.2f}" for base in ("stage", "process")]
        rows.append(row)
    subprocess.run(["rm", "-rf", place], check=True)
    return rows
