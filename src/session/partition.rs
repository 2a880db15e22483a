//! Partitions of a disk image: MBR with logical partitions, and GPT.
//!
//! Sources: UEFI specification 2.10, chapter 5 (GPT, protective MBR); for the MBR and its chain of
//! extended boot records, sfdisk's and the kernel's numbering: 1–4 primary, from 5 on logical.

use lwext4::BlockDevice;
use std::fmt;
use std::io;

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, counted from 1 as the kernel does.
    pub number: u32,
    /// First byte in the disk.
    pub start: u64,
    /// Size in bytes.
    pub size: u64,
    /// What the table says it is for.
    pub kind: String,
}

/// Why a partition table could not be read.
#[derive(Debug)]
pub enum TableError {
    /// There is none.
    None,
    /// There is one, and it is broken.
    Broken(&'static str),
    /// The host failed to read the image.
    Io(io::Error),
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableError::None => f.write_str("there is no partition table (MBR or GPT)"),
            TableError::Broken(what) => write!(f, "the partition table is broken: {what}"),
            TableError::Io(error) => write!(f, "reading the partition table: {error}"),
        }
    }
}

impl From<io::Error> for TableError {
    fn from(error: io::Error) -> TableError {
        TableError::Io(error)
    }
}

const MBR_SECTOR: u64 = 512;
/// More logical partitions than any tool makes; a longer chain is a loop.
const MAX_LOGICAL: u32 = 128;
/// The most entries of a GPT that are looked at; tables have 128.
const MAX_GPT_ENTRIES: u32 = 1024;

/// Reads the partition table of `disk`. Empty entries are left out; numbers are kept.
///
/// # Errors
/// See [`TableError`].
pub fn read_table(disk: &dyn BlockDevice) -> Result<Vec<Partition>, TableError> {
    let mbr = sector(disk, 0).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => TableError::None,
        _ => TableError::Io(error),
    })?;
    let primary = mbr_entries(&mbr).ok_or(TableError::None)?;
    if primary.iter().any(|entry| entry.kind == 0xEE) {
        return read_gpt(disk);
    }
    let mut partitions = Vec::new();
    for (entry, number) in primary.iter().zip(1..) {
        if entry.is_extended() {
            read_logical(disk, entry.start, &mut partitions)?;
        } else if entry.is_used() {
            partitions.push(entry.partition(number, 0)?);
        }
    }
    // A boot sector of a FAT or NTFS volume ends like an MBR, with code where the table would be.
    if partitions.is_empty() || partitions.iter().any(|p| p.start >= disk.size()) {
        return Err(TableError::None);
    }
    partitions.sort_by_key(|p| p.number);
    Ok(partitions)
}

struct MbrEntry {
    kind: u8,
    boot: u8,
    start: u64,
    sectors: u64,
}

impl MbrEntry {
    fn is_used(&self) -> bool {
        self.kind != 0 && self.sectors != 0
    }
    fn is_extended(&self) -> bool {
        matches!(self.kind, 0x05 | 0x0F | 0x85)
    }
    fn partition(&self, number: u32, base: u64) -> Result<Partition, TableError> {
        let in_bytes = |sectors: u64| {
            sectors
                .checked_mul(MBR_SECTOR)
                .ok_or(TableError::Broken("a partition lies beyond all disks"))
        };
        Ok(Partition {
            number,
            start: in_bytes(base.saturating_add(self.start))?,
            size: in_bytes(self.sectors)?,
            kind: match self.kind {
                0x83 => "Linux".to_owned(),
                0x82 => "Linux swap".to_owned(),
                0x8E => "Linux LVM".to_owned(),
                0xEF => "EFI system".to_owned(),
                0x01 | 0x04 | 0x06 | 0x0B | 0x0C | 0x0E => "FAT".to_owned(),
                0x07 => "NTFS or exFAT".to_owned(),
                other => format!("type {other:#04x}"),
            },
        })
    }
}

/// The four entries of an MBR or extended boot record, or `None` when it is neither.
fn mbr_entries(sector: &[u8; 512]) -> Option<[MbrEntry; 4]> {
    if sector[510..] != [0x55, 0xAA] {
        return None;
    }
    let entries = [0, 1, 2, 3].map(|i| {
        let at = 446 + 16 * i;
        MbrEntry {
            boot: sector[at],
            kind: sector[at + 4],
            start: u64::from(le32(&sector[..], at + 8)),
            sectors: u64::from(le32(&sector[..], at + 12)),
        }
    });
    entries
        .iter()
        .all(|entry| entry.boot & 0x7F == 0)
        .then_some(entries)
}

/// Follows the chain of extended boot records that starts at sector `base`. In each, the first
/// entry is a logical partition, relative to the record, and the second the next record, relative to
/// `base`.
fn read_logical(
    disk: &dyn BlockDevice,
    base: u64,
    partitions: &mut Vec<Partition>,
) -> Result<(), TableError> {
    let mut record = base;
    let mut number = 5;
    for _ in 0..MAX_LOGICAL {
        let broken = TableError::Broken("the chain of logical partitions ends in nothing");
        let Ok(bytes) = sector(disk, record.saturating_mul(MBR_SECTOR)) else {
            return Err(broken);
        };
        let [logical, next, ..] = mbr_entries(&bytes).ok_or(broken)?;
        if logical.is_used() {
            partitions.push(logical.partition(number, record)?);
            number += 1;
        }
        if !next.is_extended() || next.sectors == 0 {
            return Ok(());
        }
        record = base.saturating_add(next.start);
    }
    Err(TableError::Broken(
        "the chain of logical partitions has no end",
    ))
}

/// Reads the table at the disk's start, else the copy at its end, for sectors of 512 and 4,096 bytes.
fn read_gpt(disk: &dyn BlockDevice) -> Result<Vec<Partition>, TableError> {
    for size in [512, 4096] {
        let last = (disk.size() / size).saturating_sub(1);
        for lba in [1, last] {
            if let Some(partitions) = read_gpt_at(disk, size, lba)? {
                return Ok(partitions);
            }
        }
    }
    Err(TableError::Broken(
        "the GPT's checksums are wrong, also in its copy",
    ))
}

fn read_gpt_at(
    disk: &dyn BlockDevice,
    sector_size: u64,
    lba: u64,
) -> Result<Option<Vec<Partition>>, TableError> {
    let Some(at) = lba.checked_mul(sector_size) else {
        return Ok(None);
    };
    let mut header = sector(disk, at).unwrap_or([0; 512]);
    let header_len = le32(&header, 12) as usize;
    if &header[..8] != b"EFI PART" || !(92..=512).contains(&header_len) {
        return Ok(None);
    }
    let stored = le32(&header, 16);
    header[16..20].fill(0);
    if crc32(&header[..header_len]) != stored || le64(&header, 24) != lba {
        return Ok(None);
    }
    let (table_lba, count, entry_len) = (le64(&header, 72), le32(&header, 80), le32(&header, 84));
    if count > MAX_GPT_ENTRIES || !(128..=4096).contains(&entry_len) {
        return Ok(None);
    }
    let mut table = vec![0; count as usize * entry_len as usize];
    let read = table_lba
        .checked_mul(sector_size)
        .is_some_and(|at| disk.read_at(&mut table, at).is_ok());
    if !read || crc32(&table) != le32(&header, 88) {
        return Ok(None);
    }
    let mut partitions = Vec::new();
    for (entry, number) in table.chunks_exact(entry_len as usize).zip(1..) {
        let (first, last) = (le64(entry, 32), le64(entry, 40));
        if entry[..16] == [0; 16] {
            continue;
        }
        let bytes = |sectors: u64| sectors.checked_mul(sector_size);
        let size = last
            .checked_sub(first)
            .and_then(|n| n.checked_add(1))
            .and_then(bytes);
        match (bytes(first), size) {
            (Some(start), Some(size)) => partitions.push(Partition {
                number,
                start,
                size,
                kind: gpt_kind(entry),
            }),
            _ => return Err(TableError::Broken("a partition ends before it starts")),
        }
    }
    Ok(Some(partitions))
}

/// What a GPT entry is for: its name if it has one, with the type where that is well known.
fn gpt_kind(entry: &[u8]) -> String {
    // The first field of the type's GUID tells the well-known ones apart.
    let kind = match le32(entry, 0) {
        0x0FC6_3DAF => "Linux",
        0x4F68_BCE3 => "Linux root (x86-64)",
        0xB921_B045 => "Linux root (arm64)",
        0xC12A_7328 => "EFI system",
        0x2168_6148 => "BIOS boot",
        0x0657_FD6D => "Linux swap",
        0xEBD0_A0A2 => "basic data",
        _ => "other",
    };
    let name: Vec<u16> = entry[56..128]
        .chunks_exact(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .take_while(|&unit| unit != 0)
        .collect();
    match String::from_utf16_lossy(&name) {
        name if name.is_empty() => kind.to_owned(),
        name => format!("{kind}, \"{name}\""),
    }
}

fn sector(disk: &dyn BlockDevice, at: u64) -> io::Result<[u8; 512]> {
    let mut bytes = [0; 512];
    disk.read_at(&mut bytes, at)?;
    Ok(bytes)
}

fn le32(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk())
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn le64(bytes: &[u8], at: usize) -> u64 {
    u64::from(le32(bytes, at)) | u64::from(le32(bytes, at + 4)) << 32
}

/// CRC-32 as GPT and zip have it (polynomial 0xEDB88320, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwext4::{FileDevice, MemDevice};
    use std::io::Write;
    use std::process::{Command, Stdio};

    const MIB: u64 = 1 << 20;

    /// A disk of 64 MiB with the table that sfdisk makes of `script`; `None` without sfdisk.
    fn disk(test: &str, script: &str) -> Option<FileDevice> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 * MIB).unwrap();
        let sfdisk = Command::new("sfdisk")
            .args(["--quiet", "--no-tell-kernel"])
            .arg(file.path())
            .stdin(Stdio::piped())
            .spawn();
        let Ok(mut child) = sfdisk else {
            println!("skipped: {test}: sfdisk is not installed");
            return None;
        };
        let input = child.stdin.take();
        input.unwrap().write_all(script.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Some(FileDevice::new(file.reopen().unwrap()).unwrap())
    }

    fn places(disk: &dyn BlockDevice) -> Vec<(u32, u64, u64)> {
        let table = read_table(disk).unwrap();
        table.iter().map(|p| (p.number, p.start, p.size)).collect()
    }

    #[test]
    fn primary_and_logical_partitions_are_found() {
        let script = "label: dos\n\
            start=2048, size=8192, type=83\n\
            start=20480, size=8192, type=82\n\
            start=40960, size=40960, type=5\n\
            start=43008, size=2048, type=83\n\
            start=47104, size=4096, type=83\n";
        // sfdisk numbers the lines: three primaries, then an empty fourth, then logical ones.
        let script = script.replace("start=43008", "/dev/x5: start=43008");
        let script = script.replace("start=47104", "/dev/x6: start=47104");
        let Some(disk) = disk("primary_and_logical_partitions_are_found", &script) else {
            return;
        };
        assert_eq!(
            places(&disk),
            [
                (1, MIB, 4 * MIB),
                (2, 10 * MIB, 4 * MIB),
                (5, 21 * MIB, MIB),
                (6, 23 * MIB, 2 * MIB)
            ]
        );
    }

    #[test]
    fn gpt_keeps_numbers_and_names() {
        let script = "label: gpt\n\
            1: start=2048, size=8192, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
            3: start=20480, size=8192, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=\"root\"\n";
        let Some(disk) = disk("gpt_keeps_numbers_and_names", script) else {
            return;
        };
        assert_eq!(places(&disk), [(1, MIB, 4 * MIB), (3, 10 * MIB, 4 * MIB)]);
        let table = read_table(&disk).unwrap();
        assert_eq!(table[0].kind, "EFI system");
        assert_eq!(table[1].kind, "Linux, \"root\"");
    }

    #[test]
    fn a_damaged_gpt_is_read_from_its_copy() {
        let script = "label: gpt\nstart=2048, size=8192\n";
        let Some(disk) = disk("a_damaged_gpt_is_read_from_its_copy", script) else {
            return;
        };
        disk.write_at(b"EFI BORK", 512).unwrap();
        assert_eq!(places(&disk), [(1, MIB, 4 * MIB)]);
        disk.write_at(&[0; 512], 64 * MIB - 512).unwrap();
        assert!(matches!(read_table(&disk), Err(TableError::Broken(_))));
    }

    #[test]
    fn a_chain_of_logical_partitions_that_loops_ends() {
        let disk = MemDevice::new(MIB);
        let mut sector = [0; 512];
        sector[510..].copy_from_slice(&[0x55, 0xAA]);
        sector[446 + 4] = 5;
        sector[446 + 8] = 1;
        sector[446 + 12] = 9;
        disk.write_at(&sector, 0).unwrap();
        // The record's second entry points at itself.
        sector[446 + 4] = 0;
        sector[462 + 4] = 5;
        sector[462 + 12] = 9;
        disk.write_at(&sector, 512).unwrap();
        assert!(matches!(read_table(&disk), Err(TableError::Broken(_))));
    }

    #[test]
    fn no_table_is_no_table() {
        assert!(matches!(
            read_table(&MemDevice::new(MIB)),
            Err(TableError::None)
        ));
        assert!(matches!(
            read_table(&MemDevice::new(10)),
            Err(TableError::None)
        ));
    }

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
