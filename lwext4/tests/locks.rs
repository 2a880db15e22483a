//! Threads that meet in the same directories wait for each other, but never for ever.

use lwext4::*;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

fn new(file_type: FileType) -> NewFile {
    NewFile::new(file_type, 0o755)
}

fn volume() -> Arc<Volume> {
    let device = Arc::new(MemDevice::new(8 << 20));
    format(&*device, &FormatOptions::default()).unwrap();
    Arc::new(Volume::open(device, OpenOptions::default()).unwrap())
}

fn make(volume: &Volume, parent: Ino, name: &[u8], file_type: FileType) -> Ino {
    let ino = volume
        .create(parent, name, &new(file_type))
        .unwrap()
        .attr
        .ino;
    volume.forget(ino, 1);
    ino
}

/// Runs each of `work` in a thread of its own, and fails when one does not end within ten seconds.
fn all_end(work: Vec<Box<dyn FnOnce() + Send>>) {
    let (send, ended) = channel();
    let count = work.len();
    for work in work {
        let send = send.clone();
        std::thread::spawn(move || {
            work();
            let _ = send.send(());
        });
    }
    for _ in 0..count {
        ended
            .recv_timeout(Duration::from_secs(10))
            .expect("the threads wait for each other");
    }
}

/// A rename locks a file and a directory, and so do the ways into that directory.
#[test]
fn exchanging_a_file_and_a_directory_while_the_file_gets_names_in_it() {
    let volume = volume();
    let file = make(&volume, Ino::ROOT, b"file", FileType::Regular);
    let dir = make(&volume, Ino::ROOT, b"dir", FileType::Directory);
    let swap = {
        let volume = volume.clone();
        move || {
            for _ in 0..20_000 {
                let _ = volume.rename(Ino::ROOT, b"file", Ino::ROOT, b"dir", RenameMode::Exchange);
            }
        }
    };
    let link = move || {
        for _ in 0..20_000 {
            if volume.link(file, dir, b"again").is_ok() {
                volume.forget(file, 1);
            }
            let _ = volume.unlink(dir, b"again");
        }
    };
    all_end(vec![Box::new(swap), Box::new(link)]);
}

/// A device whose reads take a while.
struct Slow(MemDevice);

impl BlockDevice for Slow {
    fn size(&self) -> u64 {
        self.0.size()
    }
    fn read_at(&self, buf: &mut [u8], offset: u64) -> std::io::Result<()> {
        std::thread::sleep(Duration::from_millis(20));
        self.0.read_at(buf, offset)
    }
    fn write_at(&self, buf: &[u8], offset: u64) -> std::io::Result<()> {
        self.0.write_at(buf, offset)
    }
    fn flush(&self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A transaction has room for so many operations at once. Those that wait for room get it also when
/// the others end without having changed anything.
#[test]
fn more_operations_at_once_than_a_transaction_has_room_for() {
    let device = Arc::new(Slow(MemDevice::new(8 << 20)));
    format(&device.0, &FormatOptions::default()).unwrap();
    let volume = Volume::open(device.clone(), OpenOptions::default()).unwrap();
    let dirs: Vec<Ino> = (0..32u8)
        .map(|i| make(&volume, Ino::ROOT, &[b'a' + i], FileType::Directory))
        .collect();
    volume.close().unwrap();
    // Nothing is in memory: every operation reads its directory while it has its part of the
    // transaction.
    let volume = Arc::new(Volume::open(device, OpenOptions::default()).unwrap());
    let remove = |volume: Arc<Volume>, dir| {
        move || {
            assert!(matches!(volume.unlink(dir, b"none"), Err(Error::NotFound)));
        }
    };
    all_end(
        dirs.into_iter()
            .map(|dir| Box::new(remove(volume.clone(), dir)) as Box<dyn FnOnce() + Send>)
            .collect(),
    );
}
