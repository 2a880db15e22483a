//! The command line as users meet it: what each mistake is answered with, and how sessions begin and end.

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod commands;
mod images;
mod leaving;
mod machine;
mod sessions;
mod space;
