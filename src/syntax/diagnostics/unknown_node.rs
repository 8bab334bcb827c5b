//! `unknown-node`: a file's top holds a node that is not known.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A file's top holds a node that is not known.
pub static CODE: Code = Code {
    id: "unknown-node",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A file's top holds a node that is not known.",
    explanation: "At a file's top stand `task`, `workstream`, `rule`, `tool`, settings and the like; docs/language.md lists them all.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "known", files: &[("Pipelinefile.kdl", "pools { ai 2 }\n")], expect: &[] },
    Case { name: "a slip", files: &[("Pipelinefile.kdl", "taks \"t\" { run \"x\" }\n")], expect: &["unknown-node"] },
    Case {
        name: "two",
        files: &[("Pipelinefile.kdl", "zebra \"t\"\nwork-stream \"ws-a\" { files-scope \"a\" }\n")],
        expect: &["unknown-node", "unknown-node"],
    },
];
