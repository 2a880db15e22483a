//! POSIX access control lists, from the text of `acl(5)` and not from the engine's code.

pub const USER_OBJ: u16 = 0x01;
pub const USER: u16 = 0x02;
pub const GROUP_OBJ: u16 = 0x04;
pub const GROUP: u16 = 0x08;
pub const MASK: u16 = 0x10;
pub const OTHER: u16 = 0x20;

/// Entries as (tag, permissions, id), in the kernel's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acl(pub Vec<(u16, u16, u32)>);

impl Acl {
    /// The form of `getxattr(2)`.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = 2u32.to_le_bytes().to_vec();
        for &(tag, perm, id) in &self.0 {
            let id = if matches!(tag, USER | GROUP) {
                id
            } else {
                u32::MAX
            };
            bytes.extend(tag.to_le_bytes());
            bytes.extend(perm.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    /// The bytes that ext4 keeps.
    pub fn disk_len(&self) -> usize {
        let each = |&(tag, ..): &(u16, u16, u32)| if matches!(tag, USER | GROUP) { 8 } else { 4 };
        4 + self.0.iter().map(each).sum::<usize>()
    }

    fn perm_of(&self, tag: u16) -> Option<u16> {
        self.0.iter().find(|e| e.0 == tag).map(|e| e.1)
    }

    fn set(&mut self, tag: u16, perm: u16) {
        for entry in self.0.iter_mut().filter(|e| e.0 == tag) {
            entry.1 = perm;
        }
    }

    fn group_class(&self) -> u16 {
        if self.perm_of(MASK).is_some() {
            MASK
        } else {
            GROUP_OBJ
        }
    }

    /// Whether permission bits say as much.
    pub fn is_minimal(&self) -> bool {
        self.0.len() == 3
    }

    /// The nine permission bits that the list shows.
    pub fn mode(&self) -> u16 {
        let bits = |tag| self.perm_of(tag).unwrap_or(0);
        bits(USER_OBJ) << 6 | bits(self.group_class()) << 3 | bits(OTHER)
    }

    /// What `chmod(2)` does to it.
    pub fn chmod(&mut self, mode: u16) {
        self.set(USER_OBJ, mode >> 6 & 7);
        self.set(self.group_class(), mode >> 3 & 7);
        self.set(OTHER, mode & 7);
    }

    /// The access ACL of a new file whose directory has this default ACL.
    pub fn inherited(&self, mode: u16) -> Acl {
        let mut acl = self.clone();
        acl.chmod(self.mode() & mode);
        acl
    }
}

/// A valid list.
pub fn random(rng: &mut fastrand::Rng) -> Acl {
    let mut perm = || rng.u16(0..8);
    let mut entries = vec![
        (USER_OBJ, perm(), 0),
        (GROUP_OBJ, perm(), 0),
        (OTHER, perm(), 0),
    ];
    let named = if rng.u8(0..4) == 0 {
        0
    } else {
        rng.usize(1..12)
    };
    let mut ids: Vec<(u16, u32)> = (0..named)
        .map(|_| (if rng.bool() { USER } else { GROUP }, rng.u32(0..100_000)))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    for (tag, id) in &ids {
        entries.push((*tag, rng.u16(0..8), *id));
    }
    if !ids.is_empty() || rng.u8(0..4) == 0 {
        entries.push((MASK, rng.u16(0..8), 0));
    }
    entries.sort_by_key(|e| (e.0, e.2));
    Acl(entries)
}
