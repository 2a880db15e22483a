//! Devices that fail, and logs whose bytes are wrong.

use super::{BLOCK, Failing, Kind, image, kinds, open};
use crate::device::{BlockDevice, MemDevice};
use crate::error::Error;
use crate::journal::log::Log;
use crate::journal::recovery::recover;
use crate::ondisk::jbd2::{
    Commit, DescriptorBuilder, Format, JournalIncompat, data_checksum, encode_revokes,
};
use crate::types::{BlockNo, Timestamp, TxnId};
use parking_lot::Mutex;
use std::sync::Arc;

const JOURNAL: u32 = 60;

fn block(fill: u8) -> Arc<Vec<u8>> {
    Arc::new(vec![fill; BLOCK])
}

#[test]
fn an_error_stops_the_log_and_what_was_promised_stays() {
    for kind in kinds() {
        for n in 0.. {
            let inner = Arc::new(image(kind, JOURNAL));
            let device = Arc::new(Failing {
                inner: inner.clone(),
                left: Mutex::new(n),
            });
            let log = Log::open(open(device.clone(), kind, JOURNAL)).unwrap();
            let mut promised = 0;
            let mut write = |fill: u8| {
                log.write(
                    log.next_tid(),
                    &[(BlockNo(5), block(fill))],
                    &[BlockNo(6)],
                    true,
                )
                .map(|()| promised = fill)
            };
            let mut results = vec![write(1), write(2)];
            results.push(log.checkpointed_through(TxnId(2), true));
            results.push(write(3));
            let failed = results.iter().position(Result::is_err);
            if let Some(first) = failed {
                assert!(log.is_poisoned());
                assert!(
                    results[first..]
                        .iter()
                        .all(|r| matches!(r, Err(Error::Io { .. })))
                );
                // Even when the device works again.
                *device.left.lock() = 100;
                assert!(log.write(log.next_tid(), &[], &[], true).is_err());
                assert!(log.close(true).is_err());
            }
            let recovery = recover(&open(inner, kind, JOURNAL)).unwrap();
            let mut buf = vec![0; BLOCK];
            // The checkpoint above is a claim: block 5 is home already.
            if recovery.read(BlockNo(5), &mut buf).unwrap() {
                assert!(buf[0] >= promised);
            }
            if failed.is_none() {
                break;
            }
        }
    }
}

/// A log made by hand: each item is one block of the log, from its start on.
fn forged(kind: Kind, blocks: impl FnOnce(&Format) -> Vec<Vec<u8>>) -> Arc<MemDevice> {
    let device = Arc::new(image(kind, JOURNAL));
    let file = open(device.clone(), kind, JOURNAL);
    let mut sb = file.read_superblock().unwrap();
    if kind.metadata_csum {
        sb.set_incompat(JournalIncompat::CSUM_V3);
    }
    sb.set_sequence(TxnId(7));
    sb.set_start(1);
    file.write_superblock(&mut sb).unwrap();
    for (i, block) in blocks(&sb.format()).iter().enumerate() {
        file.write(1 + i as u32, block).unwrap();
    }
    device
}

fn descriptor(format: &Format, homes: &[u64], data: &[u8]) -> Vec<u8> {
    let mut builder = DescriptorBuilder::new(format, TxnId(7));
    for home in homes {
        builder.push(BlockNo(*home), false, data_checksum(format, TxnId(7), data));
    }
    builder.finish()
}

fn commit(format: &Format, tid: u32, secs: i64) -> Vec<u8> {
    let commit = Commit {
        tid: TxnId(tid),
        time: Timestamp { secs, nanos: 0 },
    };
    commit.encode(format, 0)
}

fn recovered(device: Arc<MemDevice>, kind: Kind) -> Result<usize, Error> {
    recover(&open(device, kind, JOURNAL)).map(|recovery| recovery.blocks())
}

#[test]
fn blocks_outside_the_file_system_or_inside_the_journal_are_refused() {
    for home in [0, 400, 1 << 31, 200, 239, 310] {
        let kind = kinds()[0];
        let device = forged(kind, |f| {
            let data = vec![1; BLOCK];
            vec![descriptor(f, &[home], &data), data, commit(f, 7, 1)]
        });
        let result = recovered(device, kind);
        assert!(matches!(result, Err(Error::Corrupt(_))), "block {home}");
    }
}

#[test]
fn copies_beyond_the_end_count_only_if_the_log_moves_the_end() {
    let kind = kinds()[0];
    for grown in [400, 404] {
        let data = vec![1; BLOCK];
        let device = forged(kind, |f| {
            let mut sb = super::superblock(grown).as_bytes().to_vec();
            sb.resize(BLOCK, 0);
            let homes = descriptor(f, &[403, 1], &data);
            vec![homes, data.clone(), sb, commit(f, 7, 1)]
        });
        let mut bytes = super::bytes(&*device);
        bytes.resize(500 * BLOCK, 0);
        let recovered = recovered(Arc::new(MemDevice::from_bytes(&bytes)), kind);
        assert_eq!(recovered.unwrap(), if grown == 404 { 2 } else { 1 });
    }
}

#[test]
fn a_discarded_log_is_empty_and_its_numbers_are_used_up() {
    let kind = kinds()[3];
    let data = vec![1; BLOCK];
    let device = forged(kind, |f| {
        vec![descriptor(f, &[5], &data), data.clone(), commit(f, 7, 1)]
    });
    let file = open(device.clone(), kind, JOURNAL);
    recover(&file).unwrap().discard().unwrap();
    assert!(recover(&file).unwrap().is_clean());
    assert!(Log::open(file).unwrap().next_tid().is_after(TxnId(8)));
    let mut home = vec![1; BLOCK];
    device.read_at(&mut home, 5 * BLOCK as u64).unwrap();
    assert_eq!(home, vec![0; BLOCK]);
}

#[test]
fn a_wrong_checksum_in_a_whole_transaction_is_an_error() {
    let data = vec![1; BLOCK];
    for kind in kinds().into_iter().filter(|k| k.metadata_csum) {
        let good = forged(kind, |f| {
            vec![descriptor(f, &[5], &data), data.clone(), commit(f, 7, 1)]
        });
        assert_eq!(recovered(good, kind).unwrap(), 1);
        let bad_data = forged(kind, |f| {
            vec![descriptor(f, &[5], &data), vec![2; BLOCK], commit(f, 7, 1)]
        });
        assert!(matches!(recovered(bad_data, kind), Err(Error::Corrupt(_))));
        let bad_descriptor = forged(kind, |f| {
            let mut descriptor = descriptor(f, &[5], &data);
            descriptor[500] ^= 1;
            vec![descriptor, data.clone(), commit(f, 7, 1)]
        });
        assert!(matches!(
            recovered(bad_descriptor, kind),
            Err(Error::Corrupt(_))
        ));
        let bad_revoke = forged(kind, |f| {
            let (mut revoke, _) = encode_revokes(f, TxnId(7), &[BlockNo(9)]);
            revoke[500] ^= 1;
            vec![revoke, commit(f, 7, 1)]
        });
        assert!(matches!(
            recovered(bad_revoke, kind),
            Err(Error::Corrupt(_))
        ));
    }
}

#[test]
fn a_damaged_transaction_older_than_the_one_before_ends_the_log() {
    let kind = kinds()[3];
    let data = vec![1; BLOCK];
    let device = forged(kind, |f| {
        let (mut revoke, _) = encode_revokes(f, TxnId(8), &[BlockNo(9)]);
        revoke[500] ^= 1;
        let first = descriptor(f, &[5], &data);
        vec![first, data, commit(f, 7, 100), revoke, commit(f, 8, 99)]
    });
    assert_eq!(recovered(device, kind).unwrap(), 1);
}

#[test]
fn a_bad_commit_block_ends_the_log() {
    for kind in kinds()
        .into_iter()
        .filter(|k| k.metadata_csum || k.compat != 0)
    {
        let data = vec![1; BLOCK];
        let device = forged(kind, |f| {
            let mut commit = commit(f, 7, 1);
            commit[0x11] ^= 1;
            vec![descriptor(f, &[5], &data), data.clone(), commit]
        });
        assert_eq!(recovered(device, kind).unwrap(), 0);
    }
}

#[test]
fn an_asynchronous_commit_before_its_blocks_does_not_count() {
    let kind = Kind {
        compat: 0,
        incompat: JournalIncompat::CSUM_V2.bits() | JournalIncompat::ASYNC_COMMIT.bits(),
        metadata_csum: false,
        wide: false,
    };
    let data = vec![1; BLOCK];
    let device = forged(kind, |f| {
        vec![descriptor(f, &[5], &data), vec![2; BLOCK], commit(f, 7, 1)]
    });
    assert_eq!(recovered(device, kind).unwrap(), 0);
}

#[test]
fn any_flipped_byte_gives_an_error_or_a_result_but_no_panic() {
    for kind in kinds() {
        let device = Arc::new(image(kind, JOURNAL));
        let log = Log::open(open(device.clone(), kind, JOURNAL)).unwrap();
        let blocks: Vec<_> = (5..9).map(|n| (BlockNo(n), block(n as u8))).collect();
        for _ in 0..3 {
            log.write(log.next_tid(), &blocks, &[BlockNo(20)], true)
                .unwrap();
        }
        let mut bytes = super::bytes(&*device);
        // The journal's superblock and the first transaction's own blocks.
        for at in (300 * BLOCK..303 * BLOCK).chain(307 * BLOCK..308 * BLOCK) {
            // Every byte of headers and first tags, a few of the rest.
            if at % BLOCK >= 100 && at % 13 != 0 {
                continue;
            }
            bytes[at] ^= 0xFF;
            let device = Arc::new(MemDevice::from_bytes(&bytes));
            let _ = recover(&open(device, kind, JOURNAL)).and_then(|r| r.write_home());
            bytes[at] ^= 0xFF;
        }
    }
}

#[test]
fn a_truncated_image_is_an_error() {
    let kind = kinds()[0];
    let device = forged(kind, |f| {
        let data = vec![1; BLOCK];
        vec![descriptor(f, &[5], &data), data, commit(f, 7, 1)]
    });
    let mut bytes = super::bytes(&*device);
    bytes.truncate(301 * BLOCK);
    let device = Arc::new(MemDevice::from_bytes(&bytes));
    assert_eq!(device.size(), 301 * BLOCK as u64);
    assert!(matches!(recovered(device, kind), Err(Error::Io { .. })));
}
