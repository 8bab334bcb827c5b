//! The steps of one workstream held against the records, one question a function, in the order in which they run.
//!
//! Knows no worktree and starts nothing: the run asks the same questions as the preview.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::analysis::pipeline::{Check, Command, Missing, OnBaseChange, Prove, Rule, Setup, Workstream};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::name::{RuleName, SetupName};
use crate::fingerprint::{Fingerprint, Key};
use crate::git::delta::Delta;
use crate::git::object::{CommitId, Entry, TreeId};
use crate::git::repository::Repository;
use crate::observe::base::{Settled, Start};
use crate::observe::baseline::{self, Judged};
use crate::observe::edit::{self, EditRequest};
use crate::observe::look::{Look, Records, look, tell_tree};
use crate::observe::record::{EditBody, LintBody, ResultBody, SetupBody, TestBody};
use crate::observe::world::World;
use crate::observe::{ObserveError, body, program, testing, verification};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::record::{Outcome, Record};
use crate::system::profile::Category;

/// An edit held against the records.
#[derive(Debug)]
pub struct EditLook {
    /// The verdict.
    pub look: Look,
    /// What would be asked.
    pub request: EditRequest,
    /// The tree after it, where a green record holds.
    pub after: Option<TreeId>,
    /// The record's body, red ones too.
    pub body: Option<EditBody>,
    /// The newest asked edit of the same request on another base, where it may be carried.
    pub carry_from: Option<EditBody>,
}

/// Looks at edit `number` on the tree that it would be given.
pub fn edit(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    number: u32,
    tree: TreeId,
) -> Result<EditLook, ObserveError> {
    let _span = world.profile.span(Category::Judge, || format!("{}/edit.{number}", workstream.id));
    let repository = &world.located().repository;
    let request = edit::request(world, workstream, number, tree)?;
    let step = format!("{}/edit.{number}", workstream.id);
    let look = look(records, &step, request.fingerprint.clone(), |record| edit_proof(repository, record))?;
    let mut after = None;
    let mut known = None;
    if let Some(record) = &look.record {
        let found: EditBody = body(record)?;
        if record.outcome == Outcome::Green {
            after = Some(put_onto(repository, &found, tree)?);
        }
        known = Some(found);
    }
    let carry_from = match (&look.record, workstream.on_base_change) {
        (None, OnBaseChange::Carry) => asked_before(repository, records, &request)?,
        _ => None,
    };
    Ok(EditLook { look, request, after, body: known, carry_from })
}

/// The trees that a record's body names are all there.
fn edit_proof(repository: &Repository, record: &Record) -> Result<Option<String>, ObserveError> {
    if record.outcome == Outcome::Red {
        return Ok(None);
    }
    let edit: EditBody = body(record)?;
    let (Some(before), Some(after)) = (TreeId::from_hex(&edit.before), TreeId::from_hex(&edit.after)) else {
        return Ok(Some("its record names no trees".to_owned()));
    };
    let whole = repository.is_whole(after, before)?;
    Ok((!whole).then(|| "blob evicted".to_owned()))
}

fn asked_before(
    repository: &Repository,
    records: Records<'_>,
    request: &EditRequest,
) -> Result<Option<EditBody>, ObserveError> {
    for record in records.by_request(request.request)? {
        if record.outcome != Outcome::Green || edit_proof(repository, &record)?.is_some() {
            continue;
        }
        let found: EditBody = body(&record)?;
        if !found.carried {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Puts a recorded edit onto a tree whose observed part is the one that the edit was asked on.
fn put_onto(repository: &Repository, found: &EditBody, tree: TreeId) -> Result<TreeId, ObserveError> {
    let (Some(before), Some(after)) = (TreeId::from_hex(&found.before), TreeId::from_hex(&found.after)) else {
        return Ok(tree);
    };
    if before == tree {
        return Ok(after);
    }
    Ok(repository.apply(tree, &repository.diff(before, after)?)?)
}

/// A setup held against the records.
#[derive(Debug)]
pub struct SetupLook {
    /// The verdict.
    pub look: Look,
    /// Where its output is, or will be.
    pub output: PathBuf,
}

/// Looks at a setup for a tree.
pub fn setup(
    world: &World,
    records: Records<'_>,
    setup: &Setup,
    tree: TreeId,
    step: &str,
) -> Result<SetupLook, ObserveError> {
    let inputs = verification::setup_inputs(&world.located().repository, setup, tree)?;
    setup_with(world, records, setup, &inputs, step)
}

/// Looks at a setup whose inputs are known.
pub fn setup_with(
    world: &World,
    records: Records<'_>,
    setup: &Setup,
    inputs: &[(String, String)],
    step: &str,
) -> Result<SetupLook, ObserveError> {
    let _span = world.profile.span(Category::Judge, || step);
    let word = crate::observe::task::first_word(&setup.command);
    let identity = program::digest(world, &word, &setup.environment, &world.root, &[]);
    let mut fingerprint = verification::setup(world, setup, &identity, inputs);
    if setup.per_worktree {
        fingerprint.text("worktree", step);
    }
    let output = world.setup_output(&setup.name, &fingerprint.key());
    let look = look(records, step, fingerprint, |record| {
        let made: SetupBody = body(record)?;
        let there = world.system.stat(std::path::Path::new(&made.output)).is_ok();
        Ok((!there).then(|| format!("{} is missing", made.output)))
    })?;
    Ok(SetupLook { look, output })
}

/// Setups that are ready: their keys, and the folders that they put in front of PATH.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// Name and key.
    pub keys: Vec<(String, Key)>,
    /// Folders.
    pub bins: Vec<PathBuf>,
    /// Name and output folder.
    pub outputs: Vec<(SetupName, PathBuf)>,
}

impl Prepared {
    /// Adds a setup whose output is there.
    pub fn add(&mut self, setup: &Setup, ready: &SetupLook) {
        self.keys.push((setup.name.to_string(), ready.look.key));
        self.outputs.push((setup.name.clone(), ready.output.clone()));
        for bin in &setup.bin {
            self.bins.push(PathBuf::from(bin.text().replace("{out}", &ready.output.to_string_lossy())));
        }
    }
}

/// Where programs of rules are installed, below the project's root.
pub const TOOLS_BIN: &str = ".pl/tools/bin";

/// A lint held against the records.
#[derive(Debug)]
pub enum LintLook {
    /// Nothing that it looks at was touched.
    NotDue,
    /// Its program is missing and the rule says to skip it then.
    NoProgram(String),
    /// Its program is missing and the rule says to install it then.
    Install(String),
    /// The program's version must be asked first.
    AskVersion(Asked),
    /// The verdict.
    Looked(Box<Looked>),
}

/// A program whose version is not known.
#[derive(Debug)]
pub struct Asked {
    /// Its name.
    pub program: String,
    /// Its identity.
    pub identity: Digest,
    /// What asks.
    pub command: Command,
}

/// A lint that is due.
#[derive(Debug)]
pub struct Looked {
    /// The verdict.
    pub look: Look,
    /// The files that it looks over.
    pub files: Vec<Entry>,
    /// The tree that they are in.
    pub tree: TreeId,
    /// Its record's body.
    pub body: Option<LintBody>,
    /// What of that fails.
    pub judged: Judged,
}

/// What verification looks at.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The workstream.
    pub workstream: &'a Workstream,
    /// base(W).
    pub base: TreeId,
    /// The tree.
    pub tree: TreeId,
    /// What it changed since base(W).
    pub delta: &'a Delta,
    /// Its setups.
    pub prepared: &'a Prepared,
}

/// Where a rule's program is looked for: folders of setups, then the project's own tools, then PATH.
pub fn rule_bins(world: &World, prepared: &Prepared) -> Vec<PathBuf> {
    prepared.bins.iter().cloned().chain([world.root.join(TOOLS_BIN)]).collect()
}

/// What an answer is remembered under: the program, and how it was asked.
fn asked_for(identity: Digest, command: &Command) -> Digest {
    Digest::of_fields([identity.hex().as_bytes(), command.text().as_bytes()])
}

/// Looks at a rule.
pub fn lint(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    name: &RuleName,
) -> Result<LintLook, ObserveError> {
    let _span = world.profile.span(Category::Judge, || format!("{}/lint.{name}", candidate.workstream.id));
    let rule: &Rule = world.rule(name);
    let repository = &world.located().repository;
    let Some(files) =
        verification::lint_files(repository, candidate.workstream, rule, candidate.tree, candidate.delta)?
    else {
        return Ok(LintLook::NotDue);
    };
    let fingerprint = match lint_key(world, records, candidate, rule, &files)? {
        LintKey::Known(fingerprint) => fingerprint,
        LintKey::Unknown(look) => return Ok(look),
    };
    let step = format!("{}/{name}", candidate.workstream.id);
    let mut look = look(records, &step, fingerprint, |_| Ok(None))?;
    tell_tree(repository, &mut look);
    let known: Option<LintBody> = look.record.as_ref().map(body).transpose()?;
    let mut judged = Judged::default();
    if let (Some(known), Verdict::Fresh(_)) = (&known, &look.verdict) {
        judged = baseline::judged(world, records, candidate, rule, &files, &known.findings)?;
        look.verdict = match (judged.failing.is_empty(), judged.is_open) {
            (true, _) => Verdict::Fresh(Freshness::Recorded),
            (false, true) => Verdict::Stale(Reason::Changed("the base was not looked over yet".to_owned())),
            (false, false) => Verdict::Fresh(Freshness::RecordedRed),
        };
    }
    red_again(&mut look, known.as_ref().map_or(0, |known| known.times_red));
    Ok(LintLook::Looked(Box::new(Looked { look, files, tree: candidate.tree, body: known, judged })))
}

/// The key of a rule over files, where it can be told.
#[derive(Debug)]
pub enum LintKey {
    /// It is known.
    Known(Fingerprint),
    /// The program is missing, or must be asked first.
    Unknown(LintLook),
}

/// What a rule observes in a candidate.
pub fn lint_key(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    rule: &Rule,
    files: &[Entry],
) -> Result<LintKey, ObserveError> {
    let word = rule.program();
    let bins = rule_bins(world, candidate.prepared);
    let environment = &candidate.workstream.environment;
    let identity = match rule.check {
        Some(_) => None,
        None => program::identity(world, &word, environment, &world.root, &bins),
    };
    let version = match (identity, &rule.version) {
        _ if rule.check.is_some() => Check::VERSION.to_owned(),
        (None, _) if rule.missing == Missing::Skip => return Ok(LintKey::Unknown(LintLook::NoProgram(word))),
        (None, _) if rule.missing == Missing::Install => return Ok(LintKey::Unknown(LintLook::Install(word))),
        (None, _) => "missing".to_owned(),
        (Some(identity), None) => identity.hex(),
        // One program may be asked in several ways: cargo for its own version, and for clippy's.
        (Some(identity), Some(command)) => match records.program_version(asked_for(identity, command))? {
            Some(version) => version,
            None => {
                return Ok(LintKey::Unknown(LintLook::AskVersion(Asked {
                    program: word,
                    identity: asked_for(identity, command),
                    command: command.clone(),
                })));
            }
        },
    };
    let mut fingerprint = verification::lint(world, rule, &version, &candidate.prepared.keys, candidate.tree, files)?;
    if rule.check.is_none() {
        verification::add_environment(&mut fingerprint, world, environment);
    }
    Ok(LintKey::Known(fingerprint))
}

/// A candidate that was red once is verified once more; red twice it is red without running.
fn red_again(look: &mut Look, times_red: u32) {
    if look.verdict == Verdict::Fresh(Freshness::RecordedRed) && times_red < TIMES_RED_MAX {
        look.verdict = Verdict::Stale(Reason::RedAgain);
    }
}

/// How often a red outcome is looked at before it stands.
pub const TIMES_RED_MAX: u32 = 2;

/// A test held against the records.
#[derive(Debug)]
pub struct TestLook {
    /// The verdict.
    pub look: Look,
    /// Its record's body.
    pub body: Option<TestBody>,
    /// Why it fails, by its record and by policy.
    pub failure: Option<Failure>,
}

/// Looks at a test, from 1.
pub fn test(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    number: u32,
) -> Result<TestLook, ObserveError> {
    let workstream = candidate.workstream;
    let _span = world.profile.span(Category::Judge, || format!("{}/test.{number}", workstream.id));
    let fingerprint = verification::test(world, workstream, number, &candidate.prepared.keys, candidate.tree)?;
    let mut look = look(records, &format!("{}/test.{number}", workstream.id), fingerprint, |_| Ok(None))?;
    tell_tree(&world.located().repository, &mut look);
    let known: Option<TestBody> = look.record.as_ref().map(body).transpose()?;
    red_again(&mut look, known.as_ref().map_or(0, |known| known.times_red));
    if look.record.is_none() && records.was_flaky(&format!("{}/test.{number}", workstream.id), look.key)? {
        look.verdict = Verdict::Stale(Reason::Flaky);
    }
    let declared = &workstream.tests[number as usize - 1];
    let is_red = known.as_ref().is_some_and(|known| known.failure.is_some());
    let mut base = None;
    if declared.prove == Prove::RedFirst || (is_red && declared.prove == Prove::Shown) {
        base = testing::on_base(world, records, candidate, number)?.and_then(|base| base.body);
    }
    let failure = known.as_ref().and_then(|known| testing::judged(world, candidate, declared, known, base.as_ref()));
    if look.verdict == Verdict::Fresh(Freshness::Recorded) {
        if failure.is_some() {
            look.verdict = Verdict::Fresh(Freshness::RecordedRed);
        } else if declared.prove == Prove::RedFirst && base.is_none() {
            look.verdict = Verdict::Stale(Reason::Changed("it was not tested on the base".to_owned()));
        }
    }
    Ok(TestLook { look, body: known, failure })
}

/// A result held against the records.
#[derive(Debug)]
pub struct ResultLook {
    /// The verdict.
    pub look: Look,
    /// The commit that its record names.
    pub commit: Option<CommitId>,
}

/// Looks at a result.
pub fn result(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    start: &Start,
    tree: TreeId,
) -> Result<ResultLook, ObserveError> {
    let repository = &world.located().repository;
    let fingerprint = verification::result(workstream, start.tree, tree, &start.parents);
    let held = format!("{}/result", workstream.id);
    let reference = world.result_ref(&workstream.id);
    let look = look(records, &held, fingerprint, |record| {
        let found: ResultBody = body(record)?;
        let named = repository.reference(&reference)?.map(|commit| commit.hex());
        Ok((named.as_deref() != Some(found.commit.as_str())).then(|| format!("{reference} does not name it")))
    })?;
    let known: Option<ResultBody> = look.record.as_ref().map(body).transpose()?;
    let commit = known.and_then(|known| CommitId::from_hex(&known.commit));
    Ok(ResultLook { look, commit })
}

/// Results of a workstream that may have landed, newest first.
const RESULTS_LOOKED_AT_MAX: u32 = 32;

/// The settled workstream, where it has landed in the base: its result is part of the base commit's history, and its
/// definition still means what it meant.
pub fn landed(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
) -> Result<Option<Arc<Settled>>, ObserveError> {
    let located = world.located();
    let definition = edit::definition(workstream).hex();
    // Every result that meant the same counts: an older one may have been pushed, and merged after a newer was made.
    let (mut wanted, mut bases) = (HashSet::new(), HashSet::new());
    for record in records.of_step(&format!("{}/result", workstream.id), RESULTS_LOOKED_AT_MAX)? {
        let found: ResultBody = body(&record)?;
        let commits = CommitId::from_hex(&found.commit).zip(CommitId::from_hex(&found.base_commit));
        let Some((commit, base)) = commits.filter(|_| found.definition == definition) else { continue };
        if base != located.commit && found.base != found.tree {
            wanted.insert(commit);
            bases.insert(base);
        }
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    let reached = located.repository.ancestors_contain(located.commit, &wanted, &bases)?;
    Ok((!reached.is_empty()).then(|| {
        Arc::new(Settled {
            base: located.tree,
            tree: located.tree,
            commit: located.commit,
            landed: true,
            delta: Arc::new(Delta::default()),
        })
    }))
}
