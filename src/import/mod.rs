//! Whole trees into an image: a source says what is to be there, the applier puts it there.
//!
//! - a [`Source`](entry::Source) is a stream of changes with data: [`tar`], [`directory`], [`oci`]; [`owners`] changes
//!   whose it is;
//! - [`input`] reads an archive ahead and decompresses it ([`codec`]) in a thread of its own; so does [`ahead`] with a
//!   directory;
//! - [`apply`] makes files of it through the engine's bulk operations, whose threads write the data.

pub mod acl;
pub mod ahead;
pub mod apply;
pub mod clock;
pub mod codec;
pub mod directory;
pub mod entry;
pub mod input;
pub mod manifest;
mod measure;
pub mod names;
pub mod oci;
mod open;
pub mod owners;
mod pool;
pub mod progress;
mod run;
mod spool;
pub mod tar;

pub use measure::{Needs, fit, measure};
pub use open::Opened;
pub use run::{Job, fill};
pub use spool::Spool;
