//! `--root`: the command is inside the image, which afterwards holds what the command made and nothing else.

use std::fs;
use std::path::Path;

use super::desk::{Desk, Who, as_the_kernel_sees, assert_clean, can_work};
use super::support::command::shell;
use super::support::oracle::assert_same;
use super::support::requirements::{Need, loop_works, skip};
use super::support::tree;

/// Puts a static shell into the image, in directories that `run --root` needs or does not find.
fn with_busybox(desk: &Desk) -> Option<std::path::PathBuf> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .find(|path| Path::new(path).exists())?;
    let image = desk.image("image.ext4", 64);
    fs::copy(busybox, desk.path("busybox")).ok()?;
    desk.run(
        "./liveroot run image.ext4 -- sh -c 'cd $LIVEROOT; mkdir bin etc tmp; cp ../busybox bin/busybox 2>/dev/null \
         || cp \"$OLDPWD/busybox\" bin/busybox; for n in sh cat ls test mknod stat id env mount pwd touch rm; do ln -s \
         busybox bin/$n; done'",
    );
    Some(image)
}

fn busybox_test(test: &str, who: Who, work: impl FnOnce(&Desk, &Path)) {
    if !can_work(test, &[]) {
        return;
    }
    let desk = Desk::of(who);
    let Some(image) = with_busybox(&desk) else {
        return skip(test, "busybox is not installed (package busybox-static)");
    };
    let before = loop_works().then(|| as_the_kernel_sees(&image));
    work(&desk, &image);
    assert_clean(&image);
    if let Some(before) = before {
        assert_same(&before, &as_the_kernel_sees(&image), "the image afterwards");
    }
    desk.assert_nothing_left();
}

#[test]
fn the_image_is_the_root_and_nothing_stays_in_it() {
    for who in [Who::Root, Who::User, Who::Lonely] {
        busybox_test(
            "the_image_is_the_root_and_nothing_stays_in_it",
            who,
            |desk, _| {
                let script = r#"
                test "$(pwd) $LIVEROOT $(id -u)" = "/ / 0"
                ls /; ls /dev; test -e /proc/self/exe; test -d /sys/class
                echo x > /dev/null; ! echo x > /dev/full 2>/dev/null; test -c /dev/ptmx
                test -s /proc/1/exe || test -e /proc/1/root/bin/sh
                echo y > /dev/shm/y; test ! -e /tmp/liveroot
                test -z "${SECRET-}"; ! touch /sys/x 2>/dev/null
            "#;
                let out = desk.run(&format!(
                    "SECRET=1 ./liveroot run image.ext4 --root -- /bin/sh -euc '{script}'"
                ));
                assert_eq!(
                    out.split_whitespace().collect::<Vec<_>>().join(" "),
                    "bin dev etc lost+found proc sys tmp fd full null ptmx pts random shm stderr stdin stdout tty \
                 urandom zero"
                );
            },
        );
    }
}

#[test]
fn hosts_files_are_shown_and_gone_afterwards() {
    busybox_test(
        "hosts_files_are_shown_and_gone_afterwards",
        Who::User,
        |desk, _| {
            fs::create_dir(desk.path("src")).expect("directories can be made");
            fs::write(desk.path("src/file"), "content").expect("files can be made");
            let out = desk.run(
            "./liveroot run image.ext4 --root --bind src:/a/b/src:ro --bind src/file:/etc/file --resolv-conf \
             --env A=b --workdir /a/b/src -- sh -euc 'cat file /etc/file; ! touch x 2>/dev/null; test -e \
             /etc/resolv.conf; pwd; echo $A'",
        );
            assert_eq!(out, "contentcontent/a/b/src\nb\n");
        },
    );
}

#[test]
fn a_link_that_leads_nowhere_is_covered_by_resolv_conf() {
    let test = "a_link_that_leads_nowhere_is_covered_by_resolv_conf";
    if !can_work(test, &[]) || !Path::new("/etc/resolv.conf").exists() {
        return;
    }
    let desk = Desk::of(Who::User);
    let Some(image) = with_busybox(&desk) else {
        return skip(test, "busybox is not installed (package busybox-static)");
    };
    desk.run("./liveroot run image.ext4 -- sh -c 'ln -s ../run/resolve/stub.conf $LIVEROOT/etc/resolv.conf'");
    let seen = desk.run("./liveroot run image.ext4 --root --resolv-conf -- cat /etc/resolv.conf");
    assert_eq!(
        seen,
        fs::read_to_string("/etc/resolv.conf").expect("it can be read")
    );
    desk.run("./liveroot run image.ext4 -- sh -c 'test -h $LIVEROOT/etc/resolv.conf'");
    assert_clean(&image);
}

#[test]
fn a_link_in_the_image_leads_nowhere_outside() {
    let test = "a_link_in_the_image_leads_nowhere_outside";
    if !can_work(test, &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let Some(image) = with_busybox(&desk) else {
        return skip(test, "busybox is not installed (package busybox-static)");
    };
    // All that is mounted on is a link out of the image.
    desk.run(
        "mkdir outside; ./liveroot run image.ext4 -- sh -c 'out=$PWD/outside; cd $LIVEROOT; rm -rf etc; \
         for n in proc sys dev etc; do ln -s $out $n; done'",
    );
    desk.exits(
        125,
        "./liveroot run image.ext4 --root --resolv-conf -- true",
    );
    assert_eq!(desk.run("ls outside"), "");
    assert_clean(&image);
}

/// A package whose installation does what root does, made here: no network is needed.
const PACKAGE: &str = r#"
    mkdir -p p/DEBIAN p/usr/bin p/var/lib/thing
    printf 'Package: thing\nVersion: 1\nArchitecture: all\nMaintainer: t <t@t>\nDescription: thing\n' > p/DEBIAN/control
    cat > p/DEBIAN/postinst <<'EOF'
#!/bin/sh
set -e
echo 'thing:x:990:990::/var/lib/thing:/bin/sh' >> /etc/passwd
chown 990:990 /var/lib/thing; chmod 2750 /var/lib/thing
mknod -m 600 /var/lib/thing/node c 1 3
setpriv --reuid 990 --regid 990 --clear-groups sh -c 'id -u > /var/lib/thing/id; touch /tmp/thing'
EOF
    chmod 755 p/DEBIAN/postinst; echo tool > p/usr/bin/thing
    dpkg-deb --root-owner-group --build p thing.deb >/dev/null
"#;

#[test]
fn a_package_is_installed_inside_by_a_user() {
    let test = "a_package_is_installed_inside_by_a_user";
    if !can_work(test, &[Need::Program("dpkg-deb"), Need::Loop]) {
        return;
    }
    let Some(rootfs) = tree::rootfs() else {
        return skip(test, "no root file system (scripts/test makes one)");
    };
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 1024);
    fs::copy(&rootfs, desk.path("rootfs.tar")).expect("the tar can be copied");
    shell("chmod 644 \"$1\"", [desk.path("rootfs.tar")]);
    desk.run("./liveroot run image.ext4 -o fsync=ignore -- sh -c 'tar -x -C $LIVEROOT -f rootfs.tar --numeric-owner'");
    desk.run(PACKAGE);
    let out = desk.run(
        "./liveroot run image.ext4 --root -o fsync=ignore --bind .:/src:ro -- sh -euc \
         'dpkg -i /src/thing.deb >/dev/null; dpkg -s thing | grep Status'",
    );
    assert_eq!(out, "Status: install ok installed\n");
    // A new device is one when the command has ended.
    let out =
        desk.run("./liveroot run image.ext4 --root -- sh -euc 'stat -c %U:%a:%F /var/lib/thing/*'");
    assert_eq!(
        out,
        "thing:644:regular file\nroot:600:character special file\n"
    );
    assert_clean(&image);
    let seen = as_the_kernel_sees(&image);
    assert!(seen.contains("var/lib/thing dir 2750 990 990 2"), "{seen}");
    assert!(!seen.contains("\nsrc "), "the placeholder is gone");
}
