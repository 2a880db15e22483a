//! Maps that contradict themselves: an error, never a panic or a hang.

use super::*;
use crate::cache::{BlockKind, Owner};
use crate::error::Error;
use crate::ondisk::Le;
use crate::ondisk::extent::{self, HEADER_LEN, Index};
use proptest::prelude::*;

/// A file whose tree has two levels, and the blocks of its leaves.
fn two_leaves() -> (Bench, Vec<BlockNo>) {
    let mut bench = Bench::with_extents(4096);
    for i in 0..100 {
        bench.fill(2 * i, 1, None, false).unwrap();
    }
    assert_eq!(bench.depth(), 1);
    let leaves = {
        let data = bench.inode.data.read();
        let root = Node::new(data.block());
        (0..root.entries()).map(|i| root.index(i).child).collect()
    };
    (bench, leaves)
}

fn assert_corrupt(bench: &Bench, at: u32, what: &str) {
    let found = map::lookup(bench.fs(), &bench.inode.data.read(), FileBlock(at));
    match found {
        Err(Error::Corrupt(corrupt)) => {
            assert_eq!(corrupt.what, what);
            assert!(corrupt.ino == Some(FILE) || corrupt.block.is_some());
        }
        other => panic!("{what}: {other:?}"),
    }
    let _ = map::next_mapped(bench.fs(), &bench.inode.data.read(), FileBlock(0));
    let _ = map::goal(bench.fs(), &bench.inode.data.read(), FileBlock(at));
    bench.change(|h, data| {
        let _ = map::set_unwritten(h, data, FileBlock(0), u32::MAX);
        let _ = map::remove(h, data, FileBlock(0), 1 << 32);
    });
}

#[test]
fn a_root_without_magic() {
    if !can_run("a_root_without_magic", &NEEDS) {
        return;
    }
    let (bench, _) = two_leaves();
    bench.change(|_, data| data.block_mut()[0] = 0);
    assert_corrupt(&bench, 0, "extent node has no magic number");
}

#[test]
fn a_root_that_is_too_deep() {
    if !can_run("a_root_that_is_too_deep", &NEEDS) {
        return;
    }
    let (bench, _) = two_leaves();
    bench.change(|_, data| extent::set_depth(data.block_mut(), 6));
    assert_corrupt(&bench, 0, "extent tree is too deep");
    bench.change(|_, data| extent::set_depth(data.block_mut(), 2));
    assert_corrupt(
        &bench,
        0,
        "extent node's depth is not one less than its parent's",
    );
}

#[test]
fn a_child_outside_the_image() {
    if !can_run("a_child_outside_the_image", &NEEDS) {
        return;
    }
    let (bench, _) = two_leaves();
    bench.change(|_, data| u32::MAX.put(data.block_mut(), HEADER_LEN + 4));
    assert_corrupt(&bench, 0, "block number out of range");
}

#[test]
fn a_leaf_under_two_parents() {
    if !can_run("a_leaf_under_two_parents", &NEEDS) {
        return;
    }
    let (bench, leaves) = two_leaves();
    bench.change(|_, data| {
        let key = Node::new(data.block()).index(1).at;
        let index = Index {
            at: key,
            child: leaves[0],
        };
        extent::replace(data.block_mut(), 1, 1, &[index.encode()]);
    });
    assert_corrupt(
        &bench,
        190,
        "extent node does not start where its parent says",
    );
}

#[test]
fn a_leaf_that_goes_on_into_the_next() {
    if !can_run("a_leaf_that_goes_on_into_the_next", &NEEDS) {
        return;
    }
    let (bench, _) = two_leaves();
    bench.change(|_, data| {
        let mut index = Node::new(data.block()).index(1);
        index.at = FileBlock(100);
        extent::replace(data.block_mut(), 1, 1, &[index.encode()]);
    });
    assert_corrupt(
        &bench,
        0,
        "extent node goes on beyond its parent's next entry",
    );
}

#[test]
fn an_extent_outside_the_image() {
    if !can_run("an_extent_outside_the_image", &NEEDS) {
        return;
    }
    let (bench, leaves) = two_leaves();
    bench.change(|h, data| {
        let kind = BlockKind::ExtentNode(data.owner(h.fs()));
        let leaf = h.fs().read_block(leaves[0], kind).unwrap();
        h.modify(&leaf, |bytes| 4096u32.put(bytes, HEADER_LEN + 8));
    });
    assert_corrupt(&bench, 0, "block number out of range");
}

#[test]
fn a_leaf_with_a_wrong_checksum() {
    if !can_run("a_leaf_with_a_wrong_checksum", &NEEDS) {
        return;
    }
    let (bench, leaves) = two_leaves();
    bench.commit();
    // The cache still has the good block.
    let at = 1024 * leaves[0].0 + 104;
    crate::BlockDevice::write_at(&*bench.device, &[0xEE], at).unwrap();
    let fs = bench.fs();
    fs.cache.remove(leaves[0]);
    assert_corrupt(&bench, 0, "extent node's checksum");
}

#[test]
fn an_empty_leaf_is_passed_over_and_freed() {
    if !can_run("an_empty_leaf_is_passed_over_and_freed", &NEEDS) {
        return;
    }
    let (mut bench, leaves) = two_leaves();
    bench.change(|h, data| {
        let kind = BlockKind::ExtentNode(Owner::new(&h.fs().geo, FILE, data.generation()));
        let leaf = h.fs().read_block(leaves[1], kind).unwrap();
        let gone = Node::new(&leaf.bytes()).entries();
        h.modify(&leaf, |bytes| extent::replace(bytes, 0, gone, &[]));
    });
    let first = bench.mapped();
    assert_eq!(first.len(), 84);
    bench.model = first;
    bench.check_blocks(0..300);
    bench.fill(180, 1, None, false).unwrap();
    bench.check();
    bench.remove(180, 181).unwrap();
    bench.remove(0, 1 << 32).unwrap();
    bench.check();
    assert_eq!(bench.depth(), 0);
}

#[test]
fn arrays_that_lead_to_themselves_end() {
    if !can_run("arrays_that_lead_to_themselves_end", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_indirect(4096);
    bench.fill(70_000, 1, None, false).unwrap();
    // Every number of the triple indirect array is the array itself.
    let top = u64::from(u32::get(bench.inode.data.read().block(), 14 * 4));
    bench.change(|h, data| {
        let kind = BlockKind::Indirect(data.owner(h.fs()));
        let array = h.fs().read_block(BlockNo(top), kind).unwrap();
        h.modify(&array, |bytes| {
            for i in 0..256 {
                (top as u32).put(bytes, 4 * i);
            }
        });
    });
    let found = map::lookup(bench.fs(), &bench.inode.data.read(), FileBlock(70_000));
    assert!(found.is_ok());
    bench.change(|h, data| {
        assert!(map::remove(h, data, FileBlock(0), 1 << 32).is_err());
    });
}

#[test]
fn a_number_outside_the_image() {
    if !can_run("a_number_outside_the_image", &NEEDS) {
        return;
    }
    let mut bench = Bench::with_indirect(4096);
    bench.fill(0, 12, None, false).unwrap();
    bench.change(|_, data| 5_000_000u32.put(data.block_mut(), 4));
    for at in [0, 1] {
        let found = map::lookup(bench.fs(), &bench.inode.data.read(), FileBlock(at));
        assert_eq!(found.is_err(), at == 1);
    }
    bench.change(|h, data| {
        assert!(map::remove(h, data, FileBlock(0), 1 << 32).is_err());
    });
}

/// Everything that can be done with a map, whatever comes of it.
fn use_all(bench: &Bench) {
    let places = [0, 11, 12, 100, 267, 268, 5000, 65_804, 1 << 20, u32::MAX];
    {
        let data = bench.inode.data.read();
        let _ = map::next_mapped(bench.fs(), &data, FileBlock(0));
        for at in places.map(FileBlock) {
            let _ = map::lookup(bench.fs(), &data, at);
            let _ = map::goal(bench.fs(), &data, at);
        }
    }
    for at in places.map(FileBlock) {
        bench.change(|h, data| {
            let _ = map::append_block(h, data, at, BlockNo(2000));
            let _ = map::set_unwritten(h, data, at, 3);
            let _ = map::set_written(h, data, at, 2);
            let _ = map::remove(h, data, at, u64::from(at.0) + 1);
        });
    }
    bench.change(|h, data| {
        let _ = map::remove(h, data, FileBlock(100), 1 << 32);
        let _ = map::remove(h, data, FileBlock(0), 1 << 32);
    });
}

/// Overwrites bytes of the inode's map and of the blocks it leads to first.
fn scramble(bench: &Bench, bytes: &[(bool, usize, u8)]) {
    bench.commit();
    let child = {
        let data = bench.inode.data.read();
        // An index's child, and the number of the first array.
        let at = if map::has_extents(&data) { 16 } else { 12 * 4 };
        BlockNo(u64::from(u32::get(data.block(), at)))
    };
    for &(in_root, at, value) in bytes {
        if in_root {
            bench.change(|_, data| data.block_mut()[at % 60] = value);
        } else {
            let at = 1024 * child.0 + at as u64;
            crate::BlockDevice::write_at(&*bench.device, &[value], at).unwrap();
        }
    }
    bench.fs().cache.remove(child);
}

fn noise() -> impl Strategy<Value = Vec<(bool, usize, u8)>> {
    // Low places more often: headers and first entries.
    let place = prop_oneof![0usize..48, 0usize..1024];
    let value = prop_oneof![any::<u8>(), 0u8..4];
    prop::collection::vec((any::<bool>(), place, value), 1..12)
}

fn often() -> ProptestConfig {
    ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

#[test]
fn noise_in_a_tree_is_survived() {
    if !can_run("noise_in_a_tree_is_survived", &NEEDS) {
        return;
    }
    proptest!(often(), |(noise in noise())| {
        let mut bench = Bench::new(4096, &["-O", "^has_journal,^metadata_csum"]);
        for i in 0..200 {
            bench.fill(2 * i, 1, None, i % 3 == 0).unwrap();
        }
        scramble(&bench, &noise);
        use_all(&bench);
    });
}

#[test]
fn noise_in_arrays_is_survived() {
    if !can_run("noise_in_arrays_is_survived", &NEEDS) {
        return;
    }
    proptest!(often(), |(noise in noise())| {
        let mut bench = Bench::with_indirect(4096);
        for at in [0, 12, 13, 100, 300, 5000, 70_000] {
            bench.fill(at, 1, None, false).unwrap();
        }
        scramble(&bench, &noise);
        use_all(&bench);
    });
}
