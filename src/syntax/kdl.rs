//! KDL files: scanned for traps and cut into nodes, parsed node by node (by the `kdl` crate where one is
//! not plain), lowered to definitions.
//!
//! The only user of `kdl`. Knows neither other files nor whether a name exists.

mod checks;
mod letters;
mod node;
mod plain;
mod problem;
mod project;
mod quoted;
mod reader;
mod scan;
mod table;
mod traps;
mod work;

use rayon::prelude::*;

use self::node::Node;
use self::problem::{Chunk, Scan};
use self::reader::Reader;
use super::definition::Definitions;
use super::{FileKind, Parsed};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::FileId;

pub(super) use self::work::empty_workstream;

/// From so many top-level nodes on they are read by several threads.
const PARALLEL_CHUNKS_MIN: usize = 256;

/// Reads a KDL file.
pub(super) fn parse(kind: FileKind, file: FileId, text: &str) -> Parsed {
    let scan = scan::scan(text);
    let blanked = blank_comments(text, &scan);
    let mut reader = Reader { file, text, diagnostics: Vec::new() };
    let mut nodes = Vec::with_capacity(scan.chunks.len());
    for (chunk, read) in scan.chunks.iter().zip(read(&scan.chunks, text, &blanked, file)) {
        let problems = chunk.problems.iter().map(|problem| traps::of_problem(*problem, text, file));
        reader.diagnostics.extend(problems);
        match read {
            Ok(parsed) => nodes.extend(parsed),
            Err(diagnostics) => reader.diagnostics.extend(diagnostics),
        }
    }
    let mut definitions = Definitions::default();
    reader.top(kind, &nodes, &mut definitions);
    Parsed { definitions, diagnostics: reader.diagnostics }
}

/// Reads each chunk by itself, with several threads where there are many; one that holds something fatal has no nodes.
fn read(chunks: &[Chunk], text: &str, blanked: &str, file: FileId) -> Vec<Result<Vec<Node>, Vec<Diagnostic>>> {
    let one = |chunk: &Chunk| {
        if chunk.problems.iter().any(|problem| problem.is_fatal()) {
            return Ok(Vec::new());
        }
        if let Some(nodes) = plain::nodes(blanked, chunk.start, chunk.end, file) {
            return Ok(nodes);
        }
        node::parse(blanked, chunk.start, chunk.end, file)
            .map_err(|error| traps::of_error(&error, text, chunk.start, chunk.end, file))
    };
    if chunks.len() < PARALLEL_CHUNKS_MIN {
        return chunks.iter().map(one).collect();
    }
    chunks.par_iter().with_min_len(PARALLEL_CHUNKS_MIN / 8).map(one).collect()
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
