//! Who is who in a mount, and who checks what they may.

use super::options::Settings;
use crate::failure::{Failure, Result};
use crate::fuse::ids::{IdMap, Kind, Wanted};
use crate::fuse::{Checks, Owners};

/// The user who mounts, in numbers of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mounter {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Chooses the map, and whether all are root.
///
/// The kernel lets nobody but the mounter in unless others are allowed. So where the mounter is the
/// image's root, no permission needs checking; and the kernel must not check any, because it takes the
/// mounter for an ordinary user. Where others get in beside such a root, the daemon checks.
///
/// # Errors
/// The map leaves the mounter out.
pub fn is_who(settings: &Settings, mounter: Mounter) -> Result<Owners> {
    let by_root = mounter.uid == 0;
    let allow_other = settings.lets_others_in(by_root);
    let map = match &settings.map {
        None if by_root || allow_other => IdMap::None,
        None | Some(Wanted::Caller) if !by_root => IdMap::Caller {
            uid: mounter.uid,
            gid: mounter.gid,
        },
        // Root is root.
        None | Some(Wanted::Caller | Wanted::None) => IdMap::None,
        Some(Wanted::Ranges { users, groups }) => IdMap::Ranges {
            users: users.clone(),
            groups: groups.clone(),
        },
    };
    if !by_root {
        for (kind, id, name, letter) in [
            (Kind::User, mounter.uid, "user", 'u'),
            (Kind::Group, mounter.gid, "group", 'g'),
        ] {
            if map.to_image(kind, id).is_none() {
                return Err(
                    Failure::usage(format!("the map has nothing for your {name}, {id}"))
                        .remedy(format!("add it, for example {letter}:0:{id}:1")),
                );
            }
        }
    }
    let root = map.to_host(Kind::User, 0);
    let disguised = map != IdMap::None && root != 0 && map.to_image(Kind::User, root) == Some(0);
    let checks = match (disguised, allow_other) {
        (true, true) => Checks::Here,
        (true, false) if root == mounter.uid => Checks::Nobody,
        _ => Checks::Kernel,
    };
    Ok(Owners { map, checks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    const USER: Mounter = Mounter {
        uid: 1000,
        gid: 100,
    };
    const ROOT: Mounter = Mounter { uid: 0, gid: 0 };

    fn owners(mounter: Mounter, args: &[&str]) -> Result<Owners> {
        let line = ["liveroot", "mount", "image", "mnt"];
        match Cli::parse_from(line.iter().chain(args)).command {
            Command::Mount(args) => is_who(&Settings::from_cli(&args).unwrap(), mounter),
            _ => unreachable!(),
        }
    }

    #[test]
    fn a_user_is_the_images_root_and_root_is_itself() {
        let caller = IdMap::Caller {
            uid: 1000,
            gid: 100,
        };
        let user = owners(USER, &[]).unwrap();
        assert_eq!((user.map, user.checks), (caller, Checks::Nobody));
        assert_eq!(owners(ROOT, &[]), Ok(Owners::default()));
        assert_eq!(owners(ROOT, &["--map", "caller"]), Ok(Owners::default()));
        assert_eq!(owners(USER, &["--map", "none"]), Ok(Owners::default()));
    }

    #[test]
    fn where_others_get_in_somebody_checks() {
        let checks = |mounter, args: &[&str]| owners(mounter, args).unwrap().checks;
        assert_eq!(owners(USER, &["--allow-other"]), Ok(Owners::default()));
        let both = ["--allow-other", "--map", "caller"];
        assert_eq!(checks(USER, &both), Checks::Here);
        assert_eq!(checks(ROOT, &["--map", "0:1000:1"]), Checks::Here);
        let unlike = ["--allow-other", "--map", "5:1000:1,g:9:100:1"];
        assert_eq!(checks(USER, &unlike), Checks::Kernel);
    }

    #[test]
    fn a_map_must_hold_its_mounter() {
        let whole = owners(USER, &["--map", "u:0:1000:1,g:0:100:1"]);
        assert_eq!(whole.unwrap().checks, Checks::Nobody);
        let refused = owners(USER, &["--map", "0:1000:1"]).unwrap_err();
        assert!(refused.to_string().contains("g:0:100:1"), "{refused}");
    }
}
