//! `property-in-argv`: an argument with `=` is read as a property.
//!
//! Does not know how it is found.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An argument with `=` is read as a property.
pub static CODE: Code = Code {
    id: "property-in-argv",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "An argument with `=` is read as a property.",
    explanation: r##"Outside of quotes KDL reads `--features=a,b` as a property of the node, not as an argument. Quote the whole argument:
`"--features=a,b"`."##,
};

/// Good and bad cases.
pub static CASES: &[Case] = &[
    Case {
        name: "quoted",
        files: &[("Pipelinefile.kdl", "task \"t\" { run \"cargo\" \"build\" \"--features=a,b\" }\n")],
        expect: &[],
    },
    Case {
        name: "bare",
        files: &[("Pipelinefile.kdl", "task \"t\" { run cargo build --features=a,b }\n")],
        expect: &["property-in-argv"],
    },
    Case {
        name: "half quoted",
        files: &[("Pipelinefile.kdl", "task \"t\" { run cargo build --features=\"a\" }\n")],
        expect: &["property-in-argv"],
    },
    Case {
        name: "no value",
        files: &[("Pipelinefile.kdl", "task \"t\" {\n  run cargo build --features=\n}\n")],
        expect: &["property-in-argv"],
    },
    Case {
        name: "braces",
        files: &[("Pipelinefile.kdl", "task \"t\" { run cargo build --x={out} }\n")],
        expect: &["property-in-argv"],
    },
];
