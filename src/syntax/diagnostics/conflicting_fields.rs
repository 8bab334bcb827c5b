//! `conflicting-fields`: two fields exclude each other.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// Two fields exclude each other.
pub static CODE: Code = Code {
    id: "conflicting-fields",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "Two fields exclude each other.",
    explanation: "A step has `run` (arguments of a program) or `shell` (a text for a shell), not both.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "run", files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\" }\n")], expect: &[] },
    Case {
        name: "both",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; shell \"y\" }\n")],
        expect: &["conflicting-fields"],
    },
    Case {
        name: "json",
        files: &[("gen/a.json", r#"{"tasks": [{"name": "t", "run": ["x"], "shell": "y"}]}"#)],
        expect: &["conflicting-fields"],
    },
];
