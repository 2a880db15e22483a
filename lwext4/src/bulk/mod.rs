//! Filling a volume with whole trees: files come with all their attributes and data at once.
//!
//! One operation makes a file with its attributes, extended attributes, blocks and name in one
//! transaction; data goes to the device behind the caller's back (`queue`), gathered with its
//! neighbours: new files are placed one behind the other.

mod create;
mod data;
mod node;
mod queue;

pub use create::ParentTimes;
pub use node::{Content, Node};
pub(crate) use queue::DataQueue;

use crate::attr::SetAttr;
use crate::error::{Error, Result};
use crate::fs::Fs;
use crate::types::{BlockNo, Ino};
use crate::volume::Volume;
use std::sync::Arc;
use std::thread::JoinHandle;

/// How a [`Bulk`] works.
#[derive(Clone, Copy, Debug)]
pub struct BulkOptions {
    /// Threads that write data; without any, the caller's own does.
    pub writers: usize,
    /// Commits happen at the same operations whenever the same is done, so that allocation does not
    /// depend on time. The volume should have a long [commit interval](crate::OpenOptions).
    pub steady: bool,
}

/// Makes many files, from one thread. Changes are in transactions as all others are; data is in its
/// place after [`Bulk::finish`].
///
/// The volume can be used otherwise meanwhile, but for reading the data of files made here.
pub struct Bulk<'v> {
    fs: &'v Arc<Fs>,
    writers: Vec<JoinHandle<()>>,
    options: BulkOptions,
    /// Where the next file's data goes: behind the last one's.
    goal: BlockNo,
}

impl Volume {
    /// Starts filling the volume.
    ///
    /// # Errors
    /// [`Error::ReadOnly`]; [`Error::Io`] when a thread cannot be started.
    pub fn bulk(&self, options: BulkOptions) -> Result<Bulk<'_>> {
        self.fs.check_writable()?;
        let mut bulk = Bulk {
            fs: &self.fs,
            writers: Vec::new(),
            options,
            goal: BlockNo(self.fs.geo.first_data_block),
        };
        self.fs.data.stop(false);
        for _ in 0..options.writers {
            let fs = self.fs.clone();
            let thread = std::thread::Builder::new()
                .name("lwext4-data".into())
                .spawn(move || fs.data.serve(&fs))
                .map_err(|e| Error::io("starting a writer thread", e))?;
            bulk.writers.push(thread);
        }
        Ok(bulk)
    }
}

impl Bulk<'_> {
    /// Removes a name of anything but a directory. The directory's times change.
    ///
    /// # Errors
    /// As [`Volume::unlink`].
    pub fn unlink(&mut self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.unlink(parent, name)?;
        self.pace()
    }

    /// Removes an empty directory. The parent's times change.
    ///
    /// # Errors
    /// As [`Volume::rmdir`].
    pub fn rmdir(&mut self, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.rmdir(parent, name)?;
        self.pace()
    }

    /// Gives a file one more name. The times of the directory and the file's change time change.
    ///
    /// # Errors
    /// As [`Volume::link`].
    pub fn link(&mut self, ino: Ino, parent: Ino, name: &[u8]) -> Result<()> {
        self.fs.link(ino, parent, name)?;
        self.fs.forget(ino, 1)?;
        self.pace()
    }

    /// Gives a file that exists the attributes and extended attributes of `node`, besides those that it
    /// has, which stay.
    ///
    /// # Errors
    /// As [`Volume::setattr`] and [`Volume::setxattr`].
    pub fn update(&mut self, ino: Ino, node: &Node) -> Result<()> {
        for (name, value) in &node.xattrs {
            self.fs.setxattr(ino, name, value, Default::default())?;
        }
        // An ACL of its own says what the permission bits are, too.
        let has_acl = node
            .xattrs
            .iter()
            .any(|(name, _)| name == b"system.posix_acl_access");
        let set = SetAttr {
            perm: Some(node.perm).filter(|_| !has_acl),
            uid: Some(node.uid),
            gid: Some(node.gid),
            atime: Some(node.atime),
            mtime: Some(node.mtime),
            ctime: Some(node.ctime),
            ..SetAttr::default()
        };
        self.set(ino, &set)
    }

    /// Changes attributes. See [`Volume::setattr`].
    ///
    /// # Errors
    /// As there.
    pub fn set(&mut self, ino: Ino, set: &SetAttr) -> Result<()> {
        self.fs.setattr(ino, set)?;
        self.pace()
    }

    /// Returns when all data is written.
    ///
    /// # Errors
    /// Why the volume is read-only, when data or anything else could not be written.
    pub fn flush(&mut self) -> Result<()> {
        self.fs.data.wait(self.fs, self.fs.data.mark());
        self.fs.journal.check()
    }

    /// [`Self::flush`], and ends the writer threads. Durable is what was done after
    /// [`Volume::sync`] or [`Volume::close`].
    ///
    /// # Errors
    /// As there.
    pub fn finish(mut self) -> Result<()> {
        self.flush()
    }

    /// Has the running transaction committed now if it is getting full, in a steady bulk.
    fn pace(&self) -> Result<()> {
        if self.options.steady && self.fs.journal.running.lock().asked {
            self.fs.journal.commit_all()?;
        }
        Ok(())
    }

    /// What failed, if writing ended behind the caller's back.
    fn cause<R>(&self, result: Result<R>) -> Result<R> {
        match result {
            Err(Error::ReadOnly) => self.fs.journal.check().and(Err(Error::ReadOnly)),
            result => result,
        }
    }
}

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        self.fs.data.wait(self.fs, self.fs.data.mark());
        self.fs.data.stop(true);
        for thread in self.writers.drain(..) {
            // After a panic, too, what it did not write is waited for above.
            let _ = thread.join();
        }
    }
}
