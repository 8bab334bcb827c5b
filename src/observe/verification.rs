//! What setups, lints, tests and results observe of a candidate tree.
//!
//! Knows no worktree: a key is made of blobs, so that it can be asked before anything is checked out.

use crate::analysis::pipeline::{AcceptanceTest, Environment, LooksIn, Rule, Setup, Workstream};
use crate::base::path::{Pattern, PatternSet};
use crate::fingerprint::{Fingerprint, Key};
use crate::git::delta::Delta;
use crate::git::error::GitError;
use crate::git::object::{CommitId, Entry, TreeId};
use crate::git::repository::Repository;
use crate::observe::edit::{add_entries, display};
use crate::observe::world::World;

/// What a setup observes: its command, its program, the platform, the blobs of its inputs.
pub fn setup(world: &World, setup: &Setup, program: &str, inputs: &[(String, String)]) -> Fingerprint {
    let mut fingerprint = Fingerprint::of("setup");
    fingerprint.text("command", &setup.command.text());
    fingerprint.digest("program", program);
    fingerprint.text("platform", &format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    add_environment(&mut fingerprint, world, &setup.environment);
    for (path, digest) in inputs {
        fingerprint.digest(format!("input {path}"), digest.clone());
    }
    fingerprint
}

/// The inputs of a setup in a tree: each file with mode and blob; a literal that is not there is `absent`.
pub fn setup_inputs(repository: &Repository, setup: &Setup, tree: TreeId) -> Result<Vec<(String, String)>, GitError> {
    let entries = matching(repository, tree, &setup.inputs)?;
    let line = |entry: &Entry| (display(&entry.path), format!("{} {}", entry.blob.mode.octal(), entry.blob.id));
    let mut inputs: Vec<(String, String)> = entries.iter().map(line).collect();
    for pattern in &setup.inputs {
        if let Pattern::File(path) = pattern
            && !inputs.iter().any(|(known, _)| known == path.as_str())
        {
            inputs.push((path.0.to_string(), "absent".to_owned()));
        }
    }
    inputs.sort();
    Ok(inputs)
}

/// The entries of a tree that patterns name.
pub fn matching(repository: &Repository, tree: TreeId, patterns: &[Pattern]) -> Result<Vec<Entry>, GitError> {
    if let Some(paths) = literals(patterns) {
        let mut found = Vec::new();
        for path in paths {
            if let Some(blob) = repository.entry(tree, path)? {
                found.push(Entry { path: path.to_vec(), blob });
            }
        }
        return Ok(found);
    }
    let set = PatternSet::new(patterns);
    let mut entries = repository.entries_at(tree, &set.places().collect::<Vec<_>>())?;
    entries.retain(|entry| set.matches(&entry.path));
    Ok(entries)
}

/// The paths, where every pattern is a literal file.
fn literals(patterns: &[Pattern]) -> Option<Vec<&[u8]>> {
    patterns
        .iter()
        .map(|pattern| match pattern {
            Pattern::File(path) => Some(path.0.as_bytes()),
            Pattern::Folder(_) | Pattern::Glob(_) => None,
        })
        .collect()
}

/// The files that a rule looks over in a candidate; `None`: nothing that it looks at was touched. A rule over all files that may
/// read others beside them, as tests do, looks at everything.
pub fn lint_files(
    repository: &Repository,
    workstream: &Workstream,
    rule: &Rule,
    candidate: TreeId,
    delta: &Delta,
) -> Result<Option<Vec<Entry>>, GitError> {
    let looked_at = PatternSet::new(&rule.files);
    let at_everything = rule.looks_in == LooksIn::All && !rule.reads_files_only;
    if !delta.changes.iter().any(|change| at_everything || looked_at.matches(&change.path)) {
        return Ok(None);
    }
    let entries: Vec<Entry> = match rule.looks_in {
        LooksIn::Changed => {
            let new = delta
                .changes
                .iter()
                .filter_map(|change| change.new.map(|blob| Entry { path: change.path.clone(), blob }));
            new.filter(|entry| looked_at.matches(&entry.path)).collect()
        }
        LooksIn::Scope => {
            let scope = crate::observe::scope::Scope::of(workstream);
            let mut entries = matching(repository, candidate, &rule.files)?;
            entries.retain(|entry| scope.names(&entry.path));
            entries
        }
        LooksIn::All => matching(repository, candidate, &rule.files)?,
    };
    let files: Vec<Entry> = entries.into_iter().filter(is_file).collect();
    Ok((!files.is_empty()).then_some(files))
}

/// A file, not a link or a submodule.
pub fn is_file(entry: &Entry) -> bool {
    use crate::git::object::Mode;
    matches!(entry.blob.mode, Mode::File | Mode::Executable)
}

/// How a rule's output is read, and what is made of it.
pub fn reading(rule: &Rule) -> String {
    let hides = if rule.hide_source { " hide-source" } else { "" };
    format!(
        "{:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {:?}{hides}",
        rule.exit_clean,
        rule.exit_findings,
        rule.parsers,
        rule.broken,
        rule.check,
        rule.category,
        rule.categories,
        rule.severity,
        rule.severities
    )
}

/// What a lint observes.
pub fn lint(
    world: &World,
    rule: &Rule,
    version: &str,
    setups: &[(String, Key)],
    candidate: TreeId,
    files: &[Entry],
) -> Result<Fingerprint, GitError> {
    let mut fingerprint = Fingerprint::of("lint");
    fingerprint.text("command", &rule.command.text());
    fingerprint.text("reading", &reading(rule));
    fingerprint.text("version", version);
    add_looked_over(&mut fingerprint, &world.located().repository, rule, setups, candidate, files)?;
    Ok(fingerprint)
}

/// Adds what a rule's programs look over: setups, the files, and the whole tree unless they read those alone.
pub fn add_looked_over(
    fingerprint: &mut Fingerprint,
    repository: &Repository,
    rule: &Rule,
    setups: &[(String, Key)],
    candidate: TreeId,
    files: &[Entry],
) -> Result<(), GitError> {
    add_setups(fingerprint, setups);
    if rule.reads_files_only {
        add_entries(fingerprint, files);
        add_entries(fingerprint, &configuration(repository, candidate, rule, files)?);
    } else {
        let names = files.iter().map(|entry| display(&entry.path)).collect::<Vec<_>>().join("\n");
        fingerprint.text("files", &names);
        fingerprint.digest("tree", candidate.hex());
    }
    Ok(())
}

/// Configuration files of a rule, looked for from each file's folder up to the root.
fn configuration(repository: &Repository, tree: TreeId, rule: &Rule, files: &[Entry]) -> Result<Vec<Entry>, GitError> {
    let mut folders = std::collections::BTreeSet::new();
    for entry in files {
        let mut folder = entry.path.as_slice();
        while let Some(slash) = folder.iter().rposition(|&byte| byte == b'/') {
            folder = &folder[..slash];
            folders.insert([folder, b"/"].concat());
        }
    }
    folders.insert(Vec::new());
    let mut found = Vec::new();
    for folder in folders {
        for input in &rule.inputs {
            let path = [folder.as_slice(), input.as_bytes()].concat();
            if let Some(blob) = repository.entry(tree, &path)? {
                found.push(Entry { path, blob });
            }
        }
    }
    Ok(found)
}

/// What of the environment is keyed.
pub fn add_environment(fingerprint: &mut Fingerprint, world: &World, asked: &Environment) {
    for (name, value) in &world.environment_of(asked).keyed {
        fingerprint.text(format!("env {name}"), value.as_deref().unwrap_or("(absent)"));
    }
}

fn add_setups(fingerprint: &mut Fingerprint, setups: &[(String, Key)]) {
    for (name, key) in setups {
        fingerprint.digest(format!("setup {name}"), key.0.hex());
    }
}

/// What test `number` (from 1) observes: the tests up to it as one sequence, environment, setups, candidate.
pub fn test(
    world: &World,
    workstream: &Workstream,
    number: u32,
    setups: &[(String, Key)],
    candidate: TreeId,
) -> Result<Fingerprint, GitError> {
    let sequence: &[AcceptanceTest] = workstream.tests.get(..number as usize).unwrap_or(&workstream.tests);
    let mut fingerprint = Fingerprint::of("test");
    for (place, test) in sequence.iter().enumerate() {
        fingerprint.text(format!("test {}", place + 1), &test.command.text());
    }
    add_environment(&mut fingerprint, world, &workstream.environment);
    add_setups(&mut fingerprint, setups);
    if sequence.iter().any(|test| test.inputs.is_empty()) {
        fingerprint.digest("tree", candidate.hex());
    } else {
        let patterns: Vec<Pattern> = sequence.iter().flat_map(|test| test.inputs.iter().cloned()).collect();
        add_entries(&mut fingerprint, &matching(&world.located().repository, candidate, &patterns)?);
    }
    Ok(fingerprint)
}

/// What a result is made of.
pub fn result(workstream: &Workstream, base: TreeId, tree: TreeId, parents: &[CommitId]) -> Fingerprint {
    let mut fingerprint = Fingerprint::of("result");
    fingerprint.digest("base tree", base.hex());
    fingerprint.digest("tree", tree.hex());
    let parents: Vec<String> = parents.iter().map(CommitId::hex).collect();
    fingerprint.text("parent", &parents.join(" "));
    fingerprint.text("message", &message(workstream));
    fingerprint.digest("definition", crate::observe::edit::definition(workstream).hex());
    fingerprint
}

/// The message of a result commit.
pub fn message(workstream: &Workstream) -> String {
    let first = workstream.title.as_deref().or(workstream.change.as_deref()).unwrap_or("workstream");
    format!("{}: {first}\n\nWorkstream: {}\n", workstream.id, workstream.id)
}
