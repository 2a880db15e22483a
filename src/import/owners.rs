//! Who owns what: everything one user's, ids mapped to others, or what a manifest says.

use super::entry::{Change, Data, Entry, Kind, Source};
use super::manifest::Manifest;
use super::names::shown;
use crate::failure::{Failure, Result};
use std::path::PathBuf;

/// A range of ids and where it goes: `FROM:TO:COUNT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    from: u32,
    to: u32,
    count: u32,
}

impl IdRange {
    /// From `FROM:TO:COUNT`.
    ///
    /// # Errors
    /// Something else, or ids beyond 32 bits.
    pub fn parse(text: &str) -> Result<IdRange, String> {
        let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[from, to, count])
                if from.checked_add(count).is_some() && to.checked_add(count).is_some() =>
            {
                Ok(IdRange { from, to, count })
            }
            _ => Err("not of the form FROM:TO:COUNT, like 100000:0:65536".into()),
        }
    }

    fn map(self, id: u32) -> Option<u32> {
        let offset = id.checked_sub(self.from)?;
        (offset < self.count).then(|| self.to + offset)
    }
}

/// What happens to owners.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// Everything belongs to this user and group.
    pub owner: Option<(u32, u32)>,
    /// Users and groups in these ranges become others. Without any, all stay.
    pub map: Vec<IdRange>,
}

impl Owners {
    /// Whether owners stay as they are.
    pub fn is_nothing(&self) -> bool {
        self.owner.is_none() && self.map.is_empty()
    }

    fn map(&self, id: u32) -> Option<u32> {
        if self.map.is_empty() {
            return Some(id);
        }
        self.map.iter().find_map(|range| range.map(id))
    }

    fn apply(&self, entry: &mut Entry) -> Result<(), String> {
        let attrs = &mut entry.attrs;
        if let Some((uid, gid)) = self.owner {
            (attrs.uid, attrs.gid) = (uid, gid);
            return Ok(());
        }
        let no =
            |what: &str, id: u32| format!("{}: {what} {id} is in no --map", shown(&entry.path));
        let uid = self.map(attrs.uid).ok_or_else(|| no("user", attrs.uid))?;
        let gid = self.map(attrs.gid).ok_or_else(|| no("group", attrs.gid))?;
        (attrs.uid, attrs.gid) = (uid, gid);
        Ok(())
    }
}

/// A source with other owners.
pub struct Owned {
    /// What to call it in messages.
    pub name: PathBuf,
    /// The source itself.
    pub inner: Box<dyn Source>,
    /// What happens to owners.
    pub owners: Owners,
    /// What single files are to be, which goes before.
    pub manifest: Option<Manifest>,
}

impl Source for Owned {
    fn next(&mut self) -> Result<Option<Change>> {
        let Some(change) = self.inner.next()? else {
            return Ok(self
                .manifest
                .as_mut()
                .and_then(Manifest::next_new)
                .map(Change::Put));
        };
        let Change::Put(mut entry) = change else {
            return Ok(Some(change));
        };
        let listed = self.manifest.as_mut().is_some_and(|m| m.apply(&mut entry));
        if !listed && !matches!(entry.kind, Kind::HardLink(_)) {
            let applied = self.owners.apply(&mut entry);
            applied.map_err(|what| Failure::of(&self.name, what))?;
        }
        Ok(Some(Change::Put(entry)))
    }

    fn data(&mut self) -> Result<Option<Data>> {
        self.inner.data()
    }

    fn position(&self) -> u64 {
        self.inner.position()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_mapped_by_range() {
        let owners = Owners {
            owner: None,
            map: vec![
                IdRange::parse("1000:0:1").unwrap(),
                IdRange::parse("100000:1:65536").unwrap(),
            ],
        };
        assert_eq!(owners.map(1000), Some(0));
        assert_eq!(owners.map(100_999), Some(1000));
        assert_eq!(owners.map(1001), None);
        assert!(IdRange::parse("1:2").is_err());
        assert!(IdRange::parse("4294967295:0:2").is_err());
    }
}
