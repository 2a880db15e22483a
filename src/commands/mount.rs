//! `liveroot mount`

use crate::cli;
use crate::failure::Result;
use crate::session::daemon;
use crate::session::options::Settings;

/// Mounts an image.
pub fn run(args: &cli::Mount) -> Result<()> {
    daemon::mount(Settings::from_cli(args)?)
}
