//! What direct commands print.

use crate::failure::{Failure, Result};
use serde::Serialize;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

/// Standard output, with names fit for where it goes.
pub struct Out {
    writer: BufWriter<StdoutLock<'static>>,
    /// Whether people look at it.
    pub terminal: bool,
    closed: bool,
}

impl Out {
    /// Standard output.
    pub fn new() -> Out {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        Out {
            writer: BufWriter::with_capacity(64 << 10, stdout.lock()),
            terminal,
            closed: false,
        }
    }

    /// Writes bytes as they are. Who closes the pipe early has seen enough, which is no error.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let written = self.writer.write_all(bytes);
        self.check(written)
    }

    /// Writes text.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes a name: as it is, but on a terminal what could steer it is escaped.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn name(&mut self, name: &[u8]) -> Result<()> {
        let shown = self.shown(name);
        self.bytes(&shown)
    }

    /// What [`Self::name`] writes.
    pub fn shown(&self, name: &[u8]) -> Vec<u8> {
        if self.terminal {
            escaped(name).into_bytes()
        } else {
            name.to_vec()
        }
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn json(&mut self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(Failure::new)?;
        self.text(&text)?;
        self.bytes(b"\n")
    }

    /// Whether nobody reads any more.
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn finish(mut self) -> Result<()> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.writer.flush();
        self.check(flushed)
    }

    fn check(&mut self, written: std::io::Result<()>) -> Result<()> {
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other.map_err(|e| Failure::new(format!("writing to standard output: {e}"))),
        }
    }
}

impl Default for Out {
    fn default() -> Self {
        Out::new()
    }
}

/// A name without control characters and bytes that are no UTF-8: those as `\n`, `\x1b`.
pub fn escaped(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// Errors of single files: told at once, and remembered for the exit code.
#[derive(Default)]
pub struct Complaints {
    any: bool,
}

impl Complaints {
    /// Tells a failure.
    pub fn tell(&mut self, failure: &Failure) {
        self.any = true;
        eprintln!("liveroot: {failure}");
    }

    /// Unwraps a result, or tells its failure.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|failure| self.tell(&failure)).ok()
    }

    /// How the command ends.
    ///
    /// # Errors
    /// When anything was told.
    pub fn end(&self) -> Result<()> {
        if self.any {
            Err(Failure::told(crate::failure::EXIT_FAILED))
        } else {
            Ok(())
        }
    }
}

/// What a command that changes an image tells with `-v`: printed when it is done, since only then it is
/// true.
pub struct Report {
    wanted: bool,
    lines: Vec<Vec<u8>>,
}

impl Report {
    /// An empty one; `wanted`: whether anybody asked for it.
    pub fn new(wanted: bool) -> Report {
        Report {
            wanted,
            lines: Vec::new(),
        }
    }

    /// Adds a line of these pieces.
    pub fn line(&mut self, pieces: &[&[u8]]) {
        if self.wanted {
            self.lines.push(pieces.concat());
        }
    }

    /// Prints the lines.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn print(self) -> Result<()> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let mut out = Out::new();
        for line in &self.lines {
            out.name(line)?;
            out.bytes(b"\n")?;
        }
        out.finish()
    }
}

/// Bytes as JSON: a string. Names that are not UTF-8 have `\xNN` for what is not.
#[derive(Clone, Debug)]
pub struct JsonName(pub Vec<u8>);

impl Serialize for JsonName {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_str(&escaped(&self.0)),
        }
    }
}

/// A size in units that people read, as `ls -h` rounds it: up, one digit below ten.
pub fn human(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];
    let mut scale = 0;
    let mut unit: u128 = 1;
    while u128::from(bytes) >= unit * 1024 && scale + 1 < UNITS.len() {
        unit *= 1024;
        scale += 1;
    }
    if scale == 0 {
        return bytes.to_string();
    }
    let tenths = (u128::from(bytes) * 10).div_ceil(unit);
    if tenths < 100 {
        return format!(
            "{}.{}{}",
            tenths / 10,
            tenths % 10,
            UNITS.get(scale).unwrap_or(&"")
        );
    }
    let whole = u128::from(bytes).div_ceil(unit);
    if whole >= 1024 && scale + 1 < UNITS.len() {
        return format!("1.0{}", UNITS.get(scale + 1).unwrap_or(&""));
    }
    format!("{whole}{}", UNITS.get(scale).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_up() {
        let shown: Vec<String> = [
            0,
            1023,
            1024,
            1025,
            10 << 10,
            (10 << 10) + 1,
            (1 << 20) - 1,
            1 << 20,
            5 << 30,
        ]
        .into_iter()
        .map(human)
        .collect();
        assert_eq!(
            shown,
            [
                "0", "1023", "1.0K", "1.1K", "10K", "11K", "1.0M", "1.0M", "5.0G"
            ]
        );
    }

    #[test]
    fn names_cannot_steer_a_terminal() {
        assert_eq!(escaped(b"a\x1b[2J\n"), "a\\u{1b}[2J\\n");
        assert_eq!(escaped("gr\u{fc}n".as_bytes()), "gr\u{fc}n");
        assert_eq!(escaped(b"\xff"), "\\xff");
    }
}
