//! Findings as lines that a pattern reads, or as a path a line.
//!
//! Where a rule says which lines mean nothing (`ignore`), a line that fits neither is a failure of the tool.

use regex::{Captures, Regex};

use crate::analysis::pipeline::parser::Parser;
use crate::verify::quoted;
use crate::verify::said::Said;

fn compiled(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("its pattern does not compile: {error}"))
}

/// Lines, or pieces of the whole text, that a pattern finds.
pub fn regex(
    parser: &Parser,
    pattern: &str,
    whole_text: bool,
    ignore: Option<&str>,
    text: &str,
) -> Result<Vec<Said>, String> {
    let pattern = compiled(pattern)?;
    let mut found = Vec::new();
    let mut rest = Vec::new();
    if whole_text {
        let mut end = 0;
        for captures in pattern.captures_iter(text) {
            let Some(whole) = captures.get(0) else { continue };
            rest.push(&text[end..whole.start()]);
            end = whole.end();
            found.push(said(parser, &captures));
        }
        rest.push(&text[end..]);
    } else {
        for line in text.lines() {
            match pattern.captures(line) {
                Some(captures) => found.push(said(parser, &captures)),
                None => rest.push(line),
            }
        }
    }
    if let Some(ignore) = ignore {
        nothing_else(ignore, rest.into_iter().flat_map(str::lines))?;
    }
    Ok(found)
}

/// A path a line.
pub fn lines(parser: &Parser, ignore: Option<&str>, text: &str) -> Result<Vec<Said>, String> {
    let ignore = ignore.map(compiled).transpose()?;
    let says = |line: &&str| !line.trim().is_empty() && ignore.as_ref().is_none_or(|ignore| !ignore.is_match(line));
    let said =
        |line: &str| Said { path: Some(line.trim().to_owned()), ..Said::of(parser, |text| Some(text.to_owned())) };
    Ok(text.lines().filter(says).map(said).collect())
}

fn nothing_else<'t>(ignore: &str, lines: impl Iterator<Item = &'t str>) -> Result<(), String> {
    let ignore = compiled(ignore)?;
    let mut others = lines.filter(|line| !line.trim().is_empty() && !ignore.is_match(line));
    match others.next() {
        Some(line) => Err(format!("a line of its output could not be read: {}", quoted(line))),
        None => Ok(()),
    }
}

fn said(parser: &Parser, captures: &Captures<'_>) -> Said {
    Said::of(parser, |field| filled(captures, field))
}

/// A text with `{group}` for what a group found; `None` where none of its groups found anything.
fn filled(captures: &Captures<'_>, field: &str) -> Option<String> {
    let (mut text, mut rest, mut any) = (String::new(), field, !field.contains('{'));
    while let Some((before, tail)) = rest.split_once('{') {
        let (group, after) = tail.split_once('}')?;
        text.push_str(before);
        if let Some(found) = captures.name(group) {
            text.push_str(found.as_str());
            any = true;
        }
        rest = after;
    }
    text.push_str(rest);
    any.then_some(text)
}
