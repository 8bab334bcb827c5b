//! How a candidate stands by its records, and where the fixes lead that were recorded of it.
//!
//! Runs nothing: the preview and the run walk the same way, so that a loop that was cut off goes on where it was, and a
//! red end is found again without anybody being asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::analysis::pipeline::{Observes, Rule, Workstream};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::name::RuleName;
use crate::fingerprint::Fingerprint;
use crate::git::delta::Delta;
use crate::git::object::{Entry, TreeId};
use crate::git::repository::Repository;
use crate::graph::StepKind;
use crate::observe::baseline::Judged;
use crate::observe::edit::{add_entries, display};
use crate::observe::look::Records;
use crate::observe::record::FixBody;
use crate::observe::scope::Scope;
use crate::observe::workstream::{self as observe, Candidate, LintLook, Prepared};
use crate::observe::world::World;
use crate::observe::{ObserveError, body, program, prompt, verification};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::record::Outcome;
use crate::verify::breaker::{Chain, Fix, Fixer, Next, Stage, Turn, next};
use crate::verify::signature::{sign, signature};

/// Fixes that are followed in one walk; breakers end a loop long before.
const WALK_MAX: usize = 256;

/// A lint or a test that is red.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Red {
    /// The step.
    pub kind: StepKind,
    /// As it was recorded.
    pub failure: Failure,
}

/// How a candidate stands by its records.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Something must run before it is known.
    Unknown,
    Green,
    Red(Vec<Red>),
}

/// A loop so far: what was red, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Red candidates in order; the newest has no fix yet.
    pub turns: Vec<Turn>,
    /// The fixes in order.
    pub fixes: Vec<FixBody>,
    /// What was red at each turn.
    pub reds: Vec<Vec<Red>>,
}

/// Where recorded fixes lead.
#[derive(Debug)]
pub struct Walked {
    /// The last candidate: it is to be verified.
    pub tree: TreeId,
    /// How it came about.
    pub progress: Progress,
}

impl Progress {
    /// A candidate is red.
    pub fn red(&mut self, tree: TreeId, reds: &[Red]) {
        let stage = match reds.first().map(|red| &red.kind) {
            Some(StepKind::Test(..)) => Stage::Test,
            _ => Stage::Lint,
        };
        let on_base = reds.iter().any(|red| red.failure.class == "red-base");
        self.turns.push(Turn { tree: tree.hex(), stage, on_base, signatures: signatures(reds), fix: None });
        self.reds.push(reds.to_vec());
    }

    /// The newest red candidate was fixed, or it was tried.
    pub fn fixed(&mut self, fix: &FixBody) {
        if let Some(turn) = self.turns.last_mut() {
            turn.fix = Some(Fix {
                by: fix.by.clone(),
                changed: fix.before != fix.after,
                delta: fix.delta.clone(),
                duration_ms: fix.duration_ms,
                cost_micros: fix.cost_micros,
            });
        }
        self.fixes.push(fix.clone());
    }

    /// What comes after the newest red candidate.
    pub fn next(&self, world: &World, workstream: &Workstream, broken: &BTreeSet<Fixer>) -> Next {
        let reds = self.reds.last().map(Vec::as_slice).unwrap_or_default();
        let mut rules: Vec<&Rule> = reds
            .iter()
            .filter_map(|red| match &red.kind {
                StepKind::Lint(_, name) => Some(world.rule(name)),
                _ => None,
            })
            .filter(|rule| !rule.fix.is_empty())
            .collect();
        rules.sort_by_key(|rule| rule.place);
        let count = |rule: &Rule| u32::try_from(rule.fix.len()).unwrap_or(u32::MAX);
        let chain = Chain {
            mechanical: rules.into_iter().map(|rule| (rule.name.to_string(), count(rule))).collect(),
            tools: workstream.fixers.iter().map(|tool| tool.to_string()).collect(),
            broken: broken.clone(),
        };
        next(&workstream.breakers, &self.turns, &chain)
    }

    /// How often tools were asked so far: the next asking is one more.
    fn asked(&self) -> usize {
        self.fixes.iter().filter(|fix| matches!(fix.by, Fixer::Tool(_))).count()
    }

    /// The prompt of the next asking.
    pub fn prompt(&self, workstream: &Workstream) -> String {
        let failures: Vec<(String, &Failure)> =
            self.reds.last().into_iter().flatten().map(|red| (part(&red.kind), &red.failure)).collect();
        let told = self.fixes.last().and_then(|fix| fix.failure.as_ref()).map(|failure| failure.message.as_str());
        prompt::fix(workstream, &failures, told)
    }
}

/// A step without its workstream: `ruff`, `test.2`.
fn part(kind: &StepKind) -> String {
    let name = kind.name();
    name.split_once('/').map_or(name.clone(), |(_, part)| part.to_owned())
}

/// What is wrong, by signature: findings where there are any, else the step and how it failed.
fn signatures(reds: &[Red]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for red in reds {
        let part = part(&red.kind);
        let before = all.len();
        for finding in &red.failure.findings {
            let mut finding = finding.clone();
            if finding.signature.is_empty() {
                sign(&mut finding);
            }
            let code = finding.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
            let path = finding.path.as_deref().map(|path| format!(" in {path}")).unwrap_or_default();
            all.insert(finding.signature, format!("{part}{code}{path}: {}", finding.message));
        }
        if all.len() == before {
            all.insert(signature(&part, &red.failure.message), format!("{part}: {}", red.failure.message));
        }
    }
    all
}

/// The setups of a tree, where all are made.
pub fn prepared(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    tree: TreeId,
) -> Result<Option<Prepared>, ObserveError> {
    let mut prepared = Prepared::default();
    for name in &workstream.setups {
        let setup = world.setup(name);
        let step = StepKind::Setup(workstream.id.clone(), name.clone()).name();
        let look = observe::setup(world, records, setup, tree, &step)?;
        if look.look.verdict != Verdict::Fresh(Freshness::Recorded) {
            return Ok(None);
        }
        prepared.add(setup, &look);
    }
    Ok(Some(prepared))
}

/// The failure of a rule with findings.
pub fn lint_failure(rule: &Rule, judged: Judged) -> Failure {
    let count = judged.failing.len();
    let old = match judged.old {
        0 => String::new(),
        old => format!(", and {old} that the base has"),
    };
    let message = format!("{} found {count} {}{old}", rule.name, if count == 1 { "fault" } else { "faults" });
    Failure { class: "agent".to_owned(), message, findings: judged.failing, ..Failure::default() }
}

fn is_red(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Fresh(Freshness::RecordedRed) | Verdict::Stale(Reason::RedAgain))
}

/// How a candidate stands, as far as records tell; a red one counts even where it would be looked at once more.
fn standing(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    base: TreeId,
    tree: TreeId,
) -> Result<Standing, ObserveError> {
    let Some(prepared) = prepared(world, records, workstream, tree)? else { return Ok(Standing::Unknown) };
    let delta = Arc::new(world.located().repository.diff(base, tree)?);
    let candidate = Candidate { workstream, base, tree, delta: &delta, prepared: &prepared };
    let mut reds = Vec::new();
    for name in &workstream.rules {
        match observe::lint(world, records, candidate, name)? {
            LintLook::NotDue | LintLook::NoProgram(_) => {}
            LintLook::AskVersion(_) | LintLook::Install(_) => return Ok(Standing::Unknown),
            LintLook::Looked(looked) if is_red(&looked.look.verdict) => {
                let kind = StepKind::Lint(workstream.id.clone(), name.clone());
                reds.push(Red { kind, failure: lint_failure(world.rule(name), looked.judged) });
            }
            LintLook::Looked(looked) if matches!(looked.look.verdict, Verdict::Fresh(_)) => {}
            LintLook::Looked(_) => return Ok(Standing::Unknown),
        }
    }
    if !reds.is_empty() {
        return Ok(Standing::Red(reds));
    }
    for number in 1..=u32::try_from(workstream.tests.len()).unwrap_or(u32::MAX) {
        let look = observe::test(world, records, candidate, number)?;
        if is_red(&look.look.verdict) {
            let Some(failure) = look.failure else { return Ok(Standing::Unknown) };
            return Ok(Standing::Red(vec![Red { kind: StepKind::Test(workstream.id.clone(), number), failure }]));
        }
        if !matches!(look.look.verdict, Verdict::Fresh(_)) {
            return Ok(Standing::Unknown);
        }
    }
    Ok(Standing::Green)
}

/// Follows the recorded fixes of a candidate to the last tree that they lead to.
pub fn walk(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    base: TreeId,
    tree: TreeId,
) -> Result<Walked, ObserveError> {
    let mut walked = Walked { tree, progress: Progress::default() };
    // One question instead of many, where there never was a loop.
    if records.latest(&StepKind::Fix(workstream.id.clone(), 1).name())?.is_none() {
        return Ok(walked);
    }
    for _ in 0..WALK_MAX {
        let Standing::Red(reds) = standing(world, records, workstream, base, walked.tree)? else { return Ok(walked) };
        let mut progress = walked.progress.clone();
        progress.red(walked.tree, &reds);
        let Next::Fix(fixer, _) = progress.next(world, workstream, &BTreeSet::new()) else { return Ok(walked) };
        let ground = Ground { base, tree: walked.tree };
        let Some(asked) = request(world, records, workstream, ground, &progress, &fixer)? else { return Ok(walked) };
        let Some((fix, after)) = recorded(world, records, &asked, walked.tree)? else { return Ok(walked) };
        progress.fixed(&fix);
        walked = Walked { tree: after, progress };
    }
    Ok(walked)
}

/// What a fix works on.
#[derive(Debug, Clone, Copy)]
pub struct Ground {
    /// base(W).
    pub base: TreeId,
    /// The red candidate.
    pub tree: TreeId,
}

/// A fix as it would be asked for now.
#[derive(Debug)]
pub struct FixRequest {
    /// What it observes.
    pub fingerprint: Fingerprint,
    /// The files that a mechanical one is given.
    pub files: Vec<Entry>,
    /// The setups of the tree.
    pub prepared: Prepared,
}

/// The question of a fix; `None` where it cannot be asked yet, or has nothing to look at.
pub fn request(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    ground: Ground,
    progress: &Progress,
    fixer: &Fixer,
) -> Result<Option<FixRequest>, ObserveError> {
    let Some(prepared) = prepared(world, records, workstream, ground.tree)? else { return Ok(None) };
    let repository = &world.located().repository;
    match fixer {
        Fixer::Tool(_) => {
            let fingerprint = question(world, workstream, ground.tree, progress)?;
            Ok(Some(FixRequest { fingerprint, files: Vec::new(), prepared }))
        }
        Fixer::Mechanical { rule, number } => {
            let rule = world.rule(&RuleName::from(rule.as_str()));
            let Some(command) = rule.fix.get(*number as usize - 1) else { return Ok(None) };
            let delta: Delta = repository.diff(ground.base, ground.tree)?;
            let found = verification::lint_files(repository, workstream, rule, ground.tree, &delta)?;
            let scope = Scope::of(workstream);
            let mut files = found.unwrap_or_default();
            files.retain(|entry| scope.names(&entry.path));
            if files.is_empty() {
                return Ok(None);
            }
            let word = crate::observe::task::first_word(command);
            let bins = observe::rule_bins(world, &prepared);
            let identity = program::digest(world, &word, &workstream.environment, &world.root, &bins);
            let mut fingerprint = Fingerprint::of("mechanical fix");
            fingerprint.text("command", &command.text());
            fingerprint.digest("program", identity);
            verification::add_environment(&mut fingerprint, world, &workstream.environment);
            let scoped = workstream.files_scope.iter().chain(&workstream.files_create);
            fingerprint.text("scope", &scoped.map(|pattern| pattern.text()).collect::<Vec<_>>().join("\n"));
            verification::add_looked_over(&mut fingerprint, repository, rule, &prepared.keys, ground.tree, &files)?;
            Ok(Some(FixRequest { fingerprint, files, prepared }))
        }
    }
}

/// What a tool is asked: the work, what it sees, what is red, and how often it was asked before. Not who answers, and
/// not what programs printed: that moves from run to run.
fn question(
    world: &World,
    workstream: &Workstream,
    tree: TreeId,
    progress: &Progress,
) -> Result<Fingerprint, ObserveError> {
    let mut fingerprint = Fingerprint::of("fix");
    fingerprint.text("prompt", &prompt::edit(workstream, 1, true));
    fingerprint.text("number", &(progress.asked() + 1).to_string());
    let first = workstream.fixers.first().and_then(|name| world.tool(name));
    match first.map_or(Observes::Tree, |tool| tool.observes) {
        Observes::Tree => fingerprint.digest("tree", tree.hex()),
        Observes::Scope => {
            add_entries(&mut fingerprint, &Scope::of(workstream).observed(&world.located().repository, tree)?);
        }
    }
    for red in progress.reds.last().into_iter().flatten() {
        let signatures = signatures(std::slice::from_ref(red)).into_keys().collect::<Vec<_>>().join("\n");
        fingerprint.digest(format!("red {}", part(&red.kind)), Digest::of(signatures.as_bytes()).hex());
    }
    Ok(fingerprint)
}

/// A fix that was recorded, and the tree that it makes of this one.
pub fn recorded(
    world: &World,
    records: Records<'_>,
    asked: &FixRequest,
    tree: TreeId,
) -> Result<Option<(FixBody, TreeId)>, ObserveError> {
    let repository = &world.located().repository;
    let Some(record) = records.find(asked.fingerprint.key())? else { return Ok(None) };
    let fix: FixBody = body(&record)?;
    let Some((before, after)) = TreeId::from_hex(&fix.before).zip(TreeId::from_hex(&fix.after)) else {
        return Ok(None);
    };
    if record.outcome == Outcome::Red || before == after {
        return Ok(Some((fix, tree)));
    }
    if !repository.is_whole(after, before)? {
        return Ok(None);
    }
    let after = if before == tree { after } else { repository.apply(tree, &repository.diff(before, after)?)? };
    Ok(Some((FixBody { before: tree.hex(), after: after.hex(), ..fix }, after)))
}

/// Names a change: equal for the same blobs at the same paths.
pub fn delta_name(repository: &Repository, before: TreeId, after: TreeId) -> Result<String, ObserveError> {
    let delta = repository.diff(before, after)?;
    let line = |change: &crate::git::delta::Change| {
        let blob = |blob: Option<crate::git::object::Blob>| {
            blob.map_or_else(|| "-".to_owned(), |blob| format!("{} {}", blob.mode.octal(), blob.id))
        };
        format!("{}\0{}\0{}", display(&change.path), blob(change.old), blob(change.new))
    };
    Ok(Digest::of(delta.changes.iter().map(line).collect::<Vec<_>>().join("\n").as_bytes()).hex())
}
