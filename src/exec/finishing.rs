//! A verified tree made into a commit, its refs, and the record; and what is kept of one that failed.
//!
//! Records name trees; the commit is derived from its parts, so that the same parts give the same id.

use std::sync::Arc;

use crate::analysis::pipeline::Workstream;
use crate::exec::ExecError;
use crate::exec::session::{Ending, Made, Session};
use crate::git::delta::Delta;
use crate::git::object::{CommitId, TreeId};
use crate::git::reference::Expected;
use crate::git::repository::CommitParts;
use crate::graph::StepKind;
use crate::observe::base::{Settled, Start};
use crate::observe::record::ResultBody;
use crate::observe::{edit, verification, workstream as observe};
use crate::plan::{Freshness, Verdict};
use crate::store::record::Outcome;
use crate::summary::StepStatus;
use crate::system::profile::Category;

/// A result with the branch that names it.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The commit.
    pub commit: CommitId,
    /// The courtesy branch, where it could be written.
    pub branch: Option<String>,
    /// It was made or moved now.
    pub made: bool,
}

/// The commit whose tree is base(W): the one parent, or a merge commit "base of W".
pub fn parent(session: &Session<'_>, workstream: &Workstream, start: &Start) -> Result<CommitId, ExecError> {
    let repository = &session.world.located().repository;
    if let [only] = start.parents.as_slice()
        && repository.tree_of(*only)? == start.tree
    {
        return Ok(*only);
    }
    let message = format!("base of {}\n", workstream.id);
    let mut time = 0;
    for commit in &start.parents {
        time = time.max(repository.commit_time(*commit)?);
    }
    Ok(repository.commit(&CommitParts { tree: start.tree, parents: start.parents.clone(), message, time })?)
}

/// Makes the result of a workstream: commit, ref, record, branch.
pub fn finish(
    session: &Session<'_>,
    workstream: &Workstream,
    start: &Start,
    parent: CommitId,
    tree: TreeId,
    delta: Arc<Delta>,
) -> Result<Finished, ExecError> {
    let kind = StepKind::Result(workstream.id.clone());
    let repository = &session.world.located().repository;
    let settle = |commit| {
        let settled = Settled { base: start.tree, tree, commit, landed: false, delta: delta.clone() };
        session.settle(&workstream.id, Arc::new(settled));
    };
    if delta.is_empty() {
        settle(parent);
        session.end(&kind, Ending::fresh(&Verdict::Fresh(Freshness::Nothing)).detail("nothing to change"));
        return Ok(Finished { commit: parent, branch: None, made: false });
    }
    let _span = session.world.profile.span(Category::Git, || format!("result {}", workstream.id));
    let look = observe::result(session.world, session.records(), workstream, start, tree)?;
    if let (Verdict::Fresh(_), Some(commit)) = (&look.look.verdict, look.commit) {
        settle(commit);
        session.end(&kind, Ending::fresh(&look.look.verdict));
        let branch = write_branch(session, workstream, commit)?;
        return Ok(Finished { commit, branch, made: false });
    }
    let message = verification::message(workstream);
    let time = repository.commit_time(parent)?;
    let commit = repository.commit(&CommitParts { tree, parents: vec![parent], message, time })?;
    repository.set_reference(&session.world.result_ref(&workstream.id), commit, Expected::Any)?;
    let body = ResultBody {
        base: start.tree.hex(),
        tree: tree.hex(),
        commit: commit.hex(),
        base_commit: session.world.located().commit.hex(),
        definition: edit::definition(workstream).hex(),
    };
    session.record(&kind, &look.look, Made::new(Outcome::Green, &body, 0))?;
    settle(commit);
    let branch = write_branch(session, workstream, commit)?;
    let mut ending = Ending::without_running(StepStatus::Done, &look.look.verdict);
    ending.detail = Some(commit.hex()[..10].to_owned());
    session.end(&kind, ending);
    Ok(Finished { commit, branch, made: true })
}

/// Writes the courtesy branch by compare-and-swap: moved by someone, checked out, or blocked, it is left alone.
fn write_branch(session: &Session<'_>, workstream: &Workstream, commit: CommitId) -> Result<Option<String>, ExecError> {
    let repository = &session.world.located().repository;
    let branch = session.world.branch(workstream);
    let name = format!("refs/heads/{branch}");
    let there = repository.reference(&name)?;
    if there == Some(commit) {
        return Ok(Some(branch));
    }
    let expected = match there {
        None => Expected::Absent,
        Some(old) if is_ours(session, &name, old)? => Expected::Is(old),
        Some(_) => {
            session.note(
                "warning",
                format!(
                    "branch {branch} was moved by someone and is left alone; the result is {}",
                    session.world.result_ref(&workstream.id)
                ),
            );
            return Ok(None);
        }
    };
    if repository.checked_out_branches()?.contains(&name) {
        session.note(
            "warning",
            format!(
                "branch {branch} is checked out and is left alone; the result is {}",
                session.world.result_ref(&workstream.id)
            ),
        );
        return Ok(None);
    }
    match repository.set_reference(&name, commit, expected) {
        Ok(()) => {
            session.store.set_note("branch", &name, &commit.hex().into())?;
            Ok(Some(branch))
        }
        Err(refused) => {
            session.note("warning", format!("branch {branch} could not be written: {refused}"));
            Ok(None)
        }
    }
}

/// Whether a branch still names what we last wrote there.
fn is_ours(session: &Session<'_>, name: &str, there: CommitId) -> Result<bool, ExecError> {
    Ok(session.store.note("branch", name)? == Some(there.hex().into()))
}

/// Hangs the trees that records of this run name on one ref, so that no collection of garbage takes them.
pub fn keep_trees(session: &Session<'_>) -> Result<(), ExecError> {
    let trees = session.take_kept();
    let Some(located) = session.world.located.as_ref().filter(|_| !trees.is_empty()) else { return Ok(()) };
    let _span = session.world.profile.span(Category::Git, || "keep trees");
    let repository = &located.repository;
    let name = session.world.kept_ref();
    let time = repository.commit_time(located.commit)?;
    let before = repository.reference(&name)?;
    let mut parents: Vec<CommitId> = before.into_iter().collect();
    for tree in trees {
        parents.push(repository.commit(&CommitParts {
            tree,
            parents: Vec::new(),
            message: "kept\n".to_owned(),
            time,
        })?);
    }
    let tree = crate::git::tree::empty_tree();
    let commit = repository.commit(&CommitParts { tree, parents, message: "kept by pl\n".to_owned(), time })?;
    repository.set_reference(&name, commit, Expected::Any)?;
    Ok(())
}
