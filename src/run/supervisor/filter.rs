//! Which system calls are reported, and what their arguments say.

use crate::fuse::ioctl;
use crate::sys::Notification;

/// How a call names a file; numbers are addresses in the caller's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By a path from a directory, [`libc::AT_FDCWD`] for the working directory.
    Path {
        /// The directory's descriptor.
        dir: i32,
        /// Where the path is.
        path: u64,
        /// Whether a symlink at its end is followed.
        follow: bool,
    },
    /// By a descriptor.
    Open(i32),
}

/// A reported call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `mknod(2)`, `mknodat(2)`
    Mknod {
        /// What is to be made.
        place: Named,
        /// Type and permissions.
        mode: u32,
        /// In the kernel's 32-bit form.
        device: u32,
    },
    /// `setxattr(2)` and its relatives
    SetXattr {
        /// The file.
        file: Named,
        /// Where the name is.
        name: u64,
        /// Where the value is.
        value: u64,
        /// Its length.
        size: u64,
        /// Whether the attribute must exist, or must not.
        flags: i32,
    },
    /// `removexattr(2)` and its relatives
    RemoveXattr {
        /// The file.
        file: Named,
        /// Where the name is.
        name: u64,
    },
    /// `ioctl(2)` that sets inode flags
    SetFlags {
        /// The file's descriptor.
        file: i32,
        /// Which of [`SETS_FLAGS`].
        command: u32,
        /// Where the flags are.
        data: u64,
    },
}

/// The ioctls that set inode flags.
const SETS_FLAGS: [u32; 3] = [ioctl::SETFLAGS, ioctl::SETFLAGS_32, ioctl::FSSETXATTR];

impl Call {
    /// Reads the arguments of a call; `None` for one that is not reported.
    pub fn of(notification: &Notification) -> Option<Call> {
        let Notification {
            call,
            args: [a, b, c, d, e, _],
            ..
        } = *notification;
        let path = |follow| Named::Path {
            dir: libc::AT_FDCWD,
            path: a,
            follow,
        };
        // The kernel takes these arguments as 32-bit numbers.
        let low = |n: u64| n as u32;
        let fd = |n: u64| n as u32 as i32;
        Some(match call {
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mknod => Call::Mknod {
                place: path(false),
                mode: low(b),
                device: low(c),
            },
            libc::SYS_mknodat => Call::Mknod {
                place: Named::Path {
                    dir: fd(a),
                    path: b,
                    follow: false,
                },
                mode: low(c),
                device: low(d),
            },
            libc::SYS_setxattr | libc::SYS_lsetxattr | libc::SYS_fsetxattr => Call::SetXattr {
                file: match call {
                    libc::SYS_fsetxattr => Named::Open(fd(a)),
                    _ => path(call == libc::SYS_setxattr),
                },
                name: b,
                value: c,
                size: d,
                flags: fd(e),
            },
            libc::SYS_removexattr | libc::SYS_lremovexattr | libc::SYS_fremovexattr => {
                Call::RemoveXattr {
                    file: match call {
                        libc::SYS_fremovexattr => Named::Open(fd(a)),
                        _ => path(call == libc::SYS_removexattr),
                    },
                    name: b,
                }
            }
            libc::SYS_ioctl => Call::SetFlags {
                file: fd(a),
                command: low(b),
                data: c,
            },
            _ => return None,
        })
    }
}

#[cfg(target_arch = "x86_64")]
const NATIVE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const NATIVE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NATIVE: Option<u32> = None;

/// Calls that make nodes, and which argument is the mode.
const MAKES_NODES: &[(libc::c_long, u32)] = &[
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_mknod, 1),
    (libc::SYS_mknodat, 2),
];

/// Calls that change attributes. A filter cannot see which.
const CHANGES_XATTRS: [libc::c_long; 6] = [
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// Set in the numbers of x86's calls with 32-bit pointers, which share the architecture's number.
const X32: u32 = 0x4000_0000;

/// Offsets in `struct seccomp_data` (seccomp(2)).
const CALL: u32 = 0;
const ARCH: u32 = 4;
/// The lower half of an argument, on machines that store that first.
const fn argument(n: u32) -> u32 {
    16 + 8 * n
}

/// The filter: reports the calls above, of mknod and ioctl those that matter, and lets all others pass,
/// among them those of programs for another architecture. `None` on machines whose calls are not
/// known here.
pub fn program() -> Option<Vec<libc::sock_filter>> {
    use libc::{
        BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W,
    };
    let code = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let load = |offset| code(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
    let skip_unless = |value, count| code(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count);
    let verdict = |value| code(BPF_RET | BPF_K, value, 0, 0);
    let allow = verdict(libc::SECCOMP_RET_ALLOW);
    let report = verdict(libc::SECCOMP_RET_USER_NOTIF);

    let mut program = vec![
        load(ARCH),
        code(BPF_JMP | BPF_JEQ | BPF_K, NATIVE?, 1, 0),
        allow,
        load(CALL),
        code(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1),
        allow,
    ];
    for call in CHANGES_XATTRS {
        program.extend([skip_unless(u32::try_from(call).ok()?, 1), report]);
    }
    for &(call, mode) in MAKES_NODES {
        program.extend([
            skip_unless(u32::try_from(call).ok()?, 7),
            load(argument(mode)),
            code(BPF_ALU | BPF_AND | BPF_K, libc::S_IFMT, 0, 0),
            skip_unless(libc::S_IFCHR, 1),
            report,
            skip_unless(libc::S_IFBLK, 1),
            report,
            allow,
        ]);
    }
    program.extend([
        skip_unless(u32::try_from(libc::SYS_ioctl).ok()?, 7),
        load(argument(1)),
        skip_unless(SETS_FLAGS[0], 1),
        report,
        skip_unless(SETS_FLAGS[1], 1),
        report,
        skip_unless(SETS_FLAGS[2], 1),
        report,
    ]);
    program.push(allow);
    Some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter on a call, as the kernel would.
    fn verdict(arch: u32, call: i64, args: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend((call as u32).to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend(0u64.to_ne_bytes());
        args.iter().for_each(|arg| data.extend(arg.to_ne_bytes()));
        let program = program().unwrap();
        let (mut at, mut a) = (0, 0u32);
        loop {
            let libc::sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |yes: bool| usize::from(if yes { jt } else { jf });
            match u32::from(code) {
                0x20 => a = u32::from_ne_bytes(data[k as usize..][..4].try_into().unwrap()),
                0x54 => a &= k,
                0x15 => at += jump(a == k),
                0x35 => at += jump(a >= k),
                0x06 => return k,
                other => panic!("unexpected instruction {other:#x}"),
            }
        }
    }

    fn is_reported(call: i64, args: [u64; 6]) -> bool {
        verdict(NATIVE.unwrap(), call, args) == libc::SECCOMP_RET_USER_NOTIF
    }

    #[test]
    fn devices_are_reported_and_other_nodes_are_not() {
        for (kind, reported) in [
            (libc::S_IFCHR, true),
            (libc::S_IFBLK, true),
            (libc::S_IFIFO, false),
            (libc::S_IFREG, false),
            (0, false),
        ] {
            let mode = u64::from(kind | 0o644);
            assert_eq!(
                is_reported(libc::SYS_mknodat, [0, 0, mode, 0, 0, 0]),
                reported
            );
            #[cfg(target_arch = "x86_64")]
            assert_eq!(
                is_reported(libc::SYS_mknod, [0, mode, 0, 0, 0, 0]),
                reported
            );
        }
    }

    #[test]
    fn attributes_and_flags_are_reported() {
        for call in CHANGES_XATTRS {
            assert!(is_reported(call, [0; 6]));
        }
        assert!(!is_reported(libc::SYS_getxattr, [0; 6]));
        assert!(!is_reported(libc::SYS_openat, [0; 6]));
        for command in SETS_FLAGS {
            assert!(is_reported(
                libc::SYS_ioctl,
                [3, u64::from(command), 0, 0, 0, 0]
            ));
        }
        let terminal = u64::from(libc::TCGETS as u32);
        assert!(!is_reported(libc::SYS_ioctl, [0, terminal, 0, 0, 0, 0]));
    }

    #[test]
    fn other_architectures_pass() {
        let mode = u64::from(libc::S_IFCHR);
        let args = [0, mode, mode, 0, 0, 0];
        assert_eq!(
            verdict(0x4000_0003, libc::SYS_mknodat, args),
            libc::SECCOMP_RET_ALLOW
        );
        let x32 = libc::SYS_mknodat | i64::from(X32);
        assert!(!is_reported(x32, args));
    }

    #[test]
    fn arguments_are_read_from_their_registers() {
        let call = |call, args| {
            Call::of(&Notification {
                id: 1,
                tid: 1,
                call,
                args,
            })
        };
        assert_eq!(
            call(
                libc::SYS_mknodat,
                [u64::from(u32::MAX), 5, 0o20644, 0x103, 0, 0]
            ),
            Some(Call::Mknod {
                place: Named::Path {
                    dir: -1,
                    path: 5,
                    follow: false
                },
                mode: 0o20644,
                device: 0x103
            })
        );
        assert_eq!(
            call(libc::SYS_fsetxattr, [3, 5, 6, 7, 1, 0]),
            Some(Call::SetXattr {
                file: Named::Open(3),
                name: 5,
                value: 6,
                size: 7,
                flags: 1
            })
        );
        assert_eq!(call(libc::SYS_read, [0; 6]), None);
    }
}
