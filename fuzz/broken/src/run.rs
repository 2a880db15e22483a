//! What is done with a broken image: opened, walked, changed, closed, opened again.

use crate::bulk;
use crate::change::change;
use crate::choices::Choices;
use crate::device::Layered;
use crate::mutate::{Damage, mutate};
use crate::seeds::Seed;
use crate::walk::{Place, walk};
use lwext4::{
    CheckOptions, Durability, FileType, OpenOptions, Result as EngineResult, Stage, Volume,
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
    let mut image = seed.image.to_vec();
    let damage = mutate(&seed.found, &mut image, choices);
    (Arc::new(image), damage)
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
        depth.read = read_only(image, choices)?;
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

fn read_only(image: &Arc<Vec<u8>>, choices: &mut Choices<'_>) -> Result<bool, Finding> {
    let norecovery = choices.one_in(8);
    let device = Arc::new(Layered::new(image.clone(), false));
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
    stray(&device)?;
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
        ..OpenOptions::default()
    };
    let staged = changes && choices.one_in(6);
    let Ok(volume) = Opened::open(device.clone(), options, staged) else {
        stray(&device)?;
        return Ok((false, false));
    };
    let places = walk(&volume);
    if changes {
        let threads = if choices.one_in(4) { 3 } else { 1 };
        let count = 20 + choices.below(120);
        if threads == 1 {
            change(&volume, &places, count, choices.fork());
            if !staged && choices.one_in(4) {
                bulk::fill(&volume, &places, count / 3, choices.fork());
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
                    let choices = choices.fork();
                    let volume = &*volume;
                    let places = &places;
                    scope.spawn(move || change(volume, places, 4 * count, choices));
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
    stray(&device)?;
    // Whatever is there now was written by the engine: it must be able to face it.
    read_only(&Arc::new(device.snapshot()), choices)?;
    Ok((true, closed))
}
