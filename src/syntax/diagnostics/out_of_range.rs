//! `out-of-range`: a number is too small or too large.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A number is too small or too large.
pub static CODE: Code = Code {
    id: "out-of-range",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A number is too small or too large.",
    explanation: "Gates, attempts and places of a pool count from 1; other limits from 0. Numbers that do not fit are errors; nothing
wraps around.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "right", files: &[("Pipelinefile.kdl", "pools { ai 1 }\n")], expect: &[] },
    Case { name: "zero", files: &[("Pipelinefile.kdl", "pools { ai 0 }\n")], expect: &["out-of-range"] },
    Case {
        name: "huge",
        files: &[("Pipelinefile.kdl", "defaults { breaker { max-attempts 99999999999999999999 } }\n")],
        expect: &["out-of-range"],
    },
    Case {
        name: "gate",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 0, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["out-of-range"],
    },
    Case {
        name: "negative",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": -1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["out-of-range"],
    },
    Case {
        name: "no wrap",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 4294967297, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["out-of-range"],
    },
    Case {
        name: "issue",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 99999999999999999999, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["out-of-range"],
    },
    Case {
        name: "breaker",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "circuit_breaker": {"max_attempts": 0, "max_error_repeats": -1}, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["out-of-range", "out-of-range"],
    },
];
