//! An in-memory FUSE filesystem, as fast as one on fuser can be, spoken to as liveroot is: the yardstick for what
//! FUSE itself costs. The distance from here is the engine's; the rest is the kernel's.

mod change;
mod config;
mod data;
mod face;
mod node;
mod stats;
mod tree;
mod wire;

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;

use fuser::{MountOption, Session, SessionACL};

use crate::config::{Args, USAGE};
use crate::face::Floor;
use crate::stats::Stats;

/// As much as fits one request.
const READ_AHEAD_KIB: &str = "1024";

/// The line that says that the mount is there.
const MOUNTED: &str = "mounted";

fn main() -> ExitCode {
    if env::args_os().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let args = match Args::parse(env::args_os().skip(1)) {
        Ok(args) => args,
        Err(what) => {
            eprintln!("fuse-floor: {what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let done = if args.foreground {
        serve(&args)
    } else {
        go_to_background()
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuse-floor: {}: {error}", args.mountpoint.display());
            ExitCode::FAILURE
        }
    }
}

/// Starts this program again with `--foreground` and returns when that one has mounted.
fn go_to_background() -> std::io::Result<()> {
    let mut daemon = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .arg("--foreground")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = daemon.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    if line.trim_end() == MOUNTED {
        return Ok(());
    }
    let output = daemon.wait_with_output()?;
    Err(std::io::Error::other(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

/// Lets the kernel read ahead as far as one request goes, for which only root may ask.
///
/// The mount's device number comes from the mount table: asking the mount itself would wait for an answer from us.
fn read_ahead(mountpoint: &Path) {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let device = table.lines().rev().find_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        (Path::new(fields.get(4)?) == mountpoint).then_some(*fields.get(2)?)
    });
    if let Some(device) = device {
        let _ = std::fs::write(
            format!("/sys/class/bdi/{device}/read_ahead_kb"),
            READ_AHEAD_KIB,
        );
    }
}

/// Mounts, serves until unmounted, and writes the statistics.
fn serve(args: &Args) -> std::io::Result<()> {
    let stats = Arc::new(Stats::default());
    let mut config = fuser::Config::default();
    config.mount_options = vec![
        MountOption::FSName("fuse-floor".into()),
        MountOption::DefaultPermissions,
        MountOption::Suid,
        MountOption::Dev,
    ];
    config.acl = SessionACL::All;
    config.n_threads = Some(args.threads);
    config.clone_fd = args.protocol.clone_fd;
    let floor = Floor::new(args.protocol, stats.clone());
    let mountpoint = args.mountpoint.canonicalize()?;
    let session = Session::new(floor, &mountpoint, &config)?;
    read_ahead(&mountpoint);
    writeln!(std::io::stdout(), "{MOUNTED}")?;
    let served = session.run();
    if let Some(file) = &args.stats {
        std::fs::write(file, stats.to_json())?;
    }
    served
}
