//! One lint: its rule's program over the files of a candidate, in batches that fit an argument list.
//!
//! The worktree is the candidate when it starts; several lints share it.

mod each_file;

use std::path::Path;

use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Check, Command, Rule};
use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch};
use crate::exec::fence::{Reach, Watch};
use crate::exec::installing::{self, Wanted};
use crate::exec::linting::each_file::EachFile;
use crate::exec::session::{Made, Session};
use crate::git::object::{Entry, TreeId};
use crate::graph::StepKind;
use crate::observe::baseline::Judged;
use crate::observe::edit::display;
use crate::observe::fixing::lint_failure;
use crate::observe::record::LintBody;
use crate::observe::workstream::{Asked, Looked, Prepared, rule_bins};
use crate::store::record::Outcome;
use crate::verify::check::File;
use crate::verify::{self, Output};

/// Bytes of file names in one argument list; Linux lets a list have 128 KiB a string and 2 MiB in all.
pub const BATCH_BYTES_MAX: usize = 96 * 1024;

/// Wall time of a lint that says none.
pub const LINT_TIMEOUT_MS: u64 = 10 * 60 * 1000;

/// Bytes of a file whose lines are shown and whose columns are counted.
const TEXT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Wall time of asking for a version.
const VERSION_TIMEOUT_MS: u64 = 30 * 1000;

/// How a lint ended that came to no findings.
#[derive(Debug)]
pub enum Linted {
    /// The tool failed: no outcome.
    NoOutcome(Box<Failure>),
    /// Ctrl-C.
    Interrupted,
}

/// Files of a tree, which the worktree is.
#[derive(Debug, Clone, Copy)]
pub struct Over<'a> {
    /// The files.
    pub files: &'a [Entry],
    /// The tree.
    pub tree: TreeId,
    /// Its setups.
    pub prepared: &'a Prepared,
    /// The number of the first log.
    pub attempt: u32,
}

/// Runs a rule and remembers what it found.
pub fn run(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    rule: &Rule,
    looked: &Looked,
    prepared: &Prepared,
) -> Result<Batches, ExecError> {
    let each = EachFile::of(rule, &looked.files, &looked.look.fingerprint);
    let unknown = each.as_ref().map(|each| each.unknown(session)).transpose()?;
    let files = unknown.as_deref().unwrap_or(&looked.files);
    let over = Over { files, tree: looked.tree, prepared, attempt: 1 };
    let ended = match files.is_empty() {
        true => Ok((Vec::new(), 0, None)),
        false => look_over(session, dir, kind, rule, over)?,
    };
    if let (Some(each), Ok((findings, ..))) = (&each, &ended) {
        each.remember(session, rule, files, findings)?;
    }
    if let Ok((findings, duration_ms, _)) = &ended {
        let before = looked.body.as_ref().map_or(0, |body| body.times_red);
        let made = made(findings.clone(), before, *duration_ms);
        session.record(kind, &looked.look, made)?;
    }
    Ok(ended)
}

/// What is remembered of findings; whether they fail is judged.
pub fn made(findings: Vec<Finding>, times_red: u32, duration_ms: u64) -> Made {
    let red = findings.iter().any(|finding| finding.severity != FindingSeverity::Info);
    let times_red = if findings.is_empty() { 0 } else { times_red + 1 };
    let body = LintBody { findings, times_red };
    Made::new(if red { Outcome::Red } else { Outcome::Green }, &body, duration_ms)
}

/// Runs a rule over files; what it does to the repository's own is a finding, too.
pub fn look_over(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    rule: &Rule,
    over: Over<'_>,
) -> Result<Batches, ExecError> {
    let watch = Watch::begin(session, &kind.name(), Reach::Books)?;
    let mut ended = run_batches(session, dir, kind, rule, over);
    let tampered = watch.end_of_step(session)?.map(|failure| failure.findings).unwrap_or_default();
    match &mut ended {
        Ok((findings, ..)) => findings.extend(tampered),
        Err(Linted::NoOutcome(failure)) => failure.findings.extend(tampered),
        Err(Linted::Interrupted) => {}
    }
    Ok(ended)
}

/// Findings, wall time and the last program of a lint that came to its end; else how it ended.
pub type Batches = Result<(Vec<Finding>, u64, Option<Ran>), Linted>;

fn run_batches(session: &Session<'_>, dir: &Path, kind: &StepKind, rule: &Rule, over: Over<'_>) -> Batches {
    let mut findings = Vec::new();
    let mut duration_ms = 0;
    let mut last = None;
    if let Some(check) = rule.check {
        return Ok((checked(session, rule, check, over)?, 0, None));
    }
    let folder = scratch()?;
    let out = folder.path().join("out");
    for (place, batch) in batches(&rule.command, over.files).into_iter().enumerate() {
        let properties = Properties {
            files: batch,
            worktree: Some(dir.to_path_buf()),
            out: Some(out.clone()),
            ..Properties::default()
        };
        let attempt = over.attempt.saturating_add(u32::try_from(place).unwrap_or(u32::MAX));
        let ran = start(session, dir, kind, properties.argv(&rule.command), Limits::of(rule), over.prepared, attempt);
        duration_ms += ran.duration_ms();
        if ran.cancelled() {
            return Err(Linted::Interrupted);
        }
        if let Some(failure) = ran.no_outcome(false) {
            return Err(Linted::NoOutcome(Box::new(failure)));
        }
        let report = std::fs::read(&out).ok();
        // What one batch wrote is not the next one's report.
        let _ = std::fs::remove_file(&out);
        match read(rule, dir, &ran, report.as_deref()) {
            Ok(found) => findings.extend(found),
            Err(sentence) => {
                let failure = unread(rule, &ran, &sentence);
                return Err(Linted::NoOutcome(Box::new(failure)));
            }
        }
        last = Some(ran);
    }
    Ok((findings, duration_ms, last))
}

/// The failure of a program whose output means nothing: it may say that it was asked too often.
pub fn unread(rule: &Rule, ran: &Ran, sentence: &str) -> Failure {
    let message = || format!("{} failed: {sentence}", rule.name);
    ran.out_of_quota(rule.name.as_str(), &rule.patience, true)
        .unwrap_or_else(|| ran.failure("infrastructure", message(), None))
}

/// Reads what a rule's program printed in a folder; the error is a sentence about the program.
pub fn read(rule: &Rule, dir: &Path, ran: &Ran, out: Option<&[u8]>) -> Result<Vec<Finding>, String> {
    let canonical = dir.canonicalize().ok();
    let roots: Vec<String> =
        [Some(dir), canonical.as_deref()].into_iter().flatten().map(|dir| dir.to_string_lossy().into_owned()).collect();
    let output = Output {
        exit: ran.exit().unwrap_or(-1),
        stdout: &ran.finished.stdout,
        stderr: &ran.finished.stderr,
        out,
        roots: &roots,
        text: &|path| text_of(&dir.join(path)),
    };
    if ran.finished.truncated {
        return Err("it printed more than is kept".to_owned());
    }
    verify::read(rule, output)
}

/// A file that a program named, if it is one; what is no file could keep its reader waiting.
fn text_of(path: &Path) -> Option<Vec<u8>> {
    let is_text = std::fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() <= TEXT_BYTES_MAX);
    is_text.then(|| std::fs::read(path).ok()).flatten()
}

/// A check that needs no program: it looks at blobs, no worktree needed.
fn checked(session: &Session<'_>, rule: &Rule, check: Check, over: Over<'_>) -> Result<Vec<Finding>, Linted> {
    let repository = &session.world.located().repository;
    let look = || -> Result<Vec<Finding>, ExecError> {
        let mut files = Vec::with_capacity(over.files.len());
        for entry in over.files {
            files.push(File { path: display(&entry.path), bytes: repository.blob(entry.blob.id)? });
        }
        let others: Vec<String> = match check {
            Check::Paths => repository.entries(over.tree)?.iter().map(|entry| display(&entry.path)).collect(),
            Check::ConflictMarkers | Check::Whitespace | Check::Json | Check::Yaml => Vec::new(),
        };
        Ok(verify::check::look(rule, check, &files, &others))
    };
    look().map_err(|error| no_outcome(&format!("{} failed: {error}", rule.name)))
}

fn no_outcome(message: &str) -> Linted {
    Linted::NoOutcome(Box::new(Failure {
        class: "infrastructure".to_owned(),
        message: message.to_owned(),
        help: None,
        reproduce: None,
        log: None,
        output: String::new(),
        findings: Vec::new(),
    }))
}

/// A folder for a program's report, which goes when the lint ends.
fn scratch() -> Result<tempfile::TempDir, Linted> {
    tempfile::tempdir().map_err(|error| no_outcome(&format!("no folder for its report: {error}")))
}

/// The failure of a lint with findings, from a run or from a record.
pub fn failure(rule: &Rule, judged: Judged, ran: Option<&Ran>) -> Failure {
    Failure {
        reproduce: ran.map(|ran| ran.reproduce.clone()),
        log: ran.map(|ran| ran.log.display().to_string()),
        ..lint_failure(rule, judged)
    }
}

/// File names in argument lists that the system takes; one without any, where the command names none.
pub fn batches(command: &Command, files: &[Entry]) -> Vec<Vec<String>> {
    let mut batches = vec![Vec::new()];
    if !command.uses(Property::Files) {
        return batches;
    }
    let mut bytes = 0;
    for entry in files {
        // A name that begins like an option is made one that does not.
        let name = display(&entry.path);
        let name = if name.starts_with('-') { format!("./{name}") } else { name };
        if bytes + name.len() > BATCH_BYTES_MAX && bytes > 0 {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += name.len() + 1;
        if let Some(batch) = batches.last_mut() {
            batch.push(name);
        }
    }
    batches
}

/// When a program of a rule is ended.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    timeout_ms: u64,
    idle_ms: Option<u64>,
}

impl Limits {
    /// As the rule says.
    pub fn of(rule: &Rule) -> Self {
        Self { timeout_ms: rule.timeout_ms.unwrap_or(LINT_TIMEOUT_MS), idle_ms: rule.patience.idle_ms }
    }
}

/// Runs one program of a rule in the worktree.
pub fn start(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    argv: Vec<String>,
    limits: Limits,
    prepared: &Prepared,
    attempt: u32,
) -> Ran {
    let workstream = kind.workstream().map(|id| session.world.workstream(id));
    let environment = workstream.map(|workstream| workstream.environment.clone()).unwrap_or_default();
    let mut bins = rule_bins(session.world, prepared);
    // A folder that is not there is of no use to whoever reads how it was started.
    bins.retain(|bin| bin.is_dir());
    let launched = Launch {
        argv,
        dir,
        environment: &environment,
        bins: &bins,
        own: &[],
        secrets: &[],
        pool: None,
        jobserver: None,
        timeout_ms: limits.timeout_ms,
        idle_ms: limits.idle_ms,
        kind,
        log: session.log(kind, attempt),
    };
    launch(session, launched)
}

/// Puts the program of a rule into the project's own tools; says why it could not.
pub fn install(session: &Session<'_>, rule: &Rule, program: &str) -> Option<Failure> {
    let wanted = Wanted { program: program.to_owned(), words: rule.install.clone() };
    session.note("info", format!("installing {program} for {} ({})", rule.name, rule.install.join(" ")));
    let installed = installing::install(&session.world.root, &wanted, &session.cancel);
    installed.err().map(|error| {
        let (message, said) = error.split_once('\n').unwrap_or((&error, ""));
        Failure {
            class: "environment".to_owned(),
            message: format!("`{program}` could not be installed: {message}"),
            help: Some("`pl doctor` says how to get it".to_owned()),
            output: said.to_owned(),
            ..Failure::default()
        }
    })
}

/// Asks a program for its version and remembers it under its identity.
pub fn ask_version(
    session: &Session<'_>,
    kind: &StepKind,
    asked: &Asked,
    prepared: &Prepared,
) -> Result<Option<Failure>, ExecError> {
    let argv = Properties::default().argv(&asked.command);
    let dir = session.world.root.clone();
    let ran = start(session, &dir, kind, argv, Limits { timeout_ms: VERSION_TIMEOUT_MS, idle_ms: None }, prepared, 0);
    if let Some(failure) = ran.no_outcome(false) {
        return Ok(Some(failure));
    }
    session.store.set_program_version(asked.identity, &asked.program, ran.output().trim())?;
    Ok(None)
}
