//! The image read by ext4-view, which shares no code with us.

use crate::tree::{Id, Time};
use crate::world::World;
use ext4_view::{Ext4, FileType as ViewType, PathBuf};
use lwext4::{FileType, Timestamp};
use std::path::Path;

/// ext4-view reads a file block by block from its start: larger ones take too long.
const LARGEST: u64 = 32 << 20;
/// It opens no longer paths.
const LONGEST: usize = 4096;

impl World {
    /// Compares the (closed) image with the model.
    pub fn compare_view(&self, image: &Path) {
        let view = Ext4::load_from_path(image).expect("ext4-view opens the image");
        let mut todo = vec![(PathBuf::new("/"), self.tree.root)];
        if !self.readable_times(self.tree.root) {
            return;
        }
        while let Some((path, dir)) = todo.pop() {
            let mut names = Vec::new();
            for entry in view.read_dir(&path).expect("reading a directory") {
                let entry = entry.expect("a directory entry");
                let name = entry.file_name();
                let name: &[u8] = name.as_ref();
                if name == b"." || name == b".." {
                    continue;
                }
                let id = self.tree.node(dir).names.get(name).copied();
                let id = id.unwrap_or_else(|| panic!("{name:?} is not in the model"));
                names.push(name.to_vec());
                let path = path.join(name);
                let too_long = AsRef::<[u8]>::as_ref(&path).len() >= LONGEST;
                if too_long || !self.readable_times(id) {
                    continue;
                }
                self.compare_viewed(&view, &path, id);
                if self.tree.node(id).is_dir() {
                    todo.push((path, id));
                }
            }
            names.sort();
            let wanted: Vec<_> = self.tree.node(dir).names.keys().cloned().collect();
            assert_eq!(names, wanted, "names in {}", path.display());
        }
    }

    /// ext4-view 1.0 takes a time for damage when the low word of its seconds is negative.
    fn readable_times(&self, id: Id) -> bool {
        let node = self.tree.node(id);
        [node.atime, node.mtime, node.ctime]
            .iter()
            .all(|time| match time {
                Time::Exact(time) => time.secs as i32 >= 0,
                Time::Since(_) => true,
            })
    }

    fn compare_viewed(&self, view: &Ext4, path: &PathBuf, id: Id) {
        let node = self.tree.node(id);
        let what = self.label(id);
        let meta = view.symlink_metadata(path).expect("metadata");
        let file_type = match meta.file_type() {
            ViewType::BlockDevice => FileType::BlockDevice,
            ViewType::CharacterDevice => FileType::CharDevice,
            ViewType::Directory => FileType::Directory,
            ViewType::Fifo => FileType::Fifo,
            ViewType::Regular => FileType::Regular,
            ViewType::Socket => FileType::Socket,
            ViewType::Symlink => FileType::Symlink,
        };
        assert_eq!(file_type, node.file_type, "{what}: type");
        assert_eq!(meta.mode() & 0o7777, node.perm, "{what}: permissions");
        assert_eq!(
            (meta.uid(), meta.gid()),
            (node.uid, node.gid),
            "{what}: owner"
        );
        let times = [(meta.accessed(), node.atime), (meta.modified(), node.mtime)];
        for (found, wanted) in times {
            if let Time::Exact(wanted) = wanted {
                let found = Timestamp {
                    secs: found.seconds(),
                    nanos: found.nanoseconds(),
                };
                assert_eq!(found, wanted, "{what}: time");
            }
        }
        match node.file_type {
            FileType::Regular => {
                assert_eq!(meta.len(), node.content.size(), "{what}: size");
                // It shows what was on disk before in blocks that are allocated but not written.
                if meta.len() <= LARGEST && !node.preallocated {
                    let found = match view.read(path) {
                        Ok(found) => found,
                        // It knows no indirect blocks that are missing: large holes.
                        Err(_) if !self.facts.extents => return,
                        Err(error) => panic!("reading {what}: {error}"),
                    };
                    let mut wanted = vec![0; found.len()];
                    assert_eq!(node.content.read(0, &mut wanted), found.len());
                    crate::data::same_bytes(&found, &wanted, 0);
                }
            }
            // It takes no targets with a component that is too long for a name.
            FileType::Symlink if node.target.split(|&b| b == b'/').all(|c| c.len() <= 255) => {
                let target = view.read_link(path).expect("a link");
                assert_eq!(target.as_ref() as &[u8], node.target, "{what}: target");
            }
            _ => {}
        }
    }
}
