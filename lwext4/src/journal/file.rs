//! The journal's blocks: a file inside the file system, read and written past every cache.

use crate::device::BlockDevice;
use crate::error::{Corrupt, Error, Result};
use crate::ondisk::jbd2::{JournalSuperblock, SUPERBLOCK_SIZE};
use crate::ondisk::superblock::Superblock;
use crate::types::{BlockNo, Ino};
use std::sync::Arc;

/// A run of the journal inode's blocks that lie together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Its first block, counted from the journal's start.
    pub(crate) first: u32,
    /// Where that block is.
    pub(crate) block: BlockNo,
    /// Blocks.
    pub(crate) len: u32,
}

/// The journal as an array of blocks.
pub(crate) struct JournalFile {
    device: Arc<dyn BlockDevice>,
    block_size: u32,
    /// In the journal's order, without gaps; every run lies inside the file system.
    runs: Vec<Run>,
    /// Places and lengths of the runs, by place.
    places: Vec<(u64, u64)>,
    len: u32,
    fs: FileSystem,
}

/// What the journal must know about the file system that it is in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileSystem {
    /// The block with the superblock: nothing before it is journaled.
    pub(crate) first: u64,
    /// The file system's end, in blocks.
    pub(crate) end: u64,
    /// Whether block numbers have 64 bits.
    pub(crate) wide: bool,
    /// Whether metadata carries CRC-32C checksums.
    pub(crate) metadata_csum: bool,
}

/// The inode that holds the journal.
///
/// # Errors
/// [`Error::Unsupported`] when the journal is on another device.
pub(crate) fn journal_inode(sb: &Superblock) -> Result<Ino> {
    match (sb.journal_inum(), sb.journal_dev()) {
        (0, 0) => Err(Corrupt::new("the superblock names no journal").into()),
        (0, _) => Err(Error::Unsupported(
            "the journal is on another device (external journal), which is not supported: \
             `tune2fs -O ^has_journal` removes it after a clean unmount, `tune2fs -j` makes an \
             internal one"
                .to_owned(),
        )),
        (ino, _) => Ok(Ino(ino)),
    }
}

impl JournalFile {
    /// The journal that lies in `runs` (the mapping of its inode, in order) of the file system that
    /// `sb` describes. Runs beyond a gap are not part of it.
    ///
    /// # Errors
    /// When a run lies outside the file system or over another.
    pub(crate) fn new(
        device: Arc<dyn BlockDevice>,
        sb: &Superblock,
        runs: Vec<Run>,
    ) -> Result<JournalFile> {
        use crate::ondisk::features::{Incompat, RoCompat};
        let features = sb.features();
        let fs = FileSystem {
            first: u64::from(sb.first_data_block()),
            end: sb.blocks_count(),
            wide: features.incompat.contains(Incompat::BIT64),
            metadata_csum: features.ro_compat.contains(RoCompat::METADATA_CSUM),
        };
        let block_size = sb
            .block_size()
            .ok_or_else(|| Corrupt::new("the block size makes no sense"))?;
        let mut len = 0u32;
        let mut kept = Vec::new();
        for run in runs {
            if run.first != len || run.len == 0 {
                break;
            }
            let end = run.block.checked_add(u64::from(run.len));
            if run.block.0 <= fs.first || end.is_none_or(|end| end.0 > fs.end) {
                let what = "the journal lies outside the file system";
                return Err(Corrupt::new(what).block(run.block).into());
            }
            len = len
                .checked_add(run.len)
                .ok_or_else(|| Corrupt::new("the journal is too long"))?;
            kept.push(run);
        }
        let mut places: Vec<(u64, u64)> = kept
            .iter()
            .map(|run| (run.block.0, u64::from(run.len)))
            .collect();
        places.sort_unstable();
        if places.is_sorted_by(|a, b| a.0 + a.1 <= b.0) {
            Ok(JournalFile {
                device,
                block_size,
                runs: kept,
                places,
                len,
                fs,
            })
        } else {
            Err(Corrupt::new("the journal's blocks overlap").into())
        }
    }

    /// Blocks of the journal.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Block size in bytes.
    pub(crate) fn block_size(&self) -> u32 {
        self.block_size
    }

    /// The file system around it.
    pub(crate) fn fs(&self) -> &FileSystem {
        &self.fs
    }

    /// The device underneath.
    pub(crate) fn device(&self) -> &Arc<dyn BlockDevice> {
        &self.device
    }

    /// Whether a journaled copy may belong to `block`: inside the device, which the file system may grow
    /// to fill, and not in the journal.
    pub(crate) fn may_hold(&self, block: BlockNo) -> bool {
        let device = self.device.size() / u64::from(self.block_size);
        (self.fs.first..device.max(self.fs.end)).contains(&block.0) && !self.contains(block)
    }

    /// Whether `block` is one of the journal's.
    pub(crate) fn contains(&self, block: BlockNo) -> bool {
        let after = self.places.partition_point(|place| place.0 <= block.0);
        after
            .checked_sub(1)
            .and_then(|i| self.places.get(i))
            .is_some_and(|(start, len)| block.0 - start < *len)
    }

    /// Fills `buf` from the journal's block `index` on.
    pub(crate) fn read(&self, index: u32, buf: &mut [u8]) -> Result<()> {
        let mut rest = buf;
        let mut index = index;
        while !rest.is_empty() {
            let (at, room) = self.place(index)?;
            let n = rest.len().min(room);
            let (now, later) = rest.split_at_mut(n);
            self.device
                .read_at(now, at)
                .map_err(|e| Error::io(format!("reading block {index} of the journal"), e))?;
            rest = later;
            index += (n / self.block_size as usize) as u32;
        }
        Ok(())
    }

    /// Writes `bytes` from the journal's block `index` on.
    pub(crate) fn write(&self, index: u32, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        let mut index = index;
        while !rest.is_empty() {
            let (at, room) = self.place(index)?;
            let (now, later) = rest.split_at(rest.len().min(room));
            self.device
                .write_at(now, at)
                .map_err(|e| Error::io(format!("writing block {index} of the journal"), e))?;
            rest = later;
            index += (now.len() / self.block_size as usize) as u32;
        }
        Ok(())
    }

    /// Makes everything written so far durable.
    pub(crate) fn flush(&self) -> Result<()> {
        self.device
            .flush()
            .map_err(|e| Error::io("flushing the image to disk", e))
    }

    /// Reads the journal's superblock.
    pub(crate) fn read_superblock(&self) -> Result<JournalSuperblock> {
        if self.len == 0 {
            return Err(Corrupt::new("the journal's inode maps no blocks").into());
        }
        let mut bytes = [0; SUPERBLOCK_SIZE];
        self.read(0, &mut bytes)?;
        JournalSuperblock::parse(&bytes)
    }

    /// Writes the journal's superblock. What changes lies in its first 512 bytes: one sector.
    pub(crate) fn write_superblock(&self, sb: &mut JournalSuperblock) -> Result<()> {
        self.write(0, &sb.encode()[..])
    }

    /// Where block `index` is on the device, and how many bytes follow in its run.
    fn place(&self, index: u32) -> Result<(u64, usize)> {
        let after = self.runs.partition_point(|run| run.first <= index);
        let found = after.checked_sub(1).and_then(|i| self.runs.get(i));
        let Some((run, within)) = found
            .map(|run| (run, index - run.first))
            .filter(|(run, within)| *within < run.len)
        else {
            return Err(Corrupt::new("a block beyond the journal's end").into());
        };
        let size = u64::from(self.block_size);
        let at = (run.block.0 + u64::from(within)).checked_mul(size);
        let at = at.ok_or_else(|| Corrupt::new("a journal block beyond every device"))?;
        let room = u64::from(run.len - within) * size;
        Ok((at, usize::try_from(room).unwrap_or(usize::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemDevice;
    use crate::journal::tests::superblock;

    fn run(first: u32, block: u64, len: u32) -> Run {
        Run {
            first,
            block: BlockNo(block),
            len,
        }
    }

    fn file(runs: Vec<Run>) -> Result<JournalFile> {
        JournalFile::new(Arc::new(MemDevice::new(1 << 20)), &superblock(1000), runs)
    }

    #[test]
    fn reads_and_writes_cross_runs() {
        let file = file(vec![run(0, 100, 2), run(2, 50, 3)]).unwrap();
        let bytes: Vec<u8> = (0..4 * 1024).map(|i| (i / 1024) as u8 + 1).collect();
        file.write(1, &bytes).unwrap();
        let mut back = vec![0; bytes.len()];
        file.read(1, &mut back).unwrap();
        assert_eq!(back, bytes);
        let mut one = [0; 1];
        file.device().read_at(&mut one, 52 * 1024).unwrap();
        assert_eq!(one, [4]);
        assert!(file.read(2, &mut back).is_err());
    }

    #[test]
    fn runs_outside_or_over_each_other_are_refused() {
        assert!(file(vec![run(0, 990, 11)]).is_err());
        assert!(file(vec![run(0, u64::MAX, 11)]).is_err());
        assert!(file(vec![run(0, 0, 11)]).is_err());
        assert!(file(vec![run(0, 100, 11), run(11, 105, 2)]).is_err());
        assert_eq!(
            file(vec![run(0, 100, 11), run(12, 200, 2)]).unwrap().len(),
            11
        );
    }

    #[test]
    fn copies_belong_inside_the_device_and_outside_the_journal() {
        let file = file(vec![run(0, 100, 10), run(10, 50, 5)]).unwrap();
        let may: Vec<u64> = [0, 1, 49, 50, 54, 55, 99, 100, 109, 110, 1023, 1024]
            .into_iter()
            .filter(|&b| file.may_hold(BlockNo(b)))
            .collect();
        assert_eq!(may, [1, 49, 55, 99, 110, 1023]);
    }

    #[test]
    fn an_external_journal_is_refused_by_name() {
        let mut sb = superblock(1000);
        assert!(matches!(journal_inode(&sb), Err(Error::Corrupt(_))));
        sb.set_journal_dev(0x801);
        assert!(
            journal_inode(&sb)
                .unwrap_err()
                .to_string()
                .contains("external journal")
        );
        sb.set_journal_inum(8);
        assert_eq!(journal_inode(&sb).unwrap(), Ino(8));
    }
}
