//! What the command sees of the file tree.
//!
//! It works on a directory with a mount on it, whatever serves that.

use super::dev;
use super::placeholder::Place;
use crate::failure::{Failure, Result};
use crate::sys::{self, Unshared};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, unmount};
use rustix::process::{chdir, pivot_root};
use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where resolvers look for their servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What the command is to see.
#[derive(Clone, Debug)]
pub struct View {
    /// Where the image is mounted.
    pub mount: PathBuf,
    /// Whether that becomes the root directory.
    pub inside: bool,
    /// What is shown elsewhere.
    pub binds: Vec<Bind>,
    /// Whether the image's resolv.conf is covered by the host's.
    pub resolv_conf: bool,
    /// Where the command starts.
    pub workdir: Option<PathBuf>,
}

/// A file or directory of the host that is shown elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    /// An absolute path.
    pub source: PathBuf,
    /// Whether that is a directory.
    pub is_dir: bool,
    /// Where it is shown.
    pub target: PathBuf,
    /// Whether it can only be read there.
    pub read_only: bool,
}

impl View {
    /// The places in the image that [`View::enter`] mounts on.
    pub fn mounted_on(&self) -> Vec<Place> {
        if !self.inside {
            return Vec::new();
        }
        let place = |path: &str, is_dir| Place {
            path: path.into(),
            is_dir,
        };
        let mut places = vec![
            place("/proc", true),
            place("/sys", true),
            place("/dev", true),
        ];
        if self.resolv_conf {
            places.push(place(RESOLV_CONF, false));
        }
        places.extend(self.binds.iter().map(|bind| Place {
            path: bind.target.clone(),
            is_dir: bind.is_dir,
        }));
        places
    }

    /// Has this process, which is in a PID namespace of its own, see that, in a mount namespace that
    /// is its own too: all of it goes with the last process that sees it.
    ///
    /// # Errors
    /// Something to mount on is missing, or the kernel refuses.
    pub fn enter(&self) -> Result<()> {
        sys::unshare(Unshared::Mounts)
            .map_err(|e| Failure::new(format!("making a mount namespace: {e}")))?;
        if self.inside {
            self.enter_image()?;
        } else {
            // Where /proc is partly covered, as in containers, the kernel refuses, and the numbers of
            // processes there stay those of the outer namespace.
            let _ = mount_proc(Path::new("/proc"));
            for bind in &self.binds {
                let target = openat(
                    CWD,
                    &bind.target,
                    OFlags::PATH | OFlags::CLOEXEC,
                    Mode::empty(),
                )
                .map_err(|errno| {
                    Failure::of(&bind.target, io::Error::from(errno))
                        .remedy("without --root, what --bind mounts on must exist")
                })?;
                bind.mount_on(target.as_fd(), || {
                    openat(
                        CWD,
                        &bind.target,
                        OFlags::PATH | OFlags::CLOEXEC,
                        Mode::empty(),
                    )
                })?;
            }
        }
        match &self.workdir {
            Some(workdir) => chdir(workdir).map_err(|errno| {
                Failure::of(workdir, io::Error::from(errno))
                    .remedy("give --workdir a directory that the command can see")
            }),
            None => Ok(()),
        }
    }

    fn enter_image(&self) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, &self.mount, flags, Mode::empty())
            .map_err(|errno| Failure::of(&self.mount, io::Error::from(errno)))?;
        let in_image = |path: &Path, what: &str| {
            open_in(root.as_fd(), path).map_err(|errno| {
                Failure::of(
                    path,
                    format!(
                        "to mount {what} on in the image: {}",
                        io::Error::from(errno)
                    ),
                )
            })
        };
        let proc = in_image(Path::new("/proc"), "the processes")?;
        mount_proc(&by_descriptor(proc.as_fd()))
            // In a container whose own /proc is partly covered there can be no other.
            .or_else(|_| mount_bind_recursive("/proc", by_descriptor(proc.as_fd())))
            .map_err(|errno| Failure::new(format!("mounting /proc: {}", io::Error::from(errno))))?;
        let sys = in_image(Path::new("/sys"), "the kernel's devices")?;
        mount_bind_recursive("/sys", by_descriptor(sys.as_fd()))
            .map_err(|errno| Failure::new(format!("mounting /sys: {}", io::Error::from(errno))))?;
        if let Ok(mounted) = open_in(root.as_fd(), Path::new("/sys")) {
            // Its files have their own permissions; before Linux 5.12 these must do.
            let _ = sys::make_read_only(mounted.as_fd());
        }
        let dev = in_image(Path::new("/dev"), "devices")?;
        dev::fill(&dev, || open_in(root.as_fd(), Path::new("/dev")))?;
        if self.resolv_conf {
            self.cover_resolv_conf(root.as_fd())?;
        }
        for bind in &self.binds {
            let target = in_image(&bind.target, "something")?;
            bind.mount_on(target.as_fd(), || open_in(root.as_fd(), &bind.target))?;
        }
        drop(root);
        become_root_directory(&self.mount)
    }

    fn cover_resolv_conf(&self, root: BorrowedFd<'_>) -> Result<()> {
        let path = Path::new(RESOLV_CONF);
        let bind = Bind {
            source: path.canonicalize().map_err(|e| {
                Failure::of(path, e).remedy("leave --resolv-conf out: this host has none")
            })?,
            is_dir: false,
            target: path.to_owned(),
            read_only: true,
        };
        // A symlink that leads nowhere in the image is covered itself.
        let target = open_in(root, path).or_else(|_| {
            let parent = open_in(root, Path::new("/etc"))?;
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            openat(&parent, "resolv.conf", flags, Mode::empty())
        });
        let target = target.map_err(|errno| Failure::of(path, io::Error::from(errno)))?;
        bind.mount_on(target.as_fd(), || open_in(root, path))
    }
}

impl Bind {
    /// Mounts it on `target`; `again` opens what is there then.
    fn mount_on(
        &self,
        target: BorrowedFd<'_>,
        again: impl Fn() -> Result<OwnedFd, Errno>,
    ) -> Result<()> {
        let failed = |e: io::Error| {
            let target = self.target.display();
            Failure::of(&self.source, format!("showing it at {target}: {e}"))
        };
        mount_bind_recursive(&self.source, by_descriptor(target))
            .map_err(|errno| failed(errno.into()))?;
        if self.read_only {
            let mounted = again().map_err(|errno| failed(errno.into()))?;
            sys::make_read_only(mounted.as_fd()).map_err(|e| match e.raw_os_error() {
                Some(libc::ENOSYS) => failed(e).remedy("read-only binds need Linux 5.12"),
                _ => failed(e),
            })?;
        }
        Ok(())
    }
}

/// Opens a path in the tree at `root`, out of which no symlink leads.
fn open_in(root: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT)
}

/// The path that leads to an open file whatever its own path is.
pub fn by_descriptor(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn mount_proc(target: &Path) -> Result<(), Errno> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", target, "proc", flags, None::<&CStr>)
}

/// Puts the mount at `point` into the place of the root directory, and lets go of the old one.
fn become_root_directory(point: &Path) -> Result<()> {
    let failed = |errno: Errno| {
        Failure::of(
            point,
            format!("becoming the root directory: {}", io::Error::from(errno)),
        )
    };
    chdir(point).map_err(failed)?;
    pivot_root(".", ".").map_err(|errno| match errno {
        Errno::INVAL => failed(errno).remedy("this does not work from an initramfs; use --at"),
        _ => failed(errno),
    })?;
    // The old root directory lies over the new one now.
    unmount(".", UnmountFlags::DETACH).map_err(failed)?;
    chdir("/").map_err(failed)
}
