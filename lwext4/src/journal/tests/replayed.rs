//! Logs that we write, replayed by e2fsck and by the kernel.

use super::oracle;
use crate::journal::file::JournalFile;
use crate::journal::log::Log;
use crate::ondisk::jbd2::{JournalCompat, JournalIncompat, MAGIC};
use crate::ondisk::superblock;
use crate::types::BlockNo;
use machine::command::tool;
use machine::e2fsprogs::assert_clean;
use machine::kernel::Mounted;
use machine::requirements::{Need, can_do, can_run};
use std::path::Path;
use std::sync::Arc;

/// How images are made, and features their journal gets beside what mke2fs gives it.
const VARIANTS: &[(&[&str], u32, u32)] = &[
    (&["-t", "ext4"], 0, 0),
    (&["-t", "ext4", "-b", "1024", "-J", "size=1"], 0, 0),
    (&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"], 0, 0),
    (
        &["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit"],
        1,
        0,
    ),
    (&["-t", "ext4", "-O", "^metadata_csum"], 1, 0),
    (&["-t", "ext4", "-O", "^64bit"], 0, 0),
    (&["-t", "ext3"], 0, 0),
    (
        &["-t", "ext4", "-O", "fast_commit", "-J", "size=8"],
        0,
        0x20,
    ),
];

/// Three transactions and more: every block of two files changes, some in several transactions,
/// some start with the magic; one file's blocks are revoked and then written past the log.
fn write_log(image: &Path, journal: &Arc<JournalFile>, files: [&[u64]; 2]) {
    let (device, mut sb) = oracle::device(image);
    let size = journal.block_size() as usize;
    let fill = |byte: u8| {
        let mut data = vec![byte; size];
        if byte % 2 == 1 {
            data[..4].copy_from_slice(&MAGIC.to_be_bytes());
        }
        Arc::new(data)
    };
    let all = |list: &[u64], byte: u8| -> Vec<_> {
        list.iter().map(|&b| (BlockNo(b), fill(byte))).collect()
    };
    let log = Log::open(journal.clone()).unwrap();
    oracle::set_needs_recovery(image, true);
    // Round the log once, so that the last transactions wrap.
    let mut byte = 1u8;
    let rounds = log.capacity() / log.blocks_needed(files[0].len(), 0);
    for _ in 0..rounds {
        if log.free_blocks() < log.blocks_needed(files[0].len(), 0) {
            log.checkpointed_through(log.oldest().unwrap(), true)
                .unwrap();
        }
        log.write(log.next_tid(), &all(files[0], byte), &[], true)
            .unwrap();
        byte = byte.wrapping_add(1);
    }
    while log.oldest().is_some_and(|tid| tid != log.next_tid()) && log.free_blocks() < 700 {
        log.checkpointed_through(log.oldest().unwrap(), true)
            .unwrap();
    }
    log.write(log.next_tid(), &all(files[1], 0x51), &[], true)
        .unwrap();
    let revokes: Vec<BlockNo> = files[1].iter().map(|&b| BlockNo(b)).collect();
    log.write(log.next_tid(), &all(files[0], 0x61), &revokes, true)
        .unwrap();
    for &block in files[1] {
        device
            .write_at(&vec![0x77; size], block * size as u64)
            .unwrap();
    }
    log.write(log.next_tid(), &all(&files[0][..2], 0x62), &[], true)
        .unwrap();
    // And the file system's own superblock, with a label.
    let mut features = sb.features();
    features.incompat |= crate::ondisk::features::Incompat::RECOVER;
    sb.set_features(features);
    sb.set_label(b"replayed");
    if sb.checksum_type() == 1 {
        sb.set_checksum(sb.computed_checksum());
    }
    let number = superblock::OFFSET / size as u64;
    let mut block = vec![0; size];
    device.read_at(&mut block, number * size as u64).unwrap();
    let at = (superblock::OFFSET % size as u64) as usize;
    block[at..at + superblock::SIZE].copy_from_slice(&sb.as_bytes()[..]);
    log.write(
        log.next_tid(),
        &[(BlockNo(number), Arc::new(block))],
        &[],
        true,
    )
    .unwrap();
}

/// The blocks of a file, by name.
fn blocks(image: &Path, name: &str) -> Vec<u64> {
    let list = oracle::debugfs(image, &format!("blocks {name}"));
    list.split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect()
}

/// What a file holds: each block's last byte, and whether the block starts with the magic.
fn summary(content: &[u8], size: usize) -> Vec<(u8, bool)> {
    let blocks = content.chunks(size);
    blocks
        .map(|b| (b[size - 1], b.starts_with(&MAGIC.to_be_bytes())))
        .collect()
}

#[test]
fn our_logs_are_replayed_by_e2fsck_and_by_the_kernel() {
    let name = "our_logs_are_replayed_by_e2fsck_and_by_the_kernel";
    if !can_run(name, &oracle::NEEDS) || !can_run(name, &[Need::Program("e2label")]) {
        return;
    }
    let kernel = can_do(name, "what the kernel replays", &[Need::Loop]);
    let dir = tempfile::tempdir().unwrap();
    for (i, (options, compat, incompat)) in VARIANTS.iter().enumerate() {
        let image = oracle::make(dir.path(), 64, options);
        let journal = oracle::journal(&image);
        let size = journal.block_size() as usize;
        let data = dir.path().join("data");
        std::fs::write(&data, vec![0x11; 10 * size]).unwrap();
        let data = data.to_str().unwrap();
        oracle::debugfs_write(&image, &format!("write {data} one\nwrite {data} two\n"));
        let mut sb = journal.read_superblock().unwrap();
        sb.set_compat(sb.compat() | JournalCompat::from_bits_retain(*compat));
        sb.set_incompat(sb.incompat() | JournalIncompat::from_bits_retain(*incompat));
        journal.write_superblock(&mut sb).unwrap();
        let files = [blocks(&image, "one"), blocks(&image, "two")];
        write_log(&image, &journal, [&files[0], &files[1]]);

        let mut one = vec![(0x61, true); 10];
        one[..2].fill((0x62, false));
        let two = vec![(0x77, false); 10];
        let kernels = oracle::copy(&image, "kernel");
        oracle::run(&[0, 1], "e2fsck", &["-p", image.to_str().unwrap()]);
        assert_clean(&image);
        let label = tool("e2label", [&image]);
        assert_eq!(label.trim(), "replayed", "variant {i}");
        for (name, expected) in [("one", &one), ("two", &two)] {
            let out = dir.path().join("out");
            oracle::debugfs(&image, &format!("dump {name} {}", out.to_str().unwrap()));
            let found = summary(&std::fs::read(&out).unwrap(), size);
            assert_eq!(found, *expected, "variant {i}, {name}");
        }
        if kernel {
            let mounted = Mounted::new(&kernels, "").unwrap();
            for (name, expected) in [("one", &one), ("two", &two)] {
                let found = summary(&std::fs::read(mounted.join(name)).unwrap(), size);
                assert_eq!(found, *expected, "variant {i}, {name}, kernel");
            }
            drop(mounted);
            assert_clean(&kernels);
        }
    }
}

#[test]
fn an_image_goes_back_and_forth_between_us_and_the_kernel() {
    if !oracle::can_mount("an_image_goes_back_and_forth_between_us_and_the_kernel") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let image = oracle::make(
        dir.path(),
        64,
        &["-t", "ext4", "-b", "1024", "-J", "size=1"],
    );
    let mut last = None;
    for round in 0..6u8 {
        let mounted = Mounted::new(&image, "").unwrap();
        for n in 0..50 {
            std::fs::write(mounted.join(format!("f{n}")), vec![round; 3000]).unwrap();
        }
        oracle::sync(&mounted);
        oracle::shut_down(mounted, ());
        let journal = oracle::journal(&image);
        let recovery = crate::journal::recovery::recover(&journal).unwrap();
        assert!(recovery.transactions() > 0);
        recovery.write_home().unwrap();
        oracle::set_needs_recovery(&image, false);
        assert_clean(&image);
        let log = Log::open(journal.clone()).unwrap();
        // Numbers only ever grow, whoever uses them.
        assert!(last.is_none_or(|last| log.next_tid().is_after(last)));
        let file = blocks(&image, "f7");
        oracle::set_needs_recovery(&image, true);
        let fresh: Vec<_> = file
            .iter()
            .map(|&b| (BlockNo(b), Arc::new(vec![0xAA; 1024])))
            .collect();
        log.write(log.next_tid(), &fresh, &[], true).unwrap();
        last = Some(log.next_tid());
        drop(log);
        // The kernel replays ours and goes on.
        let mounted = Mounted::new(&image, "").unwrap();
        let content = std::fs::read(mounted.join("f7")).unwrap();
        assert!(content.iter().all(|&b| b == 0xAA));
        drop(mounted);
        assert_clean(&image);
    }
}
