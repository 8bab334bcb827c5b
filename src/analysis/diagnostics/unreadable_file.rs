//! `unreadable-file`: a definition file that cannot be read.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A definition file that cannot be read.
pub static CODE: Code = Code {
    id: "unreadable-file",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a definition file that cannot be read",
    explanation: "The file is there but could not be read as UTF-8 text: its permissions, a folder of that name, a link to nothing, or another encoding. The message says which.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[];
