//! Random arguments, with a liking for the edges.

use fastrand::Rng;
use lwext4::{FileType, Timestamp};

/// The generator of operation `step`: it depends on nothing that came before, so that an operation
/// stays what it is when others are left out.
pub fn of_step(seed: u64, step: u64) -> Rng {
    let mut mixed = seed ^ step.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    Rng::with_seed(mixed ^ mixed >> 31)
}

fn bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    (0..len)
        .map(|_| match rng.u8(1..=255) {
            b'/' => b'.',
            byte => byte,
        })
        .collect()
}

/// A name, seldom one that cannot be.
pub fn name(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(0..100) {
        0 => [
            &b""[..],
            b".",
            b"..",
            b"a/b",
            b"nul\0",
            &[b'x'; 256],
            &[b'y'; 300],
        ][rng.usize(0..7)]
        .to_vec(),
        1..60 => format!("n{:x}", rng.u16(0..600)).into_bytes(),
        60..78 => {
            let len = rng.usize(1..40);
            bytes(rng, len)
        }
        78..90 => {
            let len = rng.usize(200..=255);
            bytes(rng, len)
        }
        _ => format!("a longer name with number {}", rng.u32(0..100_000)).into_bytes(),
    }
}

/// Where in a file of `size` bytes something happens.
pub fn offset(rng: &mut Rng, size: u64, block: u64) -> u64 {
    let at = match rng.u8(0..12) {
        0..4 => size,
        4..8 => rng.u64(0..=size),
        8 => size + rng.u64(0..block * 20),
        9 => 0,
        10 => rng.u64(0..=size / block) * block,
        _ => size.saturating_sub(rng.u64(0..block * 4)),
    };
    match rng.u16(0..400) {
        0 => rng.u64(0..1 << 32),
        1 => rng.u64(0..1 << 40),
        2 => rng.u64(0..u64::from(u32::MAX) + 20) * block,
        3 => rng.u64(0..1 << 63),
        _ => at,
    }
}

/// How many bytes.
pub fn len(rng: &mut Rng, block: u64) -> u64 {
    match rng.u8(0..20) {
        0..8 => rng.u64(1..600),
        8..14 => rng.u64(1..block * 6),
        14..17 => rng.u64(1..8) * block,
        17..19 => rng.u64(1..block * 40),
        _ if rng.u8(0..4) == 0 => rng.u64(1..block * 300),
        _ => rng.u64(0..3),
    }
}

/// File data that tells one write from another.
pub fn data(rng: &mut Rng, len: u64) -> Vec<u8> {
    let mut bytes = vec![0; len as usize];
    match rng.u8(0..8) {
        0 => bytes.fill(rng.u8(..)),
        _ => rng.fill(&mut bytes),
    }
    bytes
}

pub fn time(rng: &mut Rng) -> Timestamp {
    let mut secs = match rng.u8(0..20) {
        0 => rng.i64(-(1 << 31)..0),
        1 => rng.i64((1 << 31)..(15 << 30)),
        2 => rng.i64(-(1 << 40)..(1 << 40)),
        _ => rng.i64(0..(1 << 31)),
    };
    // e2fsck takes the years from 2310 to 2378 for times before 1970 that an old kernel wrote.
    if (5 << 31..6 << 31).contains(&secs) {
        secs -= 1 << 31;
    }
    Timestamp {
        secs,
        nanos: rng.u32(0..1_000_000_000),
    }
}

/// A user or group.
pub fn id(rng: &mut Rng) -> u32 {
    match rng.u8(0..4) {
        0 => 0,
        1 => rng.u32(..),
        _ => rng.u32(0..70_000),
    }
}

pub fn file_type(rng: &mut Rng) -> FileType {
    match rng.u8(0..40) {
        0..20 => FileType::Regular,
        20..32 => FileType::Directory,
        32..34 => FileType::CharDevice,
        34..36 => FileType::BlockDevice,
        36..38 => FileType::Fifo,
        _ => FileType::Socket,
    }
}

/// A device number: 12 bits of major, 20 of minor.
pub fn device(rng: &mut Rng) -> (u32, u32) {
    if rng.bool() {
        (rng.u32(0..256), rng.u32(0..256))
    } else {
        (rng.u32(0..1 << 12), rng.u32(0..1 << 20))
    }
}
