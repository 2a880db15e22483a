//! How `liveroot umount` finds the daemon of a mount, asks it to end, and hears its verdict.
//!
//! Every daemon listens on a socket in a directory that only its user can enter. Who connects gets
//! one line, a [`Hello`]; who then sends a [`Request`] gets [`Event`]s, one a line, until the daemon
//! ends. All lines are JSON.

use super::in_use::FileId;
use super::mounts::Device;
use rustix::process::geteuid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a daemon says of itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Hello {
    /// Its process id.
    pub pid: u32,
    /// The image, absolute.
    pub image: PathBuf,
    /// Which file that is.
    pub image_id: FileId,
    /// Where it is mounted.
    pub mountpoint: PathBuf,
    /// The device number of the mount.
    pub mount_device: Device,
}

/// What a client wants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Unmount, unless the mount is in use.
    Unmount,
    /// Unmount even if it is in use.
    UnmountLazy,
    /// Tell how full the file system is, and how large.
    Usage,
    /// Make the file system as large as fits so many bytes.
    Grow(u64),
}

/// What a daemon answers.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The mount is in use: nothing happened.
    Busy,
    /// The mount could not be taken away.
    Failed(String),
    /// The mount is gone from the directory tree; the image is closed when its last user lets go.
    Detached,
    /// The image is closed, and is complete and clean if no message says otherwise.
    Closed(Option<String>),
    /// Free blocks and inodes, and the size, as of now.
    Usage(Usage),
    /// The file system has so many bytes now.
    Grown(u64),
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Free blocks.
    pub free_blocks: u64,
    /// Free inodes.
    pub free_inodes: u64,
    /// The size of the file system, in bytes.
    pub size: u64,
}

/// No line of the protocol is longer: two paths and some numbers.
const LONGEST_LINE: u64 = 64 * 1024;

/// How long a daemon may take to say hello: it has it at hand, unless it is stopped or stuck.
const HELLO: Duration = Duration::from_secs(1);

/// How long a client may take to say what it wants, and to take an answer. It asks others meanwhile,
/// each of which may be stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads one line and takes it apart; `None` at the end of the stream.
///
/// # Errors
/// The stream failed, or the line is not what it should be.
pub fn receive<T: DeserializeOwned>(stream: &mut BufReader<UnixStream>) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    stream
        .by_ref()
        .take(LONGEST_LINE)
        .read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_slice(&line)
        .map(Some)
        .map_err(io::Error::other)
}

/// Sends one line.
///
/// # Errors
/// The stream failed.
pub fn send<T: Serialize>(mut stream: &UnixStream, message: &T) -> io::Result<()> {
    let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// A daemon that answered.
#[derive(Debug)]
pub struct Daemon {
    /// What it said.
    pub hello: Hello,
    /// The user it runs as.
    pub uid: u32,
    stream: BufReader<UnixStream>,
}

impl Daemon {
    /// Asks for something; [`Self::next_event`] has the answers.
    ///
    /// # Errors
    /// The daemon has ended.
    pub fn ask(&self, request: Request) -> io::Result<()> {
        send(self.stream.get_ref(), &request)
    }

    /// The next answer; `None` when the daemon ended without another. With `patience`, an error of
    /// kind [`io::ErrorKind::WouldBlock`] when there is no answer in that time.
    ///
    /// # Errors
    /// The stream failed.
    pub fn next_event(&mut self, patience: Option<Duration>) -> io::Result<Option<Event>> {
        self.stream.get_ref().set_read_timeout(patience)?;
        receive(&mut self.stream)
    }

    fn connect(socket: &Path) -> io::Result<Daemon> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(HELLO))?;
        let uid = rustix::net::sockopt::socket_peercred(&stream)?.uid.as_raw();
        let mut stream = BufReader::new(stream);
        match receive(&mut stream)? {
            Some(hello) => Ok(Daemon { hello, uid, stream }),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// All daemons that this user may talk to and that `wanted` accepts.
pub fn find(wanted: impl Fn(&Hello) -> bool) -> Vec<Daemon> {
    let mut found = Vec::new();
    for directory in searched_directories() {
        // In others' directories names are theirs to make.
        let Some(owner) = private_owner(&directory) else {
            continue;
        };
        let ours = owner == geteuid().as_raw();
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            if entry.path().extension().is_none_or(|e| e != "sock") {
                continue;
            }
            match Daemon::connect(&entry.path()) {
                Ok(daemon) if wanted(&daemon.hello) => found.push(daemon),
                Err(error) if ours && error.kind() == io::ErrorKind::ConnectionRefused => {
                    // Its daemon was killed.
                    let _ = fs::remove_file(entry.path());
                }
                _ => {}
            }
        }
    }
    found
}

/// Where daemons of this user put their sockets: the first of these that works.
fn own_directories() -> Vec<PathBuf> {
    let uid = outer_uid(
        geteuid().as_raw(),
        &fs::read_to_string("/proc/self/uid_map").unwrap_or_default(),
    );
    let mut directories = Vec::new();
    if uid == 0 {
        directories.push(PathBuf::from("/run/liveroot"));
    }
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| !dir.is_empty()) {
        directories.push(Path::new(&runtime).join("liveroot"));
    }
    directories.push(PathBuf::from(format!("/run/user/{uid}/liveroot")));
    directories.push(PathBuf::from(format!("/tmp/liveroot-{uid}")));
    directories
}

/// The user id outside of the user namespace that this process is in: there, and in another namespace
/// of the same user, it is the same directory.
fn outer_uid(uid: u32, uid_map: &str) -> u32 {
    let ranges = uid_map.lines().filter_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        Some((
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
            numbers.next()?.ok()?,
        ))
    });
    for (inside, outside, count) in ranges {
        if let Some(offset) = uid.checked_sub(inside).filter(|&offset| offset < count) {
            return outside.saturating_add(offset);
        }
    }
    uid
}

/// Where to look for daemons: one's own, and for root everybody's.
fn searched_directories() -> Vec<PathBuf> {
    let mut directories = own_directories();
    if geteuid().is_root() {
        let entries = |dir| fs::read_dir(dir).into_iter().flatten().flatten();
        directories.extend(entries("/run/user").map(|user| user.path().join("liveroot")));
        directories.extend(
            entries("/tmp")
                .filter(|e| e.file_name().as_encoded_bytes().starts_with(b"liveroot-"))
                .map(|e| e.path()),
        );
    }
    directories.sort();
    directories.dedup();
    directories
}

/// A daemon's socket; it vanishes when dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Socket {
    /// Listens in the first directory that can be made safe.
    ///
    /// # Errors
    /// None can.
    pub fn open() -> io::Result<Socket> {
        let mut error = io::Error::from(io::ErrorKind::NotFound);
        for directory in own_directories() {
            match make_private(&directory).and_then(|()| Socket::open_in(&directory)) {
                Ok(socket) => return Ok(socket),
                Err(e) => error = e,
            }
        }
        Err(error)
    }

    fn open_in(directory: &Path) -> io::Result<Socket> {
        let pid = std::process::id();
        // Containers may share the directory and not the process ids.
        for attempt in 0..100 {
            let path = directory.join(format!("{pid}-{attempt}.sock"));
            if path.exists() && UnixStream::connect(&path).is_ok() {
                continue;
            }
            // A socket that refuses is taken for dead, so its name appears when it listens already.
            let unseen = path.with_extension("new");
            let _ = fs::remove_file(&unseen);
            let listener = UnixListener::bind(&unseen)?;
            fs::rename(&unseen, &path)?;
            return Ok(Socket { listener, path });
        }
        Err(io::ErrorKind::AddrInUse.into())
    }

    /// Another handle for a thread that listens.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Whose a directory of sockets is; `None` if it is none, but a symlink, say, or open to others.
fn private_owner(directory: &Path) -> Option<u32> {
    let metadata = fs::symlink_metadata(directory).ok()?;
    (metadata.is_dir() && metadata.mode() & 0o077 == 0).then_some(metadata.uid())
}

/// Makes sure that `directory` exists, is this user's, and can be entered by nobody else.
fn make_private(directory: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() || metadata.uid() != geteuid().as_raw() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Greets clients and passes on what they want, each in a thread of its own, until the process ends.
pub fn answer(
    listener: UnixListener,
    hello: Hello,
    wanted: impl Fn(Request, UnixStream) + Clone + Send + 'static,
) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            // Out of descriptors, most likely: others may close some.
            std::thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (hello, wanted) = (hello.clone(), wanted.clone());
        let greet = move || {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.set_write_timeout(Some(PATIENCE));
            if send(&stream, &hello).is_ok()
                && let Ok(copy) = stream.try_clone()
                && let Ok(Some(request)) = receive(&mut BufReader::new(copy))
            {
                wanted(request, stream);
            }
        };
        let _ = std::thread::Builder::new()
            .name("client".to_owned())
            .spawn(greet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Hello {
        Hello {
            pid: 7,
            image: "/a".into(),
            image_id: FileId {
                device: 1,
                inode: 2,
            },
            mountpoint: "/mnt".into(),
            mount_device: (0, 57),
        }
    }

    #[test]
    fn a_client_is_greeted_and_its_request_passed_on() {
        let dir = tempfile::tempdir().unwrap();
        let socket = Socket::open_in(dir.path()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let listener = socket.listener().unwrap();
        std::thread::spawn(move || {
            answer(listener, hello(), move |request, stream| {
                sender.send((request, stream)).unwrap();
            });
        });
        let mut daemon = Daemon::connect(&socket.path).unwrap();
        assert_eq!(daemon.hello, hello());
        assert_eq!(daemon.uid, geteuid().as_raw());
        daemon.ask(Request::Unmount).unwrap();
        let (request, stream) = receiver.recv().unwrap();
        assert_eq!(request, Request::Unmount);
        let event = Event::Closed(Some("lost".to_owned()));
        send(&stream, &event).unwrap();
        drop(stream);
        assert_eq!(daemon.next_event(None).unwrap(), Some(event));
        assert_eq!(daemon.next_event(None).unwrap(), None);
    }

    #[test]
    fn a_daemon_waits_while_its_client_asks_one_that_is_stuck() {
        let dir = tempfile::tempdir().unwrap();
        let socket = Socket::open_in(dir.path()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let listener = socket.listener().unwrap();
        std::thread::spawn(move || {
            answer(listener, hello(), move |request, _| {
                sender.send(request).unwrap()
            });
        });
        let daemon = Daemon::connect(&socket.path).unwrap();
        // Nobody accepts here, as when a daemon is stopped.
        let stuck = dir.path().join("stuck.sock");
        let _listener = UnixListener::bind(&stuck).unwrap();
        for _ in 0..2 {
            assert!(Daemon::connect(&stuck).is_err());
        }
        daemon.ask(Request::Usage).unwrap();
        assert_eq!(receiver.recv().unwrap(), Request::Usage);
    }

    #[test]
    fn a_directory_of_sockets_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let private = dir.path().join("liveroot");
        fs::create_dir(&private).unwrap();
        make_private(&private).unwrap();
        assert_eq!(fs::metadata(&private).unwrap().mode() & 0o777, 0o700);
        std::os::unix::fs::symlink(&private, dir.path().join("link")).unwrap();
        let link = dir.path().join("link");
        assert!(make_private(&link).is_err());
        assert_eq!(private_owner(&private), Some(geteuid().as_raw()));
        assert_eq!(private_owner(&link), None);
        fs::set_permissions(&private, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(private_owner(&private), None);
    }

    #[test]
    fn a_user_is_known_outside_of_its_namespace() {
        assert_eq!(outer_uid(1000, "0 0 4294967295\n"), 1000);
        assert_eq!(outer_uid(0, "0 1000 1\n1 100000 65536\n"), 1000);
        assert_eq!(outer_uid(5, "0 1000 1\n1 100000 65536\n"), 100_004);
        assert_eq!(outer_uid(7, ""), 7);
    }

    #[test]
    fn the_socket_of_a_killed_daemon_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let dead = Socket::open_in(dir.path()).unwrap();
        let path = dead.path.clone();
        // A killed daemon drops its listener, not its path.
        let Socket { listener, .. } = &dead;
        let listener = listener.try_clone().unwrap();
        std::mem::forget(dead);
        assert!(path.exists());
        drop(listener);
        assert!(Socket::open_in(dir.path()).is_ok());
    }
}
