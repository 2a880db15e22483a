//! The ids inside of access lists, as they travel in extended attributes (`linux/posix_acl_xattr.h`).

use super::ids::{IdMap, Kind};
use lwext4::Error;

const HEADER_LEN: usize = 4;
const ENTRY_LEN: usize = 8;
/// Tags of the entries that name somebody.
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;

/// Whether an attribute is an access list.
pub fn is_acl(name: &[u8]) -> bool {
    matches!(
        name,
        b"system.posix_acl_access" | b"system.posix_acl_default"
    )
}

/// Turns the image's ids in a list into the host's.
pub fn to_host(map: &IdMap, list: &mut [u8]) {
    // Whom the host does not know is shown as nobody: that never fails.
    let _ = each_id(list, |kind, id| Ok(map.acl_to_host(kind, id)));
}

/// Turns the host's ids in a list into the image's.
///
/// # Errors
/// It names somebody who is not in the map.
pub fn to_image(map: &IdMap, list: &mut [u8]) -> Result<(), Error> {
    each_id(list, |kind, id| {
        map.acl_to_image(kind, id)
            .ok_or(Error::InvalidArgument("an id that is not in the map"))
    })
}

fn each_id(list: &mut [u8], change: impl Fn(Kind, u32) -> Result<u32, Error>) -> Result<(), Error> {
    let entries = list.get_mut(HEADER_LEN..).unwrap_or_default();
    for entry in entries.as_chunks_mut::<ENTRY_LEN>().0 {
        let &mut [tag0, tag1, _, _, a, b, c, d] = entry;
        let kind = match u16::from_le_bytes([tag0, tag1]) {
            USER => Kind::User,
            GROUP => Kind::Group,
            _ => continue,
        };
        let id = change(kind, u32::from_le_bytes([a, b, c, d]))?;
        entry[4..].copy_from_slice(&id.to_le_bytes());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::ids::Wanted;
    use super::*;

    fn list(entries: &[(u16, u32)]) -> Vec<u8> {
        let mut list = 2u32.to_le_bytes().to_vec();
        for (tag, id) in entries {
            list.extend(tag.to_le_bytes());
            list.extend(7u16.to_le_bytes());
            list.extend(id.to_le_bytes());
        }
        list
    }

    #[test]
    fn named_entries_are_mapped_and_others_are_left_alone() {
        let Ok(Wanted::Ranges { users, groups }) = Wanted::parse("0:1000:1,u:5:50:1,g:5:60:1")
        else {
            unreachable!()
        };
        let map = IdMap::Ranges { users, groups };
        let image = list(&[(1, u32::MAX), (USER, 5), (GROUP, 5), (0x20, u32::MAX)]);
        let host = list(&[(1, u32::MAX), (USER, 50), (GROUP, 60), (0x20, u32::MAX)]);
        let mut changed = image.clone();
        to_host(&map, &mut changed);
        assert_eq!(changed, host);
        to_image(&map, &mut changed).unwrap();
        assert_eq!(changed, image);
        assert!(to_image(&map, &mut list(&[(USER, 7)])).is_err());
        // Cut short: left as it is.
        let mut short = host[..7].to_vec();
        to_image(&map, &mut short).unwrap();
        assert_eq!(short, host[..7]);
    }
}
