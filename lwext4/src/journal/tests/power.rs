//! Power cuts: at every write, with any subset of the sectors since the last barrier.

use super::{BLOCK, Event, Kind, Recorder, image, kinds, open};
use crate::device::{BlockDevice, MemDevice};
use crate::journal::log::Log;
use crate::journal::recovery::recover;
use crate::ondisk::jbd2::MAGIC;
use crate::types::{BlockNo, TxnId};
use std::collections::BTreeMap;
use std::sync::Arc;

const JOURNAL: u32 = 40;

/// Numbers that look random and are the same every time (xorshift).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// What the metadata blocks hold after each transaction; `None`: freed, any content will do.
type State = BTreeMap<u64, Option<Vec<u8>>>;

struct Workload {
    events: Vec<Event>,
    /// After each transaction: its state.
    states: Vec<(TxnId, State)>,
    /// For each transaction, how many events had happened when it was promised to be durable.
    promised: Vec<usize>,
}

fn content(random: &mut Random) -> Vec<u8> {
    let mut data: Vec<u8> = (0..BLOCK).map(|_| random.below(256) as u8).collect();
    if random.below(4) == 0 {
        data[..4].copy_from_slice(&MAGIC.to_be_bytes());
    }
    data
}

/// Transactions of random blocks and revokes, checkpoints in between, as an engine would do them.
fn workload(kind: Kind, seed: u64) -> (MemDevice, Workload) {
    let mut random = Random(seed | 1);
    let before = super::bytes(&image(kind, JOURNAL));
    let recorder = Arc::new(Recorder::new(MemDevice::from_bytes(&before)));
    let log = Log::open(open(recorder.clone(), kind, JOURNAL)).unwrap();
    let mut state = State::new();
    let mut work = Workload {
        events: Vec::new(),
        states: Vec::new(),
        promised: Vec::new(),
    };
    // Homes of live copies, and blocks that hold file data since their revoke.
    let mut home: BTreeMap<u64, Arc<Vec<u8>>> = BTreeMap::new();
    for _ in 0..14 {
        // File data into blocks that an earlier transaction freed.
        let freed: Vec<u64> = state
            .iter()
            .filter(|(_, c)| c.is_none())
            .map(|(b, _)| *b)
            .collect();
        for number in freed {
            if random.below(2) == 0 {
                let data = content(&mut random);
                recorder.write_at(&data, number * BLOCK as u64).unwrap();
                state.insert(number, Some(data));
            }
        }
        let mut blocks = BTreeMap::new();
        for _ in 0..random.below(6) {
            let data = Arc::new(content(&mut random));
            blocks.insert(2 + random.below(12), data);
        }
        let metadata: Vec<u64> = home.keys().copied().collect();
        let revokes: Vec<BlockNo> = metadata
            .iter()
            .filter(|b| !blocks.contains_key(b) && random.below(5) == 0)
            .map(|&b| BlockNo(b))
            .collect();
        let list: Vec<_> = blocks
            .iter()
            .map(|(b, d)| (BlockNo(*b), d.clone()))
            .collect();
        while log.free_blocks() < log.blocks_needed(list.len(), revokes.len())
            || random.below(4) == 0 && log.oldest().is_some()
        {
            // The newest version of everything, then the barrier, then the tail.
            for (number, data) in &home {
                recorder.write_at(data, number * BLOCK as u64).unwrap();
            }
            recorder.flush().unwrap();
            log.checkpointed_through(log.oldest().unwrap(), true)
                .unwrap();
        }
        let tid = log.next_tid();
        log.write(tid, &list, &revokes, true).unwrap();
        work.promised.push(recorder.events.lock().len());
        for (number, data) in blocks {
            state.insert(number, Some(data.to_vec()));
            home.insert(number, data);
        }
        for number in revokes {
            state.insert(number.0, None);
            home.remove(&number.0);
        }
        work.states.push((tid, state.clone()));
    }
    work.events = recorder.events.lock().clone();
    (MemDevice::from_bytes(&before), work)
}

/// Recovers `device`, cut after `happened` events, and compares it with the workload's states.
fn check(device: MemDevice, kind: Kind, work: &Workload, happened: usize) {
    let device = Arc::new(device);
    let file = open(device.clone(), kind, JOURNAL);
    let recovery = recover(&file).unwrap();
    let sequence = file.read_superblock().unwrap().sequence();
    let clean = recovery.is_clean();
    let last = recovery.last_tid().unwrap_or(if clean {
        sequence
    } else {
        TxnId(sequence.0 - 1)
    });
    recovery.write_home().unwrap();
    let promised = work.promised.iter().filter(|&&at| at <= happened).count();
    let kept = work
        .states
        .iter()
        .position(|(tid, _)| *tid == last)
        .map_or(0, |i| i + 1);
    assert!(
        kept >= promised,
        "{kind:?}: {kept} of {promised} after {happened}"
    );
    let Some((_, state)) = kept.checked_sub(1).and_then(|i| work.states.get(i)) else {
        return;
    };
    for (number, data) in state {
        let mut found = vec![0; BLOCK];
        device.read_at(&mut found, number * BLOCK as u64).unwrap();
        // File data written since may already be there where nothing refers to it.
        if let Some(data) = data {
            assert!(
                found == *data,
                "{kind:?}: block {number} after {happened} events"
            );
        }
    }
    assert!(Log::open(file).unwrap().next_tid().is_after(last));
}

fn apply(device: &MemDevice, event: &Event) {
    if let Event::Write(at, bytes) = event {
        device.write_at(bytes, *at).unwrap();
    }
}

#[test]
fn every_prefix_of_the_sectors_recovers() {
    for (i, kind) in kinds().into_iter().enumerate() {
        let (start, work) = workload(kind, 77 + i as u64);
        let now = MemDevice::from_bytes(&super::bytes(&start));
        for (happened, event) in work.events.iter().enumerate() {
            let cut = MemDevice::from_bytes(&super::bytes(&now));
            check(cut, kind, &work, happened);
            apply(&now, event);
        }
        check(now, kind, &work, work.events.len());
    }
}

#[test]
fn every_order_between_barriers_recovers() {
    let mut random = Random(4711);
    for (i, kind) in kinds().into_iter().enumerate() {
        let (start, work) = workload(kind, 990 + i as u64);
        let durable = MemDevice::from_bytes(&super::bytes(&start));
        let mut pending: Vec<&Event> = Vec::new();
        for (happened, event) in work.events.iter().enumerate() {
            if happened % 3 == 0 {
                let cut = MemDevice::from_bytes(&super::bytes(&durable));
                // Writes to one place keep their order: only the newest version is in the cache.
                for event in pending.iter().filter(|_| random.below(2) == 0) {
                    apply(&cut, event);
                }
                check(cut, kind, &work, happened);
            }
            match event {
                Event::Flush => pending.drain(..).for_each(|event| apply(&durable, event)),
                write => pending.push(write),
            }
        }
    }
}
