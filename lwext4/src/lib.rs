//! lwext4: a journaling ext4 engine in safe Rust, for programs that edit images without the kernel.
#![forbid(unsafe_code)]

pub mod attr;
pub mod device;
pub mod error;
pub mod format;
pub mod ondisk;
pub mod types;

pub use attr::*;
pub use device::{BlockDevice, FileDevice, MemDevice};
pub use error::{Corrupt, Error, Result};
pub use format::{Erase, FeatureEdits, FormatOptions, FormatReport, JournalSize, format};
pub use types::*;
