//! `bare-braces`: `{name}` without quotes is a block of children.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// `{name}` without quotes is a block of children.
pub static CODE: Code = Code {
    id: "bare-braces",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "`{name}` without quotes is a block of children.",
    explanation: r##"In KDL braces hold children. A variable that is to be filled in stands inside a quoted text: `"{out}"`."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "quoted", files: &[("Pipelinefile.kdl", "setup \"s\" { run \"venv\" \"{out}\" }\n")], expect: &[] },
    Case {
        name: "at the end",
        files: &[("Pipelinefile.kdl", "setup \"s\" { run \"venv\" {out} }\n")],
        expect: &["bare-braces"],
    },
    Case {
        name: "in the middle",
        files: &[("Pipelinefile.kdl", "setup \"s\" {\n  run \"venv\" {out} \"--x\"\n}\n")],
        expect: &["bare-braces"],
    },
    Case { name: "in a list", files: &[("Pipelinefile.kdl", "setup \"s\" { bin {out} }\n")], expect: &["bare-braces"] },
];
