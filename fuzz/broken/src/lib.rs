//! Broken ext4 images, and what the engine does with them.
//!
//! A *seed* is a whole image with a small tree. A mutation changes fields of its structures and makes
//! the checksums right again, so that the damage is read and not refused. A *run* opens the result,
//! reads all of it, changes it, closes it, and reads it again. The engine may answer with errors; it
//! must not panic, hang, fill memory, or write where it should not.
//!
//! A number names an image: its seed, its damage and what is done with it follow from it.

pub mod bulk;
pub mod change;
pub mod choices;
pub mod device;
pub mod fields;
mod journal;
mod maps;
pub mod mutate;
pub mod run;
mod scenes;
pub mod seal;
pub mod seeds;
pub mod structures;
mod tree;
pub mod walk;

use choices::Choices;
use run::Target;
use std::sync::LazyLock;

/// One run for a coverage-guided fuzzer, which decides everything by `bytes`.
///
/// # Panics
/// When the engine wrote where it should not, or panicked itself.
pub fn fuzz(bytes: &[u8], target: Target) {
    static SEEDS: LazyLock<Vec<seeds::Seed>> = LazyLock::new(|| seeds::all(&mut |_| ()));
    let mut choices = Choices::from_bytes(bytes);
    // Only images that were left in use have a journal to be replayed.
    let seeds: Vec<_> = SEEDS
        .iter()
        .filter(|seed| target != Target::Recover || seed.has_transactions())
        .collect();
    let Some(seed) = choices.pick(&seeds) else {
        return;
    };
    let (image, _) = run::broken(seed, &mut choices);
    if let Err(finding) = run::run(&image, target, &mut choices) {
        panic!("{finding}");
    }
}
