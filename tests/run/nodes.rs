//! Devices and trusted attributes, which user namespaces forbid, come out as for the host's root; nothing else that
//! they forbid is possible.

use super::desk::{Desk, Who, as_the_kernel_sees, assert_clean, can_work, on_loop};
use super::support::command::run;
use super::support::oracle::assert_same;
use super::support::requirements::Need;

/// Runs a script as a user in `run`, and as root on a loop mount: both must print the same and make the same.
/// `$1` is the image's directory.
#[track_caller]
fn same_as_the_kernel(test: &str, programs: &[&'static str], script: &str) {
    let mut needs = vec![Need::Loop, Need::Program("python3")];
    needs.extend(programs.iter().map(|name| Need::Program(name)));
    if !can_work(test, &needs) {
        return;
    }
    let desk = Desk::of(Who::User);
    // When is not asked: times are the same everywhere.
    let script = format!("cd \"$1\"\n{script}\nfind . -exec touch -h -d @1000000000 {{}} +");
    std::fs::write(desk.path("script"), script).expect("files can be made");
    let wanted = desk.image("wanted.ext4", 64);
    let printed = on_loop(&wanted, "rw", |dir| {
        let mut sh = std::process::Command::new("sh");
        sh.current_dir(desk.path("")).env("LC_ALL", "C");
        run(sh.arg("script").arg(dir))
    });
    let made = desk.image("made.ext4", 64);
    let out = desk.run("./liveroot run --direct made.ext4 -- sh -c 'sh script \"$LIVEROOT\"'");
    assert_eq!(out, printed);
    assert_clean(&made);
    assert_same(
        &as_the_kernel_sees(&wanted),
        &as_the_kernel_sees(&made),
        "what run made",
    );
}

#[test]
fn devices_are_made_wherever_a_path_leads() {
    let script = r#"
        umask 027
        mknod plain c 1 3; mknod -m 666 large b 7 70000
        mkdir -m 2770 sg; chown 3:7 sg; chmod g+s sg; mknod sg/inherits c 4 64
        mkdir acl; setfacl -d -m u:1000:rw,g:7:r acl; mknod acl/inherits c 1 5
        mkdir real; ln -s real link; ln -s /real/away absolute
        mknod link/a c 1 1; (cd real; mknod ../b c 1 2; mknod ./../real//c c 1 2)
        mknod "$PWD/link/../d" c 1 3
        python3 - <<'EOF'
import os
def make(name, **at): os.mknod(name, 0o20644, os.makedev(1, 9), **at)
real = os.open("real", os.O_RDONLY)
make("e", dir_fd=real)
make(f"/proc/self/fd/{real}/f")
make(f"/proc/self/fd/{real}/../g")
os.umask(0)
os.mknod("h", 0o60777, os.makedev(8, 1), dir_fd=real)
os.setegid(7); make("i"); os.setegid(0)
here = os.open(".", os.O_RDONLY)
os.mkdir("jail"); os.mkdir("jail/dir"); os.symlink("/dir", "jail/link")
os.chroot("jail"); os.chdir("/")
make("/dir/j"); make("/link/../../../k"); make("link/l")
os.fchdir(here); make("m"); make("jail/n")
EOF
        test -e later || mknod later c 1 3; test -e later && echo there
        ls -A real jail
    "#;
    same_as_the_kernel(
        "devices_are_made_wherever_a_path_leads",
        &["setfacl"],
        script,
    );
}

#[test]
fn devices_that_root_cannot_make_are_refused_alike() {
    let script = r#"
        exec 2>&1
        mknod there c 1 3; ln -s nowhere dangling; mkdir frozen; chattr +i frozen
        for name in there dangling missing/x there/x frozen/x . .. / there/ \
            "$(printf %300s | tr ' ' x)" "$(printf %5000s | tr ' ' x)"
        do mknod "$name" c 1 3 | sed 's/: .*: /: /' | cut -c 1-80; done
        setpriv --reuid 1000 --clear-groups mknod byuser c 1 3
        setpriv --bounding-set=-mknod --inh-caps=-mknod mknod bound c 1 3
        chattr -i frozen; rmdir frozen
        mkdir gone; cd gone; rmdir ../gone; mknod x c 1 3; cd ..
        ls -A
    "#;
    same_as_the_kernel(
        "devices_that_root_cannot_make_are_refused_alike",
        &["setpriv", "chattr"],
        script,
    );
}

#[test]
fn trusted_attributes_are_set_and_removed() {
    let script = r#"
        exec 2>&1
        touch file; mkdir dir; ln -s file link; ln -s nowhere dangling
        setfattr -n trusted.a -v 1 file; setfattr -n trusted.b -v 2 link; setfattr -n trusted.c -v 3 dir
        setfattr -h -n trusted.d -v 4 link; setfattr -h -n trusted.e -v 5 dangling
        setfattr -n trusted.gone -v 6 file; setfattr -x trusted.gone file
        setfattr -x trusted.never file; setfattr -n trusted.f -v 7 dangling; setfattr -n trusted. -v 8 file
        setfattr -n user.u -v 9 file; setfattr -x user.never file
        chmod 666 file; setpriv --reuid 1000 --clear-groups setfattr -n trusted.user -v 1 file
        python3 - <<'EOF'
import os
fd = os.open("file", os.O_RDONLY)
os.setxattr(fd, "trusted.fd", b"x" * 100)
os.setxattr(f"/proc/self/fd/{fd}", "trusted.proc", b"")
for flags in os.XATTR_CREATE, os.XATTR_REPLACE:
    for name in "trusted.fd", "trusted.new":
        try: os.setxattr(fd, name, b"y", flags); print(flags, name)
        except OSError as e: print(e.strerror, name)
os.removexattr(fd, "trusted.proc")
EOF
    "#;
    same_as_the_kernel(
        "trusted_attributes_are_set_and_removed",
        &["setfattr", "setpriv"],
        script,
    );
}

#[test]
fn files_are_frozen_and_thawed() {
    let script = r#"
        exec 2>&1
        echo a > file; echo b > log; echo c > other; mkdir dir
        chattr +i file; chattr +a log; chattr +i dir; chattr +d other
        lsattr -d file log dir other
        echo x >> log; echo x > file || echo refused; touch dir/x || echo refused; rm -f file || echo refused
        chmod 666 other; setpriv --reuid 1000 --clear-groups chattr +i other || echo refused
        chattr -i dir; touch dir/x; chattr -a log; echo new > log
        cat file log; stat -c %n:%s *
        chattr -i file
    "#;
    same_as_the_kernel(
        "files_are_frozen_and_thawed",
        &["chattr", "setpriv"],
        script,
    );
}

#[test]
fn many_at_once_are_all_made() {
    let script = r#"
        for n in 1 2 3 4; do (
            mkdir $n; for i in 1 2 3 4 5 6 7 8 9; do for j in 0 1 2 3 4 5 6 7 8 9; do
                mknod $n/$i$j c $n $i$j; test -c $n/$i$j; mknod shared$i$j b 8 $i 2>/dev/null || :
            done; done
        ) & done; wait
        ls | wc -l; ls [1-4] | wc -l
    "#;
    same_as_the_kernel("many_at_once_are_all_made", &[], script);
}

#[test]
fn what_lies_outside_stays_forbidden() {
    let test = "what_lies_outside_stays_forbidden";
    if !can_work(test, &[Need::Program("setfattr")]) {
        return;
    }
    let desk = Desk::of(Who::User);
    let image = desk.image("image.ext4", 64);
    let script = r#"./liveroot run --direct image.ext4 -- sh -c '
        refused() { ! "$@" 2>/dev/null || echo "worked: $*"; }
        touch file
        refused mknod node c 1 3; refused mknod /tmp/liveroot-node c 1 3; refused mknod /dev/shm/node c 1 3
        refused setfattr -n trusted.a -v 1 file
        mkdir "$LIVEROOT/dir"; mount -t tmpfs none "$LIVEROOT/dir"; refused mknod "$LIVEROOT/dir/node" c 1 3
        umount "$LIVEROOT/dir"
        mount --bind "$LIVEROOT" /mnt; mount -o remount,bind,ro /mnt; refused mknod /mnt/node c 1 3
        cd "$LIVEROOT"; refused unshare -r mknod node c 1 3
        refused unshare -r setfattr -n trusted.a -v 1 dir
        mknod node c 1 3; test -c node; refused sh -c "exec 3< node"
    '"#;
    assert_eq!(desk.run(script), "");
    assert_clean(&image);
}
