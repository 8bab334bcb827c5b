//! One edit: its tool is asked, what changed is held to the scope, the in-scope part is the delta.
//!
//! Nothing out of scope can be in a result: the tree is made from base(W) and the allowed paths alone.

use crate::analysis::pipeline::{Environment, Tool, ToolKind, Workstream};
use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::base::path::Pattern;
use crate::exec::ExecError;
use crate::exec::command::{Launch, Properties, Ran, launch, with_withheld};
use crate::exec::place::Place;
use crate::exec::session::Session;
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::git::anomaly::Anomaly;
use crate::git::delta::Change;
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::git::snapshot::Snapshot;
use crate::graph::StepKind;
use crate::observe::edit::display;
use crate::observe::ignored::IgnoreRules;
use crate::observe::recording;
use crate::observe::scope::{Allowed, Scope};
use crate::observe::workstream::{EditLook, Prepared};

/// Wall time of an edit where neither tool nor workstream says one.
const EDIT_TIMEOUT_MS: u64 = 30 * 60 * 1000;

/// What an edit came to.
#[derive(Debug)]
pub enum Edited {
    /// A tree.
    Good(Good),
    /// The tool's own fault: an outcome, recorded as red. The tree holds what of it is in scope.
    Red(Failure, TreeId),
    /// No outcome: asked again the next time.
    NoOutcome(Failure),
    /// A person is to edit the worktree.
    Waiting,
    /// Ctrl-C.
    Interrupted,
}

impl Edited {
    /// `ok red no-outcome waiting interrupted`: how the tool's asking ended.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Good(_) => "ok",
            Self::Red(..) => "red",
            Self::NoOutcome(_) => "no-outcome",
            Self::Waiting => "waiting",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A good edit.
#[derive(Debug)]
pub struct Good {
    /// The tree after it.
    pub after: TreeId,
    /// It was merged onto a moved base.
    pub carried: bool,
    /// Who did it.
    pub tool: String,
    /// What was left behind and removed, and other things worth a line.
    pub notes: Vec<String>,
    /// Warnings that are kept with the step.
    pub findings: Vec<Finding>,
}

/// What an edit works on.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The workstream.
    pub workstream: &'a Workstream,
    /// base(W).
    pub base: TreeId,
    /// The tree that this edit is given.
    pub tree: TreeId,
    /// A commit whose tree is base(W).
    pub parent: CommitId,
    /// From 1.
    pub number: u32,
}

/// Carries an earlier edit of the same request onto this tree: `None` where it conflicts.
pub fn carry(session: &Session<'_>, ground: Ground<'_>, look: &EditLook) -> Result<Option<Good>, ExecError> {
    let Some(asked) = &look.carry_from else { return Ok(None) };
    let (Some(before), Some(after)) = (TreeId::from_hex(&asked.before), TreeId::from_hex(&asked.after)) else {
        return Ok(None);
    };
    let repository = &session.world.located().repository;
    let Merge::Clean(merged) = repository.merge(before, ground.tree, after)? else { return Ok(None) };
    let delta = repository.diff(ground.base, merged)?;
    let inside = Scope::of(ground.workstream).restrict(&delta);
    if inside != delta {
        return Ok(None);
    }
    Ok(Some(Good { after: merged, carried: true, tool: asked.tool.clone(), notes: Vec::new(), findings: Vec::new() }))
}

/// Asks the tool.
pub fn ask(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    look: &EditLook,
) -> Result<Edited, ExecError> {
    let Some(tool) = session.world.first_tool(ground.workstream) else {
        return Ok(Edited::NoOutcome(no_tool(ground.workstream)));
    };
    match tool.kind {
        ToolKind::Manual => ask_person(place, ground),
        ToolKind::Replay => replay(session, place, ground, tool),
        ToolKind::Exec | ToolKind::Ai => run(session, place, ground, tool, look),
    }
}

fn no_tool(workstream: &Workstream) -> Failure {
    Failure {
        class: "environment".to_owned(),
        message: format!("no tool can be asked for `{}`", workstream.asked_tool),
        help: Some("declare it in rules/, or build with `--tool manual`".to_owned()),
        ..Failure::default()
    }
}

fn ask_person(place: &mut Place<'_>, ground: Ground<'_>) -> Result<Edited, ExecError> {
    place.make_exact(ground.tree, ground.parent)?;
    Ok(Edited::Waiting)
}

/// Applies a recorded edit with git; one that does not fit as it stands is tried three-way.
fn replay(session: &Session<'_>, place: &mut Place<'_>, ground: Ground<'_>, tool: &Tool) -> Result<Edited, ExecError> {
    let workstream = ground.workstream;
    let whole = session.world.whole.contains(&workstream.id);
    let path = recording::path(&session.world.root, &tool.recordings, workstream, ground.number, whole);
    let Ok(patch) = session.world.system.read(&path) else {
        return Ok(Edited::NoOutcome(no_recording(session, &path)));
    };
    if patch.iter().all(u8::is_ascii_whitespace) {
        let name = tool.name.0.clone();
        let good = Good { after: ground.tree, carried: false, tool: name, notes: Vec::new(), findings: Vec::new() };
        return Ok(Edited::Good(good));
    }
    place.make_exact(ground.tree, ground.parent)?;
    let home = place.scratch("edit-home")?;
    let kind = StepKind::Edit(workstream.id.clone(), ground.number);
    let plain = apply(session, place, &kind, &path, &home, false);
    let ran = if plain.exit() == Some(0) || plain.no_outcome(false).is_some() {
        plain
    } else {
        place.make_exact(ground.tree, ground.parent)?;
        apply(session, place, &kind, &path, &home, true)
    };
    if ran.cancelled() {
        return Ok(Edited::Interrupted);
    }
    if let Some(failure) = ran.no_outcome(false) {
        return Ok(Edited::NoOutcome(failure));
    }
    if ran.exit() != Some(0) {
        place.make_exact(ground.tree, ground.parent)?;
        let shown = path.strip_prefix(&session.world.root).unwrap_or(&path).display().to_string();
        let help = format!(
            "record it anew: edit by hand with `pl build {} --tool manual`, then `pl diff {} --to {}`",
            workstream.id, workstream.id, tool.recordings
        );
        return Ok(Edited::Red(ran.failure("agent", format!("{shown} does not apply"), Some(help)), ground.tree));
    }
    settle(session, place, ground, tool, Some(&ran))
}

fn no_recording(session: &Session<'_>, path: &std::path::Path) -> Failure {
    let shown = path.strip_prefix(&session.world.root).unwrap_or(path).display();
    Failure {
        class: "environment".to_owned(),
        message: format!("there is no recorded edit at {shown}"),
        help: Some("record one with `pl diff WORKSTREAM --to recordings/`, or build with another `--tool`".to_owned()),
        ..Failure::default()
    }
}

fn apply(
    session: &Session<'_>,
    place: &Place<'_>,
    kind: &StepKind,
    path: &std::path::Path,
    home: &std::path::Path,
    three_way: bool,
) -> Ran {
    let fixed = [
        "git",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.autocrlf=false",
        "-c",
        "core.attributesFile=/dev/null",
        "apply",
        "--whitespace=nowarn",
    ];
    let mut argv: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    if three_way {
        argv.push("--3way".to_owned());
    }
    argv.push(path.to_string_lossy().into_owned());
    let set = [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_TERMINAL_PROMPT", "0")];
    let set = set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    launch(
        session,
        Launch {
            argv,
            dir: &place.dir,
            environment: &Environment { set, pass: Vec::new() },
            bins: &[],
            own: &[("HOME", home)],
            secrets: &[],
            pool: None,
            timeout_ms: EDIT_TIMEOUT_MS,
            log: session.log(kind, if three_way { 2 } else { 1 }),
        },
    )
}

/// Runs a command or an agent in the worktree.
fn run(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    tool: &Tool,
    look: &EditLook,
) -> Result<Edited, ExecError> {
    let Some(command) = &tool.command else { return Ok(Edited::NoOutcome(no_tool(ground.workstream))) };
    place.make_exact(ground.tree, ground.parent)?;
    let scratch = place.scratch("edit")?;
    let prompt = scratch.join("prompt.md");
    std::fs::write(&prompt, &look.request.prompt).map_err(ExecError::writing(&prompt))?;
    let temporary = place.scratch("edit-tmp")?;
    let properties = Properties {
        prompt: Some(prompt.clone()),
        worktree: Some(place.dir.clone()),
        scope_files: scope_files(session, ground)?,
        workstream: ground.workstream.id.0.clone(),
        ..Properties::default()
    };
    let prepared = match prepare(session, ground)? {
        Ok(prepared) => prepared,
        Err(edited) => return Ok(edited),
    };
    let kind = StepKind::Edit(ground.workstream.id.clone(), ground.number);
    let fence = crate::exec::fence::Watch::begin(session)?;
    let ran = launch(
        session,
        Launch {
            argv: properties.argv(command),
            dir: &place.dir,
            environment: &tool.environment,
            bins: &prepared.bins,
            own: &[("TMPDIR", &temporary), ("PL_PROMPT", &prompt), ("PL_WORKTREE", &place.dir)],
            secrets: &tool.secrets,
            pool: tool.pool.as_deref(),
            timeout_ms: tool.timeout_ms.or(ground.workstream.timeout_ms).unwrap_or(EDIT_TIMEOUT_MS),
            log: session.log(&kind, 1),
        },
    );
    let breaches = fence.end(session)?;
    if ran.cancelled() {
        return Ok(Edited::Interrupted);
    }
    let shell = matches!(command, crate::analysis::pipeline::Command::Shell(_));
    if let Some(failure) = ran.no_outcome(shell) {
        return Ok(Edited::NoOutcome(with_withheld(failure, &ran)));
    }
    if let Some(code) = ran.exit().filter(|code| *code != 0) {
        let failure = ran.failure("crash", format!("{} ended with exit code {code}", tool.name), None);
        return Ok(Edited::NoOutcome(with_withheld(failure, &ran)));
    }
    let edited = settle(session, place, ground, tool, Some(&ran))?;
    Ok(crate::exec::fence::add(edited, breaches, session.world.pipeline.strict))
}

/// The setups of the tree that a tool is given: so that an agent can run what the tests will run.
fn prepare(session: &Session<'_>, ground: Ground<'_>) -> Result<Result<Prepared, Edited>, ExecError> {
    let mut prepared = Prepared::default();
    for name in &ground.workstream.setups {
        let kind = StepKind::Setup(ground.workstream.id.clone(), name.clone());
        let wanted = session.world.setup(name);
        match ensure(session, &kind, wanted, Inputs::Tree(ground.tree), |_| {
            // The step itself ends where the candidate is verified; here only the wait is told.
            session.note("info", format!("setup:{name} is made for an edit of {}", ground.workstream.id));
        })? {
            SetUp::Ready(look, _) => prepared.add(wanted, &look),
            SetUp::Failed(failure) => return Ok(Err(Edited::NoOutcome(failure))),
            SetUp::Interrupted => return Ok(Err(Edited::Interrupted)),
        }
    }
    Ok(Ok(prepared))
}

/// The literal files of the scope that exist, an argument each.
fn scope_files(session: &Session<'_>, ground: Ground<'_>) -> Result<Vec<String>, ExecError> {
    let scope = Scope::of(ground.workstream);
    let entries = session.world.located().repository.entries(ground.tree)?;
    let inside = entries.iter().filter(|entry| scope.names(&entry.path));
    Ok(inside.filter_map(|entry| String::from_utf8(entry.path.clone()).ok()).collect())
}

/// What the worktree holds now, held to the scope.
pub fn settle(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    tool: &Tool,
    ran: Option<&Ran>,
) -> Result<Edited, ExecError> {
    let held = hold(session, place, ground)?;
    if !held.violations.is_empty() {
        place.make_exact(held.tree, ground.parent)?;
        return Ok(Edited::Red(out_of_scope(&held.violations, ran), held.tree));
    }
    if held.tree == ground.tree {
        let message = format!("{} changed nothing", tool.name);
        let help = Some("an edit that has nothing to do is recorded as an empty patch; else see its output".to_owned());
        let failure = match ran {
            Some(ran) => ran.failure("agent", message, help),
            None => Failure { class: "agent".to_owned(), message, help, ..Failure::default() },
        };
        return Ok(Edited::Red(failure, held.tree));
    }
    let notes = held.left_behind();
    let good = Good { after: held.tree, carried: false, tool: tool.name.0.clone(), notes, findings: Vec::new() };
    Ok(Edited::Good(good))
}

/// What a worktree holds, parted by scope.
#[derive(Debug)]
pub struct Held {
    /// base(W) with the allowed changes.
    pub tree: TreeId,
    /// What is not allowed.
    pub violations: Vec<Finding>,
    /// Untracked files that the base's ignore rules name: removed, no violation.
    pub ignored: Vec<String>,
}

impl Held {
    fn left_behind(&self) -> Vec<String> {
        match self.ignored.as_slice() {
            [] => Vec::new(),
            [first] => vec![format!("removed an ignored file that it left: {first}")],
            [first, rest @ ..] => vec![format!("removed ignored files that it left: {first} and {} more", rest.len())],
        }
    }
}

/// Snapshots the worktree and holds everything that changed since base(W) to the scope.
pub fn hold(session: &Session<'_>, place: &Place<'_>, ground: Ground<'_>) -> Result<Held, ExecError> {
    hold_snapshot(session, &place.look(ground.tree, ground.parent)?, ground)
}

/// The same for a folder that was looked at.
pub fn hold_snapshot(session: &Session<'_>, snapshot: &Snapshot, ground: Ground<'_>) -> Result<Held, ExecError> {
    let repository = &session.world.located().repository;
    let delta = repository.diff(ground.base, snapshot.tree)?;
    let scope = Scope::of(ground.workstream);
    let literal = Literal::of(ground.workstream);
    let rules = IgnoreRules::of(repository, ground.base)?;
    let mut violations = anomalies(snapshot);
    let mut ignored = Vec::new();
    let allowed = delta.restricted(|change| {
        let leftover = change.old.is_none() && !literal.names(&change.path) && rules.ignores(&change.path);
        !leftover && scope.allows(change) == Allowed::Yes
    });
    for change in &delta.changes {
        let leftover = change.old.is_none() && !literal.names(&change.path) && rules.ignores(&change.path);
        match (leftover, scope.allows(change)) {
            (true, _) => ignored.push(display(&change.path)),
            (false, Allowed::Yes) => {}
            (false, why) => violations.push(violation(change, why)),
        }
    }
    let tree = repository.apply(ground.base, &allowed)?;
    Ok(Held { tree, violations, ignored })
}

/// Files that a workstream names one by one: they count even where an ignore rule names them.
struct Literal(std::collections::BTreeSet<Vec<u8>>);

impl Literal {
    fn of(workstream: &Workstream) -> Self {
        let all = workstream.files_scope.iter().chain(&workstream.files_create);
        Self(
            all.filter_map(|pattern| match pattern {
                Pattern::File(path) => Some(path.0.clone().into_bytes()),
                Pattern::Folder(_) | Pattern::Glob(_) => None,
            })
            .collect(),
        )
    }

    fn names(&self, path: &[u8]) -> bool {
        self.0.contains(path)
    }
}

fn scope_finding(path: Option<String>, message: String) -> Finding {
    Finding {
        tool: "scope".to_owned(),
        code: Some("scope_violation".to_owned()),
        category: "scope_violation".to_owned(),
        severity: FindingSeverity::Error,
        path,
        line: None,
        column: None,
        message,
    }
}

fn violation(change: &Change, why: Allowed) -> Finding {
    let what = match (change.old, change.new) {
        (None, _) => "added",
        (_, None) => "deleted",
        (Some(old), Some(new)) if old.id == new.id => "its mode was changed",
        _ => "changed",
    };
    let message = match why {
        Allowed::OnlyCreate => format!("{what}, and files_create only lets it be added"),
        Allowed::Gitlink => format!("{what}: gitlinks and submodules are opaque"),
        Allowed::Yes | Allowed::OutOfScope => format!("{what} out of scope"),
    };
    scope_finding(Some(display(&change.path)), message)
}

/// What is odd besides changed files; a link that was there before is not the tool's doing.
fn anomalies(snapshot: &Snapshot) -> Vec<Finding> {
    let odd = snapshot.anomalies.iter().filter(|anomaly| !matches!(anomaly, Anomaly::LinkLeaves { known: true, .. }));
    odd.map(|anomaly| scope_finding(path_of(anomaly), anomaly.to_string())).collect()
}

fn path_of(anomaly: &Anomaly) -> Option<String> {
    match anomaly {
        Anomaly::NestedRepository { path }
        | Anomaly::GitlinkContent { path }
        | Anomaly::IndexFlag { path }
        | Anomaly::GitlinkAdded { path }
        | Anomaly::SpecialFile { path }
        | Anomaly::HardLinkLeaves { path }
        | Anomaly::LinkLeaves { path, .. }
        | Anomaly::TooDeep { path } => Some(display(path)),
        Anomaly::DotGitChanged => Some(".git".to_owned()),
        Anomaly::HeadMoved { .. } => Some("HEAD".to_owned()),
        Anomaly::IndexUnreadable => Some("index".to_owned()),
    }
}

/// A finding of something that was written outside of the worktree.
pub fn outside(place: &str, what: &str) -> Finding {
    scope_finding(Some(place.to_owned()), what.to_owned())
}

/// Paths that a failure's sentence names.
const PATHS_SHOWN_MAX: usize = 3;

/// The failure of an edit that left its scope.
pub fn out_of_scope(violations: &[Finding], ran: Option<&Ran>) -> Failure {
    let paths: Vec<&str> =
        violations.iter().filter_map(|finding| finding.path.as_deref()).take(PATHS_SHOWN_MAX).collect();
    let more = match violations.len().saturating_sub(paths.len()) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let message = if paths.is_empty() {
        violations.first().map_or_else(String::new, |finding| finding.message.clone())
    } else {
        format!("left its scope: {}{more}", paths.join(", "))
    };
    let help = Some("the stray paths were put back; widen files_scope if they are needed, or mend the tool".to_owned());
    let mut failure = match ran {
        Some(ran) => ran.failure("agent", message, help),
        None => Failure { class: "agent".to_owned(), message, help, ..Failure::default() },
    };
    failure.findings = violations.to_vec();
    // The worktree holds the edit already; the same line there would do something else.
    failure.reproduce = None;
    failure
}
