//! `missing-value`: a node lacks its name or value.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A node lacks its name or value.
pub static CODE: Code = Code {
    id: "missing-value",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A node lacks its name or value.",
    explanation: r##"Most nodes take their name or value on their line: `task "test" { … }`, `timeout "10m"`."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "given", files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; timeout \"1m\" }\n")], expect: &[] },
    Case { name: "no name", files: &[("Pipelinefile.kdl", "task { run \"x\" }\n")], expect: &["missing-value"] },
    Case { name: "no argv", files: &[("Pipelinefile.kdl", "task \"t\" { run }\n")], expect: &["missing-value"] },
    Case { name: "one side", files: &[("Pipelinefile.kdl", "allow-overlap \"ws-a\"\n")], expect: &["missing-value"] },
    Case { name: "a route to nobody", files: &[("Pipelinefile.kdl", "route \"edit\"\n")], expect: &["missing-value"] },
];
