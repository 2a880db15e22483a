//! Unified diffs of text.

use crate::direct::output::escaped;
use similar::TextDiff;
use std::time::Duration;

/// Larger files are not shown as text.
pub const MOST: u64 = 4 << 20;
/// When a diff takes longer, a coarser one will do.
const PATIENCE: Duration = Duration::from_secs(2);

/// A unified diff of two files at `path`; `None` where one is not text.
pub fn unified(old: &[u8], new: &[u8], path: &[u8], context: usize) -> Option<String> {
    let text = |bytes| {
        std::str::from_utf8(bytes)
            .ok()
            .filter(|text: &&str| !text.contains('\0'))
    };
    let (old, new) = (text(old)?, text(new)?);
    let path = escaped(path.strip_prefix(b"/").unwrap_or(path));
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
    let mut unified = diff.unified_diff();
    unified
        .context_radius(context)
        .missing_newline_hint(true)
        .header(&format!("a/{path}"), &format!("b/{path}"));
    Some(unified.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_and_the_rest_is_not() {
        let diff = unified(b"a\nb\nc\n", b"a\nx\nc\n", b"/etc/f", 3).unwrap();
        assert_eq!(
            diff,
            "--- a/etc/f\n+++ b/etc/f\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n"
        );
        assert_eq!(unified(b"a\0", b"b", b"/f", 3), None);
        assert_eq!(unified(b"\xff", b"b", b"/f", 3), None);
    }
}
