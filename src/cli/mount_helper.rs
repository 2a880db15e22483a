//! Answering to mount(8), which calls the program by other names and with other arguments.

use super::Cli;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Turns the arguments of `liveroot IMAGE MOUNTPOINT …` into those of `liveroot mount IMAGE
/// MOUNTPOINT …`: `mount(8)` runs the program so for the type `fuse.liveroot`. Likewise
/// `mount.liveroot IMAGE MOUNTPOINT [-sfnv] …`, the form of helpers in /sbin.
pub fn as_subcommand(args: Vec<OsString>) -> Vec<OsString> {
    let called_as = args.first().map(Path::new).and_then(Path::file_name);
    if called_as.is_some_and(|name| name.as_encoded_bytes().starts_with(b"mount.")) {
        return from_mount_helper(args);
    }
    let looks_like_image = |arg: &OsStr| {
        let bytes = arg.as_encoded_bytes();
        !bytes.starts_with(b"-")
            && !known_subcommand(arg)
            && (bytes.contains(&b'/') || Path::new(arg).exists())
    };
    match args.get(1) {
        Some(first) if args.len() >= 3 && looks_like_image(first) => with_mount(args),
        _ => args,
    }
}

fn known_subcommand(arg: &OsStr) -> bool {
    use clap::CommandFactory;
    arg == "help"
        || arg
            .to_str()
            .is_some_and(|name| Cli::command().find_subcommand(name).is_some())
}

fn with_mount(mut args: Vec<OsString>) -> Vec<OsString> {
    args.insert(1, "mount".into());
    args
}

/// Drops the flags that mount(8) hands to every helper and that say nothing here: -s (sloppy), -n (no
/// mtab), -v (verbose), -t TYPE, -N NAMESPACE.
fn from_mount_helper(args: Vec<OsString>) -> Vec<OsString> {
    let mut kept = Vec::with_capacity(args.len() + 1);
    let mut args = args.into_iter();
    kept.extend(args.next());
    kept.push("mount".into());
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("-s" | "-n" | "-v") => {}
            Some("-t" | "-N") => drop(args.next()),
            _ => kept.push(arg),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(args: &[&str]) -> Vec<String> {
        as_subcommand(args.iter().map(OsString::from).collect())
            .into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn mount_may_leave_the_subcommand_out() {
        assert_eq!(
            rewritten(&["liveroot", "/a/b.ext4", "/mnt", "-o", "rw"]),
            ["liveroot", "mount", "/a/b.ext4", "/mnt", "-o", "rw"]
        );
        let untouched = ["liveroot", "create", "x", "--size", "1M"];
        assert_eq!(rewritten(&untouched), untouched);
        let typo = ["liveroot", "moutn", "x", "y"];
        assert_eq!(rewritten(&typo), typo);
    }

    #[test]
    fn helpers_of_mount_get_flags_that_say_nothing() {
        assert_eq!(
            rewritten(&[
                "/sbin/mount.liveroot",
                "/a",
                "/mnt",
                "-n",
                "-t",
                "liveroot",
                "-o",
                "ro"
            ]),
            ["/sbin/mount.liveroot", "mount", "/a", "/mnt", "-o", "ro"]
        );
    }
}
