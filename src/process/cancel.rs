//! The wish that everything ends: set from any thread, seen by all that wait on a process.
//!
//! Does not end anything itself, and does not know who waits.

use std::fmt;
use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A second signal within this time is an echo of the first (wrappers forward what their group got as well).
const ECHO: Duration = Duration::from_millis(200);

/// The flag of one that cannot wake is asked this often.
const WAIT: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

const CALM: u8 = 0;
const CANCELLED: u8 = 1;
const AT_ONCE: u8 = 2;

/// Shared by all that may cancel, and all that are cancelled.
#[derive(Clone)]
pub struct Cancel(Arc<State>);

struct State {
    /// What is cancelled there is cancelled here.
    above: Option<Cancel>,
    stage: AtomicU8,
    signal: AtomicI32,
    /// Gets a byte when cancelled and is never emptied, so that it wakes whoever waits, now and later.
    wake: Option<(PipeReader, PipeWriter)>,
}

impl Cancel {
    /// Nothing is cancelled yet.
    pub fn new() -> Self {
        Self::made(None)
    }

    /// One that can be cancelled by itself, and is with the one above it.
    pub fn below(&self) -> Self {
        Self::made(Some(self.clone()))
    }

    fn made(above: Option<Self>) -> Self {
        let wake = io::pipe().ok();
        Self(Arc::new(State { above, stage: AtomicU8::new(CALM), signal: AtomicI32::new(0), wake }))
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
        self.stage() >= CANCELLED
    }

    /// Whether things shall end without grace.
    pub fn is_urgent(&self) -> bool {
        self.stage() >= AT_ONCE
    }

    fn stage(&self) -> u8 {
        let above = self.0.above.as_ref().map_or(CALM, Self::stage);
        above.max(self.0.stage.load(Ordering::Acquire))
    }

    /// The signal that cancelled, if it was one.
    pub fn signal(&self) -> Option<i32> {
        let own = Some(self.0.signal.load(Ordering::Acquire)).filter(|signal| *signal != 0);
        own.or_else(|| self.0.above.as_ref().and_then(Self::signal))
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

    /// Waits until it is cancelled.
    pub fn wait(&self) {
        while !self.is_cancelled() {
            let mut slots: Vec<PollFd<'_>> =
                self.wakes().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            // Where there is no pipe, or a signal came between, the flag is asked again.
            let _ = poll(&mut slots, Some(&WAIT));
        }
    }

    /// One of them is readable from the moment of cancelling on; none where there is no pipe and the flag must be asked.
    pub(super) fn wakes(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let chain = std::iter::successors(Some(self), |cancel| cancel.0.above.as_ref());
        chain.filter_map(|cancel| cancel.0.wake.as_ref().map(|(reader, _)| reader.as_fd()))
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
        let wake = cancel.wakes().next().expect("a pipe");
        poll(&mut [PollFd::new(&wake, PollFlags::IN)], None).expect("woken");
        assert!(cancel.is_cancelled());
        assert!(!cancel.is_urgent());
        assert_eq!(cancel.signal(), Some(signal.as_raw()));
        cancel.kill();
        assert!(cancel.clone().is_urgent());
    }

    #[test]
    fn what_is_below_is_cancelled_with_what_is_above_and_alone() {
        let above = Cancel::new();
        let (one, other) = (above.below(), above.below());
        one.cancel();
        assert_eq!([above.is_cancelled(), one.is_cancelled(), other.is_cancelled()], [false, true, false]);
        above.kill();
        assert!(one.is_urgent() && other.is_urgent());
        let mut slots: Vec<PollFd<'_>> = other.wakes().map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        assert_eq!(poll(&mut slots, None).expect("woken"), 1);
    }
}
