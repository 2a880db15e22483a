//! A mount behaves as Linux's own ext4 does.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::command::{command, output, run, said};
use support::image::{Image, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run, has_program, skip};
use support::tree::tool;
use tempfile::TempDir;

/// pjdfstest, from `LIVEROOT_PJDFSTEST` or the path.
fn pjdfstest() -> Option<PathBuf> {
    let given = std::env::var_os("LIVEROOT_PJDFSTEST").map(PathBuf::from);
    given
        .filter(|path| path.is_file())
        .or_else(|| has_program("pjdfstest").then(|| "pjdfstest".into()))
}

/// A directory for pjdfstest, whose path always has the same length: the longest paths are made of
/// parts of 127 bytes, and where nothing is left for a last part, pjdfstest fails by itself. A socket's
/// path has 107 bytes at most.
fn place_of_known_length(mounted: &Path) -> PathBuf {
    let used = mounted.as_os_str().len() + 1;
    let place = mounted.join("p".repeat(40usize.saturating_sub(used).max(1)));
    fs::create_dir(&place).expect("a directory can be made");
    place
}

#[test]
fn pjdfstest_finds_nothing() {
    let name = "pjdfstest_finds_nothing";
    let how = How::under_test();
    if !can_run(name, &[how.need(), Need::Root, Need::Program("e2fsck")]) {
        return;
    }
    let Some(program) = pjdfstest() else {
        return skip(name, "pjdfstest is not installed");
    };
    let image = Image::make(&Spec::default()).expect("the default image can be made");
    let mounted = Mounted::new(how, &image);
    // The mount point is root's alone, and the tests work as other users too.
    run(command("chmod", ["755"]).arg(mounted.path()));
    let place = place_of_known_length(mounted.path());
    let group = run(&mut command("id", ["-gn", "nobody"]));
    let settings = TempDir::with_prefix("liveroot-pjd-").expect("a temporary directory");
    let file = settings.path().join("pjdfstest.toml");
    let text = format!(
        "[features]\nposix_fallocate = {{}}\nrename_ctime = {{}}\nutime_now = {{}}\nutimensat = {{}}\n\
         [settings]\nnaptime = 0.02\nallow_remount = false\n\
         [dummy_auth]\nentries = [[\"nobody\", \"{}\"], [\"daemon\", \"daemon\"]]\n",
        group.trim()
    );
    fs::write(&file, text).expect("the settings can be written");
    let result = output(
        Command::new(program)
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(&place)
            .arg("-s")
            .arg(settings.path()),
    );
    let report = String::from_utf8_lossy(&result.stdout).into_owned();
    let failed: Vec<&str> = report.lines().filter(|l| l.ends_with("FAILED")).collect();
    let summary = report.lines().rfind(|line| line.starts_with("Summary:"));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(result.status.success(), "{}", said(&result));
    let summary = summary.unwrap_or_else(|| panic!("no summary in {}", said(&result)));
    assert!(summary.contains("398 total"), "{summary}");
    println!("{summary}");
    mounted.umount();
    image.fsck();
}

/// What the kernel's FUSE decides before anybody asks liveroot: the start of the line, and why it differs.
const DIFFERENCES: [(&str, &str); 3] = [
    (
        "times file, truncate:",
        "with a writeback cache, the kernel keeps the times, and leaves them when the size stays",
    ),
    (
        "flags times:",
        "with a writeback cache, the kernel keeps the change time, and this ioctl does not set it",
    ),
    (
        "limits O_TMPFILE:",
        "fuser does not know FUSE_TMPFILE; programs then use a named file",
    ),
];

/// What the probe prints in an image mounted so.
fn probe(mounted: &Mounted) -> String {
    let place = mounted.join("probe");
    fs::create_dir(&place).expect("a directory can be made");
    run(command("chmod", ["755"]).arg(mounted.path()));
    run(command("python3", ["-B"])
        .arg(tool("posix_probe"))
        .arg(&place))
}

#[test]
fn small_programs_see_what_they_see_on_ext4() {
    let name = "small_programs_see_what_they_see_on_ext4";
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Loop,
        Need::Program("python3"),
        Need::Program("setfacl"),
        Need::Program("e2fsck"),
    ];
    if !can_run(name, &needs) {
        return;
    }
    let [theirs, ours] = [How::Loop, How::Liveroot].map(|how| {
        let image = Image::make(&Spec::default()).expect("the default image can be made");
        let mounted = Mounted::with_options(how, &image, strict(how));
        let seen = probe(&mounted);
        mounted.umount();
        image.fsck();
        seen
    });
    let (theirs, ours): (Vec<_>, Vec<_>) = (theirs.lines().collect(), ours.lines().collect());
    assert_eq!(theirs.len(), ours.len(), "lines");
    let differing: Vec<String> = theirs
        .iter()
        .zip(&ours)
        .filter(|(theirs, ours)| theirs != ours)
        .filter(|(theirs, _)| {
            !DIFFERENCES
                .iter()
                .any(|(start, _)| theirs.starts_with(start))
        })
        .map(|(theirs, ours)| format!("ext4:     {theirs}\nliveroot: {ours}"))
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Options that make a mount do all that ext4 does, also where that costs requests.
fn strict(how: How) -> &'static str {
    match how {
        How::Liveroot => "relatime,open=ask",
        How::Loop | How::Fuse2fs => "relatime",
    }
}

/// The flags of a mount, as the kernel lists them.
fn mount_flags(mounted: &Mounted) -> Vec<String> {
    let list = fs::read_to_string("/proc/self/mounts").expect("the list of mounts");
    let point = mounted.path().to_str().expect("the path is ASCII");
    let line = list
        .lines()
        .find(|line| line.split(' ').nth(1) == Some(point))
        .unwrap_or_else(|| panic!("{point} is not mounted"));
    let flags = line.split(' ').nth(3).unwrap_or_default();
    flags.split(',').map(String::from).collect()
}

#[test]
fn what_root_mounts_has_setuid_programs_and_devices() {
    let name = "what_root_mounts_has_setuid_programs_and_devices";
    if !can_run(name, &[Need::Root, Need::Fuse]) {
        return;
    }
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    })
    .expect("an image can be made");
    for (options, expected) in [
        ("rw", ["suid", "dev", "noatime"]),
        ("nosuid,nodev,relatime", ["nosuid", "nodev", "relatime"]),
    ] {
        let mounted = Mounted::with_options(How::Liveroot, &image, options);
        let flags = mount_flags(&mounted);
        let has = |flag: &str| flags.iter().any(|f| f == flag);
        for flag in expected {
            // The list names only what is not allowed.
            let listed = match flag {
                "suid" => !has("nosuid"),
                "dev" => !has("nodev"),
                _ => has(flag),
            };
            assert!(listed, "{flag} after -o {options}: {flags:?}");
        }
        mounted.umount();
    }
}

#[test]
fn what_was_written_before_a_file_became_immutable_arrives() {
    let name = "what_was_written_before_a_file_became_immutable_arrives";
    if !can_run(name, &[Need::Root, Need::Fuse, Need::Program("chattr")]) {
        return;
    }
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    })
    .expect("an image can be made");
    let mounted = Mounted::with_options(How::Liveroot, &image, "threads=1");
    let path = mounted.join("file");
    let mut file = fs::File::create(&path).expect("a file can be made");
    std::io::Write::write_all(&mut file, b"written before").expect("a file can be written");
    run(command("chattr", ["+i"]).arg(&path));
    drop(file);
    mounted.umount();
    image.fsck();
    let mounted = Mounted::with_options(How::Liveroot, &image, "ro");
    let found = fs::read(mounted.join("file")).expect("the file is there");
    assert_eq!(found, b"written before");
    mounted.umount();
}
