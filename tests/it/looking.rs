//! Commands that look at what was built, and those that forget and clean.
//!
//! Text and JSON in a pipe; what only looks leaves every byte as it was.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::{Project, step, steps_run, workstream};

const TOOL: &str = r##"
tool "write" {
    kind "exec"; can "edit"
    shell #"sed -n 's/^- sh: //p' "$PL_PROMPT" > "$TMPDIR/do"; sh "$TMPDIR/do""#
}
// With a program, so that there is something to start again by hand.
rule "json-syntax" {
    files "**/*.json" in="changed"
    run "grep" "-nHx" "[{]" "{files}"
    exit { clean 1; findings 0 }
    parse "regex" { pattern #"^(?P<path>.+?):(?P<line>\d+):(?P<message>.*)$"# }
    category "syntax"; reads "files"
}
"##;

const PIPELINE: &str = r##"
defaults { tool "write" }
task "hello" {
    about "says hello"
    run "sh" "-c" "echo hello there; cp a.txt out.txt"
    inputs "a.txt"
    outputs "out.txt"
}
task "all" { depends-on "hello" }
workstream "ws-1-good" {
    title "Appends twice"
    files-scope "a.txt"
    files-create "new/"
    tasks { - "sh: echo one >> a.txt"; - "sh: mkdir new; echo two >> a.txt; echo n > new/n" }
    acceptance-tests { shell "echo looking; grep two a.txt" }
}
workstream "ws-2-bad" {
    depends-on "ws-1-good"
    files-scope "b.json"
    tasks { - "sh: echo '{' > b.json" }
    acceptance-tests { shell "true" }
}
"##;

const FILES: [(&str, &str); 4] =
    [("rules/lab.kdl", TOOL), ("Pipelinefile.kdl", PIPELINE), ("a.txt", "a\n"), ("b.json", "{}\n")];

/// Everything was built: `hello` and `ws-1-good` are done, `ws-2-bad` failed.
fn built() -> Project {
    let project = Project::new(&FILES);
    project.pl(&["build", "*"]).expect(1);
    project
}

/// Every file and link of project, home and state with what it holds.
fn bytes(project: &Project) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open: Vec<PathBuf> = ["project", "home", "state"].map(|name| project.around().join(name)).into();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.display().to_string();
            if path.is_symlink() {
                let target = std::fs::read_link(&path).expect("a link");
                all.insert(name, target.into_os_string().into_encoded_bytes());
            } else if path.is_dir() {
                all.insert(name, Vec::new());
                open.push(path);
            } else {
                all.insert(name, std::fs::read(&path).expect("a file"));
            }
        }
    }
    all
}

fn resets(project: &Project) -> Vec<String> {
    let all = project.git(&["for-each-ref", "--format=%(refname)", "refs/pl"]);
    all.lines().filter(|name| name.contains("/reset/")).map(str::to_owned).collect()
}

#[test]
fn targets_stand_in_a_table() {
    let project = Project::new(&FILES);
    let fresh = project.pl(&["show"]).expect(0).started_nothing();
    assert!(!project.path(".pl").exists());
    assert!(fresh.stdout.lines().filter(|line| line.contains("never")).count() >= 4, "{}", fresh.stdout);
    project.pl(&["build", "*"]).expect(1);
    project.pl(&["show"]).expect(0).says("2 tasks: 2 done").says("2 workstreams: 1 failed, 1 done").says("just now");
    let rows = project.pl(&["show", "--json"]).expect(0).json()["targets"].clone();
    let row =
        |name: &str| rows.as_array().expect("rows").iter().find(|row| row["name"] == name).expect("a row").clone();
    assert_eq!(row("hello")["state"], "done");
    assert_eq!(row("all")["kind"], "group");
    assert_eq!(row("ws-1-good")["about"], "Appends twice");
    assert_eq!(row("ws-2-bad")["state"], "failed");
    project.write("a.txt", "changed\n");
    project.pl(&["show"]).expect(0).says("2 tasks: 2 stale");
    project.pl(&["show", "ws-*"]).expect(0).says("ws-1-good");
}

#[test]
fn a_failed_workstream_says_all_that_helps() {
    let project = built();
    let page = project.pl(&["show", "ws-2"]).expect(0).started_nothing();
    let worktree = project.worktree("ws-2-bad").display().to_string();
    for text in ["ws-2-bad  failed", "(agent)", "b.json:", "json-syntax", "reproduce: cd ", "M b.json", &worktree] {
        assert!(page.stdout.contains(text), "{text:?} is not in\n{}", page.stdout);
    }
    let object = project.pl(&["show", "--json", "ws-2"]).expect(0).json();
    assert_eq!(object["show"], "workstream");
    assert_eq!(object["failure"]["class"], "agent");
    assert_eq!(object["worktree"], worktree.as_str());
    assert_eq!(object["findings"][0]["path"], "b.json");
    assert!(object["failure"]["reproduce"].is_string(), "{object:#}");
    assert!(object["reason"].is_string(), "{object:#}");
    project.pl(&["show", "--findings"]).expect(0).says("b.json:").says("1 finding");
    let found = project.pl(&["show", "--findings", "--json", "ws-1"]).expect(0).json();
    assert_eq!(found["findings"], serde_json::json!([]));
}

#[test]
fn what_was_taken_back_is_done_though_its_newest_run_failed() {
    const PIPELINE: &str = r##"
defaults { tool "write" }
task "look" { run "grep" "good" "a.txt"; inputs "a.txt" }
workstream "ws-1-b" {
    files-scope "b.json"
    tasks { - "sh: echo '{}' > b.json; echo >> b.json" }
    acceptance-tests { shell "true" }
}
"##;
    let project = Project::new(&[FILES[0], ("Pipelinefile.kdl", PIPELINE), ("a.txt", "good\n"), ("b.json", "[]\n")]);
    project.pl(&["build", "*"]).expect(0);
    let commit = project.pl(&["show", "--json", "ws-1"]).expect(0).json()["commit"].clone();
    project.write("a.txt", "bad\n");
    project.write("Pipelinefile.kdl", PIPELINE.replace("echo '{}'", "echo '{'"));
    project.pl(&["build", "*"]).expect(1);
    project.pl(&["show"]).expect(0).says("1 task: 1 failed").says("1 workstream: 1 failed");
    project.pl(&["show", "look"]).expect(0).says("look  failed").says("reproduce");
    project.write("a.txt", "good\n");
    project.write("Pipelinefile.kdl", PIPELINE);
    project.pl(&["build", "*"]).expect(0).started_nothing();
    project.pl(&["show"]).expect(0).started_nothing().says("1 task: 1 done").says("1 workstream: 1 done");
    let task = project.pl(&["show", "--json", "look"]).expect(0).json();
    assert_eq!((&task["state"], &task["failure"]), (&"done".into(), &serde_json::Value::Null));
    assert_eq!(task["attempts"].as_array().map(Vec::len), Some(2), "{task:#}");
    let page = project.pl(&["show", "--json", "ws-1"]).expect(0).json();
    assert_eq!(
        (&page["state"], &page["commit"], &page["changes"]),
        (&"done".into(), &commit, &serde_json::json!(["M b.json"]))
    );
    for field in ["failure", "class", "reason"] {
        assert!(page[field].is_null(), "{page:#}");
    }
    assert_eq!(page["findings"], serde_json::json!([]));
}

#[test]
fn a_done_workstream_names_its_result() {
    let project = built();
    project.pl(&["show", "ws-1"]).expect(0).says("ws-1-good  done  Appends twice").says("A new/n").says("edit.2");
    let object = project.pl(&["show", "--json", "ws-1"]).expect(0).json();
    assert_eq!(object["commit"], project.git(&["rev-parse", &project.result_ref("ws-1-good")]).as_str());
    assert_eq!(object["branch"], "ws/ws-1-good");
    assert_eq!(object["changes"], serde_json::json!(["M a.txt", "A new/n"]));
    assert!(object["failure"].is_null());
}

#[test]
fn runs_tasks_steps_and_prompts_have_pages() {
    let project = built();
    let runs = project.pl(&["show", "--runs", "--json"]).expect(0).json();
    let id = runs["runs"][0]["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(runs["runs"][0]["targets"], serde_json::json!(["*"]));
    assert_eq!(runs["runs"][0]["steps_failed"], 1);
    project.pl(&["show", "--runs"]).expect(0).says(&id).says("partial");
    project.pl(&["show", &id]).expect(0).says("ws-1-good/edit.1").says("b.json");
    let end = id.rsplit('-').next().expect("an end");
    project.pl(&["show", end]).expect(0).says(&id);
    project.pl(&["show", "hello"]).expect(0).says("hello  done  says hello").says("runs sh -c");
    let task = project.pl(&["show", "hello", "--json"]).expect(0).json();
    assert_eq!((&task["show"], &task["attempts"][0]["attempt"]), (&"task".into(), &1.into()));
    project.pl(&["show", "ws-1/test.1"]).expect(0).says("ws-1-good/test.1  done");
    project.pl(&["show", "--prompt", "ws-1/edit.2"]).expect(0).says("asked of write").says("echo two >> a.txt");
    let prompts = project.pl(&["show", "--prompt", "--json", "ws-1"]).expect(0).json();
    assert_eq!(prompts["prompts"].as_array().expect("prompts").len(), 2);
    project.pl(&["show", "--prompt", "hello"]).expect(2).says("has no prompt");
}

#[test]
fn outputs_are_whole_and_grouped() {
    let project = built();
    project.pl(&["log"]).expect(0).says("hello there").says("looking\n").says("json-syntax  failed");
    project.pl(&["log", "ws-1/test.1"]).expect(0).says("ws-1-good/test.1  done").says("looking\ntwo\n");
    let object = project.pl(&["log", "--json", "hello"]).expect(0).json();
    assert_eq!(object["entries"][0]["output"], "hello there\n");
    let lines = project.pl(&["log", "--events", "ws-2"]).expect(0).stdout;
    let events: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(events.iter().any(|event| event["event"] == "workstream-ended" && event["ws_id"] == "ws-2-bad"), "{lines}");
    // What was said can be read while definitions are wrong.
    project.write("Pipelinefile.kdl", "task \"a\" { depends-on \"nothing\" }");
    project.pl(&["log"]).expect(0).says("hello there");
    project.pl(&["show", "--runs"]).expect(0).says("partial");
    project.pl(&["show"]).expect(2);
}

#[test]
fn a_recorded_edit_makes_the_same_result() {
    let project = built();
    let whole = project.pl(&["diff", "ws-1"]).expect(0).stdout;
    assert!(whole.contains("+one\n+two\n"), "{whole}");
    let second = project.pl(&["diff", "ws-1", "2"]).expect(0).stdout;
    assert!(second.contains("\n one\n+two\n") && !second.contains("+one"), "{second}");
    assert_eq!(project.pl(&["diff", "ws-1", "1", "2"]).expect(0).stdout, whole);
    assert_eq!(project.pl(&["diff", "--json", "ws-1"]).expect(0).json()["patch"], whole.as_str());
    project.pl(&["diff", "ws-1", "3"]).expect(2).says("edits 1 to 2");
    project.pl(&["diff", "ws-1", "2", "1"]).expect(2);
    project.pl(&["diff", "hello"]).expect(2).says("is no workstream");
    // A failed one shows what was tried.
    project.pl(&["diff", "ws-2"]).expect(0).says("-{}\n+{\n");
    let written = project.pl(&["diff", "ws-1", "--to", "recordings"]).expect(0).stdout;
    assert_eq!(written.lines().count(), 2, "{written}");
    let first = project.read("recordings/ws-1-good/1.patch");
    let second = project.read("recordings/ws-1-good/2.patch");
    let replayed = format!("override {{ tool \"replay\" }}\n{PIPELINE}");
    let mut files = FILES.to_vec();
    files[1].1 = &replayed;
    files.extend([("recordings/ws-1-good/1.patch", first.as_str()), ("recordings/ws-1-good/2.patch", second.as_str())]);
    let other = Project::new(&files);
    other.build(&["ws-1"], 0);
    assert_eq!(other.result_changes("ws-1-good"), project.result_changes("ws-1-good"));
    for path in ["a.txt", "new/n"] {
        assert_eq!(other.result("ws-1-good", path), project.result("ws-1-good", path));
    }
}

#[test]
fn explanations_name_the_root() {
    let project = built();
    project.pl(&["explain", "ws-1"]).expect(0).says("ws-1-good/result is fresh").says("last recorded 20");
    project.write("a.txt", "b\n");
    project.pl(&["explain", "all"]).expect(0).says("because hello: input a.txt changed");
    let object = project.pl(&["explain", "--json", "all"]).expect(0).json();
    assert_eq!((&object["verdict"], &object["root"]), (&"unsettled".into(), &"hello".into()));
    project.pl(&["explain", "overlap"]).expect(0).says("overlap (error");
    project.pl(&["explain", "overlapp"]).expect(2).says("did you mean the diagnostic `overlap`?");
    project.pl(&["explain", "ws-2/result"]).expect(0).says("json-syntax");
}

#[test]
fn wrong_names_say_what_was_meant() {
    let project = built();
    for command in ["show", "log", "diff", "explain", "reset", "clean"] {
        project.pl(&[command, "hallo"]).expect(2).says("did you mean `hello`?");
        project.pl(&[command, "ws-9"]).expect(2).says("no target is called `ws-9`");
    }
    project.pl(&["show", "run-2"]).expect(2).says("pl show --runs");
}

#[test]
fn a_reset_asks_again_and_loses_nothing() {
    let project = built();
    let commit = project.git(&["rev-parse", &project.result_ref("ws-1-good")]);
    let before = bytes(&project);
    project.pl(&["reset", "-n", "ws-1", "ws-2"]).expect(0).says("would be forgotten").says("/reset/ws-1-good/");
    assert!(before == bytes(&project), "a dry run touched something");
    std::fs::write(project.worktree("ws-2-bad").join("b.json"), "[\"by hand\"]\n").expect("written");
    let done = project.pl(&["reset", "--json", "ws-1", "ws-2"]).expect(0).json();
    assert_eq!(done["dry_run"], false);
    assert!(!project.worktree("ws-2-bad").exists());
    let refs = resets(&project);
    assert!(refs.iter().any(|name| project.git(&["rev-parse", name]) == commit), "{refs:?}");
    let by_hand = refs.iter().find(|name| name.contains("ws-2-bad")).expect("kept work");
    assert_eq!(project.git(&["show", &format!("{by_hand}:b.json")]), "[\"by hand\"]");
    project.pl(&["show", "ws-1"]).expect(0).says("ws-1-good  never");
    let summary = project.build(&["ws-1"], 0);
    assert_eq!(step(&summary, "ws-1-good/edit.1")["attempts"], 1);
    assert_eq!(project.git(&["rev-parse", &project.result_ref("ws-1-good")]), commit);
    project.pl(&["reset", "hello"]).expect(0).says("hello: 1 record");
    assert_eq!(steps_run(&project.build(&["hello"], 0)), ["hello"]);
    project.pl(&["reset", "ws-1/edit.2"]).expect(0);
    let summary = project.build(&["ws-1"], 0);
    assert_eq!(step(&summary, "ws-1-good/edit.1")["attempts"], 0);
    assert_eq!(step(&summary, "ws-1-good/edit.2")["attempts"], 1);
    assert_eq!(workstream(&summary, "ws-1-good")["commit"], commit.as_str());
}

#[test]
fn cleaning_takes_what_nobody_needs() {
    let project = built();
    let old = project.path(".pl/logs/run-20200101T000000Z-0000");
    std::fs::create_dir_all(&old).expect("a folder");
    let setup = project.state().join("setups/gone-12345678");
    std::fs::create_dir_all(&setup).expect("a folder");
    project.write(".pl/blobs/ab/cdabababababababababababababababababababababababababababababab", "nobody's");
    let before = bytes(&project);
    project.pl(&["clean", "-n"]).expect(0).says("would be removed").says("setup gone-12345678").says("1 blob");
    assert!(before == bytes(&project), "a dry run touched something");
    project.pl(&["clean"]).expect(0).says("kept  worktree of ws-2-bad: failed").says("1 old run");
    assert!(!old.exists() && !setup.exists());
    assert!(project.worktree("ws-2-bad").exists());
    project.pl(&["clean"]).expect(0).says("kept  worktree of ws-2-bad");
    assert_eq!(steps_run(&project.build(&["hello", "ws-1"], 0)), Vec::<String>::new());
    project.pl(&["clean", "hello"]).expect(0).says("hello: 1 output");
    assert!(!project.path("out.txt").exists());
    project.build(&["hello"], 0);
    project.write("out.txt", "mine\n");
    project.pl(&["clean", "hello"]).expect(0).says("out.txt was changed since it was made");
    assert_eq!(project.read("out.txt"), "mine\n");
}

#[test]
fn looking_touches_nothing() {
    let project = built();
    let before = bytes(&project);
    let commands: [&[&str]; 15] = [
        &["show"],
        &["show", "ws-2"],
        &["show", "hello"],
        &["show", "--runs"],
        &["show", "--findings"],
        &["show", "--prompt", "ws-1"],
        &["log"],
        &["log", "--events"],
        &["explain", "ws-2"],
        &["explain", "overlap"],
        &["diff", "ws-1"],
        &["doctor"],
        &["check", "*"],
        &["graph", "--dot"],
        &["graph", "--steps"],
    ];
    for command in commands {
        let ran = project.pl(command);
        assert!([0, 3].contains(&ran.code), "{command:?}: {}", ran.output());
        let after = bytes(&project);
        let changed: Vec<&String> =
            before.iter().filter(|(path, held)| after.get(*path) != Some(held)).map(|(path, _)| path).collect();
        let added: Vec<&String> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert!(changed.is_empty() && added.is_empty(), "{command:?}: {changed:?} {added:?}");
    }
}

#[test]
fn a_shell_is_given_the_names_of_targets() {
    let project = Project::new(&FILES);
    let complete = |directory: &str, line: &[&str]| {
        let mut command = project.pl_command(&["--"]);
        command.args(line).current_dir(project.around().join(directory));
        command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", (line.len() - 1).to_string());
        command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_COMPLETE_SPACE", "true").env("_CLAP_IFS", "\n");
        String::from_utf8(command.output().expect("pl").stdout).expect("text")
    };
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(complete("project", &["pl", "build", "ws"])), ["ws-1-good", "ws-2-bad"]);
    assert_eq!(lines(complete("home", &["pl", "-C", "../project", "show", "h"])), ["hello"]);
    // Something wrong elsewhere does not take the names away.
    project.write("Pipelinefile.kdl", format!("{PIPELINE}\ntask \"broken\" {{ depends-on \"nothing\" }}"));
    assert_eq!(lines(complete("project", &["pl", "build", "b"])), ["broken"]);
}

#[test]
fn what_steps_cost_is_counted_over_all_runs() {
    let definitions = "task \"a\" { run \"cp\" \"in\" \"a\"; inputs \"in\"; outputs \"a\" }
task \"b\" { shell \"grep -q good other\"; inputs \"other\" }
";
    let project = Project::new(&[("Pipelinefile.kdl", definitions), ("in", "1\n"), ("other", "bad\n")]);
    assert!(project.pl(&["show", "--stats"]).expect(0).output().contains("nothing has run yet"));
    project.pl(&["build"]).expect(1);
    project.write("other", "good\n");
    // Without a plan all is judged, and what was fresh is counted.
    std::fs::remove_file(project.path(".pl/plan")).expect("a plan");
    project.pl(&["build"]).expect(0);
    let rows = |arguments: &[&str]| {
        let mut words = vec!["show", "--stats", "--json"];
        words.extend(arguments);
        project.pl(&words).expect(0).started_nothing().json()["steps"].as_array().expect("rows").clone()
    };
    let counts = |step: &str| {
        let all = rows(&[]);
        let row = all.iter().find(|row| row["step"] == step).expect("a row").clone();
        ["done", "fresh", "failed", "hit_percent"].map(|name| row[name].as_u64().expect("a number"))
    };
    assert_eq!((counts("a"), counts("b")), ([1, 1, 0, 50], [1, 0, 1, 0]));
    assert_eq!(rows(&["a"]).len(), 1);
    let shown = project.pl(&["show", "--stats"]).expect(0);
    assert!(shown.output().lines().next().is_some_and(|line| line.contains("MEDIAN")), "{}", shown.output());
}
