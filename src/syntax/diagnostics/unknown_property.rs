//! `unknown-property`: `key=value` is not known on this node.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// `key=value` is not known on this node.
pub static CODE: Code = Code {
    id: "unknown-property",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "`key=value` is not known on this node.",
    explanation: "`key=value` only modifies its own node. What a node holds, and all that can repeat, are fields inside its braces.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "known",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; outputs \"a/\" store=#false }\n")],
        expect: &[],
    },
    Case {
        name: "a field as property",
        files: &[("Pipelinefile.kdl", "task \"t\" pool=\"ai\" { run \"x\" }\n")],
        expect: &["unknown-property"],
    },
    Case {
        name: "a slip",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"x\"; outputs \"a/\" stor=#false }\n")],
        expect: &["unknown-property"],
    },
];
