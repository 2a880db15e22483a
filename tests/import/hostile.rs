//! Archives that are damaged, or made to do damage.

use crate::archive::{Archive, header, seal};
use crate::support::command::run;
use crate::support::requirements::{Need, can_run};
use crate::work::{Work, assert_refused, fsck, liveroot};

/// An import into a new image must fail with `word`, and leave nothing behind.
#[track_caller]
fn refused(bytes: &[u8], word: &str) {
    let work = Work::new();
    let tar = work.path("bad.tar");
    std::fs::write(&tar, bytes).unwrap();
    let image = work.path("image.ext4");
    assert_refused(
        liveroot(["create", "--size", "64M"])
            .arg(&image)
            .arg("--from")
            .arg(&tar),
        word,
    );
    assert!(!image.exists(), "something was left behind");
    assert_eq!(std::fs::read_dir(work.path("")).unwrap().count(), 1);
}

#[test]
fn what_is_damaged_is_refused() {
    let whole = Archive::default().add("a", b'0', "", &[7; 5000]).end();
    refused(&whole[..3000], "cut short");
    refused(&whole[..700], "cut short");
    refused(b"", "empty");
    refused(&[9; 4096], "not a tar");
    let mut flipped = Archive::default();
    flipped.add("a", b'0', "", b"x").add("b", b'0', "", b"y");
    let mut bytes = flipped.end();
    bytes[1024] ^= 1;
    refused(&bytes, "no header at byte 1024");
    refused(
        &Archive::default().add("a", b'1', "nowhere", b"").end(),
        "nowhere",
    );
    refused(
        &Archive::default().add("a", b'M', "", b"").end(),
        "several volumes",
    );
    refused(b"\x1F\x8B\x08\0\0\0\0\0\0\0garbage", "bad.tar");
    refused(b"BZh91AY&SY", "bzip2");
}

/// A block that begins with a text.
fn text(text: &str) -> Vec<u8> {
    let mut block = text.as_bytes().to_vec();
    block.resize(512, 0);
    block
}

#[test]
fn what_asks_for_too_much_is_refused() {
    let mut long = header("long", b'x', "", 1 << 32);
    seal(&mut long);
    refused(
        Archive::default().raw(&long, b"").end().as_slice(),
        "more than",
    );
    let mut long = header("long", b'L', "", (1 << 33) - 1);
    seal(&mut long);
    refused(
        Archive::default().raw(&long, b"").end().as_slice(),
        "more than",
    );
    let sparse = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.realsize", "1000"),
    ];
    let mut tar = Archive::default();
    tar.pax(&sparse)
        .add("holes", b'0', "", &text("99999999999\n"));
    refused(&tar.end(), "damaged");
    let mut tar = Archive::default();
    tar.pax(&sparse)
        .add("holes", b'0', "", &text("2\n0\n9\n5\n9\n"));
    refused(&tar.end(), "overlap");
    let mut tar = Archive::default();
    tar.pax(&[("size", "18446744073709551615")])
        .add("huge", b'0', "", b"");
    refused(&tar.end(), "cut short");
    let mut tar = Archive::default();
    tar.pax(&[("path", &"n/".repeat(200_000))])
        .add("deep", b'0', "", b"");
    refused(&tar.end(), "no space left");
    let name = "n".repeat(300);
    let mut tar = Archive::default();
    tar.pax(&[("path", &name)]).add("long", b'0', "", b"");
    refused(&tar.end(), "name too long");
    refused(
        &Archive::default()
            .add("big", b'0', "", &vec![1; 80 << 20])
            .end(),
        "no space left",
    );
}

#[test]
fn nothing_leaves_the_image() {
    if !can_run("nothing_leaves_the_image", &[Need::Root, Need::Loop]) {
        return;
    }
    let work = Work::new();
    let outside = work.path("outside");
    std::fs::create_dir(&outside).unwrap();
    let outside = outside.to_str().unwrap().to_owned();
    let mut tar = Archive::default();
    tar.add("../../up", b'0', "", b"1")
        .add("/root", b'0', "", b"2")
        .add("a/../../b/../c", b'0', "", b"3")
        .add("abs", b'2', "/target", b"")
        .add("abs/in", b'0', "", b"4")
        .add("far", b'2', "../../../../../far-away", b"")
        .add("far/in", b'0', "", b"5")
        .add("host", b'2', &outside, b"")
        .add("host/in", b'0', "", b"6")
        .add("hard", b'1', "../../../up", b"")
        .add("loop", b'2', "loop", b"");
    let source = work.path("evil.tar");
    std::fs::write(&source, tar.end()).unwrap();
    let image = work.create("image.ext4", &source, &[]);
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
    work.mounted(&image, |root| {
        for (path, data) in [
            ("up", "1"),
            ("root", "2"),
            ("c", "3"),
            ("target/in", "4"),
            ("far-away/in", "5"),
            ("hard", "1"),
        ] {
            assert_eq!(
                std::fs::read_to_string(root.join(path)).unwrap(),
                data,
                "{path}"
            );
        }
        let inside = root.join(outside.trim_start_matches('/')).join("in");
        assert_eq!(std::fs::read_to_string(inside).unwrap(), "6");
    });
    let mut tar = Archive::default();
    tar.add("loop", b'2', "loop", b"")
        .add("loop/in", b'0', "", b"7");
    refused(&tar.end(), "too many symbolic links");
}

#[test]
fn every_prefix_and_every_flipped_bit_ends_well() {
    let mut tar = Archive::default();
    tar.add("d/", b'5', "", b"")
        .pax(&[
            ("path", "d/long"),
            ("SCHILY.xattr.user.x", "1"),
            ("mtime", "5.25"),
        ])
        .add("x", b'0', "", b"data")
        .pax(&[
            ("GNU.sparse.map", "0,2,4096,2"),
            ("GNU.sparse.size", "8192"),
        ])
        .add("s", b'0', "", b"abcd")
        .add("l", b'1', "d/long", b"");
    let whole = tar.end();
    let work = Work::new();
    let (source, image) = (work.path("t.tar"), work.path("image.ext4"));
    let mut rng = 12345u32;
    for round in 0..60 {
        let mut bytes = whole.clone();
        rng = rng.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let at = (rng >> 8) as usize % (bytes.len() - 1024);
        if round % 3 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << (rng & 7);
            // A header with its checksum set right again gets further.
            let start = at / 512 * 512;
            let block = bytes.get_mut(start..start + 512);
            if let Some(block) = block.and_then(|b| <&mut [u8; 512]>::try_from(b).ok())
                && block[257..262] == *b"ustar"
            {
                seal(block);
            }
        }
        std::fs::write(&source, bytes).unwrap();
        let status = liveroot(["create", "-q", "--force", "--size", "16M"])
            .arg(&image)
            .arg("--from")
            .arg(&source)
            .output()
            .unwrap();
        match status.status.code() {
            Some(0) => fsck(&image),
            Some(1) => {}
            other => panic!(
                "round {round}: {other:?} {}",
                String::from_utf8_lossy(&status.stderr)
            ),
        }
    }
    run(&mut liveroot(["--version"]));
}
