//! Whether everything that was written is in the image.

use crate::failure::{Failure, Result};
use std::io;
use std::path::Path;

/// Puts together how a session ended: the connection to the kernel, what could not be stored, how much
/// damage was met (`damage` times, in an image that is written), and the closing of the image, of
/// which the last says most.
///
/// # Errors
/// Something went wrong; the line says what.
pub fn of(
    image: &Path,
    ended: io::Result<()>,
    lost: Option<String>,
    damage: u32,
    closed: Result<(), String>,
) -> Result<()> {
    let mut troubles = Vec::new();
    if let Err(error) = closed {
        troubles.push(format!("closing the image: {error}"));
    }
    troubles.extend(lost);
    if damage > 0 {
        let times = if damage == 1 {
            "once"
        } else {
            "more than once"
        };
        troubles.push(format!(
            "the image is damaged (met {times}, and recorded in it): repair it with e2fsck -f"
        ));
    }
    if let Err(error) = ended {
        troubles.push(format!("serving requests: {error}"));
    }
    if troubles.is_empty() {
        return Ok(());
    }
    Err(Failure::of(image, troubles.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_trouble_is_success() {
        assert_eq!(of(Path::new("a"), Ok(()), None, 0, Ok(())), Ok(()));
    }

    #[test]
    fn every_trouble_is_told() {
        let verdict = of(
            Path::new("a.ext4"),
            Err(io::Error::other("cut off")),
            Some("1 file misses 5 bytes".to_owned()),
            1,
            Err("no space left".to_owned()),
        );
        assert_eq!(
            verdict.unwrap_err().to_string(),
            "a.ext4: closing the image: no space left; 1 file misses 5 bytes; the image is damaged \
             (met once, and recorded in it): repair it with e2fsck -f; serving requests: cut off"
        );
    }
}
