//! Patterns in paths of an image, as the shell would expand them on a mount.

use super::address::Address;
use super::resolve::{self, Follow};
use super::walk;
use crate::failure::{Failure, Result};
use crate::import::names::join;
use globset::{GlobBuilder, GlobMatcher};
use lwext4::{FileType, Volume};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Whether a name is a pattern.
fn is_pattern(name: &[u8]) -> bool {
    name.iter().any(|b| b"*?[".contains(b))
}

/// A pattern for one name: `*`, `?`, `[…]`, `{a,b}`.
///
/// # Errors
/// What is wrong with the pattern.
pub fn matcher(pattern: &[u8], ignore_case: bool) -> Result<GlobMatcher> {
    let text = std::str::from_utf8(pattern).map_err(|_| {
        Failure::usage(format!(
            "{}: a pattern that is not UTF-8",
            pattern.escape_ascii()
        ))
    })?;
    GlobBuilder::new(text)
        .case_insensitive(ignore_case)
        .backslash_escape(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|e| Failure::usage(format!("{text}: {}", e.kind())))
}

/// Whether a name fits a pattern.
pub fn fits(matcher: &GlobMatcher, name: &[u8]) -> bool {
    matcher.is_match(OsStr::from_bytes(name))
}

/// The addresses that one stands for, in order: itself unless its path has a pattern.
///
/// # Errors
/// A pattern fits nothing, or makes no sense.
pub fn expand(volume: &Volume, address: &Address) -> Result<Vec<Address>> {
    // A file that is called like the pattern is meant.
    let exists = || resolve::attr(volume, &address.path, Follow::No).is_ok();
    if !is_pattern(&address.path) || exists() {
        return Ok(vec![address.clone()]);
    }
    let mut paths: Vec<Vec<u8>> = vec![b"/".to_vec()];
    let names: Vec<&[u8]> = address
        .path
        .split(|&b| b == b'/')
        .filter(|n| !n.is_empty())
        .collect();
    for (i, name) in names.iter().enumerate() {
        let last = i + 1 == names.len() && !address.wants_dir();
        let mut next = Vec::new();
        let pattern = if is_pattern(name) {
            Some(matcher(name, false)?)
        } else {
            None
        };
        for path in &paths {
            let Some(pattern) = &pattern else {
                let path = join(path, name);
                if resolve::attr(volume, &path, Follow::No).is_ok() {
                    next.push(path);
                }
                continue;
            };
            let Ok(dir) = resolve::attr(volume, path, Follow::Yes) else {
                continue;
            };
            if dir.file_type != FileType::Directory {
                continue;
            }
            let children = walk::children(volume, dir.ino).map_err(|e| address.failure(e))?;
            for child in children {
                // As in the shell, a leading dot must be written.
                let hidden = child.name.starts_with(b".") && !name.starts_with(b".");
                if hidden || !fits(pattern, &child.name) {
                    continue;
                }
                let path = join(path, &child.name);
                let is_dir = |path: &[u8]| {
                    resolve::attr(volume, path, Follow::Yes)
                        .is_ok_and(|attr| attr.file_type == FileType::Directory)
                };
                if last || is_dir(&path) {
                    next.push(path);
                }
            }
        }
        paths = next;
    }
    if paths.is_empty() {
        return Err(address.failure("no file fits the pattern"));
    }
    Ok(paths
        .into_iter()
        .map(|path| address.with_path(path))
        .collect())
}
