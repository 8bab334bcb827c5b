//! Checks that need no program: they look at names and bytes of files.
//!
//! Know no tree and no folder: what is to be looked at comes in.

mod conflict_markers;
mod json;
mod paths;
mod whitespace;
mod yaml;

use std::borrow::Cow;
use std::collections::HashMap;

use crate::analysis::pipeline::{Check, Rule};
use crate::base::finding::Finding;
use crate::verify::kept;

/// Bytes of a file's beginning in which a NUL says that it is no text, as git has it.
const BINARY_LOOK_BYTES: usize = 8_000;

/// A file to look at.
#[derive(Debug, Clone)]
pub struct File {
    /// Relative to the root.
    pub path: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl File {
    fn is_text(&self) -> bool {
        !self.bytes[..self.bytes.len().min(BINARY_LOOK_BYTES)].contains(&0)
    }

    /// Its lines without their ends, from 1; what stands behind the last end is a line if it is something.
    fn lines(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut lines: Vec<&[u8]> = self.bytes.split(|&byte| byte == b'\n').collect();
        if lines.last().is_some_and(|last| last.is_empty()) {
            lines.pop();
        }
        (1..).zip(lines)
    }
}

/// What a check says, before it has the rule's name and category.
struct Fault {
    code: &'static str,
    path: String,
    line: Option<u32>,
    /// From 1, in characters; the end is behind the last one, and not told where both are one place.
    columns: Option<(u32, u32)>,
    message: String,
    fixable: bool,
}

/// Looks at files; `others` are all paths of the tree, for what two names do to each other.
pub fn look(rule: &Rule, check: Check, files: &[File], others: &[String]) -> Vec<Finding> {
    let texts = || files.iter().filter(|file| file.is_text());
    let faults: Vec<Fault> = match check {
        Check::Paths => paths::look(files, others),
        Check::ConflictMarkers => texts().flat_map(conflict_markers::look).collect(),
        Check::Whitespace => texts().flat_map(whitespace::look).collect(),
        Check::Json => files.iter().filter_map(json::look).collect(),
        Check::Yaml => files.iter().flat_map(yaml::look).collect(),
    };
    let finding = |fault: Fault| Finding {
        tool: rule.name.to_string(),
        code: Some(fault.code.to_owned()),
        category: rule.category.clone(),
        severity: rule.severity,
        path: Some(fault.path),
        line: fault.line,
        column: fault.columns.map(|(from, _)| from),
        end_line: fault.columns.filter(|(from, to)| from != to).and(fault.line),
        end_column: fault.columns.filter(|(from, to)| from != to).map(|(_, to)| to),
        message: fault.message,
        fixable: fault.fixable,
        ..Finding::default()
    };
    let bytes: HashMap<&str, &[u8]> = files.iter().map(|file| (file.path.as_str(), file.bytes.as_slice())).collect();
    let text = |path: &str| bytes.get(path).map(|bytes| bytes.to_vec());
    kept(rule, faults.into_iter().map(finding).collect(), &text).expect("BUG: a check with kinds without end")
}

/// A place at which a file cannot be read on: line and column from 1, in characters.
fn syntax(file: &File, (line, column): (usize, usize), message: String) -> Fault {
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let column = number(column);
    Fault {
        code: "syntax",
        path: file.path.clone(),
        line: Some(number(line)),
        columns: Some((column, column)),
        message,
        fixable: false,
    }
}

/// What bytes say, in UTF-8, or in UTF-16 with a mark that says so; or the line and column where they say nothing.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, (usize, usize)> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks(2).map(|two| two.try_into().map_or(0xDC00, unit));
        char::decode_utf16(units).collect::<Result<String, _>>().map_err(|_| (1, 1)).map(Cow::Owned)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, (usize, usize)> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let begun = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        (line, characters(&before[begun..]) as usize + 1)
    })
}

/// Characters of bytes, for columns.
fn characters(bytes: &[u8]) -> u32 {
    String::from_utf8_lossy(bytes).chars().count() as u32
}
