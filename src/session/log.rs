//! Where messages go: to standard error in the foreground, to the system's log from the daemon.

use log::{Level, LevelFilter, Log, Metadata, Record};
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};

struct Logger {
    in_background: AtomicBool,
}

static LOGGER: Logger = Logger {
    in_background: AtomicBool::new(false),
};

/// Takes messages from now on, to standard error.
pub fn start() {
    if log::set_logger(&LOGGER).is_ok() {
        // Requests are logged by fuser below this level, at a price.
        log::set_max_level(LevelFilter::Warn);
    }
}

/// Sends messages to the system's log instead, if there is one.
pub fn to_background() {
    LOGGER.in_background.store(true, Ordering::Relaxed);
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // fuser complains of every reply whose request was interrupted.
        metadata.level() <= Level::Warn && !metadata.target().starts_with("fuser")
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
        // Facility 3 (daemon); severity 3 (error) or 4 (warning).
        let priority = 3 * 8 + if record.level() == Level::Error { 3 } else { 4 };
        let line = format!("<{priority}>liveroot[{}]: {text}", std::process::id());
        if let Ok(socket) = UnixDatagram::unbound() {
            let _ = socket.set_nonblocking(true);
            let _ = socket.send_to(line.as_bytes(), "/dev/log");
        }
    }

    fn flush(&self) {}
}
