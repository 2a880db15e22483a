use super::*;

#[test]
fn times_survive_in_every_epoch() {
    let mut inode = RawInode::new(256, 32);
    for secs in [
        1 - (1 << 31),
        -1,
        0,
        1,
        (1 << 31) - 1,
        1 << 31,
        1 << 33,
        (3 << 32) + (1 << 31) - 2,
    ] {
        let time = Timestamp {
            secs,
            nanos: 999_999_999,
        };
        inode.set_mtime(time);
        assert_eq!(inode.mtime(), time);
    }
}

#[test]
fn times_are_clamped_to_what_the_inode_holds() {
    let mut small = RawInode::new(128, 0);
    small.set_mtime(Timestamp {
        secs: 1 << 40,
        nanos: 5,
    });
    assert_eq!(
        small.mtime(),
        Timestamp {
            secs: i64::from(i32::MAX),
            nanos: 0
        }
    );
    let mut large = RawInode::new(256, 32);
    large.set_mtime(Timestamp {
        secs: i64::MIN,
        nanos: 0,
    });
    assert_eq!(large.mtime().secs, i64::from(i32::MIN));
}

#[test]
fn device_numbers_use_the_old_form_where_it_suffices() {
    let mut inode = RawInode::new(256, 32);
    for (major, minor) in [
        (8, 1),
        (255, 255),
        (256, 0),
        (259, 70_000),
        (4095, 0xF_FFFF),
    ] {
        inode.set_device(major, minor);
        assert_eq!(inode.device(), (major, minor));
    }
}
