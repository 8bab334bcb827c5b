//! Reaping one program: how it ended, and how much memory it held at its peak.
//!
//! `wait4` has no safe form; this is all of its use.

use rustix::process::Pid;

use super::Ended;

/// How a program ended, and the peak of its resident memory in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reaped {
    pub(super) ended: Ended,
    /// The largest of it and of the processes that it waited for, each for itself. A start takes over the peak of who started
    /// it, so that what is not more than that says nothing.
    pub(super) peak_bytes: u64,
}

/// Reaps a program that has ended; `None` while it runs.
#[expect(unsafe_code, reason = "wait4 has no safe form")]
pub(super) fn reap(pid: Pid) -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: a `rusage` is plain numbers, for which zero is a value; both pointers lead to places of this frame.
    let (reaped, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid.as_raw_nonzero().get(), &raw mut status, libc::WNOHANG, &raw mut usage), usage)
    };
    match reaped {
        0 => None,
        _ if reaped < 0 => Some(Reaped { ended: Ended::Signalled(libc::SIGKILL), peak_bytes: 0 }),
        _ => {
            let ended = if libc::WIFSIGNALED(status) {
                Ended::Signalled(libc::WTERMSIG(status))
            } else {
                Ended::Exited(libc::WEXITSTATUS(status))
            };
            Some(Reaped { ended, peak_bytes: bytes(&usage) })
        }
    }
}

/// The peak of our own resident memory, in bytes.
#[expect(unsafe_code, reason = "getrusage has no safe form")]
pub(super) fn own_peak_bytes() -> u64 {
    // SAFETY: as in `reap`.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        if libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) < 0 { 0 } else { bytes(&usage) }
    }
}

/// `ru_maxrss` is KiB, on macOS bytes.
fn bytes(usage: &libc::rusage) -> u64 {
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.ru_maxrss).unwrap_or(0).saturating_mul(unit)
}
