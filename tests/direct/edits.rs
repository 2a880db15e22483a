//! liveroot edit.

use crate::pair::Pair;
use crate::support::command::{command, output, said};
use crate::support::image::LIVEROOT;
use crate::support::requirements::{Need, can_run};
use std::process::Output;

fn edit(pair: &Pair, editor: &str, path: &str) -> Output {
    let mut liveroot = command(LIVEROOT, ["edit"]);
    liveroot
        .arg(format!("{}:{path}", pair.ours.path.display()))
        .env_remove("VISUAL")
        .env("EDITOR", editor);
    output(&mut liveroot)
}

#[test]
fn an_edit_changes_the_content_and_nothing_else() {
    if !can_run(
        "an_edit_changes_the_content_and_nothing_else",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    for path in ["/etc/hosts", "/bin/prog", "/srv/data/one", "/srv/absolute"] {
        let out = edit(&pair, "echo more >>", path);
        assert!(out.status.success(), "{path}: {}", said(&out));
    }
    pair.mounted(
        "for f in etc/hosts bin/prog srv/data/one etc/hosts; do
             c=$(getfattr --absolute-names -n security.capability -e hex --only-values $f 2>/dev/null | wc -c)
             m=$(stat -c %a $f); getfattr -e hex -d -m security.capability $f >$H/caps 2>/dev/null || true
             echo more >>$f; chmod $m $f; setfattr --restore=$H/caps 2>/dev/null || true
         done",
    );
    pair.assert_same("edited");
    let out = edit(&pair, "printf 'new\\n' >", "/etc/made");
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(pair.done("cat @/etc/made"), "new\n");
}

#[test]
fn an_editor_that_fails_or_changes_nothing_leaves_every_byte() {
    if !can_run(
        "an_editor_that_fails_or_changes_nothing_leaves_every_byte",
        &[Need::Root, Need::Loop],
    ) {
        return;
    }
    let pair = Pair::new();
    let before = pair.hash();
    for (editor, code) in [
        ("true", 0),
        ("touch", 0),
        ("false", 1),
        ("echo x > \"$1\"; exit 3; :", 1),
        ("rm", 1),
        ("/no/such/editor", 1),
    ] {
        let out = edit(&pair, editor, "/etc/hosts");
        assert_eq!(out.status.code(), Some(code), "{editor}: {}", said(&out));
        assert_eq!(pair.hash(), before, "{editor}");
    }
    assert_eq!(edit(&pair, "true", "/etc/not-there").status.code(), Some(0));
    assert_eq!(edit(&pair, "true", "/etc").status.code(), Some(1));
    assert_eq!(edit(&pair, "true", "/dev/null").status.code(), Some(1));
    assert_eq!(pair.hash(), before);
    // The editor sees a private file with the name of the edited one.
    let look = "test \"$(stat -c %a \"$(dirname \"$1\")\" \"$1\" | tr '\\n' ' ')\" = '700 600 ' && basename \"$1\" | grep -qx hosts; :";
    let strict = format!("set -e; {}", look.trim_end_matches("; :"));
    assert_eq!(
        edit(&pair, &format!("{strict} #"), "/etc/hosts")
            .status
            .code(),
        Some(0)
    );
}
