//! How files in images are named.

use crate::pair::Pair;
use crate::support::command::{command, run};
use crate::support::image::LIVEROOT;
use crate::support::requirements::{Need, can_run};

#[test]
fn addresses_mean_what_they_say() {
    if !can_run("addresses_mean_what_they_say", &[Need::Root, Need::Loop]) {
        return;
    }
    let pair = Pair::new();
    let dir = pair.ours.path.parent().unwrap();
    let name = pair.ours.path.file_name().unwrap().to_str().unwrap();
    let ls = |operand: &str| run(command(LIVEROOT, ["ls", operand]).current_dir(dir));
    let root = ls(&format!("{name}:/"));
    assert!(root.contains("etc\n"), "{root}");
    for same in [
        name.to_owned(),
        format!("{name}:"),
        format!("./{name}:/"),
        format!("./{name}"),
    ] {
        assert_eq!(ls(&same), root, "{same}");
    }
    assert_eq!(
        ls(&format!("{name}:etc/hosts")),
        format!("{name}:etc/hosts\n")
    );
    // A name that is a pattern, too.
    pair.done("cp ~/plain '@/etc/[a]'");
    assert_eq!(pair.done("cat '@/etc/[a]'"), "plain\n");
}

#[test]
fn partitions_and_offsets_are_found() {
    if !can_run(
        "partitions_and_offsets_are_found",
        &[Need::Root, Need::Loop, Need::Program("sfdisk")],
    ) {
        return;
    }
    let pair = Pair::new();
    let disk = pair.host.path().join("disk.img");
    let script =
        "truncate -s 80M \"$1\"; printf 'start=2048, size=131072, type=83\\n' | sfdisk -q \"$1\"
        dd if=\"$2\" of=\"$1\" bs=1M seek=1 conv=notrunc status=none";
    crate::support::command::shell(script, [disk.as_path(), &pair.ours.path]);
    pair.done("mkdir --partition 1 ~/disk.img:/made");
    let seen = pair.done("ls --offset 1M -d ~/disk.img:/made");
    assert!(seen.ends_with("made\n"), "{seen}");
    let refused = pair.liveroot("ls ~/disk.img:/");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("--partition"), "{said}");
}
