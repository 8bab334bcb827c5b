//! One fix of a red candidate: a rule's own command, or a tool that is told what is wrong.
//!
//! Only the part in scope is taken. Whether it is good is for verification to say.

use std::collections::BTreeSet;

use crate::analysis::pipeline::{Command, Rule, Tool};
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::command::Properties;
use crate::exec::editing::{self, Edited, Ground};
use crate::exec::fence::{Reach, Watch};
use crate::exec::holding::hold;
use crate::exec::linting::{self, Limits};
use crate::exec::place::Place;
use crate::exec::session::Session;
use crate::git::object::TreeId;
use crate::graph::StepKind;
use crate::observe::fixing::FixRequest;

/// What a fix came to.
#[derive(Debug)]
pub enum Fixed {
    /// A tree; the same where it changed nothing, which only a mechanical fix may.
    Tree(TreeId),
    /// The tool's own fault: nothing of it is taken.
    Refused(Failure),
    /// No outcome: it broke.
    Broke(Failure),
    /// Ctrl-C.
    Interrupted,
}

/// Runs a command of a rule over the files that it looks at.
pub fn mechanical(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    kind: &StepKind,
    rule: &Rule,
    command: &Command,
    asked: &FixRequest,
) -> Result<Fixed, ExecError> {
    place.make_exact(ground.tree, ground.parent)?;
    let watch = Watch::begin(session, &kind.name(), Reach::Books)?;
    let ended = batches(session, place, ground, kind, rule, command, asked);
    if let Some(tampered) = watch.end_of_step(session)? {
        return Ok(Fixed::Refused(tampered));
    }
    if let Some(ended) = ended {
        return Ok(ended);
    }
    let held = hold(session, place, ground)?;
    let paths: BTreeSet<&str> = held.violations.iter().filter_map(|finding| finding.path.as_deref()).collect();
    if !paths.is_empty() {
        let message = format!("{} is left out: out of scope", paths.into_iter().collect::<Vec<_>>().join(", "));
        session.note("warning", format!("{} of {}: {message}", kind.name(), rule.name));
    }
    Ok(match takes_back(ground, held.tree) {
        true => Fixed::Refused(taken_back(&format!("the fix of {}", rule.name))),
        false => Fixed::Tree(held.tree),
    })
}

/// Tests that hold on the base would be green, and nothing done.
fn takes_back(ground: Ground<'_>, after: TreeId) -> bool {
    after == ground.base && ground.tree != ground.base
}

fn taken_back(who: &str) -> Failure {
    Failure { class: "agent".to_owned(), message: format!("{who} took the whole change back"), ..Failure::default() }
}

/// How it ended, unless well.
fn batches(
    session: &Session<'_>,
    place: &Place<'_>,
    ground: Ground<'_>,
    kind: &StepKind,
    rule: &Rule,
    command: &Command,
    asked: &FixRequest,
) -> Option<Fixed> {
    for (number, files) in linting::batches(command, &asked.files).into_iter().enumerate() {
        let properties = Properties {
            files,
            worktree: Some(place.dir.clone()),
            workstream: ground.workstream.id.to_string(),
            ..Properties::default()
        };
        let attempt = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let argv = properties.argv(command);
        let ran = linting::start(session, &place.dir, kind, argv, Limits::of(rule), &asked.prepared, attempt);
        if ran.cancelled() {
            return Some(Fixed::Interrupted);
        }
        if let Some(failure) = ran.no_outcome(matches!(command, Command::Shell(_))) {
            return Some(Fixed::Broke(failure));
        }
        // A fixer that leaves findings behind says so by its exit code.
        let known = |code: i32| code == 0 || rule.exit_clean.contains(&code) || rule.exit_findings.contains(&code);
        if let Some(code) = ran.exit().filter(|code| !known(*code)) {
            let message = format!("the fix of {} ended with exit code {code}", rule.name);
            return Some(Fixed::Broke(ran.failure("infrastructure", message, None)));
        }
    }
    None
}

/// Asks a tool to mend what is wrong.
pub fn ask(
    session: &Session<'_>,
    place: &mut Place<'_>,
    ground: Ground<'_>,
    kind: &StepKind,
    tool: &Tool,
    prompt: &str,
) -> Result<Fixed, ExecError> {
    Ok(match editing::run(session, place, ground, tool, kind, prompt)? {
        Edited::Good(good) if takes_back(ground, good.after) => Fixed::Refused(taken_back(tool.name.as_str())),
        Edited::Good(good) => Fixed::Tree(good.after),
        Edited::Red(failure, _) => Fixed::Refused(failure),
        Edited::NoOutcome(failure) => Fixed::Broke(failure),
        Edited::Waiting | Edited::Interrupted => Fixed::Interrupted,
    })
}
