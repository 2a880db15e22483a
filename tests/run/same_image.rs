//! A script that fills an image makes the same of it under `run`, whoever calls it, as root makes on a loop mount.
//!
//! `LIVEROOT_TEST_FULL=1` does it with a real root file system.

use std::fs;

use super::desk::{Desk, Who, as_the_kernel_sees, assert_clean, can_work, on_loop};
use super::support::command::shell;
use super::support::oracle::assert_same;
use super::support::requirements::Need;
use super::support::{full, tree};

/// How it is done without a stage.
const DIRECT: &str = "--direct -o fsync=ignore";

/// What a setup script does: unpacks, makes users' files, devices, capabilities and permissions.
///
/// `$1` is the image's directory. Where `$2` is `one`, only id 0 is used.
const SCRIPT: &str = r#"
    umask 022
    own() { if [ "$2" = one ]; then chown 0:0 "$1"; else chown "$3" "$1"; fi; }
    tar=$PWD/rootfs.tar mode=$2
    cd "$1"
    if [ "$mode" = one ]; then same=--no-same-owner; else same=--same-owner; fi
    mkdir rootfs
    tar -x -C rootfs -f "$tar" $same -p --numeric-owner --xattrs --xattrs-include='*'
    mkdir extra; cd extra
    echo x > file; own file "$mode" 1000:1000; chmod 4755 file
    mkdir -m 1777 tmp; mkdir home; own home "$mode" 1000:65534; chmod 2750 home
    echo y > home/inherits
    ln -s file link; chown -h 0:0 link; ln file second
    mkfifo -m 600 fifo; own fifo "$mode" 65534:65535
    mknod -m 666 null c 1 3; mknod -m 660 sda b 8 0; own sda "$mode" 0:6; mknod home/big c 4095 1048575; mknod zero c 0 0
    cp /bin/true tool; setcap cap_net_raw,cap_net_bind_service+ep tool
    cp tool keeps; setcap cap_sys_admin=ip keeps; cp -a tool copied; own copied "$mode" 7:7
    setfattr -n user.note -v hello file; setfattr -n trusted.overlay.opaque -v y home
    setfacl -m u:0:rwx,m:rwx,g:0:r file
    truncate -s 1M sparse; printf z | dd of=sparse bs=1 seek=500000 conv=notrunc status=none
    find . -exec touch -h -d @1234567890.5 {} +
    cd ..; touch -d @1234567890 . rootfs
"#;

fn same_as_root_on_loop(test: &str, who: Who, options: &str) {
    let programs = ["setcap", "setfacl", "setfattr", "python3"].map(Need::Program);
    if !can_work(test, &[&[Need::Loop], &programs[..]].concat()) {
        return;
    }
    let desk = Desk::of(who);
    let tar = tree::rootfs()
        .filter(|_| full())
        .unwrap_or_else(|| tree::small_tar().to_owned());
    fs::copy(tar, desk.path("rootfs.tar")).expect("the tar can be copied");
    shell("chmod 644 \"$1\"", [desk.path("rootfs.tar")]);
    fs::write(desk.path("setup.sh"), format!("set -eu\n{SCRIPT}")).expect("files can be made");
    let mode = if who == Who::Lonely { "one" } else { "many" };

    let wanted = desk.image("wanted.ext4", 1024);
    on_loop(&wanted, "rw", |dir| {
        let work = "cd \"$1\"; sh setup.sh \"$2\" \"$3\"";
        shell(
            work,
            [desk.path("").as_os_str(), dir.as_os_str(), mode.as_ref()],
        );
    });
    let made = desk.image("made.ext4", 1024);
    desk.run(&format!(
        "./liveroot run made.ext4 {options} -- sh -c 'sh setup.sh \"$LIVEROOT\" {mode}'"
    ));
    assert_clean(&made);
    let wanted = as_the_kernel_sees(&wanted);
    let extra = wanted
        .lines()
        .filter(|line| line.starts_with("extra/"))
        .count();
    assert!(
        extra == 15 && wanted.contains("xattr:security.capability"),
        "{extra} files"
    );
    assert_same(&wanted, &as_the_kernel_sees(&made), "what run made");
    desk.assert_nothing_left();
}

#[test]
fn root_makes_the_image_of_a_loop_mount() {
    same_as_root_on_loop("root_makes_the_image_of_a_loop_mount", Who::Root, DIRECT);
}

#[test]
fn a_user_makes_the_image_of_a_loop_mount() {
    same_as_root_on_loop("a_user_makes_the_image_of_a_loop_mount", Who::User, DIRECT);
}

#[test]
fn a_user_without_ids_makes_the_image_of_a_loop_mount() {
    same_as_root_on_loop(
        "a_user_without_ids_makes_the_image_of_a_loop_mount",
        Who::Lonely,
        DIRECT,
    );
}

#[test]
fn root_makes_the_same_on_a_stage() {
    same_as_root_on_loop("root_makes_the_same_on_a_stage", Who::Root, "--stage");
}

#[test]
fn a_user_makes_the_same_on_a_stage() {
    same_as_root_on_loop("a_user_makes_the_same_on_a_stage", Who::User, "--stage");
}

#[test]
fn a_user_without_ids_makes_the_same_on_a_stage() {
    same_as_root_on_loop(
        "a_user_without_ids_makes_the_same_on_a_stage",
        Who::Lonely,
        "--stage",
    );
}
