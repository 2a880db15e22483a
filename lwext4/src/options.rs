//! How a volume is opened.

use crate::types::Timestamp;
use std::time::Duration;

/// What survives what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// What was synced survives a power cut of the host.
    #[default]
    Power,
    /// What was synced survives the death of the process; the host's barriers are skipped.
    Process,
    /// No journal is written: an image that is not closed cleanly is lost.
    None,
}

/// What fsync does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FsyncMode {
    /// What POSIX says.
    #[default]
    Honour,
    /// Nothing: only closing the volume, and syncing all of it, write.
    Ignore,
}

/// How to open a volume.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Write nothing; a journal that needs recovery is replayed in memory.
    pub read_only: bool,
    /// With `read_only`: leave the journal alone, and show what is there without it.
    pub norecovery: bool,
    /// What synced data survives.
    pub durability: Durability,
    /// What fsync does.
    pub fsync: FsyncMode,
    /// Memory for clean metadata blocks, in bytes.
    pub cache_bytes: usize,
    /// The longest that a change waits for its commit.
    pub commit_interval: Duration,
    /// Give freed space back to the host, once the transaction that freed it is on disk.
    pub discard: bool,
    /// Make the volume, and the device under it, larger when it would be full, up to this size in bytes.
    pub autogrow: Option<u64>,
    /// What time it is as long as the volume is open; `None`: the host's time. With it, times and
    /// generations depend on nothing but the image and what is done.
    pub clock: Option<Timestamp>,
    /// What other machines are told that the image is called here, if it has multiple-mount
    /// protection.
    pub device_name: String,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            read_only: false,
            norecovery: false,
            durability: Durability::default(),
            fsync: FsyncMode::default(),
            cache_bytes: 16 << 20,
            commit_interval: Duration::from_secs(5),
            discard: false,
            autogrow: None,
            clock: None,
            device_name: "lwext4".to_owned(),
        }
    }
}
