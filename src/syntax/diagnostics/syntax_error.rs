//! `syntax-error`: the file is not valid KDL or JSON.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// The file is not valid KDL or JSON.
pub static CODE: Code = Code {
    id: "syntax-error",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "The file is not valid KDL or JSON.",
    explanation: "The text cannot be read up to this place. In KDL, texts are quoted, a node ends with its line or `;`, and children
stand in braces. JSON is read strictly: no comments, no trailing commas, double quotes. In KDL only the top-level node
around the mistake is left out, so other mistakes of the file are reported with it.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "a task", files: &[("Pipelinefile.kdl", "task \"t\" { run \"true\" }\n")], expect: &[] },
    Case {
        name: "never closed",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"true\"\n")],
        expect: &["syntax-error"],
    },
    Case {
        name: "closes nothing",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"true\" }\n}\ntask \"u\" { run \"x\" }\n")],
        expect: &["syntax-error"],
    },
    Case {
        name: "open quote",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run \"true\n}\n")],
        expect: &["syntax-error"],
    },
    Case {
        name: "two at once",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"true }\n}\ntask \"u\" { run \"a\"\"b\" }\n")],
        expect: &["syntax-error", "syntax-error"],
    },
    Case {
        name: "equals for a space",
        files: &[("Pipelinefile.kdl", "let { python=\"3.12\" }\n")],
        expect: &["syntax-error"],
    },
    Case {
        name: "json with a comment",
        files: &[(
            "workstreams/a.json",
            "// hello\n{\"id\": \"ws-a\", \"openspec_change\": \"c\", \"ccpm_issue\": 1, \"gate\": 1, \"files_scope\": [\"a.py\"], \"tasks\": [\"do\"], \"tool\": \"edit\"}",
        )],
        expect: &["syntax-error"],
    },
    Case {
        name: "json with a trailing comma",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit",}"#,
        )],
        expect: &["syntax-error"],
    },
    Case { name: "empty json", files: &[("workstreams/a.json", "")], expect: &["syntax-error"] },
    Case {
        name: "two values",
        files: &[(
            "workstreams/a.json",
            r#"{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}{"id": "ws-a", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a.py"], "tasks": ["do"], "tool": "edit"}"#,
        )],
        expect: &["syntax-error"],
    },
];
