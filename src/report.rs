//! Events, plans and diagnostics in, text out; one file a format.
//!
//! Decides nothing and opens nothing: every renderer gets its data, a [`Style`] and (where it streams) a writer.
//! The only user of miette.

pub mod text;

pub mod diagnostics;

pub mod console;
pub mod event_lines;
pub mod summary;

pub mod explain;
pub mod findings;
pub mod linting;
pub mod graph;
pub mod history;
pub mod plan;

pub mod schema;

use anstyle::{AnsiColor, Style as Ansi};

/// How text is drawn; found out once by `cli`, made up by tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// ANSI colours may be written.
    pub color: bool,
    /// Characters beyond ASCII may be drawn.
    pub unicode: bool,
    /// Columns that a line may take; [`Style::UNBOUNDED`] where nothing is cut.
    pub width: usize,
}

/// What a piece of text is, so that one place decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Worth a look.
    Warn,
    /// It goes on right now.
    Busy,
    /// There for those who look for it.
    Dim,
    /// A heading or a name.
    Strong,
    /// A command to type.
    Command,
}

impl Style {
    /// The width of text that is not cut.
    pub const UNBOUNDED: usize = usize::MAX;

    /// What a pipe gets: no colours, nothing cut.
    pub const PLAIN: Self = Self { color: false, unicode: true, width: Self::UNBOUNDED };

    /// A piece of text in its tone.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let ansi = match tone {
            _ if !self.color || text.is_empty() => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Busy => AnsiColor::Cyan.on_default(),
            Tone::Dim => Ansi::new().dimmed(),
            Tone::Strong => Ansi::new().bold(),
            Tone::Command => AnsiColor::Cyan.on_default().bold(),
        };
        format!("{ansi}{text}{ansi:#}")
    }

    /// The mark between the parts of a line.
    pub fn dot(&self) -> &'static str {
        if self.unicode { "·" } else { "-" }
    }

    /// The mark of text that was cut.
    pub fn ellipsis(&self) -> &'static str {
        if self.unicode { "…" } else { "..." }
    }
}

/// The tone of a status or verdict word.
pub fn tone_of(word: &str) -> Tone {
    match word {
        "done" | "completed" | "landed" | "green" => Tone::Good,
        "failed" | "error" | "red" => Tone::Bad,
        "blocked" | "waiting" | "interrupted" | "stale" | "partial" | "warning" | "abandoned" | "outdated" => {
            Tone::Warn
        }
        "unsettled" => Tone::Busy,
        "fresh" | "skipped" | "pending" | "note" | "never" => Tone::Dim,
        "" => Tone::Plain,
        _ => Tone::Busy,
    }
}

/// `1 step`, `12 steps`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
