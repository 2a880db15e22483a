//! The process that serves a mount, from the fork to the verdict.

use super::attach::{self, Attachment};
use super::control::{self, Event, Hello, Request, Socket, Usage};
use super::detach::{Detached, abort, detach};
use super::image::{self, Image};
use super::mounts::{self, Device};
use super::options::Settings;
use super::{log as messages, mountpoint, stats, verdict};
use crate::failure::{Failure, Result};
use crate::fuse::{Counters, Face, Losses, Policy};
use crate::sys::{self, Access, Fork};
use fuser::{Config, Session, SessionACL};
use lwext4::Volume;
use rustix::process::{Pid, WaitOptions, geteuid, setsid, waitpid};
use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};

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
        return Serving::start(&settings)?.until_closed(&settings);
    }
    sys::close_inherited();
    let (reader, writer) = io::pipe().map_err(|e| Failure::new(format!("making a pipe: {e}")))?;
    match sys::fork().map_err(|e| Failure::new(format!("starting a process: {e}")))? {
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

fn serve_in_background(settings: &Settings, parent: PipeWriter) -> i32 {
    // Fails only for a leader of a process group, which a forked process is not.
    let _ = setsid();
    let serving = match Serving::start(settings) {
        Ok(serving) => serving,
        Err(failure) => {
            report(parent, Err(&failure));
            return failure.exit_code().into();
        }
    };
    leave_terminal();
    messages::to_background();
    report(parent, Ok(()));
    match serving.until_closed(settings) {
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

/// Lets go of the directory, the terminal and whatever reads this process's output.
fn leave_terminal() {
    let _ = std::env::set_current_dir("/");
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// What happens to a session.
enum Happening {
    /// The kernel has closed the connection: nobody uses the mount any more.
    Ended(io::Result<()>),
    /// A signal asks to end.
    Signal,
    /// A client wants something.
    Client(Request, UnixStream),
}

/// A mount that is served.
struct Serving {
    given: PathBuf,
    point: PathBuf,
    device: Option<Device>,
    /// `None` once it is closed.
    volume: Option<Arc<Volume>>,
    counters: Arc<Counters>,
    losses: Arc<Losses>,
    happenings: Receiver<Happening>,
    /// Kept for its destructor.
    _socket: Option<Socket>,
    /// Clients that wait for the verdict.
    waiting: Vec<UnixStream>,
    detached: bool,
}

impl Serving {
    /// Opens the image and makes the mount appear.
    fn start(settings: &Settings) -> Result<Serving> {
        let access = if settings.flags.read_only {
            Access::Read
        } else {
            Access::Write
        };
        sys::block_termination().map_err(|e| Failure::new(format!("blocking signals: {e}")))?;
        let image = image::open(&settings.image, settings.place, access)?;
        let point = mountpoint::check(&settings.mountpoint)?;
        let connection = attach::open_device()?;
        image.lock(access)?;
        let volume = Volume::open(image.device.clone(), settings.engine.clone())
            .map_err(|error| image.explain(&error, access))?;
        let Image {
            given, path, id, ..
        } = image;
        let volume = Arc::new(volume);
        let counters = Arc::new(Counters::default());
        let losses = Arc::new(Losses::default());
        let face = {
            let policy = Policy {
                access_times: settings.flags.access_times,
                asks_open: settings.asks_open,
            };
            Face::new(volume.clone(), counters.clone(), losses.clone(), policy)
        };
        let attachment = Attachment {
            point: &point,
            source: settings.source.as_deref().unwrap_or(path.as_os_str()),
            flags: settings.flags,
            allow_other: settings.lets_others_in(geteuid().is_root()),
        };
        let connected = attach::attach(&attachment, connection)
            .and_then(|connection| connect(face, connection, settings, &point));
        let session = match connected {
            Ok(session) => session,
            Err(failure) => {
                let _ = close(Some(volume));
                return Err(failure);
            }
        };
        let device = mounts::at(&point)?.map(|mount| mount.device);
        if let Some(device) = device {
            attach::widen_readahead(device);
        }
        let (sender, happenings) = mpsc::channel();
        let hello = Hello {
            pid: std::process::id(),
            image: path,
            image_id: id,
            mountpoint: point.clone(),
            mount_device: device.unwrap_or_default(),
        };
        let socket = listen(hello, &sender);
        let started = start_threads(session, sender);
        let serving = Serving {
            given,
            point,
            device,
            volume: Some(volume),
            counters,
            losses,
            happenings,
            _socket: socket,
            waiting: Vec::new(),
            detached: false,
        };
        match started {
            Ok(()) => Ok(serving),
            Err(error) => {
                let _ = detach(&serving.point, true);
                let _ = close(serving.volume);
                Err(Failure::new(format!("starting a thread: {error}")))
            }
        }
    }

    /// Serves until the mount is gone, closes the image, and tells everyone who waits.
    fn until_closed(mut self, settings: &Settings) -> Result<()> {
        let ended = self.serve();
        let result = self.verdict(ended, settings.stats.as_deref());
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
                Ok(Happening::Signal) => self.on_signal(),
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
        let event = match self.take_away(lazy) {
            Ok(Detached::Yes) => Event::Detached,
            Ok(Detached::Busy) => Event::Busy,
            Err(failure) => Event::Failed(failure.to_string()),
        };
        if control::send(&stream, &event).is_ok() && event == Event::Detached {
            self.waiting.push(stream);
        }
    }

    /// The first signal unmounts, lazily if it must. Another one, while somebody still holds the
    /// mount, cuts them off.
    fn on_signal(&mut self) {
        if self.detached {
            if self.device.is_none_or(|device| !abort(device)) {
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
        let ours = mounts::at(&self.point)?.is_some_and(|mount| Some(mount.device) == self.device);
        if self.detached || !ours {
            // Somebody was faster, or has mounted something else over it.
            if mounts::all()?
                .iter()
                .any(|mount| Some(mount.device) == self.device)
            {
                return Err(
                    Failure::of(&self.point, "something else is mounted over it")
                        .remedy("unmount that first"),
                );
            }
            return Ok(Detached::Yes);
        }
        let taken = detach(&self.point, lazy)?;
        self.detached |= taken == Detached::Yes;
        Ok(taken)
    }

    /// Closes the image, and says whether all went well.
    fn verdict(&mut self, ended: io::Result<()>, stats_file: Option<&Path>) -> Result<()> {
        // After an abort the mount is still there, dead.
        if mounts::at(&self.point)?.is_some_and(|mount| Some(mount.device) == self.device) {
            let _ = detach(&self.point, true);
        }
        let volume = self.volume.take();
        let lost = self.losses.summary(|ino| {
            let attr = volume.as_ref()?.getattr(ino).ok()?;
            Some(attr.generation)
        });
        let closed = close(volume);
        let statistics = stats_file.map_or(Ok(()), |path| stats::write(path, &self.counters));
        verdict::of(&self.given, ended, lost, closed)?;
        statistics
    }
}

/// Speaks with the kernel for the first time. When that fails, the mount is taken away again.
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
        let _ = detach(point, true);
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
fn listen(hello: Hello, sender: &Sender<Happening>) -> Option<Socket> {
    let sender = sender.clone();
    let listening = Socket::open().and_then(|socket| {
        let listener = socket.listener()?;
        let pass_on = move |request, stream| {
            let _ = sender.send(Happening::Client(request, stream));
        };
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || control::answer(listener, hello, pass_on))?;
        Ok(socket)
    });
    listening
        .map_err(|error| log::warn!("no control socket, so umount waits less well: {error}"))
        .ok()
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

/// Closes a volume that no thread uses any more.
fn close(volume: Option<Arc<Volume>>) -> Result<(), String> {
    match volume.and_then(Arc::into_inner) {
        Some(volume) => volume.close().map_err(|error| error.to_string()),
        None => Err("a thread that served requests has not ended".to_owned()),
    }
}
