//! Directories as sources.

use crate::support::command::{command, output, run, shell};
use crate::support::image::LIVEROOT;
use crate::support::oracle::{assert_same, manifest};
use crate::support::requirements::{Need, can_run};
use crate::work::{Work, assert_refused, fsck, liveroot, without_root};

#[test]
fn a_directory_comes_out_as_it_is() {
    let needs = [Need::Root, Need::Loop, Need::Program("python3")];
    if !can_run("a_directory_comes_out_as_it_is", &needs) {
        return;
    }
    let work = Work::new();
    let dir = work.path("nasty");
    work.nasty(&dir);
    let wanted = manifest(&dir);
    let image = work.create("image.ext4", &dir, &[]);
    // The image has a directory more in its root: lost+found.
    let found = work.manifest(&image);
    assert_same(&without_root(&wanted), &without_root(&found), "a directory");
}

#[test]
fn owners_and_devices_of_an_ordinary_user() {
    if !can_run(
        "owners_and_devices_of_an_ordinary_user",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let work = Work::new();
    let dir = work.path("tree");
    shell(
        r#"mkdir -p "$1/bin" && echo x >"$1/bin/su" && chown -R 1000:1001 "$1""#,
        [&dir],
    );
    let table = work.path("table");
    std::fs::write(
        &table,
        "# name type mode\n/bin/su f 4755 0 0 - - - - -\n/dev d 755 0 0 - - - - -\n\
        /dev/tty c 620 0 5 4 0 1 1 3\n/dev/null c 666 0 0 1 3\n",
    )
    .unwrap();
    let with_table = ["--owner", "7:8", "--manifest", table.to_str().unwrap()];
    let image = work.create("image.ext4", &dir, &with_table);
    let found = work.manifest(&image);
    for line in [
        ". dir 0755 7 8",
        "bin/su file 4755 0 0",
        "bin dir 0755 7 8",
        "dev/tty3 char 0620 0 5 1 0 4:2",
        "dev/null char 0666 0 0 1 0 1:3",
    ] {
        assert!(
            found.lines().any(|found| found.starts_with(line)),
            "{line} is not in\n{found}"
        );
    }
    let image = work.create("mapped.ext4", &dir, &["--map", "1000:0:2"]);
    assert!(work.manifest(&image).contains("bin/su file 0644 0 1 "));
    let image = work.path("unmapped.ext4");
    assert_refused(
        liveroot(["create", "--size", "64M", "--map", "1000:0:1", "--from"])
            .arg(&dir)
            .arg(&image),
        "group 1001 is in no --map",
    );
}

#[test]
fn fakeroot_says_whose_it_is() {
    let needs = [Need::Root, Need::Loop, Need::Program("fakeroot")];
    if !can_run("fakeroot_says_whose_it_is", &needs) {
        return;
    }
    let work = Work::new();
    let (dir, saved) = (work.path("tree"), work.path("saved"));
    shell(
        r#"mkdir "$1" && chmod 777 "$1" && fakeroot -s "$2" sh -c 'cd "$0" && mknod null c 1 3 && touch f && chown 12:34 f' "$1""#,
        [&dir, &saved],
    );
    let image = work.create("image.ext4", &dir, &["--manifest", saved.to_str().unwrap()]);
    let found = work.manifest(&image);
    assert!(
        found.contains("null char ") && found.contains(" 1:3 "),
        "{found}"
    );
    assert!(found.contains("f file 0644 12 34 "), "{found}");
}

#[test]
fn what_cannot_be_read_is_named() {
    if !can_run(
        "what_cannot_be_read_is_named",
        &[Need::Root, Need::Program("setpriv")],
    ) {
        return;
    }
    let work = Work::new();
    let dir = work.path("tree");
    shell(
        r#"mkdir "$1" && cd "$1" && echo a >open && echo b >secret && chmod 600 secret && chmod 755 . .. && chmod 777 ..
           cp "$2" ../liveroot && chmod 755 ../liveroot"#,
        [dir.as_path(), std::path::Path::new(LIVEROOT)],
    );
    let user = |more: &[&str]| {
        let mut all = command(
            "setpriv",
            ["--reuid=12345", "--regid=12345", "--clear-groups"],
        );
        all.arg(work.path("liveroot"))
            .args(["create", "--size", "16M", "--owner", "0:0", "-q"])
            .args(more)
            .arg(work.path("image.ext4"))
            .arg("--from")
            .arg(&dir);
        all
    };
    assert_refused(&mut user(&[]), "--skip-unreadable");
    let done = output(&mut user(&["--skip-unreadable"]));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && said.contains("secret") && said.contains("left out"),
        "{said}"
    );
    fsck(&work.path("image.ext4"));
    run(&mut liveroot(["--version"]));
}
