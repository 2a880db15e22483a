//! Going to the background.

use super::log as messages;
use std::fs::File;
use std::io;

/// What it takes to go to the background, opened while files can be opened.
pub(super) struct Background {
    null: io::Result<File>,
}

impl Background {
    pub(super) fn prepare() -> Background {
        messages::connect();
        Background {
            null: File::options().read(true).write(true).open("/dev/null"),
        }
    }

    /// Lets go of the directory, the terminal and whatever reads this process's output.
    pub(super) fn enter(self) {
        let _ = std::env::set_current_dir("/");
        if let Ok(null) = self.null {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
            let _ = rustix::stdio::dup2_stderr(&null);
        }
        messages::to_background();
    }
}
