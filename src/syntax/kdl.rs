//! KDL files: scanned for traps and cut into nodes, parsed by the `kdl` crate node by node, lowered to definitions.
//!
//! The only user of `kdl`. Knows neither other files nor whether a name exists.

mod checks;
mod letters;
mod node;
mod problem;
mod project;
mod quoted;
mod reader;
mod scan;
mod table;
mod traps;
mod work;

use self::problem::Scan;
use self::reader::Reader;
use super::definition::Definitions;
use super::{FileKind, Parsed};
use crate::base::span::FileId;

pub(super) use self::work::empty_workstream;

/// Reads a KDL file.
pub(super) fn parse(kind: FileKind, file: FileId, text: &str) -> Parsed {
    let scan = scan::scan(text);
    let blanked = blank_comments(text, &scan);
    let mut reader = Reader { file, text, diagnostics: Vec::new() };
    let mut nodes = Vec::new();
    for chunk in &scan.chunks {
        let problems = chunk.problems.iter().map(|problem| traps::of_problem(*problem, text, file));
        reader.diagnostics.extend(problems);
        if chunk.problems.iter().any(|problem| problem.is_fatal()) {
            continue;
        }
        match node::parse(&blanked, chunk.start, chunk.end, file) {
            Ok(parsed) => nodes.extend(parsed),
            Err(error) => {
                reader.diagnostics.extend(traps::of_error(&error, text, chunk.start, chunk.end, file));
            }
        }
    }
    let mut definitions = Definitions::default();
    reader.top(kind, &nodes, &mut definitions);
    Parsed { definitions, diagnostics: reader.diagnostics }
}

/// The text with spaces for comments, byte for byte: the parser descends a level a letter in some comments.
fn blank_comments(text: &str, scan: &Scan) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in &scan.comments {
        blanked.push_str(text.get(at..*start).unwrap_or(""));
        blanked.extend(std::iter::repeat_n(' ', end - start));
        at = *end;
    }
    blanked.push_str(text.get(at..).unwrap_or(""));
    blanked
}

#[cfg(test)]
mod tests;
