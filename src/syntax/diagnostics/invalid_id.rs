//! `invalid-id`: a workstream's id is misspelled.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A workstream's id is misspelled.
pub static CODE: Code = Code {
    id: "invalid-id",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A workstream's id is misspelled.",
    explanation: "Ids match `^ws-[a-z0-9-]+$`: they name branches, folders and targets.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "right",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &[],
    },
    Case {
        name: "capitals",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "WS_A", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["invalid-id"],
    },
    Case {
        name: "in KDL",
        files: &[("Pipelinefile.kdl", "workstream \"a\" { files-scope \"x\" }\n")],
        expect: &["invalid-id"],
    },
];
