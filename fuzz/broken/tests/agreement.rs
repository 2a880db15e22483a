//! `check` and `e2fsck -fn` are asked about the same broken images, of every feature set.
//!
//! `AGREEMENT_IMAGES` sets how many, `AGREEMENT_FIRST` the first one's number, and `AGREEMENT_SEED` has
//! only seeds whose name has it in it. Each difference is printed, with the damage.

use lwext4::ondisk::inode::InodeFlags;
use lwext4::{CheckOptions, MemDevice};
use lwext4_broken::choices::Choices;
use lwext4_broken::fields::field;
use lwext4_broken::mutate::{Damage, Edit, edit, mutate, mutate_one};
use lwext4_broken::seeds::{self, Ending, Seed};
use lwext4_broken::structures::Kind;
use machine::e2fsprogs::{self, E2FSCK, MKE2FS};
use machine::requirements::{can_do, can_run};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Images of this test, unless it is told otherwise.
const IMAGES: u64 = 250;
/// Lines of each of the two that a difference is shown with.
const LINES: usize = 4;

/// What one of the two says.
struct Verdict {
    clean: bool,
    lines: Vec<String>,
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn number(name: &str, default: u64) -> u64 {
    setting(name).map_or(default, |text| text.parse().expect("a number"))
}

fn e2fsck(image: &Path) -> Verdict {
    let said = e2fsprogs::e2fsck(image);
    let lines = said.text.lines();
    let lines = lines.filter(|line| !line.starts_with("Pass ") && !line.is_empty());
    Verdict {
        clean: said.clean,
        lines: lines.take(LINES).map(str::to_owned).collect(),
    }
}

fn check(image: &[u8]) -> Verdict {
    let device = Arc::new(MemDevice::from_bytes(image));
    let mut lines = Vec::new();
    let done = lwext4::check(device, &CheckOptions::default(), &mut |problem| {
        if problem.serious {
            lines.push(format!("{:?}: {problem}", problem.kind));
        }
    });
    if let Err(error) = done {
        lines.push(error.to_string());
    }
    Verdict {
        clean: lines.is_empty(),
        lines: lines.into_iter().take(LINES).collect(),
    }
}

/// An image of `seed`: half of them with one field changed, half with more.
fn damaged(seed: &Seed, number: u64) -> (Vec<u8>, Damage) {
    let mut choices = Choices::seeded(number ^ 0xA9EE);
    let mut image = seed.image.to_vec();
    let damage = if choices.one_in(2) {
        mutate_one(&seed.found, &mut image, &mut choices)
    } else {
        mutate(&seed.found, &mut image, &mut choices)
    };
    (image, damage)
}

/// How often they agreed about images of one seed.
#[derive(Default)]
struct Count {
    images: u64,
    broken: u64,
    missed: u64,
    invented: u64,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.images += other.images;
        self.broken += other.broken;
        self.missed += other.missed;
        self.invented += other.invented;
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let same = self.images - self.missed - self.invented;
        write!(
            f,
            "{} images, {} broken to e2fsck, {same} verdicts agree ({:.1} %), {} missed, {} only check complains about",
            self.images,
            self.broken,
            100.0 * same as f64 / self.images.max(1) as f64,
            self.missed,
            self.invented,
        )
    }
}

/// The seeds, each of which both must find clean.
fn sound_seeds(file: &Path) -> Vec<Seed> {
    // Without mke2fs there are fewer.
    let mut seeds = seeds::all(&mut |_| ());
    let only = setting("AGREEMENT_SEED").unwrap_or_default();
    seeds.retain(|seed| seed.name.contains(&only) && !seed.name.ends_with("Crashed"));
    for seed in &seeds {
        std::fs::write(file, &**seed.image).expect("written");
        let judge = e2fsck(file);
        let ours = check(&seed.image);
        assert!(judge.clean, "{}: e2fsck: {:#?}", seed.name, judge.lines);
        assert!(ours.clean, "{}: check: {:#?}", seed.name, ours.lines);
    }
    seeds
}

#[test]
fn check_and_e2fsck_agree_about_broken_images() {
    let name = "check_and_e2fsck_agree_about_broken_images";
    if !can_run(name, &[E2FSCK]) {
        return;
    }
    can_do(name, "seeds that mke2fs makes", &[MKE2FS]);
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("image");
    let seeds = sound_seeds(&file);
    let first = number("AGREEMENT_FIRST", 0);
    let count = number("AGREEMENT_IMAGES", IMAGES);
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for number in first..first + count {
        let seed = &seeds[number as usize % seeds.len()];
        let (image, damage) = damaged(seed, number);
        std::fs::write(&file, &image).expect("written");
        let (judge, ours) = (e2fsck(&file), check(&image));
        let of_seed = counts.entry(&seed.name).or_default();
        of_seed.add(&Count {
            images: 1,
            broken: u64::from(!judge.clean),
            missed: u64::from(!judge.clean && ours.clean),
            invented: u64::from(judge.clean && !ours.clean),
        });
        if judge.clean != ours.clean {
            let (name, damage) = (&seed.name, damage.to_string());
            println!(
                "image {number}, {name}:\n{damage}  e2fsck: {:?}",
                judge.lines
            );
            println!("  check: {:?}", ours.lines);
        }
    }
    let mut all = Count::default();
    for (name, count) in &counts {
        println!("{name}: {count}");
        all.add(count);
    }
    println!("{all}");
    let agree = all.images - all.missed - all.invented;
    assert!(agree * 100 >= all.images * 95, "{all}");
}

/// Damage that e2fsck finds and `check` once did not.
#[test]
fn check_finds_what_it_once_missed() {
    let judge = can_do(
        "check_finds_what_it_once_missed",
        "e2fsck's verdict",
        &[E2FSCK],
    );
    let seed = seeds::named("no-sums", Ending::Clean).expect("a seed");
    let &[.., one, two] = &*seed.found.used_inodes else {
        panic!("no inodes");
    };
    let dtime = field(0x14, 4);
    let chain = [
        (Kind::Super, field(0xE8, 4), u64::from(one)),
        (Kind::Inode(one), dtime, u64::from(two)),
    ];
    assert_found("inodes with names, linked as orphans", &seed, &chain, judge);
    let quota = [(Kind::Super, field(0x240, 4), u64::from(two))];
    assert_found(
        "a named quota file without the feature",
        &seed,
        &quota,
        judge,
    );
    let errno = [(Kind::JournalSuper, field(0x20, 4), 5)];
    assert_found("a journal that was given up", &seed, &errno, judge);
    let seed = seeds::named("ext3", Ending::Clean).expect("a seed");
    let size = [(Kind::Super, field(0xFE, 2), 39)];
    assert_found("descriptors of no size", &seed, &size, judge);
}

#[test]
fn check_finds_a_value_with_the_wrong_hash() {
    let name = "check_finds_a_value_with_the_wrong_hash";
    if !can_run(name, &[MKE2FS]) {
        return;
    }
    let judge = can_do(name, "e2fsck's verdict", &[E2FSCK]);
    let seed = seeds::named("mke2fs-ea_inode", Ending::Clean).expect("a seed");
    let is_value = |ino: &&u32| {
        let inode = seed.found.inode(&seed.image, **ino).expect("an inode");
        inode.flags().contains(InodeFlags::EA_INODE)
    };
    let value = *seed.found.used_inodes.iter().find(is_value).expect("one");
    let hash = [(Kind::Inode(value), field(0x08, 4), 5)];
    assert_found("a value with the wrong hash", &seed, &hash, judge);
}

/// `check` must find it, and e2fsck too if it is to `judge`.
#[track_caller]
fn assert_found(what: &str, seed: &Seed, edits: &[Edit], judge: bool) {
    let mut image = seed.image.to_vec();
    edit(&seed.found, &mut image, edits);
    assert!(!check(&image).clean, "{what}");
    if judge {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), &image).expect("written");
        assert!(!e2fsck(file.path()).clean, "{what}: e2fsck");
    }
}
