use super::*;

fn entry<'a>(index: u8, suffix: &'a [u8], value: &'a [u8]) -> Entry<'a> {
    Entry {
        name: Name { index, suffix },
        value: Value::Here(value),
    }
}

fn read<'a>(table: &Table<'a>) -> Vec<Entry<'a>> {
    table
        .entries()
        .map(|entry| entry.expect("a sound table"))
        .collect()
}

fn sample() -> [Entry<'static>; 3] {
    [
        entry(index::USER, b"a", b"value"),
        entry(index::USER, b"empty", b""),
        entry(index::SECURITY, b"capability", &[7; 20]),
    ]
}

fn block() -> Vec<u8> {
    let mut bytes = vec![0xAA; 1024];
    assert!(write_block(&mut bytes, &sample()));
    seal_block(&mut bytes, Some(5), BlockNo(9));
    bytes
}

#[test]
fn names_have_a_number_for_their_beginning() {
    let name = |index, suffix| Some(Name { index, suffix });
    assert_eq!(Name::parse(b"user.x.y"), name(1, b"x.y"));
    assert_eq!(Name::parse(b"system.posix_acl_access"), name(2, b""));
    assert_eq!(Name::parse(b"system.posix_acl_default"), name(3, b""));
    assert_eq!(
        Name::parse(b"system.posix_acl_accessory"),
        name(7, b"posix_acl_accessory")
    );
    assert_eq!(Name::parse(b"system.richacl"), name(8, b""));
    assert_eq!(Name::parse(b"trusted."), name(4, b""));
    assert_eq!(Name::parse(b"users.x"), None);
    assert_eq!(Name::parse(b""), None);
    for full in [
        &b"user.a"[..],
        b"security.selinux",
        b"system.posix_acl_default",
        b"gnu.author",
    ] {
        assert_eq!(
            Name::parse(full).and_then(|name| name.full()).as_deref(),
            Some(full)
        );
    }
    assert_eq!(
        Name {
            index: 77,
            suffix: b"x"
        }
        .full(),
        None
    );
}

#[test]
fn blocks_sort_by_number_then_length_then_bytes() {
    let mut names = [(6, &b"a"[..]), (1, b"bb"), (1, b"c"), (1, b"b"), (2, b"")]
        .map(|(index, suffix)| Name { index, suffix });
    names.sort_by(Name::order);
    let order: Vec<_> = names.iter().map(|name| (name.index, name.suffix)).collect();
    assert_eq!(
        order,
        [(1, &b"b"[..]), (1, b"c"), (1, b"bb"), (2, b""), (6, b"a")]
    );
}

#[test]
fn a_block_gives_back_what_was_written() {
    let bytes = block();
    assert_eq!(verify_block(&bytes, Some(5), BlockNo(9)), Ok(()));
    assert_eq!(read(&Table::in_block(&bytes)), sample());
    assert_eq!(refcount(&bytes), 1);
}

#[test]
fn an_area_gives_back_what_was_written_and_is_cleared_when_empty() {
    let mut area = [0xAA; 96];
    assert!(!write_area(&mut area, &sample()));
    assert!(
        area.iter().all(|&b| b == 0xAA),
        "nothing changes when entries do not fit"
    );
    assert!(write_area(&mut area, &sample()[..2]));
    let table = Table::in_area(&area).expect("a table");
    assert_eq!(read(&table), sample()[..2]);
    assert_eq!(table.check(), Ok(()));
    assert!(write_area(&mut area, &[]));
    assert_eq!(area, [0; 96]);
    assert!(Table::in_area(&area).is_none());
}

#[test]
fn room_is_used_to_the_last_byte() {
    let value = [1; 1024 - 32 - 4 - 20];
    let mut bytes = vec![0; 1024];
    assert!(write_block(&mut bytes, &[entry(1, b"x", &value)]));
    assert_eq!(Table::in_block(&bytes).check(), Ok(()));
    assert!(!write_block(
        &mut bytes,
        &[entry(1, b"x", &[1; 1024 - 32 - 4 - 19])]
    ));
    let mut area = [0; 4 + 20 + 8 + 4];
    assert!(write_area(&mut area, &[entry(1, b"x", &[1; 5])]));
    assert_eq!(Table::in_area(&area).expect("a table").check(), Ok(()));
    assert!(!write_area(&mut [0; 8], &[entry(1, b"x", b"")]));
    assert!(write_area(&mut [], &[]));
}

#[test]
fn the_checksum_covers_block_and_number() {
    let bytes = block();
    assert!(verify_block(&bytes, Some(6), BlockNo(9)).is_err());
    assert!(verify_block(&bytes, Some(5), BlockNo(10)).is_err());
    for at in [5, 12, 40, 1023] {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        assert!(
            verify_block(&broken, Some(5), BlockNo(9)).is_err(),
            "byte {at}"
        );
    }
    assert_eq!(verify_block(&bytes, None, BlockNo(10)), Ok(()));
}

#[test]
fn entries_that_leave_their_table_are_refused() {
    let check = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = block();
        change(&mut bytes);
        verify_block(&bytes, None, BlockNo(9))
    };
    assert_eq!(check(&|_| ()), Ok(()));
    assert!(check(&|b| b[0] = 1).is_err(), "magic");
    assert!(check(&|b| b[8] = 2).is_err(), "blocks");
    assert!(
        check(&|b| u16::MAX.put(b, 32 + 2)).is_err(),
        "a value's place"
    );
    assert!(check(&|b| 1022u16.put(b, 32 + 2)).is_err(), "a value's end");
    assert!(
        check(&|b| 40u16.put(b, 32 + 2)).is_err(),
        "a value among entries"
    );
    assert!(
        check(&|b| u32::MAX.put(b, 32 + 8)).is_err(),
        "a value's size"
    );
    assert!(check(&|b| b[32 + 16] = 0).is_err(), "NUL in a name");
    assert!(check(&|b| b[32..].fill(1)).is_err(), "no end");
}

#[test]
fn values_of_many_entries_may_not_be_the_same_bytes() {
    let mut bytes = vec![0; 1024];
    let values = [[1; 300], [2; 300], [3; 300]];
    let names: [&[u8]; 3] = [b"a", b"b", b"c"];
    let entries = [0, 1, 2].map(|i| entry(1, names[i], &values[i]));
    assert!(write_block(&mut bytes, &entries));
    for at in [32, 52, 72] {
        400u16.put(&mut bytes, at + 2);
        500u32.put(&mut bytes, at + 8);
    }
    assert_eq!(
        verify_block(&bytes, None, BlockNo(1)),
        Err("attributes' values overlap")
    );
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let mut state = 1u32;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for _ in 0..20_000 {
        let mut bytes = block();
        bytes.truncate(32 + random() as usize % 1000);
        for _ in 0..random() % 12 {
            let at = random() as usize % 100.min(bytes.len());
            bytes[at] = random() as u8;
        }
        let _ = verify_block(&bytes, None, BlockNo(9));
        seal_block(&mut bytes, Some(1), BlockNo(9));
        MAGIC.put(&mut bytes, 28);
        if let Some(table) = Table::in_area(&bytes[28..]) {
            let _ = table.check();
        }
    }
}
