//! The arguments of `liveroot generate`.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `liveroot generate`.
#[derive(Args, Debug)]
pub struct Generate {
    /// Directory for the files.
    pub directory: PathBuf,
}
