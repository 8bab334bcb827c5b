//! `duplicate-field`: a field that stands once is given again.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A field that stands once is given again.
pub static CODE: Code = Code {
    id: "duplicate-field",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A field that stands once is given again.",
    explanation: "Lists may be given in several nodes; a field with one value may not, since nobody could say which one counts.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "a list in two nodes",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; inputs \"a\"; inputs \"b\" }\n")],
        expect: &[],
    },
    Case {
        name: "twice",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; about \"a\"; about \"b\" }\n")],
        expect: &["duplicate-field"],
    },
    Case {
        name: "a variable",
        files: &[("Pipelinefile.kdl", "let { a \"1\"; a \"2\" }\n")],
        expect: &["duplicate-field"],
    },
    Case {
        name: "a property",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; outputs \"a\" store=#false store=#true }\n")],
        expect: &["duplicate-field"],
    },
];
