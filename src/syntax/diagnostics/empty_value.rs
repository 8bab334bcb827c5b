//! `empty-value`: a text or list says nothing.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A text or list says nothing.
pub static CODE: Code = Code {
    id: "empty-value",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A text or list says nothing.",
    explanation: "An empty path, name or command is always a mistake. A workstream changes something, so its scope names at least one file.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "an empty argument is fine",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\" \"\" }\n")],
        expect: &[],
    },
    Case {
        name: "an empty path",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; inputs \"\" }\n")],
        expect: &["empty-value"],
    },
    Case {
        name: "scope",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": [], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["empty-value"],
    },
    Case {
        name: "entry",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py", " "], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["empty-value"],
    },
    Case {
        name: "run",
        files: &[("gen/a.json", r#"{"tasks": [{"name": "t", "run": []}]}"#)],
        expect: &["empty-value"],
    },
];
