//! The command line as users meet it: what each mistake is answered with, and how sessions begin and end.

mod support;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::command::{command, output, run, said, shell};
use support::image::LIVEROOT;
use support::requirements::{Need, can_run, is_root, skip};
use tempfile::TempDir;

/// A directory with an image and a mount point; what is mounted there is unmounted in the end.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Bench {
        let dir = TempDir::with_prefix("liveroot-cli-").unwrap();
        // The other user must get in.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(dir.path().join("mnt")).unwrap();
        Bench { dir }
    }

    fn with_image() -> Bench {
        let bench = Bench::new();
        bench.ok(&["create", "image.ext4", "--size", "64M", "--quiet"]);
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn liveroot(&self, args: &[&str]) -> Command {
        let mut command = command(LIVEROOT, args);
        command.current_dir(self.dir.path());
        command
    }

    fn ok(&self, args: &[&str]) -> String {
        run(&mut self.liveroot(args))
    }

    /// Runs a command that must fail with one line; gives that line.
    #[track_caller]
    fn fails(&self, args: &[&str]) -> String {
        one_line(&output(&mut self.liveroot(args)), 1)
    }

    fn is_mounted(&self) -> bool {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.contains(&format!(" {} ", self.path("mnt").display()))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.is_mounted() {
            let _ = command("umount", ["-l"]).arg(self.path("mnt")).output();
        }
    }
}

/// The one line on standard error of a command that failed with `code`, without the program's name.
#[track_caller]
fn one_line(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", said(output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "{text}");
    match text.strip_prefix("liveroot: ") {
        Some(line) => line.trim_end().to_owned(),
        None => panic!("no name in front of {text}"),
    }
}

#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not so: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn mount_works(test: &str) -> bool {
    can_run(test, &[Need::Fuse])
}

fn e2fsck(image: &Path) {
    run(command("e2fsck", ["-fn"]).arg(image));
}

/// Commands of a user who is not root, in the bench's directory: by name if this is root.
fn as_user(test: &str, bench: &Bench, script: &str) -> Option<Output> {
    let mut command = if is_root() {
        if !Path::new("/usr/sbin/runuser").exists() && !Path::new("/sbin/runuser").exists() {
            skip(test, "no runuser to become another user with");
            return None;
        }
        let reachable = command("runuser", ["-u", "nobody", "--", "test", "-x", LIVEROOT]);
        if !{ reachable }.status().is_ok_and(|status| status.success()) {
            skip(test, "the user nobody cannot run the program where it lies");
            return None;
        }
        command("runuser", ["-u", "nobody", "--", "sh", "-c", script, "sh"])
    } else {
        command("sh", ["-c", script, "sh"])
    };
    Some(output(command.arg(LIVEROOT).current_dir(bench.dir.path())))
}

#[test]
fn a_session_from_nothing_to_a_clean_image() {
    if !mount_works("a_session_from_nothing_to_a_clean_image") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    assert!(bench.is_mounted());
    fs::write(bench.path("mnt/hello"), "world").unwrap();
    bench.ok(&["umount", "mnt"]);
    assert!(!bench.is_mounted());
    e2fsck(&bench.path("image.ext4"));
    bench.ok(&["mount", "image.ext4", "mnt", "--read-only"]);
    assert_eq!(fs::read(bench.path("mnt/hello")).unwrap(), b"world");
    assert!(fs::write(bench.path("mnt/hello"), "x").is_err());
    bench.ok(&["umount", "image.ext4"]);
}

#[test]
fn the_mount_table_shows_type_and_image() {
    if !mount_works("the_mount_table_shows_type_and_image") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let point = bench.path("mnt").display().to_string();
    let line = table.lines().find(|line| line.contains(&point)).unwrap();
    let image = bench.path("image.ext4").display().to_string();
    assert!(
        line.contains(&format!(" - fuse.liveroot {image} ")),
        "{line}"
    );
    assert!(line.contains("default_permissions"), "{line}");
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn mount_answers_in_the_form_that_fstab_leads_to() {
    if !mount_works("mount_answers_in_the_form_that_fstab_leads_to") {
        return;
    }
    let bench = Bench::with_image();
    let image = bench.path("image.ext4").display().to_string();
    bench.ok(&[
        &image,
        "mnt",
        "-o",
        "ro,noauto,user,nofail,x-systemd.automount",
    ]);
    assert!(bench.is_mounted());
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn an_image_that_is_no_image_is_named_for_what_it_is() {
    let bench = Bench::new();
    fs::write(bench.path("zeroes"), vec![0; 1 << 20]).unwrap();
    let line = bench.fails(&["mount", "zeroes", "mnt"]);
    assert!(
        line.starts_with("zeroes: not an ext4 file system"),
        "{line}"
    );
    fs::write(bench.path("packed"), b"\x1f\x8b and so on".repeat(1000)).unwrap();
    let line = bench.fails(&["mount", "packed", "mnt"]);
    assert!(
        line.contains("compressed with gzip (unpack it: gunzip)"),
        "{line}"
    );
    fs::write(bench.path("empty"), "").unwrap();
    assert!(
        bench
            .fails(&["mount", "empty", "mnt"])
            .contains("the file is empty")
    );
    assert!(bench.fails(&["info", "zeroes"]).contains("not an ext4"));
}

#[test]
fn an_image_that_is_cut_short_is_refused() {
    let bench = Bench::with_image();
    let file = File::options().write(true).open(bench.path("image.ext4"));
    file.unwrap().set_len(10 << 20).unwrap();
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("cut short"), "{line}");
    assert!(bench.ok(&["info", "image.ext4"]).contains("cut short"));
}

#[test]
fn a_feature_that_nobody_knows_is_named() {
    let bench = Bench::new();
    for args in [
        &["create", "image.ext4", "--size", "64M"][..],
        &[
            "create",
            "nosum.ext4",
            "--size",
            "64M",
            "--features",
            "^metadata_csum",
        ],
    ] {
        bench.ok(args);
    }
    // s_feature_incompat, at byte 0x60 of the superblock: bit 30 means nothing so far.
    let file = File::options()
        .read(true)
        .write(true)
        .open(bench.path("nosum.ext4"))
        .unwrap();
    let mut word = [0; 4];
    file.read_exact_at(&mut word, 1024 + 0x60).unwrap();
    let word = u32::from_le_bytes(word) | 1 << 30;
    file.write_all_at(&word.to_le_bytes(), 1024 + 0x60).unwrap();
    let line = bench.fails(&["mount", "nosum.ext4", "mnt"]);
    assert!(line.contains("FEATURE_I30"), "{line}");
    let report = bench.ok(&["info", "nosum.ext4"]);
    assert!(
        report.contains("FEATURE_I30: made by a newer tool"),
        "{report}"
    );
}

#[test]
fn an_image_that_is_missing_is_said_to_be() {
    let bench = Bench::new();
    let line = bench.fails(&["mount", "missing.ext4", "mnt"]);
    assert_eq!(
        line,
        "missing.ext4: no such file; make one: liveroot create missing.ext4 --size 1G"
    );
    assert!(
        bench
            .fails(&["info", "missing.ext4"])
            .contains("no such file")
    );
    assert!(
        bench
            .fails(&["mount", "mnt", "mnt"])
            .contains("a directory, not an image")
    );
}

#[test]
fn an_image_that_is_unreadable_or_read_only_is_said_to_be() {
    const NAME: &str = "an_image_that_is_unreadable_or_read_only_is_said_to_be";
    let bench = Bench::with_image();
    let image = bench.path("image.ext4");
    fs::set_permissions(&image, Permissions::from_mode(0o000)).unwrap();
    let Some(refused) = as_user(NAME, &bench, "\"$1\" mount image.ext4 mnt") else {
        return;
    };
    assert_eq!(
        one_line(&refused, 1),
        "image.ext4: not readable: permission denied; see its mode with ls -l"
    );
    fs::set_permissions(&image, Permissions::from_mode(0o444)).unwrap();
    let refused = as_user(NAME, &bench, "\"$1\" mount image.ext4 mnt").unwrap();
    let line = one_line(&refused, 1);
    assert!(line.contains("not writable"), "{line}");
    assert!(line.contains("--read-only"), "{line}");
}

#[test]
fn an_image_in_use_by_another_liveroot_is_refused() {
    if !mount_works("an_image_in_use_by_another_liveroot_is_refused") {
        return;
    }
    let bench = Bench::with_image();
    fs::create_dir(bench.path("second")).unwrap();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    for args in [
        &["mount", "image.ext4", "second"][..],
        &["mount", "image.ext4", "second", "--read-only"],
        &["create", "image.ext4", "--size", "8M", "--force"],
    ] {
        let line = bench.fails(args);
        assert!(
            line.contains("in use by another liveroot, process"),
            "{line}"
        );
        assert!(line.contains("liveroot umount"), "{line}");
    }
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("already mounted here"), "{line}");
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn readers_share_an_image() {
    if !mount_works("readers_share_an_image") {
        return;
    }
    let bench = Bench::with_image();
    fs::create_dir(bench.path("second")).unwrap();
    bench.ok(&["mount", "image.ext4", "mnt", "--read-only"]);
    bench.ok(&["mount", "image.ext4", "second", "--read-only"]);
    bench.ok(&["umount", "second"]);
    assert!(bench.is_mounted());
    bench.ok(&["umount", "image.ext4"]);
    assert!(!bench.is_mounted());
}

#[test]
fn an_image_that_the_kernel_has_is_refused() {
    const NAME: &str = "an_image_that_the_kernel_has_is_refused";
    if !can_run(NAME, &[Need::Loop, Need::Program("losetup")]) {
        return;
    }
    let bench = Bench::with_image();
    let device = shell("losetup -f --show \"$1\"", [bench.path("image.ext4")]);
    let device = device.trim();
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    shell("losetup -d \"$1\"", [device]);
    assert!(
        line.contains(&format!("in use by the kernel as {device}")),
        "{line}"
    );
}

#[test]
fn a_mount_point_that_is_none_is_said_to_be() {
    let bench = Bench::with_image();
    assert_eq!(
        bench.fails(&["mount", "image.ext4", "missing"]),
        "missing: there is no such directory; make it: mkdir -p missing"
    );
    assert!(
        bench
            .fails(&["mount", "image.ext4", "image.ext4"])
            .contains("not a directory")
    );
}

#[test]
fn a_machine_without_fuse_is_told_how_to_get_it() {
    const NAME: &str = "a_machine_without_fuse_is_told_how_to_get_it";
    if !can_run(NAME, &[Need::Root, Need::Program("unshare")]) {
        return;
    }
    let bench = Bench::with_image();
    // An empty /dev, in a mount namespace of its own.
    let script = "mount -t tmpfs none /dev && exec \"$1\" mount image.ext4 mnt";
    let mut unshare = command("unshare", ["-m", "sh", "-c", script, "sh", LIVEROOT]);
    let line = one_line(&output(unshare.current_dir(bench.dir.path())), 1);
    assert!(line.starts_with("/dev/fuse: no such device"), "{line}");
    assert!(line.contains("modprobe fuse"), "{line}");
}

#[test]
fn a_user_without_fusermount3_is_told_the_package() {
    const NAME: &str = "a_user_without_fusermount3_is_told_the_package";
    if !mount_works(NAME) {
        return;
    }
    let bench = Bench::with_image();
    fs::set_permissions(bench.path("image.ext4"), Permissions::from_mode(0o666)).unwrap();
    let script = "PATH=/nowhere \"$1\" mount image.ext4 mnt";
    let Some(refused) = as_user(NAME, &bench, script) else {
        return;
    };
    let line = one_line(&refused, 1);
    assert!(line.contains("fusermount3 is not installed"), "{line}");
    assert!(line.contains("install the package fuse3"), "{line}");
}

#[test]
fn a_user_mounts_and_unmounts_alone() {
    const NAME: &str = "a_user_mounts_and_unmounts_alone";
    if !can_run(NAME, &[Need::Fuse, Need::Program("fusermount3")]) {
        return;
    }
    let bench = Bench::new();
    fs::set_permissions(bench.dir.path(), Permissions::from_mode(0o777)).unwrap();
    let script = "set -e; mkdir own; \"$1\" create own.ext4 -s 64M -q; \"$1\" mount own.ext4 own
        echo hello > own/file; \"$1\" umount own; test ! -e own/file
        \"$1\" mount own.ext4 own; cat own/file; kill -TERM $(\"$1\" info own.ext4 --json |
        sed -n 's/.*\"pid\": //p'); while \"$1\" info own.ext4 | grep -q 'State: *mounted'; do sleep 0.1; done";
    let Some(done) = as_user(NAME, &bench, script) else {
        return;
    };
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(done.stdout, b"hello\n");
    e2fsck(&bench.path("own.ext4"));
}

#[test]
fn a_full_image_says_so_keeps_what_it_has_and_takes_more_after_a_deletion() {
    if !mount_works("a_full_image_says_so_keeps_what_it_has_and_takes_more_after_a_deletion") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    fs::write(bench.path("mnt/before"), "kept").unwrap();
    let fill = "head -c 100M /dev/zero > \"$1\"";
    let filled = output(&mut command("sh", ["-c", fill, "sh"]).arg_path(&bench.path("mnt/large")));
    // head writes into the cache, and the shell does not look at close: syncing tells.
    let synced = File::open(bench.path("mnt/large")).unwrap().sync_all();
    assert!(!filled.status.success() || synced.is_err());
    assert_eq!(fs::read(bench.path("mnt/before")).unwrap(), b"kept");
    fs::remove_file(bench.path("mnt/large")).unwrap();
    fs::write(bench.path("mnt/after"), vec![7; 8 << 20]).unwrap();
    bench.ok(&["umount", "mnt"]);
    e2fsck(&bench.path("image.ext4"));
    bench.ok(&["mount", "image.ext4", "mnt", "-r"]);
    assert_eq!(
        fs::metadata(bench.path("mnt/after")).unwrap().len(),
        8 << 20
    );
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn a_full_host_is_reported_by_umount() {
    const NAME: &str = "a_full_host_is_reported_by_umount";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::new();
    let host = bench.path("host");
    fs::create_dir(&host).unwrap();
    shell("mount -t tmpfs -o size=24M none \"$1\"", [&host]);
    let unmount_host = || shell("umount \"$1\"", [&host]);
    bench.ok(&["create", "host/image.ext4", "--size", "256M", "--quiet"]);
    bench.ok(&["mount", "host/image.ext4", "mnt"]);
    fs::write(bench.path("mnt/early"), "kept").unwrap();
    shell("sync -f \"$1\"", [bench.path("mnt/early")]);
    let fill = "head -c 60M /dev/urandom > \"$1\"";
    let _ = output(&mut command("sh", ["-c", fill, "sh"]).arg_path(&bench.path("mnt/large")));
    let synced = File::open(bench.path("mnt/large")).unwrap().sync_all();
    let refused = output(&mut bench.liveroot(&["umount", "mnt"]));
    let line = String::from_utf8_lossy(&refused.stderr).into_owned();
    let check = output(command("e2fsck", ["-fy"]).arg(bench.path("host/image.ext4")));
    unmount_host();
    assert!(synced.is_err());
    assert_eq!(refused.status.code(), Some(1), "{line}");
    assert!(line.contains("host/image.ext4: "), "{line}");
    assert!(
        check.status.code().is_some_and(|code| code <= 1),
        "{}",
        said(&check)
    );
}

#[test]
fn a_busy_mount_stays_and_its_users_are_listed() {
    if !mount_works("a_busy_mount_stays_and_its_users_are_listed") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let line = bench.fails(&["umount", "mnt"]);
    let name = format!("sleep (process {}, working directory)", sleeper.id());
    assert!(line.contains(&name), "{line}");
    assert!(line.contains("--lazy"), "{line}");
    assert!(bench.is_mounted());
    end(&mut sleeper);
    bench.ok(&["umount", "mnt"]);
}

#[test]
fn a_lazy_unmount_returns_when_the_last_user_lets_go() {
    if !mount_works("a_lazy_unmount_returns_when_the_last_user_lets_go") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let mut lazy = bench.liveroot(&["umount", "--lazy", "mnt"]);
    let lazy = lazy.stderr(Stdio::piped()).spawn().unwrap();
    eventually("the directory is free", || !bench.is_mounted());
    let line = bench.fails(&["mount", "image.ext4", "mnt"]);
    assert!(line.contains("in use by another liveroot"), "{line}");
    std::thread::sleep(Duration::from_millis(600));
    end(&mut sleeper);
    let lazy = lazy.wait_with_output().unwrap();
    assert!(lazy.status.success());
    let said = String::from_utf8_lossy(&lazy.stderr).into_owned();
    assert!(said.contains("waiting for sleep"), "{said}");
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn signals_to_the_daemon_unmount_and_close() {
    if !mount_works("signals_to_the_daemon_unmount_and_close") {
        return;
    }
    let bench = Bench::with_image();
    for signal in ["TERM", "INT", "HUP"] {
        bench.ok(&["mount", "image.ext4", "mnt"]);
        fs::write(bench.path("mnt").join(signal), signal).unwrap();
        shell("kill -$1 $2", [signal, &daemon_of(&bench)]);
        eventually("the image is clean", || is_clean(&bench));
        assert!(!bench.is_mounted());
        e2fsck(&bench.path("image.ext4"));
    }
}

#[test]
fn a_signal_while_busy_detaches_and_another_cuts_off() {
    const NAME: &str = "a_signal_while_busy_detaches_and_another_cuts_off";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    let mut sleeper = sleeper_in(&bench.path("mnt"));
    let pid = daemon_of(&bench);
    shell("kill -TERM $1", [&pid]);
    eventually("the directory is free", || !bench.is_mounted());
    assert!(!is_clean(&bench));
    shell("kill -TERM $1", [&pid]);
    eventually("the image is clean", || is_clean(&bench));
    end(&mut sleeper);
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn an_unmount_by_others_closes_the_image_too() {
    const NAME: &str = "an_unmount_by_others_closes_the_image_too";
    if !can_run(NAME, &[Need::Root, Need::Fuse]) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    fs::write(bench.path("mnt/file"), "x").unwrap();
    run(command("umount", [bench.path("mnt")]).env("LC_ALL", "C"));
    eventually("the image is clean", || is_clean(&bench));
    e2fsck(&bench.path("image.ext4"));
}

#[test]
fn a_killed_daemon_leaves_a_mount_that_the_next_one_replaces() {
    const NAME: &str = "a_killed_daemon_leaves_a_mount_that_the_next_one_replaces";
    if !mount_works(NAME) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    shell("kill -KILL $1", [daemon_of(&bench)]);
    eventually("the mount is dead", || {
        fs::metadata(bench.path("mnt")).is_err()
    });
    let again = output(&mut bench.liveroot(&["mount", "image.ext4", "mnt"]));
    assert!(again.status.success(), "{}", said(&again));
    fs::write(bench.path("mnt/file"), "x").unwrap();
    shell("kill -KILL $1", [daemon_of(&bench)]);
    eventually("the mount is dead", || {
        fs::metadata(bench.path("mnt")).is_err()
    });
    let line = bench.fails(&["umount", "mnt"]);
    assert!(line.contains("its daemon had been killed"), "{line}");
    assert!(!bench.is_mounted());
}

#[test]
fn the_foreground_serves_until_interrupted() {
    if !mount_works("the_foreground_serves_until_interrupted") {
        return;
    }
    let bench = Bench::with_image();
    let mut served = bench
        .liveroot(&["mount", "-f", "image.ext4", "mnt"])
        .spawn()
        .unwrap();
    eventually("it is mounted", || bench.is_mounted());
    shell("kill -INT $1", [served.id().to_string()]);
    assert!(served.wait().unwrap().success());
    assert!(is_clean(&bench));
}

#[test]
fn what_is_not_mounted_is_said_not_to_be() {
    let bench = Bench::with_image();
    for target in ["mnt", "image.ext4"] {
        let line = bench.fails(&["umount", target]);
        assert!(
            line.starts_with(&format!("{target}: not mounted by liveroot")),
            "{line}"
        );
    }
    assert!(
        bench
            .fails(&["umount", "/proc"])
            .contains("not by liveroot (proc)")
    );
    assert!(
        bench
            .fails(&["umount", "missing"])
            .contains("no such mount point or image")
    );
}

#[test]
fn a_partition_is_chosen_by_number_or_offset() {
    const NAME: &str = "a_partition_is_chosen_by_number_or_offset";
    if !can_run(NAME, &[Need::Fuse, Need::Program("sfdisk")]) {
        return;
    }
    for label in ["dos", "gpt"] {
        let bench = Bench::with_image();
        let disk = bench.path("disk.img");
        let script = "truncate -s 100M \"$1\"
            printf 'label: %s\\nstart=2048, size=131072\\nstart=133120, size=20480\\n' \"$3\" |
                sfdisk -q --no-tell-kernel \"$1\"
            dd if=\"$2\" of=\"$1\" bs=1M seek=1 conv=notrunc,sparse status=none";
        let image = bench.path("image.ext4");
        shell(
            script,
            [disk.as_os_str(), image.as_os_str(), label.as_ref()],
        );
        let line = bench.fails(&["mount", "disk.img", "mnt"]);
        assert!(line.contains("a disk with partitions"), "{line}");
        assert!(
            line.contains("1 (64 MiB") && line.contains("2 (10 MiB"),
            "{line}"
        );
        let line = bench.fails(&["mount", "disk.img", "mnt", "--partition", "3"]);
        assert!(line.contains("there is no partition 3"), "{line}");
        bench.fails(&["mount", "disk.img", "mnt", "--partition", "2"]);
        bench.ok(&["mount", "disk.img", "mnt", "--partition", "1"]);
        fs::write(bench.path("mnt/file"), label).unwrap();
        bench.ok(&["umount", "disk.img"]);
        bench.ok(&["mount", "disk.img", "mnt", "--offset", "1M"]);
        assert_eq!(fs::read(bench.path("mnt/file")).unwrap(), label.as_bytes());
        bench.ok(&["umount", "mnt"]);
        assert!(
            bench
                .ok(&["info", "disk.img", "--partition", "1"])
                .contains("clean")
        );
    }
}

#[test]
fn create_replaces_only_when_told_and_leaves_nothing_when_it_fails() {
    let bench = Bench::with_image();
    let image = bench.path("image.ext4");
    let before = fs::metadata(&image).unwrap().ino();
    let line = bench.fails(&["create", "image.ext4", "--size", "64M"]);
    assert!(
        line.contains("exists already") && line.contains("--force"),
        "{line}"
    );
    assert_eq!(fs::metadata(&image).unwrap().ino(), before);
    bench.ok(&["create", "image.ext4", "--size", "32M", "--force"]);
    assert_eq!(fs::metadata(&image).unwrap().len(), 32 << 20);
    e2fsck(&image);
    for (args, code) in [
        (&["create", "new.ext4"][..], 2),
        (&["create", "new.ext4", "--size", "10K"], 2),
        (
            &[
                "create",
                "new.ext4",
                "--size",
                "1G",
                "--features",
                "nonsense",
            ],
            2,
        ),
        (
            &["create", "new.ext4", "--size", "1G", "--block-size", "3000"],
            2,
        ),
        (&["create", "missing/new.ext4", "--size", "1G"], 1),
    ] {
        one_line(&output(&mut bench.liveroot(args)), code);
    }
    let mut left: Vec<_> = fs::read_dir(bench.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["image.ext4", "mnt"]);
}

#[test]
fn info_tells_people_and_programs() {
    let bench = Bench::new();
    let uuid = "01234567-89ab-cdef-0123-456789abcdef";
    let made = [
        "create", "i.ext4", "--size", "64M", "--label", "root", "--uuid", uuid,
    ];
    bench.ok(&made);
    let text = bench.ok(&["info", "i.ext4"]);
    assert!(
        text.contains("Label:        root") && text.contains(uuid),
        "{text}"
    );
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&["info", "i.ext4", "--json"])).unwrap();
    assert_eq!(json["label"], "root");
    assert_eq!(json["state"], "clean");
    assert_eq!(json["size"], 64 << 20);
    assert_eq!(json["mounted"], serde_json::Value::Null);
    assert!(
        json["features"]
            .as_array()
            .unwrap()
            .contains(&"has_journal".into())
    );
}

#[test]
fn a_command_line_that_makes_no_sense_exits_with_2() {
    let bench = Bench::with_image();
    for args in [
        &["mount", "image.ext4"][..],
        &["mount", "image.ext4", "mnt", "-o", "nonsense"],
        &["mount", "image.ext4", "mnt", "-o", "durability=maybe"],
        &["moutn", "image.ext4", "mnt"],
        &["create", "x", "--size", "many"],
    ] {
        let refused = output(&mut bench.liveroot(args));
        assert_eq!(
            refused.status.code(),
            Some(2),
            "{args:?}: {}",
            said(&refused)
        );
    }
    let help = bench.ok(&["--help"]);
    assert!(help.contains("Exit codes:"), "{help}");
}

#[test]
fn statistics_count_requests() {
    if !mount_works("statistics_count_requests") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt", "--stats", "stats.json"]);
    fs::write(bench.path("mnt/file"), "x").unwrap();
    bench.ok(&["umount", "mnt"]);
    let text = fs::read_to_string(bench.path("stats.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["requests"]["mknod"], 1);
    assert!(json["peak_rss_kib"].as_u64().unwrap() > 0);
}

#[test]
fn the_manual_pages_are_those_of_this_program() {
    let bench = Bench::new();
    bench.ok(&["generate", "."]);
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let compare = "diff -r \"$1/man\" \"$2/man\" && diff -r \"$1/completions\" \"$2/completions\"";
    shell(compare, [bench.dir.path(), &committed]);
}

fn sleeper_in(dir: &Path) -> Child {
    Command::new("sleep")
        .arg("600")
        .current_dir(dir)
        .spawn()
        .unwrap()
}

fn end(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn daemon_of(bench: &Bench) -> String {
    let json: serde_json::Value =
        serde_json::from_str(&bench.ok(&["info", "image.ext4", "--json"])).unwrap();
    json["mounted"]["pid"].to_string()
}

fn is_clean(bench: &Bench) -> bool {
    bench
        .ok(&["info", "image.ext4"])
        .contains("State:        clean")
}

trait ArgPath {
    fn arg_path(self, path: &Path) -> Command;
}

impl ArgPath for Command {
    fn arg_path(mut self, path: &Path) -> Command {
        self.arg(path);
        self
    }
}
