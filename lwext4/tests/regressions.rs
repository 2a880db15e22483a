//! What random operations found, each as the few calls that show it.

use lwext4::*;
use std::sync::Arc;

fn new(file_type: FileType) -> NewFile {
    NewFile {
        file_type,
        perm: 0o755,
        umask: 0,
        uid: 0,
        gid: 0,
        device: (0, 0),
    }
}

fn volume(options: FormatOptions) -> Volume {
    let device = Arc::new(MemDevice::new(16 << 20));
    format(&*device, &options).unwrap();
    Volume::open(device, OpenOptions::default()).unwrap()
}

#[test]
fn a_directory_that_was_removed_while_held_has_nothing_in_it() {
    let v = volume(FormatOptions::default());
    let dir = v
        .create(Ino::ROOT, b"dir", &new(FileType::Directory))
        .unwrap()
        .attr
        .ino;
    v.rmdir(Ino::ROOT, b"dir").unwrap();
    assert_eq!(v.getattr(dir).unwrap().nlink, 0);
    assert!(matches!(v.lookup(dir, b"name"), Err(Error::NotFound)));
    assert!(matches!(
        v.read_dir(dir, 0, &mut |_| true),
        Err(Error::NotFound)
    ));
    assert!(matches!(v.unlink(dir, b"name"), Err(Error::NotFound)));
    assert!(matches!(
        v.create(dir, b"name", &new(FileType::Fifo)),
        Err(Error::NotFound)
    ));
    let there = v.rename(Ino::ROOT, b"lost+found", dir, b"name", RenameMode::Replace);
    assert!(matches!(there, Err(Error::NotFound)));
    v.forget(dir, 1);
    assert!(matches!(v.getattr(dir), Err(Error::NotFound)));
}
