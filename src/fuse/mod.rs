//! The engine as a FUSE file system: requests in, replies out.
//!
//! [`Face`] answers the kernel through `fuser`; [`translate`] turns numbers and structures of one
//! side into those of the other; [`rules`] has what a server must decide itself, in the engine's
//! types; [`ids`] says whose files are whose; [`Counters`] counts requests and [`Losses`] remembers
//! writes that failed after the program that made them had been told that all was well. [`SideDoor`]
//! changes the volume without a request.

mod acl;
mod caller;
mod checks;
mod counters;
mod face;
mod folding;
pub mod ids;
pub(crate) mod ioctl;
mod losses;
mod makers;
mod negotiate;
mod owners;
pub mod processes;
mod requests;
pub mod rules;
mod side_door;
pub mod translate;
mod xattrs;

pub use counters::{Counters, Kind};
pub use face::{Face, Policy};
pub use losses::Losses;
pub use owners::{Checks, Owners};
pub use side_door::SideDoor;
