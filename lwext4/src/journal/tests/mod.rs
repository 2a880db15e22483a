//! The journal against itself, against power cuts and faults, and against e2fsprogs and the kernel.
//! Here is what the tests share: small file systems in memory, and devices that record or fail.

mod faults;
mod kernel;
mod oracle;
mod power;
mod replayed;
mod roundtrip;

use crate::device::{BlockDevice, MemDevice};
use crate::journal::file::{JournalFile, Run};
use crate::ondisk::features::{Incompat, RoCompat};
use crate::ondisk::jbd2::{JournalCompat, JournalIncompat, JournalSuperblock};
use crate::ondisk::superblock::{MAGIC, Superblock};
use crate::types::BlockNo;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;

/// Block size of the tests' file systems.
pub(crate) const BLOCK: usize = 1024;

/// The superblock of a file system of `blocks` blocks of 1 KiB.
pub(crate) fn superblock(blocks: u64) -> Superblock {
    let mut sb = Superblock::default();
    sb.set_magic(MAGIC);
    sb.set_rev_level(1);
    sb.set_first_data_block(1);
    sb.set_blocks_count(blocks);
    sb
}

/// Which features the journal of a test has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) compat: u32,
    pub(crate) incompat: u32,
    pub(crate) metadata_csum: bool,
    pub(crate) wide: bool,
}

/// Every checksum version, with 32-bit and 64-bit block numbers.
pub(crate) fn kinds() -> Vec<Kind> {
    let v1 = JournalCompat::CHECKSUM.bits();
    let v2 = JournalIncompat::CSUM_V2.bits();
    let mut kinds = Vec::new();
    for wide in [false, true] {
        for (compat, incompat, metadata_csum) in
            [(0, 0, false), (v1, 0, false), (0, v2, false), (0, 0, true)]
        {
            kinds.push(Kind {
                compat,
                incompat,
                metadata_csum,
                wide,
            });
        }
    }
    kinds
}

/// Blocks of the tests' file systems, where the journal is, and how long.
pub(crate) const FS_BLOCKS: u64 = 400;
const JOURNAL_AT: u64 = 200;

/// An image of a file system whose journal of `journal` blocks lies in two runs.
pub(crate) fn image(kind: Kind, journal: u32) -> MemDevice {
    let device = MemDevice::new(FS_BLOCKS * BLOCK as u64);
    let file = open(Arc::new(device), kind, journal);
    let mut sb = JournalSuperblock::new(BLOCK as u32, journal, *b"an uuid of tests");
    sb.set_compat(JournalCompat::from_bits_retain(kind.compat));
    sb.set_incompat(JournalIncompat::from_bits_retain(kind.incompat));
    file.write_superblock(&mut sb).unwrap();
    let mut bytes = vec![0; (FS_BLOCKS as usize) * BLOCK];
    file.device().read_at(&mut bytes, 0).unwrap();
    MemDevice::from_bytes(&bytes)
}

/// The journal of an [`image`].
pub(crate) fn open(device: Arc<dyn BlockDevice>, kind: Kind, journal: u32) -> Arc<JournalFile> {
    let mut sb = superblock(FS_BLOCKS);
    let mut features = sb.features();
    features.incompat.set(Incompat::BIT64, kind.wide);
    features
        .ro_compat
        .set(RoCompat::METADATA_CSUM, kind.metadata_csum);
    sb.set_features(features);
    let first = journal / 3;
    let runs = vec![
        Run {
            first: 0,
            block: BlockNo(JOURNAL_AT + 100),
            len: first,
        },
        Run {
            first,
            block: BlockNo(JOURNAL_AT),
            len: journal - first,
        },
    ];
    Arc::new(JournalFile::new(device, &sb, runs).unwrap())
}

/// A device that records what is done to it, sector by sector.
pub(crate) struct Recorder {
    inner: MemDevice,
    pub(crate) events: Mutex<Vec<Event>>,
}

/// One thing done to a [`Recorder`].
#[derive(Clone)]
pub(crate) enum Event {
    /// 512 bytes or fewer at a place.
    Write(u64, Vec<u8>),
    Flush,
}

impl Recorder {
    pub(crate) fn new(inner: MemDevice) -> Recorder {
        Recorder {
            inner,
            events: Mutex::default(),
        }
    }
}

impl BlockDevice for Recorder {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let mut events = self.events.lock();
        for (i, sector) in buf.chunks(512).enumerate() {
            events.push(Event::Write(offset + i as u64 * 512, sector.to_vec()));
        }
        drop(events);
        self.inner.write_at(buf, offset)
    }
    fn flush(&self) -> io::Result<()> {
        self.events.lock().push(Event::Flush);
        self.inner.flush()
    }
}

/// A device whose writes and flushes fail from the n-th on.
pub(crate) struct Failing {
    pub(crate) inner: Arc<MemDevice>,
    pub(crate) left: Mutex<usize>,
}

impl Failing {
    fn spend(&self) -> io::Result<()> {
        let mut left = self.left.lock();
        match left.checked_sub(1) {
            Some(n) => {
                *left = n;
                Ok(())
            }
            None => Err(io::Error::from_raw_os_error(5)),
        }
    }
}

impl BlockDevice for Failing {
    fn size(&self) -> u64 {
        self.inner.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.inner.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.spend()?;
        self.inner.write_at(buf, offset)
    }
    fn flush(&self) -> io::Result<()> {
        self.spend()?;
        self.inner.flush()
    }
}

/// All of a device's bytes.
pub(crate) fn bytes(device: &dyn BlockDevice) -> Vec<u8> {
    let mut bytes = vec![0; device.size() as usize];
    device.read_at(&mut bytes, 0).unwrap();
    bytes
}
