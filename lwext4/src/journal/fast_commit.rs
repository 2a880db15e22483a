//! Fast commits that a kernel left behind: found, and refused by name.

use super::file::JournalFile;
use crate::error::{Error, Result};
use crate::ondisk::jbd2::{FastCommitTag, FastCommitTags};
use crate::types::TxnId;
use std::ops::Range;

/// Refuses a journal whose fast-commit blocks `area` hold changes on top of the last full commit.
/// `tid` is the first transaction that is not in the log: the one that fast commits stand for.
///
/// # Errors
/// [`Error::Unsupported`] says what replays them.
pub(crate) fn refuse_pending(file: &JournalFile, area: &Range<u32>, tid: TxnId) -> Result<()> {
    if pending(file, area, tid)? {
        return Err(Error::Unsupported(
            "the journal holds fast commits, whose replay is not supported: \
             run `e2fsck -p IMAGE` first, which replays them"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Whether there is a complete fast commit on top of transaction `tid`'s predecessor.
fn pending(file: &JournalFile, area: &Range<u32>, tid: TxnId) -> Result<bool> {
    let mut walk = FastCommitTags::new();
    let mut block = vec![0; file.block_size() as usize];
    let mut started = false;
    for index in area.clone() {
        file.read(index, &mut block)?;
        for tag in walk.block(&block) {
            match (started, tag) {
                // A replay needs the head of the right transaction first.
                (false, Some(FastCommitTag::Head { tid: found, .. })) if found == tid => {
                    started = true;
                }
                (false, _) | (true, None) => return Ok(false),
                (true, Some(FastCommitTag::Tail { tid: found, intact })) => {
                    // The first tail decides: without it, none of the rest counts.
                    return Ok(intact && found == tid);
                }
                (true, Some(_)) => {}
            }
        }
    }
    Ok(false)
}
