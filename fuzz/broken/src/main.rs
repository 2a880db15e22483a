//! The long run: `broken --count N --seconds S --first I --target T`.
//!
//! A child process does the work, so that a hang or a fill of memory ends the child only: the parent
//! notes the image's number and starts another behind it.

use lwext4_broken::PATIENCE;
use lwext4_broken::choices::Choices;
use lwext4_broken::run::{self, Depth, Target, broken};
use lwext4_broken::seeds;
use std::io::{BufRead, BufReader, Write};
use std::panic;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

/// The process may have this much memory, in KiB.
const MEMORY: u64 = 256 << 10;

const USAGE: &str = "\
usage: broken [--first NUMBER] [--count IMAGES] [--seconds TIME] [--target walk|change|recover|all]
              [--seed-like NAME] [--show NUMBER] [--write FILE]

Breaks images and gives them to the engine. A finding is printed with the image's number; --show does
one image again, with its damage, and --write saves it.
";

#[derive(Clone, Debug)]
struct Options {
    first: u64,
    count: u64,
    seconds: u64,
    target: Target,
    seed_like: String,
    show: Option<u64>,
    write: Option<String>,
    child: bool,
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        first: 0,
        count: u64::MAX,
        seconds: u64::MAX,
        target: Target::All,
        seed_like: String::new(),
        show: None,
        write: None,
        child: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--child" {
            options.child = true;
            continue;
        }
        let value = args.next().ok_or(USAGE)?;
        let number = || {
            value
                .parse::<u64>()
                .map_err(|_| format!("{arg} {value}: no number"))
        };
        match arg.as_str() {
            "--first" => options.first = number()?,
            "--count" => options.count = number()?,
            "--seconds" => options.seconds = number()?,
            "--show" => options.show = Some(number()?),
            "--write" => options.write = Some(value),
            "--seed-like" => options.seed_like = value,
            "--target" => {
                options.target = match value.as_str() {
                    "walk" => Target::Walk,
                    "change" => Target::Change,
                    "recover" => Target::Recover,
                    "all" => Target::All,
                    _ => return Err(USAGE.into()),
                }
            }
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn main() -> std::process::ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(text) => {
            eprint!("{text}");
            return 2.into();
        }
    };
    let findings = if options.child {
        work(&options)
    } else if options.show.is_some() {
        show(&options)
    } else {
        supervise(&options)
    };
    u8::from(findings > 0).into()
}

/// What panicked since the last look. A panic of the commit thread is one too.
static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note_panics() {
    panic::set_hook(Box::new(|info| {
        let trace = std::backtrace::Backtrace::capture();
        let text = format!("{info}\n{trace}");
        if let Ok(mut panics) = PANICS.lock() {
            panics.push(text);
        }
    }));
}

fn take_panics() -> Vec<String> {
    PANICS
        .lock()
        .map(|mut panics| std::mem::take(&mut *panics))
        .unwrap_or_default()
}

/// Seeds of the options, by name.
fn seeds_of(options: &Options) -> Vec<seeds::Seed> {
    let mut seeds = seeds::all(&mut |missing| {
        if !options.child {
            eprintln!("no seed: {missing}");
        }
    });
    seeds.retain(|seed| seed.name.contains(&options.seed_like));
    seeds
}

fn one(seed: &seeds::Seed, number: u64, target: Target) -> (Depth, Vec<String>) {
    let mut choices = Choices::seeded(number.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5EED);
    let (image, _) = broken(seed, &mut choices);
    let done = panic::catch_unwind(panic::AssertUnwindSafe(|| {
        run::run(&image, target, &mut choices)
    }));
    let mut findings = take_panics();
    match done {
        Ok(Ok(depth)) => return (depth, findings),
        Ok(Err(finding)) => findings.push(finding),
        Err(_) if findings.is_empty() => findings.push("a panic".into()),
        Err(_) => {}
    }
    (Depth::default(), findings)
}

/// Memory that this process has (`VmRSS:`), or had at most (`VmHWM:`), in KiB.
fn memory(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// The child: a line for each image that begins, and for each finding.
fn work(options: &Options) -> usize {
    note_panics();
    let limit = rustix::process::Rlimit {
        current: Some(3 << 30),
        maximum: Some(3 << 30),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::As, limit);
    let seeds = seeds_of(options);
    // The seeds themselves do not count, nor what making them took.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let base = memory("VmRSS:");
    let mut out = std::io::stdout().lock();
    let (mut found, mut totals) = (0, [0u64; 3]);
    let start = Instant::now();
    for number in options.first..options.first.saturating_add(options.count) {
        if start.elapsed().as_secs() >= options.seconds {
            break;
        }
        let Some(seed) = seeds.get((number % seeds.len().max(1) as u64) as usize) else {
            break;
        };
        let _ = writeln!(out, "begin {number}");
        let _ = out.flush();
        let (depth, mut findings) = one(seed, number, options.target);
        for (total, on) in totals
            .iter_mut()
            .zip([depth.read, depth.written, depth.closed])
        {
            *total += u64::from(on);
        }
        let memory = memory("VmHWM:").saturating_sub(base);
        if memory > MEMORY {
            findings.push(format!("{memory} KiB of memory"));
            let _ = std::fs::write("/proc/self/clear_refs", "5");
        }
        for finding in findings {
            found += 1;
            let finding = finding.replace('\n', "\n| ");
            let _ = writeln!(out, "found {number} ({}): {finding}", seed.name);
        }
        let [read, written, closed] = totals;
        let _ = writeln!(out, "end {number} {read} {written} {closed}");
    }
    found
}

fn spawn(options: &Options, first: u64, count: u64, seconds: u64) -> std::io::Result<Child> {
    let target = format!("{:?}", options.target).to_lowercase();
    Command::new(std::env::current_exe()?)
        .args(["--child", "--target", &target])
        .args(["--first", &first.to_string(), "--count", &count.to_string()])
        .args(["--seconds", &seconds.to_string()])
        .args(["--seed-like", &options.seed_like])
        .stdout(Stdio::piped())
        .spawn()
}

/// Whether a process is stopped by a signal.
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}

/// Shows what the threads of a process wait for, if there is a debugger.
fn where_it_hangs(pid: u32) {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-ex", "thread apply all backtrace 24", "-p"]);
    if let Ok(out) = gdb.arg(pid.to_string()).output() {
        for line in String::from_utf8_lossy(&out.stdout).lines() {
            if line.starts_with("Thread") || line.starts_with('#') {
                println!("| {line}");
            }
        }
    }
}

/// The parent: starts children until all is done, and says what they found.
fn supervise(options: &Options) -> usize {
    let start = Instant::now();
    let end = options.first.saturating_add(options.count);
    let (mut next, mut found, mut images) = (options.first, 0, 0u64);
    let mut totals = [0u64; 3];
    while next < end {
        let seconds = options.seconds.saturating_sub(start.elapsed().as_secs());
        if seconds == 0 {
            break;
        }
        let Ok(mut child) = spawn(options, next, end - next, seconds) else {
            eprintln!("cannot start a child");
            return found + 1;
        };
        let (send, lines) = channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if send.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let mut running: Option<u64> = None;
        let mut counts = [0u64; 3];
        let verdict = loop {
            // Making the seeds takes a while, too.
            let patience = if running.is_none() { 12 } else { 1 };
            match lines.recv_timeout(PATIENCE * patience) {
                Ok(line) => match line.split_once(' ') {
                    Some(("begin", number)) => running = number.parse().ok(),
                    Some(("end", rest)) => {
                        images += 1;
                        let mut numbers = rest.split(' ').filter_map(|n| n.parse::<u64>().ok());
                        next = numbers.next().map_or(next, |n| n + 1);
                        counts = std::array::from_fn(|_| numbers.next().unwrap_or(0));
                        if images.is_multiple_of(2000) {
                            let seconds = start.elapsed().as_secs();
                            eprintln!("{images} images, {seconds} s, {found} findings");
                        }
                    }
                    _ => {
                        found += usize::from(line.starts_with("found"));
                        println!("{line}");
                    }
                },
                // Someone may have stopped it, and not it itself.
                Err(RecvTimeoutError::Timeout) if is_stopped(child.id()) => {}
                Err(RecvTimeoutError::Timeout) => {
                    where_it_hangs(child.id());
                    break Some("hangs");
                }
                Err(RecvTimeoutError::Disconnected) => break None,
            }
        };
        if verdict.is_some() {
            let _ = child.kill();
        }
        let status = child.wait().ok();
        let orderly = status
            .and_then(|status| status.code())
            .is_some_and(|code| code < 2);
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
        match (verdict, running) {
            (None, _) if orderly => break,
            (verdict, Some(number)) => {
                found += 1;
                println!("found {number}: {}", verdict.unwrap_or("the process died"));
                next = number + 1;
                images += 1;
            }
            (_, None) => {
                eprintln!("the child does not begin");
                return found + 1;
            }
        }
    }
    let [read, written, closed] = totals;
    println!(
        "{images} images in {} s: {read} opened to be read, {written} to be written, {closed} closed \
         without an error; {found} findings",
        start.elapsed().as_secs()
    );
    found
}

/// Does one image again and shows its damage.
fn show(options: &Options) -> usize {
    let Some(number) = options.show else { return 0 };
    let seeds = seeds_of(options);
    let Some(seed) = seeds.get((number % seeds.len().max(1) as u64) as usize) else {
        return 1;
    };
    let mut choices = Choices::seeded(number.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5EED);
    let (image, damage) = broken(seed, &mut choices);
    print!("image {number} from {}:\n{damage}", seed.name);
    if let Some(path) = &options.write
        && let Err(error) = std::fs::write(path, &**image)
    {
        eprintln!("{path}: {error}");
    }
    note_panics();
    let start = Instant::now();
    let (depth, findings) = one(seed, number, options.target);
    println!(
        "{depth:?}, {} ms, {} KiB",
        start.elapsed().as_millis(),
        memory("VmHWM:")
    );
    for finding in &findings {
        println!("{finding}");
    }
    findings.len()
}
