//! Learned memory: what steps needed the last time decides which of them run side by side.

use crate::support::Project;

/// Two tasks that hold some 120 MiB each. Where `meet` is there they wait for each other while they hold it; else they count
/// how many of them run.
fn project() -> Project {
    let project = Project::new(&[("in", "1"), ("meet", "")]);
    let around = project.around();
    std::fs::create_dir(around.join("running")).expect("a folder");
    for name in ["there", "back"] {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, around.join(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a fifo");
    }
    let here = around.display();
    let script = format!(
        "import os, sys\n\
         name = sys.argv[1]\n\
         held = b'x' * (120 * 1024 * 1024)\n\
         first, second = [('there', 'w'), ('back', 'r')], [('there', 'r'), ('back', 'w')]\n\
         if os.path.exists('meet'):\n    \
             for fifo, mode in first if name == 'a' else second:\n        \
                 open(f'{here}/{{fifo}}', mode).close()\n\
         else:\n    \
             open(f'{here}/running/{{name}}', 'w').close()\n    \
             for _ in range(20000):\n        \
                 count = len(os.listdir('{here}/running'))\n        \
                 if count > 1: open(f'{here}/together', 'w').close()\n    \
             os.remove(f'{here}/running/{{name}}')\n\
         open(f'out-{{name}}', 'w').write(name)\n"
    );
    project.write("hold.py", script);
    let task = |name: &str| {
        format!(
            "task \"{name}\" {{ run \"python3\" \"hold.py\" \"{name}\"; inputs \"in\"; outputs \"out-{name}\"; timeout \"90s\" }}\n"
        )
    };
    project.write("Pipelinefile.kdl", format!("{}{}", task("a"), task("b")));
    project
}

#[test]
fn two_that_do_not_fit_run_one_after_the_other_once_that_is_known() {
    let project = project();
    let limit = |amount: &'static str| [("PL_MEMORY", amount)];
    // Nothing is known yet: they meet.
    project.pl_with(&["build", "-j2"], &limit("200MiB")).expect(0);
    let stats = project.pl(&["show", "--stats", "--json"]).expect(0).json();
    let peak = stats["steps"][0]["peak_bytes"].as_u64().expect("a peak");
    assert!((120 << 20..200 << 20).contains(&peak), "{stats:#}");
    project.pl(&["show", "--stats"]).expect(0).says("MiB");

    std::fs::remove_file(project.path("meet")).expect("removed");
    project.write("in", "2");
    let ran = project.pl_with(&["build", "-j2", "--profile", "trace.json"], &limit("200MiB")).expect(0);
    ran.says("waited for memory of 200 MiB: ");
    assert!(!project.around().join("together").exists());
    assert!(project.read("trace.json").contains("wait for memory"));

    // With room for both they meet again, whoever says how much there is.
    project.write("meet", "");
    project.write("in", "3");
    project.pl_with(&["build", "-j2"], &limit("1GiB")).expect(0);
    let text = project.read("Pipelinefile.kdl");
    project.write("Pipelinefile.kdl", format!("memory \"1GiB\"\n{text}"));
    project.pl(&["build", "-j2"]).expect(0).started_nothing();
    project.write("in", "4");
    project.pl(&["build", "-j2"]).expect(0);
    std::fs::remove_file(project.path("meet")).expect("removed");
    project.write("Pipelinefile.kdl", format!("memory \"200MiB\"\n{text}"));
    project.write("in", "5");
    project.pl(&["build", "-j2"]).expect(0).says("waited for memory");
    assert!(!project.around().join("together").exists());
}

#[test]
fn one_that_fits_nowhere_runs_alone() {
    let project = project();
    project.pl_with(&["build", "-j2"], &[]).expect(0);
    std::fs::remove_file(project.path("meet")).expect("removed");
    project.write("in", "2");
    project.pl_with(&["build", "-j2"], &[("PL_MEMORY", "1MiB")]).expect(0);
    assert!(!project.around().join("together").exists());
}

#[test]
fn a_limit_that_cannot_be_read_is_told() {
    let project = Project::new(&[("Pipelinefile.kdl", "task \"t\" { run \"true\" }\n")]);
    project.pl_with(&["build"], &[("PL_MEMORY", "lots")]).expect(2).says("PL_MEMORY").started_nothing();
}
