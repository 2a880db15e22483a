//! The daemon is killed at a random moment; the kernel then replays what it left.
//!
//! `LIVEROOT_TEST_FULL=1` does it 200 times, `LIVEROOT_KILL_SEED` repeats a run.

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::command::{output, run, said};
use support::full;
use support::image::{Image, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run, skip};
use support::tree;
use tempfile::TempDir;

/// A small generator of numbers that look random: xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }
}

/// A liveroot in the foreground, to be killed.
struct Victim {
    daemon: Child,
    dir: TempDir,
}

impl Victim {
    fn mount(image: &Image) -> Victim {
        let dir = TempDir::with_prefix("liveroot-mnt-").expect("temporary directories can be made");
        let daemon = Command::new(env!("CARGO_BIN_EXE_liveroot"))
            .args(["mount", "--foreground", "-o", "commit=1"])
            .arg(&image.path)
            .arg(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("liveroot can be started");
        let started = Instant::now();
        while !is_mounted(dir.path()) {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the mount does not appear"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Victim { daemon, dir }
    }

    /// Kills the daemon and takes the dead mount away.
    fn kill(mut self) {
        self.daemon.kill().expect("the daemon can be killed");
        self.daemon.wait().expect("the daemon ends");
        let umount = output(
            Command::new(env!("CARGO_BIN_EXE_liveroot"))
                .arg("umount")
                .arg(self.dir.path()),
        );
        // The truth is that the daemon died; the mount must be gone all the same.
        assert!(!umount.status.success(), "umount claims that all is well");
        assert!(!is_mounted(self.dir.path()), "{}", said(&umount));
    }
}

fn is_mounted(dir: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == dir.to_str())
}

/// What a file of the fsync loop holds.
fn content(number: u64) -> Vec<u8> {
    format!("{number} ")
        .repeat(1 + (number * 37 % 3000) as usize)
        .into_bytes()
}

/// Writes files one by one, each synced together with its name, until the mount dies or `stop`.
/// Every synced number is noted.
fn sync_files(dir: &Path, promised: &Mutex<Vec<u64>>, stop: &AtomicBool) {
    let write = |number: u64| -> std::io::Result<()> {
        let at = dir.join("synced");
        let temporary = at.join("new");
        let mut file = File::create(&temporary)?;
        file.write_all(&content(number))?;
        file.sync_all()?;
        fs::rename(&temporary, at.join(number.to_string()))?;
        File::open(&at)?.sync_all()
    };
    for number in 0.. {
        if stop.load(Ordering::Relaxed) || write(number).is_err() {
            return;
        }
        promised.lock().expect("no thread panicked").push(number);
    }
}

/// What runs while the daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Work {
    Untar,
    Remove,
    Sync,
}

/// One round; the promised files that are missing or wrong.
fn round(work: Work, random: &mut Random, tar: &Path) -> Vec<String> {
    let image = Image::make(&Spec {
        mib: 1024,
        ..Spec::default()
    })
    .expect("the image can be made");
    let victim = Victim::mount(&image);
    let dir = victim.dir.path().to_owned();
    fs::create_dir(dir.join("synced")).expect("the mount works");
    let promised = Arc::new(Mutex::new(Vec::new()));
    let stop = Arc::new(AtomicBool::new(false));
    let mut command = None;
    let mut thread = None;
    let longest = match work {
        Work::Untar => {
            command = Some(start(
                Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(&dir),
            ));
            2500
        }
        Work::Remove => {
            run(Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(&dir));
            run(Command::new("sync").arg("-f").arg(&dir));
            command = Some(start(
                Command::new("sh")
                    .arg("-c")
                    .arg("rm -rf \"$1\"/*")
                    .arg("sh")
                    .arg(&dir),
            ));
            700
        }
        Work::Sync => {
            let (dir, promised, stop) = (dir.clone(), promised.clone(), stop.clone());
            thread = Some(std::thread::spawn(move || {
                sync_files(&dir, &promised, &stop)
            }));
            1500
        }
    };
    std::thread::sleep(Duration::from_millis(random.below(longest)));
    victim.kill();
    stop.store(true, Ordering::Relaxed);
    if let Some(mut command) = command {
        command.wait().expect("the work ends");
    }
    if let Some(thread) = thread {
        thread.join().expect("the work ends");
    }
    let promised = promised.lock().expect("no thread panicked").clone();
    let mut lost = Vec::new();
    with_kernel(&image, |dir| {
        for number in &promised {
            let path = dir.join("synced").join(number.to_string());
            if fs::read(&path).ok() != Some(content(*number)) {
                lost.push(format!("{number} of {}", promised.len()));
            }
        }
    });
    image.fsck();
    lost
}

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the work starts")
}

/// Mounts the image with the kernel, which replays the journal.
fn with_kernel(image: &Image, look: impl FnOnce(&Path)) {
    let dir = TempDir::with_prefix("liveroot-loop-").expect("temporary directories can be made");
    run(Command::new("mount")
        .args(["-o", "loop"])
        .arg(&image.path)
        .arg(dir.path()));
    look(dir.path());
    run(Command::new("umount").arg(dir.path()));
}

#[test]
fn the_kernel_finds_everything_that_was_synced_whenever_the_daemon_is_killed() {
    let name = "the_kernel_finds_everything_that_was_synced_whenever_the_daemon_is_killed";
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Loop,
        Need::Program("e2fsck"),
        Need::Program("tar"),
    ];
    if !can_run(name, &needs) {
        return;
    }
    let Some(tar): Option<PathBuf> = tree::rootfs() else {
        return skip(name, "no root file system to unpack");
    };
    let seed = std::env::var("LIVEROOT_KILL_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |time| time.as_nanos() as u64 | 1)
        });
    println!("LIVEROOT_KILL_SEED={seed}");
    let mut random = Random(seed);
    let rounds = if full() { 200 } else { 9 };
    for number in 0..rounds {
        let work = [Work::Untar, Work::Remove, Work::Sync][number % 3];
        let lost = round(work, &mut random, &tar);
        assert!(
            lost.is_empty(),
            "round {number} ({work:?}), seed {seed}: lost {lost:?}"
        );
    }
    println!("{rounds} kills survived");
}

#[test]
fn a_killed_image_is_replayed_by_liveroot_too() {
    let name = "a_killed_image_is_replayed_by_liveroot_too";
    if !can_run(name, &[Need::Fuse, Need::Program("e2fsck")]) {
        return;
    }
    let image = Image::make(&Spec::default()).expect("the image can be made");
    let victim = Victim::mount(&image);
    let file = victim.dir.path().join("file");
    let mut open = File::create(&file).expect("the mount works");
    open.write_all(b"promised").expect("the mount works");
    open.sync_all().expect("fsync works");
    drop(open);
    victim.kill();
    let mounted = Mounted::new(How::Liveroot, &image);
    let found = fs::read(mounted.join("file"));
    mounted.umount();
    assert_eq!(found.expect("the file is there"), b"promised");
    image.fsck();
}
