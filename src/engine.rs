//! The engine's names, until the engine lands.
pub use crate::fake::*;
pub use lwext4::{
    Attr, DirEntry, Entry, Error, FallocateMode, FileType, Ino, NewFile, RenameMode, SetAttr,
    SetXattrMode, StatFs, Timestamp,
};
