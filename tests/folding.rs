//! Directories that fold names, through a mount: what the kernel remembers must not get in the way.

mod support;

use support::command::{run, shell};
use support::image::{Image, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run};

/// An image with the feature, mounted; the script's output, after e2fsck was content.
fn on_folding_image(script: &str) -> String {
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    })
    .unwrap();
    run(std::process::Command::new("mke2fs")
        .args(["-q", "-F", "-t", "ext4", "-O", "casefold"])
        .arg(&image.path));
    let mounted = Mounted::new(How::Liveroot, &image);
    let printed = shell(&format!("cd \"$1\"; {script}"), [mounted.path()]);
    mounted.umount();
    image.fsck();
    printed
}

#[test]
fn no_spelling_of_a_name_outlives_the_file() {
    let needs = [Need::Fuse, Need::Program("chattr"), Need::Program("mke2fs")];
    if !can_run("no_spelling_of_a_name_outlives_the_file", &needs) {
        return;
    }
    let printed = on_folding_image(
        r#"
        mkdir d plain
        # Absent before the directory folds: the kernel must ask again.
        test ! -e d/Name
        chattr +F d
        echo one > d/name
        cat d/Name d/NAME
        test ! -e d/other; echo two > d/OTHER; cat d/other
        # Deleted by one name, gone by all.
        rm d/NAME
        test ! -e d/name && test ! -e d/Name && echo gone
        # Renamed from where names are names.
        echo three > plain/moved; cat plain/moved
        mv plain/moved d/Moved; cat d/MOVED; rm d/moved
        sleep 0.2
        test ! -e d/Moved && echo gone, too
        mkdir d/Sub; echo four > d/SUB/File; cat d/sub/FILE
        ls d/sUb
        mv -n d/OTHER d/Third; cat d/THIRD
        rmdir d/sub 2> /dev/null || echo not empty
        rm -r d/sub; test ! -e d/Sub
        ln d/third d/Fourth; cat d/FOURTH
        mkdir d/fourth 2> /dev/null || echo exists
        ls d
        lsattr -d d | cut -d" " -f1 | grep -q F && echo folds
        "#,
    );
    let wanted = "one\none\ntwo\ngone\nthree\nthree\ngone, too\nfour\nFile\ntwo\nnot empty\ntwo\nexists\n\
                  Fourth\nThird\nfolds\n";
    assert_eq!(printed, wanted);
}
