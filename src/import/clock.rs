//! The time that reproducible images are made at.

use crate::failure::{Failure, Result};
use lwext4::Timestamp;

/// The environment variable that reproducible builds agreed on: seconds since 1970.
/// <https://reproducible-builds.org/specs/source-date-epoch/>
const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The time that everything happens at, and whether no file may be younger: of `SOURCE_DATE_EPOCH`, or,
/// if `wanted` all the same, 1970 for what has no time of its own. `None`: the host's time.
///
/// # Errors
/// The variable holds no number.
pub fn clock(wanted: bool) -> Result<Option<(Timestamp, bool)>> {
    let Some(value) = std::env::var_os(VARIABLE).filter(|value| !value.is_empty()) else {
        let start = Timestamp { secs: 0, nanos: 0 };
        return Ok(wanted.then_some((start, false)));
    };
    match value.to_str().and_then(|text| text.parse().ok()) {
        Some(secs @ 0..) => Ok(Some((Timestamp { secs, nanos: 0 }, true))),
        _ => Err(Failure::usage(format!(
            "{VARIABLE} is not a number of seconds"
        ))),
    }
}
