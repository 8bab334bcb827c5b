//! `misplaced-file`: a bundle stands where task files are read, or the reverse.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A bundle stands where task files are read, or the reverse.
pub static CODE: Code = Code {
    id: "misplaced-file",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A bundle stands where task files are read, or the reverse.",
    explanation: "Bundles are read from workstreams/, task files from `include`. The place decides what a JSON file is.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "a bundle",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &[],
    },
    Case { name: "a task file", files: &[("gen/a.json", r#"{"tasks": [{"name": "t", "run": ["x"]}]}"#)], expect: &[] },
    Case {
        name: "a task file in workstreams/",
        files: &[("workstreams/a.json", r#"{"tasks": [{"name": "t", "run": ["x"]}]}"#)],
        expect: &["misplaced-file"],
    },
    Case {
        name: "a bundle by include",
        files: &[(
            "gen/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["misplaced-file"],
    },
    Case {
        name: "bundles by include",
        files: &[(
            "gen/a.json",
            r#"[{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}]"#,
        )],
        expect: &["misplaced-file"],
    },
];
