//! `unknown-tool`: a tool or capability that nobody declares.

use crate::base::diagnostic::{Case, Class, Code, Severity};

/// A tool or capability that nobody declares.
pub static CODE: Code = Code {
    id: "unknown-tool",
    severity: Severity::Error,
    class: Class::Config,
    summary: "a tool or capability that nobody declares",
    explanation: r#"A workstream, `defaults`, `override` or a route names a tool that is neither declared nor a capability with a route.

    workstream "ws-1-a" { tool "adier" }           // did you mean "aider"?

Correct the name, or declare the tool in `rules/tools.kdl`:

    tool "my-agent" { kind "exec"; run "my-agent" "{prompt}" }

`manual` and `replay` are always there. A name must be known even where `override` or `--tool` puts another in its place:
what a bundle asks for is part of what it says."#,
};

/// Whole little projects, right and wrong.
pub static CASES: &[Case] = &[
    Case {
        name: "a misspelt tool",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tool "manul"
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
        expect: &["unknown-tool"],
    },
    Case {
        name: "a route to nobody",
        files: &[(
            "rules/t.kdl",
            r#"route "paint" "nobody"
"#,
        )],
        expect: &["unknown-tool"],
    },
    Case {
        name: "an override does not hide it",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"override { tool "manual" }
workstream "ws-1-a" {
    files-scope "src/a.py"
    tool "nobody"
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
        expect: &["unknown-tool"],
    },
    Case {
        name: "an own tool and a capability",
        files: &[
            (
                "Pipelinefile.kdl",
                r#"workstream "ws-1-a" {
    files-scope "src/a.py"
    tool "paint"
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
            (
                "rules/t.kdl",
                r#"tool "brush" { kind "exec"; can "paint"; run "brush" "{prompt}" }
route "paint" "brush" "manual"
"#,
            ),
        ],
        expect: &[],
    },
];
