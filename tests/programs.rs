//! Real programs at work inside a mount. Each gets an image of its own, which e2fsck looks at afterwards.
//!
//! `LIVEROOT_TEST_FULL=1` makes fsx run its 500,000 operations; `LIVEROOT_TEST_MOUNT=loop` puts the kernel's ext4 in
//! liveroot's place.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::command::{command, output, run, said, shell};
use support::full;
use support::image::{Image, Maker, Spec};
use support::mount::{How, Mounted};
use support::oracle::assert_same;
use support::requirements::{Need, can_run, has_program, skip};
use support::tree::{self, tool};
use tempfile::TempDir;

/// Runs `work` in a mounted, empty image; e2fsck must be content with what is left.
fn inside(name: &str, needs: &[Need], work: impl FnOnce(&Path)) {
    let how = How::under_test();
    let mut all = vec![how.need(), Need::Program("e2fsck")];
    all.extend_from_slice(needs);
    if !can_run(name, &all) {
        return;
    }
    let maker = match how {
        How::Liveroot => Maker::Create,
        How::Loop | How::Fuse2fs => Maker::Mke2fs,
    };
    let spec = Spec {
        maker,
        mib: 2048,
        ..Spec::default()
    };
    let image = match Image::make(&spec) {
        Ok(image) => image,
        Err(reason) => return skip(name, &reason),
    };
    let mounted = Mounted::new(how, &image);
    work(mounted.path());
    mounted.umount();
    image.fsck();
}

fn temporary() -> TempDir {
    TempDir::with_prefix("liveroot-source-").expect("temporary directories can be made")
}

/// A manifest without the places of holes, which copying may change.
fn contents(dir: &Path) -> String {
    run(Command::new("python3")
        .arg(tool("manifest.py"))
        .arg("--no-holes")
        .arg(dir))
}

/// The small tar, extracted outside of the mount.
fn source() -> TempDir {
    let dir = temporary();
    tree::untar(tree::small_tar(), dir.path());
    // rsync compares whole seconds, and these directories are too young for that to be enough.
    shell("touch -d @1000000000 \"$1\"", [dir.path()]);
    dir
}

#[test]
fn tar_finds_what_tar_put_there() {
    inside("tar_finds_what_tar_put_there", &[Need::Root], |mounted| {
        let tar = tree::rootfs().unwrap_or_else(|| tree::small_tar().to_owned());
        tree::untar(&tar, mounted);
        run(
            command("tar", ["--compare", "--numeric-owner", "--xattrs", "-f"])
                .arg(&tar)
                .arg("-C")
                .arg(mounted),
        );
    });
}

#[test]
fn cp_copies_in_and_out() {
    let needs = [Need::Root, Need::Program("python3")];
    inside("cp_copies_in_and_out", &needs, |mounted| {
        let source = source();
        let back = temporary();
        shell("cp -a \"$1\" \"$2/in\"", [source.path(), mounted]);
        shell("cp -a \"$1/in\" \"$2/out\"", [mounted, back.path()]);
        let wanted = contents(source.path());
        assert_same(&wanted, &contents(&mounted.join("in")), "cp -a into it");
        assert_same(&wanted, &contents(&back.path().join("out")), "cp -a out");
    });
}

#[test]
fn rsync_has_nothing_left_to_do() {
    let needs = [Need::Root, Need::Program("rsync"), Need::Program("python3")];
    inside("rsync_has_nothing_left_to_do", &needs, |mounted| {
        let source = source();
        let script = "rsync -aHAX --delete \"$1/\" \"$2/copy/\"";
        shell(script, [source.path(), mounted]);
        let script = "rsync -aHAX --delete --checksum --itemize-changes \"$1/\" \"$2/copy/\"";
        assert_eq!(shell(script, [source.path(), mounted]), "");
        let wanted = contents(source.path());
        assert_same(&wanted, &contents(&mounted.join("copy")), "rsync");
    });
}

#[test]
fn git_clones_commits_and_checks() {
    let needs = [Need::Program("git")];
    inside("git_clones_commits_and_checks", &needs, |mounted| {
        let origin = temporary();
        let script = r#"
            export HOME="$1" GIT_CONFIG_NOSYSTEM=1
            git config --global user.name test
            git config --global user.email test@example.com
            git config --global --add safe.directory '*'
            git init -q "$1/origin"
            cd "$1/origin"
            for round in 1 2 3 4 5; do
                mkdir -p "dir$round"
                for file in $(seq 200); do
                    echo "round $round file $file" >"dir$round/$file"
                    echo "$round" >>"changing$((file % 20))"
                done
                git add -A
                git commit -q -m "round $round"
            done
            git clone -q --no-local "$1/origin" "$2/clone"
            cd "$2/clone"
            git fsck --full --strict
            test "$(git rev-parse HEAD)" = "$(git -C "$1/origin" rev-parse HEAD)"
            test -z "$(git status --porcelain)"
            git checkout -q -b branch HEAD~2
            echo more >more
            git add more
            git commit -q -m more
            git gc -q --aggressive --prune=now
            git fsck --full --strict
            git diff --quiet HEAD
        "#;
        shell(script, [origin.path(), mounted]);
    });
}

#[test]
fn sqlite_stays_whole_under_load() {
    let needs = [Need::Program("sqlite3")];
    inside("sqlite_stays_whole_under_load", &needs, |mounted| {
        let script = r#"
            cd "$1"
            for mode in delete wal; do
                sqlite3 "$mode.db" "PRAGMA journal_mode=$mode;
                    CREATE TABLE t(writer INTEGER, n INTEGER, v BLOB); CREATE INDEX i ON t(n);" >/dev/null
            done
            write() {
                for n in $(seq 40); do
                    echo "PRAGMA busy_timeout=60000; BEGIN IMMEDIATE;"
                    echo "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c WHERE x<50)"
                    echo "INSERT INTO t SELECT $2, $n, randomblob(x*37%2000) FROM c;"
                    echo "DELETE FROM t WHERE writer=$2 AND n=$n-10; COMMIT;"
                done | sqlite3 "$1" >/dev/null
            }
            pids=
            for mode in delete wal; do
                for writer in 1 2; do
                    write "$mode.db" "$writer" & pids="$pids $!"
                done
            done
            for round in $(seq 5); do
                for mode in delete wal; do
                    test "$(sqlite3 -cmd '.timeout 60000' "$mode.db" 'PRAGMA integrity_check')" = ok
                done
            done
            for pid in $pids; do wait "$pid"; done
            for mode in delete wal; do
                test "$(sqlite3 "$mode.db" 'PRAGMA integrity_check')" = ok
                test "$(sqlite3 "$mode.db" 'SELECT count(*) FROM t')" = 1000
                sqlite3 "$mode.db" VACUUM
                test "$(sqlite3 "$mode.db" 'PRAGMA integrity_check')" = ok
            done
        "#;
        shell(script, [mounted]);
    });
}

#[test]
fn cargo_builds_and_tests_a_crate() {
    let needs = [Need::Program("cargo")];
    inside("cargo_builds_and_tests_a_crate", &needs, |mounted| {
        let script = r#"
            unset CARGO_TARGET_DIR
            cd "$1"
            cargo new --quiet --vcs none small
            cd small
            cat >src/main.rs <<'END'
fn main() {
    println!("{}", (1..=10).product::<u64>());
}

#[test]
fn twice_two() {
    assert_eq!(2 * 2, 4);
}
END
            cargo build --quiet --offline --release
            test "$(target/release/small)" = 3628800
            cargo test --quiet --offline >/dev/null
            cargo build --offline --release 2>&1 | grep -q Finished
        "#;
        shell(script, [mounted]);
    });
}

/// What one fsx does: it keeps its mappings, and the kernel looks through all of them for each write, so that another
/// one is faster.
const FSX_OPERATIONS: u64 = 50_000;

/// fsx: random file operations, each read compared with what must be there.
///
/// fsx 0.3 asks to allocate nothing once in some 300,000 operations, which POSIX has fail, and gives up then, on every
/// file system: it starts again with another seed.
fn fsx(name: &str, weights: &str) {
    let Some(program) = fsx_program() else {
        return skip(name, "fsx is not installed (cargo install fsx)");
    };
    inside(name, &[], |mounted| {
        let mut left: u64 = if full() { 500_000 } else { 20_000 };
        let settings = temporary();
        let file = settings.path().join("fsx.toml");
        fs::write(&file, format!("[weights]\n{weights}")).expect("a file can be written");
        let mut seed = 4711;
        while left > 0 {
            let count = left.min(FSX_OPERATIONS);
            let ended = output(
                Command::new(&program)
                    .args(["-N", &count.to_string(), "-S", &seed.to_string()])
                    .args(["-q", "-P"])
                    .arg(settings.path())
                    .arg("-f")
                    .arg(&file)
                    .arg(mounted.join("file")),
            );
            let said = said(&ended);
            let done = if ended.status.success() {
                Some(count)
            } else {
                gave_up_on_nothing(&said)
            };
            left = left.saturating_sub(done.unwrap_or_else(|| panic!("fsx, seed {seed}: {said}")));
            seed += 1;
        }
    });
}

/// How many operations fsx did if the last one was to allocate nothing:
/// `[ERROR fsx] 371021 POSIX_FALLOCATE 0x35bc2 => 0x35bc1 (    0x0 bytes)`.
fn gave_up_on_nothing(said: &str) -> Option<u64> {
    let last = said.lines().rfind(|line| !line.trim().is_empty())?;
    let (number, what) = last
        .strip_prefix("[ERROR fsx] ")?
        .trim_start()
        .split_once(' ')?;
    let words: Vec<&str> = what.split_whitespace().collect();
    let nothing = words.first() == Some(&"POSIX_FALLOCATE") && words.ends_with(&["0x0", "bytes)"]);
    nothing.then(|| number.parse().ok())?
}

#[test]
fn fsx_gives_up_on_nothing() {
    let nothing = "[ERROR fsx] 371021 POSIX_FALLOCATE 0x35bc2 => 0x35bc1 (    0x0 bytes)";
    assert_eq!(gave_up_on_nothing(nothing), Some(371_021));
    let read = "[ERROR fsx] 371020 READ 0x3bf83 => 0x3ff40 ( 0x3fbd bytes)";
    assert_eq!(gave_up_on_nothing(read), None);
}

/// `LIVEROOT_FSX`, or fsx in the path.
fn fsx_program() -> Option<PathBuf> {
    std::env::var_os("LIVEROOT_FSX")
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .or_else(|| has_program("fsx").then(|| PathBuf::from("fsx")))
}

const FILE_OPERATIONS: &str = "
close_open = 1
invalidate = 1
read = 10
write = 10
truncate = 5
fsync = 1
fdatasync = 1
posix_fallocate = 3
punch_hole = 3
sendfile = 3
posix_fadvise = 1
copy_file_range = 3
";

#[test]
fn fsx_without_mmap_finds_nothing() {
    let weights = format!("{FILE_OPERATIONS}mapread = 0\nmapwrite = 0\n");
    fsx("fsx_without_mmap_finds_nothing", &weights);
}

#[test]
fn fsx_with_mmap_finds_nothing() {
    let weights = format!("{FILE_OPERATIONS}mapread = 10\nmapwrite = 10\n");
    fsx("fsx_with_mmap_finds_nothing", &weights);
}
