//! Inputs that a compiler found: a C project whose tasks declare sources only, and the depfiles that tell the rest.

use crate::support::{Project, Ran, steps_run};

const PIPELINE: &str = r#"
task "main.o" {
    run "cc" "-MMD" "-MF" "out/main.o.d" "-Iinclude" "-c" "src/main.c" "-o" "out/main.o"
    inputs "src/main.c"
    outputs "out/main.o"
    depfile "{out}.d"
}
task "part.o" {
    run "cc" "-MMD" "-MP" "-MF" "out/part.o.d" "-Iinclude" "-c" "src/part.c" "-o" "out/part.o"
    inputs "src/part.c"
    outputs "out/part.o"
    depfile "{out}.d"
}
task "program" { run "cc" "out/main.o" "out/part.o" "-o" "out/program"; inputs "out/main.o" "out/part.o"; outputs "out/program" }
"#;

const MAIN: &str = "#include \"main.h\"\n#include \"both.h\"\nint main(void) { return part() + MAIN + BOTH; }\n";
const PART: &str = "#include \"both.h\"\n#include <stdlib.h>\nint part(void) { return abs(BOTH); }\n";

fn c_project() -> Project {
    let project = Project::new(&[
        ("Pipelinefile.kdl", PIPELINE),
        ("src/main.c", MAIN),
        ("src/part.c", PART),
        ("include/main.h", "#define MAIN 1\n"),
        ("include/both.h", "#define BOTH 2\nint part(void);\n"),
        ("include/other.h", "#define OTHER 3\n"),
    ]);
    std::fs::create_dir(project.path("out")).expect("out");
    project
}

fn ran(project: &Project) -> Vec<String> {
    let mut ran = steps_run(&project.build(&[], 0));
    ran.sort();
    ran
}

#[track_caller]
fn fresh(project: &Project) -> Ran {
    let ran = project.pl(&["build", "--json"]).expect(0).started_nothing();
    assert!(ran.json()["run_id"].is_null(), "{}", ran.output());
    ran
}

#[test]
fn a_header_makes_stale_who_includes_it_and_nobody_else() {
    let project = c_project();
    assert_eq!(ran(&project), ["main.o", "part.o", "program"]);
    fresh(&project);
    project.write("include/main.h", "#define MAIN 7\n");
    project.pl(&["check"]).expect(0).says("input include/main.h changed");
    assert_eq!(ran(&project), ["main.o", "program"]);
    fresh(&project);
    project.write("include/both.h", "#define BOTH 3\nint part(void);\n");
    assert_eq!(ran(&project), ["main.o", "part.o", "program"]);
    fresh(&project);
    project.write("include/other.h", "#define OTHER 4\n");
    fresh(&project);
    // As it was before: the record of that state is still there.
    project.write("include/both.h", "#define BOTH 2\nint part(void);\n");
    project.pl(&["build", "--json"]).expect(0).started_nothing();
    fresh(&project);
}

#[test]
fn a_header_that_is_no_longer_included_stops_to_matter() {
    let project = c_project();
    ran(&project);
    project.write("src/main.c", MAIN.replace("#include \"main.h\"\n", "").replace("MAIN + ", ""));
    assert_eq!(ran(&project), ["main.o", "program"]);
    project.write("include/main.h", "#define MAIN 9\n");
    fresh(&project);
    std::fs::remove_file(project.path("include/main.h")).expect("main.h");
    fresh(&project);
}

#[test]
fn a_header_that_is_gone_makes_stale_and_fails_who_needs_it() {
    let project = c_project();
    ran(&project);
    std::fs::remove_file(project.path("include/both.h")).expect("both.h");
    project.pl(&["check"]).expect(0).says("input include/both.h changed");
    project.pl(&["build"]).expect(1).says("both.h");
    project.write("include/both.h", "#define BOTH 2\nint part(void);\n");
    project.pl(&["build", "--json"]).expect(0).started_nothing();
}

#[test]
fn a_new_header_in_front_of_another_is_seen_with_its_includer() {
    let project = c_project();
    ran(&project);
    project.write("include/deep.h", "#define DEEP 5\n");
    project.write("include/main.h", "#include \"deep.h\"\n#define MAIN DEEP\n");
    assert_eq!(ran(&project), ["main.o", "program"]);
    project.write("include/deep.h", "#define DEEP 6\n");
    assert_eq!(ran(&project), ["main.o", "program"]);
    fresh(&project);
}

/// A step that reads `gen.h` and says so.
const READS: &str = r#"
task "gen" { shell "cp gen.in out/gen.h"; inputs "gen.in"; outputs "out/gen.h" }
task "use" { shell "cat a.c out/gen.h > out/a.o; echo 'out/a.o: a.c out/gen.h' > out/a.o.d"; inputs "a.c"; outputs "out/a.o"; depfile "{out}.d"; MORE }
"#;

fn generated(more: &str) -> Project {
    let project =
        Project::new(&[("Pipelinefile.kdl", &READS.replace("MORE", more)), ("gen.in", "1\n"), ("a.c", "a\n")]);
    project.write("out/gen.h", "0\n");
    project
}

#[test]
fn what_another_task_makes_must_be_waited_for() {
    generated("")
        .pl(&["build"])
        .expect(1)
        .says("use read out/gen.h, which task `gen` makes, and does not wait for it")
        .says("add `depends-on \"gen\"`, or `inputs \"out/gen.h\"`");
    let project = generated("depends-on \"gen\"");
    assert_eq!(ran(&project), ["gen", "use"]);
    fresh(&project);
    project.write("gen.in", "2\n");
    assert_eq!(ran(&project), ["gen", "use"]);
    assert_eq!(project.read("out/a.o"), "a\n2\n");
    fresh(&project);
}

fn with_depfile(writes: &str) -> Project {
    let pipeline =
        format!("task \"t\" {{ shell \"cp a.c a.o; {writes}\"; inputs \"a.c\"; outputs \"a.o\"; depfile \"a.d\" }}");
    Project::new(&[("Pipelinefile.kdl", &pipeline), ("a.c", "a\n"), ("b.h", "b\n"), ("sp ace.h", "c\n")])
}

#[test]
fn a_depfile_that_is_missing_or_no_depfile_fails_the_step() {
    let missing = with_depfile("true");
    missing.write("a.d", "a.o: a.c\n");
    missing.pl(&["build"]).expect(1).says("t ended well, but its depfile a.d is missing");
    with_depfile("echo nonsense > a.d")
        .pl(&["build"])
        .expect(1)
        .says("its depfile a.d cannot be read: line 1: a `:` is missing");
    with_depfile("mkdir -p a.d").pl(&["build"]).expect(1).says("its depfile a.d cannot be read");
}

#[test]
fn names_are_unquoted_and_what_lies_outside_is_left_out() {
    let project = with_depfile(r"printf 'a.o: a.c ./b.h sp\\\\ ace.h /etc/hostname ../elsewhere a.o a.d\n' > a.d");
    assert_eq!(ran(&project), ["t"]);
    fresh(&project);
    project.write("sp ace.h", "d\n");
    project.pl(&["check"]).expect(0).says("input sp ace.h changed");
    assert_eq!(ran(&project), ["t"]);
    project.write("b.h", "d\n");
    assert_eq!(ran(&project), ["t"]);
    fresh(&project);
}

#[test]
fn a_found_file_that_changes_while_the_step_runs_is_not_recorded() {
    let project = with_depfile("cat b.h; echo more >> b.h; echo 'a.o: b.h' > a.d");
    project.pl(&["build"]).expect(0).says("input b.h changed while it ran, so it is not recorded as done");
    assert_eq!(ran(&project), ["t"]);
}
