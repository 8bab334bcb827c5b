//! `missing-include`: an include that finds nothing.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// An include that finds nothing.
pub static CODE: Code = Code {
    id: "missing-include",
    severity: Severity::Error,
    class: Class::Config,
    summary: "an include that finds nothing",
    explanation: r#"`include` names a file that does not exist, or a pattern that matches none. A pattern may match nothing yet: then write the folder's file first, or remove the line.

    include "gen/*.json" "more.kdl""#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a file",
        files: &[(
            "Pipelinefile.kdl",
            r#"include "more.kdl"
"#,
        )],
        expect: &["missing-include"],
    },
    Case {
        name: "a file that is there",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"include "more.kdl"
"#,
            ),
            (
                "more.kdl",
                r#"task "t" { run "true" }
"#,
            ),
        ],
        expect: &[],
    },
];
