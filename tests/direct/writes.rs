//! cp, rm, mkdir, mv, ln, chmod, chown and find -delete: the image is then what the kernel's mount would be.

use crate::pair::Pair;
use crate::support::command::{command, output, said, shell};
use crate::support::oracle;
use crate::support::requirements::{Need, can_run};
use std::path::Path;

/// Runs each pair of commands on both sides, and compares what is in the images in the end.
#[track_caller]
fn same(name: &str, steps: &[(&str, &str)]) {
    if !can_run(name, &[Need::Root, Need::Loop, Need::Program("setfacl")]) {
        return;
    }
    let pair = Pair::new();
    for (ours, theirs) in steps {
        pair.done(ours);
        pair.mounted(theirs);
    }
    pair.assert_same(name);
}

#[test]
fn mkdir_makes_what_mkdir_makes() {
    same(
        "mkdir_makes_what_mkdir_makes",
        &[
            ("mkdir @/new @/new/below/", "mkdir new new/below/"),
            (
                "mkdir -p @/etc/conf.d @/p/q/r @/etc/link-to-dir/x/y",
                "mkdir -p etc/conf.d p/q/r etc/link-to-dir/x/y",
            ),
            ("mkdir -m 1777 @/sticky", "mkdir -m 1777 sticky"),
            ("mkdir -m u=rwx,go= @/private", "mkdir -m u=rwx,go= private"),
            (
                "mkdir -p -m 700 @/srv/data/g/h",
                "mkdir -p -m 700 srv/data/g/h",
            ),
            ("mkdir @/home/user/acl", "mkdir home/user/acl"),
        ],
    );
}

#[test]
fn rm_removes_what_rm_removes() {
    same(
        "rm_removes_what_rm_removes",
        &[
            ("rm @/etc/hosts @/srv/data/one", "rm etc/hosts srv/data/one"),
            (
                "rm -f @/nope @/etc/passwd/x '@/none/*'",
                "rm -f nope etc/passwd/x none/*",
            ),
            (
                "rm -r @/etc/conf.d @/dev @/etc/link-to-dir",
                "rm -r etc/conf.d dev etc/link-to-dir",
            ),
            ("rm -r '@/tmp/entry*1*'", "rm -r tmp/entry*1*"),
            ("rm -d @/srv/data/deep/er", "rm -d srv/data/deep/er"),
            ("rm -rf @/home", "rm -rf home"),
            (
                "find @/tmp -name '*2*' -delete",
                "find tmp -name '*2*' -delete",
            ),
            (
                "find @/srv -mindepth 1 -delete",
                "find srv -mindepth 1 -delete",
            ),
        ],
    );
}

#[test]
fn mv_moves_what_mv_moves() {
    same(
        "mv_moves_what_mv_moves",
        &[
            (
                "mv @/etc/hosts @/etc/hosts.old",
                "mv etc/hosts etc/hosts.old",
            ),
            (
                "mv @/etc/passwd @/etc/group @/srv",
                "mv etc/passwd etc/group srv",
            ),
            ("mv @/etc/conf.d @/var/log/", "mv etc/conf.d var/log/"),
            (
                "mv -T @/srv/data/deep/er @/home/user",
                "mv -T srv/data/deep/er home/user",
            ),
            ("mv -n @/bin/prog @/bin/other", "mv -n bin/prog bin/other"),
            ("mv -f @/bin/prog @/bin/other", "mv -f bin/prog bin/other"),
            (
                "mv -t @/tmp @/srv/dangling @/dev/null",
                "mv -t tmp srv/dangling dev/null",
            ),
            ("mv '@/tmp/entry*5*' @/dev", "mv tmp/entry*5* dev"),
            ("mv @/srv/data @/data", "mv srv/data data"),
        ],
    );
}

#[test]
fn ln_links_what_ln_links() {
    same(
        "ln_links_what_ln_links",
        &[
            ("ln -s hosts @/etc/soft", "ln -s hosts etc/soft"),
            ("ln @/etc/hosts @/etc/hard", "ln etc/hosts etc/hard"),
            (
                "ln @/etc/hosts @/etc/group @/srv",
                "ln etc/hosts etc/group srv",
            ),
            ("ln -s ../x ../y @/srv", "ln -s ../x ../y srv"),
            ("ln -sf new @/srv/dangling", "ln -sf new srv/dangling"),
            (
                "ln -sfn other @/etc/link-to-dir",
                "ln -sfn other etc/link-to-dir",
            ),
            ("ln -f @/bin/prog @/bin/other", "ln -f bin/prog bin/other"),
            ("ln @/srv/loop1 @/srv/loop3", "ln srv/loop1 srv/loop3"),
            ("ln -sT target @/tmp/T", "ln -sT target tmp/T"),
            ("ln -s -t @/tmp a/b c", "ln -s -t tmp a/b c"),
        ],
    );
}

#[test]
fn chmod_and_chown_change_what_theirs_change() {
    same(
        "chmod_and_chown_change_what_theirs_change",
        &[
            (
                "chmod 600 @/etc/passwd @/etc/group",
                "chmod 600 etc/passwd etc/group",
            ),
            ("chmod 1 @/srv/absolute", "chmod 1 etc/hosts"),
            ("chmod -R u=rwX,g-w,o= @/srv", "chmod -R u=rwX,g-w,o= srv"),
            ("chmod -x @/bin/other", "chmod -x bin/other"),
            (
                "chmod a+s,o=g,+t @/tmp @/bin/prog",
                "chmod a+s,o=g,+t tmp bin/prog",
            ),
            ("chmod 755 @/srv/data", "chmod 755 srv/data"),
            ("chmod 00700 @/srv/data/deep", "chmod 00700 srv/data/deep"),
            ("chmod -R g+X @/etc/conf.d", "chmod -R g+X etc/conf.d"),
            (
                "chown 7:8 @/etc/conf.d/1.conf",
                "chown 7:8 etc/conf.d/1.conf",
            ),
            (
                "chown www @/bin/prog @/bin/other",
                "chown 33 bin/prog bin/other",
            ),
            ("chown :adm @/srv/absolute", "chown :4 etc/hosts"),
            (
                "chown -h user: @/srv/absolute",
                "chown -h 1000:1000 srv/absolute",
            ),
            ("chown -R www:www @/srv @/tmp", "chown -R 33:33 srv tmp"),
            ("chown +5 @/dev/null", "chown +5 dev/null"),
        ],
    );
}

#[test]
fn cp_copies_in_what_cp_copies_in() {
    same(
        "cp_copies_in_what_cp_copies_in",
        &[
            ("cp ~/plain @/etc", "cp $H/plain etc"),
            ("cp ~/plain @/etc/named", "cp $H/plain etc/named"),
            (
                "cp ~/hostlink @/etc/followed",
                "cp $H/hostlink etc/followed",
            ),
            ("cp -P ~/hostlink @/etc/link", "cp -P $H/hostlink etc/link"),
            ("cp -a ~/conf @/srv", "cp -a $H/conf srv"),
            ("cp -a ~/conf @/srv/copy", "cp -a $H/conf srv/copy"),
            ("cp -a ~/conf/. @/home/user", "cp -a $H/conf/. home/user"),
            ("cp -r ~/conf @/var/r", "cp -r $H/conf var/r"),
            ("cp -rp ~/conf @/var/rp", "cp -rp $H/conf var/rp"),
            (
                "cp -rL ~/conf/sub ~/hostlink @/var/log",
                "cp -rL $H/conf/sub $H/hostlink var/log",
            ),
            ("cp -n ~/plain @/etc/hosts", "cp -n $H/plain etc/hosts"),
            ("cp ~/plain @/etc/hosts", "cp $H/plain etc/hosts"),
            (
                "cp -p ~/plain @/srv/data/one",
                "cp -p $H/plain srv/data/one",
            ),
            ("cp -f ~/plain @/bin/prog", "cp -f $H/plain bin/prog"),
            (
                "cp --remove-destination ~/plain @/srv/data/two",
                "cp --remove-destination $H/plain srv/data/two",
            ),
            (
                "cp ~/large ~/conf/holes @/tmp",
                "cp $H/large $H/conf/holes tmp",
            ),
            ("cp -t @/tmp ./co:lon", "cp -t tmp $H/co:lon"),
            (
                "cp -T -r ~/conf/sub @/etc/conf.d",
                "cp -T -r $H/conf/sub etc/conf.d",
            ),
            (
                "cp -a --no-preserve=ownership,links ~/conf @/var/np",
                "cp -a --no-preserve=ownership,links $H/conf var/np",
            ),
            (
                "cp --preserve=timestamps ~/plain @/var/ts",
                "cp --preserve=timestamps $H/plain var/ts",
            ),
            (
                "cp -d ~/hostlink ~/conf/a ~/conf/b @/var",
                "cp -d $H/hostlink $H/conf/a $H/conf/b var",
            ),
        ],
    );
}

#[test]
fn cp_copies_within_an_image_what_cp_copies() {
    same(
        "cp_copies_within_an_image_what_cp_copies",
        &[
            (
                "cp -a @/srv/data @/etc/link-to-dir @/dev @/var",
                "cp -a srv/data etc/link-to-dir dev var",
            ),
            ("cp -r @/home @/home2", "cp -r home home2"),
            ("cp '@/etc/conf.d/*' @/tmp", "cp etc/conf.d/* tmp"),
            ("cp -a @/bin @/bin2", "cp -a bin bin2"),
            ("cp -a @/bin/. @/srv/data/deep", "cp -a bin/. srv/data/deep"),
            ("cp @/srv/data/sparse @/sparse", "cp srv/data/sparse sparse"),
        ],
    );
}

#[test]
fn cp_copies_out_what_cp_copies_out() {
    if !can_run(
        "cp_copies_out_what_cp_copies_out",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let before = pair.hash();
    shell(
        "cd \"$1\"; mkdir ours theirs; echo old >ours/old; echo old >theirs/old; chmod 600 */old",
        [pair.host.path()],
    );
    for (ours, theirs) in [
        ("cp @/etc/hosts ~/ours", "cp etc/hosts $H/theirs"),
        ("cp @/etc/hosts ~/ours/old", "cp etc/hosts $H/theirs/old"),
        (
            "cp -a @/srv/data ~/ours/data",
            "cp -a srv/data $H/theirs/data",
        ),
        (
            "cp -a @/bin @/dev @/etc/link-to-dir ~/ours",
            "cp -a bin dev etc/link-to-dir $H/theirs",
        ),
        ("cp -r @/tmp ~/ours/r", "cp -r tmp $H/theirs/r"),
        ("cp -a @/home ~/ours/", "cp -a home $H/theirs/"),
        ("cp -a @/etc/. ~/ours", "cp -a etc/. $H/theirs"),
        (
            "cp -p @/var/log/x.log ~/ours/x",
            "cp -p var/log/x.log $H/theirs/x",
        ),
        (
            "cp -n @/etc/group ~/ours/hosts",
            "cp -n etc/group $H/theirs/hosts",
        ),
        (
            "cp -rL @/etc/link-to-dir ~/ours/L",
            "cp -rL etc/link-to-dir $H/theirs/L",
        ),
        ("cp '@/etc/conf.d/2*' ~/ours", "cp etc/conf.d/2* $H/theirs"),
    ] {
        pair.done(ours);
        pair.mounted(theirs);
    }
    assert_eq!(pair.hash(), before);
    let manifest = |name: &str| {
        let dir = pair.host.path().join(name);
        shell(
            "find \"$1\" -mmin -2 -exec touch -h -d @0 {} +",
            [dir.as_path()],
        );
        oracle::manifest(&dir)
    };
    oracle::assert_same(&manifest("theirs"), &manifest("ours"), "copied out");
}

/// An image that wants to write outside of where it is copied to.
#[test]
fn copying_out_never_leaves_the_destination() {
    if !can_run(
        "copying_out_never_leaves_the_destination",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let host = pair.host.path();
    shell(
        "cd \"$1\"; mkdir outside out; ln -s ../outside out/evil; ln -s ../plain out/through",
        [host],
    );
    pair.done("mkdir @/x @/x/evil");
    pair.done("cp ~/large @/x/evil/file");
    pair.done("cp ~/large @/x/through");
    let out = pair.liveroot("cp -r @/x/. ~/out");
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(!host.join("outside/file").exists());
    assert_eq!(std::fs::read(host.join("plain")).unwrap(), b"plain\n");
    // A link that the copy itself made, and a second source that would go through it.
    pair.done("mkdir @/y @/y/1 @/y/2 @/y/2/l");
    pair.done("ln -s ../../outside @/y/1/l");
    pair.done("cp ~/large @/y/2/l/file");
    std::fs::create_dir(host.join("out2")).unwrap();
    let out = pair.liveroot("cp -r @/y/1/. @/y/2/. ~/out2");
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert!(!host.join("outside/file").exists());
}

#[test]
fn a_copy_by_an_ordinary_user_says_what_it_could_not_keep() {
    if !can_run(
        "a_copy_by_an_ordinary_user_says_what_it_could_not_keep",
        &[Need::Root, Need::Loop, Need::Program("setpriv")],
    ) {
        return;
    }
    let pair = Pair::new();
    shell(
        "chmod 755 \"$1\"; chmod 755 \"$(dirname \"$2\")\"; chmod 666 \"$2\"; mkdir -m 777 \"$1/mine\"",
        [pair.host.path(), pair.ours.path.as_path()],
    );
    let mut liveroot = command(
        "setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups"],
    );
    liveroot
        .arg(copied_program(pair.host.path()))
        .args(pair.words("cp -a @/srv @/bin @/dev ~/mine"));
    let out = output(&mut liveroot);
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(
        said.contains("copies belong to you, not to their owners"),
        "{said}"
    );
    assert!(said.contains("only root can make devices"), "{said}");
    assert!(pair.host.path().join("mine/srv/data/one").exists());
    // Into an image, everything is kept: it is a file of the user's.
    let mut liveroot = command(
        "setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups"],
    );
    liveroot
        .arg(copied_program(pair.host.path()))
        .args(pair.words("cp -a @/dev @/bin @/copy2"));
    let refused = output(&mut liveroot);
    assert_eq!(
        refused.status.code(),
        Some(1),
        "several sources need a directory"
    );
}

/// The program where an ordinary user can execute it.
fn copied_program(dir: &Path) -> std::path::PathBuf {
    let path = dir.join("liveroot");
    if !path.exists() {
        std::fs::copy(crate::support::image::LIVEROOT, &path).unwrap();
    }
    path
}

#[test]
fn what_fails_changes_nothing() {
    if !can_run("what_fails_changes_nothing", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    let before = pair.hash();
    for (line, what) in [
        ("rm @/etc/hosts @/nope", "nope: no such file or directory"),
        ("rm @/etc", "etc: is a directory; delete it with -r"),
        ("rm -r @/", "the root is not removed"),
        ("rm -r @/etc/.", "'.' and '..' cannot be removed"),
        ("rm -d @/etc", "etc: directory not empty"),
        ("mkdir @/new @/etc", "etc: the file exists"),
        ("mkdir @/nope/new", "no such file or directory"),
        (
            "mv @/etc/hosts @/nope @/srv",
            "nope: no such file or directory",
        ),
        ("mv @/srv @/srv/data", "srv"),
        ("mv @/srv @/etc/hosts", "not a directory"),
        ("mv @/srv/data/one @/srv/data/two", "the same file"),
        ("mv ~/plain @/etc", "mv works within one image"),
        ("ln @/etc @/etc2", "a directory cannot have a second name"),
        ("ln -s x @/etc/hosts", "replace it with -f"),
        ("chmod u+q @/etc/hosts", "invalid mode: 'u+q'"),
        (
            "chown nobody-knows @/etc/hosts",
            "no user 'nobody-knows' in the image's /etc/passwd",
        ),
        (
            "cp -r ~/conf ~/nope @/etc",
            "nope: No such file or directory",
        ),
        ("cp ~/conf @/etc", "copy it with -r or -a"),
        (
            "cp -a @/srv @/srv/data/deep",
            "cannot be copied into itself",
        ),
        ("cp @/etc/hosts @/etc/hosts", "are the same file"),
        ("cp ~/plain @/srv/dangling", "leads nowhere"),
        ("cp -r ~/conf @/etc/hosts", "cannot be overwritten"),
        ("cp ~/plain ~/large @/etc/hosts", "not a directory"),
        (
            "cp ~/plain ~/large",
            "neither the source nor the destination is in an image",
        ),
        ("cp ~/plain @/nope/", "not a directory"),
        ("cp ~/plain @/nope/x", "no such file or directory"),
    ] {
        let out = pair.liveroot(line);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(matches!(out.status.code(), Some(1 | 2)), "{line}: {said}");
        assert!(said.contains(what), "{line}: {said}");
        assert_eq!(said.lines().count(), 1, "{line}: {said}");
    }
    pair.ours.fsck();
    pair.assert_same("nothing changed");
    // Not a byte: what was written to free blocks was given back.
    assert_eq!(pair.hash(), before);
}

#[test]
fn a_full_image_is_told_and_stays_as_it_is() {
    if !can_run(
        "a_full_image_is_told_and_stays_as_it_is",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    shell(
        "head -c 100000000 /dev/zero | tr '\\0' y >\"$1/huge\"",
        [pair.host.path()],
    );
    let out = pair.liveroot("cp ~/plain ~/huge @/tmp");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(1));
    assert!(said.contains("no space left in the image"), "{said}");
    pair.assert_same("a full image");
}

#[test]
fn verbose_tells_what_was_done() {
    if !can_run("verbose_tells_what_was_done", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    assert_eq!(
        pair.done("mkdir -pv @/v/w"),
        "created directory v\ncreated directory v/w\n"
    );
    assert_eq!(pair.done("mv -v @/v/w @/v/x"), "renamed v/w -> v/x\n");
    assert_eq!(
        pair.done("rm -rv @/v"),
        "removed directory v/x\nremoved directory v\n"
    );
    assert_eq!(
        pair.done("chmod -v 600 @/etc/group @/etc/group"),
        "etc/group: mode 0644 -> 0600\n"
    );
    let failed = pair.liveroot("rm -v @/etc/hosts @/nope");
    assert_eq!(failed.stdout, b"", "what was not done is not told");
}
