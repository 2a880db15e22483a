//! How far it has come: a bar on a terminal, events as JSON, or nothing.

use super::apply::Totals;
use crate::failure::{Failure, Result, printable};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::cell::Cell;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest time between two events.
const INTERVAL: Duration = Duration::from_millis(200);
/// How often the time is looked at, in calls.
const EVERY: u32 = 32;

/// What is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// A bar if standard error is a terminal, and a line in the end.
    #[default]
    People,
    /// One JSON object a line, on standard output.
    Json,
    /// A bar if standard error is a terminal, and no more.
    Silent,
    /// Errors only.
    Quiet,
}

/// What a source has to say, until somebody shows it.
#[derive(Clone, Debug, Default)]
pub struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Adds one.
    pub fn push(&self, text: String) {
        self.0.lock().push(text);
    }

    /// Takes all.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Tells how far it has come.
pub struct Progress {
    style: Style,
    bar: Option<ProgressBar>,
    start: Instant,
    last: Cell<Instant>,
    calls: Cell<u32>,
    total: Option<u64>,
}

impl Progress {
    /// Starts. `total`: bytes of the source, where they are known.
    pub fn new(style: Style, source: &Path, total: Option<u64>) -> Progress {
        let shown =
            matches!(style, Style::People | Style::Silent) && std::io::stderr().is_terminal();
        let bar = shown.then(|| {
            let (bar, template) = match total {
                Some(total) => (
                    ProgressBar::new(total),
                    "{bar:30} {percent}% {bytes}/{total_bytes} {bytes_per_sec} {msg} eta {eta}",
                ),
                None => (
                    ProgressBar::no_length(),
                    "{spinner} {bytes} {bytes_per_sec} {msg} {elapsed}",
                ),
            };
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        let now = Instant::now();
        let progress = Progress {
            style,
            bar,
            start: now,
            last: Cell::new(now),
            calls: Cell::new(0),
            total,
        };
        progress.event(json!({
            "event": "start",
            "source": source.to_string_lossy(),
            "total": total,
        }));
        progress
    }

    fn event(&self, event: Value) {
        if self.style == Style::Json {
            // Who closes the pipe early has seen enough.
            let _ = writeln!(std::io::stdout(), "{event}");
        }
    }

    /// Says how much was applied, and how many bytes of the source that took.
    pub fn at(&self, totals: Totals, position: u64) {
        let calls = self.calls.get() + 1;
        self.calls.set(calls % EVERY);
        if calls < EVERY || (self.bar.is_none() && self.style != Style::Json) {
            return;
        }
        let now = Instant::now();
        if now.duration_since(self.last.get()) < INTERVAL {
            return;
        }
        self.last.set(now);
        if let Some(bar) = &self.bar {
            bar.set_position(position);
            bar.set_message(format!("{} files", totals.entries));
        }
        self.event(json!({
            "event": "progress",
            "entries": totals.entries,
            "bytes": totals.bytes,
            "read": position,
            "total": self.total,
            "seconds": self.start.elapsed().as_secs_f64(),
        }));
    }

    /// Something that is worth a look, but ends nothing.
    pub fn warn(&self, text: &str) {
        let text = printable(text);
        match (self.style, &self.bar) {
            (Style::Json, _) => self.event(json!({ "event": "warning", "message": text })),
            (_, Some(bar)) => bar.suspend(|| eprintln!("liveroot: warning: {text}")),
            (_, None) => eprintln!("liveroot: warning: {text}"),
        }
    }

    /// Ends it: says what was done, or passes on why it was not.
    ///
    /// # Errors
    /// `result`'s.
    pub fn end(self, result: Result<(Totals, String)>) -> Result<Totals> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let seconds = self.start.elapsed().as_secs_f64();
        match result {
            Ok((totals, line)) => {
                self.event(json!({
                    "event": "done",
                    "entries": totals.entries,
                    "bytes": totals.bytes,
                    "seconds": seconds,
                }));
                if self.style == Style::People {
                    println!("{line}");
                }
                Ok(totals)
            }
            Err(failure) => {
                self.event(json!({ "event": "error", "message": failure.to_string() }));
                Err::<Totals, Failure>(failure)
            }
        }
    }
}
