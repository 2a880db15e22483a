//! Whose ids are whose: the owners that the image has, and those that its users see.

use crate::failure::{Failure, Result};

/// What the kernel shows for an owner that has no number here (`overflowuid`).
pub const NOBODY: u32 = 65534;

/// The number that means "no id": nobody can have it.
const NO_ID: u32 = u32::MAX;

/// Users and groups are numbered apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A user.
    User,
    /// A group.
    Group,
}

/// How the owners in the image and those on the host belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum IdMap {
    /// They are the same.
    #[default]
    None,
    /// One user of the host is the image's root: what root has in the image looks like this user's,
    /// and what this user makes is root's. All other numbers are the same on both sides; so this is no
    /// bijection, and `chown` to the user's own number is decided by `Makers`.
    Caller {
        /// The user.
        uid: u32,
        /// Its group.
        gid: u32,
    },
    /// What these say, and nothing else.
    Ranges {
        /// For users.
        users: Ranges,
        /// For groups.
        groups: Ranges,
    },
}

impl IdMap {
    /// What is shown for an owner in the image.
    pub fn to_host(&self, kind: Kind, id: u32) -> u32 {
        match (self, kind) {
            (IdMap::None, _) => id,
            (IdMap::Caller { uid, .. }, Kind::User) if id == 0 => *uid,
            (IdMap::Caller { gid, .. }, Kind::Group) if id == 0 => *gid,
            (IdMap::Caller { .. }, _) => id,
            (IdMap::Ranges { users, .. }, Kind::User) => users.to_host(id).unwrap_or(NOBODY),
            (IdMap::Ranges { groups, .. }, Kind::Group) => groups.to_host(id).unwrap_or(NOBODY),
        }
    }

    /// Who a user of the host is in the image; `None` for one that is not in the map.
    pub fn to_image(&self, kind: Kind, id: u32) -> Option<u32> {
        match (self, kind) {
            (IdMap::None, _) => Some(id),
            (IdMap::Caller { uid, .. }, Kind::User) => Some(if id == *uid { 0 } else { id }),
            (IdMap::Caller { gid, .. }, Kind::Group) => Some(if id == *gid { 0 } else { id }),
            (IdMap::Ranges { users, .. }, Kind::User) => users.to_image(id),
            (IdMap::Ranges { groups, .. }, Kind::Group) => groups.to_image(id),
        }
    }

    /// The host's number for an id in an access list of the image. Only explicit maps change those:
    /// a list for root says nothing about the caller.
    pub fn acl_to_host(&self, kind: Kind, id: u32) -> u32 {
        match self {
            IdMap::Ranges { .. } => self.to_host(kind, id),
            IdMap::None | IdMap::Caller { .. } => id,
        }
    }

    /// [`Self::acl_to_host`] backwards.
    pub fn acl_to_image(&self, kind: Kind, id: u32) -> Option<u32> {
        match self {
            IdMap::Ranges { .. } => self.to_image(kind, id),
            IdMap::None | IdMap::Caller { .. } => Some(id),
        }
    }
}

/// A one-to-one map between pieces of the image's numbers and pieces of the host's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    image: u32,
    host: u32,
    count: u32,
}

impl Ranges {
    fn to_host(&self, id: u32) -> Option<u32> {
        self.0
            .iter()
            .find_map(|r| shift(id, r.image, r.host, r.count))
    }

    fn to_image(&self, id: u32) -> Option<u32> {
        self.0
            .iter()
            .find_map(|r| shift(id, r.host, r.image, r.count))
    }

    /// Adds a range that overlaps with none so far.
    fn add(&mut self, range: Range) -> Result<(), &'static str> {
        let overlap = |a: u32, b: u32, other: &Range| {
            u64::from(a) < u64::from(b) + u64::from(other.count)
                && u64::from(b) < u64::from(a) + u64::from(range.count)
        };
        if self.0.iter().any(|r| overlap(range.image, r.image, r)) {
            return Err("an id of the image is named twice");
        }
        if self.0.iter().any(|r| overlap(range.host, r.host, r)) {
            return Err("an id of the host is named twice");
        }
        self.0.push(range);
        Ok(())
    }
}

fn shift(id: u32, from: u32, to: u32, count: u32) -> Option<u32> {
    let offset = id.checked_sub(from).filter(|&offset| offset < count)?;
    to.checked_add(offset)
}

/// What `--map` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `none`: numbers are what they are.
    None,
    /// `caller`: who mounts is the image's root.
    Caller,
    /// `IMAGE:HOST:COUNT,…`
    Ranges {
        /// For users.
        users: Ranges,
        /// For groups.
        groups: Ranges,
    },
}

impl Wanted {
    /// Reads `none`, `caller`, or ranges `IMAGE:HOST:COUNT` between commas. A range is for users and
    /// groups, unless it begins with `u:` or `g:`.
    ///
    /// # Errors
    /// It is none of these, or a number has two counterparts.
    pub fn parse(text: &str) -> Result<Wanted> {
        match text {
            "none" => return Ok(Wanted::None),
            "caller" => return Ok(Wanted::Caller),
            _ => {}
        }
        let bad = |range: &str, why: &str| {
            Failure::usage(format!("bad range '{range}' in the map of ids: {why}"))
                .remedy("write IMAGE:HOST:COUNT, for example 0:1000:1, or caller, or none")
        };
        let (mut users, mut groups) = (Ranges::default(), Ranges::default());
        for piece in text.split(',') {
            let (for_users, for_groups, numbers) = match piece.split_at_checked(2) {
                Some(("u:", rest)) => (true, false, rest),
                Some(("g:", rest)) => (false, true, rest),
                _ => (true, true, piece),
            };
            let range = parse_range(numbers).map_err(|why| bad(piece, why))?;
            for (wanted, ranges) in [(for_users, &mut users), (for_groups, &mut groups)] {
                if wanted {
                    ranges.add(range).map_err(|why| bad(piece, why))?;
                }
            }
        }
        Ok(Wanted::Ranges { users, groups })
    }
}

fn parse_range(text: &str) -> Result<Range, &'static str> {
    let mut numbers = text.split(':').map(|n| n.parse::<u32>().ok());
    let (Some(Some(image)), Some(Some(host)), Some(Some(count)), None) = (
        numbers.next(),
        numbers.next(),
        numbers.next(),
        numbers.next(),
    ) else {
        return Err("not three numbers");
    };
    // The last number that a range may hold is the one before "no id".
    let fits = |start: u32| u64::from(start) + u64::from(count) <= u64::from(NO_ID);
    match (count, fits(image) && fits(host)) {
        (0, _) => Err("it holds nobody"),
        (_, false) => Err("ids end at 4294967294"),
        _ => Ok(Range { image, host, count }),
    }
}

#[cfg(test)]
mod tests {
    use super::Kind::{Group, User};
    use super::*;

    fn ranges(text: &str) -> IdMap {
        match Wanted::parse(text) {
            Ok(Wanted::Ranges { users, groups }) => IdMap::Ranges { users, groups },
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_caller_is_root_and_others_are_themselves() {
        let map = IdMap::Caller {
            uid: 1000,
            gid: 100,
        };
        assert_eq!(map.to_host(User, 0), 1000);
        assert_eq!(map.to_host(Group, 0), 100);
        assert_eq!(map.to_host(User, 33), 33);
        assert_eq!(map.to_image(User, 1000), Some(0));
        assert_eq!(map.to_image(Group, 1000), Some(1000));
        assert_eq!(map.acl_to_host(User, 0), 0);
    }

    #[test]
    fn ranges_map_both_ways_and_leave_the_rest_out() {
        let map = ranges("0:1000:1,1:100000:65535,g:70000:5:2");
        assert_eq!(map.to_host(User, 0), 1000);
        assert_eq!(map.to_host(User, 33), 100_032);
        assert_eq!(map.to_image(User, 100_999), Some(1000));
        assert_eq!(map.to_host(User, 70_000), NOBODY);
        assert_eq!(map.to_host(Group, 70_001), 6);
        assert_eq!(map.to_image(User, 0), None);
        assert_eq!(map.acl_to_image(User, 100_999), Some(1000));
    }

    #[test]
    fn a_map_must_be_one_to_one() {
        assert!(Wanted::parse("0:1000:2,1:5:1").is_err());
        assert!(Wanted::parse("0:1000:2,2:1001:1").is_err());
        assert!(Wanted::parse("u:0:1000:1,g:0:1000:1").is_ok());
        assert!(Wanted::parse("u:0:1000:1,0:1000:1").is_err());
    }

    #[test]
    fn nonsense_is_named() {
        for text in [
            "",
            "0",
            "0:1",
            "0:1:2:3",
            "a:b:c",
            "0:0:0",
            "0:4294967295:1",
            "0:1:4294967295",
        ] {
            let error = Wanted::parse(text).unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
        assert_eq!(Wanted::parse("none"), Ok(Wanted::None));
        assert_eq!(Wanted::parse("caller"), Ok(Wanted::Caller));
        assert!(Wanted::parse("0:0:4294967295").is_ok());
    }
}
