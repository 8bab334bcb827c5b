//! `too-many`: more than `pl` can take.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// More than `pl` can take.
pub static CODE: Code = Code {
    id: "too-many",
    severity: Severity::Error,
    class: Class::Unexpected,
    summary: "more than `pl` can take",
    explanation: "A limit was reached: 20,000 workstreams in one project, or 1,000 reported overlaps (the rest is not listed). Split the project, or mend the first ones.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[];
