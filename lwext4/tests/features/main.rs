//! What features of the image change about files, with the kernel and e2fsck as judges.

mod casefold;
mod encrypt;
#[allow(dead_code)]
#[path = "../xattr/image.rs"]
mod image;
mod inline;
mod tree;
mod turns;
mod values;

use std::path::Path;
use std::sync::Arc;

/// What our own check finds wrong.
fn check(image: &Path) -> Vec<String> {
    let file = std::fs::File::open(image).expect("the image");
    let device = lwext4::FileDevice::new(file).expect("a device");
    let mut problems = Vec::new();
    lwext4::check(Arc::new(device), &Default::default(), &mut |problem| {
        problems.push(format!("{problem:?}"));
    })
    .expect("checked");
    problems
}
