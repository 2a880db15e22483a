//! What a session cost, for benchmarks.

use crate::failure::{Failure, Result};
use crate::fuse::Counters;
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Where statistics go. Everything that it takes is open from the start, since the daemon can open
/// nothing in the end.
#[derive(Debug)]
pub struct Statistics {
    path: PathBuf,
    file: File,
    /// `/proc/self/status` of the daemon.
    status: Option<File>,
}

impl Statistics {
    /// Opens `path`; what is in it stays until there is something to write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn open(path: &Path) -> Result<Statistics> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| failed(path, e))?;
        Ok(Statistics {
            path: path.to_owned(),
            file,
            status: File::open("/proc/self/status").ok(),
        })
    }

    /// Writes counts of requests and the process's peak memory, as JSON.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(mut self, counters: &Counters) -> Result<()> {
        let requests: Map<String, Value> = counters
            .seen()
            .map(|(kind, count)| (kind.to_owned(), count.into()))
            .collect();
        let text = json!({
            "requests": requests,
            "requests_total": counters.total(),
            "peak_rss_kib": self.status.as_mut().and_then(peak_rss_kib),
        });
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(format!("{text:#}\n").as_bytes()))
            .map_err(|e| failed(&self.path, e))
    }
}

fn failed(path: &Path, error: io::Error) -> Failure {
    Failure::of(path, format!("writing statistics: {error}"))
}

/// The most memory that a process had at once, in KiB (`VmHWM`, proc_pid_status(5)).
fn peak_rss_kib(status: &mut File) -> Option<u64> {
    let mut text = String::new();
    status.read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
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
        std::fs::write(file.path(), "old ".repeat(1000)).unwrap();
        Statistics::open(file.path())
            .unwrap()
            .write(&counters)
            .unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["requests"]["read"], 1);
        assert!(value["peak_rss_kib"].as_u64().unwrap() > 0);
    }
}
