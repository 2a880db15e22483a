//! How a command fails: one line that says what is wrong and what to do about it.

use std::fmt;
use std::path::Path;

/// The exit code of a command that could not do its work.
pub const EXIT_FAILED: u8 = 1;
/// The exit code of a command line that makes no sense.
pub const EXIT_USAGE: u8 = 2;

/// The exit code of `run` when it failed itself, as `env` and `docker run` have it: lower ones are
/// those of the command that it ran.
pub const EXIT_RUN_FAILED: u8 = 125;

/// Why a command failed: `SUBJECT: what; remedy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    subject: Option<String>,
    what: String,
    remedy: Option<String>,
    exit_code: u8,
    told: bool,
    lacks_space: bool,
}

/// What every fallible step of a command returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// Something is wrong with the file `subject`.
    pub fn of(subject: &Path, what: impl fmt::Display) -> Failure {
        Failure {
            subject: Some(printable(&subject.to_string_lossy())),
            ..Failure::new(what)
        }
    }

    /// Something is wrong, with no file to blame.
    pub fn new(what: impl fmt::Display) -> Failure {
        Failure {
            subject: None,
            what: printable(&what.to_string()),
            remedy: None,
            exit_code: EXIT_FAILED,
            told: false,
            lacks_space: false,
        }
    }

    /// The command line makes no sense.
    pub fn usage(what: impl fmt::Display) -> Failure {
        Failure {
            exit_code: EXIT_USAGE,
            ..Failure::new(what)
        }
    }

    /// The command line is to blame.
    #[must_use]
    pub fn by_usage(mut self) -> Failure {
        self.exit_code = EXIT_USAGE;
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl fmt::Display) -> Failure {
        self.remedy = Some(printable(&remedy.to_string()));
        self
    }

    /// Says that `done` entries are in the image all the same.
    #[must_use]
    pub fn after(mut self, done: u64) -> Failure {
        self.what
            .push_str(&format!(" (the {done} entries before it are in)"));
        self
    }

    /// Says that a larger image would help.
    #[must_use]
    pub fn for_lack_of_space(mut self) -> Failure {
        self.lacks_space = true;
        self.remedy("make the image larger")
    }

    /// Whether a larger image would help.
    pub fn lacks_space(&self) -> bool {
        self.lacks_space
    }

    /// Sets the exit code.
    #[must_use]
    pub fn with_exit_code(mut self, exit_code: u8) -> Failure {
        self.exit_code = exit_code;
        self
    }

    /// A failure that another process reported: its line, printed as it is.
    pub fn reported(line: &str, exit_code: u8) -> Failure {
        Failure {
            exit_code,
            ..Failure::new(line.trim_end())
        }
    }

    /// A failure that was printed as it happened, or needs no words: an exit code alone.
    pub fn told(exit_code: u8) -> Failure {
        Failure {
            exit_code,
            told: true,
            ..Failure::new("")
        }
    }

    /// Whether there is nothing more to print.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// The exit code that goes with it.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some(remedy) = &self.remedy {
            write!(f, "; {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// A text on one line, without control characters: paths and labels may hold anything.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped: Box<dyn Iterator<Item = char>> = if c.is_control() {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            };
            escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        let failure = Failure::of(Path::new("a\nb"), "is odd").remedy("rename it");
        assert_eq!(failure.to_string(), "a\\nb: is odd; rename it");
        assert_eq!(failure.exit_code(), EXIT_FAILED);
    }
}
