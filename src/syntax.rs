//! Text to definitions with spans. Reading never fails: a value and diagnostics come back.
//!
//! The only user of `kdl` and of JSON parsers for definitions; their types do not leave this room.
//! Knows neither other files nor whether a name exists.

pub mod definition;
pub mod diagnostics;

mod json;
mod kdl;
mod nearest;
mod workstream_id;

use self::definition::Definitions;
use crate::base::diagnostic::Diagnostic;
use crate::base::span::{FileId, Span};

/// Larger files are refused unread; spans count bytes in 32 bits.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// More diagnostics of one file are left out, and it is said.
pub const DIAGNOSTICS_MAX: usize = 200;

/// What a file is read as; its place decides, not its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// `Pipelinefile.kdl`.
    Pipelinefile,
    /// `rules/*.kdl`.
    Rules,
    /// `workstreams/*.kdl`.
    Workstreams,
    /// `workstreams/*.json`: bundles.
    Bundle,
    /// JSON by `include`: tasks.
    TaskFile,
    /// KDL by `include`.
    Include,
}

/// What a text defines and what is wrong with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parsed {
    /// All that could be read.
    pub definitions: Definitions,
    /// What could not, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a file's text; never fails and goes on after errors.
pub fn parse(kind: FileKind, file: FileId, text: &str) -> Parsed {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("this file is larger than {} MiB", FILE_BYTES_MAX / 1024 / 1024);
        let diagnostic = Diagnostic::new(&diagnostics::limit_reached::CODE, Span::new(file, 0, 1), message)
            .help("Split it into several files");
        return Parsed { diagnostics: vec![diagnostic], ..Parsed::default() };
    }
    let mut parsed = match kind {
        FileKind::Pipelinefile | FileKind::Rules | FileKind::Workstreams | FileKind::Include => {
            kdl::parse(kind, file, text)
        }
        FileKind::Bundle => json::parse_bundles(file, text),
        FileKind::TaskFile => json::parse_task_file(file, text),
    };
    parsed.diagnostics.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span.start));
    let found = parsed.diagnostics.len();
    if found > DIAGNOSTICS_MAX {
        let place =
            parsed.diagnostics[DIAGNOSTICS_MAX].labels.first().map_or(Span::new(file, 0, 0), |label| label.span);
        parsed.diagnostics.truncate(DIAGNOSTICS_MAX);
        let message = format!("{} more problems are not shown", found - DIAGNOSTICS_MAX);
        let diagnostic = Diagnostic::new(&diagnostics::limit_reached::CODE, place, message)
            .help("Mend the ones above first and check again");
        parsed.diagnostics.push(diagnostic);
    }
    parsed
}
