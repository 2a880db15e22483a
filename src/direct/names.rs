//! The users and groups of an image, from its own `/etc/passwd` and `/etc/group`.

use super::resolve::{self, Follow};
use lwext4::{FileType, Volume};
use std::collections::HashMap;

/// More than this of a file is not looked at.
const MOST: usize = 16 << 20;

/// Names for numbers, and numbers for names.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    user_ids: HashMap<String, (u32, u32)>,
    group_ids: HashMap<String, u32>,
}

/// The lines of a file of the image, as fields; none if it is not there.
fn records(volume: &Volume, path: &[u8]) -> Vec<Vec<String>> {
    let Ok(attr) = resolve::attr(volume, path, Follow::Yes) else {
        return Vec::new();
    };
    if attr.file_type != FileType::Regular {
        return Vec::new();
    }
    let len = usize::try_from(attr.size).unwrap_or(MOST).min(MOST);
    let mut bytes = vec![0; len];
    let Ok(read) = volume.read(attr.ino, 0, &mut bytes) else {
        return Vec::new();
    };
    bytes.truncate(read);
    String::from_utf8_lossy(&bytes)
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect()
}

impl Names {
    /// Reads them; an image without these files has none.
    pub fn of(volume: &Volume) -> Names {
        let mut names = Names::default();
        for fields in records(volume, b"/etc/passwd") {
            if let [name, _, uid, gid, ..] = fields.as_slice()
                && let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse())
                && !name.is_empty()
            {
                names.users.entry(uid).or_insert_with(|| name.clone());
                names.user_ids.entry(name.clone()).or_insert((uid, gid));
            }
        }
        for fields in records(volume, b"/etc/group") {
            if let [name, _, gid, ..] = fields.as_slice()
                && let Ok(gid) = gid.parse()
                && !name.is_empty()
            {
                names.groups.entry(gid).or_insert_with(|| name.clone());
                names.group_ids.entry(name.clone()).or_insert(gid);
            }
        }
        names
    }

    /// The name of a user.
    pub fn user(&self, uid: u32) -> Option<&str> {
        self.users.get(&uid).map(String::as_str)
    }

    /// The name of a group.
    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.get(&gid).map(String::as_str)
    }

    /// A user by name or number; `+1000` is a number in any case. With the user's own group.
    ///
    /// # Errors
    /// There is no such user.
    pub fn user_id(&self, text: &str) -> Result<(u32, Option<u32>), String> {
        if let Some(&(uid, gid)) = self.user_ids.get(text) {
            return Ok((uid, Some(gid)));
        }
        number(text)
            .map(|uid| (uid, None))
            .ok_or_else(|| format!("no user '{text}' in the image's /etc/passwd"))
    }

    /// A group by name or number.
    ///
    /// # Errors
    /// There is no such group.
    pub fn group_id(&self, text: &str) -> Result<u32, String> {
        self.group_ids
            .get(text)
            .copied()
            .or_else(|| number(text))
            .ok_or_else(|| format!("no group '{text}' in the image's /etc/group"))
    }

    /// Reads `USER`, `USER:GROUP`, `USER:` (the user's own group) or `:GROUP`.
    ///
    /// # Errors
    /// There is no such user or group.
    pub fn owner(&self, text: &str) -> Result<(Option<u32>, Option<u32>), String> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let named = if user.is_empty() {
            None
        } else {
            Some(self.user_id(user)?)
        };
        let uid = named.map(|(uid, _)| uid);
        let gid = match (group, named) {
            (None, _) | (Some(""), None) => None,
            (Some(""), Some((_, Some(own)))) => Some(own),
            (Some(""), Some((_, None))) => {
                return Err(format!(
                    "the image's /etc/passwd does not tell the group of '{user}'"
                ));
            }
            (Some(group), _) => Some(self.group_id(group)?),
        };
        Ok((uid, gid))
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // The largest number means "leave it" to the kernel.
    digits.parse().ok().filter(|&id| id != u32::MAX)
}
