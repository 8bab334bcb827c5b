//! `duplicate-key`: a key stands twice in one JSON object.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A key stands twice in one JSON object.
pub static CODE: Code = Code {
    id: "duplicate-key",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A key stands twice in one JSON object.",
    explanation: "JSON leaves open which of two equal keys counts, and readers differ. Keep one.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "once",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &[],
    },
    Case {
        name: "twice",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "gate": 2, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["duplicate-key"],
    },
    Case {
        name: "deep",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "metadata": {"a": {"b": 1, "b": 2}}, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["duplicate-key"],
    },
];
