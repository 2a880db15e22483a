//! ls, cat, stat, du, find, tree: they print what coreutils and findutils print of a mount.

use crate::pair::Pair;
use crate::support::command::{command, output};
use crate::support::requirements::{Need, can_run};

#[track_caller]
fn same(pair: &Pair, ours: &str, theirs: &str, sorted: bool) {
    let lines = |text: String| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if sorted {
            lines.sort();
        }
        lines
    };
    let (found, wanted) = (lines(pair.done(ours)), lines(pair.mounted(theirs)));
    for (i, wanted) in wanted.iter().enumerate() {
        assert_eq!(found.get(i), Some(wanted), "liveroot {ours}, line {i}");
    }
    assert_eq!(found.len(), wanted.len(), "liveroot {ours}: {found:#?}");
}

#[test]
fn ls_prints_what_ls_prints() {
    if !can_run("ls_prints_what_ls_prints", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    for options in [
        "", "-1", "-a", "-A", "-i", "-R", "-ln", "-lan", "-lani", "-lnh", "-lnR", "-lnt", "-lnSr",
        "-F", "-s", "-lnF", "-lns",
    ] {
        for path in ["etc", "srv", "dev", "tmp", "bin"] {
            // In the mount, links of this directory lead to the host.
            if options == "-lnF" && path == "srv" {
                continue;
            }
            same(
                &pair,
                &format!("ls {options} @/{path}"),
                &format!("ls {options} {path}"),
                false,
            );
        }
    }
    for (ours, theirs) in [
        ("ls -d @/etc", "ls -d etc"),
        (
            "ls -lnd @/etc @/etc/link-to-dir",
            "ls -lnd etc etc/link-to-dir",
        ),
        ("ls @/etc/link-to-dir", "ls etc/link-to-dir"),
        ("ls -ln @/etc/link-to-dir", "ls -ln etc/link-to-dir"),
        ("ls -ln @/etc/link-to-dir/", "ls -ln etc/link-to-dir/"),
        ("ls @/etc/hosts @/srv @/bin", "ls etc/hosts srv bin"),
        ("ls '@/etc/conf.d/1?.conf'", "ls etc/conf.d/1?.conf"),
        ("ls -d '@/*/*log'", "ls -d */*log"),
        ("ls -d '@/etc/*'", "ls -d etc/*"),
        ("ls -d '@/etc/.h*'", "ls -d etc/.h*"),
        ("ls -d '@/tmp/*[0-9] of*'", "ls -d tmp/*[0-9]\\ of*"),
    ] {
        same(&pair, ours, theirs, false);
    }
    // Names are the image's: the host does not know this user.
    let long = pair.done("ls -l @/var/log/x.log");
    assert!(long.contains(" www adm "), "{long}");
}

#[test]
fn stat_du_cat_and_find_print_what_theirs_print() {
    if !can_run(
        "stat_du_cat_and_find_print_what_theirs_print",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let format =
        "%n|%a|%A|%b|%B|%f|%F|%g|%h|%i|%s|%t|%T|%u|%x|%X|%y|%Y|%.9Y|%.3X|%10s|%-10s|%05a|%%";
    same(
        &pair,
        &format!("stat -c '{format}' '@/*/*'"),
        &format!("stat -c '{format}' */*"),
        false,
    );
    // Links stay in the image, where the kernel would have led to the host.
    for link in ["absolute", "above"] {
        let ours = format!("stat -L -c '%i %s %F' @/srv/{link}");
        same(&pair, &ours, "stat -c '%i %s %F' etc/hosts", false);
        same(&pair, &format!("cat @/srv/{link}"), "cat etc/hosts", false);
    }
    for (ours, theirs) in [
        (
            "cat @/etc/passwd @/var/log/big '@/etc/conf.d/*'",
            "cat etc/passwd var/log/big etc/conf.d/*",
        ),
        // Not of directories that share a file: where it counts depends on the order they are read in.
        ("du @/var @/tmp", "du var tmp"),
        ("du -a @/etc @/var", "du -a etc var"),
        (
            "du -s @/var @/tmp @/srv/data/one @/srv/data/two",
            "du -s var tmp srv/data/one srv/data/two",
        ),
        ("du -sh @/var", "du -sh var"),
        ("du -ab @/etc", "du -ab etc"),
        ("du -al @/srv", "du -al srv"),
        ("du -d 1 @/srv", "du -d 1 srv"),
        (
            "du -sc --apparent-size @/srv @/var",
            "du -sc --apparent-size srv var",
        ),
    ] {
        same(&pair, ours, theirs, true);
    }
    let expressions = [
        "",
        "-type f",
        "-type l,d",
        "-name '*.conf' -size -2",
        "-name '[1-3]*' -o -name hosts",
        "! -type f -mindepth 1",
        "-maxdepth 1",
        "-mindepth 2 -type f -size +1k",
        "-perm 755 -type d",
        "-perm -4000",
        "-perm /6000",
        "-perm -u+s,o+x",
        "-uid 33 -o -uid 1000",
        "-gid +3 -gid -40",
        "-empty",
        "-links +1 -type f",
        "-path '*/deep/*'",
        "-ipath '*DEEP*' -a -iname 'T*'",
        "-lname '*hosts'",
        "-type d -name data -prune -o -type f -print",
        "( -name one -o -name two ) -newer etc/passwd",
        "-size 5242880c",
        "-mtime +30 -type f -name o*",
        "-mmin -60",
        "-depth -type d",
        "-name '*' -not -name '*.conf' -false",
    ];
    for expression in expressions {
        let plain = expression
            .replace('(', "\\(")
            .replace(')', "\\)")
            .replace("o*", "'o*'");
        for place in ["srv", "etc bin"] {
            let ours: Vec<String> = place.split(' ').map(|place| format!("@/{place}")).collect();
            same(
                &pair,
                &format!(
                    "find {} {}",
                    ours.join(" "),
                    expression.replace("etc/passwd", "/etc/passwd")
                ),
                &format!("find {place} {plain}"),
                true,
            );
        }
    }
    same(
        &pair,
        "find @/tmp -name '*10*' -print0",
        "find tmp -name '*10*' -print0 | sort -z",
        false,
    );
    same(
        &pair,
        "find @/ -user www -o -group adm",
        "find . -uid 33 -o -gid 4 | sed 's,^./,,'",
        true,
    );
    let refused = pair.liveroot("find @/etc -exec rm {} ;");
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("'-exec' is not known here"), "{said}");
}

#[test]
fn tree_counts_what_there_is() {
    if !can_run("tree_counts_what_there_is", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    let drawn = pair.done("tree -a @/srv");
    let wanted = "srv\n├── above -> ../../../../etc/hosts\n├── absolute -> /etc/hosts\n\
        ├── dangling -> ../nowhere\n├── data\n│   ├── deep\n│   │   ├── er\n│   │   └── three\n\
        │   ├── one\n│   ├── sparse\n│   └── two\n├── loop1 -> loop2\n└── loop2 -> loop1\n\n\
        4 directories, 9 files\n";
    assert_eq!(drawn, wanted);
    let names = pair.done("tree -L 1 -d @/");
    assert!(names.ends_with("9 directories\n"), "{names}");
}

#[test]
fn json_is_json() {
    if !can_run("json_is_json", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    let value = |line: &str| {
        let text = pair.done(line);
        serde_json::from_str::<serde_json::Value>(&text)
            .unwrap_or_else(|e| panic!("{line}: {e}\n{text}"))
    };
    let list = value("ls --json @/dev");
    let null = &list[0]["entries"][1];
    assert_eq!(null["name"], "null");
    assert_eq!(null["device"], serde_json::json!([1, 3]));
    let stat = value("stat --json @/bin/prog");
    assert_eq!(stat[0]["mode"], "4755");
    assert_eq!(value("du -s --json @/var/log/x.log")[0]["bytes"], 303_104);
    assert_eq!(value("find --json @/srv -name sparse")[0]["size"], 5 << 20);
    assert_eq!(
        value("tree --json @/srv")[0]["contents"][0]["name"],
        "above"
    );
}

#[test]
fn reading_changes_nothing_and_readers_share() {
    if !can_run(
        "reading_changes_nothing_and_readers_share",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let before = pair.hash();
    for line in [
        "ls -lR @/",
        "cat @/etc/hosts",
        "du @/",
        "tree @/",
        "find @/",
        "stat @/etc",
    ] {
        pair.done(line);
    }
    assert_eq!(pair.hash(), before);
    let mut held = command("flock", ["-s", "-n"]);
    held.arg(&pair.ours.path).arg("true");
    assert!(output(&mut held).status.success());
    // While one reads, nobody writes; a second reader is welcome.
    let image = std::fs::File::open(&pair.ours.path).unwrap();
    let range = liveroot::sys::ByteRange { start: 0, len: 0 };
    assert!(liveroot::sys::try_lock(&image, liveroot::sys::Access::Read, range).unwrap());
    pair.done("ls @/etc");
    let refused = pair.liveroot("rm @/etc/hosts");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(pair.hash(), before);
}

#[test]
fn what_is_not_there_is_told_and_the_rest_is_done() {
    if !can_run(
        "what_is_not_there_is_told_and_the_rest_is_done",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let out = pair.liveroot("cat @/nope @/etc/hosts @/srv/loop1 @/etc");
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(out.stdout, b"no newline");
    let said = pair.shorten(&String::from_utf8_lossy(&out.stderr));
    assert_eq!(
        said,
        "liveroot: nope: no such file or directory\n\
         liveroot: srv/loop1: invalid argument: too many levels of symbolic links\n\
         liveroot: etc: is a directory\n"
    );
    for (line, code) in [
        ("ls '@/etc/*.none'", 1),
        ("ls ~", 2),
        ("rm ~/plain", 2),
        ("ls nowhere.ext4:/", 1),
    ] {
        assert_eq!(pair.liveroot(line).status.code(), Some(code), "{line}");
    }
}
