//! Encrypted directories through a mount, without their key.

mod support;

use support::command::{command, run, shell};
use support::image::{Image, Spec};
use support::mount::{How, Mounted};
use support::requirements::{Need, can_run};

#[test]
fn encrypted_files_are_listed_and_deleted_and_not_read() {
    let test = "encrypted_files_are_listed_and_deleted_and_not_read";
    let needs = [
        Need::Root,
        Need::Fuse,
        Need::Loop,
        Need::Program("python3"),
        Need::Program("mke2fs"),
    ];
    if !can_run(test, &needs) {
        return;
    }
    if !std::path::Path::new("/sys/fs/ext4/features/encryption").exists() {
        eprintln!("skipped: {test}: needs a kernel with fscrypt");
        return;
    }
    let image = Image::make(&Spec {
        mib: 64,
        ..Spec::default()
    })
    .unwrap();
    run(command("mke2fs", ["-q", "-F", "-t", "ext4", "-O", "encrypt"]).arg(&image.path));
    let kernel = Mounted::new(How::Loop, &image);
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/lwext4/tests/features/encrypt.py"
    );
    run(command("python3", [script]).arg(kernel.path()));
    kernel.umount();
    let list = "cd \"$1\"; ls -lR --time-style=+ enc";
    let kernel = Mounted::new(How::Loop, &image);
    let wanted = shell(list, [kernel.path()]);
    kernel.umount();
    let mounted = Mounted::new(How::Liveroot, &image);
    let found = shell(list, [mounted.path()]);
    assert!(found == wanted, "{found}\nand not\n{wanted}");
    let printed = shell(
        r#"cd "$1/enc"
        file=$(find . -maxdepth 1 -type f | head -n 1)
        cat "$file" 2>&1 | sed 's/.*: //'
        touch new 2>&1 | sed 's/.*: //'
        mkdir new 2>&1 | sed 's/.*: //'
        mv "$file" ../moved 2>&1 | sed 's/.*: //'
        rm -r -- *; ls | wc -l; cd ..; rmdir enc"#,
        [mounted.path()],
    );
    assert_eq!(
        printed,
        "Required key not available\n".repeat(4) + "0\n",
        "{printed}"
    );
    mounted.umount();
    image.fsck();
}
