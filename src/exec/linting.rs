//! One lint: its rule's program over the files of a candidate, in batches that fit an argument list.
//!
//! The worktree is the candidate when it starts; several lints share it.

use std::path::Path;

use crate::analysis::pipeline::{Check, Command, Property, Rule};
use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch};
use crate::exec::fence::{Reach, Watch};
use crate::exec::installing::{self, Wanted};
use crate::exec::session::{Made, Session};
use crate::git::object::Entry;
use crate::graph::StepKind;
use crate::observe::edit::display;
use crate::observe::fixing::lint_failure;
use crate::observe::record::LintBody;
use crate::observe::workstream::{Asked, Looked, Prepared, rule_bins};
use crate::store::record::Outcome;
use crate::verify::check::File;
use crate::verify::{self, Output};

/// Bytes of file names in one argument list; Linux lets a list have 128 KiB a string and 2 MiB in all.
const BATCH_BYTES_MAX: usize = 96 * 1024;

/// Wall time of a lint that says none.
pub const LINT_TIMEOUT_MS: u64 = 10 * 60 * 1000;

/// Wall time of asking for a version.
const VERSION_TIMEOUT_MS: u64 = 30 * 1000;

/// What a lint came to.
#[derive(Debug)]
pub enum Linted {
    /// No finding fails it.
    Green(Vec<Finding>, u64),
    /// Findings that fail it.
    Red(Failure, u64),
    /// The tool failed: no outcome.
    NoOutcome(Failure),
    /// Ctrl-C.
    Interrupted,
}

/// Whether findings make a lint red: errors and warnings do, notes do not.
pub fn fails(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity != FindingSeverity::Info)
}

/// Runs a rule and remembers what it found.
pub fn run(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    rule: &Rule,
    looked: &Looked,
    prepared: &Prepared,
) -> Result<Linted, ExecError> {
    let watch = Watch::begin(session, &kind.name(), Reach::Books)?;
    let ended = run_batches(session, dir, kind, rule, looked, prepared);
    let tampered = watch.end_of_step(session)?.map(|failure| failure.findings).unwrap_or_default();
    let (mut findings, duration_ms, last) = match ended {
        Ok(ended) => ended,
        Err(mut other) => {
            if let Linted::NoOutcome(failure) = other.as_mut() {
                failure.findings.extend(tampered);
            }
            return Ok(*other);
        }
    };
    findings.extend(tampered);
    let red = fails(&findings);
    let times_red = if red { looked.body.as_ref().map_or(0, |body| body.times_red) + 1 } else { 0 };
    let outcome = if red { Outcome::Red } else { Outcome::Green };
    let body = LintBody { findings: findings.clone(), times_red };
    session.record(kind, &looked.look, Made::new(outcome, &body, duration_ms))?;
    Ok(if red {
        Linted::Red(failure(rule, findings, last.as_ref()), duration_ms)
    } else {
        Linted::Green(findings, duration_ms)
    })
}

/// Findings, wall time and the last program of a lint that came to its end; else how it ended.
type Batches = Result<(Vec<Finding>, u64, Option<Ran>), Box<Linted>>;

fn run_batches(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    rule: &Rule,
    looked: &Looked,
    prepared: &Prepared,
) -> Batches {
    let mut findings = Vec::new();
    let mut duration_ms = 0;
    let mut last = None;
    if let Some(check) = rule.check {
        return Ok((checked(session, rule, check, looked)?, 0, None));
    }
    let folder = scratch()?;
    let out = folder.path().join("out");
    for (place, batch) in batches(&rule.command, &looked.files).into_iter().enumerate() {
        let properties = Properties {
            files: batch,
            worktree: Some(dir.to_path_buf()),
            out: Some(out.clone()),
            ..Properties::default()
        };
        let attempt = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let ran = start(
            session,
            dir,
            kind,
            properties.argv(&rule.command),
            rule.timeout_ms.unwrap_or(LINT_TIMEOUT_MS),
            prepared,
            attempt,
        );
        duration_ms += ran.duration_ms();
        if ran.cancelled() {
            return Err(Box::new(Linted::Interrupted));
        }
        if let Some(failure) = ran.no_outcome(false) {
            return Err(Box::new(Linted::NoOutcome(failure)));
        }
        let report = std::fs::read(&out).ok();
        // What one batch wrote is not the next one's report.
        let _ = std::fs::remove_file(&out);
        match read(rule, dir, &ran, report.as_deref()) {
            Ok(found) => findings.extend(found),
            Err(sentence) => {
                let message = format!("{} failed: {sentence}", rule.name);
                let failure = ran.failure("infrastructure", message, None);
                return Err(Box::new(Linted::NoOutcome(failure)));
            }
        }
        last = Some(ran);
    }
    Ok((findings, duration_ms, last))
}

fn read(rule: &Rule, dir: &Path, ran: &Ran, out: Option<&[u8]>) -> Result<Vec<Finding>, String> {
    let canonical = dir.canonicalize().ok();
    let roots: Vec<String> =
        [Some(dir), canonical.as_deref()].into_iter().flatten().map(|dir| dir.to_string_lossy().into_owned()).collect();
    let output = Output {
        exit: ran.exit().unwrap_or(-1),
        stdout: &ran.finished.stdout,
        stderr: &ran.finished.stderr,
        out,
        roots: &roots,
        text: &|path| std::fs::read(dir.join(path)).ok(),
    };
    if ran.finished.truncated {
        return Err("it printed more than is kept".to_owned());
    }
    verify::read(rule, output)
}

/// A check that needs no program: it looks at blobs, no worktree needed.
fn checked(session: &Session<'_>, rule: &Rule, check: Check, looked: &Looked) -> Result<Vec<Finding>, Box<Linted>> {
    let repository = &session.world.located().repository;
    let look = || -> Result<Vec<Finding>, ExecError> {
        let mut files = Vec::with_capacity(looked.files.len());
        for entry in &looked.files {
            files.push(File { path: display(&entry.path), bytes: repository.blob(entry.blob.id)? });
        }
        let others: Vec<String> = match check {
            Check::Paths => repository.entries(looked.tree)?.iter().map(|entry| display(&entry.path)).collect(),
            Check::ConflictMarkers | Check::Whitespace => Vec::new(),
        };
        Ok(verify::check::look(rule, check, &files, &others))
    };
    look().map_err(|error| no_outcome(&format!("{} failed: {error}", rule.name)))
}

fn no_outcome(message: &str) -> Box<Linted> {
    Box::new(Linted::NoOutcome(Failure {
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
fn scratch() -> Result<tempfile::TempDir, Box<Linted>> {
    tempfile::tempdir().map_err(|error| no_outcome(&format!("no folder for its report: {error}")))
}

/// The failure of a lint with findings, from a run or from a record.
pub fn failure(rule: &Rule, findings: Vec<Finding>, ran: Option<&Ran>) -> Failure {
    Failure {
        reproduce: ran.map(|ran| ran.reproduce.clone()),
        log: ran.map(|ran| ran.log.display().to_string()),
        ..lint_failure(rule, LintBody { findings, times_red: 0 })
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

/// Runs one program of a rule in the worktree.
pub fn start(
    session: &Session<'_>,
    dir: &Path,
    kind: &StepKind,
    argv: Vec<String>,
    timeout_ms: u64,
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
        timeout_ms,
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
    let ran = start(session, &dir, kind, argv, VERSION_TIMEOUT_MS, prepared, 0);
    if let Some(failure) = ran.no_outcome(false) {
        return Ok(Some(failure));
    }
    session.store.set_program_version(asked.identity, &asked.program, ran.output().trim())?;
    Ok(None)
}
