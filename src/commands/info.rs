//! `liveroot info`

use crate::cli;
use crate::failure::{Failure, Result, printable};
use crate::session::control::{self, Event, Request};
use crate::session::image::{self, Image, human_size};
use crate::session::options::Place;
use crate::sys::Access;
use lwext4::ondisk::features::{Feature, Incompat, Obstacle, RoCompat, Support};
use lwext4::ondisk::superblock::{MAGIC, OFFSET, SIZE, STATE_ERROR, STATE_VALID, Superblock};
use lwext4::{BlockDevice, Error};
use serde::Serialize;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Prints what is in an image.
pub fn run(args: &cli::Info) -> Result<()> {
    let place = Place::from(&args.place);
    let image = image::open(&args.image, place, Access::Read)?;
    let report = Report::of(&image)?;
    let text = if args.json {
        serde_json::to_string_pretty(&report).map_err(Failure::new)?
    } else {
        report.for_people()
    };
    // Who closes the pipe early has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(())
}

/// What there is to tell. Sizes are in bytes, times in seconds since 1970, UTC.
#[derive(Serialize)]
struct Report {
    image: PathBuf,
    label: String,
    uuid: String,
    /// `clean`, or what is the matter.
    state: String,
    /// The liveroot process that has it, if one has.
    mounted: Option<Mounted>,
    size: u64,
    free: u64,
    reserved: u64,
    block_size: u32,
    blocks: u64,
    free_blocks: u64,
    reserved_blocks: u64,
    inodes: u32,
    free_inodes: u64,
    inode_size: u16,
    features: Vec<String>,
    /// How far liveroot goes with the image: `read-write`, `read-only` or `refused`.
    support: &'static str,
    /// What keeps liveroot from writing or opening the image, and why.
    obstacles: Vec<String>,
    /// The known ones among the features, and how far liveroot goes with each.
    feature_support: Vec<FeatureSupport>,
    created: u64,
    last_mounted: u64,
    last_mounted_on: String,
    last_written: u64,
    mount_count: u16,
}

/// One row of the table of features.
#[derive(Serialize)]
struct FeatureSupport {
    name: &'static str,
    support: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

impl FeatureSupport {
    fn of(feature: &'static Feature) -> FeatureSupport {
        let (support, why) = match feature.support {
            Support::ReadWrite => (READ_WRITE, None),
            Support::ReadOnly(why) => (READ_ONLY, Some(why)),
            Support::Refused(why) => (REFUSED, Some(why)),
        };
        FeatureSupport {
            name: feature.name,
            support,
            why,
        }
    }
}

const READ_WRITE: &str = "read-write";
const READ_ONLY: &str = "read-only";
const REFUSED: &str = "refused";

/// How far liveroot goes with an image.
fn support(obstacles: &[Obstacle]) -> &'static str {
    match obstacles.iter().map(|obstacle| obstacle.readable).min() {
        None => READ_WRITE,
        Some(true) => READ_ONLY,
        Some(false) => REFUSED,
    }
}

#[derive(Serialize)]
struct Mounted {
    mountpoint: PathBuf,
    pid: u32,
}

impl Report {
    fn of(image: &Image) -> Result<Report> {
        let mut bytes = [0; SIZE];
        let not_ext4 = |why: &str| image.explain(&Error::NotExt4(why.to_owned()), Access::Read);
        image
            .device
            .read_at(&mut bytes, OFFSET)
            .map_err(|_| not_ext4("too short"))?;
        let sb = Superblock::from_bytes(&bytes)
            .filter(|sb| sb.magic() == MAGIC)
            .ok_or_else(|| not_ext4("no ext4 superblock at byte 1024"))?;
        let block_size = sb
            .block_size()
            .ok_or_else(|| Failure::of(&image.given, "corrupt: the block size makes no sense"))?;
        let daemon = control::find(|hello| hello.image_id == image.id)
            .into_iter()
            .next();
        let (mut free_blocks, mut free_inodes) =
            (sb.free_blocks_count(), u64::from(sb.free_inodes_count()));
        let mounted = daemon.map(|mut daemon| {
            // The superblock's counts are those of the last commit.
            if daemon.ask(Request::Usage).is_ok()
                && let Ok(Some(Event::Usage(usage))) =
                    daemon.next_event(Some(Duration::from_secs(2)))
            {
                (free_blocks, free_inodes) = (usage.free_blocks, usage.free_inodes);
            }
            Mounted {
                mountpoint: daemon.hello.mountpoint,
                pid: daemon.hello.pid,
            }
        });
        let bytes = |blocks: u64| blocks.saturating_mul(u64::from(block_size));
        let features = sb.features();
        let obstacles = features.obstacles();
        Ok(Report {
            image: image.path.clone(),
            label: printable(&String::from_utf8_lossy(sb.label())),
            uuid: uuid(sb.uuid()),
            state: state(&sb, image.device.size(), block_size, mounted.is_some()),
            mounted,
            size: bytes(sb.blocks_count()),
            free: bytes(free_blocks),
            reserved: bytes(sb.r_blocks_count()),
            block_size,
            blocks: sb.blocks_count(),
            free_blocks,
            reserved_blocks: sb.r_blocks_count(),
            inodes: sb.inodes_count(),
            free_inodes,
            inode_size: sb.inode_size(),
            features: features.names(),
            support: support(&obstacles),
            obstacles: obstacles
                .into_iter()
                .map(|obstacle| obstacle.text)
                .collect(),
            feature_support: features.known().map(FeatureSupport::of).collect(),
            created: time(sb.mkfs_time(), sb.mkfs_time_hi()),
            last_mounted: time(sb.mtime(), sb.mtime_hi()),
            last_mounted_on: printable(&String::from_utf8_lossy(sb.last_mounted())),
            last_written: time(sb.wtime(), sb.wtime_hi()),
            mount_count: sb.mnt_count(),
        })
    }

    fn for_people(&self) -> String {
        let used = |all: u64, free: u64| match all {
            0 => String::new(),
            _ => format!(" ({:.0} % used)", 100.0 - 100.0 * free as f64 / all as f64),
        };
        let mut rows = vec![
            ("Image", printable(&self.image.to_string_lossy())),
            ("Label", or_none(&self.label)),
            ("UUID", self.uuid.clone()),
            ("State", self.state.clone()),
        ];
        if let Some(mounted) = &self.mounted {
            let on = printable(&mounted.mountpoint.to_string_lossy());
            rows.push(("Mounted", format!("on {on}, by process {}", mounted.pid)));
        }
        rows.extend([
            (
                "Size",
                format!(
                    "{}, {} blocks of {}",
                    human_size(self.size),
                    self.blocks,
                    human_size(self.block_size.into())
                ),
            ),
            (
                "Free",
                format!(
                    "{}{}, of it {} for root",
                    human_size(self.free),
                    used(self.size, self.free),
                    human_size(self.reserved)
                ),
            ),
            (
                "Inodes",
                format!(
                    "{} of {} bytes, {} free{}",
                    self.inodes,
                    self.inode_size,
                    self.free_inodes,
                    used(self.inodes.into(), self.free_inodes)
                ),
            ),
            ("Features", self.features.join(" ")),
            ("Support", self.support.to_owned()),
        ]);
        rows.extend(self.obstacles.iter().map(|why| ("Obstacle", why.clone())));
        rows.extend([
            ("Created", date(self.created)),
            (
                "Last mounted",
                format!(
                    "{}{}",
                    date(self.last_mounted),
                    match self.last_mounted_on.as_str() {
                        "" => String::new(),
                        on => format!(", on {on}"),
                    }
                ),
            ),
            ("Last written", date(self.last_written)),
        ]);
        let lines: Vec<String> = rows
            .iter()
            .map(|(name, value)| format!("{:14}{value}", format!("{name}:")))
            .collect();
        lines.join("\n")
    }
}

fn state(sb: &Superblock, device_size: u64, block_size: u32, mounted: bool) -> String {
    let features = sb.features();
    let needed = sb.blocks_count().saturating_mul(block_size.into());
    if features.ro_compat.contains(RoCompat::METADATA_CSUM)
        && sb.checksum() != sb.computed_checksum()
    {
        "corrupt: the superblock's checksum is wrong".to_owned()
    } else if needed > device_size {
        format!(
            "cut short: {} of {} are missing",
            human_size(needed - device_size),
            human_size(needed)
        )
    } else if sb.state() & STATE_ERROR != 0 {
        format!("has errors ({} recorded): run e2fsck", sb.error_count())
    } else if mounted {
        "mounted".to_owned()
    } else if features.incompat.contains(Incompat::RECOVER) {
        "not closed: the next mount recovers the journal".to_owned()
    } else if sb.state() & STATE_VALID == 0 {
        "not closed: run e2fsck".to_owned()
    } else {
        "clean".to_owned()
    }
}

fn or_none(text: &str) -> String {
    match text {
        "" => "(none)".to_owned(),
        text => text.to_owned(),
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let cut = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    [cut(0, 8), cut(8, 12), cut(12, 16), cut(16, 20), cut(20, 32)].join("-")
}

fn time(low: u32, high: u8) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// A time as ISO 8601 writes it, in UTC; 0 is "never".
fn date(time: u64) -> String {
    if time == 0 {
        return "never".to_owned();
    }
    let (days, second) = (time / 86_400, time % 86_400);
    // Years of 365.2425 days that begin on 1 March: the leap day comes last. Howard Hinnant's
    // days-to-civil algorithm, for days after 1970.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(date(0), "never");
        assert_eq!(date(1), "1970-01-01 00:00:01 UTC");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(951_868_799), "2000-02-29 23:59:59 UTC");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00 UTC");
        assert_eq!(date(1_767_225_599), "2025-12-31 23:59:59 UTC");
    }

    #[test]
    fn uuids_have_five_parts() {
        let bytes = std::array::from_fn(|i| i as u8);
        assert_eq!(uuid(bytes), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
