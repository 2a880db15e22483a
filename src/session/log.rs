//! Where messages go: to standard error in the foreground, to the system's log from the daemon.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

struct Logger {
    in_background: AtomicBool,
    /// Connected to the system's log, where there is one: a daemon in its sandbox cannot connect.
    system: OnceLock<UnixDatagram>,
}

static LOGGER: Logger = Logger {
    in_background: AtomicBool::new(false),
    system: OnceLock::new(),
};

/// Takes messages from now on, to standard error.
pub fn start() {
    if log::set_logger(&LOGGER).is_ok() {
        // Requests are logged by fuser below this level, at a price.
        log::set_max_level(LevelFilter::Info);
    }
}

/// Connects to the system's log, if there is one, for [`to_background`].
pub fn connect() {
    if let Ok(socket) = UnixDatagram::unbound()
        && socket.connect("/dev/log").is_ok()
        && socket.set_nonblocking(true).is_ok()
    {
        // There is none yet: a process goes to the background once.
        let _ = LOGGER.system.set(socket);
    }
}

/// Sends messages to the system's log instead.
pub fn to_background() {
    LOGGER.in_background.store(true, Ordering::Relaxed);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // fuser complains of every reply whose request was interrupted, and the engine tells of every
        // journal that it replays.
        let ours = metadata.target().starts_with("liveroot");
        let least = if ours { Level::Info } else { Level::Warn };
        metadata.level() <= least && !metadata.target().starts_with("fuser")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = crate::failure::printable(&record.args().to_string());
        if !self.in_background.load(Ordering::Relaxed) {
            eprintln!("liveroot: {text}");
            return;
        }
        // Facility 3 (daemon); severity 3 (error), 4 (warning) or 6 (information).
        let severity = match record.level() {
            Level::Error => 3,
            Level::Warn => 4,
            _ => 6,
        };
        let priority = 3 * 8 + severity;
        let line = format!("<{priority}>liveroot[{}]: {text}", std::process::id());
        if let Some(socket) = self.system.get() {
            let _ = socket.send(line.as_bytes());
        }
    }

    fn flush(&self) {}
}
