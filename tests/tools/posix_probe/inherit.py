"""What new files get from their directory, and what the sticky bit forbids."""

import os
import stat
import subprocess

from common import NOBODY, as_user, attempt, make, mode

GROUP = 65533


def setgid(say):
    os.mkdir("g")
    os.chown("g", NOBODY, GROUP)
    os.chmod("g", 0o2777)

    def create():
        os.umask(0o027)
        os.close(os.open("g/file", os.O_CREAT | os.O_WRONLY, 0o2775))
        os.mkdir("g/dir", 0o777)
        os.symlink("x", "g/link")
        os.mkfifo("g/fifo", 0o777)
        os.mknod("g/node", 0o2775 | stat.S_IFREG)

    say("setgid directory, creating", as_user(create))
    for name in ("file", "dir", "link", "fifo", "node"):
        found = os.lstat(f"g/{name}")
        say(f"setgid directory, {name}", (oct(found.st_mode), found.st_uid, found.st_gid))

    def create_foreign():
        os.close(os.open("g/foreign", os.O_CREAT | os.O_WRONLY, 0o2775))

    say("setgid directory, outsider", (as_user(create_foreign, 12345, 12345), mode("g/foreign")))
    os.close(os.open("g/root", os.O_CREAT | os.O_WRONLY, 0o2775))
    say("setgid directory, root", (mode("g/root"), os.lstat("g/root").st_gid))


def xattr(path, name):
    value = attempt(os.getxattr, path, name, follow_symlinks=False)
    return value.hex() if isinstance(value, bytes) else value


def default_acl(say):
    os.mkdir("acl")
    subprocess.run(["setfacl", "-d", "-m", "u:5:rwx,g:6:rx,o::rx", "acl"], check=True)
    makers = {
        "file": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666)),
        "dir": lambda path: os.mkdir(path, 0o777),
        "node": lambda path: os.mknod(path, 0o640 | stat.S_IFREG),
        "link": lambda path: os.symlink("q", path),
        "fifo": lambda path: os.mkfifo(path, 0o777),
    }
    for umask in (0, 0o22, 0o77):
        os.umask(umask)
        for name, maker in makers.items():
            for directory in ("acl", "."):
                path = f"{directory}/{umask:o}{name}"
                maker(path)
                acls = [xattr(path, f"system.posix_acl_{kind}") for kind in ("access", "default")]
                say(f"ACL of {path}", (mode(path), acls))
    os.umask(0o022)
    make("a", 0o640)
    subprocess.run(["setfacl", "-m", "u:5:rwx", "a"], check=True)
    say("mode after setfacl", mode("a"))
    os.chmod("a", 0o604)
    say("ACL after chmod", (mode("a"), xattr("a", "system.posix_acl_access")))
    subprocess.run(["setfacl", "-b", "a"], check=True)
    say("after setfacl -b", (mode("a"), os.listxattr("a")))


def sticky(say):
    os.mkdir("t")
    os.chmod("t", 0o1777)
    make("t/root")
    make("t/nobody")
    os.chown("t/nobody", NOBODY, NOBODY)
    say("sticky, another's file", as_user(lambda: os.unlink("t/root")))
    say("sticky, renaming another's file", as_user(lambda: os.rename("t/root", "t/z")))
    say("sticky, replacing another's file", as_user(lambda: os.rename("t/nobody", "t/root")))
    say("sticky, own file", as_user(lambda: os.unlink("t/nobody")))
    make("t/bit")
    os.chown("t/bit", NOBODY, NOBODY)
    say("sticky file", (as_user(lambda: os.chmod("t/bit", 0o1644)), mode("t/bit")))


def run(say):
    setgid(say)
    default_acl(say)
    sticky(say)
