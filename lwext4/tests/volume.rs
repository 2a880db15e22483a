//! The main job through the engine alone: make, fill, close, check, read back.

use lwext4::*;
use machine::e2fsprogs::{E2FSCK, assert_clean};
use machine::requirements::can_run;
use std::sync::Arc;

#[test]
fn a_small_tree_survives_closing_and_leaves_a_clean_image() {
    if !can_run(
        "a_small_tree_survives_closing_and_leaves_a_clean_image",
        &[E2FSCK],
    ) {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(64 << 20).unwrap();
    let device = Arc::new(FileDevice::new(file.reopen().unwrap()).unwrap());
    format(&*device, &FormatOptions::default()).unwrap();
    assert_clean(file.path());

    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let dir = volume
        .create(Ino::ROOT, b"dir", &NewFile::new(FileType::Directory, 0o755))
        .unwrap()
        .attr
        .ino;
    for i in 0..500 {
        let name = format!("file-{i}");
        let ino = volume
            .create(
                dir,
                name.as_bytes(),
                &NewFile::new(FileType::Regular, 0o644),
            )
            .unwrap()
            .attr
            .ino;
        let content = name.repeat(i + 1);
        assert_eq!(
            volume
                .write(ino, 0, content.as_bytes(), WriteMode::Plain)
                .unwrap(),
            content.len()
        );
        volume.forget(ino, 1);
    }
    for i in (0..500).step_by(3) {
        volume.unlink(dir, format!("file-{i}").as_bytes()).unwrap();
    }
    volume.symlink(dir, b"short", b"target", 0, 0).unwrap();
    volume.symlink(dir, b"long", &[b'x'; 1000], 0, 0).unwrap();
    volume.close().unwrap();
    assert_clean(file.path());

    let volume = Volume::open(
        device,
        OpenOptions {
            read_only: true,
            ..OpenOptions::default()
        },
    )
    .unwrap();
    for i in 0..500 {
        let name = format!("file-{i}");
        let found = volume.lookup(dir, name.as_bytes());
        if i % 3 == 0 {
            assert!(matches!(found, Err(Error::NotFound)));
            continue;
        }
        let content = name.repeat(i + 1);
        let mut buf = vec![0; content.len() + 10];
        let n = volume.read(found.unwrap().attr.ino, 0, &mut buf).unwrap();
        assert_eq!(&buf[..n], content.as_bytes());
    }
    let long = volume.lookup(dir, b"long").unwrap().attr.ino;
    assert_eq!(volume.readlink(long).unwrap(), [b'x'; 1000]);
}
