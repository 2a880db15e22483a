//! Many small files: the last take as long as the first, and memory stays small.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::archive::{header, seal};
use crate::support::full;
use crate::work::{Work, fsck, liveroot};

/// Files in a directory.
const PER_DIRECTORY: u32 = 1000;

#[test]
fn many_small_files_keep_their_rate() {
    let count: u32 = if full() { 1_000_000 } else { 20_000 };
    let part = count / 10;
    let work = Work::new();
    let image = work.path("image.ext4");
    let mut command = liveroot(["create", "--json", "--size"]);
    command.arg(if full() { "6G" } else { "256M" });
    let inodes = (count + count / PER_DIRECTORY + 100).to_string();
    let mut child = command
        .args(["--inodes", &inodes, "--from", "-"])
        .arg(&image)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("liveroot runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || {
        let mut out = Vec::new();
        for n in 0..count {
            if n % PER_DIRECTORY == 0 {
                let mut dir = header(&format!("d{:04}/", n / PER_DIRECTORY), b'5', "", 0);
                seal(&mut dir);
                out.extend(dir);
            }
            let len = 1000 + n as usize % 2001;
            let mut file = header(
                &format!("d{:04}/file{n:07}", n / PER_DIRECTORY),
                b'0',
                "",
                len as u64,
            );
            seal(&mut file);
            out.extend(file);
            out.resize(out.len() + len, b'0' + (n % 10) as u8);
            out.resize(out.len().next_multiple_of(512), 0);
            if out.len() > 1 << 20 {
                stdin.write_all(&out).expect("liveroot reads");
                out.clear();
            }
        }
        out.extend([0; 1024]);
        stdin.write_all(&out).expect("liveroot reads");
    });
    // (entries, seconds), and the largest size in memory on the way.
    let mut steps = vec![(0.0, 0.0)];
    let mut peak = 0;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        if let (Some(entries), Some(seconds)) =
            (event["entries"].as_f64(), event["seconds"].as_f64())
        {
            steps.push((entries, seconds));
        }
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let hwm = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = hwm.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0));
    }
    assert!(child.wait().expect("liveroot ends").success());
    writer.join().expect("the writer ends");
    fsck(&image);
    let at = |entries: f64| {
        let after = steps
            .iter()
            .position(|step| step.0 >= entries)
            .unwrap_or(steps.len() - 1);
        let (a, b) = (steps[after.saturating_sub(1)], steps[after]);
        if b.0 > a.0 {
            a.1 + (b.1 - a.1) * (entries - a.0) / (b.0 - a.0)
        } else {
            b.1
        }
    };
    let took = |from: u32, to: u32| at(f64::from(to)) - at(f64::from(from));
    let (first, last) = (took(0, part), took(count - part, count));
    println!(
        "{count} files in {:.2} s: the first {part} took {first:.3} s, the last {last:.3} s; peak {peak} KiB",
        took(0, count)
    );
    assert!(peak < 128 * 1024, "{peak} KiB");
    if full() {
        // The machine has other things to do; a cost that grows with the number would be far beyond.
        assert!(
            last < first * 2.0,
            "{last} s for what took {first} s at first"
        );
    }
}
