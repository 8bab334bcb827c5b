//! `reserved-word`: the word is kept for a later version: not yet.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// The word is kept for a later version: not yet.
pub static CODE: Code = Code {
    id: "reserved-word",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "The word is kept for a later version: not yet.",
    explanation: "`when os=…`, `env-file` and `version watch=…` are kept for later, so that files which use them will not change their meaning.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "without", files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\" }\n")], expect: &[] },
    Case {
        name: "when",
        files: &[("Pipelinefile.kdl", "task \"t\" { when os=\"linux\"; run \"x\" }\n")],
        expect: &["reserved-word"],
    },
    Case { name: "env-file", files: &[("Pipelinefile.kdl", "env-file \".env\"\n")], expect: &["reserved-word"] },
];
