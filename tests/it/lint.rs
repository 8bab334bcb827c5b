//! `pl lint`: rules over the working copy. What is judged, what is known, and what is never called clean.

mod fixing;
mod hook;
mod knowing;
mod names;
mod places;
mod programs;
mod remembered;
mod together;

use crate::support::{Project, Ran};

/// A checker: finds fault with lines that hold `bad`, says where, leaves 1; 9 where it meets `crash`.
const CHECK: &str = "#!/bin/sh\n\
    grep -qs crash \"$@\" && { echo 'a.txt:1: it began well'; exit 9; }\n\
    grep -qs mumble \"$@\" && { echo 'what is this'; exit 1; }\n\
    [ -f strict.cfg ] && words='bad|poor' || words='bad'\n\
    grep -nHE \"$words\" \"$@\" || exit 0\n\
    exit 1\n";

/// The rule of the checker; `how` are further fields.
fn rule(name: &str, how: &str) -> String {
    format!(
        "rule \"{name}\" {{\n    files \"**/*.txt\"\n    run \"./check\" \"{{files}}\"\n    \
         parse \"regex\" {{ pattern #\"^(?P<path>.+?):(?P<line>\\d+):(?P<message>.*)$\"#; ignore \"^$\" }}\n    \
         inputs \"strict.cfg\"\n    severity \"warning\"\n    {how}\n}}\n"
    )
}

/// A project with the checker, as a rule with these fields, and files that are good.
fn lab(how: &str) -> Project {
    let project = Project::new(&[
        (".gitignore", "ignored.txt\n"),
        ("check", CHECK),
        ("a.txt", "good\n"),
        ("b.txt", "good\n"),
        ("sub/c.txt", "good\n"),
        ("sub/c.py", "x = 1\n"),
    ]);
    project.write("rules/words.kdl", rule("words", how));
    make_executable(&project, "check");
    project.commit("rules");
    project
}

fn make_executable(project: &Project, path: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(project.path(path), std::fs::Permissions::from_mode(0o755)).expect("a mode");
}

/// `pl lint` with the rule `words` alone.
fn words(project: &Project, arguments: &[&str]) -> Ran {
    let all: Vec<&str> = ["lint", "--rule", "words"].into_iter().chain(arguments.iter().copied()).collect();
    project.pl(&all)
}

/// The files that were handed over, in the order of starting.
fn handed(ran: &Ran) -> Vec<Vec<String>> {
    ran.started.iter().map(|argv| argv[1..].to_vec()).collect()
}
