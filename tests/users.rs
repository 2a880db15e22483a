//! Mounts of ordinary users: who is who in them, as the kernel's own ext4 shows it afterwards.

mod support;

use std::fs;

use support::command::{command, output, run, said, shell};
use support::image::{Image, LIVEROOT, Spec};
use support::requirements::{Need, can_run, skip};
use support::user::{as_user, can_be_user, open_to_all, program_is_reachable};
use tempfile::TempDir;

/// The most usual number of an ordinary user, which is a usual number in images too, and another.
const USERS: [u32; 2] = [1000, 4321];

/// A directory that a user may use, with an image that root has filled.
struct Desk {
    dir: TempDir,
}

impl Desk {
    /// `fill` is a piece of shell that root runs in the image; `None` where users cannot be had.
    fn new(test: &str, fill: &str) -> Option<Desk> {
        if !can_be_user(test) || !can_run(test, &[Need::Loop]) {
            return None;
        }
        let dir = TempDir::with_prefix("liveroot-user-").unwrap();
        run(&mut open_to_all(dir.path()));
        if !program_is_reachable(USERS[1], dir.path()) {
            skip(test, "other users cannot run the program where it lies");
            return None;
        }
        let image = Image::make(&Spec {
            mib: 64,
            ..Spec::default()
        });
        fs::copy(image.unwrap().path, dir.path().join("image")).unwrap();
        let desk = Desk { dir };
        desk.as_kernel(fill);
        desk.shell("chmod 666 image; mkdir mnt; chmod 777 mnt");
        Some(desk)
    }

    fn shell(&self, script: &str) -> String {
        shell(&format!("cd \"$1\"; {script}"), [self.dir.path()])
    }

    /// Runs a piece of shell in the image, as the kernel mounts it; gives what it prints.
    fn as_kernel(&self, script: &str) -> String {
        let loop_mount = "cd \"$1\"; mkdir loop; mount -o loop image loop; cd loop
            status=0; sh -euc \"$2\" || status=$?
            cd ..; umount loop; rmdir loop; exit $status";
        let path = self.dir.path().to_str().unwrap();
        shell(loop_mount, [path, script])
    }

    /// Runs a piece of shell in the directory of a mount that the user made with `options`.
    #[track_caller]
    fn mounted(&self, user: u32, options: &str, script: &str) -> String {
        let all = format!(
            "\"$1\" mount image mnt {options}; cd mnt
            status=0; (set -e; {script}) || status=$?
            cd ..; \"$1\" umount mnt; exit $status"
        );
        let done = as_user(user, self.dir.path(), "", &all);
        assert!(done.status.success(), "user {user}: {}", said(&done));
        run(command("e2fsck", ["-fn"]).arg(self.dir.path().join("image")));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }
}

const SHOW: &str = "show() { stat -c '%n %a %u:%g' \"$@\"; }";

#[test]
fn an_edit_a_copy_and_a_chown_come_out_as_roots() {
    const NAME: &str = "an_edit_a_copy_and_a_chown_come_out_as_roots";
    let fill = "mkdir -m 755 etc home home/agent; echo old > etc/hostname; chmod 644 etc/hostname
        echo x > home/agent/profile; chown -R 1000:1000 home/agent";
    for user in USERS {
        let Some(desk) = Desk::new(NAME, fill) else {
            return;
        };
        // An editor's way of saving, as vim does it: a probe, a backup, a new file.
        let save = r#"python3 -c 'import os
old = os.stat("etc/hostname")
fd = os.open("etc/4913", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
os.fchown(fd, old.st_uid, old.st_gid)
assert (os.fstat(fd).st_uid, os.fstat(fd).st_gid) == (old.st_uid, old.st_gid)
os.close(fd); os.unlink("etc/4913")
os.rename("etc/hostname", "etc/hostname~")
fd = os.open("etc/hostname", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
os.write(fd, b"saved\n"); os.fchown(fd, old.st_uid, old.st_gid); os.fchmod(fd, 0o644)
os.close(fd); os.unlink("etc/hostname~")'"#;
        let seen = desk.mounted(
            user,
            "",
            &format!(
                "{SHOW}; show . etc/hostname; sed -i s/old/new/ etc/hostname; cat etc/hostname; {save}
                mkdir -p ../tree/sub; echo f > ../tree/sub/file; ln -sfn target ../tree/link
                chmod 700 ../tree/sub; cp -a ../tree opt; show opt opt/sub opt/sub/file
                cp -a ../tree home/agent; sed -i s/x/y/ home/agent/profile
                echo s > service; chown 1000:1000 service; touch a; chown 33 a; chgrp 34 a
                chown -h 5:6 opt/link; touch b; chmod 4751 b; chown 0:0 b; chmod 4751 b; mkfifo p"
            ),
        );
        let shown = |name: &str, mode: &str| format!("{name} {mode} {user}:{user}\n");
        assert_eq!(
            seen,
            [
                shown(".", "755"),
                shown("etc/hostname", "644"),
                "new\n".to_owned(),
                shown("opt", "755"),
                shown("opt/sub", "700"),
                shown("opt/sub/file", "644"),
            ]
            .concat()
        );
        let stored = desk.as_kernel(&format!(
            "{SHOW}; cat etc/hostname; show . etc etc/hostname opt opt/sub opt/sub/file opt/link
            show service a b p home/agent/profile home/agent/tree/sub home/agent/tree/sub/file"
        ));
        let expected = "saved\n. 755 0:0\netc 755 0:0\netc/hostname 644 0:0\nopt 755 0:0\nopt/sub 700 0:0\n\
             opt/sub/file 644 0:0\nopt/link 777 5:6\nservice 644 1000:1000\na 644 33:34\nb 4751 0:0\n\
             p 644 0:0\nhome/agent/profile 644 1000:1000\nhome/agent/tree/sub 700 0:0\n\
             home/agent/tree/sub/file 644 0:0\n";
        assert_eq!(stored, expected, "user {user}");
    }
}

#[test]
fn the_caller_may_do_what_root_may() {
    const NAME: &str = "the_caller_may_do_what_root_may";
    let fill = "mkdir -m 555 closed; mkdir -m 700 theirs; echo secret > theirs/file; chmod 600 theirs/file
        chown -R 77:77 theirs; echo x > closed/f; chmod 0 closed/f; mkdir -m 1777 tmp; mkdir -m 2755 set
        chgrp 50 set; cp /bin/true tool; chmod 4755 tool";
    let Some(desk) = Desk::new(NAME, fill) else {
        return;
    };
    desk.mounted(
        USERS[1],
        "",
        "cat closed/f theirs/file > both; echo more >> theirs/file; touch closed/new; rm closed/f
        chmod 1700 theirs; chown 0:0 theirs/file; touch -d @1 theirs; rm -r tmp; mkdir -m 1777 tmp
        truncate -s 100 tool; echo x >> tool; python3 -c 'import os
fd = os.open(\"tool\", os.O_RDWR)
os.posix_fallocate(fd, 0, 9000)'
        touch set/file; chmod 2755 set/file; mkdir set/dir; ! mknod disk b 8 0 2>&1",
    );
    let stored = desk.as_kernel(&format!(
        "{SHOW}; cat both; show closed closed/new theirs theirs/file tmp tool set/file set/dir"
    ));
    assert_eq!(
        stored,
        "x\nsecret\nclosed 555 0:0\nclosed/new 644 0:0\ntheirs 1700 77:77\ntheirs/file 600 0:0\n\
         tmp 1777 0:0\ntool 4755 0:0\nset/file 2755 0:50\nset/dir 2755 0:50\n"
    );
}

#[test]
fn an_explicit_map_shows_the_hosts_ids_and_stores_the_images() {
    const NAME: &str = "an_explicit_map_shows_the_hosts_ids_and_stores_the_images";
    let fill = "mkdir d; chown 5:6 d; touch f; chown 70000:70000 f";
    let Some(desk) = Desk::new(NAME, fill) else {
        return;
    };
    if !can_run(NAME, &[Need::Program("setfacl")]) {
        return;
    }
    let seen = desk.mounted(
        1000,
        "--map 0:1000:1,1:100000:65535",
        &format!(
            "{SHOW}; show . d f; touch new; chown 100032:100033 f; touch g; ! chown 5 g 2>/dev/null
            mkdir acl; setfacl -m u:100004:rwx,d:g:100005:r acl; getfacl -n acl | grep :1000; show acl g"
        ),
    );
    assert_eq!(
        seen,
        ". 755 1000:1000\nd 755 100004:100005\nf 644 65534:65534\nuser:100004:rwx\n\
         default:group:100005:r--\nacl 775 1000:1000\ng 644 1000:1000\n"
    );
    let stored = desk.as_kernel(&format!(
        "{SHOW}; show new f g; getfacl -n acl | grep -E '[a-z]:[0-9]'"
    ));
    assert_eq!(
        stored,
        "new 644 0:0\nf 644 33:34\ng 644 0:0\nuser:5:rwx\ndefault:group:6:r--\n"
    );
}

#[test]
fn lists_of_the_default_map_name_the_images_ids() {
    const NAME: &str = "lists_of_the_default_map_name_the_images_ids";
    if !can_run(NAME, &[Need::Program("setfacl")]) {
        return;
    }
    let Some(desk) = Desk::new(NAME, "") else {
        return;
    };
    let script =
        "touch f; setfacl -m u:1000:rw,g:0:r f; stat -c %a f; setfacl -m u:33:r f; chmod 640 f";
    assert_eq!(desk.mounted(1000, "", script), "664\n");
    let stored = desk.as_kernel("getfacl -nE f | grep -E '^(user|group|mask)'");
    assert_eq!(
        stored,
        "user::rw-\nuser:33:r--\nuser:1000:rw-\ngroup::r--\ngroup:0:r--\nmask::r--\n"
    );
}

#[test]
fn without_a_map_the_kernel_checks() {
    const NAME: &str = "without_a_map_the_kernel_checks";
    let fill = "mkdir -m 777 open; mkdir -m 755 closed; touch closed/f";
    let Some(desk) = Desk::new(NAME, fill) else {
        return;
    };
    let seen = desk.mounted(
        USERS[1],
        "--map none",
        &format!(
            "{SHOW}; touch open/f; show . open/f; ! touch closed/g 2>/dev/null; ! rm -f closed/f 2>/dev/null
            ! chown 5 open/f 2>/dev/null; ! chown 5 closed/f 2>/dev/null"
        ),
    );
    assert_eq!(seen, ". 755 0:0\nopen/f 644 4321:4321\n");
    assert_eq!(desk.as_kernel("stat -c %u:%g open/f"), "4321:4321\n");
}

#[test]
fn others_are_kept_out_unless_allowed() {
    const NAME: &str = "others_are_kept_out_unless_allowed";
    let Some(desk) = Desk::new(NAME, "echo x > file") else {
        return;
    };
    let script = "\"$1\" mount image mnt $OPTIONS; touch ready
        while test ! -e done; do sleep 0.05; done; \"$1\" umount mnt";
    // Root keeps the namespace in which another user tries.
    let as_root = "setpriv --reuid=77 --regid=77 --clear-groups sh -c '
            while test ! -e ready; do sleep 0.05; done; cat mnt/file; echo $?; touch done' >tried 2>/dev/null &";
    let with = |options: &str, fuse_conf: &str| {
        let script = script.replace("$OPTIONS", options);
        let conf = format!("echo {fuse_conf} > conf; mount --bind conf /etc/fuse.conf; {as_root}");
        let done = as_user(USERS[1], desk.dir.path(), &conf, &script);
        let tried = fs::read_to_string(desk.dir.path().join("tried")).unwrap();
        desk.shell("touch done; sleep 0.2; rm -f ready done tried");
        (done, tried)
    };
    let (done, tried) = with("", "");
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(tried, "1\n");
    let (done, tried) = with("--allow-other", "user_allow_other");
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(tried, "x\n0\n");
}

#[test]
fn beside_the_images_root_others_get_what_the_kernel_would_give_them() {
    const NAME: &str = "beside_the_images_root_others_get_what_the_kernel_would_give_them";
    if !can_run(NAME, &[Need::Program("setfacl"), Need::Program("setfattr")]) {
        return;
    }
    let fill = "umask 022; chmod 755 .; mkdir -p closed/sub open pub acl group noexec; chmod 777 open
        for d in closed closed/sub pub acl group noexec; do echo x > $d/f; done; chmod 700 closed
        chmod 600 acl/f; setfacl -m u:77:r acl/f; chmod 640 group/f; chgrp 88 group/f; chmod 744 noexec
        echo w > pub/w; chmod 666 pub/w; printf '#!/bin/sh\\necho ran\\n' > pub/run; cp pub/run pub/data
        chmod 711 pub/run; mkdir -m 1777 tmp; echo t > tmp/theirs; mkdir open/dir";
    let tried = r#"
        try() { if "$@" > /dev/null 2>&1; then echo "yes: $*"; else echo "no: $*"; fi; }
        for d in closed closed/sub pub acl group noexec; do
            try cat $d/f; try stat $d/f; try ls $d; try sh -c "echo more >> $d/f"; try sh -c "cd $d"
            try touch $d/new; try rm -f $d/f; try mv $d/f open/moved; try ln $d/f open/linked
            try chmod 777 $d/f; try chown 77 $d/f; try touch -d @1 $d/f; try truncate -s 1 $d/f
            try setfattr -n user.a -v b $d/f; try getfattr -n user.a $d/f
        done
        try touch pub/w; try touch -d @1 pub/w; try sh -c 'echo over > pub/w'; try setfattr -n user.a -v b pub/w
        try cp pub/run open/copied; try pub/data; try sh pub/run; try rm -f tmp/theirs; try mv tmp/theirs tmp/x
        try sh -c 'umask 377; echo once > open/ro'; try sh -c 'echo twice > open/ro'; try cat open/ro
        try mkdir open/own; try mv open/own tmp/own; try mv open/dir tmp/dir; try chgrp 88 open/ro; try chgrp 5 open/ro
        try chmod 2755 open/ro; try chmod u+s open/ro; stat -c '%a %g' open/ro; try test -w pub/f; try test -r acl/f
        try mkfifo open/fifo; try ln -s x open/link; try rm open/ro; try rmdir tmp/own; try find . -name f"#;
    let other = "setpriv --reuid=77 --regid=77 --groups=88 sh -c";
    let Some(desk) = Desk::new(NAME, fill) else {
        return;
    };
    fs::write(desk.dir.path().join("tried"), tried).unwrap();
    // The kernel is asked first, of a copy.
    desk.shell("cp image fresh");
    let kernel = desk.as_kernel(&format!("{other} \"$(cat ../tried)\""));
    desk.shell("cat fresh > image");
    let as_root = format!(
        "echo user_allow_other > conf; mount --bind conf /etc/fuse.conf
        {{ while test ! -e ready; do sleep 0.05; done; cd mnt; {other} \"$(cat ../tried)\" > ../answers 2>&1
        cd ..; touch done; }} &"
    );
    // The mounter sees everything before, so that the kernel could have it in its caches.
    let script = "\"$1\" mount image mnt --map caller --allow-other; find mnt | xargs stat > /dev/null
        cat mnt/closed/f mnt/closed/sub/f; echo root > mnt/noexec/g; touch ready
        while test ! -e done; do sleep 0.05; done; cat mnt/closed/sub/f; chown 5 mnt/pub/f; \"$1\" umount mnt";
    let done = as_user(USERS[1], desk.dir.path(), &as_root, script);
    assert!(done.status.success(), "{}", said(&done));
    let answers = fs::read_to_string(desk.dir.path().join("answers")).unwrap();
    assert_eq!(answers, kernel);
    assert!(
        kernel.contains("no: cat closed/sub/f") && kernel.contains("yes: cat acl/f"),
        "{kernel}"
    );
    run(command("e2fsck", ["-fn"]).arg(desk.dir.path().join("image")));
    assert_eq!(desk.as_kernel("stat -c %u:%g pub/f noexec/g"), "5:0\n0:0\n");
}

#[test]
fn a_users_mount_is_nosuid_nodev_and_its_state_private() {
    const NAME: &str = "a_users_mount_is_nosuid_nodev_and_its_state_private";
    let Some(desk) = Desk::new(NAME, "") else {
        return;
    };
    let script = "mkdir run elsewhere; export XDG_RUNTIME_DIR=$PWD/run; $PREPARE
        \"$1\" mount image mnt; grep \" $PWD/mnt \" /proc/self/mountinfo | cut -d' ' -f6
        stat -c '%a %F' run/liveroot; find run/liveroot/ -name '*.sock' | wc -l
        \"$1\" umount mnt; find run/liveroot/ elsewhere -name '*.sock' | wc -l; rm -r run elsewhere";
    for (prepare, state) in [
        ("umask 0", "700 directory\n1"),
        ("mkdir -m 777 run/liveroot", "700 directory\n1"),
        // Somebody else's idea of where the state should go: it is not taken.
        ("ln -s ../elsewhere run/liveroot", "777 symbolic link\n0"),
    ] {
        let script = script.replace("$PREPARE", prepare);
        let done = as_user(USERS[1], desk.dir.path(), "", &script);
        assert!(done.status.success(), "{}", said(&done));
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(
            text,
            format!("rw,nosuid,nodev,noatime\n{state}\n0\n"),
            "{prepare}"
        );
    }
}

#[test]
fn a_missing_user_allow_other_is_explained() {
    const NAME: &str = "a_missing_user_allow_other_is_explained";
    let Some(desk) = Desk::new(NAME, "") else {
        return;
    };
    let conf = "echo > conf; mount --bind conf /etc/fuse.conf";
    let refused = as_user(
        USERS[1],
        desk.dir.path(),
        conf,
        "\"$1\" mount image mnt --allow-other",
    );
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    let line = said(&refused);
    assert!(
        line.contains("echo user_allow_other >> /etc/fuse.conf"),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[test]
fn a_map_that_makes_no_sense_is_refused() {
    for (map, what) in [
        ("0:1000", "'0:1000'"),
        ("0:0:1,0:5:1", "named twice"),
        ("0:1:4294967295", "4294967294"),
    ] {
        let refused = output(&mut command(LIVEROOT, ["mount", "i", "m", "--map", map]));
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(said(&refused).contains(what), "{}", said(&refused));
    }
}
