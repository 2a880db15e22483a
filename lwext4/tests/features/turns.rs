//! The kernel and we take turns at one image: what one side wrote, the other reads and goes on with.

use crate::image::Image;
use crate::tree::{Kernel, Side, Tree, assert_same};
use lwext4::Volume;

/// Writes through a side, and notes in the tree what it wrote.
type Work = fn(&dyn Side, &mut Tree);

/// We write, the kernel reads and goes on, and we read what it made of it. `look` is shown what we wrote.
pub fn we_begin(options: &str, fill: Work, change: Work, look: impl FnOnce(&Volume)) {
    let image = Image::make(options);
    let mut wanted = Tree::new();
    let volume = image.open();
    fill(&volume, &mut wanted);
    look(&volume);
    volume.close().expect("closed");
    image.assert_consistent();
    let mounted = image.mount();
    let kernel = Kernel(mounted.path().to_owned());
    assert_same(&kernel.tree(), &wanted, options);
    change(&kernel, &mut wanted);
    drop(mounted);
    image.assert_consistent();
    let volume = image.open();
    assert_same(&volume.tree(), &wanted, options);
}

/// The kernel writes, we read and go on, and the kernel reads what we made of it. `look` is shown the empty image, and
/// `end` in the end the filled one and what `look` saw.
pub fn the_kernel_begins<T>(
    options: &str,
    fill: Work,
    change: Work,
    look: impl FnOnce(&Volume) -> T,
    end: impl FnOnce(&Volume, T),
) {
    let image = Image::make(options);
    let volume = image.open();
    let before = look(&volume);
    volume.close().expect("closed");
    let mut wanted = Tree::new();
    let mounted = image.mount();
    fill(&Kernel(mounted.path().to_owned()), &mut wanted);
    drop(mounted);
    let volume = image.open();
    assert_same(&volume.tree(), &wanted, options);
    change(&volume, &mut wanted);
    assert_same(&volume.tree(), &wanted, options);
    volume.close().expect("closed");
    image.assert_consistent();
    let mounted = image.mount();
    assert_same(&Kernel(mounted.path().to_owned()).tree(), &wanted, options);
    drop(mounted);
    let volume = image.open();
    end(&volume, before);
    volume.close().expect("closed");
    image.assert_consistent();
}
