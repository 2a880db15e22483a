//! Whole trees into an image: a source says what is to be there, the applier puts it there.
//!
//! - a [`Source`](entry::Source) is a stream of changes with data: [`tar`];
//! - [`input`] reads an archive ahead and decompresses it ([`codec`]) in a thread of its own;
//! - [`apply`] makes files of it through the engine's bulk operations, whose threads write the data.

pub mod acl;
pub mod apply;
pub mod clock;
pub mod codec;
pub mod entry;
pub mod input;
mod measure;
mod names;
mod open;
mod pool;
pub mod progress;
mod run;
pub mod tar;
mod unsynced;

pub use measure::{Needs, fit, measure};
pub use open::{Opened, Spool};
pub use run::{Job, fill};
pub use unsynced::Unsynced;
