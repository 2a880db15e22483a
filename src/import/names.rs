//! Paths, and those of archives, of which nothing may lead out of the image.

/// The components of a path below the root: what GNU tar makes of member names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clean {
    /// The components between slashes; empty for the root itself.
    pub path: Vec<u8>,
    /// What had to be taken off, if anything.
    pub removed: Option<Removed>,
}

/// What had to be taken off a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Removed {
    /// A leading slash.
    Root,
    /// A part with `..`, up to the last one.
    Up,
}

/// Takes off what would lead out of the image: a leading slash, and everything up to the last `..`.
/// Empty components and `.` go, too.
pub fn clean(path: &[u8]) -> Clean {
    let mut removed = path.starts_with(b"/").then_some(Removed::Root);
    let mut cleaned: Vec<u8> = Vec::with_capacity(path.len());
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                removed = Some(Removed::Up);
                cleaned.clear();
            }
            _ => {
                if !cleaned.is_empty() {
                    cleaned.push(b'/');
                }
                cleaned.extend_from_slice(part);
            }
        }
    }
    Clean {
        path: cleaned,
        removed,
    }
}

/// A clean path's directory and its last component; the root has none.
pub fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|&b| b == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None if path.is_empty() => None,
        None => Some((&[], path)),
    }
}

/// `dir/name`, whatever slashes `dir` ends in.
pub fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = dir.to_vec();
    if !path.ends_with(b"/") && !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// A path for people.
pub fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    crate::failure::printable(if text.is_empty() { "/" } else { &text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        for (path, wanted, removed) in [
            ("a/b", "a/b", None),
            ("./a//b/.", "a/b", None),
            ("./", "", None),
            ("/etc/x", "etc/x", Some(Removed::Root)),
            ("../x", "x", Some(Removed::Up)),
            ("/a/../../b/../c", "c", Some(Removed::Up)),
            ("a/..", "", Some(Removed::Up)),
        ] {
            let clean = clean(path.as_bytes());
            assert_eq!(
                (clean.path.as_slice(), clean.removed),
                (wanted.as_bytes(), removed)
            );
        }
        assert_eq!(split(b"a/b/c"), Some((&b"a/b"[..], &b"c"[..])));
        assert_eq!(split(b""), None);
    }

    #[test]
    fn names_are_joined_to_paths() {
        assert_eq!(join(b"", b"a"), b"a");
        assert_eq!(join(b"a/b", b"c"), b"a/b/c");
        assert_eq!(join(b"/", b"a"), b"/a");
        assert_eq!(join(b"r:/x", b"a"), b"r:/x/a");
    }
}
