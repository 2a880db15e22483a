//! Damage: fields of structures changed, then the checksums made right.

use crate::choices::Choices;
use crate::fields::{self, Field};
use crate::scenes::Scene;
use crate::seal::seal;
use crate::structures::{Kind, Structure, Structures};
use lwext4::ondisk::mmp::{Mmp, SEQ_CLEAN, SEQ_FSCK, SIZE};

/// What was done to an image, for people.
#[derive(Clone, Debug, Default)]
pub struct Damage(pub Vec<String>);

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in &self.0 {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// Damages `image`, a copy of the seed that `found` describes.
pub fn mutate(found: &Structures, image: &mut [u8], choices: &mut Choices<'_>) -> Damage {
    let mut damage = Damage::default();
    if choices.one_in(12) {
        for _ in 0..1 + choices.below(16) {
            flip(found, image, choices, &mut damage);
        }
        release(found, image);
        return damage;
    }
    let count = match choices.below(8) {
        0..=4 => 1 + choices.below(3),
        5 | 6 => 1 + choices.below(8),
        _ => 1 + choices.below(40),
    };
    let mut touched = Vec::new();
    if choices.one_in(3) {
        Scene {
            found,
            image,
            choices,
            touched: &mut touched,
            damage: &mut damage,
        }
        .play();
    }
    let count = if touched.is_empty() || choices.one_in(2) {
        count
    } else {
        0
    };
    for _ in 0..count {
        let class = choices.pick(&found.classes);
        let Some(structure) = class
            .and_then(|class| choices.pick(class))
            .and_then(|&i| found.all.get(i))
            .copied()
        else {
            break;
        };
        if choices.one_in(15) {
            copy_whole(found, image, structure, choices, &mut damage);
        } else {
            for _ in 0..1 + choices.below(2) {
                change(found, image, structure, choices, &mut damage);
            }
        }
        touched.push(structure);
    }
    if choices.one_in(30) {
        damage.0.push("checksums left wrong".into());
    } else {
        seal(found, image, &touched);
    }
    release(found, image);
    damage
}

/// Has the image be nobody's. One that seems to be in use elsewhere is waited for, for minutes if it
/// says so, as it should be: no run waits.
fn release(found: &Structures, image: &mut [u8]) {
    let Some(&block) = found.find(Kind::Mmp) else {
        return;
    };
    let bytes = image.get_mut(block.at..block.at + block.len);
    if let Some(mut mmp) = bytes.as_deref().and_then(Mmp::from_bytes)
        && !matches!(mmp.seq(), SEQ_CLEAN | SEQ_FSCK)
        && let Some(bytes) = bytes
    {
        let sound = mmp.verify(Some(found.seed)).is_ok();
        mmp.set_seq(SEQ_CLEAN);
        if sound {
            mmp.seal(Some(found.seed));
        }
        bytes[..SIZE].copy_from_slice(mmp.as_bytes());
    }
}

/// Changes one field of one structure: damage that may be none.
pub fn mutate_one(found: &Structures, image: &mut [u8], choices: &mut Choices<'_>) -> Damage {
    let mut damage = Damage::default();
    let class = choices.pick(&found.classes);
    let structure = class.and_then(|class| choices.pick(class));
    if let Some(&structure) = structure.and_then(|&i| found.all.get(i)) {
        change(found, image, structure, choices, &mut damage);
        seal(found, image, &[structure]);
        release(found, image);
    }
    damage
}

/// A field of a structure, and a value for it: damage that a test describes.
pub type Edit = (Kind, Field, u64);

/// Sets fields and makes the checksums right: an image broken in the way that `edits` say.
///
/// # Panics
/// When the image has no such structure.
pub fn edit(found: &Structures, image: &mut [u8], edits: &[Edit]) {
    let mut touched = Vec::new();
    for &(kind, field, value) in edits {
        let Some(&structure) = found.find(kind) else {
            panic!("the image has no {kind:?}");
        };
        let bytes = &mut image[structure.at..structure.at + structure.len];
        fields::put(bytes, field, kind.is_journal(), value);
        touched.push(structure);
    }
    seal(found, image, &touched);
}

/// Flips a bit of any structure.
fn flip(found: &Structures, image: &mut [u8], choices: &mut Choices<'_>, damage: &mut Damage) {
    let Some(structure) = choices.pick(&found.all) else {
        return;
    };
    let at = structure.at + choices.below(structure.len);
    let bit = choices.below(8);
    if let Some(byte) = image.get_mut(at) {
        *byte ^= 1 << bit;
        damage.0.push(format!(
            "{:?}: bit {bit} of byte {:#x} flipped",
            structure.kind,
            at - structure.at
        ));
    }
}

/// Puts another structure of the same kind in the place of this one.
fn copy_whole(
    found: &Structures,
    image: &mut [u8],
    structure: Structure,
    choices: &mut Choices<'_>,
    damage: &mut Damage,
) {
    let class = structure.kind.class();
    let alike: Vec<&Structure> = found
        .all
        .iter()
        .filter(|s| s.kind.class() == class && s.len == structure.len)
        .collect();
    let Some(other) = choices.pick(&alike) else {
        return;
    };
    image.copy_within(other.at..other.at + other.len, structure.at);
    damage
        .0
        .push(format!("{:?}: a copy of {:?}", structure.kind, other.kind));
}

/// Changes one field.
fn change(
    found: &Structures,
    image: &mut [u8],
    structure: Structure,
    choices: &mut Choices<'_>,
    damage: &mut Damage,
) {
    let Some(bytes) = image.get(structure.at..structure.at + structure.len) else {
        return;
    };
    let field = fields::pick(structure.kind, bytes, choices);
    let Field { at, len } = field;
    if at + len > structure.len {
        return;
    }
    let old = fields::get(bytes, field, structure.kind.is_journal());
    let new = match value(found, image, structure, field, old, choices) {
        Some(new) => new,
        None => return,
    };
    let bytes = &mut image[structure.at..structure.at + structure.len];
    fields::put(bytes, field, structure.kind.is_journal(), new);
    damage.0.push(format!(
        "{:?}: {len} bytes at {at:#x}: {old:#x} -> {new:#x}",
        structure.kind
    ));
}

/// A new value for a field.
fn value(
    found: &Structures,
    image: &[u8],
    structure: Structure,
    field: Field,
    old: u64,
    choices: &mut Choices<'_>,
) -> Option<u64> {
    let bits = field.len * 8;
    Some(match choices.below(14) {
        0 | 1 => old ^ 1 << choices.below(bits),
        2 => 0,
        3 => u64::MAX,
        4 => old.wrapping_add(1 + choices.below(4) as u64),
        5 => old.wrapping_sub(1 + choices.below(4) as u64),
        6 => choices.pick(&found.all)?.home,
        7 => choices.below(found.blocks as usize + 2) as u64,
        8 | 9 => u64::from(*choices.pick(&found.used_inodes)?),
        10 => match structure.kind {
            // What leads back to its owner or to the root makes circles.
            Kind::Leaf(ino) | Kind::Index(ino) | Kind::Inode(ino) if choices.one_in(2) => {
                u64::from(ino)
            }
            _ => 2,
        },
        11 => choices.number(),
        12 => (1u64 << choices.below(bits)).wrapping_sub(choices.below(2) as u64),
        _ => {
            let class = structure.kind.class();
            let alike: Vec<&Structure> = found
                .all
                .iter()
                .filter(|s| s.kind.class() == class && s.len == structure.len)
                .collect();
            let other = choices.pick(&alike)?;
            let bytes = image.get(other.at..other.at + other.len)?;
            fields::get(bytes, field, structure.kind.is_journal())
        }
    })
}
