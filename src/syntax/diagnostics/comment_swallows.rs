//! `comment-swallows`: a comment begins inside a word and swallows the rest.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A comment begins inside a word and swallows the rest.
pub static CODE: Code = Code {
    id: "comment-swallows",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A comment begins inside a word and swallows the rest.",
    explanation:
        "`//` begins a comment up to the end of the line and `/* */` one in the middle of it, even inside a bare word:
`src/**/*.rs` is `src` and `*.rs`. Quote paths and patterns.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "quoted",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"cargo\" \"test\" \"src/**/*.rs\" }\n")],
        expect: &[],
    },
    Case {
        name: "a glob",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run cargo test src/**/*.rs\n}\n")],
        expect: &["comment-swallows"],
    },
    Case {
        name: "two slashes",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run curl http://x\n}\n")],
        expect: &["comment-swallows"],
    },
];
