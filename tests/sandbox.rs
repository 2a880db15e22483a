//! What a daemon can still do when it serves: nothing but that.

mod support;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;

use liveroot::sandbox;
use support::command::{command, output, run, said, shell};
use support::image::{Image, LIVEROOT, Spec};
use support::requirements::{Need, can_run};
use tempfile::TempDir;

/// Set in the process that goes into the sandbox.
const INSIDE: &str = "LIVEROOT_TEST_INSIDE";

/// True where the kernel has all that the sandbox is made of.
fn kernel_can(test: &str) -> bool {
    let lsms = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let landlock = lsms.is_empty() || lsms.split(',').any(|lsm| lsm.trim() == "landlock");
    if !landlock {
        support::requirements::skip(test, "this kernel has no Landlock");
    }
    landlock
}

#[test]
fn from_inside_no_file_no_socket_and_no_process_can_be_had() {
    const NAME: &str = "from_inside_no_file_no_socket_and_no_process_can_be_had";
    if std::env::var_os(INSIDE).is_some() {
        return try_everything_inside();
    }
    if !kernel_can(NAME) {
        return;
    }
    // A process of its own: there is no way back.
    let mut inside = Command::new(std::env::current_exe().unwrap());
    let inside = output(
        inside
            .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1"),
    );
    assert!(inside.status.success(), "{}", said(&inside));
    assert!(said(&inside).contains("all refused"), "{}", said(&inside));
}

fn try_everything_inside() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    let mut open = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)
        .unwrap();
    let listener = UnixListener::bind(dir.path().join("socket")).unwrap();
    let (mut here, mut there) = UnixStream::pair().unwrap();
    // The directory stays: nothing can be removed from inside.
    std::mem::forget(dir);
    let missing = sandbox::give_up_privileges(&[]);
    assert_eq!(missing, sandbox::Missing::new());
    // What Landlock does alone: seccomp would hide it.
    assert!(File::open("/etc/passwd").is_err() && File::create(&path).is_err());
    assert_eq!(sandbox::give_up_calls(), sandbox::Missing::new());

    let refused: [(&str, bool); 13] = [
        ("open a file", File::open("/etc/passwd").is_err()),
        ("open its own file again", File::open(&path).is_err()),
        (
            "make a file",
            File::create(path.with_extension("new")).is_err(),
        ),
        ("remove a file", fs::remove_file(&path).is_err()),
        ("list a directory", fs::read_dir("/").is_err()),
        (
            "rename",
            fs::rename(&path, path.with_extension("b")).is_err(),
        ),
        ("chmod", fs::set_permissions(&path, mode()).is_err()),
        (
            "listen on a network",
            TcpListener::bind("127.0.0.1:0").is_err(),
        ),
        (
            "connect to a network",
            TcpStream::connect("127.0.0.1:1")
                .is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied),
        ),
        ("send to a network", UdpSocket::bind("127.0.0.1:0").is_err()),
        ("make a local socket", UnixDatagram::unbound().is_err()),
        (
            "connect to a local socket",
            UnixStream::connect(path.with_file_name("socket")).is_err(),
        ),
        ("run a program", Command::new("/bin/true").status().is_err()),
    ];
    for (what, was_refused) in refused {
        assert!(was_refused, "could {what}");
    }
    // What serving takes: open files, clients, threads, memory, time.
    open.write_all(b"bytes").unwrap();
    open.seek(SeekFrom::Start(0)).unwrap();
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    open.set_len(0).unwrap();
    open.sync_all().unwrap();
    assert_eq!(text, "bytes");
    listener.set_nonblocking(true).unwrap();
    assert_eq!(
        listener.accept().unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    here.write_all(b"x").unwrap();
    there.read_exact(&mut [0]).unwrap();
    let thread = std::thread::Builder::new().name("named".to_owned());
    let large = thread.spawn(|| vec![7u8; 64 << 20].len()).unwrap();
    assert_eq!(large.join().unwrap(), 64 << 20);
    std::thread::sleep(std::time::Duration::from_millis(1));
    println!("all refused");
}

fn mode() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o777)
}

/// The lines of a thread's status that say what it may do.
fn powers(status: &str) -> Vec<&str> {
    let names = [
        "CapInh:",
        "CapPrm:",
        "CapEff:",
        "CapAmb:",
        "NoNewPrivs:",
        "Seccomp:",
    ];
    status
        .lines()
        .filter(|line| names.iter().any(|name| line.starts_with(name)))
        .collect()
}

fn threads_of(pid: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap())
        .collect()
}

#[test]
fn a_daemon_serves_without_any_power() {
    const NAME: &str = "a_daemon_serves_without_any_power";
    if !can_run(NAME, &[Need::Fuse]) || !kernel_can(NAME) {
        return;
    }
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    });
    let image = image.unwrap();
    let dir = TempDir::new().unwrap();
    let daemon = |options: &[&str]| {
        run(command(LIVEROOT, ["mount"])
            .args(options)
            .arg(&image.path)
            .arg(dir.path()));
        let info = run(command(LIVEROOT, ["info", "--json"]).arg(&image.path));
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        let threads = threads_of(&info["mounted"]["pid"].to_string());
        fs::write(dir.path().join("file"), "x").unwrap();
        run(command(LIVEROOT, ["umount"]).arg(dir.path()));
        threads
    };
    let threads = daemon(&[]);
    assert!(threads.len() > 4);
    for status in &threads {
        let none = "0000000000000000";
        assert_eq!(
            powers(status),
            [
                &format!("CapInh:\t{none}"),
                &format!("CapPrm:\t{none}"),
                &format!("CapEff:\t{none}"),
                &format!("CapAmb:\t{none}"),
                "NoNewPrivs:\t1",
                "Seccomp:\t2"
            ],
            "{status}"
        );
    }
    for options in [["--no-sandbox"].as_slice(), &["-o", "nosandbox"]] {
        for status in daemon(options) {
            assert!(!status.contains("Seccomp:\t2") || own_seccomp(), "{status}");
        }
    }
    image.fsck();
}

/// Whether this test runs under a filter itself, as in a container.
fn own_seccomp() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("Seccomp:\t2"))
}

#[test]
fn a_kernel_without_means_leaves_a_working_mount() {
    const NAME: &str = "a_kernel_without_means_leaves_a_working_mount";
    if !can_run(NAME, &[Need::Fuse, Need::Program("python3")]) {
        return;
    }
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    });
    let image = image.unwrap();
    let dir = TempDir::new().unwrap();
    // A filter under which landlock_* and seccomp(2) are unknown, as they are to old kernels. The daemon
    // stays in the foreground, where its messages can be read.
    let old_kernel = r#"
import ctypes, os, platform, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
seccomp = {"x86_64": 317, "aarch64": 277}[platform.machine()]
ops = [(0x20, 0, 0, 0)]                                    # load the number of the call
for call in (seccomp, 444, 445, 446):
    ops += [(0x15, 0, 1, call), (0x06, 0, 0, 0x00050026)]  # equal: ENOSYS
ops += [(0x06, 0, 0, 0x7fff0000)]
code = b"".join(struct.pack("HBBI", *op) for op in ops)
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(ops), code)), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;
    let script = "python3 -c \"$1\" \"$2\" mount -f \"$3\" \"$4\" 2> \"$5\" & pid=$!
        until mountpoint -q \"$4\"; do sleep 0.05; done
        echo x > \"$4/file\"; kill -INT $pid; wait $pid; cat \"$5\"";
    let messages = dir.path().join("messages");
    let point = dir.path().join("mnt");
    fs::create_dir(&point).unwrap();
    let (image_path, messages) = (image.path.to_str().unwrap(), messages.to_str().unwrap());
    let args = [
        old_kernel,
        LIVEROOT,
        image_path,
        point.to_str().unwrap(),
        messages,
    ];
    let said = shell(script, args);
    assert!(said.contains("not sandboxed: files (Landlock)"), "{said}");
    assert!(
        said.contains("not sandboxed: system calls (seccomp)"),
        "{said}"
    );
    image.fsck();
}
