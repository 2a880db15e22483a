use super::*;

fn leaf(size: usize, csum: bool) -> Vec<u8> {
    let mut block = vec![0xFF; size];
    Packer::new(&mut block, csum);
    block
}

fn names(block: &[u8]) -> Vec<Vec<u8>> {
    entries(block)
        .filter(|e| e.ino.0 != 0)
        .map(|e| e.name.to_vec())
        .collect()
}

#[test]
fn an_empty_leaf_is_valid_at_every_block_size() {
    for bits in 10..=16 {
        for csum in [false, true] {
            let mut block = leaf(1 << bits, csum);
            seal_leaf(&mut block, 7);
            assert_eq!(verify_leaf(&block, csum.then_some(7), 10), Ok(()));
            assert!(names(&block).is_empty());
        }
    }
}

#[test]
fn a_record_of_64_kib_is_stored_as_65535() {
    let block = leaf(1 << 16, false);
    assert_eq!(u16::get(&block, 4), u16::MAX);
    assert_eq!(entry_at(&block, 0).map(|e| e.rec_len), Some(1 << 16));
    assert_eq!(rec_len_from_disk(0, 1 << 16), 1 << 16);
    assert_eq!(rec_len_from_disk(0, 4096), 0);
}

#[test]
fn entries_go_in_until_the_block_is_full_and_come_out_again() {
    let mut block = leaf(1024, true);
    let mut count = 0;
    while insert(
        &mut block,
        true,
        format!("name{count:02}").as_bytes(),
        Ino(5),
        1,
    ) {
        count += 1;
    }
    assert_eq!(count, (1024 - 12) / 16);
    seal_leaf(&mut block, 1);
    assert_eq!(verify_leaf(&block, Some(1), 5), Ok(()));
    for i in 0..count {
        let slot = find(&block, format!("name{i:02}").as_bytes()).unwrap();
        assert_eq!((slot.ino, slot.file_type), (Ino(5), 1));
        remove(&mut block, slot);
        seal_leaf(&mut block, 1);
        assert_eq!(verify_leaf(&block, Some(1), 5), Ok(()));
    }
    assert!(names(&block).is_empty());
    assert!(insert(&mut block, true, &[b'x'; 255], Ino(1), 2));
}

#[test]
fn a_removed_entry_gives_its_room_to_the_one_before() {
    let mut block = leaf(1024, false);
    for name in [&b"a"[..], b"b", b"c"] {
        assert!(insert(&mut block, false, name, Ino(1), 1));
    }
    let slot = find(&block, b"b").unwrap();
    assert_eq!((slot.at, slot.prev), (12, Some(0)));
    remove(&mut block, slot);
    assert_eq!(names(&block), [b"a", b"c"]);
    assert_eq!(entry_at(&block, 0).unwrap().rec_len, 24);
    let slot = find(&block, b"a").unwrap();
    remove(&mut block, slot);
    assert_eq!(entry_at(&block, 0).unwrap().ino, Ino(0));
    assert!(insert(&mut block, false, b"long-name-16byte", Ino(9), 1));
    assert_eq!(find(&block, b"long-name-16byte").unwrap().at, 0);
}

#[test]
fn damage_is_named() {
    let good = {
        let mut block = leaf(1024, false);
        assert!(insert(&mut block, false, b"name", Ino(3), 1));
        assert!(insert(&mut block, false, b"other", Ino(3), 1));
        block
    };
    let check = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut block = good.clone();
        change(&mut block);
        verify_leaf(&block, None, 3).unwrap_err()
    };
    assert_eq!(
        check(&|b| 0u16.put(b, 4)),
        "directory entry: record too short"
    );
    assert_eq!(
        check(&|b| 14u16.put(b, 4)),
        "directory entry: record length not a multiple of 4"
    );
    assert_eq!(
        check(&|b| 200u8.put(b, 6)),
        "directory entry: record too short for its name"
    );
    assert_eq!(
        check(&|b| 2000u16.put(b, 16)),
        "directory entry reaches beyond its block"
    );
    assert_eq!(
        check(&|b| 1004u16.put(b, 16)),
        "directory entry reaches beyond its block"
    );
    assert_eq!(
        check(&|b| 4u32.put(b, 0)),
        "directory entry: inode number out of range"
    );
    assert_eq!(check(&|b| 0u8.put(b, 6)), "directory entry without a name");
    assert_eq!(
        check(&|b| b'/'.put(b, 9)),
        "directory entry: NUL or slash in a name"
    );
    assert_eq!(
        verify_leaf(&good, Some(1), 3),
        Err("directory block without checksum")
    );
    let mut sealed = leaf(1024, true);
    seal_leaf(&mut sealed, 1);
    assert_eq!(
        verify_leaf(&sealed, Some(2), 3),
        Err("directory block checksum")
    );
}

#[test]
fn no_bytes_make_it_panic() {
    let mut state = 1u64;
    for _ in 0..3000 {
        let mut block = vec![0; 1024];
        for byte in &mut block {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            *byte = if state >> 62 == 0 {
                (state >> 40) as u8
            } else {
                0
            };
        }
        (12u16 * (1 + (state >> 50) as u16 % 80)).put(&mut block, 4);
        let _ = verify_leaf(&block, None, 100);
        let _ = entries(&block).count();
        let _ = insert(&mut block.clone(), true, b"name", Ino(1), 1);
        if let Some(slot) = find(&block, b"") {
            remove(&mut block, slot);
        }
    }
}
