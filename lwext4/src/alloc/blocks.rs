//! Allocating and freeing blocks, many at a time, in whole clusters.

use super::bitmap::{self, Bits};
use super::group::Group;
use super::{Allocator, Window};
use crate::error::{Corrupt, Error, Result};
use crate::fs::Fs;
use crate::journal::Handle;
use crate::ondisk::group_desc::BLOCK_UNINIT;
use crate::types::{BlockNo, GroupNo, Ino};
use std::sync::atomic::Ordering;

/// How many growing files may have a window at once.
const WINDOWS: usize = 64;

/// A run shorter than asked for is taken at the goal itself if it has at least this many clusters: the
/// file then goes on where it ended.
const ENOUGH_AT_GOAL: u32 = 16;

impl Allocator {
    /// Takes up to `want` blocks, rounded up to whole clusters, in one run, as near behind `goal` as can be:
    /// (start, length). The run starts with a cluster.
    ///
    /// # Errors
    /// [`Error::NoSpace`] when no block is free; then [`Self::waits_for_commit`] tells whether a
    /// commit would help.
    pub fn alloc_blocks(
        &self,
        h: &mut Handle<'_>,
        goal: BlockNo,
        want: u32,
    ) -> Result<(BlockNo, u32)> {
        match self.take(h, goal, want, 0) {
            Err(Error::NoSpace) if self.drop_windows(h.fs())? => self.take(h, goal, want, 0),
            taken => taken,
        }
    }

    /// [`Self::alloc_blocks`] for appending to a file, and keeps up to `extra` blocks behind the run
    /// for its next append.
    pub fn alloc_for_append(
        &self,
        h: &mut Handle<'_>,
        ino: Ino,
        goal: BlockNo,
        want: u32,
        extra: u32,
    ) -> Result<(BlockNo, u32)> {
        let want = want.next_multiple_of(h.fs().geo.cluster_blocks());
        if let Some(window) = self.take_window(ino) {
            if window.start == goal {
                let got = window.len.min(want);
                self.each_group(h.fs(), goal, got, |group, start, len| {
                    group.hold(&h.fs().geo, start, len, false);
                    group.mark_blocks(h, start, len, true)
                })?;
                self.free_blocks
                    .fetch_sub(u64::from(got), Ordering::Relaxed);
                if window.len > got {
                    let rest = Window {
                        start: BlockNo(goal.0 + u64::from(got)),
                        len: window.len - got,
                        ino,
                    };
                    self.put_window(h.fs(), rest)?;
                }
                return Ok((goal, got));
            }
            self.drop_window(h.fs(), window)?;
        }
        let (start, got) = match self.take(h, goal, want, extra) {
            Err(Error::NoSpace) if self.drop_windows(h.fs())? => self.take(h, goal, want, 0)?,
            taken => taken?,
        };
        if got > want {
            let rest = Window {
                ino,
                start: BlockNo(start.0 + u64::from(want)),
                len: got - want,
            };
            self.put_window(h.fs(), rest)?;
        }
        Ok((start, got.min(want)))
    }

    /// Gives back what is kept for a file.
    pub fn end_append(&self, fs: &Fs, ino: Ino) -> Result<()> {
        match self.take_window(ino) {
            Some(window) => self.drop_window(fs, window),
            None => Ok(()),
        }
    }

    /// Takes a run: `want` blocks are marked, up to `extra` more behind them only held, all in whole
    /// clusters. The length returned counts both.
    fn take(
        &self,
        h: &mut Handle<'_>,
        goal: BlockNo,
        want: u32,
        extra: u32,
    ) -> Result<(BlockNo, u32)> {
        let fs = h.fs();
        let geo = &fs.geo;
        let most = geo.clusters_per_group();
        let want = want.div_ceil(geo.cluster_blocks()).clamp(1, most);
        let mut ask = want.saturating_add(extra >> geo.cluster_bits).min(most);
        let home = geo.group_of(goal);
        let into_home = goal.0.saturating_sub(geo.group_start(home).0);
        let goal_at = (into_home >> geo.cluster_bits) as u32;
        if self.free_blocks.load(Ordering::Relaxed) <= self.freed_held.load(Ordering::Relaxed) {
            return self.starve();
        }
        loop {
            let groups = self.open_groups(geo);
            for step in 0..groups {
                let no =
                    GroupNo(((u64::from(home.0) + u64::from(step)) % u64::from(groups)) as u32);
                let mut group = self.group(fs, no)?;
                let near = (no == home).then_some(goal_at);
                let len = self.open_len(geo, no);
                if let Some((at, len)) = search(&mut group, h, len, near, ask, want)? {
                    let marked = len.min(want);
                    group.mark_blocks(h, at, marked, true)?;
                    if len > marked {
                        group.hold(geo, at + marked, len - marked, true);
                    }
                    self.free_blocks
                        .fetch_sub(u64::from(marked) << geo.cluster_bits, Ordering::Relaxed);
                    let start = geo.group_start(no).0 + (u64::from(at) << geo.cluster_bits);
                    return Ok((BlockNo(start), len << geo.cluster_bits));
                }
            }
            if ask == 1 {
                return self.starve();
            }
            ask = if ask > want { want } else { ask / 2 };
        }
    }

    /// Frees the clusters that hold these blocks. They stay unused until the transaction is on disk.
    /// `metadata`: the blocks' content is (or was) written through the journal.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a cluster is free already, or belongs to a group's own metadata.
    pub fn free_blocks(
        &self,
        h: &mut Handle<'_>,
        start: BlockNo,
        len: u32,
        metadata: bool,
    ) -> Result<()> {
        if len == 0 {
            return Ok(());
        }
        let fs = h.fs();
        let bits = fs.geo.cluster_bits;
        self.each_group(fs, start, len, |group, at, count| {
            group.init_blocks(h)?;
            let bytes = group.block_bitmap(fs)?.bytes();
            let bad = |what| Err(Corrupt::new(what).group(group.no).block(start).into());
            if !bitmap::all(&bytes, at, count, true) {
                return bad("freeing a block that is free");
            }
            let group_start = fs.geo.group_start(group.no).0;
            let first = group_start + (u64::from(at) << bits);
            let blocks = u64::from(count) << bits;
            let table_len = u64::from(fs.geo.table_blocks());
            let overlaps = |own: BlockNo, n: u64| own.0 < first + blocks && first < own.0 + n;
            if overlaps(group.desc.block_bitmap, 1)
                || overlaps(group.desc.inode_bitmap, 1)
                || overlaps(group.desc.inode_table, table_len)
                || first < group_start + u64::from(super::base_blocks(&fs.geo, group.no))
            {
                return bad("freeing a block of the group's own metadata");
            }
            drop(bytes);
            group.mark_blocks(h, at, count, false)?;
            group.hold(&fs.geo, at, count, true);
            // In the image's last cluster, blocks may be missing.
            let end = (first + blocks).min(group_start + u64::from(fs.geo.group_len(group.no)));
            let there = end.saturating_sub(first);
            self.free_blocks.fetch_add(blocks, Ordering::Relaxed);
            self.freed_held.fetch_add(there, Ordering::Relaxed);
            h.note_freed(BlockNo(first), there as u32);
            Ok(())
        })?;
        if metadata {
            h.revoke(start, len);
        }
        Ok(())
    }

    fn take_window(&self, ino: Ino) -> Option<Window> {
        let mut windows = self.windows.lock();
        let at = windows.iter().position(|window| window.ino == ino)?;
        windows.remove(at)
    }

    fn put_window(&self, fs: &Fs, window: Window) -> Result<()> {
        let oldest = {
            let mut windows = self.windows.lock();
            windows.push_back(window);
            if windows.len() > WINDOWS {
                windows.pop_front()
            } else {
                None
            }
        };
        oldest.map_or(Ok(()), |window| self.drop_window(fs, window))
    }

    fn drop_window(&self, fs: &Fs, window: Window) -> Result<()> {
        self.each_group(fs, window.start, window.len, |group, start, len| {
            group.hold(&fs.geo, start, len, false);
            Ok(())
        })
    }

    /// Gives up all windows; whether there were any.
    fn drop_windows(&self, fs: &Fs) -> Result<bool> {
        let windows = std::mem::take(&mut *self.windows.lock());
        let any = !windows.is_empty();
        for window in windows {
            self.drop_window(fs, window)?;
        }
        Ok(any)
    }
}

/// A run of `ask` free clusters among the first `len` of the group, from `near` on if given: (start,
/// length). Behind the goal itself a shorter run will do.
fn search(
    group: &mut Group,
    h: &mut Handle<'_>,
    len: u32,
    near: Option<u32>,
    ask: u32,
    want: u32,
) -> Result<Option<(u32, u32)>> {
    let fs = h.fs();
    if group.available() == 0 {
        return Ok(None);
    }
    if group.desc.flags & BLOCK_UNINIT != 0 {
        group.init_blocks(h)?;
    }
    let bytes = group.block_bitmap(fs)?.bytes();
    let bits = Bits::new(&bytes, group.held.as_deref(), len);
    if let Some(near) = near {
        let here = bits.clear_run(near, ask);
        if here >= want.min(ENOUGH_AT_GOAL).min(ask) && here > 0 {
            return Ok(Some((near, here)));
        }
    }
    if group.available() < ask || group.max_run < ask {
        return Ok(None);
    }
    let from = near.unwrap_or(0);
    let found = bits.find_run(from, ask);
    if found.1 >= ask {
        return Ok(Some(found));
    }
    let (at, longest) = if from > 0 {
        bits.find_run(0, ask)
    } else {
        found
    };
    if longest >= ask {
        return Ok(Some((at, longest)));
    }
    group.max_run = longest.max(found.1);
    Ok(None)
}
