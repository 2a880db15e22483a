//! The system calls that serving a mount takes, by seccomp (seccomp(2)).
//!
//! Nothing here opens, creates or removes a file, makes or connects a socket, starts a process, or
//! touches another one. Whatever is not listed fails with EPERM: a daemon that is surprised so reports
//! an error, while one that is killed would lose what it has.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter_all_threads,
};
use std::collections::BTreeMap;

/// Reading and writing what is open: the image, the connection to the kernel, clients, the log.
const OPEN_FILES: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_fallocate,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fcntl,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_close,
    libc::SYS_ppoll,
    libc::SYS_accept4,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
];

/// Memory, threads, time and signals, as the allocator, the standard library and the C library use
/// them within the process.
const PROCESS: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_sigaltstack,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // Refused by a filter of its own, for the reason there.
    libc::SYS_clone3,
];

/// Calls of architectures that came before the ones above.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[libc::SYS_poll, libc::SYS_dup2, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// Restricts all threads of the process.
///
/// # Errors
/// Why nothing happened, for people.
pub fn restrict() -> Result<(), String> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| "not known on this kind of processor".to_owned())?;
    for filter in [no_clone3(arch), listed_calls(arch)] {
        let program = filter
            .and_then(BpfProgram::try_from)
            .map_err(|error| error.to_string())?;
        apply_filter_all_threads(&program).map_err(|error| error.to_string())?;
    }
    Ok(())
}

type Filter = Result<SeccompFilter, seccompiler::BackendError>;

/// The arguments of clone3 are in memory, where a filter cannot see whether a thread or a process is
/// to start. With ENOSYS the C library uses clone.
fn no_clone3(arch: TargetArch) -> Filter {
    SeccompFilter::new(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        arch,
    )
}

fn listed_calls(arch: TargetArch) -> Filter {
    let listed = OPEN_FILES.iter().chain(PROCESS).chain(OLDER);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        listed.map(|&call| (call, Vec::new())).collect();
    // Threads, no processes.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, bits(0, thread, thread)?);
    // Memory that no program can be put into.
    let execute = libc::PROT_EXEC as u64;
    rules.insert(libc::SYS_mmap, bits(2, execute, 0)?);
    rules.insert(libc::SYS_mprotect, bits(2, execute, 0)?);
    // Names of threads, and of anonymous memory.
    let names = [libc::PR_SET_NAME, libc::PR_SET_VMA].map(|name| bits(0, u64::MAX, name as u64));
    let names = names.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
    rules.insert(libc::SYS_prctl, names);
    // Sockets that do not block.
    rules.insert(libc::SYS_ioctl, bits(1, 0xffff_ffff, FIONBIO)?);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        arch,
    )
}

/// The ioctl behind `set_nonblocking`; C libraries do not agree on its type.
const FIONBIO: u64 = 0x5421;

/// A rule that an argument has, of the bits in `mask`, exactly those of `value`.
fn bits(
    argument: u8,
    mask: u64,
    value: u64,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let condition = SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )?;
    Ok(vec![SeccompRule::new(vec![condition])?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_made() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        for filter in [no_clone3(arch), listed_calls(arch)] {
            assert!(BpfProgram::try_from(filter.unwrap()).is_ok_and(|p| p.len() < 4096));
        }
    }
}
