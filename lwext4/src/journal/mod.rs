//! The journal: the log on disk, its replay, and the transactions that go into it.

mod append;
mod fast_commit;
pub(crate) mod file;
pub(crate) mod log;
pub(crate) mod overlay;
pub(crate) mod recovery;
mod walk;

#[cfg(test)]
mod tests;
