//! What a session cost, for benchmarks.

use crate::failure::{Failure, Result};
use crate::fuse::Counters;
use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;

/// Writes counts of requests and the process's peak memory to `path`, as JSON.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, counters: &Counters) -> Result<()> {
    let requests: Map<String, Value> = counters
        .seen()
        .map(|(kind, count)| (kind.to_owned(), count.into()))
        .collect();
    let text = json!({
        "requests": requests,
        "requests_total": counters.total(),
        "peak_rss_kib": peak_rss_kib(),
    });
    fs::write(path, format!("{text:#}\n"))
        .map_err(|e| Failure::of(path, format!("writing statistics: {e}")))
}

/// The most memory that this process had at once, in KiB (`VmHWM`, proc_pid_status(5)).
fn peak_rss_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_json() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let counters = Counters::default();
        counters.count(crate::fuse::Kind::Read);
        write(file.path(), &counters).unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["requests"]["read"], 1);
        assert!(value["peak_rss_kib"].as_u64().unwrap() > 0);
    }
}
