//! POSIX ACLs as text (acl(5)) and in the kernel's form (`system.posix_acl_*`).

/// Version of the kernel's form, and the number that stands for no qualifier.
const VERSION: u32 = 2;
const NOBODY: u32 = u32::MAX;

const USER_OBJ: u16 = 1;
const USER: u16 = 2;
const GROUP_OBJ: u16 = 4;
const GROUP: u16 = 8;
const MASK: u16 = 16;
const OTHER: u16 = 32;

/// The kernel's form of an ACL given as text: entries between commas or newlines, each
/// `TYPE:QUALIFIER:PERMISSIONS`, with star's and libarchive's number as a fourth part where the qualifier
/// is a name. `lookup` finds the number of a user (true) or group by name.
///
/// # Errors
/// What is wrong, with the entry.
pub fn from_text(
    text: &[u8],
    lookup: &dyn Fn(bool, &[u8]) -> Option<u32>,
) -> Result<Vec<u8>, String> {
    let mut entries = Vec::new();
    for line in text.split(|&b| matches!(b, b',' | b'\n')) {
        let line = line
            .split(|&b| b == b'#')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        if !line.is_empty() {
            let entry = parse(line, lookup).map_err(|what| {
                format!("{what} in the ACL entry {}", String::from_utf8_lossy(line))
            })?;
            entries.push(entry);
        }
    }
    // The kernel wants them in this order.
    entries.sort_by_key(|&(tag, _, id)| (tag, id));
    let mut value = VERSION.to_le_bytes().to_vec();
    for (tag, perm, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(perm.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    Ok(value)
}

fn parse(
    line: &[u8],
    lookup: &dyn Fn(bool, &[u8]) -> Option<u32>,
) -> Result<(u16, u16, u32), &'static str> {
    let parts: Vec<&[u8]> = line.split(|&b| b == b':').map(<[u8]>::trim_ascii).collect();
    let kind = *parts.first().unwrap_or(&&b""[..]);
    // `mask::rwx` and `other::rwx` may also come with one colon.
    let (name, perm, number) = match (kind, &parts[..]) {
        (b"mask" | b"m" | b"other" | b"o", [_, perm]) => (&b""[..], *perm, None),
        (_, [_, name, perm]) => (*name, *perm, None),
        (_, [_, name, perm, number]) => (*name, *perm, Some(*number)),
        _ => return Err("three parts expected"),
    };
    let is_user = matches!(kind, b"user" | b"u");
    let tag = match (kind, name.is_empty() && number.is_none()) {
        (b"user" | b"u", true) => USER_OBJ,
        (b"user" | b"u", false) => USER,
        (b"group" | b"g", true) => GROUP_OBJ,
        (b"group" | b"g", false) => GROUP,
        (b"mask" | b"m", _) => MASK,
        (b"other" | b"o", _) => OTHER,
        _ => return Err("an unknown type"),
    };
    let id = if matches!(tag, USER | GROUP) {
        let digits = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        number
            .and_then(digits)
            .or_else(|| digits(name))
            .or_else(|| lookup(is_user, name))
            .ok_or("an unknown user or group")?
    } else {
        NOBODY
    };
    let mut bits = 0;
    for letter in perm {
        bits |= match letter {
            b'r' => 4,
            b'w' => 2,
            b'x' => 1,
            b'-' => 0,
            _ => return Err("unknown permissions"),
        };
    }
    Ok((tag, bits, id))
}

/// Whether an ACL as text may name users or groups, and not only number them.
pub fn names_someone(text: &[u8]) -> bool {
    text.split(|&b| matches!(b, b',' | b'\n')).any(|line| {
        let name = line.split(|&b| b == b':').nth(1).unwrap_or_default();
        name.iter().any(u8::is_ascii_alphabetic)
    })
}

/// The text of an ACL in the kernel's form, with numbers for names; `None` when it is none.
pub fn to_text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk()?;
    if u32::from_le_bytes(*version) != VERSION || entries.len() % 8 != 0 {
        return None;
    }
    let mut lines = Vec::new();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let perm = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let (kind, name) = match tag {
            USER_OBJ => ("user", String::new()),
            USER => ("user", id.to_string()),
            GROUP_OBJ => ("group", String::new()),
            GROUP => ("group", id.to_string()),
            MASK => ("mask", String::new()),
            OTHER => ("other", String::new()),
            _ => return None,
        };
        let bit = |bit, letter| if perm & bit != 0 { letter } else { '-' };
        let perm: String = [bit(4, 'r'), bit(2, 'w'), bit(1, 'x')].iter().collect();
        lines.push(format!("{kind}:{name}:{perm}"));
    }
    Some(lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_round() {
        let nobody = |_: bool, _: &[u8]| None;
        let text = "user::rwx,user:1000:r-x,group::r--,group:7:-w-,mask::rwx,other::---";
        let value = from_text(text.as_bytes(), &nobody).unwrap();
        assert_eq!(to_text(&value).unwrap(), text);
        let libarchive =
            "user::rwx,group::r--,mask::rwx,other::---,user:me:r-x:1000,group:us:-w-:7";
        assert_eq!(from_text(libarchive.as_bytes(), &nobody).unwrap(), value);
    }

    #[test]
    fn names_are_looked_up() {
        let lookup = |user: bool, name: &[u8]| (user && name == b"me").then_some(5);
        let value = from_text(b"u::rwx\nu:me:r--\ng::---\nm::r--\no:---\n", &lookup).unwrap();
        assert_eq!(
            to_text(&value).unwrap(),
            "user::rwx,user:5:r--,group::---,mask::r--,other::---"
        );
        for bad in [
            "user:you:r--",
            "group:me:r--",
            "xuser::r",
            "user::rwz",
            "user",
        ] {
            assert!(from_text(bad.as_bytes(), &lookup).is_err(), "{bad}");
        }
    }
}
