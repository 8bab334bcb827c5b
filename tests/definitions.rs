//! Whole little projects, read as `pl` reads them: every case of every code, and every example of docs/definitions.md.

use std::collections::BTreeSet;
use std::path::Path;

use pl::analysis::Overrides;
use pl::analysis::diagnostics::{ALL, errors_markdown, explain};
use pl::analysis::listing::Listing;
use pl::base::diagnostic::Case;
use pl::project::{Project, load};
use pl::system::memory::MemorySystem;

const ROOT: &str = "/project";

fn project(files: &[(&str, &str)], overrides: &Overrides) -> Project {
    let mut system = MemorySystem::default();
    let mut tree = Vec::new();
    for (path, text) in files {
        match path.strip_prefix("tree/") {
            Some(path) => tree.push(path.to_owned()),
            None => system = system.with_file(Path::new(ROOT).join(path), *text),
        }
    }
    let listing = (!tree.is_empty()).then(|| Listing::new(tree));
    load(&system, Path::new(ROOT), listing.as_ref(), overrides)
}

fn codes(project: &Project) -> BTreeSet<&'static str> {
    project.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect()
}

fn said(project: &Project) -> String {
    let lines = project.diagnostics.iter().map(|diagnostic| {
        let place = diagnostic.labels.first().and_then(|label| {
            let (line, column) = project.sources.position(label.span)?;
            Some(format!("{}:{line}:{column}", project.sources.get(label.span.file)?.path))
        });
        let place = place.unwrap_or_default();
        format!("  {place} {}: {} ({:?})\n", diagnostic.code.id, diagnostic.message, diagnostic.help)
    });
    lines.collect()
}

/// Help is there, and every span lies inside its text.
fn faults_of_form(project: &Project) -> Vec<String> {
    let mut faults = Vec::new();
    for diagnostic in &project.diagnostics {
        if diagnostic.help.as_deref().unwrap_or_default().is_empty() || diagnostic.message.ends_with('.') {
            faults.push(format!("{}: no help, or a period: {}", diagnostic.code.id, diagnostic.message));
        }
        if diagnostic.labels.is_empty() {
            faults.push(format!("{}: no place", diagnostic.code.id));
        }
        for label in &diagnostic.labels {
            let text = project.sources.get(label.span.file).map_or("", |source| &source.text);
            if text.get(label.span.start as usize..label.span.end as usize).is_none_or(str::is_empty) {
                faults.push(format!("{}: {:?} is not in the text", diagnostic.code.id, label.span));
            }
        }
    }
    faults
}

fn check(code: &str, case: &Case) -> Result<(), String> {
    let project = project(case.files, &Overrides::default());
    let expected: BTreeSet<&str> = case.expect.iter().copied().collect();
    let mut faults = faults_of_form(&project);
    if codes(&project) != expected {
        faults.push(format!("expected {expected:?}"));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(format!("{code}: {}\n{}{}", case.name, said(&project), faults.join("\n")))
    }
}

#[test]
fn every_case_gives_its_codes() {
    let mut faults = Vec::new();
    for (code, cases) in ALL {
        faults.extend(cases.iter().filter_map(|case| check(code.id, case).err()));
        let shown =
            cases.iter().any(|case| case.expect.contains(&code.id)) && cases.iter().any(|case| case.expect.is_empty());
        // These need a machine that fails, or thousands of workstreams: tests of their own below.
        let own_test = ["too-many", "unreadable-file", "missing-folder"].contains(&code.id);
        if !shown && !own_test {
            faults.push(format!("{} needs a bad and a good case", code.id));
        }
    }
    assert!(faults.is_empty(), "{}\n{} faults", faults.join("\n\n"), faults.len());
}

#[test]
fn codes_are_unique_and_explained() {
    let mut ids = BTreeSet::new();
    for (code, _) in pl::syntax::diagnostics::ALL.iter().chain(ALL) {
        assert!(ids.insert(code.id), "{} is there twice", code.id);
        assert!(!code.summary.is_empty() && !code.explanation.is_empty(), "{}", code.id);
        assert_eq!(explain(code.id).map(|code| code.id), Some(code.id));
        assert!(errors_markdown().contains(&format!("\n## {}\n", code.id)));
    }
    assert!(explain("no-such-code").is_none());
}

fn with(files: &[(&str, &str)], tool: Option<&str>, set: &[(&str, &str)]) -> Project {
    let variables = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    project(files, &Overrides { tool: tool.map(str::to_owned), variables })
}

const BUNDLE: &str = r#"[{"id": "ws-15-refactor-core-state", "openspec_change": "core", "ccpm_issue": 15, "gate": 2,
  "files_scope": ["src/a.py"], "tasks": ["Tidy {python}"], "tool": "aider",
  "acceptance_tests": ["awk '{print}' src/a.py | grep -q a"], "depends_on": ["ws-14"]},
 {"id": "ws-14-first", "openspec_change": "core", "ccpm_issue": "14", "gate": 1,
  "files_scope": ["src/b.py"], "tasks": [], "tool": "edit", "acceptance_tests": ["test -f src/b.py"]}]"#;
const TREE: [(&str, &str); 2] = [("tree/src/a.py", ""), ("tree/src/b.py", "")];

#[test]
fn bundles_resolve_against_the_shipped_tools() {
    let files = [("workstreams/core.json", BUNDLE), TREE[0], TREE[1]];
    let project = with(&files, None, &[]);
    assert_eq!(said(&project), "");
    let [first, second] = project.pipeline.workstreams.as_slice() else { panic!("two workstreams") };
    assert_eq!(second.depends_on, ["ws-14-first".into()]);
    assert_eq!((second.tools.len(), second.asked_tool.as_str()), (1, "aider"));
    assert_eq!(first.tools.last().map(|tool| tool.as_str()), Some("manual"));
    assert_eq!(second.timeout_ms, Some(30 * 60_000));
    assert_eq!(second.instructions, ["Tidy {python}"]);
    assert_eq!(second.tests[0].command.text(), "awk '{print}' src/a.py | grep -q a");
    assert_eq!(second.rules.len(), 2);
    assert!(project.pipeline.tools.iter().any(|tool| tool.name.as_str() == "aider"));
}

#[test]
fn the_command_line_wins() {
    let pipelinefile = "override { tool \"manual\" }\nlet { python \"3.12\" }\ntask \"t\" { run \"python{python}\" }\n";
    let files = [("Pipelinefile.kdl", pipelinefile), ("workstreams/core.json", BUNDLE), TREE[0], TREE[1]];
    let asked = |project: &Project| project.pipeline.workstreams[1].asked_tool.clone();
    let plain = with(&files, None, &[]);
    assert_eq!(asked(&plain), "manual");
    let over = with(&files, Some("replay"), &[("python", "3.13")]);
    assert_eq!((said(&over), asked(&over)), (String::new(), "replay".to_owned()));
    let command = over.pipeline.tasks[0].command.as_ref().map(pl::analysis::pipeline::Command::text);
    assert_eq!(command.as_deref(), Some("python3.13"));
    let wrong = with(&files, Some("replai"), &[("pithon", "3.13")]);
    assert_eq!(codes(&wrong), BTreeSet::from(["unknown-tool", "unknown-variable"]));
    assert!(said(&wrong).contains("did you mean `replay`"), "{}", said(&wrong));
}

#[test]
fn what_means_the_same_is_equal() {
    let one = with(&[("workstreams/core.json", BUNDLE)], None, &[]);
    let other = with(&[("workstreams/other.json", &format!("\n\n{BUNDLE}\n"))], None, &[]);
    assert_eq!(one.pipeline, other.pipeline);
}

#[test]
fn the_machine_may_fail() {
    let system = MemorySystem::default()
        .with_file("/project/Pipelinefile.kdl", b"task \"caf\xe9\" {}".to_vec())
        .with_variable("PIPELINE_WORKSTREAM_DIR", "elsewhere");
    let project = load(&system, Path::new(ROOT), None, &Overrides::default());
    assert_eq!(codes(&project), BTreeSet::from(["unreadable-file", "missing-folder"]));
    assert!(said(&project).contains("not UTF-8 text (byte 9)"));
    assert!(project.definition_paths.absent.contains(&Path::new("/project/elsewhere").to_owned()));
    let nothing = load(&MemorySystem::default(), Path::new(ROOT), None, &Overrides::default());
    assert_eq!(said(&nothing), "");
}

#[test]
fn the_nearest_pipelinefile_upward_is_the_root() {
    let system = MemorySystem::default()
        .with_file("/a/Pipelinefile.kdl", "")
        .with_file("/a/b/.git/HEAD", "")
        .with_file("/c/.git/HEAD", "")
        .with_file("/c/d/e/f", "");
    let root = |start: &str| pl::project::find_root(&system, Path::new(start)).display().to_string();
    assert_eq!(root("/a/b/c"), "/a");
    assert_eq!(root("/c/d/e"), "/c");
    assert_eq!(root("/x/y"), "/x/y");
}

fn bundle(number: usize, before: Option<usize>, scope: &str) -> String {
    let depends_on = before.map_or(String::new(), |before| format!("\"ws-{before}\""));
    format!(
        "{{\"id\": \"ws-{number}-x\", \"openspec_change\": \"c\", \"ccpm_issue\": 1, \"gate\": 1, \"files_scope\": [\"{scope}\"], \
         \"tasks\": [\"Do it\"], \"tool\": \"manual\", \"acceptance_tests\": [\"test -f x\"], \"depends_on\": [{depends_on}]}}"
    )
}

fn bundles(count: usize, chained: bool, scope: impl Fn(usize) -> String) -> String {
    let one = |number: usize| bundle(number, number.checked_sub(1).filter(|_| chained), &scope(number));
    format!("[{}]", (0..count).map(one).collect::<Vec<_>>().join(",\n"))
}

#[test]
fn long_chains_and_wide_fields_take_no_stack_and_little_time() {
    let chain = bundles(3_000, true, |_| "src/a.py".to_owned());
    let project = with(&[("workstreams/chain.json", &chain), TREE[0]], None, &[]);
    assert_eq!(said(&project), "");
    assert_eq!(project.pipeline.workstreams.len(), 3_000);

    let wide = bundles(3_000, false, |number| format!("src/part{number}/**/*.py"));
    let project = with(&[("workstreams/wide.json", &wide)], None, &[]);
    assert_eq!(said(&project), "");

    let tasks: Vec<String> = (0..10_000)
        .map(|number: usize| {
            let before = number.checked_sub(1).map_or(String::new(), |before| format!("\"t{before}\""));
            format!("{{\"name\": \"t{number}\", \"run\": [\"x\"], \"outputs\": [\"out/{number}\"], \"depends_on\": [{before}]}}")
        })
        .collect();
    let text = format!("{{\"tasks\": [{}]}}", tasks.join(",\n"));
    let project = with(&[("Pipelinefile.kdl", "include \"gen/t.json\"\n"), ("gen/t.json", &text)], None, &[]);
    assert_eq!(said(&project), "");
    assert_eq!(project.pipeline.tasks.len(), 10_000);
}

#[test]
fn limits_are_said() {
    let same = bundles(60, false, |_| "src/a.py".to_owned());
    let project = with(&[("workstreams/same.json", &same), TREE[0]], None, &[]);
    assert_eq!(codes(&project), BTreeSet::from(["overlap", "too-many"]));
    assert_eq!(project.diagnostics.iter().filter(|diagnostic| diagnostic.code.id == "overlap").count(), 1_000);
}

#[test]
fn several_faults_are_said_at_once() {
    let pipelinefile = "default \"nothing\"\ntask \"a\" { depends-on \"b\"; run \"{x}\"; pool \"p\" }\n";
    let project =
        with(&[("Pipelinefile.kdl", pipelinefile), ("workstreams/core.json", BUNDLE), TREE[0]], Some("x"), &[]);
    let expected =
        ["missing-path", "unknown-pool", "unknown-target", "unknown-task", "unknown-tool", "unknown-variable"];
    assert_eq!(codes(&project), BTreeSet::from(expected), "{}", said(&project));
}

/// A fenced block of the page: its marks, the line it begins on, its text.
fn blocks(page: &str) -> Vec<(String, usize, String)> {
    let mut blocks: Vec<(String, usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(marks) => {
                open = true;
                blocks.push((marks.to_owned(), number + 1, String::new()));
            }
            None if open => {
                if let Some((_, _, text)) = blocks.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            None => {}
        }
    }
    blocks
}

#[test]
fn every_example_of_the_pages_is_right() {
    assert!(examples("docs/definitions.md", include_str!("../docs/definitions.md")) > 10);
    assert_eq!(examples("docs/rules.md", include_str!("../docs/rules.md")), 1);
}

/// Reads the examples of a page; how many there are.
fn examples(name: &str, page: &str) -> usize {
    let mut read = 0;
    for (marks, line, text) in blocks(page) {
        let files: &[(&str, &str)] = match marks.split(',').next() {
            Some("kdl") => &[("Pipelinefile.kdl", &text)],
            Some("json") if marks.ends_with("tasks") => {
                &[("Pipelinefile.kdl", "include \"gen/t.json\""), ("gen/t.json", &text)]
            }
            Some("json") => &[("workstreams/example.json", &text)],
            _ => continue,
        };
        let project = with(files, None, &[]);
        read += 1;
        assert_eq!(project.has_errors(), marks.ends_with(",bad"), "{name}:{line}\n{}", said(&project));
        let silent = marks.ends_with(",bad") || project.diagnostics.is_empty();
        assert!(silent, "{name}:{line}\n{}", said(&project));
    }
    read
}
