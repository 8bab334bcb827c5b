//! `bad-glob`: a pattern that cannot be read.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A pattern that cannot be read.
pub static CODE: Code = Code {
    id: "bad-glob",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a pattern that cannot be read",
    explanation: r#"An entry with `*`, `?`, `[` or `{` is a pattern: `*` and `?` stay inside one folder, `**` crosses folders, `[a-z]` is a class, `{a,b}` a choice.
A file whose name really holds such a character is written with a class: `a[[]1].py`.

    files-scope "src/[a-z.py"                      // the class is not closed"#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "an open class",
        files: &[(
            "Pipelinefile.kdl",
            r#"workstream "ws-1-a" {
    files-scope "src/[a-z.py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
        )],
        expect: &["bad-glob"],
    },
    Case {
        name: "a class",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/[a-z].py"
    tasks { - "Tidy it" }
    acceptance-tests { run "python3" "-m" "unittest" }
}
"#,
            ),
            (
                "tree/src/a.py",
                r#"a = 1
"#,
            ),
        ],
        expect: &[],
    },
];
