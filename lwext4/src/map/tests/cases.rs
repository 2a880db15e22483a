//! What the maps are to do, one thing at a time.

use super::*;
use crate::error::Error;
use crate::ondisk::extent::Extent;

fn extents_of_root(bench: &Bench) -> Vec<Extent> {
    let data = bench.inode.data.read();
    let root = Node::new(data.block());
    assert_eq!(root.depth(), 0);
    (0..root.entries()).map(|i| root.extent(i)).collect()
}

/// Fills file blocks `from`, `from + 2`, … with one block each: as many extents.
fn fill_alternate(bench: &mut Bench, from: u32, count: u32) {
    for i in 0..count {
        bench.fill(from + 2 * i, 1, None, false).unwrap();
    }
}

#[test]
fn appending_makes_the_last_extent_longer() {
    if !can_run("appending_makes_the_last_extent_longer", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(4096);
    for i in 0..20 {
        bench
            .fill(i * 7, 7, (i == 0).then_some(2000), false)
            .unwrap();
    }
    assert_eq!(extents_of_root(&bench).len(), 1);
    bench.check();
    let data = bench.inode.data.read();
    let run = map::lookup(bench.fs(), &data, FileBlock(3)).unwrap();
    assert_eq!(run.len, 137);
    drop(data);
    bench.finish();
}

#[test]
fn a_hole_filled_between_two_extents_joins_them() {
    if !can_run("a_hole_filled_between_two_extents_joins_them", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(4096);
    bench.fill(0, 100, None, false).unwrap();
    let start = bench.model[&0].0;
    // Punched blocks come free with the commit; the goal leads back to them.
    bench.remove(40, 60).unwrap();
    assert_eq!(extents_of_root(&bench).len(), 2);
    bench.commit();
    bench.fill(40, 20, None, false).unwrap();
    assert_eq!(extents_of_root(&bench).len(), 1);
    assert_eq!(bench.model[&99].0, start + 99);
    bench.check();
    bench.finish();
}

#[test]
fn an_extent_ends_at_its_longest() {
    if !can_run("an_extent_ends_at_its_longest", &NEEDS) {
        return;
    }
    let bench = Bench::with_extents(90_000);
    // Groups of 1 KiB blocks hold 8,192: 32,768 in a row need flexible groups and luck. Map blocks
    // that belong to nobody instead, and take them out again.
    let longest = [(false, 32_768), (true, 32_767)];
    for (unwritten, most) in longest {
        bench.change(|h, data| {
            map::insert(h, data, FileBlock(0), BlockNo(2_000), 70_000, unwritten).unwrap();
        });
        let lens: Vec<u32> = extents_of_root(&bench).iter().map(|e| e.len).collect();
        assert_eq!(lens, [most, most, 70_000 - 2 * most]);
        bench.change(|h, data| {
            map::extents::forget(h, data, FileBlock(0), 70_000).unwrap();
            assert_eq!(data.sectors(1024), 0);
        });
    }
    bench.check();
    bench.finish();
}

#[test]
fn a_long_written_extent_becomes_unwritten_in_two() {
    if !can_run("a_long_written_extent_becomes_unwritten_in_two", &NEEDS) {
        return;
    }
    let bench = Bench::with_extents(40_000);
    bench.change(|h, data| {
        map::insert(h, data, FileBlock(0), BlockNo(2_000), 32_768, false).unwrap();
        map::set_unwritten(h, data, FileBlock(0), 40_000).unwrap();
    });
    let lens = |bench: &Bench| {
        let extents = extents_of_root(bench);
        extents
            .iter()
            .map(|e| (e.len, e.unwritten))
            .collect::<Vec<_>>()
    };
    assert_eq!(lens(&bench), [(32_767, true), (1, true)]);
    bench.change(|h, data| map::set_written(h, data, FileBlock(0), 40_000).unwrap());
    assert_eq!(lens(&bench), [(32_768, false)]);
    bench.change(|h, data| map::extents::forget(h, data, FileBlock(0), 40_000).unwrap());
    bench.finish();
}

#[test]
fn writing_through_an_unwritten_extent_keeps_two_extents() {
    if !can_run(
        "writing_through_an_unwritten_extent_keeps_two_extents",
        &NEEDS,
    ) {
        return;
    }
    let mut bench = Bench::with_extents(4096);
    bench.fill(0, 100, None, true).unwrap();
    for i in 0..9 {
        bench.convert(i * 10, 10, false).unwrap();
        assert_eq!(extents_of_root(&bench).len(), 2);
    }
    bench.convert(90, 10, false).unwrap();
    assert_eq!(extents_of_root(&bench).len(), 1);
    bench.convert(50, 1, true).unwrap();
    assert_eq!(extents_of_root(&bench).len(), 3);
    bench.check();
    bench.finish();
}

#[test]
fn the_fifth_extent_grows_the_root_and_four_fit_again() {
    if !can_run("the_fifth_extent_grows_the_root_and_four_fit_again", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(4096);
    fill_alternate(&mut bench, 0, 4);
    assert_eq!(bench.depth(), 0);
    fill_alternate(&mut bench, 8, 1);
    assert_eq!(bench.depth(), 1);
    bench.remove(4, 5).unwrap();
    assert_eq!(bench.depth(), 0);
    assert_eq!(bench.inode.data.read().sectors(1024), 8);
    bench.check();
    bench.finish();
}

#[test]
fn sequential_extents_fill_their_leaves() {
    if !can_run("sequential_extents_fill_their_leaves", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(8192);
    // 84 a leaf, 4 leaves under the root.
    fill_alternate(&mut bench, 0, 336);
    assert_eq!(bench.depth(), 1);
    assert_eq!(bench.inode.data.read().sectors(1024), 2 * (336 + 4));
    fill_alternate(&mut bench, 672, 4);
    assert_eq!(bench.depth(), 2);
    bench.check();
    bench.check_blocks(0..700);
    bench.remove(0, 1 << 32).unwrap();
    assert_eq!(bench.depth(), 0);
    assert_eq!(bench.inode.data.read().sectors(1024), 0);
    bench.check();
    bench.finish();
}

#[test]
fn what_is_left_of_several_leaves_fits_the_root_again() {
    if !can_run("what_is_left_of_several_leaves_fits_the_root_again", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(8192);
    // Two leaves of 84.
    fill_alternate(&mut bench, 0, 168);
    assert_eq!(bench.depth(), 1);
    // Two extents of each.
    bench.remove(4, 332).unwrap();
    assert_eq!(extents_of_root(&bench).len(), 4);
    assert_eq!(bench.inode.data.read().sectors(1024), 8);
    bench.check();
    bench.finish();
}

#[test]
fn a_tree_grows_to_three_levels_and_shrinks_again() {
    if !can_run("a_tree_grows_to_three_levels_and_shrinks_again", &NEEDS) {
        return;
    }
    // The smallest journal: transactions are small too.
    let mut bench = Bench::new(65_536, &["-J", "size=1"]);
    let count = 4 * 83 * 84 + 100;
    for first in (0..count).step_by(500) {
        bench.change(|h, data| {
            let fs = h.fs();
            for at in (first..count.min(first + 500)).map(|i| FileBlock(2 * i)) {
                let goal = BlockNo(5_000);
                let (phys, _) = fs.alloc.alloc_blocks(h, goal, 1).unwrap();
                map::insert(h, data, at, phys, 1, false).unwrap();
            }
        });
    }
    assert_eq!(bench.depth(), 3);
    bench.model = bench.mapped();
    let mapped = bench.model.keys().copied();
    assert!(mapped.eq((0..count).map(|i| 2 * i)));
    assert!(bench.remove(1000, 40_000).unwrap() > 1);
    bench.check();
    bench.remove(7, 1 << 32).unwrap();
    assert_eq!(bench.depth(), 0);
    bench.check();
    bench.finish();
}

#[test]
fn backward_and_inside_out_writing_stays_in_order() {
    if !can_run("backward_and_inside_out_writing_stays_in_order", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(8192);
    for i in (0..500).rev() {
        bench.fill(2 * i, 1, None, false).unwrap();
    }
    for i in (1..400).step_by(3) {
        bench.fill(2000 + 2 * i, 1, None, true).unwrap();
        bench.fill(2000 - 2 * i + 1, 1, None, false).unwrap();
    }
    bench.check();
    bench.check_blocks(0..3000);
    bench.finish();
}

#[test]
fn mapping_twice_is_refused() {
    if !can_run("mapping_twice_is_refused", &NEEDS) {
        return;
    }
    for mut bench in [Bench::with_extents(4096), Bench::with_indirect(4096)] {
        bench.fill(10, 10, None, false).unwrap();
        for (at, len) in [(10, 1), (5, 6), (19, 5), (0, 100)] {
            bench.change(|h, data| {
                let refused = map::insert(h, data, FileBlock(at), BlockNo(3000), len, false);
                assert!(matches!(refused, Err(Error::Corrupt(_))), "{at} {len}");
            });
        }
        bench.check();
        bench.finish();
    }
}

#[test]
fn the_largest_file_block_can_be_mapped_and_no_other() {
    if !can_run("the_largest_file_block_can_be_mapped_and_no_other", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(4096);
    bench.change(|h, data| {
        let beyond = map::insert(h, data, FileBlock(u32::MAX), BlockNo(3000), 1, false);
        assert!(matches!(beyond, Err(Error::FileTooBig)));
    });
    bench.fill(u32::MAX - 1, 1, None, false).unwrap();
    bench.check();
    bench.remove(0, 1 << 32).unwrap();
    assert!(bench.mapped().is_empty());
    let mut bench = Bench::with_indirect(4096);
    let most = 12 + 256 + 256 * 256 + 256 * 256 * 256;
    bench.fill(most - 1, 1, None, false).unwrap();
    let error = bench.fill(most, 1, None, false);
    assert!(matches!(error, Err(Error::FileTooBig)));
}

#[test]
fn a_full_image_changes_nothing() {
    if !can_run("a_full_image_changes_nothing", &NEEDS) {
        return;
    }
    for mut bench in [Bench::with_extents(2048), Bench::with_indirect(2048)] {
        // Blocks far from each other in the file, until a node does not fit any more.
        let mut at = 0;
        let error = loop {
            if let Err(error) = bench.fill(at, 1, None, false) {
                break error;
            }
            at += 301;
        };
        assert!(matches!(error, Error::NoSpace));
        bench.check();
        bench.finish();
    }
}

#[test]
fn written_data_gets_its_extent_even_on_a_full_image() {
    if !can_run("written_data_gets_its_extent_even_on_a_full_image", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_extents(2048);
    bench.fill(0, 100, None, true).unwrap();
    bench.fill(1000, 1, None, false).unwrap();
    bench.fill(1002, 1, None, false).unwrap();
    // All of it is inside the file: what is behind the end would be freed instead.
    bench.change(|_, inode| inode.raw.set_size(1003 * 1024));
    // The root is nearly full; take all other space.
    while bench.volume.statfs().free_blocks > 0 {
        bench.change(|h, _| h.fs().alloc.alloc_blocks(h, BlockNo(500), 1000).unwrap());
    }
    let at = 1024 * bench.model[&40].0;
    crate::BlockDevice::write_at(&*bench.device, &[7; 1024], at - 1024).unwrap();
    bench.convert(40, 10, false).unwrap();
    for state in bench.model.range_mut(0..100) {
        state.1.1 = false;
    }
    bench.check();
    let mut rest = [1; 1024];
    bench.fs().read_data(at - 1024, &mut rest).unwrap();
    assert_eq!(rest, [0; 1024]);
}

#[test]
fn removing_many_arrays_takes_several_handles() {
    if !can_run("removing_many_arrays_takes_several_handles", &NEEDS) {
        return;
    }
    let mut bench = Bench::new(32_768, &["-O", "^extent,^64bit,^flex_bg", "-J", "size=1"]);
    for i in 0..400 {
        let goal = 2000 + u64::from(i % 4) * 8192;
        bench.fill(i * 601, 1, Some(goal), false).unwrap();
    }
    bench.check();
    assert!(bench.remove(1000, 1 << 32).unwrap() > 1);
    bench.check();
    bench.finish();
}

#[test]
fn indirect_runs_are_as_long_as_their_array() {
    if !can_run("indirect_runs_are_as_long_as_their_array", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_indirect(8192);
    bench.fill(0, 12 + 256 + 300, None, false).unwrap();
    let data = bench.inode.data.read();
    let run = |at| map::lookup(bench.fs(), &data, FileBlock(at)).unwrap();
    assert_eq!(run(0).len, 12);
    assert_eq!(run(12).len, 256);
    assert_eq!(run(268 + 300).len, 256 - 44);
    assert_eq!(run(70_000).phys, None);
    drop(data);
    bench.check();
    bench.finish();
}

#[test]
fn indirect_maps_know_no_unwritten_blocks() {
    if !can_run("indirect_maps_know_no_unwritten_blocks", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_indirect(4096);
    bench.fill(0, 1, None, false).unwrap();
    assert!(matches!(
        bench.convert(0, 1, true),
        Err(Error::NotSupported(_))
    ));
    assert!(matches!(
        bench.fill(1, 1, None, true),
        Err(Error::NotSupported(_))
    ));
    assert!(bench.convert(0, 1, false).is_ok());
}
