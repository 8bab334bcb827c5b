//! `comment-in-argv`: what looks like an argument is a comment.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// What looks like an argument is a comment.
pub static CODE: Code = Code {
    id: "comment-in-argv",
    severity: Severity::Warning,
    class: Class::Schema,
    summary: "What looks like an argument is a comment.",
    explanation: r##"`//` begins a comment wherever it stands outside of quotes. `run "x" //server/share` runs `x` without arguments."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "a comment",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run \"x\" // says why\n}\n")],
        expect: &[],
    },
    Case {
        name: "an argument",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run \"x\" //server/share\n}\n")],
        expect: &["comment-in-argv"],
    },
];
