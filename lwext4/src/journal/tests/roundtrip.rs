//! What the writer writes, recovery reads.

use super::{BLOCK, Kind, image, kinds, open};
use crate::device::{BlockDevice, MemDevice};
use crate::error::Error;
use crate::journal::file::JournalFile;
use crate::journal::log::Log;
use crate::journal::overlay::RecoveredDevice;
use crate::journal::recovery::{Recovery, recover};
use crate::ondisk::jbd2::{JournalIncompat, MAGIC};
use crate::types::{BlockNo, TxnId};
use std::sync::Arc;

const JOURNAL: u32 = 60;

fn block(fill: u8) -> Arc<Vec<u8>> {
    Arc::new(vec![fill; BLOCK])
}

fn start(kind: Kind) -> (Arc<MemDevice>, Arc<JournalFile>, Log) {
    let device = Arc::new(image(kind, JOURNAL));
    let file = open(device.clone(), kind, JOURNAL);
    let log = Log::open(file.clone()).unwrap();
    (device, file, log)
}

fn read(recovery: &Recovery, home: u64) -> Option<u8> {
    let mut buf = vec![0; BLOCK];
    let found = recovery.read(BlockNo(home), &mut buf).unwrap();
    assert!(buf.iter().all(|&b| b == buf[0]));
    found.then(|| buf[0])
}

#[test]
fn an_unused_log_is_left_alone() {
    for kind in kinds() {
        let (device, file, log) = start(kind);
        let before = super::bytes(&*device);
        log.close(true).unwrap();
        assert_eq!(super::bytes(&*device), before);
        assert!(recover(&file).unwrap().is_clean());
    }
}

#[test]
fn transactions_come_back_in_every_format() {
    for kind in kinds() {
        let (_, file, log) = start(kind);
        let first = log.next_tid();
        log.write(
            first,
            &[(BlockNo(5), block(1)), (BlockNo(6), block(2))],
            &[],
            true,
        )
        .unwrap();
        log.write(first.next(), &[(BlockNo(5), block(3))], &[], true)
            .unwrap();
        let recovery = recover(&file).unwrap();
        assert_eq!(recovery.transactions(), 2, "{kind:?}");
        assert_eq!(recovery.last_tid(), Some(first.next()));
        assert_eq!(recovery.blocks(), 2);
        assert_eq!(
            [5, 6, 7].map(|b| read(&recovery, b)),
            [Some(3), Some(2), None]
        );
    }
}

#[test]
fn replay_brings_the_blocks_home_and_empties_the_log() {
    for kind in kinds() {
        let (device, file, log) = start(kind);
        let tid = log.next_tid();
        let blocks: Vec<_> = (2..30).map(|n| (BlockNo(n), block(n as u8))).collect();
        log.write(tid, &blocks, &[], true).unwrap();
        recover(&file).unwrap().write_home().unwrap();
        let mut buf = vec![0; BLOCK];
        for n in 2..30 {
            device.read_at(&mut buf, n * BLOCK as u64).unwrap();
            assert_eq!(buf, *block(n as u8));
        }
        assert!(recover(&file).unwrap().is_clean());
        assert!(Log::open(file).unwrap().next_tid().is_after(tid));
    }
}

#[test]
fn a_log_that_holds_transactions_is_not_opened_for_writing() {
    let (_, file, log) = start(kinds()[0]);
    log.write(log.next_tid(), &[], &[BlockNo(5)], true).unwrap();
    assert!(matches!(Log::open(file), Err(Error::NeedsRecovery)));
}

#[test]
fn a_revoke_kills_older_copies_and_its_own_but_not_younger_ones() {
    for kind in kinds() {
        let (_, file, log) = start(kind);
        let tid = log.next_tid();
        let write = |tid, blocks: &[u64], revokes: &[u64], fill| {
            let blocks: Vec<_> = blocks.iter().map(|&b| (BlockNo(b), block(fill))).collect();
            let revokes: Vec<_> = revokes.iter().map(|&b| BlockNo(b)).collect();
            log.write(tid, &blocks, &revokes, true).unwrap();
        };
        write(tid, &[10, 11, 12], &[], 1);
        write(tid.next(), &[20], &[10, 11], 2);
        write(tid.next().next(), &[11], &[], 3);
        let recovery = recover(&file).unwrap();
        let found = [10, 11, 12, 20].map(|b| read(&recovery, b));
        assert_eq!(found, [None, Some(3), Some(1), Some(2)], "{kind:?}");
        let sb = file.read_superblock().unwrap();
        assert!(sb.incompat().contains(JournalIncompat::REVOKE));
    }
}

#[test]
fn blocks_that_start_with_the_magic_survive() {
    for kind in kinds() {
        let (_, file, log) = start(kind);
        let mut tricky = vec![7; BLOCK];
        tricky[..4].copy_from_slice(&MAGIC.to_be_bytes());
        let tricky = Arc::new(tricky);
        log.write(log.next_tid(), &[(BlockNo(9), tricky.clone())], &[], true)
            .unwrap();
        let mut back = vec![0; BLOCK];
        let recovery = recover(&file).unwrap();
        assert!(recovery.read(BlockNo(9), &mut back).unwrap(), "{kind:?}");
        assert_eq!(back, *tricky);
    }
}

#[test]
fn the_log_wraps_round_for_ever() {
    for kind in kinds() {
        let (_, file, log) = start(kind);
        for round in 0..100u64 {
            let tid = log.next_tid();
            let blocks: Vec<_> = (0..7 + round % 5)
                .map(|n| (BlockNo(10 + n), block((round + n) as u8)))
                .collect();
            let needed = log.blocks_needed(blocks.len(), 3);
            while log.free_blocks() < needed {
                log.checkpointed_through(log.oldest().unwrap(), true)
                    .unwrap();
            }
            let free = log.free_blocks();
            let revokes = [100, 101, 102].map(BlockNo);
            log.write(tid, &blocks, &revokes, round % 2 == 0).unwrap();
            assert_eq!(log.free_blocks(), free - needed);
            let recovery = recover(&file).unwrap();
            assert_eq!(recovery.last_tid(), Some(tid), "{kind:?}");
            assert_eq!(read(&recovery, 10), Some(round as u8));
        }
    }
}

#[test]
fn a_completely_full_log_is_replayed_whole() {
    for kind in kinds() {
        let (_, file, log) = start(kind);
        // Start in the middle, so that the last transaction wraps.
        let tid = log.next_tid();
        log.write(tid, &vec![(BlockNo(9), block(9)); 20], &[], true)
            .unwrap();
        log.checkpointed_through(tid, true).unwrap();
        assert_eq!(log.free_blocks(), log.capacity());
        let mut count = 0;
        while log.free_blocks() >= log.blocks_needed(1, 0) {
            let home = BlockNo(100 + count);
            log.write(log.next_tid(), &[(home, block(count as u8))], &[], true)
                .unwrap();
            count += 1;
        }
        let recovery = recover(&file).unwrap();
        assert_eq!(u64::from(recovery.transactions()), count, "{kind:?}");
        assert_eq!(read(&recovery, 99 + count), Some(count as u8 - 1));
    }
}

#[test]
fn checkpointed_transactions_are_not_replayed() {
    let (_, file, log) = start(kinds()[3]);
    let tid = log.next_tid();
    for n in 0..3 {
        let tid = TxnId(tid.0 + n);
        log.write(tid, &[(BlockNo(5 + u64::from(n)), block(1))], &[], true)
            .unwrap();
    }
    log.checkpointed_through(tid.next(), true).unwrap();
    assert_eq!(log.oldest(), Some(TxnId(tid.0 + 2)));
    let recovery = recover(&file).unwrap();
    assert_eq!([5, 6, 7].map(|b| read(&recovery, b)), [None, None, Some(1)]);
    assert!(log.close(true).is_err());
    log.checkpointed_through(TxnId(tid.0 + 2), true).unwrap();
    assert_eq!(recover(&file).unwrap().transactions(), 0);
    log.close(true).unwrap();
    assert!(recover(&file).unwrap().is_clean());
    // A closed log can be written again.
    log.write(log.next_tid(), &[(BlockNo(7), block(2))], &[], true)
        .unwrap();
    assert_eq!(read(&recover(&file).unwrap(), 7), Some(2));
}

#[test]
fn transaction_numbers_wrap() {
    let kind = kinds()[3];
    let device = Arc::new(image(kind, JOURNAL));
    let file = open(device, kind, JOURNAL);
    let mut sb = file.read_superblock().unwrap();
    sb.set_sequence(TxnId(u32::MAX - 2));
    file.write_superblock(&mut sb).unwrap();
    let log = Log::open(file.clone()).unwrap();
    for n in 0..6 {
        log.write(
            log.next_tid(),
            &[(BlockNo(5), block(n))],
            &[BlockNo(6)],
            true,
        )
        .unwrap();
    }
    let recovery = recover(&file).unwrap();
    assert_eq!(recovery.transactions(), 6);
    assert_eq!(read(&recovery, 5), Some(5));
    log.checkpointed_through(TxnId(1), true).unwrap();
    assert_eq!(log.oldest(), Some(TxnId(2)));
}

#[test]
fn a_read_only_view_shows_the_recovered_bytes_and_writes_none() {
    let kind = kinds()[7];
    let (device, file, log) = start(kind);
    let blocks: Vec<_> = [5, 6, 40].map(|n| (BlockNo(n), block(n as u8))).to_vec();
    log.write(log.next_tid(), &blocks, &[], true).unwrap();
    let before = super::bytes(&*device);
    let view = RecoveredDevice::new(recover(&file).unwrap());
    let seen = super::bytes(&view);
    assert_eq!(super::bytes(&*device), before);
    // Any piece of it reads the same.
    for (at, len) in [
        (5 * 1024 - 3, 7),
        (5 * 1024 + 1000, 2000),
        (40 * 1024, 1),
        (6000, 0),
    ] {
        let mut piece = vec![0; len];
        view.read_at(&mut piece, at as u64).unwrap();
        assert_eq!(piece, seen[at..at + len]);
    }
    assert!(view.write_at(&[1], 0).is_err());
    recover(&file).unwrap().write_home().unwrap();
    let mut recovered = super::bytes(&*device);
    let journal_superblock = 300 * BLOCK..301 * BLOCK;
    recovered[journal_superblock.clone()].copy_from_slice(&before[journal_superblock]);
    assert_eq!(seen, recovered);
}

#[test]
fn calls_that_make_no_sense_write_nothing() {
    let (device, _, log) = start(kinds()[0]);
    let before = super::bytes(&*device);
    let tid = log.next_tid();
    let one = [(BlockNo(5), block(1))];
    let too_many = vec![(BlockNo(5), block(1)); 60];
    let in_journal = [(BlockNo(201), block(1))];
    let short = [(BlockNo(5), Arc::new(vec![0; 5]))];
    let calls: [(TxnId, &[_], &[BlockNo]); 5] = [
        (tid.next(), &one, &[]),
        (tid, &too_many, &[]),
        (tid, &in_journal, &[]),
        (tid, &short, &[]),
        (tid, &one, &[BlockNo(1 << 32)]),
    ];
    for (tid, blocks, revokes) in calls {
        let result = log.write(tid, blocks, revokes, true);
        assert!(matches!(result, Err(Error::InvalidArgument(_))));
    }
    assert_eq!(super::bytes(&*device), before);
    log.write(tid, &one, &[], true).unwrap();
}
