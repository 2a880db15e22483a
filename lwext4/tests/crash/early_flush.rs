//! What is written in large pieces begins its way to the disk before the flush that waits for it.

use lwext4::*;
use std::io;
use std::sync::{Arc, Mutex};

/// Remembers what was announced.
struct Announced {
    memory: MemDevice,
    ranges: Mutex<Vec<(u64, u64)>>,
}

impl BlockDevice for Announced {
    fn size(&self) -> u64 {
        self.memory.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.memory.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        self.memory.write_at(buf, offset)
    }
    fn flush(&self) -> io::Result<()> {
        self.memory.flush()
    }
    fn begin_flush(&self, offset: u64, len: u64) {
        self.ranges.lock().unwrap().push((offset, len));
    }
}

/// Writes one file in pieces of `piece` bytes: the ranges announced, and the bytes they held when all was
/// closed.
fn announced(durability: Durability, piece: usize) -> Vec<Vec<u8>> {
    let device = Arc::new(Announced {
        memory: MemDevice::new(32 << 20),
        ranges: Mutex::default(),
    });
    format(&*device, &FormatOptions::default()).unwrap();
    let options = OpenOptions {
        durability,
        ..OpenOptions::default()
    };
    let volume = Volume::open(device.clone(), options).unwrap();
    let file = NewFile::new(FileType::Regular, 0o644);
    let ino = volume.create(Ino::ROOT, b"file", &file).unwrap().attr.ino;
    let bytes = vec![b'x'; piece];
    for number in 0..(2 << 20) / piece {
        let at = (number * piece) as u64;
        volume.write(ino, at, &bytes, WriteMode::Writeback).unwrap();
    }
    volume.forget(ino, 1);
    volume.close().unwrap();
    let ranges = device.ranges.lock().unwrap().clone();
    let read = |(at, len)| {
        let mut bytes = vec![0; len as usize];
        device.read_at(&mut bytes, at).unwrap();
        bytes
    };
    ranges.into_iter().map(read).collect()
}

#[test]
fn long_writes_are_announced_behind_them() {
    let pieces = announced(Durability::Power, 1 << 20);
    assert_eq!(pieces.len(), 2);
    for piece in pieces {
        assert_eq!(piece.len(), 1 << 20);
        assert!(piece.iter().all(|&byte| byte == b'x'));
    }
}

#[test]
fn short_writes_wait_for_the_flush() {
    assert!(announced(Durability::Power, 64 << 10).is_empty());
}

#[test]
fn without_the_hosts_barriers_there_is_nothing_to_announce() {
    assert!(announced(Durability::Process, 1 << 20).is_empty());
    assert!(announced(Durability::None, 1 << 20).is_empty());
}
