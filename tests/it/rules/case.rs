//! One rule's case: a project with a workstream for each of its folders, built, and what came of it.
//!
//! Knows no rule by name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::rules::served::Served;
use crate::support::Project;

/// Characters of a message that are compared.
const MESSAGE_CHARACTERS_MAX: usize = 100;

/// What a case came to.
pub enum Ended {
    /// As it should.
    Good,
    /// As it should, with a program that only prints what was captured.
    Captured(String),
    /// Its program is not there.
    Skipped(String),
    /// Not as it should.
    Failed(String),
}

/// A case.
pub struct Case {
    /// The rule's name.
    pub rule: String,
    folder: PathBuf,
    checkers: PathBuf,
    /// The file that the rule is in.
    text: String,
    /// What must be there.
    programs: Vec<String>,
    /// It has a `fix`.
    fixes: bool,
    /// It comes with a toolchain, or no registry that pl installs from has it: PATH's will do.
    from_path: bool,
}

impl Case {
    /// The case of a rule.
    pub fn new(root: &Path, rule: String, file: &Path) -> Self {
        let text = std::fs::read_to_string(file).expect("a rule");
        let own: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with(&format!("rule \"{rule}\"")))
            .take_while(|line| *line != "}")
            .collect();
        let words = |line: &str, after: &str| -> Vec<String> {
            let rest = line.split_once(after).map_or("", |(_, rest)| rest);
            rest.split('"').skip(1).step_by(2).map(str::to_owned).collect()
        };
        let version = own.iter().find(|line| line.trim().starts_with("version ")).map(|line| words(line, "run "));
        let run = own.iter().find(|line| line.trim().starts_with("run ")).map(|line| words(line, "run "));
        let program = version.or(run).and_then(|words| words.into_iter().next());
        // `cargo clippy` and `cargo nextest` are programs of their own.
        let cargo = rule.strip_prefix("cargo-").map(|name| format!("cargo-{name}"));
        let cargo =
            cargo.filter(|_| own.iter().any(|line| line.contains("\"nextest\"") || line.contains("\"clippy\"")));
        let checkers = std::env::var_os("PL_CHECKERS_DIR").map_or_else(|| root.join("target/checkers"), PathBuf::from);
        Self {
            folder: root.join("tests/fixtures/rules").join(&rule),
            checkers: checkers.join(".pl/tools/bin"),
            programs: program.into_iter().chain(cargo).collect(),
            fixes: own.iter().any(|line| line.trim().starts_with("fix ")),
            from_path: match own.iter().find(|line| line.trim().starts_with("install ")) {
                None => true,
                // Modules of PowerShell cannot be seen on PATH.
                Some(line) => line.contains("install \"cargo\""),
            },
            rule,
            text,
        }
    }

    /// Runs it.
    pub fn run(&self) -> Ended {
        if !self.folder.join("bad").is_dir() {
            return Ended::Failed(format!("no case: write {}", self.folder.join("bad").display()));
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let there = |program: &String| {
            let others = std::env::split_paths(&path).filter(|_| self.from_path);
            std::iter::once(self.checkers.clone()).chain(others).any(|folder| folder.join(program).exists())
        };
        let captured = self.folder.join("captured");
        let is_captured = captured.is_dir();
        match self.programs.iter().find(|program| !there(program)) {
            Some(missing) if is_captured => {
                return match self.build(Some(&captured)) {
                    Ok(()) => Ended::Captured(format!("`{missing}` only prints")),
                    Err(why) => Ended::Failed(why),
                };
            }
            Some(missing) => return Ended::Skipped(format!("`{missing}` is not there")),
            None => {}
        }
        match self.build(None) {
            Ok(()) => Ended::Good,
            Err(why) => Ended::Failed(why),
        }
    }

    fn build(&self, captured: Option<&Path>) -> Result<(), String> {
        let served = self.folder.join("served");
        let served = served.is_dir().then(|| Served::start(served));
        let project = Project::new(&[("Pipelinefile.kdl", &self.pipelinefile(served.as_ref()))]);
        let bin = project.around().join("bin");
        copy(&self.folder.join("base"), &project.root());
        project.commit("what is there before");
        std::fs::create_dir(&bin).expect("a folder");
        if let Some(captured) = captured {
            copy(captured, &bin);
            for program in std::fs::read_dir(&bin).expect("a folder").flatten() {
                std::fs::set_permissions(program.path(), PermissionsExt::from_mode(0o755)).expect("permissions");
            }
        }
        let own = std::env::var_os("PATH").unwrap_or_default();
        let folders = [bin, self.checkers.clone()].into_iter().chain(std::env::split_paths(&own));
        let path = std::env::join_paths(folders).expect("a PATH");
        let cargo: Vec<(String, String)> =
            std::env::vars().filter(|(name, _)| ["CARGO_HOME", "RUSTUP_HOME"].contains(&name.as_str())).collect();
        let home = std::env::var("HOME").unwrap_or_default();
        // The toolchain's shims look for it in the home of whoever runs the tests.
        let rustup = format!("{home}/.rustup");
        let mut environment = vec![("PATH", path.to_str().expect("UTF-8")), ("RUSTUP_HOME", rustup.as_str())];
        environment.extend(cargo.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let with_broken = self.folder.join("broken").is_dir();
        let mut arguments = vec!["build", "--json", "--keep-going", "ws-1-bad", "ws-2-good"];
        arguments.extend(with_broken.then_some("ws-3-broken"));
        // Without its fixes, what it finds stays.
        let kept = self.text.lines().filter(|line| !line.trim().starts_with("fix ")).collect::<Vec<_>>().join("\n");
        project.write("rules/kept.kdl", kept);
        let ran = project.pl_with(&arguments, &environment);
        let summary: Value =
            serde_json::from_str(&ran.stdout).map_err(|error| format!("no summary ({error}):\n{}", ran.output()))?;
        let shown = project.pl(&["show", "--findings", "--json"]).json();
        let found = |id: &str| -> Vec<String> {
            let step = format!("{id}/{}", self.rule);
            let all = shown["findings"].as_array().into_iter().flatten();
            all.filter(|finding| finding["step"] == step.as_str()).map(line).collect()
        };
        self.found(&self.lint(&summary, "ws-1-bad")?, found("ws-1-bad"))?;
        let good = self.lint(&summary, "ws-2-good")?;
        if good["status"] != "done" || !found("ws-2-good").is_empty() {
            return Err(format!("good files are not clean:\n{good:#}"));
        }
        if self.fixes {
            self.mended(&project, &environment)?;
        }
        if with_broken {
            let broken = self.lint(&summary, "ws-3-broken")?;
            let class = &broken["failure"]["class"];
            let told = broken["failure"]["message"].as_str().unwrap_or_default();
            if !(class == "infrastructure" && told.starts_with(&format!("{} failed: ", self.rule))) {
                return Err(format!("what its program cannot work on is no failure of the tool:\n{broken:#}"));
            }
        }
        Ok(())
    }

    /// With its fixes, nothing is left that it calls fixable.
    fn mended(&self, project: &Project, environment: &[(&str, &str)]) -> Result<(), String> {
        std::fs::remove_file(project.path("rules/kept.kdl")).expect("removed");
        let ran = project.pl_with(&["build", "--json", "ws-4-mended"], environment);
        let step = self.lint(&ran.json(), "ws-4-mended")?;
        let all = step["findings"].as_array().into_iter().flatten();
        let left: Vec<String> = all.filter(|one| one["fixable"] == true).map(line).collect();
        let tried = ran.output().contains("ws-4-mended/fix.1");
        if !tried || !left.is_empty() {
            return Err(format!("its `fix` leaves what it calls fixable:\n{}\n{}", left.join("\n"), ran.output()));
        }
        Ok(())
    }

    /// A workstream for each folder; its edit copies the folder's files.
    fn pipelinefile(&self, served: Option<&Served>) -> String {
        let mut text = format!("use \"{}\"\n", self.rule);
        if ["python-syntax", "json-syntax"].contains(&self.rule.as_str()) {
            text.clear();
        }
        text.push_str("env { PYTHONDONTWRITEBYTECODE \"1\"; pass \"RUSTUP_HOME\" \"CARGO_HOME\" }\n");
        let own = std::fs::read_to_string(self.folder.join("environment")).unwrap_or_default();
        for (name, value) in own.lines().filter_map(|line| line.split_once('=')) {
            let value = value.replace("{cache}", concat!(env!("CARGO_TARGET_TMPDIR"), "/rules"));
            let value = served.map_or_else(|| value.clone(), |served| value.replace("{served}", &served.address));
            text.push_str(&format!("env {{ {name} {value:?} }}\n"));
        }
        let others: Vec<String> = ["python-syntax", "json-syntax"]
            .into_iter()
            .filter(|rule| *rule != self.rule)
            .map(|rule| format!("{rule:?}"))
            .collect();
        for (id, name) in
            [("ws-1-bad", "bad"), ("ws-2-good", "good"), ("ws-3-broken", "broken"), ("ws-4-mended", "bad")]
        {
            let folder = self.folder.join(name);
            let (folder, others) = (folder.display(), others.join(" "));
            text.push_str(&format!(
                "tool \"put-{id}\" {{ can \"edit\"; run \"cp\" \"-r\" \"{folder}/.\" \".\" }}\n\
                 workstream \"{id}\" {{ files-scope \"**/*\"; tasks {{ - \"Put the files\" }}; tool \"put-{id}\"; \
                 skip-rules {others}; acceptance-tests {{ run \"test\" \"-d\" \".\" }} }}\n"
            ));
        }
        for (one, other) in [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)] {
            text.push_str(&format!("allow-overlap \"ws-{one}\" \"ws-{other}\" reason=\"never together\"\n"));
        }
        text
    }

    /// The step of the rule in a workstream.
    fn lint(&self, summary: &Value, id: &str) -> Result<Value, String> {
        let workstreams = summary["workstreams"].as_array().ok_or(format!("no workstreams:\n{summary:#}"))?;
        let workstream = workstreams.iter().find(|one| one["id"] == id).ok_or(format!("no {id}:\n{summary:#}"))?;
        let steps = workstream["steps"].as_array().ok_or("no steps")?;
        let name = format!("{id}/{}", self.rule);
        let step = steps.iter().find(|step| step["name"] == name.as_str());
        step.cloned().ok_or(format!("no {name}:\n{workstream:#}"))
    }

    fn found(&self, step: &Value, mut lines: Vec<String>) -> Result<(), String> {
        let failed = step["failure"]["class"].as_str().filter(|class| *class != "agent");
        if failed.is_some() {
            return Err(format!("its program failed:\n{step:#}"));
        }
        // The order of a program that works with several threads is another one each time.
        lines.sort();
        let found = lines.join("\n") + "\n";
        if lines.is_empty() {
            return Err(format!("bad files are clean:\n{step:#}"));
        }
        let file = self.folder.join("findings");
        if std::env::var_os("PL_UPDATE").is_some() {
            std::fs::write(&file, &found).expect("written");
            return Ok(());
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if found == expected {
            return Ok(());
        }
        Err(format!("expected\n{expected}\nfound\n{found}\n{}", step["failure"]["message"]))
    }
}

/// `a.py:1:2-1:5 error style E1 (fixable) message`.
fn line(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| finding[name].as_u64().map(|number| format!(":{number}")).unwrap_or_default();
    let end = finding["end_line"].as_u64().map(|line| format!("-{line}{}", number("end_column"))).unwrap_or_default();
    let message = text("message").lines().next().unwrap_or_default().to_owned();
    let message = match message.char_indices().nth(MESSAGE_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message,
    };
    let fixable = if finding["fixable"] == true { " (fixable)" } else { "" };
    format!(
        "{}{}{}{end} {} {} {}{fixable} {message}",
        text("path"),
        number("line"),
        number("column"),
        text("severity"),
        text("category"),
        text("code"),
    )
}

/// Copies what a folder holds, if it is there.
fn copy(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir_all(to).expect("a folder");
    for entry in entries.flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
