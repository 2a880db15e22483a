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
    command.arg(if full() { "26G" } else { "256M" });
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
            let len = if full() { 19_000 } else { 1000 } + n as usize % 2001;
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
    // (entries, seconds, processor seconds of its own), and the largest size in memory on the way.
    let mut steps = vec![(0.0, 0.0, 0.0)];
    let mut peak = 0;
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let event: serde_json::Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        if let (Some(entries), Some(seconds)) =
            (event["entries"].as_f64(), event["seconds"].as_f64())
        {
            steps.push((entries, seconds, user_seconds(child.id())));
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
    let took = |of: fn(&Step) -> f64, from: u32, to: u32| at(&steps, of, to) - at(&steps, of, from);
    let wall = |from, to| took(|step| step.1, from, to);
    let work = |from, to| took(|step| step.2, from, to);
    println!(
        "{count} files in {:.2} s; the first {part}: {:.3} s, {:.3} s of work; the last: {:.3} s, {:.3} s of work; \
         peak {peak} KiB",
        wall(0, count),
        wall(0, part),
        work(0, part),
        wall(count - part, count),
        work(count - part, count),
    );
    assert!(peak < 128 * 1024, "{peak} KiB");
    if full() {
        // The host's disk has its own pace, and the machine other things to do: what counts is the work.
        let (first, last) = (work(0, part), work(count - part, count));
        assert!(
            last < first * 1.2,
            "{last} s of work for what took {first} s at first"
        );
    }
}

type Step = (f64, f64, f64);

/// When so many entries were done, by the steps around.
fn at(steps: &[Step], of: fn(&Step) -> f64, entries: u32) -> f64 {
    let entries = f64::from(entries);
    let after = steps.iter().position(|step| step.0 >= entries);
    let after = after.unwrap_or(steps.len() - 1);
    let (a, b) = (&steps[after.saturating_sub(1)], &steps[after]);
    if b.0 > a.0 {
        of(a) + (of(b) - of(a)) * (entries - a.0) / (b.0 - a.0)
    } else {
        of(b)
    }
}

/// Processor time that a process spent outside of the kernel, in seconds.
fn user_seconds(pid: u32) -> f64 {
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let utime = fields.split_whitespace().nth(11);
    utime
        .and_then(|ticks| ticks.parse::<f64>().ok())
        .unwrap_or(0.0)
        / TICKS
}
