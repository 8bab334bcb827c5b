//! What a worktree holds, held to the scope: the part that is allowed, and a finding for everything else.
//!
//! Nothing out of scope can be in a tree that comes from here: it is made from base(W) and the allowed paths alone.

use std::collections::BTreeSet;

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::base::path::Pattern;
use crate::exec::ExecError;
use crate::exec::command::Ran;
use crate::exec::editing::Ground;
use crate::exec::place::Place;
use crate::exec::session::Session;
use crate::git::anomaly::Anomaly;
use crate::git::delta::Change;
use crate::git::object::TreeId;
use crate::git::snapshot::Snapshot;
use crate::observe::edit::display;
use crate::observe::ignored::IgnoreRules;
use crate::observe::scope::{Allowed, Scope};
use crate::verify::signature::sign;

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
    /// What was removed that is no violation, for people.
    pub fn left_behind(&self) -> Vec<String> {
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
    let out: BTreeSet<&[u8]> = links_out(snapshot).collect();
    let is_leftover =
        |change: &Change| change.old.is_none() && !literal.names(&change.path) && rules.ignores(&change.path);
    // A link that leads out is no answer to what stood there, nor to what lay below.
    let is_out = |path: &[u8]| {
        let above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(end, _)| &path[..end]);
        above.chain([path]).any(|path| out.contains(path))
    };
    let mut allowed = delta
        .restricted(|change| !is_leftover(change) && scope.allows(change) == Allowed::Yes && !is_out(&change.path));
    if !out.is_empty() {
        let before = repository.diff(ground.base, ground.tree)?;
        allowed.changes.extend(before.restricted(|change| is_out(&change.path)).changes);
        allowed.changes.sort_by(|one, other| one.path.cmp(&other.path));
    }
    for change in &delta.changes {
        match (is_leftover(change), scope.allows(change)) {
            (true, _) => ignored.push(display(&change.path)),
            (false, Allowed::Yes) => {}
            (false, why) => violations.push(violation(change, why)),
        }
    }
    let tree = repository.apply(ground.base, &allowed)?;
    Ok(Held { tree, violations, ignored })
}

/// Files that a workstream names one by one: they count even where an ignore rule names them.
struct Literal(BTreeSet<Vec<u8>>);

impl Literal {
    fn of(workstream: &Workstream) -> Self {
        let all = workstream.files_scope.iter().chain(&workstream.files_create);
        Self(
            all.filter_map(|pattern| match pattern {
                Pattern::File(path) => Some(path.0.as_bytes().to_vec()),
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
    let mut finding = Finding {
        tool: "scope".to_owned(),
        code: Some("scope_violation".to_owned()),
        category: "scope_violation".to_owned(),
        severity: FindingSeverity::Error,
        path,
        message,
        ..Finding::default()
    };
    sign(&mut finding);
    finding
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

/// Links that the tool made and that lead out of the worktree: in scope or not, they are put back.
fn links_out(snapshot: &Snapshot) -> impl Iterator<Item = &[u8]> {
    snapshot.anomalies.iter().filter_map(|anomaly| match anomaly {
        Anomaly::LinkLeaves { path, known: false, .. } => Some(path.as_slice()),
        _ => None,
    })
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
        | Anomaly::TooLarge { path }
        | Anomaly::TooDeep { path } => Some(display(path)),
        Anomaly::FolderReplaced => Some(".".to_owned()),
        Anomaly::DotGitChanged | Anomaly::AdminGone => Some(".git".to_owned()),
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

/// The failure of an edit whose tool reached beyond its worktree.
pub fn tampered(breaches: &[Finding]) -> Failure {
    let help = "it is left as it is, a person may have done it: look at it and take it back, then build with --again";
    let mut failure = out_of_scope(breaches, None);
    failure.message = failure.message.replacen("left its scope: ", "reached beyond its worktree: ", 1);
    failure.help = Some(help.to_owned());
    failure
}
