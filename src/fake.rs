#![allow(missing_docs)]
//! In-memory stand-in for the engine while it is written. Not part of the product.
use lwext4::*;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Power,
    Process,
    None,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsyncMode {
    Honour,
    Ignore,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMode {
    Plain,
    Writeback,
}
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub read_only: bool,
    pub durability: Durability,
    pub norecovery: bool,
    pub cache_bytes: usize,
    pub commit_interval: Duration,
    pub fsync: FsyncMode,
}
impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions {
            read_only: false,
            durability: Durability::Power,
            norecovery: false,
            cache_bytes: 32 << 20,
            commit_interval: Duration::from_secs(5),
            fsync: FsyncMode::Honour,
        }
    }
}
#[derive(Debug, Clone)]
struct Node {
    attr: Attr,
    data: Vec<u8>,
    children: BTreeMap<Vec<u8>, Ino>,
    parent: Ino,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    holds: u64,
}
#[derive(Debug)]
struct State {
    nodes: HashMap<Ino, Node>,
    next: u32,
}
pub struct Volume {
    state: Mutex<State>,
    device: Arc<dyn BlockDevice>,
}
impl std::fmt::Debug for Volume {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Volume")
    }
}
const LIMIT: usize = 64 << 20;
fn new_attr(ino: Ino, file_type: FileType, perm: u16, uid: u32, gid: u32) -> Attr {
    let now = Timestamp::now();
    Attr {
        ino,
        generation: 1,
        file_type,
        perm,
        nlink: if file_type == FileType::Directory { 2 } else { 1 },
        uid,
        gid,
        size: if file_type == FileType::Directory { 4096 } else { 0 },
        sectors: 0,
        device: (0, 0),
        atime: now,
        mtime: now,
        ctime: now,
        crtime: Some(now),
        flags: 0,
        projid: 0,
    }
}
fn node(attr: Attr, parent: Ino) -> Node {
    Node {
        attr,
        data: vec![],
        children: BTreeMap::new(),
        parent,
        xattrs: BTreeMap::new(),
        holds: 0,
    }
}
impl State {
    fn get(&mut self, ino: Ino) -> Result<&mut Node> {
        self.nodes.get_mut(&ino).ok_or(Error::NotFound)
    }
    fn child(&mut self, parent: Ino, name: &[u8]) -> Result<Ino> {
        if name.len() > 255 {
            return Err(Error::NameTooLong);
        }
        self.get(parent)?
            .children
            .get(name)
            .copied()
            .ok_or(Error::NotFound)
    }
    fn reap(&mut self, ino: Ino) {
        if let Some(n) = self.nodes.get(&ino)
            && n.holds == 0
            && (n.attr.nlink == 0 || n.attr.file_type == FileType::Directory && n.attr.nlink < 2)
        {
            self.nodes.remove(&ino);
        }
    }
    fn add(&mut self, parent: Ino, name: &[u8], mut attr: Attr) -> Result<&mut Node> {
        if name.len() > 255 {
            return Err(Error::NameTooLong);
        }
        let dir = self.get(parent)?;
        if dir.children.contains_key(name) {
            return Err(Error::Exists);
        }
        if dir.attr.perm & 0o2000 != 0 {
            attr.gid = dir.attr.gid;
            if attr.file_type == FileType::Directory {
                attr.perm |= 0o2000;
            }
        }
        if attr.file_type == FileType::Directory {
            dir.attr.nlink += 1;
        }
        let ino = Ino(self.next);
        self.next += 1;
        attr.ino = ino;
        let dir = self.get(parent)?;
        dir.attr.mtime = Timestamp::now();
        dir.attr.ctime = dir.attr.mtime;
        dir.children.insert(name.to_vec(), ino);
        let mut n = node(attr, parent);
        n.holds = 1;
        self.nodes.insert(ino, n);
        self.get(ino)
    }
    fn used(&self) -> usize {
        self.nodes.values().map(|n| n.data.len()).sum()
    }
}
impl Volume {
    pub fn open(device: Arc<dyn BlockDevice>, _options: OpenOptions) -> Result<Volume> {
        let mut raw = vec![0; 1024];
        device
            .read_at(&mut raw, 1024)
            .map_err(|e| Error::io("reading the superblock", e))?;
        let sb = ondisk::superblock::Superblock::from_bytes(&raw)
            .ok_or(Error::NotExt4("short".into()))?;
        if sb.magic() != ondisk::superblock::MAGIC {
            return Err(Error::NotExt4("the magic number is missing".into()));
        }
        for name in sb.features().names() {
            if name.starts_with("FEATURE_I") {
                return Err(Error::Unsupported(format!("unknown feature {name}")));
            }
        }
        if sb.blocks_count() * u64::from(sb.block_size().unwrap_or(4096)) > device.size() {
            return Err(Error::NotExt4("the image is cut short".into()));
        }
        let mut nodes = HashMap::new();
        nodes.insert(
            Ino(2),
            node(new_attr(Ino(2), FileType::Directory, 0o755, 0, 0), Ino(2)),
        );
        Ok(Volume {
            state: Mutex::new(State { nodes, next: 11 }),
            device,
        })
    }
    pub fn close(self) -> Result<()> {
        self.device.flush().map_err(|e| Error::io("flushing", e))
    }
    pub fn lookup(&self, parent: Ino, name: &[u8]) -> Result<Entry> {
        let mut s = self.state.lock();
        let ino = s.child(parent, name)?;
        let n = s.get(ino)?;
        n.holds += 1;
        Ok(Entry { attr: n.attr })
    }
    pub fn forget(&self, ino: Ino, count: u64) {
        let mut s = self.state.lock();
        if let Ok(n) = s.get(ino) {
            n.holds = n.holds.saturating_sub(count);
        }
        s.reap(ino);
    }
    pub fn getattr(&self, ino: Ino) -> Result<Attr> {
        Ok(self.state.lock().get(ino)?.attr)
    }
    pub fn setattr(&self, ino: Ino, set: &SetAttr) -> Result<Attr> {
        let mut s = self.state.lock();
        let n = s.get(ino)?;
        let a = &mut n.attr;
        if let Some(p) = set.perm {
            a.perm = p;
        }
        if set.kill_suid {
            a.perm &= !0o4000;
            if a.perm & 0o10 != 0 {
                a.perm &= !0o2000;
            }
        }
        a.uid = set.uid.unwrap_or(a.uid);
        a.gid = set.gid.unwrap_or(a.gid);
        let now = Timestamp::now();
        if let Some(size) = set.size {
            n.data.resize(size as usize, 0);
            a.size = size;
            a.mtime = now;
        }
        a.atime = set.atime.unwrap_or(a.atime);
        a.mtime = set.mtime.unwrap_or(a.mtime);
        a.ctime = set.ctime.unwrap_or(now);
        Ok(n.attr)
    }
    pub fn create(&self, parent: Ino, name: &[u8], new: &NewFile) -> Result<Entry> {
        let mut s = self.state.lock();
        let mut attr = new_attr(
            Ino(0),
            new.file_type,
            new.perm & !new.umask,
            new.uid,
            new.gid,
        );
        attr.device = new.device;
        Ok(Entry {
            attr: s.add(parent, name, attr)?.attr,
        })
    }
    pub fn symlink(
        &self,
        parent: Ino,
        name: &[u8],
        target: &[u8],
        uid: u32,
        gid: u32,
    ) -> Result<Entry> {
        let mut s = self.state.lock();
        let attr = new_attr(Ino(0), FileType::Symlink, 0o777, uid, gid);
        let n = s.add(parent, name, attr)?;
        n.data = target.to_vec();
        n.attr.size = target.len() as u64;
        Ok(Entry { attr: n.attr })
    }
    pub fn readlink(&self, ino: Ino) -> Result<Vec<u8>> {
        Ok(self.state.lock().get(ino)?.data.clone())
    }
    pub fn link(&self, ino: Ino, parent: Ino, name: &[u8]) -> Result<Entry> {
        let mut s = self.state.lock();
        if s.child(parent, name).is_ok() {
            return Err(Error::Exists);
        }
        s.get(parent)?.children.insert(name.to_vec(), ino);
        let n = s.get(ino)?;
        n.attr.nlink += 1;
        n.holds += 1;
        Ok(Entry { attr: n.attr })
    }
    pub fn unlink(&self, parent: Ino, name: &[u8]) -> Result<()> {
        let mut s = self.state.lock();
        let ino = s.child(parent, name)?;
        s.get(parent)?.children.remove(name);
        s.get(ino)?.attr.nlink -= 1;
        s.reap(ino);
        Ok(())
    }
    pub fn rmdir(&self, parent: Ino, name: &[u8]) -> Result<()> {
        let mut s = self.state.lock();
        let ino = s.child(parent, name)?;
        let n = s.get(ino)?;
        if n.attr.file_type != FileType::Directory {
            return Err(Error::NotADirectory);
        }
        if !n.children.is_empty() {
            return Err(Error::NotEmpty);
        }
        n.attr.nlink = 0;
        let p = s.get(parent)?;
        p.children.remove(name);
        p.attr.nlink -= 1;
        s.reap(ino);
        Ok(())
    }
    pub fn rename(
        &self,
        from: Ino,
        name: &[u8],
        to: Ino,
        new_name: &[u8],
        mode: RenameMode,
    ) -> Result<()> {
        let mut s = self.state.lock();
        let ino = s.child(from, name)?;
        let target = s.child(to, new_name).ok();
        match (mode, target) {
            (RenameMode::NoReplace, Some(_)) => return Err(Error::Exists),
            (RenameMode::Exchange, None) => return Err(Error::NotFound),
            (RenameMode::Exchange, Some(t)) => {
                s.get(from)?.children.insert(name.to_vec(), t);
                s.get(to)?.children.insert(new_name.to_vec(), ino);
                return Ok(());
            }
            _ => {}
        }
        if let Some(t) = target {
            if !s.get(t)?.children.is_empty() {
                return Err(Error::NotEmpty);
            }
            s.get(t)?.attr.nlink -= 1;
            s.reap(t);
        }
        s.get(from)?.children.remove(name);
        s.get(to)?.children.insert(new_name.to_vec(), ino);
        if s.get(ino)?.attr.file_type == FileType::Directory {
            s.get(ino)?.parent = to;
            s.get(from)?.attr.nlink -= 1;
            s.get(to)?.attr.nlink += 1;
        }
        Ok(())
    }
    pub fn read(&self, ino: Ino, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let mut s = self.state.lock();
        let data = &s.get(ino)?.data;
        let tail = data.get(offset as usize..).unwrap_or(&[]);
        let n = tail.len().min(buf.len());
        buf[..n].copy_from_slice(&tail[..n]);
        Ok(n)
    }
    pub fn write(&self, ino: Ino, offset: u64, data: &[u8], _how: WriteMode) -> Result<usize> {
        let mut s = self.state.lock();
        let end = offset as usize + data.len();
        if s.used() + data.len() > LIMIT {
            return Err(Error::NoSpace);
        }
        let n = s.get(ino)?;
        if n.data.len() < end {
            n.data.resize(end, 0);
        }
        n.data[offset as usize..end].copy_from_slice(data);
        n.attr.size = n.data.len() as u64;
        n.attr.sectors = n.attr.size.div_ceil(512);
        Ok(data.len())
    }
    pub fn fallocate(&self, ino: Ino, offset: u64, len: u64, mode: FallocateMode) -> Result<()> {
        let mut s = self.state.lock();
        let n = s.get(ino)?;
        let end = (offset + len) as usize;
        match mode {
            FallocateMode::Allocate { keep_size } => {
                if !keep_size && n.data.len() < end {
                    n.data.resize(end, 0);
                }
            }
            FallocateMode::PunchHole | FallocateMode::ZeroRange { .. } => {
                let end = end.min(n.data.len());
                if let Some(r) = n.data.get_mut(offset as usize..end) {
                    r.fill(0)
                }
            }
        }
        n.attr.size = n.data.len() as u64;
        Ok(())
    }
    pub fn seek_data(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        let size = self.getattr(ino)?.size;
        Ok((offset < size).then_some(offset))
    }
    pub fn seek_hole(&self, ino: Ino, offset: u64) -> Result<Option<u64>> {
        let size = self.getattr(ino)?.size;
        Ok((offset < size).then_some(size))
    }
    fn list(&self, ino: Ino) -> Result<Vec<(Ino, Vec<u8>, Attr)>> {
        let mut s = self.state.lock();
        let n = s.get(ino)?.clone();
        let mut out = vec![
            (ino, b".".to_vec(), n.attr),
            (n.parent, b"..".to_vec(), n.attr),
        ];
        for (name, &child) in &n.children {
            out.push((child, name.clone(), s.get(child)?.attr));
        }
        Ok(out)
    }
    pub fn read_dir(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<()> {
        for (i, (ino, name, attr)) in self.list(ino)?.iter().enumerate().skip(from as usize) {
            let e = DirEntry {
                ino: *ino,
                file_type: Some(attr.file_type),
                name,
                next: i as u64 + 1,
            };
            if !each(e) {
                break;
            }
        }
        Ok(())
    }
    pub fn read_dir_plus(
        &self,
        ino: Ino,
        from: u64,
        each: &mut dyn FnMut(DirEntry<'_>, Option<Attr>) -> bool,
    ) -> Result<()> {
        for (i, (ino, name, attr)) in self.list(ino)?.iter().enumerate().skip(from as usize) {
            let e = DirEntry {
                ino: *ino,
                file_type: Some(attr.file_type),
                name,
                next: i as u64 + 1,
            };
            if !each(e, (i > 1).then_some(*attr)) {
                break;
            }
            if i > 1 {
                self.state.lock().get(*ino)?.holds += 1;
            }
        }
        Ok(())
    }
    pub fn getxattr(&self, ino: Ino, name: &[u8]) -> Result<Vec<u8>> {
        let mut s = self.state.lock();
        s.get(ino)?
            .xattrs
            .get(name)
            .cloned()
            .ok_or(Error::NoAttribute)
    }
    pub fn setxattr(&self, ino: Ino, name: &[u8], value: &[u8], mode: SetXattrMode) -> Result<()> {
        let mut s = self.state.lock();
        let x = &mut s.get(ino)?.xattrs;
        match (mode, x.contains_key(name)) {
            (SetXattrMode::Create, true) => return Err(Error::Exists),
            (SetXattrMode::Replace, false) => return Err(Error::NoAttribute),
            _ => {}
        }
        x.insert(name.to_vec(), value.to_vec());
        Ok(())
    }
    pub fn listxattr(&self, ino: Ino) -> Result<Vec<Vec<u8>>> {
        Ok(self.state.lock().get(ino)?.xattrs.keys().cloned().collect())
    }
    pub fn removexattr(&self, ino: Ino, name: &[u8]) -> Result<()> {
        let mut s = self.state.lock();
        s.get(ino)?
            .xattrs
            .remove(name)
            .map(drop)
            .ok_or(Error::NoAttribute)
    }
    pub fn statfs(&self) -> StatFs {
        let s = self.state.lock();
        let free = ((LIMIT - s.used().min(LIMIT)) / 4096) as u64;
        StatFs {
            block_size: 4096,
            blocks: (LIMIT / 4096) as u64,
            free_blocks: free,
            available_blocks: free,
            inodes: 100_000,
            free_inodes: 100_000 - s.nodes.len() as u64,
            name_max: 255,
        }
    }
    pub fn sync_inode(&self, _ino: Ino, _data_only: bool) -> Result<()> {
        Ok(())
    }
    pub fn sync(&self) -> Result<()> {
        Ok(())
    }
}
