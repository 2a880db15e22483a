//! A stage: what a command did to an image that is not empty comes out as without a stage, and what a failed one
//! did does not come out at all.

use std::fs;
use std::path::Path;

use super::desk::{Desk, Who, as_the_kernel_sees, assert_clean, can_work, on_loop};
use super::support::command::shell;
use super::support::oracle::assert_same;
use super::support::requirements::Need;

/// What is in an image before. `$1` is its directory.
const BEFORE: &str = r#"
    cd "$1"; umask 022
    for name in eins sechs copied; do echo $name > $name; done; ln eins zwei; ln eins drei; ln sechs sieben; ln copied again
    mkdir -p a/b/c gone replaced kept/deep; echo f > a/b/c/file; echo g > gone/g; echo r > replaced/old
    echo 1 > replaced/same; ln -s a link; ln -s nowhere dangling; mkfifo fifo; mknod null c 1 3
    echo one > one; ln one two; ln one a/three; ln one twelve; mkdir untouched; ln one untouched/eleven; echo twin > twin; ln twin twin2
    echo k > kept/deep/k; setfattr -n trusted.t -v old a/b/c/file; setfattr -n trusted.d -v dir a
    setfattr -n user.u -v u a/b/c/file; setfacl -m u:7:rwx a/b/c/file; setfacl -d -m u:8:rx kept
    echo x > dir-or-file; mkdir file-or-dir; echo y > file-or-dir/y; truncate -s 1M sparse
    chown 1000:1000 kept/deep/k; chmod 1777 .
    find . -exec touch -h -d @1234567890.25 {} +
"#;

/// Changes of every kind. Nothing in it depends on when it happens.
const CHANGES: &str = r#"
    set -eu
    cd "$1"; umask 027
    chmod 600 a/b/c/file; echo more >> replaced/same; rm -r gone; rm -r replaced; mkdir replaced; echo new > replaced/new
    ln a/b/c/file file2; mv a/b/c/file a/b/moved; rm dangling; ln -sf elsewhere link
    rm dir-or-file; mkdir dir-or-file; echo z > dir-or-file/z; rm -r file-or-dir; echo w > file-or-dir
    rm null; mknod null c 1 5; mknod -m 640 kept/deep/sda b 8 0; chown 0:6 kept/deep/sda; ln null null2; mv null2 nought
    chown -h 3:4 link; setfacl -m u:9:r kept/deep/k; mkdir kept/inherits; echo i > kept/i; chmod 2755 a
    cp /bin/true tool; setcap cap_net_raw+ep tool; setfattr -n trusted.new -v n tool; setfattr -n trusted.overlay.opaque -v y kept
    printf q | dd of=sparse bs=1 seek=700000 conv=notrunc status=none; rm fifo; mkfifo -m 604 fifo
    rm twin twin2; echo alone > twin; chmod 1775 .; setfattr -x trusted.overlay.opaque kept; rmdir lost+found
    echo more >> two; mv one uno; chmod 604 a/three; ln uno kept/vier; setfattr -n user.x -v y two; rm twelve
    echo 1 > drei.new; mv drei.new drei; ln -sf drei zwei; chown 5 sechs; chown 5 sieben
    cp -a copied copy
    find . -exec touch -h -d @1300000000.5 {} +
    touch -d @1234567890 kept .
"#;

fn same_as_without(test: &str, who: Who) {
    let programs = ["setcap", "setfacl", "setfattr", "python3"].map(Need::Program);
    if !can_work(test, &[&[Need::Loop], &programs[..]].concat()) {
        return;
    }
    let desk = Desk::of(who);
    // What is untouched keeps its times.
    let changes = CHANGES.replace("find . -exec", "find . -path ./untouched -prune -o -exec");
    fs::write(desk.path("changes.sh"), changes).expect("files can be made");
    let direct = desk.image("direct.ext4", 64);
    on_loop(&direct, "rw", |dir| {
        shell(BEFORE, [dir]);
    });
    let staged = desk.path("staged.ext4");
    shell(
        "cp -a --sparse=always \"$1\" \"$2\"",
        [direct.as_path(), staged.as_path()],
    );
    for (image, options) in [("direct.ext4", "--direct"), ("staged.ext4", "--stage")] {
        let said = desk.output(&format!(
            "./liveroot run {options} {image} -- sh -c 'sh changes.sh \"$LIVEROOT\"'"
        ));
        let stderr = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success(), "{options}: {stderr}");
        assert!(!stderr.contains("no overlay"), "{stderr}");
    }
    assert_clean(&staged);
    assert_same(
        &as_the_kernel_sees(&direct),
        &as_the_kernel_sees(&staged),
        "what run --stage made",
    );
    desk.assert_nothing_left();
}

#[test]
fn root_changes_the_same_on_a_stage() {
    same_as_without("root_changes_the_same_on_a_stage", Who::Root);
}

#[test]
fn a_user_changes_the_same_on_a_stage() {
    same_as_without("a_user_changes_the_same_on_a_stage", Who::User);
}

fn bytes(image: &Path) -> Vec<u8> {
    fs::read(image).expect("images can be read")
}

#[test]
fn what_fails_leaves_the_image_as_it_was() {
    if !can_work("what_fails_leaves_the_image_as_it_was", &[]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        desk.run("./liveroot run image.ext4 -- sh -c 'cd $LIVEROOT; echo a > f; ln f g; mkdir d; ln -s f link; ln link same'");
        let before = bytes(&image);
        let spoil = "cd $LIVEROOT; rm -r lost+found f; echo b > f; mknod d/n c 1 3; head -c 1M /dev/zero > big";
        desk.exits(
            7,
            &format!("./liveroot run --stage image.ext4 -- sh -c '{spoil}; exit 7'"),
        );
        desk.exits(
            137,
            &format!("./liveroot run --stage image.ext4 -- sh -c '{spoil}; kill -9 $$'"),
        );
        desk.exits(127, "./liveroot run --stage image.ext4 -- /no/such/command");
        desk.exits(7, &format!(
            "mkdir -p disk; ./liveroot run --stage --scratch disk image.ext4 -- sh -c '{spoil}; exit 7'; "
        ));
        // What an overlay tears apart and nobody can join is not made.
        for torn in [
            "echo c >> f; echo d >> g",
            "chmod 600 f; chmod 660 g",
            "chown -h 7 link",
        ] {
            let said = desk.exits(
                125,
                &format!("./liveroot run --stage image.ext4 -- sh -c 'cd $LIVEROOT; {torn}'"),
            );
            assert!(
                said.contains("several names") && said.contains("--direct"),
                "{said}"
            );
        }
        // What is larger than the scratch directory fails for the command.
        let large = "cd $LIVEROOT; head -c 30M /dev/urandom > large";
        desk.exits(
            1,
            &format!("./liveroot run --stage --scratch-size 16M image.ext4 -- sh -c '{large}'"),
        );
        assert!(before == bytes(&image), "the image has changed");
        desk.assert_nothing_left();
        let left = fs::read_dir(desk.path("disk"))
            .expect("it is there")
            .count();
        assert_eq!(left, 0, "in the scratch directory");
    }
}

#[test]
fn many_files_and_large_ones_come_out_of_every_scratch_directory() {
    if !can_work(
        "many_files_and_large_ones_come_out_of_every_scratch_directory",
        &[],
    ) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        // Files of all lengths around those of blocks and buffers, one with holes, some with two names.
        let fill = "cd \"$1\"; i=0; while [ $i -lt 700 ]; do
                head -c $((i * i % 20011)) /dev/zero | tr \"\\0\" $((i % 10)) > f$i; i=$((i + 1)); done
            for n in 262143 262144 262145 3000001; do seq 1000000 | head -c $n > large$n; done
            truncate -s 5M holes; printf end | dd of=holes bs=1 seek=4000000 conv=notrunc status=none
            ln f10 g10; mkdir d; ln large262145 d/l";
        fs::write(desk.path("fill.sh"), fill).expect("files can be made");
        desk.run("mkdir disk plain; sh fill.sh plain");
        for (image, options) in [
            ("memory.ext4", ""),
            ("disk.ext4", "--scratch disk"),
            ("offset.ext4", "--offset 1M"),
        ] {
            let path = desk.image(image, 64);
            if options.starts_with("--offset") {
                shell(
                    "mv \"$1\" \"$1.at0\"; truncate -s 1M \"$1\"; cat \"$1.at0\" >> \"$1\"; chmod 666 \"$1\"",
                    [path.as_path()],
                );
            }
            desk.run(&format!(
                "./liveroot run --stage {options} {image} -- sh -c 'sh fill.sh $LIVEROOT'
                ./liveroot run --read-only {at} {image} -- sh -c 'diff -r -x lost+found plain $LIVEROOT
                    cd $LIVEROOT; test f10 -ef g10; test large262145 -ef d/l; test $(du -k holes | cut -f 1) -lt 100'",
                at = if options.starts_with("--offset") { options } else { "" },
            ));
            let left = fs::read_dir(desk.path("disk"))
                .expect("it is there")
                .count();
            assert_eq!(left, 0, "in the scratch directory, {image}");
        }
        assert_clean(&desk.path("memory.ext4"));
        assert_clean(&desk.path("disk.ext4"));
        desk.assert_nothing_left();
    }
}

#[test]
fn a_shell_sees_what_a_failed_command_left() {
    if !can_work("a_shell_sees_what_a_failed_command_left", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    let before = bytes(&image);
    let out = desk.output(
        "echo 'cat $LIVEROOT/f; echo shell > $LIVEROOT/f; exit 9' | env SHELL=/bin/sh \
            ./liveroot run --stage --keep-failed image.ext4 -- sh -c 'echo left > $LIVEROOT/f; exit 3'",
    );
    assert_eq!(out.status.code(), Some(3));
    assert_eq!(String::from_utf8_lossy(&out.stdout), "left\n");
    assert!(before == bytes(&image), "the image has changed");
    desk.exits(0, "./liveroot run --stage --keep-failed image.ext4 -- true");
    assert_clean(&image);
    desk.assert_nothing_left();
}

#[test]
fn an_image_on_a_stage_is_in_use() {
    if !can_work("an_image_on_a_stage_is_in_use", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    desk.run(
        "./liveroot run --stage image.ext4 -- sh -c '
            for how in --stage --read-only \"\"; do
                ! ./liveroot run $how image.ext4 -- true 2> said || exit 1
                grep -q \"in use\" said || { cat said; exit 1; }
            done; echo x > $LIVEROOT/x'",
    );
    assert_clean(&image);
    assert_eq!(desk.run("./liveroot cat image.ext4:/x"), "x\n");
}

#[test]
fn what_is_larger_than_the_journal_is_applied_in_parts() {
    if !can_work(
        "what_is_larger_than_the_journal_is_applied_in_parts",
        &[Need::Program("tune2fs")],
    ) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    // Every file's inode is in a block that is in use once it has been made.
    shell(
        "tune2fs -O ^has_journal \"$1\" && tune2fs -J size=1 \"$1\"",
        [image.as_path()],
    );
    desk.run(
        "./liveroot run --stage image.ext4 -- sh -c 'cd $LIVEROOT; seq 20000 | xargs -n 1000 touch'",
    );
    let before = bytes(&image);
    desk.run(
        "./liveroot run --stage image.ext4 -- sh -c 'cd $LIVEROOT; rm -f 1*; seq 20001 29000 | xargs touch'",
    );
    assert!(before != bytes(&image));
    assert_clean(&image);
    let names = desk.run("./liveroot ls image.ext4:/");
    assert_eq!(
        names.lines().filter(|name| name.starts_with('2')).count(),
        10112
    );
}

#[test]
fn an_image_grows_for_what_a_command_has_left() {
    if !can_work("an_image_grows_for_what_a_command_has_left", &[]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 16);
    let write = "sh -c 'head -c 150000000 /dev/zero > $LIVEROOT/file; touch $LIVEROOT/name'";
    let told = desk.exits(
        125,
        &format!(
            "./liveroot run --stage image.ext4 --autogrow=100M --scratch-size=400M -- {write}"
        ),
    );
    assert!(told.contains("the image is as it was"), "{told}");
    assert_eq!(desk.run("./liveroot ls image.ext4:/"), "lost+found\n");
    assert_clean(&image);
    desk.run(&format!(
        "./liveroot run --stage image.ext4 --autogrow=400M -- {write}"
    ));
    let size = fs::metadata(&image).expect("it is there").len();
    assert!(size > 150_000_000 && size <= 400 << 20, "{size}");
    assert_eq!(
        desk.run("./liveroot ls image.ext4:/"),
        "file\nlost+found\nname\n"
    );
    assert_clean(&image);
}

#[test]
fn an_image_with_nothing_in_it_needs_no_overlay() {
    if !can_work("an_image_with_nothing_in_it_needs_no_overlay", &[]) {
        return;
    }
    for who in [Who::Root, Who::User, Who::Lonely] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        // What is refused on an overlay.
        let seen = desk.run(
            "./liveroot run --stage image.ext4 -- sh -euc 'cd $LIVEROOT; stat -f -c %T .; stat -c %a lost+found
             mkdir d; echo a > d/f; python3 -c \"import os; os.rename(\\\"d\\\", \\\"e\\\")\"
             ln e/f g; echo b >> g; cat e/f; echo c > lost+found/c; chmod 711 .'",
        );
        assert_eq!(seen, "tmpfs\n700\na\nb\n");
        assert_clean(&image);
        assert_eq!(desk.run("./liveroot stat -c %a image.ext4:/"), "711\n");
        assert_eq!(desk.run("./liveroot ls image.ext4:/"), "e\ng\nlost+found\n");
        assert_eq!(desk.run("./liveroot ls image.ext4:/lost+found"), "c\n");
        assert_eq!(desk.run("./liveroot stat -c %h image.ext4:/g"), "2\n");

        let image = desk.image("without.ext4", 64);
        desk.run("./liveroot run --stage without.ext4 -- sh -c 'rmdir $LIVEROOT/lost+found'");
        assert_clean(&image);
        assert_eq!(desk.run("./liveroot ls without.ext4:/"), "");
        // On a disk the scratch directory is one of many.
        let seen = desk.run(
            "mkdir disk; ./liveroot run --scratch disk without.ext4 -- sh -c 'stat -f -c %T $LIVEROOT'",
        );
        assert_eq!(seen, "overlayfs\n");
        desk.assert_nothing_left();
    }
}

#[test]
fn a_stage_is_the_default_where_it_can_be() {
    let test = "a_stage_is_the_default_where_it_can_be";
    if !can_work(test, &[Need::Program("mke2fs"), Need::Loop]) {
        return;
    }
    for who in [Who::Root, Who::User] {
        let desk = Desk::of(who);
        let image = desk.image("image.ext4", 64);
        on_loop(&image, "rw", |dir| {
            shell("echo a > \"$1/fixed\"; chattr +i \"$1/fixed\"", [dir]);
        });
        let before = bytes(&image);
        let fails = "sh -c 'touch $LIVEROOT/made; exit 3'";
        desk.exits(3, &format!("./liveroot run image.ext4 -- {fails}"));
        // An overlay lets everybody change what is immutable; the image does not.
        let change = "sh -c 'echo b > $LIVEROOT/fixed'";
        let said = desk.exits(125, &format!("./liveroot run image.ext4 -- {change}"));
        assert!(said.contains("fixed: operation not permitted"), "{said}");
        assert!(before == bytes(&image), "the image has changed");
        desk.exits(3, &format!("./liveroot run --direct image.ext4 -- {fails}"));
        assert!(desk.run("./liveroot ls image.ext4:/").contains("made"));
        assert_clean(&image);

        let folding = desk.image("folding.ext4", 64);
        shell(
            "mke2fs -qF -t ext4 -O casefold -E root_owner=0:0 \"$1\"",
            [&folding],
        );
        let said = desk.exits(3, &format!("./liveroot run folding.ext4 -- {fails}"));
        assert!(
            said.contains("casefold") && said.contains("itself"),
            "{said}"
        );
        assert!(desk.run("./liveroot ls folding.ext4:/").contains("made"));
        let said = desk.exits(125, "./liveroot run --stage folding.ext4 -- true");
        assert!(
            said.contains("casefold") && said.contains("--direct"),
            "{said}"
        );
        desk.assert_nothing_left();
    }
}
