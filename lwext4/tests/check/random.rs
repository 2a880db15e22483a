//! Images broken at random. `CHECK_MUTATIONS` sets how many; `CHECK_SEED` the first seed.

use crate::image::{Image, check};
use crate::mutator::{Map, Random};
use machine::e2fsprogs::{E2FSCK, MKE2FS, e2fsck};
use machine::requirements::can_run;
use std::fs::File;
use std::os::unix::fs::FileExt;

const IMAGES: &[&str] = &[
    "-t ext4 -b 1024",
    "-t ext4 -b 4096 -O metadata_csum_seed,orphan_file",
    "-t ext4 -b 1024 -O ^metadata_csum",
    "-t ext3 -b 1024",
    "-t ext4 -b 2048 -O ^metadata_csum,uninit_bg,^64bit",
];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn verdicts_on_broken_images_agree_with_e2fsck() {
    if !can_run(
        "verdicts_on_broken_images_agree_with_e2fsck",
        &[MKE2FS, E2FSCK],
    ) {
        return;
    }
    let count = number("CHECK_MUTATIONS", 300);
    let first = number("CHECK_SEED", 1);
    let (mut same, mut broken) = (0, 0);
    let mut missed = Vec::new();
    let mut invented = Vec::new();
    let images: Vec<(Image, Map, Vec<u8>)> = IMAGES
        .iter()
        .map(|options| {
            let image = Image::mke2fs(options, 24).expect("an image");
            image.fill();
            let bytes = std::fs::read(&image.path).unwrap();
            let map = Map::of(&bytes);
            (image, map, bytes)
        })
        .collect();
    let mut images = images;
    for seed in first..first + count {
        let which = seed as usize % images.len();
        let (image, map, bytes) = &mut images[which];
        let mut random = Random::new(seed);
        let change = map.mutate(bytes, &mut random);
        let file = File::options().write(true).open(&image.path).unwrap();
        for (at, old) in &change.before {
            file.write_all_at(&bytes[*at..*at + old.len()], *at as u64)
                .unwrap();
        }
        let verdict = e2fsck(&image.path);
        let (problems, summary) = check(&image.path);
        let ours = summary.problems == 0;
        broken += u64::from(!verdict.clean);
        if ours == verdict.clean {
            same += 1;
        } else {
            let what = format!(
                "seed {seed}, {}: {:?} + {:#x}..{:#x}, {}sealed: {:02x?} -> {:02x?}",
                IMAGES[which],
                change.target,
                change.at.start - change.before[0].0,
                change.at.end - change.before[0].0,
                if change.sealed { "" } else { "not " },
                &change.before[0].1[change.at.start - change.before[0].0..][..change.at.len()],
                &bytes[change.at.clone()],
            );
            if verdict.clean {
                let found: Vec<_> = problems.iter().take(3).map(ToString::to_string).collect();
                invented.push(format!("{what}: check: {found:?}"));
            } else {
                let lines: Vec<&str> = verdict
                    .text
                    .lines()
                    .filter(|line| !line.starts_with("Pass ") && !line.is_empty())
                    .take(4)
                    .collect();
                missed.push(format!("{what}: e2fsck: {lines:?}"));
            }
        }
        for (at, old) in &change.before {
            bytes[*at..*at + old.len()].copy_from_slice(old);
            file.write_all_at(old, *at as u64).unwrap();
        }
    }
    let share = 100.0 * same as f64 / count as f64;
    println!(
        "{count} mutations, {broken} of them broken to e2fsck: {same} verdicts agree ({share:.1} %), \
         {} missed, {} only check complains about",
        missed.len(),
        invented.len()
    );
    for line in missed.iter().chain(&invented) {
        println!("{line}");
    }
    assert!(share >= 95.0, "only {share:.1} % agree");
}
