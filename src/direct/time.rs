//! Times as ls and stat print them, in the local time zone (`TZ`).

use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, Zoned};
use lwext4::Timestamp;

/// Half a Gregorian year: ls prints the time of day of what is younger.
const RECENT: i64 = 31_556_952 / 2;

fn local(time: Timestamp) -> Option<Zoned> {
    let instant = Instant::new(time.secs, i32::try_from(time.nanos).ok()?).ok()?;
    Some(instant.to_zoned(TimeZone::system()))
}

fn formatted(format: &str, time: Timestamp) -> String {
    match local(time) {
        Some(zoned) => zoned.strftime(format).to_string(),
        None => time.secs.to_string(),
    }
}

/// As `stat` prints it: `2026-01-02 03:04:05.000000006 +0000`.
pub fn full(time: Timestamp) -> String {
    formatted(&format!("%Y-%m-%d %H:%M:%S.{:09} %z", time.nanos), time)
}

/// As `ls -l` prints it: with the time of day, or the year of what is older than half a year, or in the
/// future.
pub fn short(time: Timestamp, now: Timestamp) -> String {
    let recent = time <= now && time.secs > now.secs - RECENT;
    formatted(if recent { "%b %e %H:%M" } else { "%b %e  %Y" }, time)
}

/// As seconds since 1970, with the fraction that there is.
pub fn seconds(time: Timestamp) -> String {
    if time.secs < 0 && time.nanos > 0 {
        return format!("-{}.{:09}", -(time.secs + 1), 1_000_000_000 - time.nanos);
    }
    format!("{}.{:09}", time.secs, time.nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_go_below_zero() {
        let at = |secs, nanos| seconds(Timestamp { secs, nanos });
        assert_eq!(at(5, 7), "5.000000007");
        assert_eq!(at(-1, 500_000_000), "-0.500000000");
        assert_eq!(at(-2, 0), "-2.000000000");
    }
}
