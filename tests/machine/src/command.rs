//! Running programs and failing with what they said.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// Runs a program that must succeed; gives its standard output.
///
/// Panics with the command line and all output where it fails: for a test that is the report.
#[track_caller]
pub fn run(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{} failed with {}\n{}",
        line(command),
        output.status,
        said(&output)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program and gives all that came out of it, success or not.
#[track_caller]
pub fn output(command: &mut Command) -> Output {
    match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {}: {error}", line(command)),
    }
}

/// A command with its arguments.
pub fn command<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}

/// Runs a tool, whose words are to be English, and which must succeed; gives its standard output.
#[track_caller]
pub fn tool<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> String {
    run(command(program, args).env("LC_ALL", "C"))
}

/// Runs a piece of shell, with `set -eu`, in which `$1`, `$2`, … are `args`.
#[track_caller]
pub fn shell<S: AsRef<OsStr>>(script: &str, args: impl IntoIterator<Item = S>) -> String {
    let mut command = Command::new("sh");
    command.args(["-euc", script, "sh"]).args(args);
    run(&mut command)
}

/// The end of what a program wrote.
pub fn said(output: &Output) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn line(command: &Command) -> String {
    format!("{command:?}")
}
