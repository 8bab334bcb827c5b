//! `unknown-variable`: a variable that nobody sets.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A variable that nobody sets.
pub static CODE: Code = Code {
    id: "unknown-variable",
    severity: Severity::Error,
    class: Class::Schema,
    summary: "a variable that nobody sets",
    explanation: r#"`{name}` in a command, an `env` value, `dir`, `inputs` or `outputs` stands for a variable of the node's `let`, else of the
Pipelinefile's. This one is in neither.

    let { python "3.12" }
    task "t" { run "python{pyton}" }               // did you mean "python"?

Only `{identifier}` (lower-case letters, digits, `-`) is a variable: `{ print }` with spaces, `{A,b}` and `{}` are left alone.
Correct the name, add a `let`, or put a space inside the braces."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt variable",
        files: &[(
            "Pipelinefile.kdl",
            r#"let { python "3.12" }
task "t" { run "python{pyton}" }
"#,
        )],
        expect: &["unknown-variable"],
    },
    Case {
        name: "awk braces",
        files: &[(
            "Pipelinefile.kdl",
            r#"task "t" { shell "awk '{print}' a.txt" }
"#,
        )],
        expect: &["unknown-variable"],
    },
    Case {
        name: "set at two levels",
        files: &[(
            "Pipelinefile.kdl",
            r#"let { python "3.12" }
task "t" { let { mode "fast" }; run "python{python}" "{mode}" "{}" "{ x }" "{A}" "{a,b}" }
"#,
        )],
        expect: &[],
    },
];
