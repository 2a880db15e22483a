//! Who is who in a mount, and who checks what they may.

use super::options::Settings;
use crate::failure::{Failure, Result};
use crate::fuse::Owners;
use crate::fuse::ids::{IdMap, Kind, Wanted};

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
/// image's root, no permission needs checking; and none may be checked, because the kernel takes the
/// mounter for an ordinary user.
///
/// # Errors
/// The map leaves the mounter out, or lets others in beside an image's root that the kernel does not
/// know.
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
    if disguised && allow_other {
        return Err(Failure::usage(format!(
            "user {root} cannot be the image's root in a mount that is open to others: \
             nobody would check what those may do"
        ))
        .remedy(if by_root {
            "add -o no_allow_other, or use --map none"
        } else {
            "use --map none, or leave --allow-other out"
        }));
    }
    Ok(Owners {
        map,
        all_are_root: disguised && root == mounter.uid,
    })
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
        assert_eq!((user.map, user.all_are_root), (caller, true));
        assert_eq!(owners(ROOT, &[]), Ok(Owners::default()));
        assert_eq!(owners(ROOT, &["--map", "caller"]), Ok(Owners::default()));
        assert_eq!(owners(USER, &["--map", "none"]), Ok(Owners::default()));
    }

    #[test]
    fn others_get_in_only_where_the_kernel_checks() {
        assert_eq!(owners(USER, &["--allow-other"]), Ok(Owners::default()));
        let refused = owners(USER, &["--allow-other", "--map", "caller"]).unwrap_err();
        assert!(refused.to_string().contains("--map none"), "{refused}");
        assert!(owners(ROOT, &["--map", "0:1000:1"]).is_err());
        let checked = owners(USER, &["--allow-other", "--map", "5:1000:1,g:9:100:1"]).unwrap();
        assert!(!checked.all_are_root);
    }

    #[test]
    fn a_map_must_hold_its_mounter() {
        assert!(
            owners(USER, &["--map", "u:0:1000:1,g:0:100:1"])
                .unwrap()
                .all_are_root
        );
        let refused = owners(USER, &["--map", "0:1000:1"]).unwrap_err();
        assert!(refused.to_string().contains("g:0:100:1"), "{refused}");
    }
}
