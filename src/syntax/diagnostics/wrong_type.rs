//! `wrong-type`: a value is of the wrong kind.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A value is of the wrong kind.
pub static CODE: Code = Code {
    id: "wrong-type",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A value is of the wrong kind.",
    explanation: r##"A number is not a text and a text is no number: `gate 1`, not `gate "1"`. JSON says `"gate": 1`. Whole numbers are
written without point or exponent."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "right", files: &[("Pipelinefile.kdl", "pools { ai 2 }\n")], expect: &[] },
    Case { name: "quoted number", files: &[("Pipelinefile.kdl", "pools { ai \"2\" }\n")], expect: &["wrong-type"] },
    Case {
        name: "null",
        files: &[("Pipelinefile.kdl", "task \"t\" { about #null; run \"x\" }\n")],
        expect: &["wrong-type"],
    },
    Case { name: "fraction", files: &[("Pipelinefile.kdl", "pools { ai 2.5 }\n")], expect: &["wrong-type"] },
    Case {
        name: "gate",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": "1", "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["wrong-type"],
    },
    Case {
        name: "a float gate",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1.0, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["wrong-type"],
    },
    Case {
        name: "scope as string",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": "a.py", "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["wrong-type"],
    },
    Case {
        name: "metadata",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "metadata": [], "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["wrong-type"],
    },
    Case {
        name: "issue",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": null, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["wrong-type"],
    },
    Case {
        name: "run as string",
        files: &[("gen/a.json", r#"{"tasks": [{"name": "t", "run": "x"}]}"#)],
        expect: &["wrong-type"],
    },
];
