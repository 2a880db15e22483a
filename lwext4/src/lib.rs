//! lwext4: a journaling ext4 engine in safe Rust, for programs that edit images without the kernel.
#![forbid(unsafe_code)]

mod acl;
mod alloc;
pub mod attr;
pub mod bulk;
mod cache;
pub mod check;
mod damage;
pub mod device;
mod dir;
pub mod error;
mod file;
pub mod format;
mod fs;
mod inline;
mod inode;
mod journal;
mod layout;
mod map;
mod mmp;
pub mod ondisk;
mod open;
mod ops;
mod options;
mod orphan;
mod quota;
mod stage;
mod truncate;
pub mod types;
mod volume;
mod xattr;

pub use attr::*;
pub use bulk::{Bulk, BulkOptions, Content, Node, ParentTimes};
pub use check::{CheckOptions, Problem, ProblemKind, Summary, check};
pub use device::{BlockDevice, FileDevice, MemDevice};
pub use error::{Corrupt, Error, Result};
pub use file::WriteMode;
pub use format::{Erase, FeatureEdits, FormatOptions, FormatReport, JournalSize, format};
pub use layout::{FileRun, GroupLayout};
pub use options::{Durability, FsyncMode, OpenOptions};
pub use stage::Stage;
pub use types::*;
pub use volume::Volume;
