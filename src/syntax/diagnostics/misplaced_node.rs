//! `misplaced-node`: a node is known, but not in this file.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A node is known, but not in this file.
pub static CODE: Code = Code {
    id: "misplaced-node",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A node is known, but not in this file.",
    explanation: "Files in rules/ hold `rule`, `tool` and `route`; files in workstreams/ hold `workstream` and `allow-overlap`; settings of the
whole project stand in the Pipelinefile.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "a rule", files: &[("rules/x.kdl", "rule \"r\" { files \"*\"; run \"x\" }\n")], expect: &[] },
    Case {
        name: "a task among rules",
        files: &[("rules/x.kdl", "task \"t\" { run \"x\" }\n")],
        expect: &["misplaced-node"],
    },
    Case {
        name: "a task among workstreams",
        files: &[("workstreams/x.kdl", "task \"t\" { run \"x\" }\n")],
        expect: &["misplaced-node"],
    },
    Case {
        name: "a default by include",
        files: &[("gen/x.kdl", "default \"t\"\ntask \"t\" { run \"x\" }\n")],
        expect: &["misplaced-node"],
    },
];
