//! Images of containers come out as Docker's own export of them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::archive::Archive;
use crate::support::command::{command, output, run, shell};
use crate::support::oracle::assert_same;
use crate::support::requirements::{Need, can_run, skip};
use crate::support::tree;
use crate::work::{Work, assert_refused, liveroot};

/// A Docker daemon of the test's own.
struct Docker {
    daemon: Child,
    dir: PathBuf,
}

impl Docker {
    fn start(work: &Work) -> Result<Docker, String> {
        let dir = work.path("docker");
        std::fs::create_dir(&dir).map_err(|e| e.to_string())?;
        let path = |name: &str| dir.join(name);
        let log = std::fs::File::create(path("log")).map_err(|e| e.to_string())?;
        let daemon = command(
            "dockerd",
            ["--bridge=none", "--iptables=false", "--ip-forward=false"],
        )
        .arg("--data-root")
        .arg(path("data"))
        .arg("--exec-root")
        .arg(path("exec"))
        .arg("--pidfile")
        .arg(path("pid"))
        .arg("--host")
        .arg(format!("unix://{}", path("sock").display()))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .map_err(|e| e.to_string())?;
        let docker = Docker { daemon, dir };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(40) {
            if output(docker.command().arg("version")).status.success() {
                return Ok(docker);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let log = std::fs::read_to_string(docker.dir.join("log")).unwrap_or_default();
        let last = log.lines().last().unwrap_or("no log").to_owned();
        Err(format!("dockerd does not start here: {last}"))
    }

    fn command(&self) -> Command {
        let mut docker = Command::new("docker");
        docker.env(
            "DOCKER_HOST",
            format!("unix://{}", self.dir.join("sock").display()),
        );
        docker
            .env("DOCKER_CONFIG", &self.dir)
            .env("DOCKER_BUILDKIT", "0");
        docker
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .arg(self.daemon.id().to_string())
            .output();
        let _ = self.daemon.wait();
    }
}

/// Names that a container adds to what its image has.
fn without_dockers_own(manifest: &str) -> String {
    let own = [
        ".dockerenv",
        "dev",
        "dev/console",
        "dev/pts",
        "dev/shm",
        "etc",
        "etc/hostname",
        "etc/hosts",
        "etc/mtab",
        "etc/resolv.conf",
        "proc",
        "sys",
        ".",
    ];
    let mut kept = String::new();
    for line in manifest.lines() {
        let mut fields: Vec<&str> = line.split(' ').collect();
        if own.contains(&fields[0]) {
            continue;
        }
        // Docker exports whole seconds.
        let seconds = fields[8].len().saturating_sub(9);
        fields[8] = &fields[8][..seconds];
        kept += &format!("{}\n", fields.join(" "));
    }
    kept
}

#[test]
fn docker_sees_the_same() {
    let needs = [
        Need::Root,
        Need::Loop,
        Need::Program("dockerd"),
        Need::Program("docker"),
        Need::Program("busybox"),
    ];
    if !can_run("docker_sees_the_same", &needs) {
        return;
    }
    let work = Work::new();
    let docker = match Docker::start(&work) {
        Ok(docker) => docker,
        Err(reason) => return skip("docker_sees_the_same", &reason),
    };
    let context = work.path("context");
    shell(
        r#"mkdir -p "$1/root/bin" "$1/root/a/sub" "$1/root/b" "$1/root/opaque/old" && cd "$1"
           cp "$(command -v busybox)" root/bin/busybox && for p in sh rm ln mkdir touch cat chmod; do ln root/bin/busybox root/bin/$p; done
           echo one >root/a/one && ln root/a/one root/a/hard && echo two >root/a/two && echo x >root/a/sub/x && echo y >root/opaque/old/y
           ln -s a root/link && setfattr -n user.k -v v root/b && tar -C root --xattrs -cf base.tar . && rm -r root
           cat >Dockerfile <<'END'
FROM base
RUN ln /a/one /b/across && rm /a/two && rm -r /a/sub && echo new >/a/three
RUN rm -r /opaque && mkdir /opaque && echo fresh >/opaque/new && chmod 700 /opaque
RUN rm /a/hard && mkdir /a/hard && touch /a/hard/in && rm /link && mkdir /link
END
        "#,
        [&context],
    );
    run(docker
        .command()
        .arg("import")
        .arg(context.join("base.tar"))
        .arg("base"));
    let build = output(
        docker
            .command()
            .args(["build", "--network=none", "-t", "layered"])
            .arg(&context),
    );
    if !build.status.success() {
        let said = String::from_utf8_lossy(&build.stderr);
        return skip(
            "docker_sees_the_same",
            &format!(
                "docker cannot build here: {}",
                said.lines().last().unwrap_or("")
            ),
        );
    }
    let (saved, exported) = (work.path("saved.tar"), work.path("exported.tar"));
    run(docker
        .command()
        .args(["save", "-o"])
        .arg(&saved)
        .arg("layered"));
    run(docker
        .command()
        .args(["create", "--name", "made", "layered", "sh"]));
    run(docker
        .command()
        .args(["export", "-o"])
        .arg(&exported)
        .arg("made"));
    drop(docker);

    let reference = work.mke2fs("reference.ext4");
    work.mounted(&reference, |root| tree::untar(&exported, root));
    let wanted = without_dockers_own(&work.manifest(&reference));
    assert!(
        wanted.contains("b/across") && !wanted.contains("a/two"),
        "{wanted}"
    );
    let check = |source: &Path, what: &str| {
        let image = work.create("image.ext4", source, &["--force"]);
        assert_same(&wanted, &without_dockers_own(&work.manifest(&image)), what);
    };
    check(&saved, "docker save");
    let unpacked = work.path("unpacked");
    shell(r#"mkdir "$2" && tar -xf "$1" -C "$2""#, [&saved, &unpacked]);
    check(&unpacked, "docker save, unpacked");
    shell(r#"gzip -kf "$1""#, [&saved]);
    check(&work.path("saved.tar.gz"), "docker save, compressed");
}

fn sha256(bytes: &[u8], work: &Work) -> String {
    let path = work.path("to-hash");
    std::fs::write(&path, bytes).unwrap();
    let line = run(command("sha256sum", ["--"]).arg(&path));
    line.split(' ').next().unwrap_or_default().to_owned()
}

/// An OCI layout with these layers, compressed by `pack`.
fn layout(work: &Work, name: &str, layers: &[Vec<u8>], pack: &str) -> PathBuf {
    let dir = work.path(name);
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let store = |bytes: &[u8]| {
        let hash = sha256(bytes, work);
        std::fs::write(blobs.join(&hash), bytes).unwrap();
        format!(r#""digest":"sha256:{hash}","size":{}"#, bytes.len())
    };
    let layers: Vec<String> = layers
        .iter()
        .map(|tar| {
            let (plain, packed) = (work.path("layer"), work.path("packed"));
            std::fs::write(&plain, tar).unwrap();
            shell(&format!(r#"{pack} <"$1" >"$2""#), [&plain, &packed]);
            format!("{{{}}}", store(&std::fs::read(&packed).unwrap()))
        })
        .collect();
    let config = store(br#"{"os":"linux","architecture":"riscv64"}"#);
    let manifest = store(
        format!(
            r#"{{"config":{{{config}}},"layers":[{}]}}"#,
            layers.join(",")
        )
        .as_bytes(),
    );
    let index = format!(
        r#"{{"manifests":[{{{manifest},"platform":{{"os":"linux","architecture":"riscv64"}}}}]}}"#
    );
    std::fs::write(dir.join("index.json"), index).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    dir
}

#[test]
fn layers_lie_upon_each_other() {
    let needs = [
        Need::Root,
        Need::Loop,
        Need::Program("sha256sum"),
        Need::Program("zstd"),
    ];
    if !can_run("layers_lie_upon_each_other", &needs) {
        return;
    }
    let work = Work::new();
    let mut low = Archive::default();
    low.add("d/old", b'0', "", b"1")
        .add("d/deep/er", b'0', "", b"2")
        .add("gone", b'0', "", b"3")
        .add("dir/x", b'0', "", b"4")
        .add("target", b'0', "", b"5")
        .add("kept/a", b'0', "", b"6");
    let mut high = Archive::default();
    // What hides comes after what the same layer adds, which stays.
    high.add("d/new", b'0', "", b"7")
        .add("d/deep/new", b'0', "", b"8")
        .add("d/.wh..wh..opq", b'0', "", b"")
        .add(".wh.gone", b'0', "", b"")
        .add("dir", b'2', "d", b"")
        .add("linked", b'1', "target", b"")
        .add(".wh.never", b'0', "", b"")
        .add("kept/.wh.b", b'0', "", b"")
        .add(".wh..wh.plnk/1", b'0', "", b"");
    for pack in ["cat", "gzip", "zstd -q"] {
        let dir = layout(
            &work,
            pack.split(' ').next().unwrap_or(pack),
            &[low.end(), high.end()],
            pack,
        );
        let image = work.create("image.ext4", &dir, &["--force"]);
        let found = work.manifest(&image);
        let paths: Vec<&str> = found
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(
            paths,
            [
                ".",
                "d",
                "d/deep",
                "d/deep/new",
                "d/new",
                "dir",
                "kept",
                "kept/a",
                "linked",
                "target"
            ],
            "{pack}"
        );
        assert!(found.contains("target file 0644 0 0 2 1 "), "{found}");
    }
    let dir = work.path("cat");
    let image = work.path("none.ext4");
    let create = |more: &[&str]| {
        let mut create = liveroot(["create", "--size", "64M", "--from"]);
        create.arg(&dir).arg(&image).args(more);
        create
    };
    assert_refused(&mut create(&["--platform", "linux/arm64"]), "linux/riscv64");
    // A byte that is wrong anywhere is noticed, and nothing is left behind.
    let blobs = std::fs::read_dir(dir.join("blobs/sha256")).unwrap();
    for blob in blobs.map(|entry| entry.unwrap().path()) {
        let whole = std::fs::read(&blob).unwrap();
        let mut bytes = whole.clone();
        let last = bytes.len() - 1;
        bytes[last] ^= 0x20;
        std::fs::write(&blob, bytes).unwrap();
        let read = output(&mut create(&[]));
        let is_config = whole.starts_with(b"{\"os\"");
        assert!(read.status.success() == is_config, "{}", blob.display());
        assert!(
            is_config || String::from_utf8_lossy(&read.stderr).contains("digest"),
            "{}",
            String::from_utf8_lossy(&read.stderr)
        );
        let _ = std::fs::remove_file(&image);
        std::fs::write(&blob, whole).unwrap();
    }
}
