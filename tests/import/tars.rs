//! Tars of every program that makes them come out as their own extraction on a loop mount does.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::command::{command, output, run, shell};
use crate::support::oracle::assert_same;
use crate::support::requirements::{Need, can_run};
use crate::support::tree::{self, tool};
use crate::work::{Work, without_root};

const NEEDS: [Need; 4] = [
    Need::Root,
    Need::Loop,
    Need::Program("mke2fs"),
    Need::Program("python3"),
];
const GNU: [&str; 4] = [
    "--numeric-owner",
    "--xattrs",
    "--xattrs-include=*",
    "--acls",
];

/// Compares an import of `tar` with what `extract` makes of it in the current directory.
#[track_caller]
fn compare(work: &Work, tar: &Path, extract: &mut Command, what: &str) {
    let image = work.create("import.ext4", tar, &["--force"]);
    let found = work.manifest(&image);
    let reference = work.mke2fs("reference.ext4");
    work.mounted(&reference, |root| {
        // Complaints about odd times count as failures.
        output(extract.current_dir(root));
    });
    let wanted = work.manifest(&reference);
    assert!(wanted.lines().count() > 10, "{what}: nothing was extracted");
    assert_same(&without_root(&wanted), &without_root(&found), what);
}

fn nasty(work: &Work) -> PathBuf {
    let dir = work.path("nasty");
    work.nasty(&dir);
    dir
}

/// A tree that any program can put into a tar: holes of megabytes and no more.
fn tame(work: &Work) -> PathBuf {
    let dir = work.path("tame");
    shell(
        r#"
        mkdir -p "$1/dir/sub" && cd "$1"
        echo hello >file && ln file dir/link && ln -s ../file dir/symlink
        mkdir "dir/$(printf 'n%.0s' $(seq 200))" && echo x >"dir/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 200))"
        ln -s "$(printf 't%.0s' $(seq 150))" dir/longlink
        truncate -s 3M holes && printf data | dd of=holes bs=1 seek=1M conv=notrunc status=none
        truncate -s 1M empty
        head -c 300000 /dev/urandom >random
        chown 70000:4000000000 file && chmod 6751 random && mkfifo fifo && mknod null c 1 3
        touch -d @1234567890.123456789 file random dir/sub holes && touch -d @987654321 dir .
        "#,
        [&dir],
    );
    dir
}

#[test]
fn gnu_tar() {
    if !can_run("gnu_tar", &NEEDS) {
        return;
    }
    let work = Work::new();
    let dir = nasty(&work);
    let formats: [&[&str]; 4] = [
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=gnu", "--sparse"],
    ];
    for format in formats {
        let tar = work.path("gnu.tar");
        let options: &[&str] = if format[0] == "--format=gnu" {
            &GNU[..1]
        } else {
            &GNU
        };
        // It says that it leaves out sockets, and fails.
        output(
            command("tar", options)
                .args(format)
                .arg("-cf")
                .arg(&tar)
                .arg("-C")
                .arg(&dir)
                .arg("."),
        );
        let mut extract = command("tar", options);
        compare(
            &work,
            &tar,
            extract.arg("-xf").arg(&tar),
            &format!("{format:?}"),
        );
    }
}

#[test]
fn other_formats_of_gnu_tar() {
    if !can_run("other_formats_of_gnu_tar", &NEEDS) {
        return;
    }
    let work = Work::new();
    let dir = work.path("plain");
    shell(
        r#"mkdir -p "$1/a/b" && cd "$1" && echo 1 >a/one && ln a/one a/b/two && ln -s one a/s && chown 5:6 a/one
           for i in $(seq 20); do echo $i >a/b/$i; done; touch -d @1000 a/one a/b"#,
        [&dir],
    );
    for format in ["v7", "ustar", "oldgnu"] {
        let tar = work.path("old.tar");
        run(command(
            "tar",
            [&format!("--format={format}"), "--numeric-owner", "-cf"],
        )
        .arg(&tar)
        .arg("-C")
        .arg(&dir)
        .arg("."));
        let mut extract = command("tar", ["--numeric-owner", "-xf"]);
        compare(&work, &tar, extract.arg(&tar), format);
    }
}

#[test]
fn compressed_tars() {
    let needs = [&NEEDS[..], &[Need::Program("xz"), Need::Program("zstd")]].concat();
    if !can_run("compressed_tars", &needs) {
        return;
    }
    let work = Work::new();
    let dir = tame(&work);
    let tar = work.path("plain.tar");
    run(command("tar", ["--format=posix", "-cf"])
        .arg(&tar)
        .arg("-C")
        .arg(&dir)
        .arg("."));
    let wanted = work.manifest(&work.create("plain.ext4", &tar, &[]));
    for (program, threads) in [("gzip", "2"), ("zstd", "2"), ("xz", "1")] {
        let packed = work.path(program);
        shell(&format!(r#"{program} -c "$1" >"$2""#), [&tar, &packed]);
        let image = work.create(&format!("{program}.ext4"), &packed, &["--threads", threads]);
        assert_same(&wanted, &work.manifest(&image), program);
    }
    // And through a pipe.
    let image = work.path("pipe.ext4");
    shell(
        r#"xz -c "$2" | "$1" create -q --size auto --from - "$3""#,
        [Path::new(crate::support::image::LIVEROOT), &tar, &image],
    );
    assert_same(&wanted, &work.manifest(&image), "a pipe");
}

#[test]
fn bsdtar() {
    let needs = [&NEEDS[..], &[Need::Program("bsdtar")]].concat();
    if !can_run("bsdtar", &needs) {
        return;
    }
    let work = Work::new();
    let dir = nasty(&work);
    // It does not read the times before 1970 that it wrote.
    shell(r#"rm -rf "$1/times""#, [&dir]);
    let tar = work.path("bsd.tar");
    output(
        command("bsdtar", ["--numeric-owner", "--format=pax", "-cf"])
            .env("LC_ALL", "C.UTF-8")
            .arg(&tar)
            .arg("-C")
            .arg(&dir)
            .arg("."),
    );
    let mut extract = command(
        "bsdtar",
        ["--numeric-owner", "-p", "--acls", "--xattrs", "-xf"],
    );
    compare(
        &work,
        &tar,
        extract.env("LC_ALL", "C.UTF-8").arg(&tar),
        "bsdtar",
    );
}

#[test]
fn python() {
    if !can_run("python", &NEEDS) {
        return;
    }
    let work = Work::new();
    let dir = tame(&work);
    for format in ["PAX_FORMAT", "GNU_FORMAT"] {
        let tar = work.path("python.tar");
        let script = "import sys, tarfile\n\
             with tarfile.open(sys.argv[1], 'w', format=getattr(tarfile, sys.argv[3])) as tar:\n    \
             tar.add(sys.argv[2], arcname='.')\n";
        run(command("python3", ["-c", script])
            .arg(&tar)
            .arg(&dir)
            .arg(format));
        let mut extract = command("tar", GNU);
        compare(&work, &tar, extract.arg("-xf").arg(&tar), format);
    }
}

#[test]
fn go() {
    if !can_run("go", &[&NEEDS[..], &[Need::Program("go")]].concat()) {
        return;
    }
    let work = Work::new();
    let dir = tame(&work);
    for format in ["pax", "gnu"] {
        let tar = work.path("go.tar");
        run(command("go", ["run"])
            .env("GOCACHE", work.path("go-cache"))
            .env("GOFLAGS", "-mod=mod")
            .arg(tool("tar.go"))
            .arg(&dir)
            .arg(&tar)
            .arg(format));
        let mut extract = command("tar", GNU);
        compare(&work, &tar, extract.arg("-xf").arg(&tar), format);
    }
}

#[test]
fn a_root_file_system() {
    if !can_run("a_root_file_system", &NEEDS) {
        return;
    }
    let work = Work::new();
    let tar = tree::rootfs().unwrap_or_else(|| tree::small_tar().to_owned());
    let mut extract = command("tar", GNU);
    compare(
        &work,
        &tar,
        extract.arg("-xf").arg(&tar),
        "a root file system",
    );
    // Into images that are there, whatever they have, in the same way.
    let wanted = work.manifest(&work.path("import.ext4"));
    for features in [
        "^orphan_file",
        "inline_data",
        "quota,project",
        "bigalloc",
        "^extents,^64bit",
    ] {
        let image = work.path("old.ext4");
        let made = output(
            command(
                "mke2fs",
                ["-q", "-F", "-t", "ext4", "-N", "30000", "-O", features],
            )
            .arg(&image)
            .arg("2G"),
        );
        if !made.status.success() {
            continue; // this mke2fs does not know it
        }
        run(crate::work::liveroot(["import", "-q"])
            .arg(&image)
            .arg(&tar));
        crate::work::fsck(&image);
        if features == "^orphan_file" {
            assert_same(&wanted, &work.manifest(&image), "an image that was there");
        }
    }
}
