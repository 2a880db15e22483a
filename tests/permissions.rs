//! Permissions, owners, ACLs and what clears setuid: on liveroot as on the kernel's own ext4, whose answers to the
//! same commands are the expected ones.

mod support;

use support::command::shell;
use support::image::{Image, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run};

/// Runs a script in a fresh file system, on liveroot and on the kernel's ext4; both must print the same.
///
/// In the script, `as_user COMMAND…` runs a command as the user nobody, and `show FILE…` prints type, mode, owner,
/// size and links.
#[track_caller]
fn same_as_the_kernel(test: &str, programs: &[&'static str], script: &str) {
    let mut needs = vec![Need::Root, Need::Fuse, Need::Loop, Need::Program("runuser")];
    needs.extend(programs.iter().map(|name| Need::Program(name)));
    if !can_run(test, &needs) {
        return;
    }
    let prologue = "cd \"$1\"; chmod 755 .; umask 022
        as_user() { runuser -u nobody -- \"$@\" 2>&1 || echo \"failed: $*\"; }
        show() { stat -c '%n %F %a %u:%g %s %h' \"$@\"; }\n";
    let [kernel, liveroot] = [How::Loop, How::Liveroot].map(|how| {
        let image = Image::make(&Spec {
            mib: 64,
            ..Spec::default()
        });
        let image = image.unwrap();
        let mounted = Mounted::new(how, &image);
        let printed = shell(&format!("{prologue}{script}"), [mounted.path()]);
        mounted.umount();
        image.fsck();
        // The mount points have names of their own.
        printed
    });
    assert_eq!(liveroot, kernel, "\n{script}");
}

#[test]
fn what_clears_setuid() {
    let script = r#"
        fresh() { rm -f "$1"; echo content > "$1"; chown nobody:nogroup "$1"; chmod "$2" "$1"; }
        for mode in 6777 6767 2777 2767 4711; do
            fresh f $mode; as_user sh -c 'echo more >> f'; echo "append $mode"; show f
            fresh f $mode; as_user sh -c 'echo new > f'; echo "overwrite $mode"; show f
            fresh f $mode; as_user truncate -s 3 f; echo "truncate $mode"; show f
            fresh f $mode; as_user sh -c 'dd if=/dev/zero of=f bs=4096 count=1 oflag=direct conv=notrunc status=none'
            echo "direct $mode"; show f
            fresh f $mode; echo root >> f; echo "append by root $mode"; show f
            fresh f $mode; truncate -s 3 f; echo "truncate by root $mode"; show f
            fresh f $mode; chown 5 f; echo "chown by root $mode"; show f
            fresh f $mode; chgrp 5 f; echo "chgrp by root $mode"; show f
            fresh f $mode; as_user chgrp nogroup f; echo "chgrp by owner $mode"; show f
            fresh f $mode; as_user fallocate -l 9000 f; echo "fallocate $mode"; show f
            fresh f $mode; as_user fallocate -p -l 4 f; echo "punch $mode"; show f
            fresh f $mode; as_user python3 -c 'import mmap
f = open("f", "r+b"); m = mmap.mmap(f.fileno(), 0); m[0] = 65; m.close()'; echo "mmap $mode"; show f
            fresh f $mode; echo source > g; as_user python3 -c 'import os
os.copy_file_range(os.open("g", os.O_RDONLY), os.open("f", os.O_WRONLY), 6)'; echo "copy $mode"; show f
        done
        mkdir d; chmod 6777 d; chown 5:5 d; show d
        fresh f 4755; chown root f; chmod 4755 f; as_user sh -c 'echo x >> f'; show f
    "#;
    same_as_the_kernel("what_clears_setuid", &["fallocate", "python3"], script);
}

#[test]
fn what_clears_capabilities() {
    let script = r#"
        fresh() { rm -f f; cp /bin/true f; chown nobody f; chmod 777 f; setcap cap_net_raw+ep f; getcap f; }
        fresh; as_user sh -c 'echo more >> f'; echo append; getcap f
        fresh; echo more >> f; echo append by root; getcap f
        fresh; as_user truncate -s 3 f; echo truncate; getcap f
        fresh; chown 5 f; echo chown; getcap f
        fresh; chmod 700 f; echo chmod; getcap f
        fresh; cp f g; echo copy; getcap g
    "#;
    same_as_the_kernel("what_clears_capabilities", &["setcap"], script);
}

#[test]
fn who_may_do_what() {
    let script = r#"
        mkdir private shared sticky; chmod 700 private; chmod 777 shared; chmod 1777 sticky
        echo secret > private/f; echo open > shared/f; chmod 600 shared/f; echo mine > sticky/f
        as_user cat private/f; as_user cat shared/f; as_user ls private; as_user touch private/new
        as_user touch shared/new; as_user rm -f shared/f; as_user rm -f sticky/f
        as_user mv sticky/f sticky/g; as_user touch sticky/own; as_user rm sticky/own
        as_user chmod 777 shared; as_user chown nobody shared; as_user mknod shared/dev c 1 3
        as_user ln -s nowhere shared/link; as_user mkdir shared/dir; as_user mkfifo shared/fifo
        as_user touch -d 2001-01-01 shared/new; as_user touch -d 2001-01-01 sticky/f
        as_user sh -c 'umask 077; touch shared/narrow; mkdir shared/narrowdir'
        show shared/* sticky/*
    "#;
    same_as_the_kernel("who_may_do_what", &[], script);
}

#[test]
fn setgid_directories_pass_on_their_group() {
    let script = r#"
        mkdir d; chgrp 50 d; chmod 2777 d
        touch d/file; mkdir d/dir; mkfifo d/fifo; ln -s x d/link; mkdir d/dir/below
        as_user touch d/theirs; as_user mkdir d/theirdir; as_user sh -c 'touch d/x; chmod 2755 d/x'
        cp /bin/true d/program; chmod 2755 d/program
        show d d/* d/dir/*
    "#;
    same_as_the_kernel("setgid_directories_pass_on_their_group", &[], script);
}

#[test]
fn acls_are_enforced_inherited_and_kept_in_step_with_modes() {
    let script = r#"
        acl() { for f in "$@"; do stat -c '%n %a' "$f"; getfacl -cnp "$f"; done; }
        echo text > f; chmod 600 f; as_user cat f
        setfacl -m u:nobody:r f; as_user cat f; as_user sh -c 'echo x >> f'; acl f
        chmod 640 f; acl f; chmod 600 f; as_user cat f; acl f
        setfacl -m m::rw f; as_user cat f; setfacl -x u:nobody f; acl f
        setfacl -b f; acl f
        mkdir d; setfacl -d -m u:nobody:rwx,g:50:rx,o::- d; acl d
        umask 077; touch d/file; mkdir d/dir; mknod d/dev c 1 3; ln -s x d/link; mkfifo d/fifo
        umask 022; touch d/file2; mkdir -m 711 d/dir2; cp /bin/true d/program; mkdir -p d/dir/below
        acl d/file d/dir d/dev d/fifo d/file2 d/dir2 d/program d/dir/below
        as_user touch d/dir/theirs; as_user ls d/dir; show d/link
        setfacl -k d; touch d/plain; acl d/plain
        touch g; chown nobody:50 g; chmod 2755 g; as_user setfacl -m u:5:r g; acl g
        chmod 2755 g; setfacl -m u:5:rw g; acl g
    "#;
    let name = "acls_are_enforced_inherited_and_kept_in_step_with_modes";
    same_as_the_kernel(name, &["setfacl"], script);
}

#[test]
fn extended_attributes_follow_their_name_spaces() {
    let script = r#"
        touch f; mkdir d; ln -s f l; chmod 666 f; chmod 777 d
        setfattr -n user.one -v 1 f; setfattr -n trusted.two -v 2 f; setfattr -n security.three -v 3 f
        getfattr -d -m - f | sort; as_user getfattr -d -m - f
        as_user setfattr -n user.theirs -v x f; as_user setfattr -n trusted.theirs -v x f
        as_user setfattr -n user.one -v 11 d; setfattr -h -n trusted.link -v y l; getfattr -h -d -m - l
        setfattr -h -n user.link -v y l 2>&1 || true
        setfattr -n unknown.x -v y f 2>&1 || true
        setfattr -x user.one f; setfattr -x user.one f 2>&1 || true
        getfattr -n user.nothing f 2>&1 || true; getfattr -d -m - f | sort
    "#;
    let name = "extended_attributes_follow_their_name_spaces";
    same_as_the_kernel(name, &["setfattr"], script);
}

#[test]
fn renames_links_and_deletions_answer_alike() {
    let script = r#"
        try() { "$@" 2>&1 || true; }
        mkdir a b; touch a/f b/g; mkdir a/d; touch a/d/x
        try mv -T a/f b; try mv -T a/d b/g; try mv -T b/g a/d; try rmdir a; try rmdir a/f; try unlink a
        try ln a b/dirlink; ln a/f b/hard; show a/f; mv -T a/d b/d; show a b b/d; mv -T b/d b/e
        try mv b b/e/below; try mkdir a; try touch "$(printf '%0256d' 0)"; touch "$(printf '%0255d' 0)"
        try ln -s "$(printf '%05000d' 0)" long; ln -s "$(printf '%03000d' 0)" symlink; show symlink
        try ln -s x a; exec 3> open; rm open; echo written >&3; stat -Lc '%h %s' /proc/self/fd/3; exec 3>&-
        rm -r a b/e; show b b/*
    "#;
    same_as_the_kernel("renames_links_and_deletions_answer_alike", &[], script);
}
