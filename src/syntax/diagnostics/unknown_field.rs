//! `unknown-field`: a field is not known where it stands.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A field is not known where it stands.
pub static CODE: Code = Code {
    id: "unknown-field",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A field is not known where it stands.",
    explanation: "Unknown fields are errors, so that a slip of the pen never passes silently. In KDL a field is spelled as in JSON with
`-` for `_`. What only people read belongs under `metadata`.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "known", files: &[("Pipelinefile.kdl", "task \"t\" { about \"x\"; run \"y\" }\n")], expect: &[] },
    Case {
        name: "a slip",
        files: &[("Pipelinefile.kdl", "task \"t\" { input \"a\"; run \"y\" }\n")],
        expect: &["unknown-field"],
    },
    Case {
        name: "another tool's word",
        files: &[("Pipelinefile.kdl", "task \"t\" { command \"y\" }\n")],
        expect: &["unknown-field"],
    },
    Case {
        name: "underscore",
        files: &[("Pipelinefile.kdl", "workstream \"ws-a\" { files_scope \"a\" }\n")],
        expect: &["missing-field", "unknown-field"],
    },
    Case {
        name: "json",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scop": ["x"], "zebra": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["unknown-field", "unknown-field"],
    },
    Case {
        name: "breaker",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "circuit_breaker": {"max-attempts": 5}, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["unknown-field"],
    },
    Case {
        name: "task file",
        files: &[("gen/a.json", r#"{"tasks": [{"name": "t", "run": ["x"], "cwd": "a"}]}"#)],
        expect: &["unknown-field"],
    },
];
