//! A project with a workstream for each edit, and what its rules said of it.
//!
//! Knows no edit.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::faults::edits::{self, Edit};
use crate::support::Project;

/// Rules that judge every edit; those that are looked over without being named are there, too.
const QUICK: [&str; 8] =
    ["ruff", "codespell", "whitespace", "conflict-markers", "paths", "yamllint", "shellcheck", "taplo"];

/// Rules that are always looked over.
const ALWAYS: [&str; 2] = ["json-syntax", "python-syntax"];

/// Characters of a message that are compared.
const MESSAGE_CHARACTERS_MAX: usize = 200;

/// The project.
pub struct Lab {
    project: Project,
    /// The programs of the rules.
    checkers: PathBuf,
}

impl Lab {
    /// A project with these edits, or the program that is not there.
    pub fn new(edits: &[Edit]) -> Result<Self, String> {
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers");
        let checkers = std::env::var_os("PL_CHECKERS_DIR").map_or(ours, PathBuf::from).join(".pl/tools/bin");
        let mut rules: Vec<&str> = edits.iter().flat_map(further).chain(QUICK).collect();
        rules.sort_unstable();
        rules.dedup();
        let without = ["whitespace", "conflict-markers", "paths"];
        let missing = rules.iter().find(|rule| !without.contains(rule) && !checkers.join(rule).exists());
        if let Some(missing) = missing {
            return Err((*missing).to_owned());
        }
        let project = Project::new(&[("Pipelinefile.kdl", &pipelinefile(edits, &rules))]);
        for edit in edits {
            project.write(&format!("recordings/ws-{}.patch", edit.id), patch(&project, edit));
        }
        Ok(Self { project, checkers })
    }

    /// Builds them all; the summary.
    pub fn build(&self, edits: &[Edit]) -> Value {
        let own = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(self.checkers.clone()).chain(std::env::split_paths(&own));
        let path = std::env::join_paths(folders).expect("a PATH");
        let path = path.to_str().expect("UTF-8");
        let ids: Vec<String> = edits.iter().map(|edit| format!("ws-{}", edit.id)).collect();
        let arguments = ["build", "--json", "--keep-going"].into_iter().chain(ids.iter().map(String::as_str));
        self.project.pl_with(&arguments.collect::<Vec<_>>(), &[("PATH", path)]).json()
    }
}

/// The rules beside the quick ones that judge an edit.
fn further(edit: &Edit) -> impl Iterator<Item = &str> {
    edit.kind.rules().iter().copied().chain(edit.with.iter().map(String::as_str))
}

fn quoted<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!(" {word:?}")).collect()
}

/// Nothing is mended: nothing may be spent on it.
fn pipelinefile(edits: &[Edit], rules: &[&str]) -> String {
    let mut text = format!(
        "repository \"example\" {{ base \"main\"; seed {:?} }}\nuse{}\nfail-on severity=\"warning\"\nfail-on code=\"B105\"\nfail-on code=\"B107\"\noverride {{ tool \"replay\" }}\n\
         defaults {{ breaker {{ max-cost \"0\" }} }}\nenv {{ PYTHONDONTWRITEBYTECODE \"1\"; PYTHONHASHSEED \"0\" }}\n",
        edits::seed().to_str().expect("UTF-8"),
        quoted(rules.iter().copied())
    );
    for edit in edits {
        let skipped =
            rules.iter().copied().filter(|rule| !QUICK.contains(rule) && !further(edit).any(|own| own == *rule));
        let skipped = quoted(skipped);
        let skipped = if skipped.is_empty() { skipped } else { format!("    skip-rules{skipped}\n") };
        let there = |path: &&String| edits::seed().join(path).exists();
        let scope = quoted(edit.after.keys().map(String::as_str));
        let create = quoted(edit.after.keys().filter(|path| !there(path)).map(String::as_str));
        let create = if create.is_empty() { create } else { format!("    files-create{create}\n") };
        let _ = writeln!(
            text,
            "workstream \"ws-{}\" {{\n    files-scope{scope}\n{create}{skipped}    tasks {{ - {:?} }}\n    \
             acceptance-tests {{ run \"test\" \"-d\" \"src\" }}\n}}",
            edit.id, edit.about
        );
    }
    for (place, one) in edits.iter().enumerate() {
        for other in &edits[place + 1..] {
            if one.after.keys().any(|path| other.after.contains_key(path)) {
                let _ = writeln!(text, "allow-overlap \"ws-{}\" \"ws-{}\" reason=\"never together\"", one.id, other.id);
            }
        }
    }
    text
}

/// The edit as git tells it.
fn patch(project: &Project, edit: &Edit) -> String {
    let place = project.around().join("edit");
    let mut text = String::new();
    for (path, after) in &edit.after {
        let _ = std::fs::remove_dir_all(&place);
        let mut sides = Vec::new();
        let before = std::fs::read_to_string(edits::seed().join(path)).ok();
        for (side, content) in [("a", &before), ("b", after)] {
            let file = place.join(side).join(path);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("folders");
            match content {
                Some(content) => {
                    std::fs::write(&file, content).expect("a file");
                    sides.push(format!("{side}/{path}"));
                }
                None => sides.push("/dev/null".to_owned()),
            }
        }
        let mut git = project.command("git");
        git.current_dir(&place).args(["diff", "--no-index", "--no-prefix", "--no-renames", "--no-color", "--"]);
        text += &String::from_utf8_lossy(&git.args(&sides).output().expect("git").stdout);
    }
    assert!(!text.is_empty(), "{} changes nothing", edit.id);
    text
}

/// What the rules said of an edit that the base does not have, sorted; or how it failed otherwise.
pub fn found_in(summary: &Value, edit: &Edit) -> Result<Vec<String>, String> {
    let id = format!("ws-{}", edit.id);
    let all = summary["workstreams"].as_array().ok_or_else(|| format!("no workstreams: {summary:#}"))?;
    let workstream = all.iter().find(|one| one["id"] == id.as_str()).ok_or("it was not built")?;
    let steps = workstream["steps"].as_array().ok_or("it has no steps")?;
    let mut found = Vec::new();
    for step in steps {
        let told = step["failure"]["findings"].as_array().cloned().unwrap_or_default();
        found.extend(told.iter().map(line));
        // What it ends as is said of the whole.
        let is_judge = step["kind"] != "result" && step["status"] == "failed";
        match step["failure"]["class"].as_str() {
            _ if !is_judge => {}
            // A program that cannot read what the edit left; what others found goes before.
            Some("infrastructure") if step["kind"] == "lint" => found.push(broke(step)),
            Some("agent") if !told.is_empty() => {}
            _ => return Err(format!("{step:#}")),
        }
    }
    for rule in QUICK.into_iter().chain(ALWAYS).chain(further(edit)) {
        let name = format!("{id}/{rule}");
        let step = steps.iter().find(|step| step["name"] == name.as_str());
        let status = step.map_or(&Value::Null, |step| &step["status"]);
        if !["done", "fresh", "failed"].iter().any(|good| status == good) {
            return Err(format!("{rule} did not judge it: {status}"));
        }
    }
    found.sort();
    let ended = if found.is_empty() { "done" } else { "failed" };
    match workstream["status"] == ended {
        true => Ok(found),
        false => Err(format!("it ended as {}, with {found:#?}", workstream["status"])),
    }
}

/// `RULE failed: WHY`, without the program's own words.
fn broke(step: &Value) -> String {
    let message = step["failure"]["message"].as_str().unwrap_or_default();
    message.split(": ").take(2).collect::<Vec<_>>().join(": ")
}

/// `RULE PATH:LINE:COLUMN SEVERITY CATEGORY CODE MESSAGE`.
fn line(finding: &Value) -> String {
    let text = |name: &str| finding[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| finding[name].as_u64().map(|number| format!(":{number}")).unwrap_or_default();
    let message = text("message").lines().next().unwrap_or_default().trim().to_owned();
    // What a secret is shall not be written down.
    let message = message.split("password: '").next().unwrap_or_default();
    let message = message.chars().take(MESSAGE_CHARACTERS_MAX).collect::<String>();
    format!(
        "{} {}{}{} {} {} {} {}",
        text("tool"),
        text("path"),
        number("line"),
        number("column"),
        text("severity"),
        text("category"),
        text("code"),
        message.trim_end(),
    )
}
