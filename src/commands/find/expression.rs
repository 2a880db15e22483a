//! What find looks for: tests, joined by and, or, not, and what is to be done.

use crate::direct::glob::fits;
use crate::direct::mode::ModeChange;
use crate::direct::names::Names;
use crate::direct::resolve::{self, Follow};
use globset::GlobMatcher;
use lwext4::{Attr, FileType, Result, Timestamp, Volume};
use std::cmp::Ordering;

/// An expression.
pub enum Expression {
    Test(Test),
    Act(Action),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// What is to be done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Print its path and this byte.
    Print(u8),
    Delete,
    /// Do not go below it.
    Prune,
}

/// A number to compare with: `+N` more, `-N` less, `N` equal.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    pub order: Ordering,
    pub value: u64,
}

impl Number {
    pub fn fits(self, value: u64) -> bool {
        value.cmp(&self.value) == self.order
    }
}

/// How the bits of a mode are compared.
#[derive(Clone, Copy, Debug)]
pub enum Bits {
    Exactly,
    All,
    Any,
}

pub enum Test {
    Always(bool),
    Name(GlobMatcher),
    Path(GlobMatcher),
    LinkName(GlobMatcher),
    Type(Vec<FileType>),
    /// In units of so many bytes, rounded up.
    Size(Number, u64),
    Empty,
    User(Id),
    Group(Id),
    Perm(Bits, ModeChange),
    Links(Number),
    Inode(Number),
    /// In units of so many seconds.
    Age(Number, i64),
    /// The path, and when that file was changed.
    Newer(Vec<u8>, Timestamp),
}

/// A user or a group.
pub enum Id {
    Number(Number),
    /// A name, and its number once the image is known.
    Name(String, u32),
}

impl Id {
    fn fits(&self, id: u32) -> bool {
        match self {
            Id::Number(number) => number.fits(u64::from(id)),
            Id::Name(_, known) => *known == id,
        }
    }
}

/// The image that is searched.
pub struct Context<'a> {
    pub volume: &'a Volume,
    pub names: Names,
    pub now: Timestamp,
}

/// A file that is tested.
pub struct Candidate<'a> {
    pub name: &'a [u8],
    pub path: &'a [u8],
    pub attr: &'a Attr,
}

impl Expression {
    /// Looks up in the image what the tests need of it.
    ///
    /// # Errors
    /// A user, group or file that is not there.
    pub fn settle(&mut self, context: &Context<'_>) -> std::result::Result<(), String> {
        match self {
            Expression::Not(inner) => inner.settle(context),
            Expression::And(a, b) | Expression::Or(a, b) => {
                a.settle(context)?;
                b.settle(context)
            }
            Expression::Test(Test::User(Id::Name(name, id))) => {
                *id = context.names.user_id(name)?.0;
                Ok(())
            }
            Expression::Test(Test::Group(Id::Name(name, id))) => {
                *id = context.names.group_id(name)?;
                Ok(())
            }
            Expression::Test(Test::Newer(path, time)) => {
                let attr = resolve::attr(context.volume, path, Follow::No)
                    .map_err(|e| format!("-newer {}: {e}", String::from_utf8_lossy(path)))?;
                *time = attr.mtime;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a file fits; adds what is to be done with it.
    pub fn judge(
        &self,
        context: &Context<'_>,
        candidate: &Candidate<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<bool> {
        match self {
            Expression::Test(test) => test.fits(context, candidate),
            Expression::Act(action) => {
                actions.push(*action);
                Ok(true)
            }
            Expression::Not(inner) => Ok(!inner.judge(context, candidate, actions)?),
            Expression::And(a, b) => Ok(
                a.judge(context, candidate, actions)? && b.judge(context, candidate, actions)?
            ),
            Expression::Or(a, b) => Ok(
                a.judge(context, candidate, actions)? || b.judge(context, candidate, actions)?
            ),
        }
    }
}

impl Test {
    fn fits(&self, context: &Context<'_>, candidate: &Candidate<'_>) -> Result<bool> {
        let attr = candidate.attr;
        Ok(match self {
            Test::Always(value) => *value,
            Test::Name(pattern) => fits(pattern, candidate.name),
            Test::Path(pattern) => fits(pattern, candidate.path),
            Test::LinkName(pattern) => {
                attr.file_type == FileType::Symlink
                    && fits(pattern, &context.volume.readlink(attr.ino)?)
            }
            Test::Type(types) => types.contains(&attr.file_type),
            Test::Size(number, unit) => number.fits(attr.size.div_ceil(*unit)),
            Test::Empty => match attr.file_type {
                FileType::Regular => attr.size == 0,
                FileType::Directory => {
                    let mut names = 0;
                    context.volume.read_dir(attr.ino, 0, &mut |entry| {
                        names += u32::from(entry.name != b"." && entry.name != b"..");
                        names == 0
                    })?;
                    names == 0
                }
                _ => false,
            },
            Test::User(id) => id.fits(attr.uid),
            Test::Group(id) => id.fits(attr.gid),
            Test::Perm(bits, mode) => {
                let is_dir = attr.file_type == FileType::Directory;
                let wanted = mode.apply(0, is_dir, 0);
                match bits {
                    Bits::Exactly => attr.perm == wanted,
                    Bits::All => attr.perm & wanted == wanted,
                    Bits::Any => wanted == 0 || attr.perm & wanted != 0,
                }
            }
            Test::Links(number) => number.fits(u64::from(attr.nlink)),
            Test::Inode(number) => number.fits(u64::from(attr.ino.0)),
            Test::Age(number, unit) => {
                let age = context.now.secs.saturating_sub(attr.mtime.secs);
                // A file of the future has no age that could be more than anything.
                number.fits(u64::try_from(age / unit).unwrap_or(0))
            }
            Test::Newer(_, time) => attr.mtime > *time,
        })
    }
}
