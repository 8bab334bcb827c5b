//! `missing-field`: a required field is missing.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A required field is missing.
pub static CODE: Code = Code {
    id: "missing-field",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A required field is missing.",
    explanation: "A bundle has `id`, `openspec_change`, `ccpm_issue`, `gate`, `files_scope`, `tasks` and `tool`. A workstream in KDL asks
only for `files-scope`.",
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
    Case {
        name: "no gate and tool",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "files_scope": ["a"], "tasks": []}"#,
        )],
        expect: &["missing-field"],
    },
    Case { name: "nothing", files: &[("workstreams/a.json", "[{}]")], expect: &["missing-field"] },
    Case {
        name: "workstream",
        files: &[("Pipelinefile.kdl", "workstream \"ws-a\" { title \"x\" }\n")],
        expect: &["missing-field"],
    },
    Case { name: "no braces", files: &[("Pipelinefile.kdl", "task \"t\"\n")], expect: &["missing-field"] },
    Case { name: "task file", files: &[("gen/a.json", r#"{"tasks": [{"run": ["x"]}]}"#)], expect: &["missing-field"] },
];
