//! `number-as-text`: a number stands where a text is asked for; its letters are taken.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A number stands where a text is asked for; its letters are taken.
pub static CODE: Code = Code {
    id: "number-as-text",
    severity: Severity::Note,
    class: Class::Schema,
    summary: "A number stands where a text is asked for; its letters are taken.",
    explanation: "`1.10` is a number in KDL and would be 1.1. Where a text is asked for its letters are taken as they stand. Quote it to
say so.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case { name: "quoted", files: &[("Pipelinefile.kdl", "let { python \"3.10\" }\n")], expect: &[] },
    Case { name: "plain digits", files: &[("Pipelinefile.kdl", "env { PYTHONHASHSEED 0 }\n")], expect: &[] },
    Case { name: "a version", files: &[("Pipelinefile.kdl", "let { python 3.10 }\n")], expect: &["number-as-text"] },
];
