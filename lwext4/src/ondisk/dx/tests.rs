use super::*;

fn root(size: usize, csum: bool) -> Vec<u8> {
    let mut block = vec![0xFF; size];
    init_root(&mut block, csum, (Ino(12), Ino(2)), 2, 1, FileBlock(1));
    block
}

#[test]
fn a_new_root_is_valid_as_root_and_as_plain_entries() {
    for bits in 10..=16 {
        let mut block = root(1 << bits, true);
        seal(&mut block, 5);
        assert_eq!(verify(&block, Some(5)), Ok(()));
        assert_eq!(verify(&block, Some(6)), Err("htree block checksum"));
        let block = root(1 << bits, false);
        assert_eq!(verify(&block, None), Ok(()));
        assert_eq!(dirent::verify_leaf(&block, None, 12), Ok(()));
        assert_eq!(parent(&block), Ino(2));
        let info = root_info(&block).unwrap();
        assert_eq!((info.hash_version, info.levels), (1, 0));
    }
}

#[test]
fn limits_are_those_of_the_format() {
    assert_eq!(u16::get(&root(4096, false), 32), 508);
    assert_eq!(u16::get(&root(4096, true), 32), 507);
    assert_eq!(u16::get(&root(1024, true), 32), 123);
    let mut node = vec![0; 4096];
    init_node(&mut node, true, Index::new(&root(4096, true)).unwrap(), 0);
    assert_eq!(u16::get(&node, 8), 510);
    seal(&mut node, 5);
    assert_eq!(verify(&node, Some(5)), Ok(()));
    assert!(root_info(&node).is_none());
}

#[test]
fn search_finds_the_last_entry_not_above_the_hash() {
    let mut block = root(1024, false);
    for i in 1..124 {
        assert!(insert(
            &mut block,
            i,
            i as u32 * 10,
            FileBlock(i as u32 + 1)
        ));
    }
    assert!(!insert(&mut block, 5, 1, FileBlock(1)));
    assert_eq!(verify(&block, None), Ok(()));
    let index = Index::new(&block).unwrap();
    for hash in 0..1300 {
        assert_eq!(index.search(hash), (hash as usize / 10).min(123));
    }
    assert_eq!(index.block(7), FileBlock(8));
    assert!(index.is_full());
}

#[test]
fn a_split_and_a_new_level_keep_every_entry() {
    let mut block = root(1024, true);
    for i in 1..100 {
        assert!(insert(
            &mut block,
            i,
            i as u32 * 10,
            FileBlock(i as u32 + 1)
        ));
    }
    let mut node = vec![0; 1024];
    init_node(&mut node, true, Index::new(&block).unwrap(), 0);
    deepen_root(&mut block, FileBlock(200));
    let mut other = vec![0; 1024];
    init_node(&mut other, true, Index::new(&node).unwrap(), 50);
    truncate(&mut node, 50);
    assert!(insert(&mut block, 1, 500, FileBlock(201)));
    for block in [&mut block, &mut node, &mut other] {
        seal(block, 3);
        assert_eq!(verify(block, Some(3)), Ok(()));
    }
    assert_eq!(root_info(&block).unwrap().levels, 1);
    let (node, other) = (Index::new(&node).unwrap(), Index::new(&other).unwrap());
    assert_eq!((node.count(), other.count()), (50, 50));
    assert_eq!(
        (node.block(49), other.block(0)),
        (FileBlock(50), FileBlock(51))
    );
}

#[test]
fn damage_is_named() {
    let check = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut block = root(1024, false);
        insert(&mut block, 1, 10, FileBlock(2));
        insert(&mut block, 2, 20, FileBlock(3));
        change(&mut block);
        verify(&block, None).unwrap_err()
    };
    assert_eq!(check(&|b| 16u16.put(b, 4)), "htree: neither root nor node");
    assert_eq!(
        check(&|b| 100u16.put(b, 16)),
        "htree: root without . and .."
    );
    assert_eq!(check(&|b| 3u8.put(b, 28)), "htree: unknown hash");
    assert_eq!(
        check(&|b| 9u8.put(b, 29)),
        "htree: wrong length of the root information"
    );
    assert_eq!(check(&|b| 3u8.put(b, 30)), "htree: too deep");
    assert_eq!(check(&|b| 1u8.put(b, 31)), "htree: unknown flags");
    assert_eq!(check(&|b| 1u16.put(b, 32)), "htree: wrong limit");
    assert_eq!(
        check(&|b| 0u16.put(b, 34)),
        "htree: entry count out of range"
    );
    assert_eq!(
        check(&|b| 900u16.put(b, 34)),
        "htree: entry count out of range"
    );
    assert_eq!(check(&|b| 5u32.put(b, 48)), "htree: hashes out of order");
}
