//! What is in an image gives way as it does when root's tar extracts over a tree.

use crate::archive::Archive;
use crate::support::command::{command, run, shell};
use crate::support::oracle::assert_same;
use crate::support::requirements::{Need, can_run};
use crate::work::{Work, assert_refused, fsck, liveroot};

#[test]
fn over_a_tree() {
    let needs = [Need::Root, Need::Loop, Need::Program("python3")];
    if !can_run("over_a_tree", &needs) {
        return;
    }
    let work = Work::new();
    let (old, new) = (work.path("old"), work.path("new"));
    shell(
        r#"
        mkdir -p "$1/merged" "$1/real" "$1/emptydir" && cd "$1"
        echo old >file && ln file second && ln -s real linked && ln -s file symlink
        echo kept >merged/kept && echo old >merged/over && mkfifo fifo && echo x >wasfile
        setfattr -n user.old -v 1 merged; touch -d @1000000000 file merged/over merged/kept merged real .
        mkdir -p "$2/merged" "$2/symlink" "$2/wasfile" "$2/linked" && cd "$2"
        echo new >file && echo new >merged/over && echo added >merged/added && ln -s away emptydir
        echo in >linked/in && mkdir fifo && chmod 700 merged && chown 3:4 merged
        setfattr -n user.new -v 2 merged; touch -d @1100000000 file merged/over merged/added merged symlink wasfile fifo .
        touch -h -d @1100000000 emptydir
        "#,
        [&old, &new],
    );
    let tar = work.path("new.tar");
    // `linked/in` goes through the symbolic link that is there: no entry for `linked` itself.
    run(command("tar", ["--xattrs", "--no-recursion", "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(&new)
        .args([
            ".",
            "./file",
            "./merged",
            "./merged/over",
            "./merged/added",
            "./symlink",
            "./wasfile",
            "./emptydir",
            "./fifo",
            "./linked/in",
        ]));
    let image = work.create("image.ext4", &old, &[]);
    let reference = work.create("reference.ext4", &old, &[]);
    run(liveroot(["import", "-q"]).arg(&image).arg(&tar));
    fsck(&image);
    work.mounted(&reference, |root| {
        run(command("tar", ["--xattrs", "--xattrs-include=*", "-xf"])
            .arg(&tar)
            .arg("-C")
            .arg(root));
        // The directory that something was put into by way of a link has the time of that.
        run(command("touch", ["-d", "@1200000000"]).arg(root.join("real")));
    });
    work.mounted(&image, |root| {
        run(command("touch", ["-d", "@1200000000"]).arg(root.join("real")));
    });
    assert_same(
        &work.manifest(&reference),
        &work.manifest(&image),
        "an import over a tree",
    );
}

#[test]
fn into_a_directory_that_is_missing() {
    if !can_run(
        "into_a_directory_that_is_missing",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let work = Work::new();
    let tar = work.path("a.tar");
    std::fs::write(&tar, Archive::default().add("x/y", b'0', "", b"data").end()).unwrap();
    let image = work.create("image.ext4", &tar, &[]);
    run(liveroot(["import", "-q", "--to", "/opt/app"])
        .arg(&image)
        .arg(&tar));
    fsck(&image);
    work.mounted(&image, |root| {
        assert_eq!(std::fs::read(root.join("opt/app/x/y")).unwrap(), b"data");
    });
}

#[test]
fn a_full_directory_is_not_replaced_and_what_came_before_stays() {
    let name = "a_full_directory_is_not_replaced_and_what_came_before_stays";
    if !can_run(name, &[Need::Root, Need::Loop]) {
        return;
    }
    let work = Work::new();
    let (first, second) = (work.path("1.tar"), work.path("2.tar"));
    std::fs::write(&first, Archive::default().add("d/f", b'0', "", b"1").end()).unwrap();
    let mut tar = Archive::default();
    tar.add("before", b'0', "", b"in").add("d", b'0', "", b"2");
    std::fs::write(&second, tar.end()).unwrap();
    let image = work.create("image.ext4", &first, &[]);
    let output = assert_refused(
        liveroot(["import", "-q"]).arg(&image).arg(&second),
        "d: a directory with files",
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("the 1 entries before it are in"));
    fsck(&image);
    work.mounted(&image, |root| {
        assert_eq!(std::fs::read(root.join("before")).unwrap(), b"in");
        assert_eq!(std::fs::read(root.join("d/f")).unwrap(), b"1");
    });
}
