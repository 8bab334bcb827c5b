//! `bad-size`: an amount of memory that cannot be read.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An amount of memory that cannot be read.
pub static CODE: Code = Code {
    id: "bad-size",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "an amount of memory that cannot be read",
    explanation: r#"An amount is a number with its unit, KiB, MiB, GiB or TiB, in quotes, and more than nothing.

    memory "4"             // "4GiB""#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case { name: "no unit", files: &[("Pipelinefile.kdl", "memory \"4\"\n")], expect: &["bad-size"] },
    Case { name: "gibibytes", files: &[("Pipelinefile.kdl", "memory \"4GiB\"\n")], expect: &[] },
];
