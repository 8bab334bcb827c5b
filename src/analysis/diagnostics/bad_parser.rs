//! `bad-parser`: a parser field that cannot be read.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A parser field that cannot be read.
pub static CODE: Code = Code {
    id: "bad-parser",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a parser field that cannot be read",
    explanation: r#"`pattern` is a regular expression (without look-around) whose named groups are among `path line column end_line end_column code message severity help_url fixable`, with `path` or `message` among them; a group of another name is used in a field, `message "{word}"`.
`each` begins with `$` and goes on with `.name`, `.name?`, `.*` or `[*]`; the other fields of `parse "json"` are names joined by dots. Patterns of `ignore` and of a `category` are regular expressions, too."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "an open group",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "regex" { pattern "(?P<path>.*" } }
"#,
        )],
        expect: &["bad-parser"],
    },
    Case {
        name: "an unknown group",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "regex" { pattern "(?P<file>.*): (?P<message>.*)" } }
"#,
        )],
        expect: &["bad-parser"],
    },
    Case {
        name: "a path without a dollar",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "json" { each "results"; message "m" } }
"#,
        )],
        expect: &["bad-parser"],
    },
    Case {
        name: "known groups",
        files: &[(
            "rules/r.kdl",
            r#"rule "look" { files "**/*.py"; run "look"; parse "regex" { pattern "(?P<path>.*): (?P<message>.*)" } }
"#,
        )],
        expect: &[],
    },
];
