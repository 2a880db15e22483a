//! The host's files and networks, by Landlock (landlock(7)).

use landlock::{
    ABI, Access, AccessFs, AccessNet, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetStatus, Scope,
};
use std::path::Path;

/// The newest rules that are asked for; kernels that know fewer apply those.
const NEWEST: ABI = ABI::V9;

/// Closes all files to this thread and those that it will start, but for reading and writing `allowed`.
/// What is open stays open. TCP, and where the kernel can, signals to and sockets of other processes
/// go too.
///
/// # Errors
/// Why nothing happened, for people.
pub fn close_all_but(allowed: &[&Path]) -> Result<(), String> {
    let everything = AccessFs::from_all(NEWEST);
    let use_file = (AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev) & everything;
    let restricted = Ruleset::default()
        .handle_access(everything)
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(|rules| rules.create())
        .and_then(|rules| {
            let opened = allowed.iter().filter_map(|path| PathFd::new(path).ok());
            rules.add_rules(opened.map(|file| Ok(PathBeneath::new(file, use_file))))
        })
        .and_then(|rules| rules.restrict_self());
    match restricted {
        Ok(status) if status.ruleset == RulesetStatus::NotEnforced => {
            Err("this kernel does not have it, or does not let us".to_owned())
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
