//! What a file system should hold, step by step, and what was promised about it.

use lwext4::{FileType, Ino, Volume};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

/// A file in the model: the same one whatever its names.
pub type Id = usize;

pub const ROOT: Id = 0;

#[derive(Clone, PartialEq)]
pub enum Kind {
    File(Arc<Vec<u8>>),
    Dir(BTreeMap<Vec<u8>, Id>),
    Symlink(Vec<u8>),
    Fifo,
}

#[derive(Clone, PartialEq)]
pub struct Node {
    pub kind: Kind,
    pub perm: u16,
    pub uid: u32,
    pub gid: u32,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Node {
    pub fn new(kind: Kind, perm: u16) -> Node {
        Node {
            kind,
            perm,
            uid: 0,
            gid: 0,
            xattrs: BTreeMap::new(),
        }
    }

    /// A file's content.
    pub fn content(&self) -> Option<&Arc<Vec<u8>>> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }
}

/// A whole tree at one moment. Nodes are shared with the moments before and after.
#[derive(Clone)]
pub struct Tree {
    pub nodes: HashMap<Id, Arc<Node>>,
    next: Id,
}

impl Tree {
    /// A new file system's tree: a root.
    pub fn new() -> Tree {
        let root = Node::new(Kind::Dir(BTreeMap::new()), 0o755);
        Tree {
            nodes: HashMap::from([(ROOT, Arc::new(root))]),
            next: 1,
        }
    }

    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[&id]
    }

    pub fn change(&mut self, id: Id) -> &mut Node {
        Arc::make_mut(self.nodes.get_mut(&id).expect("the node exists"))
    }

    pub fn entries(&self, dir: Id) -> &BTreeMap<Vec<u8>, Id> {
        match &self.node(dir).kind {
            Kind::Dir(entries) => entries,
            _ => panic!("not a directory"),
        }
    }

    pub fn entries_mut(&mut self, dir: Id) -> &mut BTreeMap<Vec<u8>, Id> {
        match &mut self.change(dir).kind {
            Kind::Dir(entries) => entries,
            _ => panic!("not a directory"),
        }
    }

    pub fn is_dir(&self, id: Id) -> bool {
        matches!(self.node(id).kind, Kind::Dir(_))
    }

    pub fn insert(&mut self, dir: Id, name: &[u8], node: Node) -> Id {
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, Arc::new(node));
        self.entries_mut(dir).insert(name.to_vec(), id);
        id
    }

    /// Takes a name away, and the file with its last one: whether it was the last.
    pub fn remove(&mut self, dir: Id, name: &[u8]) -> bool {
        let id = self.entries_mut(dir).remove(name).expect("the name exists");
        let last = self.links(id).is_empty();
        if last {
            self.nodes.remove(&id);
        }
        last
    }

    /// Every name of a file: directory and name.
    pub fn links(&self, id: Id) -> Vec<(Id, Vec<u8>)> {
        let mut links = Vec::new();
        for (&dir, node) in &self.nodes {
            if let Kind::Dir(entries) = &node.kind {
                let here = entries.iter().filter(|&(_, &to)| to == id);
                links.extend(here.map(|(name, _)| (dir, name.clone())));
            }
        }
        links.sort();
        links
    }

    /// Whether `ancestor` is `id` or above it.
    pub fn is_above(&self, ancestor: Id, id: Id) -> bool {
        let mut at = id;
        while at != ancestor {
            match self.links(at).first() {
                Some(&(dir, _)) => at = dir,
                None => return false,
            }
        }
        true
    }

    /// Every name in the tree with what is behind it.
    pub fn listing(&self) -> Listing {
        let mut listing = Listing::default();
        let mut nlinks: HashMap<Id, u32> = HashMap::new();
        for node in self.nodes.values() {
            if let Kind::Dir(entries) = &node.kind {
                for &to in entries.values() {
                    *nlinks.entry(to).or_default() += 1;
                }
            }
        }
        self.list(ROOT, "", &nlinks, &mut listing);
        listing
    }

    fn list(&self, dir: Id, path: &str, nlinks: &HashMap<Id, u32>, listing: &mut Listing) {
        for (name, &id) in self.entries(dir) {
            let node = self.node(id);
            let path = format!("{path}/{}", String::from_utf8_lossy(name));
            let (letter, size, target) = match &node.kind {
                Kind::File(content) => ('f', content.len() as u64, &[][..]),
                Kind::Dir(_) => ('d', 0, &[][..]),
                Kind::Symlink(target) => ('l', target.len() as u64, &target[..]),
                Kind::Fifo => ('p', 0, &[][..]),
            };
            let subdirs = match &node.kind {
                Kind::Dir(entries) => entries.values().filter(|&&id| self.is_dir(id)).count(),
                _ => 0,
            };
            let nlink = match node.kind {
                Kind::Dir(_) => 2 + subdirs as u32,
                _ => nlinks[&id],
            };
            listing.add(Entry {
                path: path.clone(),
                file: id as u64,
                letter,
                perm: node.perm,
                owner: (node.uid, node.gid),
                nlink,
                size,
                target: target.to_vec(),
                xattrs: node.xattrs.clone(),
            });
            if self.is_dir(id) {
                self.list(id, &path, nlinks, listing);
            }
        }
    }
}

/// One name in a [`Listing`].
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: String,
    /// The same for all names of one file.
    pub file: u64,
    pub letter: char,
    pub perm: u16,
    pub owner: (u32, u32),
    pub nlink: u32,
    pub size: u64,
    pub target: Vec<u8>,
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A tree as text, to be compared, whatever the files are called inside.
#[derive(Clone, Default)]
pub struct Listing {
    pub entries: Vec<Entry>,
}

impl Listing {
    fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// The text; sizes of the files in `unsure` are left out.
    pub fn text(&self, unsure: &[&str]) -> String {
        let mut sorted: Vec<&Entry> = self.entries.iter().collect();
        sorted.sort_by(|a, b| a.path.cmp(&b.path));
        let mut first: HashMap<u64, &str> = HashMap::new();
        let mut text = String::new();
        for entry in sorted {
            let same = first.entry(entry.file).or_insert(&entry.path);
            let size = if unsure.contains(&entry.path.as_str()) {
                u64::MAX
            } else {
                entry.size
            };
            writeln!(
                text,
                "{} {}{:o} {}:{} {} {size} {same} {} {:?}",
                entry.path,
                entry.letter,
                entry.perm,
                entry.owner.0,
                entry.owner.1,
                entry.nlink,
                String::from_utf8_lossy(&entry.target),
                entry.xattrs,
            )
            .expect("strings take all");
        }
        text
    }
}

/// What an open volume holds: the listing, and the content of each file.
pub struct Found {
    pub listing: Listing,
    /// By path.
    pub contents: HashMap<String, Arc<Vec<u8>>>,
}

/// Reads a whole volume.
pub fn read_volume(volume: &Volume) -> lwext4::Result<Found> {
    let mut found = Found {
        listing: Listing::default(),
        contents: HashMap::new(),
    };
    let mut by_ino = HashMap::new();
    read_dir(volume, Ino::ROOT, "", &mut found, &mut by_ino)?;
    Ok(found)
}

fn read_dir(
    volume: &Volume,
    dir: Ino,
    path: &str,
    found: &mut Found,
    by_ino: &mut HashMap<Ino, Arc<Vec<u8>>>,
) -> lwext4::Result<()> {
    let mut names = Vec::new();
    volume.read_dir(dir, 0, &mut |entry| {
        names.push((entry.name.to_vec(), entry.ino));
        true
    })?;
    for (name, ino) in names {
        let hidden = dir == Ino::ROOT && name == b"lost+found";
        if name == b"." || name == b".." || hidden {
            continue;
        }
        let attr = volume.lookup(dir, &name)?.attr;
        assert_eq!(attr.ino, ino);
        let path = format!("{path}/{}", String::from_utf8_lossy(&name));
        let mut xattrs = BTreeMap::new();
        for name in volume.listxattr(ino)? {
            let value = volume.getxattr(ino, &name)?;
            xattrs.insert(name, value);
        }
        let (letter, target) = match attr.file_type {
            FileType::Regular => ('f', Vec::new()),
            FileType::Directory => ('d', Vec::new()),
            FileType::Symlink => ('l', volume.readlink(ino)?),
            FileType::Fifo => ('p', Vec::new()),
            _ => ('?', Vec::new()),
        };
        if letter == 'f' {
            let content = match by_ino.get(&ino) {
                Some(content) => content.clone(),
                None => {
                    let mut content = vec![0; attr.size as usize];
                    let n = volume.read(ino, 0, &mut content)?;
                    assert_eq!(n, content.len());
                    by_ino.insert(ino, Arc::new(content));
                    by_ino[&ino].clone()
                }
            };
            found.contents.insert(path.clone(), content);
        }
        found.listing.add(Entry {
            path: path.clone(),
            file: u64::from(ino.0),
            letter,
            perm: attr.perm,
            owner: (attr.uid, attr.gid),
            nlink: attr.nlink,
            size: if letter == 'd' { 0 } else { attr.size },
            target,
            xattrs,
        });
        if letter == 'd' {
            read_dir(volume, ino, &path, found, by_ino)?;
        }
        volume.forget(ino, 1);
    }
    Ok(())
}
