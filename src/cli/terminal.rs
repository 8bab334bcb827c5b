//! The two streams: whether they are terminals, how wide, in which colours; and writing to them.
//!
//! The one place that reads `NO_COLOR` and its kin. What is written is decided elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::time::Instant;

use serde::Serialize;

use crate::cli::engine::Removed;
use crate::cli::exit::Failed;
use crate::cli::{Common, When};
use crate::report::console::{Options, Verbosity};
use crate::report::diagnostics::Form;
use crate::report::{Style, Tone};

/// Columns and rows where a terminal does not say.
const SIZE_DEFAULT: (usize, usize) = (80, 24);

/// One of the two streams.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// How text looks on it.
    pub style: Style,
    /// Cursor movements are understood.
    pub is_live: bool,
}

/// Where a command's words go.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Standard output.
    pub out: Stream,
    /// Standard error.
    pub err: Stream,
    /// Standard output carries one JSON object.
    pub json: bool,
    /// How much is told.
    pub verbosity: Verbosity,
}

impl Terminal {
    /// Looks at the streams, the environment and the flags.
    pub fn find(common: &Common) -> Self {
        let verbosity = match (common.quiet, common.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let out = stream(std::io::stdout().is_terminal(), size_of(std::io::stdout()), common.color);
        let err = stream(std::io::stderr().is_terminal(), size_of(std::io::stderr()), common.color);
        Self { out, err, json: common.json, verbosity }
    }

    /// The stream for people: standard error where standard output is for a program.
    pub fn people(&self) -> &Stream {
        if self.json { &self.err } else { &self.out }
    }

    /// How diagnostics are drawn; they go to standard error.
    pub fn form(&self) -> Form {
        if self.err.is_live { Form::Graphical } else { Form::Plain }
    }

    /// Writes text for people.
    pub fn print(&self, text: &str) -> Result<(), Failed> {
        if self.json {
            self.tell(text);
            return Ok(());
        }
        self.print_bytes(text.as_bytes())
    }

    /// Writes bytes to standard output.
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failed> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        Ok(out.flush()?)
    }

    /// Writes the one object of `--json`.
    pub fn print_json<T: Serialize>(&self, object: &T) -> Result<(), Failed> {
        let text = serde_json::to_string_pretty(object).expect("BUG: a report is JSON");
        self.print_bytes(format!("{text}\n").as_bytes())
    }

    /// Writes what was removed (`word` says how) and what was kept.
    pub fn print_removed(&self, removed: &Removed, word: &str) -> Result<(), Failed> {
        if self.json {
            return self.print_json(removed);
        }
        let style = &self.out.style;
        let lines = |lines: &[String], tone, word: &str| -> String {
            lines.iter().map(|line| format!("{}  {line}\n", style.paint(tone, word))).collect()
        };
        let word = if removed.dry_run { format!("would be {word}") } else { word.to_owned() };
        let gone = lines(&removed.removed, Tone::Good, &word);
        let text = gone + &lines(&removed.kept, Tone::Warn, "kept");
        self.print(if text.is_empty() { "nothing to do\n" } else { &text })
    }

    /// Writes to standard error; nobody can be told when that fails.
    pub fn tell(&self, text: &str) {
        drop(std::io::stderr().lock().write_all(text.as_bytes()));
    }

    /// What a build's console needs. It writes to standard error where standard output is for a program.
    pub fn console(&self, stdout_is_taken: bool) -> (Style, Options) {
        let to_err = self.json || stdout_is_taken;
        let stream = if to_err { self.err } else { self.out };
        let size = move || if to_err { size_of(std::io::stderr()) } else { size_of(std::io::stdout()) };
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        let clock = || u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX);
        let options = Options {
            verbosity: self.verbosity,
            live: stream.is_live,
            ci_groups: is_set("GITHUB_ACTIONS") && !stream.is_live,
            size: Box::new(move || size().unwrap_or(SIZE_DEFAULT)),
            clock: Box::new(clock),
            out: if to_err { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) },
        };
        (stream.style, options)
    }
}

fn stream(is_terminal: bool, size: Option<(usize, usize)>, when: When) -> Stream {
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    let color = match when {
        When::Always => true,
        When::Never => false,
        When::Auto if is_set("NO_COLOR") => false,
        When::Auto if std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") => true,
        When::Auto => is_terminal && !dumb,
    };
    let width = if is_terminal { size.unwrap_or(SIZE_DEFAULT).0 } else { Style::UNBOUNDED };
    Stream { style: Style { color, unicode: is_unicode(), width }, is_live: is_terminal && !dumb }
}

/// Whether the locale can show more than ASCII; where none is named, every terminal of today can.
fn is_unicode() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    set.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty())
}

fn size_of(stream: impl std::os::fd::AsFd) -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    (size.ws_col > 0).then_some((usize::from(size.ws_col), usize::from(size.ws_row.max(1))))
}
