//! Fields that take one of a few words, and durations.
//!
//! Knows no node: a text and a table come in.

use crate::analysis::breaker::parse_cost_micros;
use crate::analysis::diagnostics::{bad_duration, bad_size, unknown_word};
use crate::analysis::names::{list, nearest};
use crate::base::diagnostic::Diagnostic;
use crate::base::duration::parse_duration_ms;
use crate::base::size::parse_bytes;
use crate::syntax::definition::Text;

/// Minutes that an agent's edit may take where nothing is said.
const AI_TIMEOUT_MINUTES: u64 = 30;
/// Minutes that any other step may take where nothing is said.
const TIMEOUT_MINUTES: u64 = 10;

/// Wall times of steps that say none.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Of agents.
    pub ai_ms: u64,
    /// Of everything else.
    pub other_ms: u64,
}

impl Timeouts {
    /// `defaults { timeout }`, else the built-in ones.
    pub fn new(default: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let said = duration_ms(default, diagnostics);
        Self { ai_ms: said.unwrap_or(AI_TIMEOUT_MINUTES * 60_000), other_ms: said.unwrap_or(TIMEOUT_MINUTES * 60_000) }
    }

    /// A step's own wall time, else the default one.
    pub fn step_ms(&self, own: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
        Some(duration_ms(own, diagnostics).unwrap_or(self.other_ms))
    }
}

/// A duration in milliseconds, if one is written and can be read.
pub fn duration_ms(text: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let text = text?;
    let read =
        parse_duration_ms(&text.value).and_then(|ms| if ms == 0 { Err("is no time at all".into()) } else { Ok(ms) });
    match read {
        Ok(ms) => Some(ms),
        Err(reason) => {
            let diagnostic = Diagnostic::new(&bad_duration::CODE, text.span, format!("`{}`: {reason}", text.value));
            diagnostics.push(diagnostic.help("write a number with its unit, such as \"90s\" or \"10m\""));
            None
        }
    }
}

/// A cost in millionths, if one is written and can be read.
pub fn cost_micros(text: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let text = text?;
    match parse_cost_micros(&text.value) {
        Ok(micros) => Some(micros),
        Err(reason) => {
            let diagnostic = Diagnostic::new(&unknown_word::CODE, text.span, format!("`{}` {reason}", text.value));
            diagnostics.push(diagnostic.help("write a number in quotes, such as \"2.50\""));
            None
        }
    }
}

/// An amount of memory in bytes, if one is written and can be read.
pub fn bytes(text: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Option<u64> {
    let text = text?;
    match parse_bytes(&text.value) {
        Ok(bytes) => Some(bytes),
        Err(reason) => {
            let diagnostic = Diagnostic::new(&bad_size::CODE, text.span, reason);
            diagnostics.push(diagnostic.help("write a number with its unit, such as \"512MiB\" or \"4GiB\""));
            None
        }
    }
}

/// The value of a word; an unknown one is reported and counts as unsaid.
pub fn word<T: Copy>(text: Option<&Text>, known: &[(&str, T)], diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    let text = text?;
    if let Some((_, value)) = known.iter().find(|(word, _)| *word == text.value) {
        return Some(*value);
    }
    let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
    let help = match nearest(&text.value, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`? Known here: {}", list(&words)),
        None => format!("known here: {}", list(&words)),
    };
    let message = format!("`{}` is not known here", text.value);
    diagnostics.push(Diagnostic::new(&unknown_word::CODE, text.span, message).help(help));
    None
}
