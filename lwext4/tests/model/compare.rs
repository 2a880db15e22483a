//! The whole volume against the whole model.

use crate::data::same_bytes;
use crate::tree::Id;
use crate::world::World;
use lwext4::FileType;

/// The largest piece of data that is read at once.
const PIECE: u64 = 1 << 18;

impl World {
    /// Every inode that the model knows must be as the model says.
    pub fn compare(&mut self) {
        for id in self.tree.ids() {
            self.check_attr(id);
            self.check_xattrs(id);
            match self.tree.node(id).file_type {
                FileType::Regular => self.check_data(id),
                FileType::Symlink => {
                    let node = self.tree.node(id);
                    let target = self.v().readlink(node.ino).expect("readlink");
                    assert_eq!(target, node.target, "target of {}", self.label(id));
                }
                FileType::Directory if self.tree.node(id).nlink > 0 => {
                    self.check_dir(id, id % 2 == 0);
                    self.check_names(id);
                }
                _ => {}
            }
        }
    }

    fn check_names(&mut self, dir: Id) {
        let node = self.tree.node(dir);
        for (name, &id) in &node.names {
            let entry = match self.v().lookup(node.ino, name) {
                Ok(entry) => entry,
                Err(error) => panic!("{:?} of {}: {error:?}", name, self.label(dir)),
            };
            assert_eq!(entry.attr.ino, self.tree.node(id).ino);
            self.v().forget(entry.attr.ino, 1);
        }
    }

    /// Reads all data of a file; holes are only asked for.
    pub fn check_data(&mut self, id: Id) {
        let size = self.tree.node(id).content.size();
        let mut at = 0;
        while at < size {
            let (Some(data), _) = self.seek(id, at) else {
                break;
            };
            let (_, Some(hole)) = self.seek(id, data) else {
                break;
            };
            assert!(
                hole > data,
                "a hole begins where data is: {data} of {}",
                self.label(id)
            );
            let mut from = data;
            while from < hole {
                let len = (hole - from).min(PIECE) as usize;
                let (mut found, mut wanted) = (vec![0; len], vec![0; len]);
                let node = self.tree.node(id);
                let n = self.v().read(node.ino, from, &mut found).expect("reading");
                node.content.read(from, &mut wanted);
                assert_eq!(n, len, "short read of {}", self.label(id));
                same_bytes(&found, &wanted, from);
                from += len as u64;
            }
            at = hole;
        }
        // One read across a hole, which seeking above passes over.
        let mut bytes = [0xAA; 5000];
        let mut wanted = [0; 5000];
        let node = self.tree.node(id);
        let from = size.saturating_sub(4000);
        let n = self.v().read(node.ino, from, &mut bytes).expect("reading");
        assert_eq!(n, node.content.read(from, &mut wanted));
        same_bytes(&bytes[..n], &wanted[..n], from);
    }

    /// Deletes everything below the root, and the root's extended attributes.
    pub fn delete_all(&mut self) {
        while let Some(&id) = self.held.last() {
            self.held.pop();
            self.v().forget(self.tree.node(id).ino, 1);
            self.tree.node_mut(id).holds -= 1;
            self.bury(id);
        }
        self.empty(self.tree.root);
        let names: Vec<_> = self
            .tree
            .node(self.tree.root)
            .xattrs
            .keys()
            .cloned()
            .collect();
        for name in names {
            self.removexattr(self.tree.root, &name);
        }
        self.settle();
        assert_eq!(self.tree.len(), 1, "nodes are left");
    }

    fn empty(&mut self, dir: Id) {
        let mut todo = vec![dir];
        while let Some(&at) = todo.last() {
            let entry = self.tree.node(at).names.iter().next();
            let Some((name, &id)) = entry.map(|(name, id)| (name.clone(), id)) else {
                todo.pop();
                continue;
            };
            let node = self.tree.node(id);
            if node.is_dir() && !node.names.is_empty() {
                todo.push(id);
            } else {
                let is_dir = node.is_dir();
                self.remove(at, &name, is_dir);
            }
        }
    }
}
