//! Images broken with debugfs in ways that have names.

use crate::image::{Image, check};
use lwext4::ProblemKind::{self, *};
use machine::command::{command, output, said};
use machine::e2fsprogs::{DEBUGFS, E2FSCK, MKE2FS, e2fsck};
use machine::requirements::can_run;

/// Commands of debugfs, and a kind of problem that `check` must report.
const DAMAGE: &[(&str, ProblemKind)] = &[
    ("clri /long", DanglingEntry),
    ("clri /many", DanglingEntry),
    ("kill_file /fragments", Inode),
    ("unlink /long", LinkCount),
    ("unlink /many", Unreachable),
    ("unlink /pipe", Unreachable),
    ("freeb 1000 4", BlockBitmap),
    ("freei /long", InodeBitmap),
    ("seti <500>", InodeBitmap),
    ("setb 15000 3", BlockBitmap),
    ("sif /long links_count 7", LinkCount),
    ("sif /long mode 040755", EntryType),
    ("sif /long size 5", Size),
    ("sif /long blocks 3", BlockCount),
    ("sif /long dtime 12345", Inode),
    ("sif /long flags 0", Map),
    ("sif /pipe size 12", Size),
    ("sif /symlink30 size 31", Size),
    ("sif /symlink500 size 499", Size),
    ("sif /many size 1024", Size),
    ("sif /long file_acl 99999999", Xattr),
    ("sif /many links_count 3", LinkCount),
    ("link /long /many/other", LinkCount),
    ("link /many /other", Parent),
    ("link /pipe /pipe2", LinkCount),
    ("set_bg 0 free_blocks_count 3", GroupCounts),
    ("set_bg 0 used_dirs_count 3", GroupCounts),
    ("set_bg 0 inode_table 7", SharedBlock),
    ("set_bg 0 block_bitmap 99999999", GroupDescriptor),
    ("sif <8> mode 0", Journal),
    ("sif <8> size 1024", Journal),
    ("sif <7> block[DIND] 77", SharedBlock),
    ("sif <2> mode 0100644", Inode),
    ("ssv inodes_count 17", Superblock),
];

#[test]
fn damage_by_debugfs_is_found_and_named() {
    if !can_run(
        "damage_by_debugfs_is_found_and_named",
        &[MKE2FS, E2FSCK, DEBUGFS],
    ) {
        return;
    }
    let sound = Image::mke2fs("-t ext4 -b 1024", 32).expect("an image");
    sound.fill();
    let copy = sound.path.with_extension("copy");
    let mut wrong = Vec::new();
    for (broken, kind) in DAMAGE {
        std::fs::copy(&sound.path, &copy).unwrap();
        let debugfs = said(&output(command("debugfs", ["-w", "-R", broken]).arg(&copy)));
        let verdict = e2fsck(&copy);
        let (problems, summary) = check(&copy);
        if verdict.clean {
            wrong.push(format!(
                "{broken}: e2fsck finds nothing; debugfs: {debugfs}"
            ));
        } else if summary.problems == 0 || !problems.iter().any(|problem| problem.kind == *kind) {
            let found: Vec<_> = problems
                .iter()
                .take(9)
                .map(|p| (p.kind, p.to_string()))
                .collect();
            wrong.push(format!(
                "{broken}: wanted {kind:?}: {found:?}\n{}",
                verdict.text
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
