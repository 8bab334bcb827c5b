//! A rule's program over the files that it must judge: one process for many of them, what it says split by file.
//!
//! Keeps nothing: what may be remembered is told as answers, and only where all of it is certain.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Check, Command, Environment, Rule};
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::exec::command::{Properties, Ran};
use crate::exec::linting::{BATCH_BYTES_MAX, LINT_TIMEOUT_MS, read, unread};
use crate::exec::working_copy::LintError;
use crate::exec::working_copy::judging::Look;
use crate::observe::program::search_path;
use crate::observe::workstream::{Prepared, rule_bins};
use crate::observe::world::World;
use crate::process::cancel::Cancel;
use crate::process::{OUTPUT_BYTES_MAX, Request};
use crate::system::inputs::Input;
use crate::system::profile::Category;
use crate::verify::check::{File, look};

/// Fewer files than this are not worth a process of their own.
const SHARE_FILES_MIN: usize = 64;

/// What opening a file costs, in bytes that could be looked at meanwhile.
const FILE_BYTES: u64 = 1024;

/// Files for one process.
pub struct Job {
    /// Place of the rule among the looks.
    pub look: usize,
    /// Places of its files among the stale ones.
    pub files: Vec<usize>,
}

/// What one process said.
pub struct Said {
    /// As they came.
    pub findings: Vec<Finding>,
    /// Findings of each file, in the job's order; none where some could not be told to belong to a file.
    pub by_file: Option<Vec<Vec<Finding>>>,
}

/// Splits what a rule must judge: argument lists that the system takes, and for each of the threads a share of the bytes.
pub fn jobs(place: usize, look: &Look<'_>, threads: usize, bytes: impl Fn(usize) -> u64) -> Vec<Job> {
    if look.stale.is_empty() {
        return Vec::new();
    }
    let all: Vec<usize> = (0..look.stale.len()).collect();
    // A check of pl's own that looks at each file for itself is shared out like a program.
    let takes_files = match look.rule.check {
        Some(_) => look.is_single,
        None => look.rule.command.uses(Property::Files),
    };
    if !takes_files {
        return vec![Job { look: place, files: all }];
    }
    let count = if look.is_single { threads.min(look.stale.len() / SHARE_FILES_MIN).max(1) } else { 1 };
    let shares = shares(&all, count, |file| bytes(look.stale[*file].place) + FILE_BYTES);
    let name = |file: &usize| look.stale[*file].input.path.as_str();
    let lists = shares.iter().flat_map(|share| split(share, name));
    lists.map(|files| Job { look: place, files }).collect()
}

/// Cuts a list into so many that weigh about the same.
fn shares<T: Clone>(items: &[T], count: usize, weight: impl Fn(&T) -> u64) -> Vec<Vec<T>> {
    let whole: u64 = items.iter().map(&weight).sum();
    let mut lists: Vec<Vec<T>> = vec![Vec::new()];
    let mut before = 0;
    for item in items {
        if before * count as u64 >= whole * lists.len() as u64 && lists.len() < count {
            lists.push(Vec::new());
        }
        lists.last_mut().expect("BUG: a list is there from the beginning").push(item.clone());
        before += weight(item);
    }
    lists
}

/// Lists of items whose names fit an argument list.
fn split<'i, T: Clone>(items: &'i [T], name: impl Fn(&'i T) -> &'i str) -> Vec<Vec<T>> {
    let mut lists: Vec<Vec<T>> = vec![Vec::new()];
    let mut bytes = 0;
    for item in items {
        let length = name(item).len() + 1;
        let last = lists.last_mut().expect("BUG: a list is there from the beginning");
        if !last.is_empty() && bytes + length > BATCH_BYTES_MAX {
            lists.push(vec![item.clone()]);
            bytes = length;
        } else {
            last.push(item.clone());
            bytes += length;
        }
    }
    lists
}

/// Judges the files of a job.
pub fn judge(
    world: &World,
    job: &Job,
    looks: &[Look<'_>],
    cancel: &Cancel,
) -> Result<Result<Said, Failure>, LintError> {
    let look = &looks[job.look];
    let files: Vec<&Input> = job.files.iter().map(|place| look.stale[*place].input).collect();
    let said = match look.rule.check {
        Some(check) => Ok(checked(world, look.rule, check, &files)?),
        None => ran(world, look.rule, &files, cancel)?,
    };
    Ok(said.map(|findings| {
        let by_file = if look.is_single { by_file(&files, &findings) } else { None };
        Said { findings, by_file }
    }))
}

/// Findings by file, where each belongs to one of them.
fn by_file(files: &[&Input], findings: &[Finding]) -> Option<Vec<Vec<Finding>>> {
    let places: HashMap<&str, usize> =
        files.iter().enumerate().map(|(place, file)| (file.path.as_str(), place)).collect();
    let mut lists = vec![Vec::new(); files.len()];
    for finding in findings {
        lists[*places.get(finding.path.as_deref()?)?].push(finding.clone());
    }
    Some(lists)
}

/// A check that needs no program.
fn checked(world: &World, rule: &Rule, check: Check, files: &[&Input]) -> Result<Vec<Finding>, LintError> {
    let mut read = Vec::with_capacity(files.len());
    for file in files {
        let path = file.path.clone();
        let bytes = match check {
            Check::Paths => Ok(Vec::new()),
            _ => std::fs::read(world.root.join(&path)),
        };
        match bytes {
            Ok(bytes) => read.push(File { path, bytes }),
            // It went since it was listed, and what is not there has no faults; nothing of it is remembered.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LintError::Read { path, source }),
        }
    }
    Ok(look(rule, check, &read, &[]))
}

fn ran(
    world: &World,
    rule: &Rule,
    files: &[&Input],
    cancel: &Cancel,
) -> Result<Result<Vec<Finding>, Failure>, LintError> {
    let scratch = tempfile::tempdir().map_err(LintError::Scratch)?;
    let out = scratch.path().join("out");
    let ran = start(world, rule, &rule.command, files, Some(&out), scratch.path(), cancel);
    if ran.cancelled() {
        return Err(LintError::Interrupted);
    }
    if let Some(failure) = ran.no_outcome(false) {
        return Ok(Err(failure));
    }
    let report = std::fs::read(&out).ok();
    Ok(read(rule, &world.root, &ran, report.as_deref()).map_err(|sentence| {
        let failure = unread(rule, &ran, &sentence);
        if failure.help.is_some() { failure } else { Failure { help: ran.withheld_sentence(), ..failure } }
    }))
}

/// Mends what a rule's own commands can mend, in their order; the error is the failure of one.
pub fn mend(world: &World, rule: &Rule, files: &[&Input], cancel: &Cancel) -> Result<Option<Failure>, LintError> {
    for command in &rule.fix {
        let lists = match command.uses(Property::Files) {
            true => split(files, |file| file.path.as_str()),
            false => vec![files.to_vec()],
        };
        for list in lists {
            let scratch = tempfile::tempdir().map_err(LintError::Scratch)?;
            // Its exit code says whether something is left; that is judged anyway.
            let ran = start(world, rule, command, &list, Some(&scratch.path().join("out")), scratch.path(), cancel);
            if ran.cancelled() {
                return Err(LintError::Interrupted);
            }
            if let Some(failure) = ran.no_outcome(false) {
                return Ok(Some(failure));
            }
        }
    }
    Ok(None)
}

fn start(
    world: &World,
    rule: &Rule,
    command: &Command,
    files: &[&Input],
    out: Option<&Path>,
    scratch: &Path,
    cancel: &Cancel,
) -> Ran {
    // A name that begins like an option is made one that does not.
    let name = |file: &&Input| if file.path.starts_with('-') { format!("./{}", file.path) } else { file.path.clone() };
    let properties = Properties {
        files: files.iter().map(name).collect(),
        worktree: Some(world.root.clone()),
        out: out.map(Path::to_path_buf),
        ..Properties::default()
    };
    let argv = properties.argv(command);
    let asked = Environment::default();
    let bins = rule_bins(world, &Prepared::default());
    let mut environment = world.environment_of(&asked).as_ref().clone();
    environment.put("PATH", &search_path(world, &asked, &bins).to_string_lossy());
    let timeout_ms = rule.timeout_ms.unwrap_or(LINT_TIMEOUT_MS);
    let request = Request {
        argv: argv.iter().map(OsString::from).collect(),
        file: None,
        dir: world.root.clone(),
        environment: environment.pairs(),
        timeout: Some(Duration::from_millis(timeout_ms)),
        idle: rule.patience.idle_ms.map(Duration::from_millis),
        log: scratch.join("log"),
        limit: OUTPUT_BYTES_MAX,
        ends: None,
        marker: format!("{}-lint", world.project),
    };
    let program = argv.first().cloned().unwrap_or_default();
    let _span = world.profile.span(Category::Program, || program.clone());
    let finished = crate::process::run(&request, cancel);
    let (withheld, reproduce) = (environment.withheld, String::new());
    Ran { finished, reproduce, log: request.log, withheld, program, timeout_ms, idle_ms: rule.patience.idle_ms }
}

#[cfg(test)]
mod tests {
    use super::{shares, split};
    use crate::exec::linting::BATCH_BYTES_MAX;

    #[test]
    fn lists_are_as_long_as_they_may_be() {
        let lengths =
            |items: &[String]| -> Vec<usize> { split(items, |item| item.as_str()).iter().map(Vec::len).collect() };
        let short = vec!["a".to_owned(); 5];
        assert_eq!(lengths(&short), [5]);
        let long = vec!["a".repeat(BATCH_BYTES_MAX / 2); 3];
        assert_eq!(lengths(&long), [1, 1, 1]);
    }

    #[test]
    fn shares_weigh_about_the_same() {
        let cut = |weights: &[u64], count| shares(weights, count, |weight| *weight);
        assert_eq!(cut(&[1, 1, 1, 1, 1], 2), [vec![1, 1, 1], vec![1, 1]]);
        assert_eq!(cut(&[5, 1, 1, 1, 1, 1], 2), [vec![5], vec![1, 1, 1, 1, 1]]);
        assert_eq!(cut(&[1, 1, 9], 3), [vec![1, 1, 9]]);
        assert_eq!(cut(&[3, 3, 3], 1), [vec![3, 3, 3]]);
    }
}
