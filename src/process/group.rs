//! Attending one program until it and its whole group have ended.
//!
//! Does not know of processes that left the group; `orphan` finds those.

use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, test_kill_process_group, waitid, waitpgid,
};

use super::cancel::Cancel;
use super::capture::{Capture, Stream};
use super::reap::{self, Reaped};
use super::start::Program;
use super::{Attended, Ended, GRACE, Limits, orphan};

/// Bytes read from a pipe at once.
const READ_BYTES: usize = 64 * 1024;

/// The flag of a cancel that cannot wake us is asked this often.
const CANCEL_POLL: Duration = Duration::from_millis(100);

/// The exit of a program that cannot wake us, and the end of a group, are asked for this often.
const EXIT_POLL: Duration = Duration::from_millis(5);

/// After the kill, a group that still is not gone (a process stuck in the kernel) is given up.
const KILL_WAIT: Duration = Duration::from_secs(2);

/// Why attending ends.
enum Why {
    Exited,
    TimedOut,
    Idle,
    Cancelled,
}

/// Attends a program to its end; gives how it ended and how many of its group it left behind.
pub(super) fn attend(program: Program, limits: Limits, cancel: &Cancel, capture: &mut Capture) -> Attended {
    let own_bytes = reap::own_peak_bytes();
    for pipe in
        [program.stdout.as_ref().map(AsFd::as_fd), program.stderr.as_ref().map(AsFd::as_fd)].into_iter().flatten()
    {
        // A pipe that stays blocking is read only when poll says so; then it gives what there is.
        let _ = rustix::io::ioctl_fionbio(pipe, true);
    }
    let mut running = Running { program, capture, heard: Instant::now() };
    let why = running.until_something(limits, cancel);
    let (reaped, left_behind) = running.end_group(cancel);
    running.drain();
    let peak_bytes = reaped.as_ref().map(|reaped| reaped.peak_bytes).filter(|bytes| *bytes > own_bytes);
    let ended = match (why, reaped.map(|reaped| reaped.ended)) {
        (Why::TimedOut, _) => Ended::TimedOut,
        (Why::Idle, _) => Ended::Idle,
        (Why::Cancelled, _) => Ended::Cancelled,
        (Why::Exited, Some(ended)) => ended,
        (Why::Exited, None) => Ended::Signalled(Signal::KILL.as_raw()),
    };
    Attended { ended, left_behind, peak_bytes }
}

struct Running<'a> {
    program: Program,
    capture: &'a mut Capture,
    /// When it said something last.
    heard: Instant,
}

impl Running<'_> {
    fn until_something(&mut self, limits: Limits, cancel: &Cancel) -> Why {
        loop {
            if self.has_exited() {
                return Why::Exited;
            }
            if cancel.is_cancelled() {
                return Why::Cancelled;
            }
            let now = Instant::now();
            let left = limits.deadline.map(|deadline| deadline.saturating_duration_since(now));
            if left == Some(Duration::ZERO) {
                return Why::TimedOut;
            }
            let silence = limits.idle.map(|idle| idle.saturating_sub(now.saturating_duration_since(self.heard)));
            if silence == Some(Duration::ZERO) && !self.says_something() {
                return Why::Idle;
            }
            let left = [left, silence].into_iter().flatten().min();
            let pause = if self.program.exit.is_some() { CANCEL_POLL } else { EXIT_POLL };
            self.pause(left.map_or(pause, |left| left.min(pause)), Some(cancel));
        }
    }

    /// Whether the program has ended; it is not reaped, so that its group's number stays taken.
    fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.program.pid), options), Ok(None))
    }

    /// Whether a pipe holds something that was not read yet: we may have been kept from reading, and not it from talking.
    fn says_something(&mut self) -> bool {
        let before = self.heard;
        self.pause(Duration::ZERO, None);
        self.heard != before
    }

    /// Waits until a pipe, the exit or the wake-up has something, and reads what came.
    fn pause(&mut self, at_most: Duration, cancel: Option<&Cancel>) {
        let stdout = self.program.stdout.as_ref().map(AsFd::as_fd);
        let stderr = self.program.stderr.as_ref().map(AsFd::as_fd);
        let exit = self.program.exit.as_ref().map(AsFd::as_fd);
        let watched = [stdout, stderr, exit].into_iter().flatten();
        let wakes = cancel.into_iter().flat_map(Cancel::wakes);
        let mut slots: Vec<PollFd<'_>> =
            watched.chain(wakes).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        let timeout = Timespec::try_from(at_most).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 5_000_000 });
        if poll(&mut slots, Some(&timeout)).is_err() {
            return;
        }
        let mut ready = slots.iter().map(|slot| !slot.revents().is_empty());
        let stdout_ready = stdout.is_some() && ready.next() == Some(true);
        let stderr_ready = stderr.is_some() && ready.next() == Some(true);
        if stdout_ready {
            self.read(Stream::Stdout);
        }
        if stderr_ready {
            self.read(Stream::Stderr);
        }
    }

    /// Reads once; says whether there may be more.
    fn read(&mut self, stream: Stream) -> bool {
        let mut buffer = [const { MaybeUninit::uninit() }; READ_BYTES];
        let pipe = match stream {
            Stream::Stdout => self.program.stdout.as_ref(),
            Stream::Stderr => self.program.stderr.as_ref(),
        };
        let Some(pipe) = pipe else { return false };
        match rustix::io::read(pipe, &mut buffer[..]) {
            Ok((said, _)) if !said.is_empty() => {
                self.heard = Instant::now();
                self.capture.take(stream, said);
                true
            }
            Err(Errno::INTR) => true,
            Err(Errno::AGAIN) => false,
            Ok(_) | Err(_) => {
                match stream {
                    Stream::Stdout => self.program.stdout = None,
                    Stream::Stderr => self.program.stderr = None,
                }
                false
            }
        }
    }

    /// Reads what is left in the pipes, without waiting for more.
    fn drain(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            while self.read(stream) {}
        }
    }

    /// Ends what is left of the group, politely first, and reaps the program.
    fn end_group(&mut self, cancel: &Cancel) -> (Option<Reaped>, usize) {
        let group = self.program.pid;
        let exited_first = self.has_exited();
        signal(group, if cancel.is_urgent() { Signal::KILL } else { Signal::TERM });
        let mut polite = Some(Instant::now() + GRACE);
        let mut give_up = Instant::now() + GRACE + KILL_WAIT;
        let mut status = None;
        let mut left_behind = 0;
        loop {
            if status.is_none() {
                status = self.reap();
            }
            // The program itself is reaped: what still answers are others, ours to reap once their parents have died.
            while status.is_some()
                && let Ok(Some((_, other))) = waitpgid(group, WaitOptions::NOHANG)
            {
                // One that our signal ended was alive; it may have gone before the group is asked.
                let ours = [Signal::TERM, Signal::KILL].map(|signal| Some(signal.as_raw()));
                left_behind |= usize::from(exited_first && ours.contains(&other.terminating_signal()));
            }
            if status.is_some() && test_kill_process_group(group).is_err() {
                break;
            }
            left_behind |= usize::from(exited_first);
            let now = Instant::now();
            if polite.is_some_and(|polite| now >= polite || cancel.is_urgent()) {
                signal(group, Signal::KILL);
                polite = None;
                give_up = now + KILL_WAIT;
            }
            if now >= give_up {
                break;
            }
            self.pause(EXIT_POLL, None);
        }
        orphan::forget(group);
        (status, left_behind)
    }

    fn reap(&mut self) -> Option<Reaped> {
        let reaped = reap::reap(self.program.pid)?;
        // Readable for good from here on; the pauses that follow shall wait.
        self.program.exit = None;
        Some(reaped)
    }
}

/// A group that has gone meanwhile needs no signal.
fn signal(group: Pid, signal: Signal) {
    let _ = kill_process_group(group, signal);
}
