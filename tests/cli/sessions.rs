//! Sessions from beginning to end, in every form that leads to one.

use std::fs;
use std::io::Write as _;

use crate::bench::{Bench, e2fsck, eventually, is_clean, mount_works};
use crate::support::command::shell;
use crate::support::requirements::{Need, can_run};

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

/// What a session with `--stats stats.json` has counted.
fn stats(bench: &Bench) -> serde_json::Value {
    let text = fs::read_to_string(bench.path("stats.json")).unwrap();
    serde_json::from_str(&text).unwrap()
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
    let json = stats(&bench);
    assert_eq!(json["requests"]["mknod"], 1);
    assert!(json["peak_rss_kib"].as_u64().unwrap() > 0);
}

#[test]
fn root_reads_ahead_a_mebibyte_at_a_time() {
    let test = "root_reads_ahead_a_mebibyte_at_a_time";
    if !mount_works(test) || !can_run(test, &[Need::Root]) {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&["mount", "image.ext4", "mnt"]);
    fs::write(bench.path("mnt/file"), vec![1; 16 << 20]).unwrap();
    bench.ok(&["umount", "mnt"]);
    bench.ok(&["mount", "image.ext4", "mnt", "--stats", "stats.json"]);
    let mut file = fs::File::open(bench.path("mnt/file")).unwrap();
    std::io::copy(&mut file, &mut std::io::sink()).unwrap();
    drop(file);
    bench.ok(&["umount", "mnt"]);
    let json = stats(&bench);
    // 128 with what the kernel begins with.
    let reads = json["requests"]["read"].as_u64().unwrap();
    assert!((16..40).contains(&reads), "{reads} requests");
}

#[test]
fn with_fsync_ignored_the_kernel_stops_asking() {
    if !mount_works("with_fsync_ignored_the_kernel_stops_asking") {
        return;
    }
    let bench = Bench::with_image();
    bench.ok(&[
        "mount",
        "image.ext4",
        "mnt",
        "--stats",
        "stats.json",
        "-o",
        "fsync=ignore",
    ]);
    for number in 0..5 {
        let mut file = fs::File::create(bench.path(&format!("mnt/{number}"))).unwrap();
        file.write_all(b"content").unwrap();
        file.sync_all().unwrap();
        fs::File::open(bench.path("mnt"))
            .unwrap()
            .sync_all()
            .unwrap();
    }
    bench.ok(&["umount", "mnt"]);
    let json = stats(&bench);
    assert_eq!(json["requests"]["fsync"], 1, "{json}");
    assert_eq!(json["requests"]["fsyncdir"], 1, "{json}");
    assert_eq!(bench.ok(&["cat", "image.ext4:/4"]), "content");
}
