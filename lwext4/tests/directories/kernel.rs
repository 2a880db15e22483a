//! The kernel reads and changes directories that we made, and we those that it changed.

use crate::image::{Image, NEEDS, Random};
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Lets `work` use the image, mounted by the kernel.
fn with_kernel(image: &mut Image, work: impl FnOnce(&mut Image, &Path)) {
    image.close();
    let mounted = Mounted::new(&image.path, "").expect("mounted");
    work(image, mounted.path());
    drop(mounted);
    image.open();
}

fn kernel_names(dir: &Path) -> BTreeSet<Vec<u8>> {
    let names = fs::read_dir(dir).unwrap();
    names
        .map(|e| e.unwrap().file_name().as_bytes().to_vec())
        .collect()
}

#[test]
fn the_kernel_and_we_take_turns() {
    let name = "the_kernel_and_we_take_turns";
    if !can_run(name, &NEEDS) || !can_run(name, &[Need::Loop]) {
        return;
    }
    let variants: [(&[&str], &[&str]); 5] = [
        (&["-b", "1024"], &[]),
        (&["-b", "4096"], &["-E", "hash_alg=tea"]),
        (
            &["-b", "1024", "-O", "^metadata_csum"],
            &["-E", "hash_alg=legacy"],
        ),
        (&["-b", "2048", "-O", "^dir_index"], &[]),
        (&["-b", "1024", "-O", "large_dir"], &[]),
    ];
    for (seed, (args, tune)) in variants.into_iter().enumerate() {
        let mut image = Image::new(args, tune, "64M");
        image.viewable = !args.contains(&"large_dir");
        let random = &mut Random(seed as u64 + 60);
        for _ in 0..3 {
            for _ in 0..700 {
                let name = random.name(1, 255);
                if !image.model.contains_key(&name) {
                    image.add(&name);
                }
            }
            with_kernel(&mut image, |image, at| {
                let dir = at.join("dir");
                let ours: BTreeSet<_> = image.model.keys().cloned().collect();
                assert_eq!(kernel_names(&dir), ours);
                for name in image.model.keys() {
                    assert!(fs::symlink_metadata(dir.join(OsStr::from_bytes(name))).is_ok());
                }
                let (target, ino) = (at.join("target0"), image.target(0));
                for _ in 0..700 {
                    let name = random.name(1, 255);
                    let new = dir.join(OsStr::from_bytes(&name));
                    if fs::hard_link(&target, &new).is_ok() {
                        image.model.insert(name, ino);
                    }
                }
                let names: Vec<_> = image.model.keys().step_by(3).cloned().collect();
                for name in names {
                    fs::remove_file(dir.join(OsStr::from_bytes(&name))).unwrap();
                    image.model.remove(&name);
                }
            });
            image.check_open();
            let names: Vec<_> = image.model.keys().step_by(4).cloned().collect();
            names.iter().for_each(|name| image.remove(name));
            image.check();
        }
    }
}
