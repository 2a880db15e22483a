//! What every block of an image is for.

use lwext4::{FileType, Ino, Result, Volume};
use std::collections::BTreeMap;

/// What a block is for. In the order of the legend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Superblock copies, group descriptors, and space reserved for more of these.
    Superblock,
    /// Bitmaps and inode tables.
    Tables,
    Journal,
    Directory,
    /// Files up to 64 KiB.
    Small,
    /// Files up to 1 MiB.
    Medium,
    /// Larger files.
    Large,
    /// Files in several pieces.
    Fragmented,
    /// Maps of files, blocks of attributes, long links.
    Other,
    Free,
}

impl Use {
    pub const ALL: [Use; 10] = [
        Use::Superblock,
        Use::Tables,
        Use::Journal,
        Use::Directory,
        Use::Small,
        Use::Medium,
        Use::Large,
        Use::Fragmented,
        Use::Other,
        Use::Free,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Use::Superblock => "superblock, descriptors",
            Use::Tables => "bitmaps, inode tables",
            Use::Journal => "journal",
            Use::Directory => "directories",
            Use::Small => "files up to 64 KiB",
            Use::Medium => "files up to 1 MiB",
            Use::Large => "larger files",
            Use::Fragmented => "fragmented files",
            Use::Other => "maps, attributes",
            Use::Free => "free",
        }
    }
}

/// Runs of blocks: from the first one to behind the last, and their use.
type Runs = BTreeMap<u64, (u64, Use)>;

/// How many files have a size up to a limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Class {
    pub limit: Option<u64>,
    pub files: u64,
    pub bytes: u64,
}

/// What was found out of an image.
pub struct Survey {
    pub block_size: u64,
    pub first: u64,
    /// Blocks in all.
    pub blocks: u64,
    pub groups: Vec<Group>,
    /// Used runs that do not overlap, ascending.
    runs: Runs,
    /// Blocks by use.
    pub totals: BTreeMap<Use, u64>,
    pub classes: Vec<Class>,
    pub files: u64,
    pub directories: u64,
    /// Files with content, those in several pieces, and all pieces.
    pub with_content: u64,
    pub fragmented: u64,
    pub pieces: u64,
    /// Runs of free blocks: how many, and the longest.
    pub free_runs: u64,
    pub longest_free: u64,
}

/// A block group.
pub struct Group {
    pub start: u64,
    pub end: u64,
    pub used_inodes: u32,
}

const LIMITS: [Option<u64>; 7] = [
    Some(4 << 10),
    Some(16 << 10),
    Some(64 << 10),
    Some(1 << 20),
    Some(16 << 20),
    Some(256 << 20),
    None,
];

impl Survey {
    /// Looks at every group and every file.
    ///
    /// # Errors
    /// The image is damaged.
    pub fn of(volume: &Volume) -> Result<Survey> {
        let sb = volume.superblock();
        let mut survey = Survey {
            block_size: u64::from(volume.statfs().block_size),
            first: u64::from(sb.first_data_block()),
            blocks: sb.blocks_count(),
            groups: Vec::new(),
            runs: Runs::new(),
            totals: BTreeMap::new(),
            classes: LIMITS
                .iter()
                .map(|&limit| Class {
                    limit,
                    ..Class::default()
                })
                .collect(),
            files: 0,
            directories: 0,
            with_content: 0,
            fragmented: 0,
            pieces: 0,
            free_runs: 0,
            longest_free: 0,
        };
        let journal = Ino(sb.journal_inum());
        if journal.0 != 0 {
            volume.file_runs(journal, &mut |run| {
                survey.add(run.block.0, u64::from(run.len), Use::Journal);
            })?;
        }
        survey.walk(volume)?;
        survey.look_at_groups(volume)?;
        survey.count();
        Ok(survey)
    }

    fn add(&mut self, start: u64, len: u64, kind: Use) {
        self.runs.insert(start, (start.saturating_add(len), kind));
    }

    /// All files, by way of the directories. No inode is looked at twice.
    fn walk(&mut self, volume: &Volume) -> Result<()> {
        let mut seen = std::collections::HashSet::from([Ino::ROOT]);
        let mut todo = vec![Ino::ROOT];
        while let Some(dir) = todo.pop() {
            self.file(volume, dir)?;
            let mut below = Vec::new();
            volume.read_dir(dir, 0, &mut |entry| {
                if entry.name != b"." && entry.name != b".." {
                    below.push(entry.ino);
                }
                true
            })?;
            for ino in below {
                if !seen.insert(ino) {
                    continue;
                }
                if volume.getattr(ino)?.file_type == FileType::Directory {
                    todo.push(ino);
                } else {
                    self.file(volume, ino)?;
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, volume: &Volume, ino: Ino) -> Result<()> {
        let attr = volume.getattr(ino)?;
        let mut runs = Vec::new();
        volume.file_runs(ino, &mut |run| runs.push(run))?;
        // A hole is no break: the next piece would have been elsewhere.
        let breaks = runs
            .windows(2)
            .filter(|pair| match pair {
                [a, b] => {
                    let gap = u64::from(b.at.saturating_sub(a.at));
                    b.block.0 != a.block.0 + u64::from(a.len) && b.block.0 != a.block.0 + gap
                }
                _ => false,
            })
            .count() as u64;
        let kind = match attr.file_type {
            FileType::Directory => Use::Directory,
            FileType::Regular if breaks > 0 => Use::Fragmented,
            FileType::Regular if attr.size <= 64 << 10 => Use::Small,
            FileType::Regular if attr.size <= 1 << 20 => Use::Medium,
            FileType::Regular => Use::Large,
            _ => Use::Other,
        };
        if attr.file_type == FileType::Directory {
            self.directories += 1;
        } else {
            self.files += 1;
        }
        if attr.file_type == FileType::Regular {
            let class = self
                .classes
                .iter_mut()
                .find(|class| class.limit.is_none_or(|limit| attr.size <= limit));
            if let Some(class) = class {
                class.files += 1;
                class.bytes = class.bytes.saturating_add(attr.sectors.saturating_mul(512));
            }
            if !runs.is_empty() {
                self.with_content += 1;
                self.pieces += breaks + 1;
                self.fragmented += u64::from(breaks > 0);
            }
        }
        for run in runs {
            self.add(run.block.0, u64::from(run.len), kind);
        }
        Ok(())
    }

    /// Metadata of the groups, and used blocks that nothing else told of.
    fn look_at_groups(&mut self, volume: &Volume) -> Result<()> {
        let mut free_run = 0u64;
        for no in 0..volume.group_count() {
            let layout = volume.group_layout(no)?;
            let base = layout.superblock;
            if base.start < base.end {
                self.add(base.start, base.end - base.start, Use::Superblock);
            }
            for table in layout.tables {
                self.add(table.start, table.end - table.start, Use::Tables);
            }
            self.groups.push(Group {
                start: layout.blocks.start,
                end: layout.blocks.end,
                used_inodes: layout.used_inodes,
            });
            for block in layout.blocks.clone() {
                let bit = (block - layout.blocks.start) >> layout.cluster_bits;
                let byte = layout.used.get((bit / 8) as usize).copied().unwrap_or(0xFF);
                if byte >> (bit % 8) & 1 == 0 {
                    free_run += 1;
                    continue;
                }
                self.end_free(&mut free_run);
                self.fill(block);
            }
        }
        self.end_free(&mut free_run);
        Ok(())
    }

    fn end_free(&mut self, run: &mut u64) {
        if *run > 0 {
            self.free_runs += 1;
            self.longest_free = self.longest_free.max(*run);
            *run = 0;
        }
    }

    /// A used block: something else, unless it is known.
    fn fill(&mut self, block: u64) {
        let known = self.runs.range(..=block).next_back();
        match known.map(|(&start, &(end, kind))| (start, end, kind)) {
            Some((_, end, _)) if end > block => {}
            Some((start, end, Use::Other)) if end == block => {
                self.runs.insert(start, (block + 1, Use::Other));
            }
            _ => self.add(block, 1, Use::Other),
        }
    }

    fn count(&mut self) {
        let mut used = 0;
        for &start in self.runs.keys() {
            let Some(&(end, kind)) = self.runs.get(&start) else {
                continue;
            };
            let len = end.min(self.blocks).saturating_sub(start);
            used += len;
            *self.totals.entry(kind).or_default() += len;
        }
        let all = self.blocks.saturating_sub(self.first);
        self.totals.insert(Use::Free, all.saturating_sub(used));
    }

    /// How many of the blocks `start..end` have which use; the most first.
    pub fn shares(&self, start: u64, end: u64) -> Vec<(Use, u64)> {
        let mut shares: BTreeMap<Use, u64> = BTreeMap::new();
        let before = self.runs.range(..start).next_back();
        let mut used = 0;
        for (&from, &(to, kind)) in before.into_iter().chain(self.runs.range(start..end)) {
            let len = to.min(end).saturating_sub(from.max(start));
            if len > 0 {
                *shares.entry(kind).or_default() += len;
                used += len;
            }
        }
        let free = (end - start).saturating_sub(used);
        if free > 0 {
            shares.insert(Use::Free, free);
        }
        let mut shares: Vec<(Use, u64)> = shares.into_iter().collect();
        shares.sort_by_key(|&(kind, len)| (std::cmp::Reverse(len), kind));
        shares
    }
}
