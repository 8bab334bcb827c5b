//! `limit-reached`: a limit of the reader was reached.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A limit of the reader was reached.
pub static CODE: Code = Code {
    id: "limit-reached",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "A limit of the reader was reached.",
    explanation: "Blocks nest at most 32 deep, files have at most 256 MiB, and after 200 problems of one file the rest is left out.",
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "a few levels",
        files: &[("Pipelinefile.kdl", "workstream \"ws-a\" { files-scope \"a\"; metadata { a { b { c \"d\" } } } }\n")],
        expect: &[],
    },
    Case {
        name: "too deep",
        files: &[(
            "Pipelinefile.kdl",
            "a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {a {}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}\n",
        )],
        expect: &["limit-reached"],
    },
];
