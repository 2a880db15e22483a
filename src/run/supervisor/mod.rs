//! Does in the image, through the engine, what the kernel forbids in user namespaces: device nodes,
//! `trusted.` attributes, immutable and append-only files.
//!
//! The command's seccomp filter ([`filter`]) has the kernel report these calls. Here the caller is
//! looked at ([`caller`]), its path is resolved as the kernel would ([`resolve`]), and, if it leads
//! into the mount and the caller is as root, the call is carried out. In every other case the kernel
//! goes on with it, and says what it always says: nothing is decided here that it will not decide
//! again.

mod caller;
pub mod filter;
mod resolve;

use super::door::{Change, Changed, Door};
use super::stage::nodes;
use crate::fuse::{ioctl, rules};
use crate::session::mounts::Device;
use crate::sys::{Answer, Listener, Notification};
pub use caller::Caller;
use caller::Capability;
use filter::{Call, Named};
use resolve::{Followed, Resolver};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{StatVfsMountFlags, fstat, fstatvfs, makedev};
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::thread::{self, JoinHandle};

/// The prefix of the attributes that only the first user namespace's root may change.
const TRUSTED: &[u8] = b"trusted.";

/// The longest value that is passed on. ext4 keeps values in a block, which has 4 KiB in almost all
/// images; the kernel takes 64.
const LONGEST_VALUE: usize = 12 << 10;

/// How a call is carried out.
#[derive(Debug)]
pub enum Way {
    /// In the image, by its server.
    Image(Door),
    /// In an overlay, with what stands for devices and attributes until it is applied.
    Scratch,
    /// By the kernel, which forbids nothing here. But what means something to liveroot in an overlay is
    /// nobody else's.
    Kernel,
}

/// A thread that answers a command's calls.
#[derive(Debug)]
pub struct Supervisor {
    thread: JoinHandle<()>,
    /// Closing it ends the thread.
    alive: PipeWriter,
}

/// Why the engine's answer does not matter: the kernel's own does.
struct NotOurs;

/// Done, or failed with an error number.
type Outcome = Result<Result<(), i32>, NotOurs>;

impl From<io::Error> for NotOurs {
    fn from(_: io::Error) -> NotOurs {
        NotOurs
    }
}

impl From<rustix::io::Errno> for NotOurs {
    fn from(_: rustix::io::Errno) -> NotOurs {
        NotOurs
    }
}

impl Supervisor {
    /// Answers what arrives at `listener`; what concerns the mount `device` goes its `way`.
    ///
    /// # Errors
    /// No thread, no descriptors, or no /proc.
    pub fn start(listener: Listener, way: Way, device: Device) -> io::Result<Supervisor> {
        let (ended, alive) = io::pipe()?;
        // In the thread this changes only the thread's directories.
        let (sender, started) = std::sync::mpsc::channel();
        let thread = thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                let resolver = Resolver::in_this_thread();
                let (resolver, result) = match resolver {
                    Ok(resolver) => (Some(resolver), Ok(())),
                    Err(error) => (None, Err(error)),
                };
                let _ = sender.send(result);
                if let Some(resolver) = resolver {
                    let device = makedev(device.0, device.1);
                    Answering {
                        listener,
                        resolver,
                        way,
                        device,
                    }
                    .until(&ended);
                }
            })?;
        started.recv().map_err(io::Error::other)??;
        Ok(Supervisor { thread, alive })
    }

    /// Ends it. Calls that are not answered yet fail with ENOSYS.
    pub fn stop(self) {
        drop(self.alive);
        let _ = self.thread.join();
    }
}

struct Answering {
    listener: Listener,
    resolver: Resolver,
    way: Way,
    device: u64,
}

impl Answering {
    fn until(&self, ended: &PipeReader) {
        loop {
            let mut fds = [
                PollFd::new(&self.listener, PollFlags::IN),
                PollFd::new(ended, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return log::error!("supervision ends: {}", io::Error::from(errno)),
            }
            let [calls, ended] = fds.map(|fd| fd.revents());
            if !ended.is_empty() {
                return;
            }
            if calls.contains(PollFlags::IN) {
                if let Err(error) = self.answer_one() {
                    return log::error!("supervision ends: {error}");
                }
            } else if !calls.is_empty() {
                // Nobody has the filter any more.
                return;
            }
        }
    }

    fn answer_one(&self) -> io::Result<()> {
        let Some(notification) = self.listener.receive()? else {
            return Ok(());
        };
        let answer = match self.carry_out(&notification) {
            Ok(Ok(())) => Answer::Done,
            Ok(Err(errno)) => Answer::Fails(errno),
            Err(NotOurs) => Answer::Continue,
        };
        self.listener.answer(&notification, answer)
    }

    fn carry_out(&self, notification: &Notification) -> Outcome {
        let call = Call::of(notification).ok_or(NotOurs)?;
        let caller = self.resolver.caller(notification.tid)?;
        // From here on the number can belong to nobody else: what was opened is the caller's.
        if !self.listener.waits(notification) {
            return Err(NotOurs);
        }
        match call {
            Call::Mknod {
                place,
                mode,
                device,
            } => self.mknod(&caller, place, mode, device),
            Call::SetXattr {
                file,
                name,
                value,
                size,
                flags,
            } => {
                let (name, file) = match self.attribute(&caller, file, name)? {
                    Attribute::Trusted(name, file) => (name, file),
                    Attribute::Reserved(answer) => return Ok(answer),
                };
                let size = usize::try_from(size)
                    .ok()
                    .filter(|&size| size <= LONGEST_VALUE);
                let value = caller.read(value, size.ok_or(NotOurs)?)?;
                let Way::Image(door) = &self.way else {
                    return Ok(told(
                        self.resolver
                            .reopen(&file)
                            .and_then(|file| nodes::set_trusted(&file, &name, &value, flags)),
                    ));
                };
                let ino = ino(&file)?;
                ask(
                    door,
                    &Change::SetXattr {
                        ino,
                        name,
                        value,
                        flags,
                    },
                )
            }
            Call::RemoveXattr { file, name } => {
                let (name, file) = match self.attribute(&caller, file, name)? {
                    Attribute::Trusted(name, file) => (name, file),
                    Attribute::Reserved(answer) => return Ok(answer),
                };
                let Way::Image(door) = &self.way else {
                    return Ok(told(
                        self.resolver
                            .reopen(&file)
                            .and_then(|file| nodes::remove_trusted(&file, &name)),
                    ));
                };
                let ino = ino(&file)?;
                ask(door, &Change::RemoveXattr { ino, name })
            }
            Call::SetFlags {
                file,
                command,
                data,
            } => self.set_flags(&caller, file, command, data),
        }
    }

    fn mknod(&self, caller: &Caller, place: Named, mode: u32, device: u32) -> Outcome {
        self.forbidden_by_kernel()?;
        // Whoever may search and write everywhere needs no check of permissions here.
        if !caller.may(&[Capability::Mknod, Capability::DacOverride]) {
            return Err(NotOurs);
        }
        let (directory, name) = self.resolver.parent(caller, place)?;
        self.check_in_mount(&directory)?;
        let Way::Image(door) = &self.way else {
            return Ok(told(nodes::make(&directory, &name, mode, device, caller)));
        };
        ask(
            door,
            &Change::MakeNode {
                parent: ino(&directory)?,
                name: name.into_vec(),
                mode,
                umask: caller.umask,
                uid: caller.uid,
                gid: caller.gid,
                device,
            },
        )
    }

    fn set_flags(&self, caller: &Caller, file: i32, command: u32, data: u64) -> Outcome {
        use Capability::{DacOverride, Fowner, LinuxImmutable};
        if !caller.may(&[LinuxImmutable, Fowner, DacOverride]) {
            return Err(NotOurs);
        }
        let file = self
            .resolver
            .file(caller, Named::Open(file), Followed::Yes)?;
        self.check_in_mount(&file)?;
        // An overlay has no such flags of its own, and the kernel says so.
        let Way::Image(door) = &self.way else {
            return Err(NotOurs);
        };
        let ino = ino(&file)?;
        let len = match command {
            ioctl::FSSETXATTR => ioctl::FSXATTR_LEN,
            _ => size_of::<u32>(),
        };
        ask(
            door,
            &Change::FreezeOrThaw {
                ino,
                command,
                data: caller.read(data, len)?,
            },
        )
    }

    /// Goes on only where the kernel forbids what is asked for.
    fn forbidden_by_kernel(&self) -> Result<(), NotOurs> {
        match self.way {
            Way::Image(_) | Way::Scratch => Ok(()),
            Way::Kernel => Err(NotOurs),
        }
    }

    /// The attribute that a caller wants to change.
    fn attribute(&self, caller: &Caller, file: Named, name: u64) -> Result<Attribute, NotOurs> {
        let name = caller.read_string(name)?;
        if let Some(answer) = self.reserved(&name) {
            return Ok(Attribute::Reserved(answer));
        }
        self.forbidden_by_kernel()?;
        if !name.starts_with(TRUSTED)
            || !caller.may(&[Capability::SysAdmin, Capability::DacOverride])
        {
            return Err(NotOurs);
        }
        let followed = match file {
            Named::Path { follow: false, .. } => Followed::No,
            _ => Followed::Yes,
        };
        let file = self.resolver.file(caller, file, followed)?;
        self.check_in_mount(&file)?;
        Ok(Attribute::Trusted(name, file))
    }

    /// What is said to a command that changes an attribute of this name, if it is liveroot's own in an
    /// overlay. To those who copy a file with all its attributes it is to look as if it were changed.
    fn reserved(&self, name: &[u8]) -> Option<Result<(), i32>> {
        match self.way {
            Way::Image(_) => None,
            _ if name == rules::FILE_MARK => Some(Ok(())),
            _ if name.starts_with(rules::STAND_IN) => Some(Err(libc::EPERM)),
            _ => None,
        }
    }

    /// Whether an open file is in the mount, and writable for those who see it so.
    fn check_in_mount(&self, file: &OwnedFd) -> Result<(), NotOurs> {
        let stat = fstat(file)?;
        if stat.st_dev != self.device || fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY)
        {
            return Err(NotOurs);
        }
        Ok(())
    }
}

/// An attribute that somebody wants to change.
enum Attribute {
    /// A trusted one of a file, wanted by a caller who is as root.
    Trusted(Vec<u8>, OwnedFd),
    /// One of liveroot's own, and what is said to that.
    Reserved(Result<(), i32>),
}

/// The inode number of an open file in the image. As it is open the kernel remembers the inode, so that
/// the number cannot be another's.
fn ino(file: &OwnedFd) -> Result<u32, NotOurs> {
    u32::try_from(fstat(file)?.st_ino).map_err(|_| NotOurs)
}

/// Has a change made. Where nobody is there to make it, the kernel refuses the call.
fn ask(door: &Door, change: &Change) -> Outcome {
    match door.ask(change)? {
        Changed::Done => Ok(Ok(())),
        Changed::NotNeeded => Err(NotOurs),
        Changed::Failed(errno) => Ok(Err(errno)),
    }
}

fn told(result: Result<(), rustix::io::Errno>) -> Result<(), i32> {
    result.map_err(rustix::io::Errno::raw_os_error)
}
