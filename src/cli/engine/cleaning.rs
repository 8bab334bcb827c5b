//! `pl clean`: removes what can be made again, and what nobody needs any more.
//!
//! What is dirty, kept, or in use stays, with a line that says why.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use crate::analysis::pipeline::Task;
use crate::base::digest::Digest;
use crate::base::name::WorkstreamId;
use crate::base::path::PatternSet;
use crate::cli::engine::forgetting::prepare;
use crate::cli::engine::leftovers::{self, entries};
use crate::cli::engine::open::{Opened, Purpose, git_failed, open, store_failed};
use crate::cli::engine::{Project, Removed};
use crate::cli::exit::Failed;
use crate::exec::workstream::quarantine::LOOP_NOTES;
use crate::git::object::TreeId;
use crate::git::worktree::{self, pool};
use crate::graph::StepKind;
use crate::observe::record::TaskBody;
use crate::report::count;
use crate::store::Store;
use crate::store::record::Record;

/// Runs whose logs stay.
const LOGS_KEPT: u32 = 20;

/// Removes worktrees, declared outputs and what no record points to.
pub fn clean(project: &Project, targets: &[String], dry_run: bool) -> Result<Removed, Failed> {
    let planned = open(project, &[], Purpose::Planning)?;
    let wanted = if targets.is_empty() { Vec::new() } else { planned.wanted(targets)? };
    let kinds: Vec<StepKind> = wanted.iter().map(|step| planned.world.graph.step(*step).kind.clone()).collect();
    let Some((opened, store, _lock)) = prepare(project, planned, dry_run, "pl clean")? else {
        return Ok(Removed { dry_run, ..Removed::default() });
    };
    let records = store.all_records().map_err(store_failed)?;
    let mut cleaning =
        Cleaning { opened: &opened, store: &store, records: &records, said: Removed { dry_run, ..Removed::default() } };
    if targets.is_empty() {
        cleaning.everything()?;
    } else {
        cleaning.targets(&kinds)?;
    }
    let said = cleaning.said;
    if !dry_run {
        store.close().map_err(store_failed)?;
    }
    Ok(said)
}

struct Cleaning<'a> {
    opened: &'a Opened,
    store: &'a Store,
    records: &'a [Record],
    said: Removed,
}

impl Cleaning<'_> {
    fn everything(&mut self) -> Result<(), Failed> {
        self.worktrees(&|_| true)?;
        self.pool()?;
        self.scratch(&|_| true)?;
        self.links();
        self.setups(&|_| true)?;
        self.logs()?;
        self.quarantine(&|_| true)?;
        self.blobs()
    }

    fn targets(&mut self, kinds: &[StepKind]) -> Result<(), Failed> {
        for kind in kinds {
            match kind {
                StepKind::Task(name) => self.outputs(self.opened.world.task(name))?,
                StepKind::ProjectSetup(name) | StepKind::Setup(_, name) => {
                    let begin = format!("{name}-");
                    self.setups(&|folder| folder.starts_with(&begin))?;
                }
                kind => {
                    let id = kind.workstream().map_or("", WorkstreamId::as_str);
                    self.worktrees(&|name| name == id)?;
                    self.scratch(&|name| name == id)?;
                    self.quarantine(&|name| name == id)?;
                }
            }
        }
        let mut seen = BTreeSet::new();
        self.said.removed.retain(|line| seen.insert(line.clone()));
        self.said.kept.retain(|line| seen.insert(line.clone()));
        Ok(())
    }

    fn gone(&mut self, line: String) {
        self.said.removed.push(line);
    }

    fn stays(&mut self, line: String) {
        self.said.kept.push(line);
    }

    /// Worktrees of this project that no kept work needs.
    fn worktrees(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failed> {
        let world = &self.opened.world;
        let Some(located) = world.located.as_ref().filter(|located| !located.unmade) else { return Ok(()) };
        let ours = world.state.join("worktrees");
        let all = worktree::list(&located.repository).map_err(git_failed)?;
        for found in all.into_iter().filter(|found| found.dir.starts_with(&ours) && wanted(&found.name)) {
            let shown = format!("worktree of {}", found.name);
            match self.why_needed(&found)? {
                Some(why) => self.stays(format!("{shown}: {why}")),
                None => {
                    self.gone(format!("{shown}, {}", found.dir.display()));
                    if !self.said.dry_run {
                        leftovers::remove_worktree(world, &found.name.as_str().into())?;
                    }
                }
            }
        }
        for (name, _) in entries(&ours).into_iter().filter(|(name, _)| name.contains(".aside-") && wanted(name)) {
            self.stays(format!("{name}: it stood in the way of a worktree and is not ours"));
        }
        Ok(())
    }

    /// Worktrees that wait for a workstream: there is nothing in them that git has not.
    fn pool(&mut self) -> Result<(), Failed> {
        let dir = self.opened.world.pool();
        let waiting = entries(&dir).len();
        if waiting > 0 {
            self.gone(format!("{} waiting for a workstream, {}", count(waiting, "worktree"), dir.display()));
        }
        if !self.said.dry_run {
            pool::empty(&dir).map_err(git_failed)?;
        }
        Ok(())
    }

    /// Why a worktree must stay.
    fn why_needed(&self, found: &worktree::Worktree) -> Result<Option<String>, Failed> {
        let id = found.name.as_str();
        if let Some(who) = leftovers::in_use(&found.dir) {
            return Ok(Some(who));
        }
        if let Some(kept) = self.store.kept(id).map_err(store_failed)? {
            let why = if kept.reason == "waiting" { "it waits for a person" } else { &kept.reason };
            return Ok(Some(format!("{why}, its work is kept there; pl reset {id} gives it up")));
        }
        if !found.dir.exists() {
            return Ok(None);
        }
        let world = &self.opened.world;
        let located = world.located();
        let workstream = world.pipeline.workstreams.iter().find(|workstream| workstream.id.as_str() == id);
        let keep = PatternSet::new(workstream.map(|workstream| workstream.keep.as_slice()).unwrap_or_default());
        let content = leftovers::content(world, &found.dir, &keep, located.tree)?;
        if let Some(beyond) = content.beyond {
            return Ok(Some(beyond));
        }
        let known = content.tree == located.tree || self.trees_of(id).contains(&content.tree);
        Ok((!known).then(|| "it holds changes that no record names; look at them, or remove it by hand".to_owned()))
    }

    /// Trees that records of a workstream name, and that hang on refs therefore.
    fn trees_of(&self, id: &str) -> HashSet<TreeId> {
        let below = format!("{id}/");
        let own = self.records.iter().filter(|record| record.step.starts_with(&below));
        let mut trees = HashSet::new();
        for record in own {
            texts(&record.body, &mut |text| trees.extend(TreeId::from_hex(text)));
        }
        trees
    }

    /// Prompts, homes and temporary folders of workstreams whose work is not kept.
    fn scratch(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failed> {
        let mut number = 0;
        for (name, path) in entries(&self.opened.world.state.join("scratch")) {
            let kept = self.store.kept(&name).map_err(store_failed)?.is_some();
            if kept || !wanted(&name) || leftovers::in_use(&path).is_some() {
                continue;
            }
            number += 1;
            if !self.said.dry_run {
                leftovers::remove_folder(&path)?;
            }
        }
        if number > 0 {
            self.gone(count(number, "scratch folder"));
        }
        Ok(())
    }

    /// Links in `.worktrees` whose worktree is gone.
    fn links(&mut self) {
        let world = &self.opened.world;
        for (name, path) in entries(&world.root.join(".worktrees")) {
            let ours = std::fs::read_link(&path).is_ok_and(|target| target.starts_with(&world.state));
            if ours && !path.exists() {
                self.gone(format!("link .worktrees/{name}, its worktree is gone"));
                if !self.said.dry_run {
                    let _ = std::fs::remove_file(&path);
                }
            }
        }
    }

    /// Outputs of setups that no record points to.
    fn setups(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failed> {
        let mut needed = HashSet::new();
        for record in self.records.iter().filter(|record| record.kind == "setup") {
            texts(&record.body, &mut |text| needed.extend([text.to_owned()]));
        }
        for (name, path) in entries(&self.opened.world.state.join("setups")) {
            if !wanted(&name) || needed.contains(&path.display().to_string()) {
                continue;
            }
            if let Some(who) = leftovers::in_use(&path) {
                self.stays(format!("setup {name}: {who}"));
                continue;
            }
            self.gone(format!("setup {name}, no record points to it"));
            if !self.said.dry_run {
                leftovers::remove_folder(&path)?;
            }
        }
        Ok(())
    }

    /// Logs of old runs; those of a run that kept work stay with it.
    fn logs(&mut self) -> Result<(), Failed> {
        let newest = self.store.runs(LOGS_KEPT).map_err(store_failed)?;
        let mut needed: HashSet<String> = newest.into_iter().map(|run| run.run_id.0).collect();
        needed.extend(self.store.all_kept().map_err(store_failed)?.into_iter().filter_map(|kept| kept.run_id));
        let mut number = 0;
        for (name, path) in entries(&self.opened.folder.join("logs")) {
            if needed.contains(&name) {
                continue;
            }
            number += 1;
            if !self.said.dry_run {
                leftovers::remove_folder(&path)?;
            }
        }
        if number > 0 {
            self.gone(format!("logs of {}; those of the newest {LOGS_KEPT} stay", count(number, "old run")));
        }
        Ok(())
    }

    /// Bundles of fix loops that were given up, and went on since. What their attempts made hangs on a ref.
    fn quarantine(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<(), Failed> {
        let loops = self.store.notes(LOOP_NOTES).map_err(store_failed)?;
        let mut number = 0;
        for (run, folder) in entries(&self.opened.folder.join("quarantine")) {
            for (id, bundle) in entries(&folder).into_iter().filter(|(id, _)| wanted(id)) {
                let is_last = |end: &str| Path::new(end).ends_with(Path::new(&run).join(&id));
                if loops.get(&id).and_then(|known| known["end"]["quarantine"].as_str()).is_some_and(is_last) {
                    self.stays(format!(
                        "quarantine {run}/{id}: {id} is given up there; pl reset {id} gives that up, too"
                    ));
                    continue;
                }
                number += 1;
                if !self.said.dry_run {
                    leftovers::remove_folder(&bundle)?;
                    // One that holds another workstream's stays.
                    let _ = std::fs::remove_dir(&folder);
                }
            }
        }
        if number > 0 {
            let bundles = count(number, "bundle");
            self.gone(format!(
                "{bundles} in quarantine of what was mended or reset since; all trees stay below refs/pl/"
            ));
        }
        Ok(())
    }

    /// Blobs that no record names.
    fn blobs(&mut self) -> Result<(), Failed> {
        let mut needed = HashSet::new();
        for record in self.records {
            texts(&record.body, &mut |text| needed.extend(Digest::from_hex(text)));
        }
        let (mut number, mut bytes) = (0, 0);
        let contents = self.store.contents().map_err(store_failed)?;
        for (content, size) in contents.into_iter().filter(|(content, _)| !needed.contains(content)) {
            number += 1;
            bytes += size;
            if !self.said.dry_run {
                self.store.remove_content(content).map_err(store_failed)?;
            }
        }
        if number > 0 {
            self.gone(format!("{} that no record names, {} kB", count(number, "blob"), bytes.div_ceil(1000)));
        }
        Ok(())
    }

    /// What a task made, as far as it is still what the task made.
    fn outputs(&mut self, task: &Task) -> Result<(), Failed> {
        if task.outputs.is_empty() {
            self.stays(format!("{}: it declares no outputs", task.name));
            return Ok(());
        }
        let Some(record) = self.store.latest(task.name.as_str()).map_err(store_failed)? else {
            self.stays(format!("{}: nothing is recorded of it, so its outputs are not known to be its own", task.name));
            return Ok(());
        };
        let body: TaskBody = serde_json::from_value(record.body).unwrap_or(TaskBody::default());
        let root = &self.opened.world.root;
        let (mut number, mut changed) = (0, Vec::new());
        for output in &body.outputs {
            let path = root.join(&output.path);
            if path.symlink_metadata().is_err() {
                continue;
            }
            if digest_of(&path).map(|digest| digest.hex()) != Some(output.digest.clone()) {
                changed.push(output.path.clone());
                continue;
            }
            number += 1;
            if !self.said.dry_run {
                std::fs::remove_file(&path)
                    .map_err(|error| Failed::missing(format!("cannot remove {}: {error}", path.display())))?;
            }
        }
        if !self.said.dry_run {
            for output in task.outputs.iter().filter(|output| output.folder) {
                remove_empty(&root.join(output.path.as_str()));
            }
        }
        if number > 0 {
            self.gone(format!("{}: {}", task.name, count(number, "output")));
        }
        for path in changed {
            self.stays(format!("{}: {path} was changed since it was made", task.name));
        }
        Ok(())
    }
}

/// The digest of a file's bytes, or of a link's target.
fn digest_of(path: &Path) -> Option<Digest> {
    if path.is_symlink() {
        return Some(Digest::of(std::fs::read_link(path).ok()?.as_os_str().as_encoded_bytes()));
    }
    crate::system::file_hash::hash_file(path).ok()
}

/// Removes the empty folders of a folder, and itself if nothing is left.
fn remove_empty(folder: &Path) {
    let mut open = vec![folder.to_path_buf()];
    let mut all = Vec::new();
    while let Some(folder) = open.pop() {
        open.extend(
            entries(&folder).into_iter().map(|(_, path)| path).filter(|path| path.is_dir() && !path.is_symlink()),
        );
        all.push(folder);
    }
    for folder in all.iter().rev() {
        // One that is not empty stays.
        let _ = std::fs::remove_dir(folder);
    }
}

/// Every text in a record's body.
fn texts(value: &serde_json::Value, each: &mut dyn FnMut(&str)) {
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            serde_json::Value::String(text) => each(text),
            serde_json::Value::Array(values) => open.extend(values),
            serde_json::Value::Object(fields) => open.extend(fields.values()),
            _ => {}
        }
    }
}
