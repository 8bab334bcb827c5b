//! The wish that everything ends: set from any thread, seen by all that wait on a process.
//!
//! Does not end anything itself, and does not know who waits.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A second signal within this time is an echo of the first (wrappers forward what their group got as well).
const ECHO: Duration = Duration::from_millis(200);

const CALM: u8 = 0;
const CANCELLED: u8 = 1;
const AT_ONCE: u8 = 2;

/// Shared by all that may cancel, and all that are cancelled.
#[derive(Clone)]
pub struct Cancel(Arc<State>);

struct State {
    stage: AtomicU8,
    signal: AtomicI32,
    /// Gets a byte when cancelled and is never emptied, so that it wakes whoever waits, now and later.
    wake: Option<(PipeReader, PipeWriter)>,
}

impl Cancel {
    /// Nothing is cancelled yet.
    pub fn new() -> Self {
        let wake = io::pipe().ok();
        Self(Arc::new(State { stage: AtomicU8::new(CALM), signal: AtomicI32::new(0), wake }))
    }

    /// Asks everything to end in good order. Safe to call from a signal handler.
    pub fn cancel(&self) {
        self.raise(CANCELLED);
    }

    /// Asks everything to be killed without grace. Safe to call from a signal handler.
    pub fn kill(&self) {
        self.raise(AT_ONCE);
    }

    /// Whether things shall end.
    pub fn is_cancelled(&self) -> bool {
        self.0.stage.load(Ordering::Acquire) >= CANCELLED
    }

    /// Whether things shall end without grace.
    pub fn is_urgent(&self) -> bool {
        self.0.stage.load(Ordering::Acquire) >= AT_ONCE
    }

    /// The signal that cancelled, if it was one.
    pub fn signal(&self) -> Option<i32> {
        Some(self.0.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Cancels on SIGINT, SIGTERM and SIGHUP, and kills on the second of them; those that were ignored when `pl` began
    /// (as under `nohup`) stay ignored. Call it once a process.
    pub fn on_signals(&self) -> io::Result<()> {
        let ignored = ignored_signals();
        let wanted = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let mut signals = Signals::new(wanted)?;
        let cancel = self.clone();
        let watch = move || {
            let mut first = None;
            for signal in signals.forever() {
                let first_at = *first.get_or_insert_with(Instant::now);
                if !cancel.is_cancelled() {
                    cancel.0.signal.store(signal, Ordering::Release);
                    cancel.cancel();
                } else if first_at.elapsed() > ECHO {
                    cancel.kill();
                }
            }
        };
        std::thread::Builder::new().name("signals".to_owned()).spawn(watch).map(drop)
    }

    /// Readable from the moment of cancelling on; `None` where there is no pipe and the flag must be asked.
    pub(super) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.0.wake.as_ref().map(|(reader, _)| reader.as_fd())
    }

    fn raise(&self, stage: u8) {
        let before = self.0.stage.fetch_max(stage, Ordering::AcqRel);
        if before < stage
            && let Some((_, writer)) = &self.0.wake
        {
            // One byte a stage: the pipe never fills, and a failure leaves the flag, which is polled as well.
            let _ = rustix::io::write(writer, b"!");
        }
    }
}

impl Default for Cancel {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Cancel").field(&self.0.stage.load(Ordering::Relaxed)).finish()
    }
}

/// The bits of `SigIgn` in `/proc/self/status`; none where there is no such file.
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Signal, getpid, kill_process};

    use super::{Cancel, ignored_signals};

    #[test]
    fn a_signal_cancels_and_wakes() {
        let cancel = Cancel::new();
        cancel.on_signals().expect("handlers");
        assert!(!cancel.is_cancelled());
        // Under `nohup`, or in the background of a script, some are ignored.
        let heard = |signal: &Signal| ignored_signals() & (1 << (signal.as_raw() - 1)) == 0;
        let signal = [Signal::HUP, Signal::TERM, Signal::INT].into_iter().find(heard).expect("one that is heard");
        kill_process(getpid(), signal).expect("a signal");
        let wake = cancel.wake().expect("a pipe");
        poll(&mut [PollFd::new(&wake, PollFlags::IN)], None).expect("woken");
        assert!(cancel.is_cancelled());
        assert!(!cancel.is_urgent());
        assert_eq!(cancel.signal(), Some(signal.as_raw()));
        cancel.kill();
        assert!(cancel.clone().is_urgent());
    }
}
