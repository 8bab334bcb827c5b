//! Findings as people see them: where, what, the line as it was judged, and what became of them.

mod attempts;
mod life;
mod runs;
mod shown;

use crate::support::Project;

/// Finds the word `bad` with its columns, in text files; leaves 1 where it does.
const FIND: &str = r#"awk '{ i = index($0, "bad"); if (i) { print FILENAME ":" FNR ":" i ":" i + 3 ": no bad"; n = 1 } } END { exit n }' {files}"#;

/// A rule around [`FIND`], with further fields.
fn rule(name: &str, more: &str) -> String {
    format!(
        "rule \"{name}\" {{ files \"**/*.txt\"; shell ##\"{FIND}\"##; severity \"warning\"; category \"style\"; \
         parse \"regex\" {{ pattern #\"^(?P<path>[^:]+):(?P<line>\\d+):(?P<column>\\d+):(?P<end_column>\\d+): (?P<message>.*)$\"# }}; {more} }}\n"
    )
}

/// A project with these rules and one workstream that writes `a.txt` by this line of shell.
fn lab(rules: &str, edit: &str) -> Project {
    let tool = format!("tool \"coder\" {{ kind \"ai\"; can \"edit\"; shell ##\"{edit}\"## }}\n");
    let file = "workstream \"ws-1\" { tool \"coder\"; files-scope \"a.txt\"; tasks { - \"Write a.txt\" }; \
                acceptance-tests { shell \"test -e a.txt\" } }\n";
    let rules = format!("{rules}{tool}");
    Project::new(&[("rules/lab.kdl", &rules), ("Pipelinefile.kdl", file), ("a.txt", "0\n")])
}
