//! A project with one workstream, an editing tool, and tools that fix; all lines of shell.

use crate::support::Project;

/// What the scenario's programs do. Lines of shell see `$n`: how often this tool was asked, from 1.
#[derive(Debug, Clone, Copy)]
pub struct Lab<'a> {
    /// The edit.
    pub edit: &'a str,
    /// Tools that fix, by name, in the order in which they are asked.
    pub fixers: &'a [(&'a str, &'a str)],
    /// The acceptance test.
    pub test: &'a str,
    /// The mechanical fix of the rule `bad`, which finds the word `bad` in text files.
    pub mechanical: Option<&'a str>,
    /// `circuit-breaker`.
    pub breaker: &'a str,
    /// Further nodes of the Pipelinefile.
    pub more: &'a str,
}

impl Default for Lab<'_> {
    fn default() -> Self {
        Self { edit: "echo bad > a.txt", fixers: &[], test: "test -e a.txt", mechanical: None, breaker: "", more: "" }
    }
}

impl Lab<'_> {
    /// The committed project.
    pub fn project(self) -> Project {
        let tool = |name: &str, can: &str, line: &str| {
            format!(
                "tool \"{name}\" {{ kind \"ai\"; can \"{can}\"; shell ##\"echo {name} >> \"$HOME/asked\"; \
                 n=$(grep -c '^{name}$' \"$HOME/asked\"); cp \"$PL_PROMPT\" \"$HOME/{name}.prompt\"; {line}\"## }}\n"
            )
        };
        let mut rules = tool("coder", "edit", self.edit);
        for (name, line) in self.fixers {
            rules += &tool(name, "fix", line);
        }
        if !self.fixers.is_empty() {
            let names: Vec<String> = self.fixers.iter().map(|(name, _)| format!("\"{name}\"")).collect();
            rules += &format!("route \"fix\" {}\n", names.join(" "));
        }
        let fix = self.mechanical.map_or_else(String::new, |line| format!("fix {{ shell ##\"{line}\"## }}"));
        rules += &format!(
            "rule \"bad\" {{ files \"**/*.txt\"; shell ##\"! grep -Hnw bad {{files}}\"##; \
             parse \"regex\" {{ pattern #\"^(?P<path>[^:]+):(?P<line>\\d+):(?P<message>.*)$\"# }}; {fix} }}\n"
        );
        let file = format!(
            "{}\nworkstream \"ws-1\" {{\n    tool \"coder\"\n    files-scope \"a.txt\"\n    tasks {{ - \"Write a.txt\" }}\n    \
             acceptance-tests {{ shell ##\"{}\"## }}\n    circuit-breaker {{ {} }}\n}}\n",
            self.more, self.test, self.breaker
        );
        let files =
            [("rules/lab.kdl", rules.as_str()), ("Pipelinefile.kdl", &file), ("a.txt", "0\n"), ("b.txt", "0\n")];
        Project::new(&files)
    }
}

/// Who was asked so far, in order.
pub fn asked(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.around().join("home/asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The prompt that a tool was given last.
pub fn prompt(project: &Project, tool: &str) -> String {
    std::fs::read_to_string(project.around().join(format!("home/{tool}.prompt"))).expect("a prompt")
}

/// Asserts that a build starts nothing, and that it ends with this code.
#[track_caller]
pub fn settled(project: &Project, code: i32) {
    let before = asked(project);
    project.pl(&["build", "ws-1"]).expect(code).started_nothing();
    assert_eq!(asked(project), before);
}
