//! What the command line changes.

use std::fs;

use super::desk::{Desk, Who, assert_clean, can_work};
use super::support::command::shell;

#[test]
fn the_image_is_where_it_was_asked_for() {
    if !can_work("the_image_is_where_it_was_asked_for", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        let out = desk.run(
            "mkdir mnt dir; echo host > dir/file
             ./liveroot run image.ext4 --at mnt --bind dir:$PWD/dir --bind dir/file:/etc/hostname:ro \
                --env A=b --env HOME --workdir mnt -- sh -euc '
                test \"$LIVEROOT\" = \"$PWD\"; test $A = b; touch here; cat /etc/hostname
                ! echo x 2>/dev/null > /etc/hostname; test $$ -lt 10; test -e /proc/$$/exe'
             ls mnt",
        );
        assert_eq!(out, "host\n", "nothing of it is seen outside");
        assert_eq!(
            desk.run("./liveroot run image.ext4 -- sh -c 'ls $LIVEROOT'"),
            "here\nlost+found\n"
        );
        assert_clean(&image);
    }
}

#[test]
fn a_read_only_image_stays_as_it_is() {
    if !can_work("a_read_only_image_stays_as_it_is", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    let before = fs::read(&image).expect("it can be read");
    let script =
        "cd \"$LIVEROOT\"; ! touch x 2>/dev/null; ! mknod y c 1 3 2>/dev/null; test -d lost+found";
    desk.run(&format!(
        "./liveroot run image.ext4 --read-only -- sh -euc '{script}'"
    ));
    let line = desk.exits(125, "./liveroot run image.ext4 -r --root -- true");
    assert!(line.contains("read-only"), "{line}");
    assert!(fs::read(&image).expect("it can be read") == before);
}

#[test]
fn a_partition_is_found() {
    if !can_work("a_partition_is_found", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 32);
    // One partition of 32 MiB from the first MiB on, of type 0x83, in an MBR.
    let mut disk = vec![0; 1 << 20];
    disk[446 + 4] = 0x83;
    disk[446 + 8..][..4].copy_from_slice(&2048u32.to_le_bytes());
    disk[446 + 12..][..4].copy_from_slice(&65536u32.to_le_bytes());
    disk[510..512].copy_from_slice(&[0x55, 0xAA]);
    disk.extend(fs::read(&image).expect("it can be read"));
    fs::write(desk.path("disk.img"), disk).expect("files can be made");
    shell("chmod 666 \"$1\"", [desk.path("disk.img")]);
    desk.run("./liveroot run disk.img --partition 1 -- sh -c 'touch $LIVEROOT/a'");
    let listed =
        desk.run("./liveroot run disk.img --offset 1M -o stats=stats.json -- sh -c 'ls $LIVEROOT'");
    assert_eq!(listed, "a\nlost+found\n");
    assert!(fs::read_to_string(desk.path("stats.json")).is_ok_and(|text| text.contains("readdir")));
}

#[test]
fn who_has_one_id_is_told() {
    if !can_work("who_has_one_id_is_told", &[]) {
        return;
    }
    let desk = Desk::of(Who::Lonely);
    desk.image("image.ext4", 64);
    let line = desk.exits(
        0,
        "./liveroot run image.ext4 -- sh -c 'cd $LIVEROOT; touch f; chown 0:0 f; ! chown 1:1 f 2>/dev/null'",
    );
    assert!(
        line.contains("subordinate ids") && line.contains("liveroot doctor"),
        "{line}"
    );
    let desk = Desk::of(Who::User);
    desk.image("image.ext4", 64);
    assert_eq!(
        desk.exits(
            0,
            "./liveroot run image.ext4 -- sh -c 'touch $LIVEROOT/f; chown 65535:1 $LIVEROOT/f'"
        ),
        ""
    );
}

#[test]
fn an_image_grows_under_a_command() {
    if !can_work("an_image_grows_under_a_command", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 16);
    let write = "sh -c 'head -c 50000000 /dev/zero > $LIVEROOT/file'";
    desk.run(&format!(
        "./liveroot run image.ext4 --autogrow=200M -- {write}"
    ));
    let size = fs::metadata(&image).expect("it is there").len();
    assert!(size > 50_000_000 && size <= 200 << 20, "{size}");
    assert_clean(&image);
}
