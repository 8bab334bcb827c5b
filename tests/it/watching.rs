//! `pl watch`: what builds again, what does not, and what happens to what runs.
//!
//! Runs are counted by the tasks themselves, in files beside the project.

use rustix::process::Signal;

use crate::running::{Running, left_running, until};
use crate::support::Project;

/// A project whose tasks count their runs.
struct Watched {
    project: Project,
}

impl Watched {
    fn new(definitions: &str) -> Self {
        let project = Project::new(&[("in", "1\n"), ("other", "1\n")]);
        let watched = Self { project };
        watched.define(definitions);
        watched
    }

    /// `COUNT x` in a definition becomes a command that counts a run of x.
    fn define(&self, definitions: &str) {
        let around = self.project.around().display().to_string();
        let text: Vec<String> = definitions
            .split("COUNT ")
            .enumerate()
            .map(|(place, part)| match (place, part.split_once(';')) {
                (0, _) | (_, None) => part.to_owned(),
                (_, Some((name, rest))) => format!("echo run >> {around}/count-{name};{rest}"),
            })
            .collect();
        self.project.write("Pipelinefile.kdl", text.concat());
    }

    fn count(&self, task: &str) -> usize {
        let path = self.project.around().join(format!("count-{task}"));
        std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let arguments: Vec<&str> = ["watch", "--debounce", "10ms"].iter().chain(arguments).copied().collect();
        let running = Running::start(&self.project, "watch", &arguments);
        until("it waits", || running.said().contains("waiting for changes"));
        running
    }

    fn runs(&self, task: &str, times: usize) {
        until(&format!("{task} has run {times} times"), || self.count(task) == times);
    }

    fn end(&self, running: Running) {
        running.signal(Signal::INT);
        running.end().expect(130);
        assert_eq!(left_running(&self.project), Vec::<String>::new());
    }
}

/// How often it said that it waits.
fn waits(running: &Running) -> usize {
    running.said().matches("waiting for changes").count()
}

const TWO: &str = "task \"one\" { shell \"COUNT one; cp in out\"; inputs \"in\"; outputs \"out\" }
task \"two\" { shell \"COUNT two; cat other src/* > joined\"; inputs \"other\" \"src/**\"; outputs \"joined\" }
";

#[test]
fn what_is_saved_is_built_and_what_builds_write_is_not() {
    let watched = Watched::new(TWO);
    watched.project.write("src/a", "a\n");
    let running = watched.start(&[]);
    assert_eq!((watched.count("one"), watched.count("two")), (1, 1));
    watched.project.write("in", "2\n");
    watched.runs("one", 2);
    // As editors save: a new file in the place of the old one.
    watched.project.write("in~", "3\n");
    std::fs::rename(watched.project.path("in~"), watched.project.path("in")).expect("renamed");
    watched.runs("one", 3);
    until("it is done", || waits(&running) == 3);
    assert_eq!(watched.project.read("out"), "3\n");
    // Saved without a change, and something that nobody reads; then what the other task reads.
    watched.project.write("in", "3\n");
    watched.project.write("unread", "x\n");
    watched.project.write("other", "2\n");
    watched.runs("two", 2);
    // A folder that was not there, and a file in it; then the folder goes.
    watched.project.write("src/deep/er/b", "b\n");
    watched.runs("two", 3);
    std::fs::remove_dir_all(watched.project.path("src/deep")).expect("removed");
    until("the first content is restored", || watched.project.read("joined") == "2\na\n");
    assert_eq!(watched.count("one"), 3);
    watched.end(running);
}

#[test]
fn definitions_that_are_wrong_are_told_and_mended() {
    let watched = Watched::new(TWO);
    watched.project.write("src/a", "a\n");
    let running = watched.start(&["one"]);
    watched.define(&TWO.replace("task \"two\"", "tusk \"two\""));
    until("it is told", || running.said().contains("Did you mean `task`?"));
    watched.define(&TWO.replace("cp in out", "cp in out; true"));
    watched.runs("one", 2);
    assert_eq!(watched.count("two"), 0);
    watched.end(running);
}

#[test]
fn what_failed_waits_for_a_change() {
    let definitions = "task \"one\" { shell \"COUNT one; date +%N > litter; grep -q good in\"; inputs \"in\" }
task \"two\" { shell \"COUNT two; true\"; inputs \"other\" }
";
    let watched = Watched::new(definitions);
    let running = watched.start(&[]);
    let failed = watched.count("one");
    // Its own litter may count for a change once, never twice.
    assert!((1..=2).contains(&failed), "{failed}");
    watched.project.write("in", "good\n");
    watched.runs("one", failed + 1);
    until("it is up to date", || running.said().contains("up to date; waiting"));
    watched.project.write("other", "2\n");
    watched.runs("two", 2);
    assert_eq!(watched.count("one"), failed + 1);
    watched.end(running);
}

#[test]
fn a_task_whose_inputs_move_begins_anew_and_others_go_on() {
    let gate = "while ! [ -e gate ]; do sleep 0.01; done";
    let definitions = format!(
        "task \"one\" {{ shell \"COUNT one; {gate}; cp in out\"; inputs \"in\"; outputs \"out\" }}
task \"two\" {{ shell \"COUNT two; {gate}; cp other copy\"; inputs \"other\"; outputs \"copy\" }}
"
    );
    let watched = Watched::new(&definitions);
    let running = Running::start(&watched.project, "watch", &["watch", "--debounce", "10ms", "-j", "2"]);
    watched.runs("one", 1);
    watched.runs("two", 1);
    watched.project.write("in", "2\n");
    until("it is ended", || running.said().contains("its inputs changed"));
    watched.project.write("gate", "");
    until("it is up to date", || running.said().contains("up to date; waiting"));
    assert_eq!((watched.count("one"), watched.count("two")), (2, 1));
    assert_eq!(watched.project.read("out"), "2\n");
    watched.end(running);
}

#[test]
fn ctrl_c_ends_what_runs() {
    let watched = Watched::new("task \"one\" { shell \"COUNT one; sleep 1000\" }\n");
    let running = Running::start(&watched.project, "watch", &["watch"]);
    watched.runs("one", 1);
    watched.end(running);
}

#[test]
fn without_events_it_looks() {
    let watched = Watched::new(TWO);
    watched.project.write("src/a", "a\n");
    let running = watched.start(&["--poll", "20ms", "one"]);
    assert!(running.said().contains("looking at intervals"), "{}", running.said());
    watched.project.write("in", "2\n");
    watched.runs("one", 2);
    watched.end(running);
}

#[test]
fn a_checkout_of_many_files_is_followed() {
    let watched = Watched::new(TWO);
    watched.project.write("src/0/a", "a\n");
    watched.project.write(".gitignore", "out\njoined\n");
    watched.define(&TWO.replace("src/*", "src/*/*"));
    watched.project.commit("few");
    for number in 0..2_000 {
        watched.project.write(&format!("src/{}/{number}", number % 50), "x\n");
    }
    watched.project.commit("many");
    watched.project.git(&["checkout", "-q", "HEAD~1"]);
    let running = watched.start(&["two"]);
    watched.project.git(&["checkout", "-q", "main"]);
    until("all is seen", || watched.project.read("joined").lines().count() == 2_002);
    watched.project.git(&["checkout", "-q", "HEAD~1"]);
    until("all is gone", || watched.project.read("joined") == "1\na\n");
    watched.end(running);
}

#[test]
fn workstreams_follow_their_base() {
    let definitions = "tool \"copy\" { can \"edit\"; run \"sh\" \"-c\" \"COUNT edit; cp in copy\" }
workstream \"ws-1-copy\" { files-create \"copy\"; files-scope \"in\"; tasks { - \"Copy it\" }; tool \"copy\"
    acceptance-tests { shell \"cmp in copy\" } }
";
    let watched = Watched::new(definitions);
    watched.project.commit("definitions");
    let running = watched.start(&["ws-1"]);
    assert_eq!(watched.count("edit"), 1, "{}", running.said());
    // Not committed: no workstream sees it.
    watched.project.write("in", "2\n");
    watched.project.commit("moved");
    watched.runs("edit", 2);
    until("it is done", || waits(&running) == 2);
    let result = watched.project.result_ref("ws-1-copy");
    assert_eq!(watched.project.git(&["show", &format!("{result}:copy")]), "2");
    watched.end(running);
}
