//! `bad-escape`: a backslash begins no known escape.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A backslash begins no known escape.
pub static CODE: Code = Code {
    id: "bad-escape",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A backslash begins no known escape.",
    explanation: r##"In quoted texts `\` begins an escape: `\n \t \r \b \f \s \" \\ \u{1F600}`. Patterns and Windows paths read better raw:
`#"\d+"#`."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "raw",
        files: &[("Pipelinefile.kdl", "rule \"r\" { run \"x\"; parse \"regex\" { pattern #\"\\d+\"# } }\n")],
        expect: &[],
    },
    Case {
        name: "a pattern",
        files: &[("Pipelinefile.kdl", "rule \"r\" { run \"x\"; parse \"regex\" { pattern \"\\d+\" } }\n")],
        expect: &["bad-escape"],
    },
    Case {
        name: "not a character",
        files: &[("Pipelinefile.kdl", "let { a \"\\u{110000}\" }\n")],
        expect: &["bad-escape"],
    },
];
