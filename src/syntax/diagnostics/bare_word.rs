//! `bare-word`: a word has to be in quotes.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A word has to be in quotes.
pub static CODE: Code = Code {
    id: "bare-word",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A word has to be in quotes.",
    explanation: r##"KDL knows bare words, but they cannot hold `/ \ ( ) [ ] { } ; " # =`, and what begins with a digit must be a number.
`./x`, `src/a.rs`, `10m` and `true` are such traps. Quotes never hurt: `"src/a.rs"`, `"10m"`. The values true and false
are written `#true` and `#false`."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "bare words that are fine",
        files: &[("Pipelinefile.kdl", "task t { run cargo test --all -q }\n")],
        expect: &[],
    },
    Case { name: "a path", files: &[("Pipelinefile.kdl", "task \"t\" { run ./x }\n")], expect: &["bare-word"] },
    Case {
        name: "a folder",
        files: &[("Pipelinefile.kdl", "task \"t\" { dir crates/a; run \"x\" }\n")],
        expect: &["bare-word"],
    },
    Case { name: "a duration", files: &[("Pipelinefile.kdl", "defaults { timeout 10m }\n")], expect: &["bare-word"] },
    Case { name: "true", files: &[("Pipelinefile.kdl", "task \"t\" { in-place true }\n")], expect: &["bare-word"] },
    Case {
        name: "a glob that opens a comment",
        files: &[("Pipelinefile.kdl", "task \"t\" { inputs src/*.rs }\n")],
        expect: &["bare-word"],
    },
    Case {
        name: "a variable in a path",
        files: &[("Pipelinefile.kdl", "task \"t\" { run {out}/bin/x }\n")],
        expect: &["bare-braces"],
    },
];
