//! `top-level-shape`: A JSON file's top is neither an object nor an array of objects.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A JSON file's top is neither an object nor an array of objects.
pub static CODE: Code = Code {
    id: "top-level-shape",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A JSON file's top is neither an object nor an array of objects.",
    explanation: "A bundle file is one object or an array of objects; a task file is one object with `tasks`.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "an array",
        files: &[(
            "workstreams/a.json",
            r#"[{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}]"#,
        )],
        expect: &[],
    },
    Case { name: "a string", files: &[("workstreams/a.json", r#""ws-a""#)], expect: &["top-level-shape"] },
    Case {
        name: "mixed",
        files: &[(
            "workstreams/a.json",
            r#"[{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}, 1, null]"#,
        )],
        expect: &["top-level-shape", "top-level-shape"],
    },
    Case { name: "task file", files: &[("gen/a.json", "[]")], expect: &["top-level-shape"] },
];
