//! Whole trees put into a volume at once, as an import does it.

use crate::choices::Choices;
use crate::tree::acl;
use crate::walk::Place;
use bytes::Bytes;
use lwext4::*;

/// The most pieces of data that a file has.
const PIECES: usize = 20;

/// Makes `count` files in directories of `places`, and replaces some.
pub fn fill(volume: &Volume, places: &[Place], count: usize, choices: &mut Choices<'_>) {
    let options = BulkOptions {
        writers: choices.below(3),
        steady: choices.one_in(2),
    };
    let Ok(mut bulk) = volume.bulk(options) else {
        return;
    };
    let block = volume.statfs().block_size as usize;
    let mut dirs: Vec<Ino> = places
        .iter()
        .filter(|place| place.file_type == Some(FileType::Directory))
        .map(|place| place.ino)
        .collect();
    dirs.push(Ino::ROOT);
    for i in 0..count {
        let parent = choices.pick(&dirs).copied().unwrap_or(Ino::ROOT);
        let name = format!("{i}-{}", "b".repeat(choices.below(200)));
        let node = node(choices);
        let piece = Bytes::from(vec![0xB0; block * (1 + choices.below(3))]);
        let pieces = vec![piece; choices.below(PIECES)];
        let size = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        let content = match node.file_type {
            FileType::Regular => Content {
                at: choices.below(4) as u64 * block as u64,
                pieces: &pieces,
                size,
            },
            _ => Content::EMPTY,
        };
        let times = [ParentTimes::Touch, ParentTimes::Keep][choices.below(2)];
        let Ok(ino) = bulk.create(parent, name.as_bytes(), &node, times, content) else {
            continue;
        };
        match node.file_type {
            FileType::Directory => dirs.push(ino),
            FileType::Regular if choices.one_in(2) => {
                let at = content.at + size + block as u64 * choices.below(3) as u64;
                let _ = bulk.append(ino, Content { at, ..content });
                let _ = bulk.complete(ino, at + size + choices.below(9_000) as u64);
            }
            _ => {}
        }
        let old = choices.pick(places).cloned();
        if let Some(old) = old.filter(|_| choices.one_in(3)) {
            let _ = bulk.link(ino, old.parent, b"linked in bulk");
            let _ = bulk.update(old.ino, &node);
            let _ = bulk.unlink(old.parent, &old.name);
            let _ = bulk.rmdir(old.parent, &old.name);
        }
        if choices.one_in(20) {
            let _ = bulk.flush();
        }
    }
    let _ = bulk.finish();
}

/// A new file of any type.
fn node(choices: &mut Choices<'_>) -> Node {
    let types = [
        FileType::Regular,
        FileType::Regular,
        FileType::Directory,
        FileType::Symlink,
        FileType::CharDevice,
    ];
    let now = Timestamp::now();
    let mut xattrs = Vec::new();
    if choices.one_in(3) {
        xattrs.push((b"system.posix_acl_access".to_vec(), acl()));
    }
    if choices.one_in(3) {
        let most = [100, 3_000, 9_000][choices.below(3)];
        xattrs.push((b"user.bulk".to_vec(), vec![8; choices.below(most)]));
    }
    Node {
        file_type: types[choices.below(types.len())],
        perm: 0o755,
        uid: choices.below(100_000) as u32,
        gid: 0,
        device: (7, 7),
        atime: now,
        mtime: now,
        ctime: now,
        crtime: now,
        target: vec![b't'; 1 + choices.below(200)],
        xattrs,
    }
}
