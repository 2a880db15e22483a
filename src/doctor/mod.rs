//! Which ways of working a machine allows, and what would make it allow more.
//!
//! [`gather`] looks at the machine and tries things out (`probe`); what it finds is [`Facts`];
//! [`verdict`] judges them, with the commands of `remedy`, and does nothing else.

mod facts;
pub mod gather;
mod probe;
mod remedy;
pub mod verdict;

pub use facts::{Access, Docker, Facts, Namespace, Program, Subordinate, User};
pub use remedy::Family;
