//! What is done with a broken image: opened, walked, changed, closed, opened again.

use crate::bulk;
use crate::change::change;
use crate::choices::Choices;
use crate::device::Layered;
use crate::mutate::{Damage, mutate};
use crate::seeds::Seed;
use crate::walk::{Place, walk};
use lwext4::{
    BlockDevice, CheckOptions, Durability, FileType, OpenOptions, Result as EngineResult, Stage,
    Volume,
};
use std::ops::Deref;
use std::sync::Arc;

/// Which part of the engine a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Open read-only, and read everything.
    Walk,
    /// Open for writing, and change things.
    Change,
    /// Open for writing, which replays the journal, close, and read everything.
    Recover,
    /// All of them.
    All,
}

/// What was wrong with the engine, in words.
pub type Finding = String;

/// How far a run came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Depth {
    /// The image opened read-only.
    pub read: bool,
    /// The image opened for writing.
    pub written: bool,
    /// It closed without an error.
    pub closed: bool,
}

/// The image and the damage that `choices` make of `seed`.
pub fn broken(seed: &Seed, choices: &mut Choices<'_>) -> (Arc<Vec<u8>>, Damage) {
    broken_in(Vec::new(), seed, choices)
}

/// [`broken`] in the memory of an earlier image.
pub fn broken_in(
    mut room: Vec<u8>,
    seed: &Seed,
    choices: &mut Choices<'_>,
) -> (Arc<Vec<u8>>, Damage) {
    room.clone_from(&seed.image);
    let damage = mutate(&seed.found, &mut room, choices);
    (Arc::new(room), damage)
}

/// Does everything of `target` with an image. Panics and hangs are the caller's to notice.
///
/// # Errors
/// A write that ought not to have been.
pub fn run(
    image: &Arc<Vec<u8>>,
    target: Target,
    choices: &mut Choices<'_>,
) -> Result<Depth, Finding> {
    let mut depth = Depth::default();
    if matches!(target, Target::Walk | Target::All) {
        let device = Arc::new(Layered::new(image.clone(), false));
        depth.read = read_only(&device, choices)?;
    }
    if matches!(target, Target::Change | Target::All) {
        (depth.written, depth.closed) = writable(image, true, choices)?;
    }
    if target == Target::Recover {
        (depth.written, depth.closed) = writable(image, false, choices)?;
    }
    Ok(depth)
}

fn stray(device: &Layered) -> Result<(), Finding> {
    match device.strays() {
        0 => Ok(()),
        count => Err(format!("{count} writes where none may go")),
    }
}

/// Reads everything on a device that may not be written.
fn read_only(device: &Arc<Layered>, choices: &mut Choices<'_>) -> Result<bool, Finding> {
    let norecovery = choices.one_in(8);
    let options = OpenOptions {
        read_only: true,
        norecovery,
        ..OpenOptions::default()
    };
    let opened = match Volume::open(device.clone(), options) {
        Ok(volume) => {
            walk(&volume);
            let _ = volume.close();
            true
        }
        Err(_) => false,
    };
    // The check of a whole image faces the same damage.
    if choices.one_in(3) {
        let options = CheckOptions { norecovery };
        let _ = lwext4::check(device.clone(), &options, &mut |_| ());
    }
    stray(device)?;
    Ok(opened)
}

/// An image open for writing: each change in its own transaction, or all of them in one.
enum Opened {
    Volume(Volume),
    Stage(Box<Stage>),
}

impl Opened {
    fn open(device: Arc<Layered>, options: OpenOptions, staged: bool) -> EngineResult<Opened> {
        Ok(if staged {
            Opened::Stage(Box::new(Stage::open(device, options)?))
        } else {
            Opened::Volume(Volume::open(device, options)?)
        })
    }

    fn close(self) -> EngineResult<()> {
        match self {
            Opened::Volume(volume) => volume.close(),
            Opened::Stage(stage) => stage.commit(),
        }
    }
}

impl Deref for Opened {
    type Target = Volume;

    fn deref(&self) -> &Volume {
        match self {
            Opened::Volume(volume) => volume,
            Opened::Stage(stage) => stage,
        }
    }
}

/// Some directories and a few files of all places.
fn crowded(places: Vec<Place>, choices: &mut Choices<'_>) -> Vec<Place> {
    let (dirs, files): (Vec<Place>, Vec<Place>) = places
        .into_iter()
        .partition(|place| place.file_type == Some(FileType::Directory));
    let mut few: Vec<Place> = (0..6)
        .filter_map(|_| choices.pick(&dirs).cloned())
        .collect();
    few.extend((0..3).filter_map(|_| choices.pick(&files).cloned()));
    few
}

/// Makes the file system smaller: as small as it says that it can be, a bit less than it is, or any size.
fn shrink(device: &Arc<Layered>, options: &OpenOptions, choices: &mut Choices<'_>) {
    let size = device.size();
    let device: Arc<dyn BlockDevice> = device.clone();
    let wanted = match choices.below(4) {
        0 => match lwext4::minimum_size(&device) {
            Ok(size) => size,
            Err(_) => return,
        },
        1 => choices.below(size as usize) as u64,
        2 => choices.number() >> choices.below(64),
        _ => size.saturating_sub(choices.below(1 << 20) as u64),
    };
    let _ = lwext4::shrink(&device, wanted, options);
}

fn writable(
    image: &Arc<Vec<u8>>,
    changes: bool,
    choices: &mut Choices<'_>,
) -> Result<(bool, bool), Finding> {
    let device = Arc::new(Layered::new(image.clone(), true));
    let kinds = [Durability::Power, Durability::Process, Durability::None];
    let options = OpenOptions {
        durability: kinds[choices.below(8).saturating_sub(5)],
        cache_bytes: if choices.one_in(3) { 1 << 10 } else { 16 << 20 },
        discard: changes && choices.one_in(3),
        autogrow: (changes && choices.one_in(6)).then(|| choices.below(64 << 20) as u64),
        ..OpenOptions::default()
    };
    // Before the changes, after them, or not at all.
    let shrinks = if changes { choices.below(12) } else { 2 };
    if shrinks == 0 {
        shrink(&device, &options, choices);
    }
    let staged = changes && choices.one_in(6);
    let Ok(volume) = Opened::open(device.clone(), options.clone(), staged) else {
        stray(&device)?;
        return Ok((false, false));
    };
    let places = walk(&volume);
    if changes {
        let threads = if choices.one_in(4) { 3 } else { 1 };
        let count = 20 + choices.below(120);
        if threads == 1 {
            change(&volume, &places, count, choices);
            if !staged && choices.one_in(4) {
                bulk::fill(&volume, &places, count / 3, choices);
            }
        } else {
            // Few places, so that the threads meet.
            let places = if choices.one_in(3) {
                places
            } else {
                crowded(places, choices)
            };
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    let mut choices = choices.fork();
                    let volume = &*volume;
                    let places = &places;
                    scope.spawn(move || change(volume, places, 4 * count, &mut choices));
                }
            });
        }
    }
    let closed = if choices.one_in(4) {
        drop(volume);
        false
    } else {
        volume.close().is_ok()
    };
    if shrinks == 1 {
        shrink(&device, &options, choices);
    }
    stray(&device)?;
    // Whatever is there now was written by the engine: it must be able to face it.
    device.freeze();
    read_only(&device, choices)?;
    Ok((true, closed))
}
