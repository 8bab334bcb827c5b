//! Is it true? Plans, reasons, hits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Project, Ran, step, steps_run};

/// `gen` makes `mid` of the first line of `in`, `use` makes `out` of `mid`.
const PIPE: &str = r#"
task "gen" { shell "head -n 1 in > mid"; inputs "in"; outputs "mid" }
task "use" { shell "cat mid > out"; inputs "mid"; outputs "out" }
"#;

fn pipe() -> Project {
    Project::new(&[("Pipelinefile.kdl", PIPE), ("in", "one\n"), (".gitignore", "mid\nout\n")])
}

fn names(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
}

fn every_file(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            every_file(&path, found);
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap_or_default());
        }
    }
}

#[test]
fn why_will_this_rerun_is_told_before_running() {
    let project = pipe();
    project.build(&["use"], 0);
    project.write("in", "two\n");
    let told: Ran = project.pl(&["check", "use"]).expect(0).started_nothing();
    told.says("input in changed").says("Nothing was run: pl build use runs these 2 steps");
}

#[test]
fn a_dry_run_has_no_side_effects() {
    let project = pipe();
    for built in [false, true] {
        let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
        every_file(&project.around(), &mut before);
        project.pl(&["build", "-n", "use"]).expect(0).started_nothing();
        let _ = std::fs::remove_file(project.around().join("trace"));
        every_file(&project.around(), &mut after);
        assert!(before == after, "{built}: {:?}", after.keys().filter(|path| before.get(*path) != after.get(*path)));
        assert_eq!(project.build(&["use"], 0)["steps_run"], if built { 0 } else { 2 });
        let _ = std::fs::remove_file(project.around().join("trace"));
    }
}

#[test]
fn a_dry_run_says_neither_too_much_nor_too_little_downstream() {
    let project = pipe();
    project.build(&["use"], 0);
    project.write("in", "one\nmore\n");
    let plan = project.pl(&["check", "--json", "use"]).expect(0).json();
    let verdicts: Vec<_> = plan["steps"].as_array().expect("steps").iter().map(|one| one["verdict"].clone()).collect();
    assert_eq!(verdicts, ["stale", "unsettled"]);
    let built = project.build(&["use"], 0);
    assert_eq!((steps_run(&built), built["plan_matched"].as_bool()), (vec!["gen".to_owned()], Some(true)));
}

#[test]
fn no_step_is_skipped_without_a_word() {
    let project = pipe();
    project.write(
        "Pipelinefile.kdl",
        format!("{PIPE}task \"bad\" {{ run \"false\" }}\ntask \"all\" {{ depends-on \"use\" \"bad\" }}\n"),
    );
    let planned = names(&project.pl(&["check", "--json", "all"]).expect(0).json()["steps"]);
    let built = project.build(&["all"], 1);
    assert_eq!(names(&built["tasks"]), planned);
    assert_eq!((&step(&built, "bad")["status"], &step(&built, "all")["status"]), (&"failed".into(), &"blocked".into()));
}

#[test]
fn a_hit_gives_its_files_back() {
    let project = pipe();
    project.build(&["use"], 0);
    std::fs::remove_file(project.path("out")).expect("an output");
    project.build(&["use"], 0);
    assert_eq!(project.read("out"), "one\n");
    project.lose_contents();
    std::fs::remove_file(project.path("out")).expect("an output");
    assert_eq!(steps_run(&project.build(&["use"], 0)), ["use"]);
    assert_eq!(project.read("out"), "one\n");
}

#[test]
fn a_record_is_not_poisoned_by_an_edit_while_it_ran() {
    let project = pipe();
    project.write("Pipelinefile.kdl", r#"task "t" { shell "cat in > out; echo x >> in"; inputs "in"; outputs "out" }"#);
    project.pl(&["build", "t"]).expect(0).says("in changed while it ran");
    assert_eq!(steps_run(&project.build(&["t"], 0)), ["t"]);
}

#[test]
fn cosmetic_edits_of_the_definition_run_nothing() {
    let project = pipe();
    project.build(&["use"], 0);
    let [first, second] = [PIPE.lines().nth(1), PIPE.lines().nth(2)].map(|line| line.expect("a line"));
    project.write("Pipelinefile.kdl", format!("// moved\n{second}\n\n{first} // and told\n"));
    project.pl(&["build", "use"]).expect(0).started_nothing().says("use is up to date");
}

#[test]
fn an_output_that_was_tampered_with_is_not_clean() {
    let project = pipe();
    project.build(&["use"], 0);
    project.write("out", "tampered\n");
    project.pl(&["check", "--fail-if-stale", "use"]).expect(4).says("out");
    project.build(&["use"], 0);
    assert_eq!(project.read("out"), "one\n");
}

#[test]
fn what_a_failed_step_wrote_is_not_kept_as_good() {
    let project = pipe();
    project.write("Pipelinefile.kdl", r#"task "t" { shell "echo half > out; exit 3"; inputs "in"; outputs "out" }"#);
    project.build(&["t"], 1);
    project.pl(&["build", "t"]).expect(1).says("t failed");
}

#[test]
fn a_b_a_is_recognised() {
    let project = pipe();
    for text in ["one\n", "two\n"] {
        project.write("in", text);
        project.build(&["use"], 0);
    }
    project.write("in", "one\n");
    project.pl(&["build", "use"]).expect(0).started_nothing();
    assert_eq!(project.read("out"), "one\n");
}

#[test]
fn an_unknown_name_never_falls_back_to_a_default() {
    let project = pipe();
    project.pl(&["build", "ues"]).expect(2).says("ues").says("use");
    project.write("Pipelinefile.kdl", format!("{PIPE}task \"all\" {{ depends-on \"ues\" }}\n"));
    project.pl(&["check"]).expect(2).says("Pipelinefile.kdl:4:25").says("did you mean `use`");
    project.write("Pipelinefile.kdl", "task \"t\" { run \"true\"; input \"in\" }\n");
    project.pl(&["check"]).expect(2).says("Did you mean `inputs`?");
}

#[test]
fn a_corrupted_state_heals() {
    let project = pipe();
    project.build(&["use"], 0);
    let database = project.path(".pl/state.db");
    let mut bytes = std::fs::read(&database).expect("a database");
    bytes[..4096].fill(0x5a);
    std::fs::write(&database, bytes).expect("written");
    project.pl(&["build", "use"]).expect(0).says("warning:");
    project.pl(&["build", "use"]).expect(0).started_nothing();
}

#[test]
fn a_step_that_makes_something_else_each_time_is_told_with_what_moves() {
    let file = r#"task "t" { shell "cp in same; echo $$ $(date +%N) > moving"; inputs "in"; outputs "same" "moving" store=#false }"#;
    let project = Project::new(&[("Pipelinefile.kdl", file), ("in", "x\n")]);
    assert!(!project.pl(&["build", "t"]).expect(0).output().contains("nondeterministic"));
    // Nothing that it observes changes, and yet it has to run: what it made is gone, and was not kept.
    for _ in 0..2 {
        std::fs::remove_file(project.path("moving")).expect("removed");
        let told = project.pl(&["build", "t"]).expect(0);
        told.says(
            "t is nondeterministic: it made other outputs than before (moving), and nothing that it observes changed",
        );
    }
    let steady = r#"task "t" { shell "cp in same; cp in moving"; inputs "in"; outputs "same" "moving" store=#false }"#;
    project.write("Pipelinefile.kdl", steady);
    for _ in 0..2 {
        let _ = std::fs::remove_file(project.path("moving"));
        let ran = project.pl(&["build", "t"]).expect(0);
        assert!(!ran.output().contains("nondeterministic") && ran.started.len() == 1, "{}", ran.output());
    }
}

/// Not a matter of time: what a build with nothing to do takes up at all.
#[test]
fn a_null_build_reads_no_definition_no_record_and_no_file() {
    let tasks = (0..200).map(|number| {
        format!("task \"t{number}\" {{ run \"cp\" \"in{number}\" \"out{number}\"; inputs \"in{number}\"; outputs \"out{number}\" }}\n")
    });
    let project = Project::new(&[("Pipelinefile.kdl", &tasks.collect::<String>())]);
    (0..200).for_each(|number| project.write(&format!("in{number}"), "x"));
    project.pl(&["build"]).expect(0);
    project.pl(&["build"]).expect(0).started_nothing();
    project.pl(&["build", "--profile", "../trace.json"]).expect(0).started_nothing();
    let trace: Value = serde_json::from_str(&project.read("../trace.json")).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events").iter().filter(|event| event["ph"] == "X");
    let names: BTreeSet<&str> = events.map(|event| event["name"].as_str().expect("a name")).collect();
    assert_eq!(names, BTreeSet::from(["look at the kept plan", "pl build"]));
}
