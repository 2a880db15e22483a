//! Reading find's expression.

use super::expression::{Action, Bits, Expression, Id, Number, Test};
use crate::direct::glob::matcher;
use crate::direct::mode::ModeChange;
use crate::failure::{Failure, Result};
use lwext4::{FileType, Timestamp};
use std::cmp::Ordering;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Parentheses and `!` nest no deeper than this.
const DEEPEST: usize = 200;

/// What find was asked.
pub struct Query {
    pub expression: Expression,
    pub min_depth: usize,
    pub max_depth: Option<usize>,
    /// What is in a directory comes before it.
    pub depth_first: bool,
    pub deletes: bool,
}

struct Parser<'a> {
    words: std::iter::Peekable<std::slice::Iter<'a, OsString>>,
    min_depth: usize,
    max_depth: Option<usize>,
    depth_first: bool,
    deletes: bool,
    nested: usize,
}

/// Reads an expression; an empty one fits everything, and one without an action prints.
///
/// # Errors
/// What is wrong with it.
pub fn parse(words: &[OsString]) -> Result<Query> {
    let mut parser = Parser {
        words: words.iter().peekable(),
        min_depth: 0,
        max_depth: None,
        depth_first: false,
        deletes: false,
        nested: 0,
    };
    let mut expression = if words.is_empty() {
        Expression::Test(Test::Always(true))
    } else {
        parser.alternatives()?
    };
    if let Some(word) = parser.words.next() {
        let text = word.to_string_lossy();
        return Err(Failure::usage(format!(
            "find: unexpected '{text}' in the expression"
        )));
    }
    if !expression.acts() {
        expression = and(expression, Expression::Act(Action::Print(b'\n')));
    }
    Ok(Query {
        expression,
        min_depth: parser.min_depth,
        max_depth: parser.max_depth,
        depth_first: parser.depth_first || parser.deletes,
        deletes: parser.deletes,
    })
}

fn and(a: Expression, b: Expression) -> Expression {
    Expression::And(Box::new(a), Box::new(b))
}

impl Parser<'_> {
    fn next_is(&mut self, words: &[&str]) -> bool {
        self.words
            .peek()
            .is_some_and(|next| words.iter().any(|word| next.as_bytes() == word.as_bytes()))
    }

    fn alternatives(&mut self) -> Result<Expression> {
        let mut left = self.sequence()?;
        while self.next_is(&["-o", "-or"]) {
            self.words.next();
            left = Expression::Or(Box::new(left), Box::new(self.sequence()?));
        }
        Ok(left)
    }

    fn sequence(&mut self) -> Result<Expression> {
        let mut left = self.factor()?;
        loop {
            if self.next_is(&["-a", "-and"]) {
                self.words.next();
            } else if self.words.peek().is_none() || self.next_is(&["-o", "-or", ")"]) {
                return Ok(left);
            }
            left = and(left, self.factor()?);
        }
    }

    fn factor(&mut self) -> Result<Expression> {
        self.nested += 1;
        if self.nested > DEEPEST {
            return Err(Failure::usage("find: the expression nests too deep"));
        }
        let parsed = if self.next_is(&["!", "-not"]) {
            self.words.next();
            Expression::Not(Box::new(self.factor()?))
        } else if self.next_is(&["("]) {
            self.words.next();
            let inner = self.alternatives()?;
            if !self.next_is(&[")"]) {
                return Err(Failure::usage("find: a ')' is missing"));
            }
            self.words.next();
            inner
        } else {
            self.primary()?
        };
        self.nested -= 1;
        Ok(parsed)
    }

    fn primary(&mut self) -> Result<Expression> {
        let Some(word) = self.words.next() else {
            return Err(Failure::usage("find: the expression ends too early"));
        };
        let name = word.to_string_lossy().into_owned();
        let test = match name.as_str() {
            "-print" => return Ok(Expression::Act(Action::Print(b'\n'))),
            "-print0" => return Ok(Expression::Act(Action::Print(0))),
            "-prune" => return Ok(Expression::Act(Action::Prune)),
            "-delete" => {
                self.deletes = true;
                return Ok(Expression::Act(Action::Delete));
            }
            "-maxdepth" => {
                self.max_depth = Some(self.whole(&name)?);
                Test::Always(true)
            }
            "-mindepth" => {
                self.min_depth = self.whole(&name)?;
                Test::Always(true)
            }
            "-depth" => {
                self.depth_first = true;
                Test::Always(true)
            }
            // One image is one file system; `find -mount` makes no difference.
            "-xdev" | "-mount" | "-true" => Test::Always(true),
            "-false" => Test::Always(false),
            "-name" | "-iname" => Test::Name(self.pattern(&name, name == "-iname")?),
            "-path" | "-wholename" | "-ipath" | "-iwholename" => {
                Test::Path(self.pattern(&name, name.starts_with("-i"))?)
            }
            "-lname" | "-ilname" => Test::LinkName(self.pattern(&name, name == "-ilname")?),
            "-type" => Test::Type(self.types(&name)?),
            "-size" => self.size(&name)?,
            "-empty" => Test::Empty,
            "-uid" => Test::User(Id::Number(self.number(&name)?)),
            "-gid" => Test::Group(Id::Number(self.number(&name)?)),
            "-user" => Test::User(Id::Name(self.text(&name)?, u32::MAX)),
            "-group" => Test::Group(Id::Name(self.text(&name)?, u32::MAX)),
            "-perm" => self.perm(&name)?,
            "-links" => Test::Links(self.number(&name)?),
            "-inum" => Test::Inode(self.number(&name)?),
            "-mtime" => Test::Age(self.number(&name)?, 86_400),
            "-mmin" => Test::Age(self.number(&name)?, 60),
            "-newer" => Test::Newer(self.argument(&name)?.to_vec(), Timestamp::default()),
            _ => {
                return Err(Failure::usage(format!("find: '{name}' is not known here"))
                    .remedy("see liveroot find --help for what is; a mount takes all of find(1)"));
            }
        };
        Ok(Expression::Test(test))
    }

    fn argument(&mut self, name: &str) -> Result<&[u8]> {
        match self.words.next() {
            Some(word) => Ok(word.as_bytes()),
            None => Err(Failure::usage(format!("find: {name} needs a value"))),
        }
    }

    fn text(&mut self, name: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(self.argument(name)?).into_owned())
    }

    fn pattern(&mut self, name: &str, ignore_case: bool) -> Result<globset::GlobMatcher> {
        matcher(self.argument(name)?, ignore_case)
    }

    fn whole(&mut self, name: &str) -> Result<usize> {
        let text = self.text(name)?;
        text.parse().map_err(|_| bad(name, &text))
    }

    fn number(&mut self, name: &str) -> Result<Number> {
        let text = self.text(name)?;
        number(&text).ok_or_else(|| bad(name, &text))
    }

    fn types(&mut self, name: &str) -> Result<Vec<FileType>> {
        let text = self.text(name)?;
        text.split(',')
            .map(|letter| {
                Some(match letter {
                    "f" => FileType::Regular,
                    "d" => FileType::Directory,
                    "l" => FileType::Symlink,
                    "c" => FileType::CharDevice,
                    "b" => FileType::BlockDevice,
                    "p" => FileType::Fifo,
                    "s" => FileType::Socket,
                    _ => return None,
                })
            })
            .collect::<Option<_>>()
            .ok_or_else(|| bad(name, &text))
    }

    fn size(&mut self, name: &str) -> Result<Test> {
        let text = self.text(name)?;
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = match text.get(digits.len()..) {
            Some("c") => 1,
            Some("w") => 2,
            Some("" | "b") => 512,
            Some("k") => 1 << 10,
            Some("M") => 1 << 20,
            Some("G") => 1 << 30,
            _ => return Err(bad(name, &text)),
        };
        let number = number(digits).ok_or_else(|| bad(name, &text))?;
        Ok(Test::Size(number, unit))
    }

    fn perm(&mut self, name: &str) -> Result<Test> {
        let text = self.text(name)?;
        let (bits, mode) = match text.split_at_checked(1) {
            Some(("-", mode)) => (Bits::All, mode),
            Some(("/", mode)) => (Bits::Any, mode),
            _ => (Bits::Exactly, text.as_str()),
        };
        let mode = ModeChange::parse(mode).map_err(|_| bad(name, &text))?;
        Ok(Test::Perm(bits, mode))
    }
}

fn bad(name: &str, text: &str) -> Failure {
    Failure::usage(format!("find: '{text}' is no value for {name}"))
}

fn number(text: &str) -> Option<Number> {
    let (order, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (Ordering::Greater, digits),
        Some(("-", digits)) => (Ordering::Less, digits),
        _ => (Ordering::Equal, text),
    };
    let value = digits.parse().ok().filter(|_| !digits.starts_with('+'))?;
    Some(Number { order, value })
}
