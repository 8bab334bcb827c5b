//! How a rule's output is read: the form, and what a finding is made of.
//!
//! Plain data; reading is `verify`'s work.

use std::collections::BTreeMap;

/// How a rule's output is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parser {
    /// The form of the output.
    pub form: Form,
    /// Where it is.
    pub stream: Stream,
    /// What a finding is made of: `path line …` to a dotted path of a document, or a text with `{group}`.
    pub fields: BTreeMap<String, String>,
    /// Lines are counted from this number.
    pub line_base: u32,
    /// Columns are counted from this number.
    pub column_base: u32,
    /// Columns are counted in bytes of UTF-8, not in characters.
    pub column_bytes: bool,
    /// Output that is blank is clean; else it is none at all.
    pub blank_is_clean: bool,
}

/// The form of a rule's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// The exit code alone; one finding with the output as its message.
    ExitCode,
    /// One JSON document.
    Json(Elements),
    /// One JSON document a line.
    JsonLines(Elements),
    /// The Static Analysis Results Interchange Format, 2.1.0.
    Sarif,
    /// Test reports as JUnit's; the pattern finds a place in the text of a failure.
    Junit {
        /// With groups `path` and `line`.
        pattern: Option<String>,
    },
    /// The Test Anything Protocol, 12 to 14.
    Tap,
    /// A pattern, with groups that `fields` name.
    Regex {
        /// The pattern; compiled by `analysis` once to check it.
        pattern: String,
        /// It is looked for in the whole text, not line by line.
        whole_text: bool,
        /// Lines that say nothing. Where it is given, a line that fits neither is a failure of the tool.
        ignore: Option<String>,
    },
    /// A path a line.
    Lines {
        /// Lines that say nothing.
        ignore: Option<String>,
    },
}

/// Which elements of a document are findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elements {
    /// `$[*]`, `$.results[*]`, `$.a.b[*].c[*]`, `$.files.*[*]`.
    pub each: String,
    /// Only those in which each path has one of the values.
    pub only: Vec<(String, Vec<String>)>,
    /// Where the program tells that it could not do its work: anything there is a failure.
    pub errors: Option<String>,
}

/// Where a parser reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The file that `{out}` names.
    Out,
}
