//! Threads that work on different files of one image, without FUSE between: how far the engine scales by itself.
//!
//! `engine-threads IMAGE` makes IMAGE, which must not exist, works on it and deletes it. One line for each kind of work:
//! what one thread and what two threads at once got done, in MiB (or files) per second, and the work's name. What begins
//! with "host" is done to the file without an engine: the host lets one thread at a time write to a file.

use std::env;
use std::fs::{File, remove_file};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use lwext4::{
    Durability, Error, FileDevice, FileType, FormatOptions, Ino, NewFile, OpenOptions, Result,
    Volume, WriteMode, format,
};

const IMAGE_BYTES: u64 = 4 << 30;
/// As much as one request of FUSE brings.
const CHUNK: usize = 1 << 20;
/// Of each thread.
const FILE_MIB: u64 = 256;
const SMALL_FILES: u32 = 10_000;

fn main() -> ExitCode {
    let Some(image) = env::args_os().nth(1) else {
        eprintln!("usage: engine-threads IMAGE");
        return ExitCode::from(2);
    };
    let image = Path::new(&image);
    let file = match File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(image)
    {
        Ok(file) => file,
        Err(error) => {
            eprintln!("engine-threads: {}: {error}", image.display());
            return ExitCode::FAILURE;
        }
    };
    let done = host(&file).and_then(|()| engine(file));
    let _ = remove_file(image);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine-threads: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Work on the file itself, which is empty again afterwards.
fn host(file: &File) -> Result<()> {
    let failed = |source| Error::io("working on the file", source);
    file.set_len(IMAGE_BYTES).map_err(failed)?;
    let each = |at: u64, work: &dyn Fn(&mut [u8], u64) -> io::Result<()>| {
        let mut data = vec![0x5a; CHUNK];
        (0..FILE_MIB).try_for_each(|chunk| work(&mut data, at + (chunk << 20)).map_err(failed))
    };
    let places = [0, 1 << 30, 2 << 30];
    let write = |at| each(at, &|data, at| file.write_all_at(data, at));
    compare("host: write", FILE_MIB, &places, write)?;
    compare("host: overwrite", FILE_MIB, &places, write)?;
    compare("host: read", FILE_MIB, &places, |at| {
        each(at, &|data, at| file.read_exact_at(data, at))
    })?;
    file.set_len(0).map_err(failed)
}

/// Work through the engine.
fn engine(file: File) -> Result<()> {
    file.set_len(IMAGE_BYTES)
        .map_err(|source| Error::io("making the image longer", source))?;
    let device =
        FileDevice::new(file).map_err(|source| Error::io("reading the image's size", source))?;
    format(&device, &FormatOptions::default())?;
    // The image's disk is not what is measured.
    let options = OpenOptions {
        durability: Durability::Process,
        ..OpenOptions::default()
    };
    let volume = Volume::open(Arc::new(device), options)?;
    let three = |name: &str, file_type| -> Result<Vec<Ino>> {
        (0..3)
            .map(|number| make(&volume, Ino::ROOT, &format!("{name}{number}"), file_type))
            .collect()
    };
    let files = three("file", FileType::Regular)?;
    let dirs = three("dir", FileType::Directory)?;

    compare("write", FILE_MIB, &files, |ino| write(&volume, ino))?;
    compare("overwrite", FILE_MIB, &files, |ino| write(&volume, ino))?;
    compare("read", FILE_MIB, &files, |ino| read(&volume, ino))?;
    compare("create", SMALL_FILES.into(), &dirs, |dir| {
        small_files(&volume, dir)
    })?;
    volume.close()
}

/// Has one thread work on the first of three things, then two threads on the others, and prints how many units a
/// second were done; each thread does `units`.
fn compare<T: Copy + Send>(
    name: &str,
    units: u64,
    on: &[T],
    work: impl Fn(T) -> Result<()> + Sync,
) -> Result<()> {
    let work = &work;
    let timed = |on: &[T]| -> Result<f64> {
        let start = Instant::now();
        thread::scope(|scope| {
            let threads: Vec<_> = on.iter().map(|&it| scope.spawn(move || work(it))).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("a thread panicked"))
        })?;
        Ok((units * on.len() as u64) as f64 / start.elapsed().as_secs_f64())
    };
    let one = timed(&on[..1])?;
    let two = timed(&on[1..])?;
    println!("{one:.0} {two:.0} {name}");
    Ok(())
}

fn make(volume: &Volume, parent: Ino, name: &str, file_type: FileType) -> Result<Ino> {
    let new = NewFile::new(file_type, 0o755);
    Ok(volume.create(parent, name.as_bytes(), &new)?.attr.ino)
}

fn write(volume: &Volume, ino: Ino) -> Result<()> {
    let data = vec![0x5a; CHUNK];
    for chunk in 0..FILE_MIB {
        volume.write(ino, chunk << 20, &data, WriteMode::Writeback)?;
    }
    volume.sync_inode(ino, true)
}

fn read(volume: &Volume, ino: Ino) -> Result<()> {
    let mut data = vec![0; CHUNK];
    for chunk in 0..FILE_MIB {
        volume.read(ino, chunk << 20, &mut data)?;
    }
    Ok(())
}

fn small_files(volume: &Volume, dir: Ino) -> Result<()> {
    let data = [0x5a; 4096];
    for number in 0..SMALL_FILES {
        let ino = make(volume, dir, &format!("{number}"), FileType::Regular)?;
        volume.write(ino, 0, &data, WriteMode::Plain)?;
        volume.forget(ino, 1);
    }
    Ok(())
}
