//! The monitor's side: does what it is asked for, as far as its orders go, until the daemon ends.

use super::message::{self, Answer, Ask, Orders};
use crate::failure::{Failure, Result};
use crate::fuse::processes::{Proc, Processes};
use crate::session::attach::{self, Attachment};
use crate::session::background::Background;
use crate::session::control::Socket;
use crate::session::detach::{self, Detached};
use crate::session::mounts::{self, Device};
use crate::sys;
use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Answers until the other ends are closed.
pub fn until_daemon_ends(orders: OwnedFd, questions: OwnedFd, in_background: bool) {
    // The daemon takes the signals, and ends when it is done.
    let _ = sys::block_termination();
    if in_background {
        Background::prepare().enter();
    }
    let answering = std::thread::Builder::new()
        .name("questions".to_owned())
        .spawn(move || answer_questions(&questions));
    if let Err(error) = answering {
        log::warn!("nobody is there to look into /proc: {error}");
    }
    let mut duty = Duty::default();
    while let Ok(Some((ask, _))) = message::receive(&orders) {
        let finished = ask == Ask::Finish;
        let (answer, descriptor) = match duty.carry_out(ask) {
            Ok(answer) => answer,
            Err(failure) => (
                Answer::Failed(failure.to_string(), failure.exit_code()),
                None,
            ),
        };
        let descriptor = descriptor.as_ref().map(AsFd::as_fd);
        if message::send(&orders, &answer, descriptor).is_err() || finished {
            break;
        }
    }
}

fn answer_questions(questions: &OwnedFd) {
    while let Ok(Some((ask, _))) = message::receive(questions) {
        let answer = match ask {
            Ask::Status(tid) => Answer::Status(Proc.status(tid)),
            _ => Answer::Done,
        };
        if message::send(questions, &answer, None).is_err() {
            break;
        }
    }
}

/// What the monitor has been told, and has done.
#[derive(Debug, Default)]
struct Duty {
    orders: Option<Orders>,
    /// Of the mount, once it is there.
    device: Option<Device>,
    detached: bool,
    /// Vanishes with the monitor.
    socket: Option<Socket>,
}

type Done = (Answer, Option<OwnedFd>);

impl Duty {
    fn carry_out(&mut self, ask: Ask) -> Result<Done> {
        let out_of_order = || Failure::new("this is not among the orders");
        match ask {
            Ask::Orders(orders) if self.orders.is_none() => {
                self.orders = Some(orders);
                Ok((Answer::Done, None))
            }
            Ask::Mount if self.device.is_none() => self.mount(),
            Ask::Look => self.look(),
            Ask::Listen if self.socket.is_none() => self.listen(),
            Ask::Unmount { lazy } => self.unmount(lazy),
            Ask::Abort if self.device.is_some_and(detach::abort) => Ok((Answer::Done, None)),
            Ask::Finish => {
                self.finish();
                Ok((Answer::Done, None))
            }
            _ => Err(out_of_order()),
        }
    }

    fn orders(&self) -> Result<&Orders> {
        self.orders
            .as_ref()
            .ok_or_else(|| Failure::new("there are no orders yet"))
    }

    fn mount(&mut self) -> Result<Done> {
        let orders = self.orders()?;
        let point = Path::new(OsStr::from_bytes(&orders.point));
        let attachment = Attachment {
            point,
            source: OsStr::from_bytes(&orders.source),
            flags: orders.flags,
            allow_other: orders.allow_other,
            kernel_checks: orders.kernel_checks,
        };
        let connection = attach::attach(&attachment, attach::open_device()?)?;
        let device = mounts::at(point)?.map_or_else(Device::default, |mount| mount.device);
        self.device = Some(device);
        Ok((Answer::Mounted(device), Some(connection)))
    }

    fn look(&self) -> Result<Done> {
        let point = Path::new(OsStr::from_bytes(&self.orders()?.point));
        rustix::fs::statfs(point)
            .map_err(|errno| Failure::of(point, std::io::Error::from(errno)))?;
        // Not before: with the answer to its first request, the kernel sets what it was to begin with.
        if let Some(device) = self.device {
            attach::widen_readahead(device);
        }
        Ok((Answer::Done, None))
    }

    fn listen(&mut self) -> Result<Done> {
        let failed = |error| Failure::new(format!("{error}"));
        let socket = Socket::open().map_err(failed)?;
        let listener = socket.listener().map_err(failed)?;
        self.socket = Some(socket);
        Ok((Answer::Done, Some(listener.into())))
    }

    fn is_mounted(&self, point: &Path) -> Result<bool> {
        Ok(mounts::at(point)?.is_some_and(|mount| Some(mount.device) == self.device))
    }

    fn unmount(&mut self, lazy: bool) -> Result<Done> {
        let orders = self.orders()?;
        let point = Path::new(OsStr::from_bytes(&orders.point));
        if self.detached || !self.is_mounted(point)? {
            // Somebody was faster, or has mounted something else over it.
            if mounts::all()?
                .iter()
                .any(|mount| Some(mount.device) == self.device)
            {
                return Err(Failure::of(point, "something else is mounted over it")
                    .remedy("unmount that first"));
            }
            return Ok((Answer::Done, None));
        }
        match detach::detach(point, lazy)? {
            Detached::Yes => {
                self.detached = true;
                Ok((Answer::Done, None))
            }
            Detached::Busy => Ok((Answer::Busy, None)),
        }
    }

    /// After an abort the mount is still there, dead.
    fn finish(&mut self) {
        if let Some(orders) = &self.orders {
            let point = Path::new(OsStr::from_bytes(&orders.point));
            if self.is_mounted(point).unwrap_or(false) {
                let _ = detach::detach(point, true);
            }
        }
        self.socket = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(point: &str) -> Ask {
        Ask::Orders(Orders {
            point: point.into(),
            source: b"image".to_vec(),
            flags: Default::default(),
            allow_other: false,
            kernel_checks: true,
        })
    }

    #[test]
    fn only_the_first_orders_count() {
        let mut duty = Duty::default();
        assert!(duty.carry_out(Ask::Mount).is_err());
        assert!(duty.carry_out(orders("/first")).is_ok());
        assert!(duty.carry_out(orders("/second")).is_err());
        assert_eq!(duty.orders().unwrap().point, b"/first");
        assert!(duty.carry_out(Ask::Abort).is_err());
    }

    #[test]
    fn what_is_not_its_own_mount_is_left_alone() {
        let mut duty = Duty::default();
        duty.carry_out(orders("/proc")).unwrap();
        duty.device = Some((0xfff, 0xfff));
        // Nothing of that device is mounted: it is gone already.
        assert_eq!(
            duty.carry_out(Ask::Unmount { lazy: true }).unwrap().0,
            Answer::Done
        );
        duty.finish();
        assert!(mounts::at(Path::new("/proc")).unwrap().is_some());
    }
}
