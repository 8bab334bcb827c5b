//! Does it stop, start, and keep apart what is said?

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Project, step};

#[test]
fn nothing_survives_ctrl_c() {
    let project = Project::new(&[("Pipelinefile.kdl", r#"task "t" { shell "sleep 300 & echo $! > pid; wait" }"#)]);
    let mut running =
        project.pl_command(&["build", "t"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("pl");
    let begun = Instant::now();
    let pid = loop {
        match std::fs::read_to_string(project.path("pid")) {
            Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never started");
    };
    let us = running.id().to_string();
    assert!(project.command("kill").args(["-INT", &us]).status().expect("kill").success());
    assert_eq!(running.wait().expect("pl").code(), Some(130));
    let gone = || !std::path::Path::new(&format!("/proc/{pid}/cmdline")).exists();
    while !gone() {
        assert!(begun.elapsed() < Duration::from_secs(60), "process {pid} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn output_is_not_interleaved_and_not_lost() {
    let say = |word: &str| {
        format!("task \"{word}\" {{ shell \"for i in 1 2 3; do echo {word} $i; sleep 0.05; done; exit 1\" }}\n")
    };
    let project = Project::new(&[("Pipelinefile.kdl", &format!("{}{}", say("left"), say("right")))]);
    let told = project.pl_with(&["build", "-j", "2"], &[("GITHUB_ACTIONS", "true")]).expect(1);
    for word in ["left", "right"] {
        let whole = format!("::group::output of {word}\n  │ {word} 1\n  │ {word} 2\n  │ {word} 3\n::endgroup::\n");
        assert!(told.stdout.contains(&whole), "{}", told.output());
    }
    let built = project.build(&["left"], 1);
    let log = step(&built, "left")["failure"]["log"].as_str().expect("a log").to_owned();
    assert!(std::fs::read_to_string(log).expect("a log").contains("left 3"));
}

#[test]
fn what_reproduces_a_failure_can_be_pasted() {
    let file = r#"task "t" { shell "echo \"$WORD\" >&2; exit 7"; env { WORD "it's here" } }"#;
    let project = Project::new(&[("Pipelinefile.kdl", file)]);
    let built = project.build(&["t"], 1);
    let line = step(&built, "t")["failure"]["reproduce"].as_str().expect("a line").to_owned();
    let output = project.command("sh").args(["-c", &line]).output().expect("sh");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).trim()), (Some(7), "it's here"));
}

#[test]
fn a_setup_is_there_for_every_worktree_and_made_once() {
    let file = r##"
setup "kit" {
    shell #"mkdir -p "{out}/bin" && printf '#!/bin/sh\necho kit\n' > "{out}/bin/kit" && chmod +x "{out}/bin/kit""#
    bin "{out}/bin"
}
tool "write" { can "edit"; run "sh" "-c" "for f in \"$@\"; do echo new > \"$f\"; done" "sh" "{scope-files}" }
defaults { tool "write" }
workstream "ws-1-a" { files-scope "a"; tasks { - "Write a" }; acceptance-tests { shell "test \"$(kit)\" = kit" } }
workstream "ws-2-b" { files-scope "b"; tasks { - "Write b" }; acceptance-tests { shell "test \"$(kit)\" = kit" } }
"##;
    let project = Project::new(&[("Pipelinefile.kdl", file), ("a", "old\n"), ("b", "old\n")]);
    let told = project.pl(&["build", "ws-1", "ws-2"]).expect(0);
    assert_eq!(told.stdout.matches("setup:kit").count(), 1, "{}", told.output());
}
