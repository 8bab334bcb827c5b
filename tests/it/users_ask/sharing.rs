//! Does it share the machine? What runs at once, and what makes it run again. Memory and jobservers have files of their own
//! (`memory`, `jobserver`).

use rustix::process::Signal;

use crate::jobserver::{counted, counting, tasks};
use crate::robustness::query;
use crate::running::{Running, left_running, until};
use crate::support::Project;

#[test]
fn no_more_run_at_once_than_was_said() {
    let project = Project::new(&[]);
    let script = counting(&project);
    let names = ["a", "b", "c", "d", "e", "f"];
    project.write("Pipelinefile.kdl", tasks(&script, &names));
    project.pl(&["build", "-j2"]).expect(0);
    let (most, ran) = counted(&project);
    assert_eq!(ran, names);
    assert!(most <= 2, "{most} ran at once");
}

#[test]
fn nothing_survives_a_killed_build_and_its_next() {
    let project = Project::new(&[]);
    let here = project.around().display().to_string();
    // One child in the group, one that left it for a session of its own.
    let file = format!(
        "task \"t\" {{ shell \"[ -e {here}/at ] && exit 0; sleep 1000 & setsid sleep 1000 & : > {here}/at; wait\" }}\n"
    );
    project.write("Pipelinefile.kdl", file);
    let running = Running::start(&project, "killed", &["build"]);
    until("it runs", || project.around().join("at").exists());
    until("both run", || left_running(&project).iter().filter(|words| words.starts_with("sleep")).count() == 2);
    running.kill();
    until("the step itself dies with its parent", || {
        !left_running(&project).iter().any(|words| words.starts_with("sh "))
    });
    project.pl(&["build"]).expect(0);
    assert_eq!(left_running(&project), Vec::<String>::new());
}

#[test]
fn watch_does_not_loop_on_its_own_writes() {
    let project = Project::new(&[("src/b.txt", "2\n"), ("src/a.txt", "1\n")]);
    // It writes into the folder that it reads, once what it makes and once what it read.
    let file = "task \"list\" { shell \"ls src > src/list; sort -o src/b.txt src/b.txt; date +%N > src/.stamp\"; \
                inputs \"src/*.txt\"; outputs \"src/list\" }\n";
    project.write("Pipelinefile.kdl", file);
    let running = Running::start(&project, "watch", &["watch", "--debounce", "10ms"]);
    until("it waits", || running.said().contains("up to date; waiting"));
    let runs = || query(&project, "SELECT CAST(count(*) AS TEXT) FROM step_attempts");
    let before = runs();
    // A save without a change wakes it as its own writes do; then one that counts. What ran is then one step more.
    project.write("src/a.txt", "1\n");
    project.write("src/c.txt", "3\n");
    until("the new file is listed", || project.read("src/list").contains("c.txt"));
    running.signal(Signal::INT);
    running.end().expect(130);
    let number = |text: String| text.parse::<u32>().expect("a number");
    let (before, after) = (number(before), number(runs()));
    assert!((1..=2).contains(&before) && after <= before + 2, "{before} runs, then {after}");
}
