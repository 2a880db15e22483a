//! Two images that are alike: what is done to one by liveroot is done to the other through a mount.

use std::process::{Command, Output};

use crate::support::command::{command, output, run, said, shell};
use crate::support::image::{Image, LIVEROOT, Spec};
use crate::support::mount::{How, Mounted};
use crate::support::oracle;
use tempfile::TempDir;

/// What both images start with. Everything is old, so that what a command touched can be told.
const START: &str = r#"
cd "$1"
mkdir -p etc/conf.d srv/data/deep/er tmp home/user var/log bin dev
printf 'root:x:0:0::/root:/bin/sh\nwww:x:33:33::/srv:/bin/false\nuser:x:1000:1000::/home/user:/bin/sh\n' >etc/passwd
printf 'root:x:0:\nadm:x:4:\nwww:x:33:\nuser:x:1000:\n' >etc/group
for i in $(seq 1 40); do echo "conf $i" >etc/conf.d/$i.conf; done
seq 1 20000 >var/log/big; : >var/log/empty; head -c 300000 /dev/zero | tr '\0' x >var/log/x.log
echo hidden >etc/.hidden; printf 'no newline' >etc/hosts
ln -s conf.d etc/link-to-dir; ln -s /etc/hosts srv/absolute; ln -s ../nowhere srv/dangling
ln -s loop2 srv/loop1; ln -s loop1 srv/loop2; ln -s ../../../../etc/hosts srv/above
echo one >srv/data/one; ln srv/data/one srv/data/two; ln srv/data/one srv/data/deep/three
echo prog >bin/prog; chmod 4755 bin/prog; cp bin/prog bin/other; chmod 2711 bin/other
mknod dev/null c 1 3; mknod dev/sda b 8 0; mkfifo dev/fifo; chmod 666 dev/null
truncate -s 5M srv/data/sparse; echo middle | dd of=srv/data/sparse bs=1 seek=2000000 conv=notrunc status=none
chown -R 1000:1000 home/user; chown 33:4 var/log/x.log; chmod 1777 tmp; chmod 750 srv/data/deep
chmod 2775 srv/data; chgrp 33 srv/data
setfattr -n user.note -v hello srv/data/one; setfattr -n trusted.t -v t etc/hosts
setfacl -m u:1000:rw etc/hosts; setfacl -d -m g:33:rwx home/user
setcap cap_net_raw+ep bin/prog 2>/dev/null || setfattr -n user.none -v 1 bin/prog
printf '\033[31m' >"tmp/$(printf 'red\033[31m name')"; echo x >"tmp/two words"; echo y >"tmp/-dash"
for i in $(seq 1 200); do : >"tmp/entry number $i of a directory of several blocks"; done
find . -exec touch -h -d '2020-02-03 04:05:06.789012345 UTC' {} +
"#;

pub struct Pair {
    pub ours: Image,
    pub theirs: Image,
    /// Files of the host that commands may use.
    pub host: TempDir,
    started: String,
}

impl Pair {
    /// A pair of images with [`START`] in them.
    #[track_caller]
    pub fn new() -> Pair {
        let spec = Spec {
            mib: 64,
            ..Spec::default()
        };
        let ours = Image::make(&spec).unwrap();
        let theirs = Image::make(&spec).unwrap();
        let mounted = Mounted::new(How::Loop, &ours);
        shell(START, [mounted.path()]);
        mounted.umount();
        run(command("cp", ["--sparse=always"]).args([&ours.path, &theirs.path]));
        let host = TempDir::with_prefix("liveroot-host-").unwrap();
        shell(
            r#"cd "$1"; mkdir -p conf/sub; echo a >conf/a; ln conf/a conf/b; ln -s a conf/l; echo s >conf/sub/s
               truncate -s 3M conf/holes; echo end >>conf/holes; mkfifo conf/p; chmod 4750 conf/a; chmod 2700 conf/sub
               setfattr -n user.x -v y conf/sub/s; setfacl -m u:12:r conf/sub/s; chown 5:6 conf/sub/s
               echo plain >plain; echo other >'./co:lon'; head -c 3000000 /dev/urandom >large; ln -s plain hostlink
               find . -exec touch -h -d '2021-02-03 04:05:06.123456789 UTC' {} +"#,
            [host.path()],
        );
        // After everything was made; file times are that of the clock's last tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let started = run(&mut command("date", ["+%s.%N"])).trim().to_owned();
        Pair {
            ours,
            theirs,
            host,
            started,
        }
    }

    /// `@/path` as an address in our image, `~` as the directory of the host.
    pub fn words(&self, line: &str) -> Vec<String> {
        let image = format!("{}:", self.ours.path.display());
        let host = self.host.path().display().to_string();
        let mut words: Vec<String> = Vec::new();
        for (i, part) in line.split('\'').enumerate() {
            if i % 2 == 1 {
                words.push(part.to_owned());
            } else {
                words.extend(part.split_whitespace().map(str::to_owned));
            }
        }
        words
            .into_iter()
            .map(|word| word.replace('@', &image).replace('~', &host))
            .collect()
    }

    /// Runs `liveroot LINE` on our image.
    pub fn liveroot(&self, line: &str) -> Output {
        let mut liveroot = Command::new(LIVEROOT);
        liveroot
            .args(self.words(line))
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .current_dir(self.host.path());
        output(&mut liveroot)
    }

    /// Runs `liveroot LINE`, which must succeed: what it printed, without the image's path.
    #[track_caller]
    pub fn done(&self, line: &str) -> String {
        let out = self.liveroot(line);
        assert!(
            out.status.success(),
            "liveroot {line}: {}\n{}",
            out.status,
            said(&out)
        );
        self.shorten(&String::from_utf8_lossy(&out.stdout))
    }

    /// Text without our image's path.
    pub fn shorten(&self, text: &str) -> String {
        text.replace(&format!("{}:/", self.ours.path.display()), "")
            .replace(&self.ours.path.display().to_string(), "IMAGE")
    }

    /// Runs a piece of shell in a mount of the other image, with `$H` the directory of the host.
    #[track_caller]
    pub fn mounted(&self, script: &str) -> String {
        let mounted = Mounted::new(How::Loop, &self.theirs);
        let mut sh = command("sh", ["-euc", script]);
        sh.current_dir(mounted.path())
            .envs([("LC_ALL", "C"), ("TZ", "UTC")])
            .env("H", self.host.path());
        let out = output(&mut sh);
        mounted.umount();
        assert!(out.status.success(), "{script}: {}", said(&out));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// What is in an image; times that a command set to "now" are all the same.
    #[track_caller]
    pub fn manifest(&self, image: &Image) -> String {
        // A copy: setting times must not change what is compared later.
        let copy = Image::make(&Spec {
            mib: 1,
            ..Spec::default()
        })
        .unwrap();
        run(command("cp", ["--sparse=always"]).args([&image.path, &copy.path]));
        let mounted = Mounted::new(How::Loop, &copy);
        let touch = "find \"$1\" -newermt \"@$2\" -exec touch -h -d @0 {} +";
        shell(
            touch,
            [
                mounted.path().as_os_str(),
                std::ffi::OsStr::new(&self.started),
            ],
        );
        let manifest = oracle::manifest(mounted.path());
        mounted.umount();
        manifest
    }

    /// Asserts that both images hold the same, and e2fsck agrees.
    #[track_caller]
    pub fn assert_same(&self, what: &str) {
        self.ours.fsck();
        self.theirs.fsck();
        oracle::assert_same(
            &self.manifest(&self.theirs),
            &self.manifest(&self.ours),
            what,
        );
    }

    /// The SHA-256 of our image.
    pub fn hash(&self) -> String {
        run(Command::new("sha256sum").arg(&self.ours.path))
    }
}
