//! Places shared with others by GNU make's jobserver: `pl` under make, make under `pl`, and what is left of the bytes.
//!
//! Programs count themselves: each notes, as long as it runs, how many of its kind run with it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::running::{Running, left_running, until};
use crate::support::{Project, steps_run};

/// A script that notes how many run at once, for as long as it takes to do so some forty times: `sh count NAME`.
pub fn counting(project: &Project) -> PathBuf {
    let script = project.around().join("count");
    let here = project.around().display().to_string();
    std::fs::create_dir(project.around().join("running")).expect("a folder");
    let text = format!(
        "cd {here}; echo x > running/$1; n=0\n\
         while [ $n -lt 40 ]; do set -- \"$1\" running/*; echo $(($# - 1)) >> seen; n=$((n + 1)); : $(true); done\n\
         echo $1 >> ran; rm running/$1\n"
    );
    std::fs::write(&script, text).expect("a script");
    script
}

/// The most that ran at once, and the names of all that ran.
pub fn counted(project: &Project) -> (u32, Vec<String>) {
    let read = |name: &str| std::fs::read_to_string(project.around().join(name)).expect("a file");
    let mut ran: Vec<String> = read("ran").lines().map(str::to_owned).collect();
    ran.sort();
    (read("seen").lines().map(|line| line.parse().expect("a number")).max().expect("a line"), ran)
}

/// Tasks that do nothing but count themselves.
pub fn tasks(script: &Path, names: &[&str]) -> String {
    names.iter().map(|name| format!("task \"{name}\" {{ run \"sh\" \"{}\" \"{name}\" }}\n", script.display())).collect()
}

/// A fifo that is not open yet.
fn make_fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a fifo");
}

/// A jobserver like make's from 4.4 on: a fifo with so many bytes in it.
struct Outer {
    fifo: PathBuf,
    file: File,
}

impl Outer {
    fn new(project: &Project, bytes: usize) -> Self {
        let fifo = project.around().join("outer");
        make_fifo(&fifo);
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut file = OpenOptions::new().read(true).write(true).custom_flags(nonblocking).open(&fifo).expect("a fifo");
        file.write_all(&vec![b'+'; bytes]).expect("bytes");
        Self { fifo, file }
    }

    fn flags(&self) -> String {
        format!(" -j2 --jobserver-auth=fifo:{}", self.fifo.display())
    }

    /// The bytes that are in it; they are taken out.
    fn left(&mut self) -> usize {
        let mut bytes = [0; 64];
        self.file.read(&mut bytes).unwrap_or(0)
    }
}

#[test]
fn two_builds_under_one_make_run_no_more_programs_than_it_allows() {
    let (one, other) = (Project::new(&[]), Project::new(&[]));
    let script = counting(&one);
    one.write("Pipelinefile.kdl", tasks(&script, &["a", "b", "c"]));
    other.write("Pipelinefile.kdl", tasks(&script, &["d", "e", "f"]));
    let pl = env!("CARGO_BIN_EXE_pl");
    let line = |project: &Project| format!("\t+cd {} && {pl} build -q -j8\n", project.root().display());
    let makefile = format!("all: one other\none:\n{}other:\n{}", line(&one), line(&other));
    std::fs::write(one.around().join("outer.mk"), makefile).expect("a makefile");
    let output = one.command("make").args(["-s", "-j2", "-f", "../outer.mk"]).output().expect("make");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
    let (most, ran) = counted(&one);
    assert_eq!(ran, ["a", "b", "c", "d", "e", "f"]);
    assert!(most <= 2, "{most} ran at once");
}

#[test]
fn a_build_gives_back_what_it_took_however_it_ends() {
    let project = Project::new(&[]);
    let script = counting(&project);
    let mut outer = Outer::new(&project, 1);
    let with = |text: &str, code: i32| {
        project.write("Pipelinefile.kdl", text);
        project.pl_with(&["build", "-j8"], &[("MAKEFLAGS", &outer.flags())]).expect(code);
    };
    with(&tasks(&script, &["a", "b", "c", "d"]), 0);
    let (most, ran) = counted(&project);
    assert!(most <= 2 && ran.len() == 4, "{most} ran at once: {ran:?}");
    with("task \"bad\" { run \"false\" }\ntask \"none\" { run \"no-such-program\" }\ntask \"x\" { run \"true\" }\n", 1);
    assert_eq!(outer.left(), 1);

    // Two run and hold all there is, two wait.
    outer.file.write_all(b"+").expect("a byte");
    let here = project.around().display().to_string();
    let wait = |name: &str| format!("task \"{name}\" {{ shell \": > {here}/at-{name}; read x < {here}/never\" }}\n");
    make_fifo(&project.around().join("never"));
    project.write("Pipelinefile.kdl", ["w", "x", "y", "z"].map(wait).concat());
    let at = || ["w", "x", "y", "z"].iter().filter(|name| project.around().join(format!("at-{name}")).exists()).count();
    let running = Running::start_with(&project, "waiting", &["build", "-j8"], &[("MAKEFLAGS", &outer.flags())]);
    until("two run", || at() == 2);
    assert_eq!(outer.left(), 0);
    running.signal(Signal::INT);
    running.end().expect(130);
    assert_eq!((at(), outer.left()), (2, 1));
    assert_eq!(left_running(&project), Vec::<String>::new());
}

#[test]
fn two_makes_in_a_build_share_its_places() {
    let project = Project::new(&[]);
    let script = counting(&project);
    for (folder, names) in [("one", "a b c"), ("other", "d e f")] {
        let text = format!("all: {names}\n{names}:\n\t@sh {} $@\n", script.display());
        project.write(&format!("{folder}/Makefile"), text);
    }
    let make = |name: &str| format!("task \"{name}\" {{ run \"make\" \"-s\" \"-C\" \"{name}\" }}\n");
    project.write("Pipelinefile.kdl", format!("{}{}", make("one"), make("other")));
    project.pl(&["build", "-j2"]).expect(0);
    let (most, ran) = counted(&project);
    assert_eq!(ran, ["a", "b", "c", "d", "e", "f"]);
    assert!(most <= 2, "{most} ran at once");
    assert!(!project.path(".pl/jobserver").exists());
}

/// A folder whose Makefile needs two places: each recipe waits for the other.
fn meeting(project: &Project, folder: &str) {
    let fifo = project.around().join(format!("meet-{folder}"));
    make_fifo(&fifo);
    let fifo = fifo.display();
    project
        .write(&format!("{folder}/Makefile"), format!("all: a b\na:\n\t@echo here > {fifo}\nb:\n\t@read x < {fifo}\n"));
}

#[test]
fn a_make_takes_the_places_that_are_free() {
    let project = Project::new(&[]);
    meeting(&project, "one");
    project.write("Pipelinefile.kdl", "task \"one\" { run \"make\" \"-s\" \"-C\" \"one\"; timeout \"60s\" }\n");
    project.pl(&["build", "-j2"]).expect(0);
}

#[test]
fn what_a_killed_make_held_is_there_again() {
    let project = Project::new(&[]);
    meeting(&project, "after");
    let fifo = project.around().join("meet-after").display().to_string();
    // The second recipe, which runs in a place of the jobserver, ends its make while the first still waits.
    project.write("killed/Makefile", format!("all: a b\na:\n\t@read x < {fifo}; :\nb:\n\t@kill -9 $$PPID\n"));
    project.write(
        "Pipelinefile.kdl",
        "task \"killed\" { shell \"make -s -C killed; true\"; jobserver }\n\
         task \"after\" { run \"make\" \"-s\" \"-C\" \"after\"; depends-on \"killed\"; timeout \"60s\" }\n",
    );
    let summary = project.pl(&["build", "--json", "-j2"]).expect(0).json();
    assert_eq!(steps_run(&summary), ["killed", "after"]);
}

#[test]
fn who_is_told_and_that_it_is_in_no_key() {
    let project = Project::new(&[("in", "x")]);
    let script = "echo \\\"$1:$MAKEFLAGS:$CARGO_MAKEFLAGS\\\" >> ../told";
    project.write("bin/make", format!("#!/bin/sh\n{}\n", script.replace("\\\"", "\"").replace("$1", "make")));
    let command = project.command("chmod").args(["+x", "bin/make"]).status().expect("chmod");
    assert!(command.success());
    let text = |more: &str| {
        format!(
            "env {{ pass \"*MAKEFLAGS\" }}\n\
             task \"plain\" {{ shell \"{}\"; inputs \"in\" }}\n\
             task \"asked\" {{ shell \"{}\"; inputs \"in\"; jobserver }}\n\
             task \"own\" {{ shell \"{}\"; inputs \"in\"; jobserver; env {{ MAKEFLAGS \"-k\" }} }}\n\
             task \"make\" {{ run \"bin/make\"; inputs \"in\" }}\n\
             task \"not\" {{ run \"bin/make\" \"not\"; inputs \"in\"; {more} }}\n",
            script.replace("$1", "plain"),
            script.replace("$1", "asked"),
            script.replace("$1", "own"),
        )
    };
    project.write("Pipelinefile.kdl", text("jobserver #false"));
    project.pl(&["build"]).expect(0);
    let told = std::fs::read_to_string(project.around().join("told")).expect("told");
    let mut told: Vec<&str> = told.lines().collect();
    told.sort_unstable();
    let flags = "-j --jobserver-fds=50,51 --jobserver-auth=50,51";
    let (asked, make) = (format!("asked:{flags}:{flags}"), format!("make:{flags}:"));
    assert_eq!(told, [asked.as_str(), make.as_str(), "make::", "own:-k:", "plain::"]);
    // Neither what a definition says of it nor what we run under makes anything stale.
    project.write("Pipelinefile.kdl", text("jobserver"));
    project.pl(&["build", "-j7"]).expect(0).started_nothing();
    let outer = Outer::new(&project, 1);
    project.pl_with(&["build"], &[("MAKEFLAGS", &outer.flags())]).expect(0).started_nothing();
}

#[test]
fn a_jobserver_that_is_not_there_is_told() {
    let project = Project::new(&[("Pipelinefile.kdl", "task \"t\" { run \"true\" }\n")]);
    let flags = [("MAKEFLAGS", " -j2 --jobserver-auth=77,78")];
    project.pl_with(&["build"], &flags).expect(0).says("the jobserver `77,78` cannot be used").says("`+`");
}
