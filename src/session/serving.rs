//! A mount that is served, from the opened image to the verdict.

use super::attach;
use super::background::Background;
use super::control::{self, Event, Hello, Request, Usage};
use super::detach::Detached;
use super::image::{self, Image};
use super::monitor::{Monitor, Orders};
use super::mounts::Device;
use super::options::Settings;
use super::stats::Statistics;
use super::who::{self, Mounter};
use super::{mountpoint, verdict};
use crate::failure::{Failure, Result};
use crate::fuse::{Checks, Counters, Face, Losses, Owners, Policy, SideDoor};
use crate::sandbox::{self, Missing};
use crate::sys::{self, Access};
use fuser::{Config, Session, SessionACL};
use lwext4::ondisk::features::RoCompat;
use lwext4::{FsyncMode, Volume};
use rustix::process::{getegid, geteuid};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

/// What happens to a session.
#[derive(Debug)]
pub enum Happening {
    /// The kernel has closed the connection: nobody uses the mount any more.
    Ended(io::Result<()>),
    /// A signal asks to end.
    Signal,
    /// The command that the mount was made for has ended.
    CommandEnded,
    /// A client wants something.
    Client(Request, UnixStream),
}

/// A mount that is served.
pub struct Serving {
    given: PathBuf,
    point: PathBuf,
    /// `None` once it is closed.
    volume: Option<Arc<Volume>>,
    counters: Arc<Counters>,
    losses: Arc<Losses>,
    happenings: Receiver<Happening>,
    monitor: Arc<Monitor>,
    statistics: Option<Statistics>,
    /// Clients that wait for the verdict.
    waiting: Vec<UnixStream>,
    detached: bool,
    /// Whether the mount was made for a command, which runs.
    has_command: bool,
    door: Option<SideDoor>,
    device: Device,
}

impl std::fmt::Debug for Serving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Serving")
            .field("point", &self.point)
            .finish_non_exhaustive()
    }
}

impl Serving {
    /// Opens the image and makes the mount appear. Whatever can be done without, the process gives up
    /// before it looks into the image.
    ///
    /// # Errors
    /// Everything that can fail is tried before the mount appears.
    pub fn start(settings: &Settings, monitor: Monitor) -> Result<Serving> {
        Ok(Serving::start_with_sender(settings, None, monitor)?.0)
    }

    /// Likewise, with an image that is open and locked already, if there is one; also returns where
    /// happenings are reported.
    ///
    /// # Errors
    /// As [`Serving::start`].
    pub fn start_with_sender(
        settings: &Settings,
        opened: Option<Image>,
        monitor: Monitor,
    ) -> Result<(Serving, Sender<Happening>)> {
        let access = if settings.flags.read_only {
            Access::Read
        } else {
            Access::Write
        };
        let mounter = Mounter {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
        };
        let owners = who::is_who(settings, mounter)?;
        sys::block_termination().map_err(|e| Failure::new(format!("blocking signals: {e}")))?;
        let is_locked = opened.is_some();
        let image = match opened {
            Some(image) => image,
            None => image::open(&settings.image, settings.place, access)?,
        };
        let point = mountpoint::check(&settings.mountpoint)?;
        attach::open_device()?;
        if !is_locked {
            image.lock(access)?;
        }
        let source = settings.source.as_deref().unwrap_or(image.path.as_os_str());
        monitor.instruct(Orders {
            point: point.as_os_str().as_bytes().to_vec(),
            source: source.as_bytes().to_vec(),
            flags: settings.flags,
            allow_other: settings.lets_others_in(geteuid().is_root()),
            kernel_checks: owners.checks == Checks::Kernel,
        })?;
        let statistics = settings
            .stats
            .as_deref()
            .map(Statistics::open)
            .transpose()?;
        let background = (!settings.foreground).then(Background::prepare);
        let mut missing = Missing::new();
        if settings.sandbox {
            missing = sandbox::give_up_privileges(&[attach::DEVICE.as_ref()]);
        }
        let mut engine = settings.engine.clone();
        engine.device_name = image.path.to_string_lossy().into_owned();
        let volume = Volume::open(image.device.clone(), engine)
            .map_err(|error| image.explain(&error, access))?;
        let Image {
            given, path, id, ..
        } = image;
        let (sender, happenings) = mpsc::channel();
        let mut serving = Serving {
            given,
            point,
            volume: Some(Arc::new(volume)),
            counters: Arc::default(),
            losses: Arc::default(),
            happenings,
            monitor: Arc::new(monitor),
            statistics,
            waiting: Vec::new(),
            detached: false,
            has_command: false,
            door: None,
            device: (0, 0),
        };
        let hello = Hello {
            pid: std::process::id(),
            image: path,
            image_id: id,
            mountpoint: serving.point.clone(),
            mount_device: (0, 0),
        };
        if let Err(failure) = serving.appear(settings, owners, hello, &sender) {
            serving.monitor.finish();
            let _ = close(serving.volume.take());
            return Err(failure);
        }
        if let Some(background) = background {
            background.enter();
        }
        if settings.sandbox {
            missing.extend(sandbox::give_up_calls());
        }
        for piece in missing {
            log::info!("{}: not sandboxed: {piece}", serving.given.display());
        }
        Ok((serving, sender))
    }

    /// From now on the mount is there for a command, until [`Happening::CommandEnded`] is reported:
    /// no signal and nobody else unmounts.
    pub fn serve_command(&mut self) {
        self.has_command = true;
    }

    /// The way to change the volume past the kernel.
    pub fn side_door(&self) -> Option<SideDoor> {
        self.door.clone()
    }

    /// The device number of the mount.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Mounts, and answers the kernel's first requests.
    fn appear(
        &mut self,
        settings: &Settings,
        owners: Owners,
        mut hello: Hello,
        sender: &Sender<Happening>,
    ) -> Result<()> {
        let Some(volume) = self.volume.clone() else {
            return Err(Failure::of(&self.given, "closed already"));
        };
        let policy = Policy {
            access_times: settings.flags.access_times,
            // Only who is asked can refuse to open a verity file for writing.
            asks_open: settings.asks_open || has_verity(&volume),
            no_fsync: settings.engine.fsync == FsyncMode::Ignore,
            trusted_stand_in: settings.trusted_stand_in,
            marks_files: settings.marks_files,
        };
        let face = Face::new(
            volume.clone(),
            self.counters.clone(),
            self.losses.clone(),
            policy,
            owners,
            self.monitor.clone(),
        );
        let door = SideDoor::new(&volume, face.notifier());
        drop(volume);
        let (connection, device) = self.monitor.mount()?;
        let session = connect(face, connection, settings, &self.point)?;
        hello.mount_device = device;
        (self.device, self.door) = (device, Some(door));
        listen(&self.monitor, hello, sender);
        start_threads(session, sender.clone())
            .map_err(|error| Failure::new(format!("starting a thread: {error}")))?;
        // An answer means that all threads have opened what they must.
        self.monitor.look()
    }

    /// Serves until the mount is gone, closes the image, and tells everyone who waits.
    ///
    /// # Errors
    /// Not everything that was written is in the image.
    pub fn until_closed(mut self) -> Result<()> {
        let ended = self.serve();
        let result = self.verdict(ended);
        let message = result.as_ref().err().map(Failure::to_string);
        let latecomers = self.happenings.try_iter().filter_map(|late| match late {
            Happening::Client(Request::Unmount | Request::UnmountLazy, stream) => Some(stream),
            _ => None,
        });
        for stream in self.waiting.drain(..).chain(latecomers) {
            let _ = control::send(&stream, &Event::Closed(message.clone()));
        }
        result
    }

    fn serve(&mut self) -> io::Result<()> {
        loop {
            match self.happenings.recv() {
                Ok(Happening::Ended(ended)) => return ended,
                // Whoever watches the command ends it.
                Ok(Happening::Signal) if self.has_command => {}
                Ok(Happening::Signal) => self.end(),
                Ok(Happening::CommandEnded) => {
                    self.has_command = false;
                    self.end();
                }
                Ok(Happening::Client(Request::Usage, stream)) => self.on_usage(&stream),
                Ok(Happening::Client(Request::Grow(bytes), stream)) => self.on_grow(bytes, &stream),
                Ok(Happening::Client(request, stream)) => self.on_unmount(request, stream),
                Err(_) => return Err(io::Error::other("all threads have ended")),
            }
        }
    }

    fn on_usage(&self, stream: &UnixStream) {
        if let Some(volume) = &self.volume {
            let free = volume.statfs();
            let usage = Usage {
                free_blocks: free.free_blocks,
                free_inodes: free.free_inodes,
                size: volume.superblock().size(),
            };
            let _ = control::send(stream, &Event::Usage(usage));
        }
    }

    fn on_grow(&self, bytes: u64, stream: &UnixStream) {
        if let Some(volume) = &self.volume {
            let event = match volume.grow(bytes) {
                Ok(size) => Event::Grown(size),
                Err(error) => Event::Failed(error.to_string()),
            };
            let _ = control::send(stream, &event);
        }
    }

    fn on_unmount(&mut self, request: Request, stream: UnixStream) {
        let lazy = request == Request::UnmountLazy;
        if self.has_command {
            let _ = control::send(&stream, &Event::Busy);
            return;
        }
        let event = match self.take_away(lazy) {
            Ok(Detached::Yes) => Event::Detached,
            Ok(Detached::Busy) => Event::Busy,
            Err(failure) => Event::Failed(failure.to_string()),
        };
        if control::send(&stream, &event).is_ok() && event == Event::Detached {
            self.waiting.push(stream);
        }
    }

    /// Unmounts, lazily if it must. Called a second time while somebody still holds the mount, cuts
    /// them off.
    fn end(&mut self) {
        if self.detached {
            if !self.monitor.abort() {
                // It cannot be cut off, so make sure that little is lost if the next signal kills.
                let synced = self.volume.as_ref().map(|volume| volume.sync());
                if let Some(Err(error)) = synced {
                    log::error!("{}: {error}", self.given.display());
                }
                log::warn!("{}: still in use; waiting", self.given.display());
            }
            return;
        }
        let taken = match self.take_away(false) {
            Ok(Detached::Busy) => {
                log::warn!(
                    "{}: still in use; detached, and closed when the last user lets go",
                    self.point.display()
                );
                self.take_away(true)
            }
            other => other,
        };
        if let Err(failure) = taken {
            log::error!("{failure}");
        }
    }

    fn take_away(&mut self, lazy: bool) -> Result<Detached> {
        let taken = self.monitor.unmount(lazy)?;
        self.detached |= taken == Detached::Yes;
        Ok(taken)
    }

    /// Closes the image, and says whether all went well.
    fn verdict(&mut self, ended: io::Result<()>) -> Result<()> {
        self.monitor.finish();
        let volume = self.volume.take();
        let lost = self.losses.summary(|ino| {
            let attr = volume.as_ref()?.getattr(ino).ok()?;
            Some(attr.generation)
        });
        let damage = volume.as_ref().map_or(0, |v| v.errors_recorded());
        let closed = close(volume);
        let statistics = self.statistics.take();
        let statistics = statistics.map_or(Ok(()), |file| file.write(&self.counters));
        verdict::of(&self.given, ended, lost, damage, closed)?;
        statistics
    }
}

/// Speaks with the kernel for the first time.
fn connect(
    face: Face,
    connection: OwnedFd,
    settings: &Settings,
    point: &Path,
) -> Result<Session<Face>> {
    let mut config = Config::default();
    config.n_threads = Some(settings.threads);
    config.clone_fd = true;
    let notifier = face.notifier();
    // The kernel lets in only whom the mount options say: no second check here.
    let session = Session::from_fd(face, connection, SessionACL::All, config).map_err(|error| {
        if error.raw_os_error() == Some(libc::EPROTONOSUPPORT) {
            Failure::of(point, "this kernel's FUSE cannot enforce ACLs")
                .remedy("Linux 4.9 or newer is needed")
        } else {
            Failure::of(point, format!("connecting to the kernel: {error}"))
        }
    })?;
    // A new session's place is empty.
    let _ = notifier.set(session.notifier());
    Ok(session)
}

/// Listens for `liveroot umount`. Without a directory for the socket the mount works all the same.
fn listen(monitor: &Monitor, hello: Hello, sender: &Sender<Happening>) {
    let sender = sender.clone();
    let listening = monitor.listen().and_then(|listener| {
        let pass_on = move |request, stream| {
            let _ = sender.send(Happening::Client(request, stream));
        };
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || control::answer(listener, hello, pass_on))
            .map_err(|error| Failure::new(error.to_string()))
    });
    if let Err(failure) = listening {
        log::warn!("no control socket, so umount waits less well: {failure}");
    }
}

fn start_threads(session: Session<Face>, sender: Sender<Happening>) -> io::Result<()> {
    let signals = sender.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            while sys::wait_termination().is_ok() && signals.send(Happening::Signal).is_ok() {}
        })?;
    std::thread::Builder::new()
        .name("session".to_owned())
        .spawn(move || {
            let _ = sender.send(Happening::Ended(session.run()));
        })?;
    Ok(())
}

/// Whether files of the volume may be protected by fs-verity.
fn has_verity(volume: &Volume) -> bool {
    let features = volume.superblock().features();
    features.ro_compat.contains(RoCompat::VERITY)
}

/// Closes a volume that no thread uses any more.
fn close(volume: Option<Arc<Volume>>) -> Result<(), String> {
    match volume.and_then(Arc::into_inner) {
        Some(volume) => volume.close().map_err(|error| error.to_string()),
        None => Err("a thread that served requests has not ended".to_owned()),
    }
}
