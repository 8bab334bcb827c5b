//! `unexpected-value`: a node holds a value or a block that it cannot take.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A node holds a value or a block that it cannot take.
pub static CODE: Code = Code {
    id: "unexpected-value",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A node holds a value or a block that it cannot take.",
    explanation: r##"A field with one value takes one; a list item is `- "…"`; KDL's type annotations `(x)` mean nothing here."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "one",
        files: &[("Pipelinefile.kdl", "task \"t\" { about \"two words\"; run \"x\" }\n")],
        expect: &[],
    },
    Case {
        name: "two",
        files: &[("Pipelinefile.kdl", "task \"t\" { about \"two\" \"words\"; run \"x\" }\n")],
        expect: &["unexpected-value"],
    },
    Case {
        name: "shell in pieces",
        files: &[("Pipelinefile.kdl", "task \"t\" { shell echo hello }\n")],
        expect: &["unexpected-value"],
    },
    Case {
        name: "a block",
        files: &[("Pipelinefile.kdl", "gates \"ordered\" { a \"b\"; c \"d\" }\n")],
        expect: &["unexpected-value"],
    },
    Case {
        name: "an annotation",
        files: &[("Pipelinefile.kdl", "pools { ai (u8)2 }\n")],
        expect: &["unexpected-value"],
    },
    Case {
        name: "no item",
        files: &[("Pipelinefile.kdl", "workstream \"ws-a\" { files-scope \"a\"; tasks { - \"x\"; y \"z\" } }\n")],
        expect: &["unexpected-value"],
    },
];
