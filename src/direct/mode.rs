//! File modes: reading what chmod takes, writing what ls shows.

use lwext4::FileType;

/// A change of permission bits, as chmod(1) takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeChange {
    /// Octal: the bits. `explicit`: five digits or more, which set a directory's setuid and setgid too.
    Octal {
        /// The bits.
        bits: u16,
        /// Whether a directory's setuid and setgid bits are cleared, too.
        explicit: bool,
    },
    /// Clauses, one after the other.
    Symbolic(Vec<Clause>),
}

/// `u+rwX`: one of the clauses between commas, with one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The bits that may change: of the user, the group, others, and the special ones.
    who: u16,
    /// No one was named: the umask holds.
    all: bool,
    op: u8,
    bits: u16,
    /// `X`: execution where it makes sense.
    some_execute: bool,
    /// Copy the permissions of the user, the group or others.
    copy: Option<u8>,
}

impl ModeChange {
    /// Reads a mode.
    ///
    /// # Errors
    /// It makes no sense.
    pub fn parse(text: &str) -> Result<ModeChange, String> {
        let error = || format!("invalid mode: '{text}'");
        if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            let bits = u16::from_str_radix(text, 8).map_err(|_| error())?;
            if bits > 0o7777 {
                return Err(error());
            }
            let explicit = text.len() > 4;
            return Ok(ModeChange::Octal { bits, explicit });
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            let names = part.len() - part.trim_start_matches(['u', 'g', 'o', 'a']).len();
            let (who, mut rest) = part.split_at(names);
            let mask = who.bytes().fold(0, |mask, who| {
                mask | match who {
                    b'u' => 0o4700,
                    b'g' => 0o2070,
                    b'o' => 0o1007,
                    _ => 0o7777,
                }
            });
            if rest.is_empty() {
                return Err(error());
            }
            while let Some(op) = rest.bytes().next().filter(|op| b"+-=".contains(op)) {
                rest = rest.get(1..).unwrap_or_default();
                let end = rest.find(['+', '-', '=']).unwrap_or(rest.len());
                let (perms, next) = rest.split_at(end);
                rest = next;
                let mut clause = Clause {
                    who: if who.is_empty() { 0o7777 } else { mask },
                    all: who.is_empty(),
                    op,
                    bits: 0,
                    some_execute: false,
                    copy: None,
                };
                for perm in perms.bytes() {
                    match perm {
                        b'r' => clause.bits |= 0o444,
                        b'w' => clause.bits |= 0o222,
                        b'x' => clause.bits |= 0o111,
                        b's' => clause.bits |= 0o6000,
                        b't' => clause.bits |= 0o1000,
                        b'X' => clause.some_execute = true,
                        b'u' | b'g' | b'o' if perms.len() == 1 => clause.copy = Some(perm),
                        _ => return Err(error()),
                    }
                }
                clauses.push(clause);
            }
            if !rest.is_empty() {
                return Err(error());
            }
        }
        Ok(ModeChange::Symbolic(clauses))
    }

    /// What `mode` becomes.
    pub fn apply(&self, mode: u16, is_dir: bool, umask: u16) -> u16 {
        match self {
            ModeChange::Octal { bits, explicit } => {
                let kept = if is_dir && !explicit {
                    mode & 0o6000
                } else {
                    0
                };
                bits | kept
            }
            ModeChange::Symbolic(clauses) => clauses
                .iter()
                .fold(mode, |mode, clause| clause.apply(mode, is_dir, umask)),
        }
    }
}

impl Clause {
    fn apply(self, mode: u16, is_dir: bool, umask: u16) -> u16 {
        let mut bits = self.bits;
        if let Some(copy) = self.copy {
            let three = match copy {
                b'u' => mode >> 6 & 7,
                b'g' => mode >> 3 & 7,
                _ => mode & 7,
            };
            bits |= three * 0o111;
        }
        if self.some_execute && (is_dir || mode & 0o111 != 0) {
            bits |= 0o111;
        }
        let mut who = self.who;
        if self.all {
            who &= !umask;
        }
        bits &= who;
        match self.op {
            b'+' => mode | bits,
            b'-' => mode & !bits,
            _ => {
                // A directory keeps setuid and setgid unless they are named.
                let named = self.bits & 0o6000;
                let kept = if is_dir { 0o6000 & !named } else { 0 };
                let cleared = if self.all { 0o7777 } else { self.who };
                mode & !(cleared & !kept) | bits
            }
        }
    }
}

/// The ten letters of ls: `drwxr-xr-x`.
pub fn letters(kind: FileType, perm: u16) -> String {
    let mut text = String::with_capacity(10);
    text.push(type_letter(kind, '-'));
    for (shift, special, set, unset) in [
        (6, 0o4000, 's', 'S'),
        (3, 0o2000, 's', 'S'),
        (0, 0o1000, 't', 'T'),
    ] {
        let three = perm >> shift & 7;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (perm & special != 0, three & 1 != 0) {
            (true, true) => set,
            (true, false) => unset,
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// One letter for a type of file; `regular` for regular ones (ls has `-`, find has `f`).
pub fn type_letter(kind: FileType, regular: char) -> char {
    match kind {
        FileType::Regular => regular,
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
    }
}

/// What a type of file is called in JSON and by `stat`.
pub fn type_name(kind: FileType) -> &'static str {
    match kind {
        FileType::Regular => "regular file",
        FileType::Directory => "directory",
        FileType::Symlink => "symbolic link",
        FileType::CharDevice => "character special file",
        FileType::BlockDevice => "block special file",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str, mode: u16, is_dir: bool) -> u16 {
        ModeChange::parse(text).unwrap().apply(mode, is_dir, 0o022)
    }

    #[test]
    fn modes_change_as_in_chmod() {
        assert_eq!(changed("755", 0o600, false), 0o755);
        assert_eq!(changed("755", 0o6600, true), 0o6755);
        assert_eq!(changed("00755", 0o6600, true), 0o755);
        assert_eq!(changed("u+s,g-w", 0o775, false), 0o4755);
        assert_eq!(changed("+w", 0o444, false), 0o644);
        assert_eq!(changed("a+w", 0o444, false), 0o666);
        assert_eq!(changed("a+X", 0o644, false), 0o644);
        assert_eq!(changed("a+X", 0o644, true), 0o755);
        assert_eq!(changed("go=u", 0o750, false), 0o777);
        assert_eq!(changed("o=", 0o777, false), 0o770);
        assert_eq!(changed("u=rwx,go=", 0o2755, true), 0o2700);
        assert_eq!(changed("u+r-w=x", 0o600, false), 0o100);
        assert_eq!(changed("+t", 0o755, true), 0o1755);
        assert_eq!(changed("=", 0o4755, false), 0);
        for bad in ["", "u", "rwx", "u+z", "99", "77777", "u+r,", "u~r"] {
            assert!(ModeChange::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn letters_show_special_bits() {
        assert_eq!(letters(FileType::Regular, 0o4755), "-rwsr-xr-x");
        assert_eq!(letters(FileType::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(letters(FileType::Regular, 0o6644), "-rwSr-Sr--");
    }
}
