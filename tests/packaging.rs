//! What users are given: the Debian package installs and serves fstab, the static program runs where nothing else is.

mod support;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::command::{command, output, run, said, shell};
use support::requirements::{Need, can_run, skip};
use tempfile::TempDir;

/// Makes both packages, once; where they are.
fn packages() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        run(Command::new(project.join("scripts/package")).arg("--quick"));
        project.join("target/package")
    })
}

/// A root file system to change the root into, with devices and processes.
struct Chroot {
    dir: TempDir,
}

impl Chroot {
    fn new(tar: &OsStr) -> Chroot {
        let dir =
            TempDir::with_prefix("liveroot-chroot-").expect("temporary directories can be made");
        shell(
            "tar -xf \"$2\" -C \"$1\" --numeric-owner --exclude='./dev/*'
             mount --bind /dev \"$1/dev\"
             mount -t proc proc \"$1/proc\"",
            [dir.path().as_os_str(), tar],
        );
        Chroot { dir }
    }

    fn sh(&self, script: &str) -> String {
        run(Command::new("chroot")
            .arg(self.dir.path())
            .args(["/bin/sh", "-euc", script])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
    }
}

impl Drop for Chroot {
    fn drop(&mut self) {
        for at in ["mnt", "proc", "dev"] {
            output(
                Command::new("umount")
                    .arg("-l")
                    .arg(self.dir.path().join(at)),
            );
        }
    }
}

#[test]
fn the_debian_package_installs_and_fstab_mounts_with_it() {
    let name = "the_debian_package_installs_and_fstab_mounts_with_it";
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Program("dpkg"),
        Need::Program("e2fsck"),
    ];
    if !can_run(name, &needs) {
        return;
    }
    let Some(tar) = std::env::var_os("LIVEROOT_TEST_ROOTFS") else {
        return skip(name, "LIVEROOT_TEST_ROOTFS names no root file system");
    };
    let listing = run(&mut command("tar", [OsStr::new("-tf"), &tar]));
    if !listing.lines().any(|line| line == "./usr/bin/dpkg") {
        return skip(name, "the root file system is not Debian's");
    }
    let chroot = Chroot::new(&tar);
    for file in fs::read_dir(packages()).expect("the packages are there") {
        let file = file.expect("the directory can be read").path();
        if file.extension() == Some(OsStr::new("deb")) {
            fs::copy(&file, chroot.dir.path().join("liveroot.deb")).expect("files can be copied");
        }
    }
    chroot.sh("dpkg -i /liveroot.deb");
    assert!(chroot.sh("liveroot --version").starts_with("liveroot "));
    chroot.sh("test -e /usr/share/man/man1/liveroot-mount.1.gz || ! test -d /usr/share/man/man1");
    chroot.sh("liveroot create /srv/rootfs.ext4 --size 64M
         echo '/srv/rootfs.ext4 /mnt fuse.liveroot defaults 0 0' >/etc/fstab
         mount -a
         mountpoint /mnt
         echo through fstab >/mnt/file
         liveroot umount /mnt
         ! test -e /mnt/file");
    let image = chroot.dir.path().join("srv/rootfs.ext4");
    run(command("e2fsck", ["-fn"]).arg(&image));
    let seen = run(command("debugfs", ["-R", "cat /file"]).arg(&image));
    assert_eq!(seen, "through fstab\n");
    chroot.sh("dpkg -r liveroot; ! test -e /usr/sbin/mount.fuse.liveroot");
}

/// Podman as root, the way that works without systemd, and without the limits that a container cannot set.
fn podman(args: &[&OsStr]) -> Command {
    let mut podman = Command::new("podman");
    if let Some(runc) = ["/usr/sbin/runc", "/usr/bin/runc"]
        .iter()
        .find(|path| Path::new(path).exists())
    {
        podman.args(["--runtime", runc]);
    }
    podman.args(["--cgroup-manager", "cgroupfs"]).args(args);
    podman
}

#[test]
fn the_static_program_runs_in_an_empty_container() {
    let name = "the_static_program_runs_in_an_empty_container";
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Program("podman"),
        Need::Program("e2fsck"),
    ];
    if !can_run(name, &needs) {
        return;
    }
    let work =
        TempDir::with_prefix("liveroot-container-").expect("temporary directories can be made");
    let volume = format!("{}:/work", work.path().display());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/Containerfile");
    let tag = format!("liveroot-test-{}", std::process::id());
    let os = OsStr::new::<str>;
    let tag = os(&tag);
    let built = output(&mut podman(&[
        os("build"),
        os("--quiet"),
        os("--isolation=chroot"),
        os("--tag"),
        tag,
        os("--file"),
        file.as_os_str(),
        packages().as_os_str(),
    ]));
    if !built.status.success() {
        return skip(name, &format!("podman cannot build here: {}", said(&built)));
    }
    let start = |options: &[&str], arguments: &[&str]| {
        let mut run = podman(&[os("run"), os("--network=none")]);
        run.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"])
            .args(["--volume", &volume])
            .args(options)
            .arg(tag)
            .args(arguments);
        run
    };
    run(&mut start(
        &["--rm"],
        &["create", "rootfs.ext4", "--size", "64M"],
    ));
    fs::create_dir(work.path().join("mnt")).expect("directories can be made");
    let mount = ["mount", "--foreground", "rootfs.ext4", "mnt"];
    let fuse = ["--detach", "--device=/dev/fuse", "--cap-add=SYS_ADMIN"];
    let container = run(&mut start(&fuse, &mount));
    let container = os(container.trim());
    // The mount is the container's own: its first process shows it.
    let pid = run(&mut podman(&[
        os("inspect"),
        os("--format={{.State.Pid}}"),
        container,
    ]));
    shell(
        "n=0
         until grep -q ' /work/mnt fuse.liveroot ' /proc/$1/mounts; do
             n=$((n + 1)); [ $n -lt 200 ] || exit 1; sleep 0.05
         done
         echo from a container >/proc/$1/root/work/mnt/file",
        [pid.trim()],
    );
    run(&mut podman(&[os("stop"), container]));
    let code = run(&mut podman(&[
        os("inspect"),
        os("--format={{.State.ExitCode}}"),
        container,
    ]));
    run(&mut podman(&[os("rm"), container]));
    run(&mut podman(&[os("rmi"), tag]));
    assert_eq!(code.trim(), "0");
    let image = work.path().join("rootfs.ext4");
    run(command("e2fsck", ["-fn"]).arg(&image));
    let seen = run(command("debugfs", ["-R", "cat /file"]).arg(&image));
    assert_eq!(seen, "from a container\n");
}
