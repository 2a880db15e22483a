//! liveroot diff.

use crate::pair::Pair;
use crate::support::command::{command, output};
use crate::support::image::LIVEROOT;
use crate::support::mount::{How, Mounted};
use crate::support::requirements::{Need, can_run};
use std::process::Output;

fn diff(pair: &Pair, options: &[&str]) -> Output {
    let mut diff = command(LIVEROOT, ["diff"]);
    diff.args(options)
        .arg(&pair.theirs.path)
        .arg(&pair.ours.path);
    output(&mut diff)
}

#[test]
fn equal_images_are_equal_and_every_difference_is_told() {
    if !can_run(
        "equal_images_are_equal_and_every_difference_is_told",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let same = diff(&pair, &["--times"]);
    assert_eq!(
        (same.status.code(), same.stdout.as_slice()),
        (Some(0), &b""[..])
    );
    for line in [
        "rm -r @/etc/conf.d",
        "cp -a ~/conf @/srv",
        "chmod 700 @/etc/group",
        "chown 3:4 @/bin/other",
        "ln -sfn elsewhere @/etc/link-to-dir",
        "rm @/dev/null",
        "cp -a @/dev/sda @/dev/null",
        "cp ~/plain @/etc/hosts",
        "rm @/bin/prog",
        "mkdir @/bin/prog",
    ] {
        pair.done(line);
    }
    let out = diff(&pair, &[]);
    assert_eq!(out.status.code(), Some(1));
    let text = String::from_utf8_lossy(&out.stdout);
    for line in [
        "changed  /etc/group: mode 0644 -> 0700",
        "changed  /bin/other: mode 2711 -> 0711, owner 0:0 -> 3:4",
        "changed  /etc/link-to-dir: target conf.d -> elsewhere",
        "changed  /dev/null: type character special file -> block special file",
        "changed  /bin/prog: type regular file -> directory",
        "removed  /etc/conf.d (directory)",
        "removed  /etc/conf.d/7.conf (regular file)",
        "added    /srv/conf/sub/s (regular file)",
        "changed  /etc/hosts: content",
        "--- a/etc/hosts",
        "-no newline",
        "\\ No newline at end of file",
        "+plain",
    ] {
        assert!(
            text.lines().any(|found| found.starts_with(line)),
            "no {line} in\n{text}"
        );
    }
    assert!(!text.contains("/etc/passwd"), "{text}");
    let brief = diff(&pair, &["--brief"]);
    assert!(!String::from_utf8_lossy(&brief.stdout).contains("+++"));
    let json = diff(&pair, &["--json"]);
    let list: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let changed = list
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["path"] == "/etc/group")
        .unwrap();
    assert_eq!(changed["changes"][0]["new"], "0700");
}

#[test]
fn an_image_is_compared_with_a_directory() {
    if !can_run(
        "an_image_is_compared_with_a_directory",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let mounted = Mounted::new(How::Loop, &pair.theirs);
    let mut diff = command(LIVEROOT, ["diff", "--times"]);
    diff.arg(mounted.path()).arg(&pair.ours.path);
    let same = output(&mut diff);
    assert_eq!(
        same.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&same.stdout)
    );
    std::fs::write(mounted.join("etc/extra"), "x").unwrap();
    let mut diff = command(LIVEROOT, ["diff"]);
    diff.arg(&pair.ours.path).arg(mounted.path());
    let more = output(&mut diff);
    mounted.umount();
    assert_eq!(more.status.code(), Some(1));
    assert_eq!(more.stdout, b"added    /etc/extra (regular file)\n");
    let nothing = pair.liveroot("diff @/ /no/such/place");
    assert_eq!(nothing.status.code(), Some(2));
}
