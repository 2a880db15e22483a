//! The kernel as a judge: it mounts what a power cut left, replays the journal, and finds what the
//! engine finds.

use crate::cuts::Cuts;
use crate::model::{Entry, Found, Listing};
use crate::power::{look, random_script, record};
use crate::random::Random;
use crate::tools::{Dir, JOURNALED, available, e2fsck, keep, repair, write_image};
use crate::{full, wanted};
use lwext4::OpenOptions;
use machine::command::tool;
use machine::e2fsprogs::mke2fs;
use machine::kernel::Mounted;
use machine::requirements::{Need, can_run};
use std::collections::{BTreeMap, HashMap};
use std::ffi::CStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

/// What is in a directory of the host, as [`crate::model::read_volume`] tells it of a volume.
pub fn read_tree(root: &Path) -> io::Result<Found> {
    let mut found = Found {
        listing: Listing::default(),
        contents: HashMap::new(),
    };
    read_dir(root, "", &mut found)?;
    Ok(found)
}

fn read_dir(dir: &Path, path: &str, found: &mut Found) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (host, meta) = (entry.path(), entry.path().symlink_metadata()?);
        if path.is_empty() && entry.file_name() == "lost+found" {
            continue;
        }
        let path = format!("{path}/{}", entry.file_name().to_string_lossy());
        let kind = meta.file_type();
        let (letter, target) = if kind.is_dir() {
            ('d', Vec::new())
        } else if kind.is_symlink() {
            (
                'l',
                std::fs::read_link(&host)?.as_os_str().as_bytes().to_vec(),
            )
        } else if kind.is_fifo() {
            ('p', Vec::new())
        } else {
            found
                .contents
                .insert(path.clone(), Arc::new(std::fs::read(&host)?));
            ('f', Vec::new())
        };
        found.listing.entries.push(Entry {
            path: path.clone(),
            file: meta.ino(),
            letter,
            perm: (meta.mode() & 0o7777) as u16,
            owner: (meta.uid(), meta.gid()),
            nlink: meta.nlink() as u32,
            size: if letter == 'd' { 0 } else { meta.size() },
            target,
            xattrs: xattrs(&host)?,
        });
        if letter == 'd' {
            read_dir(&host, &path, found)?;
        }
    }
    Ok(())
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = vec![0; 65_536];
    let len = rustix::fs::llistxattr(path, &mut names)?;
    let mut found = BTreeMap::new();
    for name in names[..len].split_inclusive(|&byte| byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(io::Error::other)?;
        let mut value = vec![0; 65_536];
        let len = rustix::fs::lgetxattr(path, name, &mut value)?;
        value.truncate(len);
        found.insert(name.to_bytes().to_vec(), value);
    }
    Ok(found)
}

#[test]
fn the_kernel_replays_our_journal_to_what_we_find() {
    let name = "the_kernel_replays_our_journal_to_what_we_find";
    if !available(name) || !can_run(name, &[Need::Loop]) {
        return;
    }
    let dir = Dir::new();
    let samples = if full() { 60 } else { 4 };
    // Few kernels are built with what quota needs.
    let families = JOURNALED.iter().filter(|family| family.name != "quota");
    for (i, family) in families
        .enumerate()
        .filter(|(_, family)| wanted(family.name))
    {
        let seed = crate::seed() * 100 + i as u64;
        let recording = record(family, &dir, seed, OpenOptions::default(), random_script);
        let mut random = Random::new(seed);
        let len = recording.events.len() as u64;
        let mut places: Vec<usize> = (0..samples)
            .map(|_| 1 + random.below(len) as usize)
            .collect();
        places.sort_unstable();
        let mut cuts = Cuts::new(&recording.start, &recording.events);
        let mut replayed = 0;
        for at in places {
            let cut = Arc::new(cuts.reordered(at, &mut random));
            let path = dir.file("image");
            write_image(&path, &cut.to_bytes());
            let check = || -> Result<(), String> {
                let ours = look(cut.clone())?;
                let mounted = Mounted::new(&path, "")?;
                let theirs = read_tree(mounted.path()).map_err(|e| e.to_string())?;
                drop(mounted);
                if ours.listing.text(&[]) != theirs.listing.text(&[]) {
                    return Err(format!(
                        "the kernel finds\n{}, and we\n{}",
                        theirs.listing.text(&[]),
                        ours.listing.text(&[])
                    ));
                }
                if ours.contents != theirs.contents {
                    return Err("the kernel finds other contents".into());
                }
                recording.history.check(at, &theirs)?;
                e2fsck("-fn", &path, &[0]).map(|_| ())
            };
            check().unwrap_or_else(|e| {
                keep(&format!("cut-{at}.img"), &cut.to_bytes());
                panic!("{}, seed {seed}, {at} events: {e}", family.name)
            });
            replayed += 1;
        }
        println!("{}: {replayed} images mounted by the kernel", family.name);
    }
}

/// What `tools::repair` makes allowance for, seen on images that only mke2fs and the kernel have written.
/// When e2fsck does better, the allowance can go.
#[test]
fn e2fsck_forgets_what_orphans_have() {
    let name = "e2fsck_forgets_what_orphans_have";
    if !available(name) || !can_run(name, &[Need::Loop]) {
        return;
    }
    let shared = ["x"; 2].map(|value| value.repeat(5000));
    let own = ["x", "y"].map(|value| value.repeat(5000));
    let block = ["x", "y"].map(|value| value.repeat(500));
    let shared_block = ["x"; 2].map(|value| value.repeat(500));
    for (feature, values, left) in [
        ("ea_inode", shared, "ref count is 2, should be 1"),
        ("ea_inode", own, "Unattached inode "),
        ("inline_data", block, "Block bitmap differences:  -"),
        (
            "inline_data",
            shared_block,
            "has reference count 2, should be 1",
        ),
    ] {
        let dir = Dir::new();
        let path = dir.file("image");
        mke2fs(&path, 32 << 20, ["-t", "ext4", "-O", feature]);
        let mounted = Mounted::new(&path, "").unwrap();
        for (name, value) in ["one", "two"].into_iter().zip(values) {
            let file = mounted.join(name);
            std::fs::write(&file, "data").unwrap();
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(&file, "user.long", value.as_bytes(), flags).unwrap();
        }
        let held = std::fs::File::open(mounted.join("one")).unwrap();
        std::fs::remove_file(mounted.join("one")).unwrap();
        tool("sync", [Path::new("-f"), mounted.path()]);
        let crashed = dir.file("crashed");
        std::fs::copy(&path, &crashed).unwrap();
        drop(held);
        drop(mounted);
        e2fsck("-p", &crashed, &[0, 1]).unwrap();
        let found = e2fsck("-fn", &crashed, &[0]).expect_err("allowance is needed no more");
        assert!(found.contains(left), "{found}");
        repair(feature, &crashed).unwrap();
    }
}
