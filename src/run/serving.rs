//! The process that serves the image, in a sandbox as the daemon of `liveroot mount`.

use super::door;
use crate::failure::{Failure, Result};
use crate::session::image::Image;
use crate::session::monitor::{Monitor, message};
use crate::session::mounts::Device;
use crate::session::options::Settings;
use crate::session::serving::{Happening, Serving};
use serde::{Deserialize, Serialize};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Sender;
use std::thread;

/// What the server tells the keeper.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Event {
    /// The mount is there, with this device number.
    Mounted(Device),
    /// The image is closed, and complete if no line says otherwise; the last event.
    Closed(Option<String>),
}

/// What the keeper tells the server; silence says the same.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CommandEnded;

/// Serves the image as long as the keeper wants it; `image` is one that the keeper has opened already.
pub fn run(settings: &Settings, image: Option<Image>, keeper: OwnedFd, changes: OwnedFd) {
    let closed = match serve(settings, image, &keeper, changes) {
        Ok(()) => None,
        Err(failure) => Some(failure.to_string()),
    };
    // A keeper that is gone does not mind.
    let _ = message::send(&keeper, &Event::Closed(closed), None);
}

fn serve(
    settings: &Settings,
    image: Option<Image>,
    keeper: &OwnedFd,
    changes: OwnedFd,
) -> Result<()> {
    let failed = |what: &str, e: io::Error| Failure::new(format!("{what}: {e}"));
    let monitor = if settings.sandbox {
        Monitor::start(false, ()).map(|(monitor, ())| monitor)
    } else {
        Monitor::within()
    };
    let monitor = monitor.map_err(|e| failed("starting a process", e))?;
    let (mut serving, sender) = Serving::start_with_sender(settings, image, monitor)?;
    serving.serve_command();
    let ready = keeper
        .try_clone()
        .and_then(|keeper| listen(keeper, sender.clone()))
        .and_then(|()| match serving.side_door() {
            Some(door) => thread::Builder::new()
                .name("door".to_owned())
                .spawn(move || door::answer(&changes, &door))
                .map(drop),
            None => Ok(()),
        })
        .and_then(|()| message::send(keeper, &Event::Mounted(serving.device()), None));
    if ready.is_err() {
        // Nothing has been done with the mount yet.
        let _ = sender.send(Happening::CommandEnded);
    }
    let closed = serving.until_closed();
    ready.map_err(|e| failed("serving the command", e))?;
    closed
}

/// Waits until the keeper says that the command has ended, or ends itself.
fn listen(keeper: OwnedFd, sender: Sender<Happening>) -> io::Result<()> {
    thread::Builder::new()
        .name("keeper".to_owned())
        .spawn(move || {
            let _ = message::receive::<CommandEnded>(&keeper);
            let _ = sender.send(Happening::CommandEnded);
        })
        .map(drop)
}
