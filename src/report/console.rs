//! A build as it happens: a live view on a terminal, calm lines elsewhere.
//!
//! Consumes events and asks nobody anything; the writer, the clock and the terminal's size come in with [`Options`].

pub mod failure;
pub mod lines;
mod live;
mod progress;

use std::io::Write;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::event::Event;
use crate::report::Style;
use crate::report::console::live::Live;
use crate::report::console::progress::Progress;
use crate::report::event_lines::EventLines;

/// Time between two frames: some ten a second.
const FRAME_MS: u64 = 100;

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures and the summary.
    Quiet,
    /// A line a workstream and a line a task that ran.
    Normal,
    /// A line a step, with its reason.
    Verbose,
}

/// What the console is told of the world.
pub struct Options {
    /// How much is told.
    pub verbosity: Verbosity,
    /// The writer is a terminal that understands cursor movements.
    pub live: bool,
    /// Output is folded as GitHub's runner does it.
    pub ci_groups: bool,
    /// The terminal's columns and rows at this moment.
    pub size: Box<dyn Fn() -> (usize, usize) + Send>,
    /// Milliseconds since some fixed moment.
    pub clock: Box<dyn Fn() -> u64 + Send>,
    /// Where it goes.
    pub out: Box<dyn Write + Send>,
}

/// A consumer of events.
pub struct Console {
    style: Style,
    options: Options,
    progress: Progress,
    live: Live,
    /// Finished lines that wait for the next frame.
    pending: String,
    last_frame_ms: Option<u64>,
    closed: bool,
}

impl Console {
    /// A console that has seen nothing yet.
    pub fn new(style: Style, options: Options) -> Self {
        Self {
            style,
            options,
            progress: Progress::default(),
            live: Live::default(),
            pending: String::new(),
            last_frame_ms: None,
            closed: false,
        }
    }

    /// Takes one event; on a terminal it is drawn with the next frame.
    pub fn handle(&mut self, event: &Event) {
        let now = (self.options.clock)();
        let told = lines::of(event, &self.progress, &self.style, self.options.verbosity, self.options.ci_groups);
        self.pending.push_str(&told);
        self.progress.take(event, now);
        if !self.options.live {
            self.flush();
        } else if matches!(event, Event::RunEnded { .. }) {
            self.finish();
        }
    }

    /// Draws a frame if one is due.
    pub fn tick(&mut self) {
        let now = (self.options.clock)();
        let due = self.last_frame_ms.is_none_or(|last| now >= last + FRAME_MS);
        if self.options.live && due && self.options.verbosity > Verbosity::Quiet {
            let (columns, rows) = (self.options.size)();
            let frame = live::frame(&self.progress, &self.style, now, columns, rows);
            let bytes = self.live.draw(&std::mem::take(&mut self.pending), &frame, columns);
            self.write(&bytes);
            self.last_frame_ms = Some(now);
        } else if self.options.live && due {
            self.flush();
        }
    }

    /// Takes the live view away and writes what is left; the terminal is as if only lines had been printed.
    pub fn finish(&mut self) {
        let (columns, _) = (self.options.size)();
        let bytes = self.live.clear(&std::mem::take(&mut self.pending), columns);
        self.write(&bytes);
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.pending);
        self.write(&text);
    }

    /// A build goes on when nobody reads any more: after an error nothing is written.
    fn write(&mut self, text: &str) {
        if text.is_empty() || self.closed {
            return;
        }
        let written = self.options.out.write_all(text.as_bytes()).and_then(|()| self.options.out.flush());
        self.closed = written.is_err();
    }
}

/// A thread that feeds console and event lines until the sender is gone, then hands nothing back but its end.
pub fn spawn(mut console: Console, mut event_lines: Option<EventLines>, events: Receiver<Event>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        loop {
            match events.recv_timeout(Duration::from_millis(FRAME_MS)) {
                Ok(event) => {
                    if let Some(lines) = &mut event_lines {
                        lines.write(&event);
                    }
                    console.handle(&event);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            console.tick();
        }
        console.finish();
    })
}

#[cfg(test)]
mod tests;
