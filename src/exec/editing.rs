//! One edit: its tool is asked, what changed is held to the scope, the in-scope part is the delta.
//!
//! Nothing out of scope can be in a result: the tree is made from base(W) and the allowed paths alone.

use crate::analysis::pipeline::{Tool, ToolKind, Workstream};
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::exec::ExecError;
use crate::exec::command::{HANG, Launch, Properties, QUOTA, Ran, launch, with_withheld};
use crate::exec::fence::{Reach, Watch};
use crate::exec::holding::{hold, out_of_scope};
use crate::exec::place::Place;
use crate::exec::replaying;
use crate::exec::session::Session;
use crate::exec::setup::{Inputs, SetUp, ensure};
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::scope::Scope;
use crate::observe::workstream::{EditLook, Prepared};
use crate::system::profile::Category;

/// Wall time of an edit where neither tool nor workstream says one.
pub const EDIT_TIMEOUT_MS: u64 = 30 * 60 * 1000;

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
    let _span = session.world.profile.span(Category::Git, || format!("carry {}", ground.workstream.id));
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
        ToolKind::Replay => replaying::replay(session, place, ground, tool),
        ToolKind::Exec | ToolKind::Ai => {
            let kind = StepKind::Edit(ground.workstream.id.clone(), ground.number);
            in_turn(session, place, ground, &kind, &look.request.prompt)
        }
    }
}

/// Asks the workstream's programs: one that hangs once more, and where one has used up its quota the next. A person is not
/// asked in place of a program, nobody would know.
fn in_turn(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    kind: &StepKind,
    prompt: &str,
) -> Result<Edited, ExecError> {
    let is_program = |tool: &&Tool| matches!(tool.kind, ToolKind::Exec | ToolKind::Ai);
    let names = ground.workstream.tools.iter();
    let tools: Vec<&Tool> = names.filter_map(|name| session.world.tool(name)).filter(is_program).collect();
    let (mut place_in_turn, mut hung) = (0, false);
    loop {
        let Some(tool) = tools.get(place_in_turn) else { return Ok(Edited::NoOutcome(no_tool(ground.workstream))) };
        let edited = run(session, place, ground, tool, kind, prompt)?;
        let Edited::NoOutcome(failure) = &edited else { return Ok(edited) };
        let next = match failure.class.as_str() {
            HANG if !hung => {
                hung = true;
                format!("{} is asked once more", tool.name)
            }
            QUOTA if place_in_turn + 1 < tools.len() => {
                (place_in_turn, hung) = (place_in_turn + 1, false);
                format!("{} is asked", tools[place_in_turn].name)
            }
            _ => return Ok(edited),
        };
        session.note("warning", format!("{}: {} ({}); {next}", kind.name(), failure.message, failure.class));
        session.tool_was_asked(kind, tool.name.as_str(), &failure.class, 0, serde_json::Value::Null)?;
        place.rescue(ground.tree)?;
        session.next_round(&ground.workstream.id);
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

/// Where a tool may write what it used: `{"cost": 0.25, …}`.
const USAGE: &str = "usage.json";

/// What the tool that was asked last says that it used; `null` where it says nothing that can be read.
pub fn usage(session: &Session<'_>, workstream: &Workstream) -> serde_json::Value {
    let path = session.world.scratch(&workstream.id).join("edit").join(USAGE);
    let text = std::fs::read_to_string(path).unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(serde_json::Value::Null)
}

/// Runs a command or an agent in the worktree.
pub fn run(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    tool: &Tool,
    kind: &StepKind,
    prompt_text: &str,
) -> Result<Edited, ExecError> {
    let Some(command) = &tool.command else { return Ok(Edited::NoOutcome(no_tool(ground.workstream))) };
    place.make_exact(ground.tree, ground.parent)?;
    let scratch = place.scratch("edit")?;
    let prompt = scratch.join("prompt.md");
    std::fs::write(&prompt, prompt_text).map_err(ExecError::writing(&prompt))?;
    let usage = scratch.join(USAGE);
    let temporary = place.scratch("edit-tmp")?;
    let properties = Properties {
        prompt: Some(prompt.clone()),
        worktree: Some(place.dir.clone()),
        scope_files: scope_files(session, ground)?,
        workstream: ground.workstream.id.to_string(),
        ..Properties::default()
    };
    let prepared = match prepare(session, ground)? {
        Ok(prepared) => prepared,
        Err(edited) => return Ok(edited),
    };
    let watch = Watch::begin(session, ground.workstream.id.as_str(), Reach::Everything)?;
    let ran = launch(
        session,
        Launch {
            argv: properties.argv(command),
            dir: &place.dir,
            environment: &tool.environment,
            bins: &prepared.bins,
            own: &[("TMPDIR", &temporary), ("PL_PROMPT", &prompt), ("PL_WORKTREE", &place.dir), ("PL_USAGE", &usage)],
            secrets: &tool.secrets,
            pool: tool.pool.as_deref(),
            jobserver: None,
            timeout_ms: tool.timeout_ms.or(ground.workstream.timeout_ms).unwrap_or(EDIT_TIMEOUT_MS),
            idle_ms: tool.patience.idle_ms,
            kind,
            log: session.log(kind, 1),
        },
    );
    let breaches = watch.end(session)?;
    let edited = answer(session, place, ground, tool, &ran)?;
    Ok(crate::exec::fence::add(session, edited, breaches))
}

/// What a tool that ended came to.
fn answer(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    tool: &Tool,
    ran: &Ran,
) -> Result<Edited, ExecError> {
    if ran.cancelled() {
        return Ok(Edited::Interrupted);
    }
    let shell = matches!(tool.command, Some(crate::analysis::pipeline::Command::Shell(_)));
    if let Some(failure) = ran.no_outcome(shell) {
        return Ok(Edited::NoOutcome(with_withheld(failure, ran)));
    }
    if let Some(failure) = ran.out_of_quota(tool.name.as_str(), &tool.patience, false) {
        return Ok(Edited::NoOutcome(failure));
    }
    if let Some(code) = ran.exit().filter(|code| *code != 0) {
        let failure = ran.failure("crash", format!("{} ended with exit code {code}", tool.name), None);
        return Ok(Edited::NoOutcome(with_withheld(failure, ran)));
    }
    settle(session, place, ground, tool, Some(ran))
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
    let inside = Scope::of(ground.workstream).files(&session.world.located().repository, ground.tree)?;
    Ok(inside.into_iter().filter_map(|entry| String::from_utf8(entry.path).ok()).collect())
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
        // Some leave 0 whatever they were told.
        if let Some(failure) = ran.and_then(|ran| ran.out_of_quota(tool.name.as_str(), &tool.patience, true)) {
            return Ok(Edited::NoOutcome(failure));
        }
        let message = format!("{} changed nothing", tool.name);
        let help = Some("an edit that has nothing to do is recorded as an empty patch; else see its output".to_owned());
        let failure = match ran {
            Some(ran) => ran.failure("agent", message, help),
            None => Failure { class: "agent".to_owned(), message, help, ..Failure::default() },
        };
        return Ok(Edited::Red(failure, held.tree));
    }
    let notes = held.left_behind();
    let good = Good { after: held.tree, carried: false, tool: tool.name.to_string(), notes, findings: Vec::new() };
    Ok(Edited::Good(good))
}
