//! `missing-folder`: a folder that was asked for and is not there.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A folder that was asked for and is not there.
pub static CODE: Code = Code {
    id: "missing-folder",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a folder that was asked for and is not there",
    explanation: "`PIPELINE_WORKSTREAM_DIR` or `-C` names a folder that does not exist. Unset the variable, or create the folder. Without the variable `workstreams/` is read, and may be absent.",
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[];
