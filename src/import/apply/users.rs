//! Numbers of users and groups, from the image's own `/etc/passwd` and `/etc/group`: ACLs may name them.

use super::Applier;
use lwext4::{Ino, Volume};
use std::collections::HashMap;

/// Bytes of each file that are read at most.
const MOST: u64 = 4 << 20;

/// Numbers by name.
#[derive(Debug, Default)]
pub(super) struct Users {
    users: HashMap<Vec<u8>, u32>,
    groups: HashMap<Vec<u8>, u32>,
}

impl Users {
    fn read(volume: &Volume) -> Users {
        Users {
            users: numbers(&content(volume, b"passwd").unwrap_or_default()),
            groups: numbers(&content(volume, b"group").unwrap_or_default()),
        }
    }
}

impl Applier<'_, '_> {
    /// Reads the image's users again if they may be new.
    pub(super) fn read_users(&mut self) {
        if self.users.is_none() && self.bulk.flush().is_ok() {
            // They may yet come.
            let read = Users::read(self.volume);
            self.users = Some(read).filter(|users| !users.users.is_empty());
        }
    }

    /// The number of a user (true) or group.
    pub(super) fn users(&self, user: bool, name: &[u8]) -> Option<u32> {
        let known = self.users.as_ref().and_then(|users| {
            let table = if user { &users.users } else { &users.groups };
            table.get(name).copied()
        });
        known.or_else(|| host(user, name))
    }
}

/// The number of a user or group of the host, which the image may not know yet: tar asks there, too.
fn host(user: bool, name: &[u8]) -> Option<u32> {
    let path = if user { "/etc/passwd" } else { "/etc/group" };
    numbers(&std::fs::read(path).ok()?).get(name).copied()
}

/// A file in `/etc`, unless it is missing or damaged.
fn content(volume: &Volume, name: &[u8]) -> Option<Vec<u8>> {
    let etc = volume.lookup(Ino::ROOT, b"etc").ok()?.attr.ino;
    let file = volume.lookup(etc, name);
    volume.forget(etc, 1);
    let attr = file.ok()?.attr;
    let mut bytes = vec![0; attr.size.min(MOST) as usize];
    let read = volume.read(attr.ino, 0, &mut bytes);
    volume.forget(attr.ino, 1);
    bytes.truncate(read.ok()?);
    Some(bytes)
}

/// `NAME:…:NUMBER:…` a line, in both files.
fn numbers(text: &[u8]) -> HashMap<Vec<u8>, u32> {
    let lines = text.split(|&b| b == b'\n');
    lines
        .filter_map(|line| {
            let mut fields = line.split(|&b| b == b':');
            let name = fields.next()?;
            let number = std::str::from_utf8(fields.nth(1)?).ok()?.parse().ok()?;
            Some((name.to_vec(), number))
        })
        .collect()
}
