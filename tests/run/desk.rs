//! A directory where a user of any number works, on a machine that need not have one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::support::command::{command, output, run, said};
use super::support::image::LIVEROOT;
use super::support::oracle::manifest;
use super::support::requirements::{Need, can_run};

/// Who runs `liveroot run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Root,
    /// A user with 65,536 subordinate ids.
    User,
    /// A user without.
    Lonely,
}

/// The number of the user.
const USER: &str = "23456";

const NEEDS: [Need; 6] = [
    Need::Root,
    Need::Fuse,
    Need::Program("unshare"),
    Need::Program("setpriv"),
    Need::Program("newuidmap"),
    Need::Program("e2fsck"),
];

/// True if all of it works here: users without privileges, namespaces, and what `more` names.
pub fn can_work(test: &str, more: &[Need]) -> bool {
    let needs: Vec<Need> = NEEDS.iter().chain(more).copied().collect();
    can_run(test, &needs)
}

/// A directory that is everybody's, with the program in it as `./liveroot`.
pub struct Desk {
    who: Who,
    dir: TempDir,
}

impl Desk {
    pub fn of(who: Who) -> Desk {
        let dir = TempDir::with_prefix("liveroot-run-").expect("temporary directories can be made");
        fs::create_dir(dir.path().join("tmp")).expect("directories can be made");
        run(command("chmod", ["777"])
            .arg(dir.path())
            .arg(dir.path().join("tmp")));
        // The place to show the program at: it may lie where only its builder gets to.
        fs::write(dir.path().join("liveroot"), "").expect("files can be made");
        Desk { who, dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes an image that belongs to the user, and its root directory to root.
    pub fn image(&self, name: &str, mib: u64) -> PathBuf {
        let path = self.path(name);
        let size = format!("{mib}M");
        let mut create = command(LIVEROOT, ["create", "--size", &size]);
        run(create.args(["--inodes", "32768"]).arg(&path));
        run(command("chmod", ["666"]).arg(&path));
        path
    }

    /// A piece of shell in this directory, run by the user in a mount namespace of its own, where users are listed as
    /// the test wants it.
    pub fn command(&self, script: &str) -> Command {
        let enter = r#"
            mount --make-rprivate /
            mount --bind "$1" liveroot
            case $3 in Root) exec sh -euc "$2" sh ;; esac
            { grep -v "^[^:]*:[^:]*:$4:" /etc/passwd || true; echo "tester:x:$4:$4::/:/bin/sh"; } > .passwd
            : > .subids
            case $3 in User) echo "tester:200000:65536" > .subids ;; esac
            mount --bind .passwd /etc/passwd
            for file in /etc/subuid /etc/subgid; do
                [ -e "$file" ] || : > "$file"
                mount --bind .subids "$file"
            done
            exec setpriv --reuid="$4" --regid="$4" --clear-groups env -u XDG_RUNTIME_DIR sh -euc "$2" sh"#;
        // Whoever runs the tests in the background has signals of the terminal ignored.
        let mut unshare = command(
            "env",
            [
                "--default-signal=INT,QUIT",
                "unshare",
                "-m",
                "sh",
                "-euc",
                enter,
                "sh",
                LIVEROOT,
                script,
            ],
        );
        unshare
            .args([format!("{:?}", self.who).as_str(), USER])
            .current_dir(self.dir.path())
            .env("LC_ALL", "C")
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        unshare
    }

    /// Runs it, and gives what came out.
    pub fn output(&self, script: &str) -> Output {
        output(&mut self.command(script))
    }

    /// Runs it; it must succeed. Gives its standard output.
    #[track_caller]
    pub fn run(&self, script: &str) -> String {
        run(&mut self.command(script))
    }

    /// Runs it, and asserts its exit code. Gives its standard error.
    #[track_caller]
    pub fn exits(&self, code: i32, script: &str) -> String {
        let output = self.output(script);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{script}\n{}",
            said(&output)
        );
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Nothing of liveroot's is left beside the images.
    #[track_caller]
    pub fn assert_nothing_left(&self) {
        let left: Vec<_> = fs::read_dir(self.path("tmp"))
            .expect("the directory for temporary files can be read")
            .flatten()
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Asks e2fsck, which must find nothing; the journal must have been emptied.
#[track_caller]
pub fn assert_clean(image: &Path) {
    run(command("e2fsck", ["-fn"]).arg(image));
    let header = run(command("dumpe2fs", ["-h"]).arg(image));
    assert!(!header.contains("needs_recovery"), "{header}");
}

/// What the kernel's ext4 finds in an image.
#[track_caller]
pub fn as_the_kernel_sees(image: &Path) -> String {
    on_loop(image, "ro", manifest)
}

/// Does something with an image that the kernel has mounted.
#[track_caller]
pub fn on_loop<T>(image: &Path, options: &str, work: impl FnOnce(&Path) -> T) -> T {
    let dir = TempDir::with_prefix("liveroot-mnt-").expect("temporary directories can be made");
    run(command("mount", ["-o", &format!("loop,{options}")])
        .arg(image)
        .arg(dir.path()));
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(dir.path())));
    run(Command::new("umount").arg(dir.path()));
    match result {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
