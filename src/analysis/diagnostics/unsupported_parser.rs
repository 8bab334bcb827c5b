//! `unsupported-parser`: a parser that is not known.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A parser that is not known.
pub static CODE: Code = Code {
    id: "unsupported-parser",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a parser that is not known",
    explanation: r##"A rule's output is read by `parse "json"`, `"json-lines"`, `"sarif"`, `"junit"`, `"tap"`, `"regex"`, `"lines"` or `"exit-code"`.

Many programs can print JSON, or a line that a pattern reads:

    parse "regex" { pattern #"(?P<path>[^:]+):(?P<line>\d+): (?P<message>.*)"# }"##,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "no such form",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look" "{files}"; parse "yaml" }
"#,
        )],
        expect: &["unsupported-parser"],
    },
    Case {
        name: "none",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look" "{files}" }
"#,
        )],
        expect: &["incomplete-rule"],
    },
    Case {
        name: "the exit code",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look" "{files}"; parse "exit-code" }
"#,
        )],
        expect: &[],
    },
];
