//! `pl diff`: what a workstream changed, as a patch, or as recordings that the replay tool can use.

use std::path::{Path, PathBuf};

use crate::analysis::pipeline::Workstream;
use crate::cli::engine::looking::fix_loop;
use crate::cli::engine::open::{Opened, Purpose, git_failed, open, store_failed};
use crate::cli::engine::{DiffRequest, Project};
use crate::cli::exit::Failed;
use crate::git::object::TreeId;
use crate::git::patch::write::write_patch;
use crate::graph::StepKind;
use crate::observe::record::{EditBody, ResultBody};
use crate::store::Store;

/// From which tree to which.
type Trees = (TreeId, TreeId);

/// A patch in git's format, or (with `to`) the files written, one a line.
pub fn diff(project: &Project, request: &DiffRequest) -> Result<Vec<u8>, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let wanted = opened.wanted(std::slice::from_ref(&request.target))?;
    let kinds: Vec<&StepKind> = wanted.iter().map(|step| opened.world.graph.step(*step).kind).collect();
    let [kind] = kinds.as_slice() else {
        return Err(
            Failed::usage(format!("`{}` names {} targets", request.target, kinds.len())).hint("name one workstream")
        );
    };
    let Some(id) = kind.workstream() else {
        return Err(
            Failed::usage(format!("`{}` is no workstream", kind.name())).hint("name one workstream: pl diff ws-15")
        );
    };
    let workstream = opened.world.workstream(id);
    let Some(store) = opened.records()? else { return Err(nothing(workstream)) };
    let between = match (request.between, kind) {
        (None, StepKind::Edit(_, number)) => Some((*number, *number)),
        (between, _) => between,
    };
    match &request.to {
        Some(folder) => record(&opened, &store, workstream, between, &project.directory.join(folder)),
        None => {
            let attempts = match (kind, request.between) {
                (StepKind::Result(_), Some(between)) => attempts(&store, workstream, between)?,
                _ => None,
            };
            let (from, to) = match (attempts, between) {
                (Some(attempts), _) => attempts,
                (None, Some((first, last))) => instructions(&opened, &store, workstream, first, last)?,
                (None, None) => whole(&store, workstream)?,
            };
            patch(&opened, from, to)
        }
    }
}

fn nothing(workstream: &Workstream) -> Failed {
    let id = &workstream.id;
    Failed::missing(format!("nothing is recorded of {id} yet")).hint(format!("pl build {id} makes its result"))
}

fn patch(opened: &Opened, from: TreeId, to: TreeId) -> Result<Vec<u8>, Failed> {
    write_patch(&opened.world.located().repository, from, to).map_err(git_failed)
}

fn trees(from: &str, to: &str) -> Option<Trees> {
    TreeId::from_hex(from).zip(TreeId::from_hex(to))
}

/// The kept candidate where one is at hand, else the result, against its base.
fn whole(store: &Store, workstream: &Workstream) -> Result<Trees, Failed> {
    let id = workstream.id.as_str();
    if let Some(kept) = store.kept(id).map_err(store_failed)? {
        return trees(&kept.base_tree, &kept.candidate_tree).ok_or_else(|| nothing(workstream));
    }
    let record = store.latest(&format!("{id}/result")).map_err(store_failed)?;
    let body: Option<ResultBody> = record.and_then(|record| serde_json::from_value(record.body).ok());
    body.and_then(|body| trees(&body.base, &body.tree)).ok_or_else(|| nothing(workstream))
}

/// What came between two attempts of a fix loop, or what one of them did; `None` where there was no loop: then numbers
/// are those of instructions.
fn attempts(store: &Store, workstream: &Workstream, between: (u32, u32)) -> Result<Option<Trees>, Failed> {
    let Some(history) = fix_loop(store, workstream.id.as_str()).map_err(store_failed)? else { return Ok(None) };
    let find = |number: u32| history.attempts.iter().find(|attempt| attempt.number == number);
    let (from, to) = match between {
        (first, last) if first == last => (first.saturating_sub(1), last),
        between => between,
    };
    let base = || whole(store, workstream).map(|(base, _)| base.hex());
    let from = if from == 0 { Some(base()?) } else { find(from).map(|attempt| attempt.tree.clone()) };
    let to = find(to).map(|attempt| attempt.tree.clone());
    match from.zip(to).and_then(|(from, to)| trees(&from, &to)) {
        Some(trees) => Ok(Some(trees)),
        None => {
            let count = history.attempts.len();
            Err(Failed::usage(format!("{} has attempts 1 to {count}", workstream.id))
                .hint(format!("pl show {} lists them", workstream.id)))
        }
    }
}

/// What these instructions did, one after the other on the tree that the first was given.
fn instructions(
    opened: &Opened,
    store: &Store,
    workstream: &Workstream,
    first: u32,
    last: u32,
) -> Result<Trees, Failed> {
    let count = opened.world.edits(workstream);
    if last > count {
        let said = match count {
            1 => format!("{} is edited in one go", workstream.id),
            _ => format!("{} has edits 1 to {count}", workstream.id),
        };
        return Err(Failed::usage(said).hint(format!("pl diff {} prints all that it changed", workstream.id)));
    }
    let repository = &opened.world.located().repository;
    let (from, mut tree) = edit(store, workstream, first)?;
    for number in first + 1..=last {
        // Each may have been asked on a base of its own: what it did counts, not where.
        let (before, after) = edit(store, workstream, number)?;
        let delta = repository.diff(before, after).map_err(git_failed)?;
        tree = repository.apply(tree, &delta).map_err(git_failed)?;
    }
    Ok((from, tree))
}

fn edit(store: &Store, workstream: &Workstream, number: u32) -> Result<Trees, Failed> {
    let step = format!("{}/edit.{number}", workstream.id);
    let record = store.latest(&step).map_err(store_failed)?;
    let body: Option<EditBody> = record.and_then(|record| serde_json::from_value(record.body).ok());
    body.and_then(|body| trees(&body.before, &body.after)).ok_or_else(|| {
        Failed::missing(format!("nothing is recorded of {step} yet")).hint(format!("pl build {step} makes it"))
    })
}

/// Writes recordings: one an instruction where the edits lead from base to result, else one for all.
fn record(
    opened: &Opened,
    store: &Store,
    workstream: &Workstream,
    between: Option<(u32, u32)>,
    folder: &Path,
) -> Result<Vec<u8>, Failed> {
    let each = |number: u32| folder.join(workstream.id.as_str()).join(format!("{number}.patch"));
    let files: Vec<(PathBuf, Trees)> = match between {
        Some((first, last)) => {
            instructions(opened, store, workstream, first, last)?;
            let one = |number| Ok((each(number), edit(store, workstream, number)?));
            (first..=last).map(one).collect::<Result<_, Failed>>()?
        }
        None => {
            let (base, end) = whole(store, workstream)?;
            match chain(opened, store, workstream, base, end) {
                Some(chain) => (1..).map(each).zip(chain).collect(),
                None => vec![(folder.join(format!("{}.patch", workstream.id)), (base, end))],
            }
        }
    };
    let mut lines = String::new();
    for (path, (from, to)) in files {
        write(&path, &patch(opened, from, to)?)?;
        lines.push_str(&format!("{}\n", path.display()));
    }
    Ok(lines.into_bytes())
}

/// The edits of a workstream that is asked once an instruction, where each begins at the end of the one before. What
/// mended the last is a part of it.
fn chain(opened: &Opened, store: &Store, workstream: &Workstream, base: TreeId, end: TreeId) -> Option<Vec<Trees>> {
    let count = opened.world.edits(workstream);
    if opened.world.whole.contains(&workstream.id) {
        return None;
    }
    let mut edits = (1..=count).map(|number| edit(store, workstream, number)).collect::<Result<Vec<_>, _>>().ok()?;
    let begins = std::iter::once(base).chain(edits.iter().map(|(_, after)| *after));
    let fits = begins.zip(&edits).all(|(begin, (before, _))| begin == *before);
    edits.last_mut()?.1 = end;
    fits.then_some(edits)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| Failed::missing(format!("cannot write {}: {error}", path.display())))
}
