//! Starting the process that serves a mount, and its report to who started it.

use super::log as messages;
use super::monitor::Monitor;
use super::options::Settings;
use super::serving::Serving;
use crate::failure::{EXIT_FAILED, Failure, Result};
use crate::sys::{self, Fork};
use rustix::process::{Pid, WaitOptions, setsid, waitpid};
use std::io::{self, PipeReader, PipeWriter, Read, Write};

/// Mounts as `settings` say. In the foreground, returns when the image is closed, with its verdict;
/// else returns when the mount is there, and a daemon serves it.
///
/// # Errors
/// Everything that can fail is tried before the mount appears.
pub fn mount(mut settings: Settings) -> Result<()> {
    messages::start();
    if let Some(stats) = &mut settings.stats {
        // The daemon's working directory will be another.
        *stats = std::path::absolute(&*stats).map_err(|e| Failure::of(stats, e))?;
    }
    if settings.foreground {
        let (monitor, ()) = monitor(&settings, ()).map_err(no_process)?;
        return Serving::start(&settings, monitor)?.until_closed();
    }
    sys::close_inherited();
    let (reader, writer) = io::pipe().map_err(|e| Failure::new(format!("making a pipe: {e}")))?;
    match sys::fork().map_err(no_process)? {
        Fork::Parent(pid) => {
            drop(writer);
            hear(reader, pid)
        }
        Fork::Child => {
            drop(reader);
            let code = serve_in_background(&settings, writer);
            // The parent's destructors and buffers are not this process's to run.
            std::process::exit(code);
        }
    }
}

/// The monitor that the settings call for; `own` is nobody's but the daemon's.
fn monitor<T>(settings: &Settings, own: T) -> io::Result<(Monitor, T)> {
    if settings.sandbox {
        Monitor::start(!settings.foreground, own)
    } else {
        Ok((Monitor::within()?, own))
    }
}

fn no_process(error: io::Error) -> Failure {
    Failure::new(format!("starting a process: {error}"))
}

fn serve_in_background(settings: &Settings, parent: PipeWriter) -> i32 {
    // Fails only for a leader of a process group, which a forked process is not.
    let _ = setsid();
    let (monitor, parent) = match monitor(settings, parent) {
        Ok(both) => both,
        // Without the pipe, the parent reports that the daemon has ended.
        Err(_) => return EXIT_FAILED.into(),
    };
    let serving = match Serving::start(settings, monitor) {
        Ok(serving) => serving,
        Err(failure) => {
            report(parent, Err(&failure));
            return failure.exit_code().into();
        }
    };
    report(parent, Ok(()));
    match serving.until_closed() {
        Ok(()) => 0,
        Err(failure) => {
            log::error!("{failure}");
            failure.exit_code().into()
        }
    }
}

/// Tells the parent how it went: an exit code, and for a failure its line.
fn report(mut parent: PipeWriter, outcome: Result<(), &Failure>) {
    let message = match outcome {
        Ok(()) => vec![0],
        Err(failure) => [&[failure.exit_code()], failure.to_string().as_bytes()].concat(),
    };
    // A parent that is gone does not mind.
    let _ = parent.write_all(&message);
}

/// Waits for the daemon's report.
fn hear(mut reader: PipeReader, pid: Pid) -> Result<()> {
    let mut message = Vec::new();
    let read = reader.read_to_end(&mut message);
    match (read, message.split_first()) {
        (Ok(_), Some((0, _))) => Ok(()),
        (Ok(_), Some((&code, line))) => {
            Err(Failure::reported(&String::from_utf8_lossy(line), code))
        }
        _ => {
            let status = waitpid(Some(pid), WaitOptions::empty()).ok().flatten();
            let how = match status.and_then(|(_, status)| status.terminating_signal()) {
                Some(signal) => format!("was ended by signal {signal}"),
                None => "ended".to_owned(),
            };
            Err(Failure::new(format!(
                "the daemon {how} before the mount was there"
            )))
        }
    }
}
