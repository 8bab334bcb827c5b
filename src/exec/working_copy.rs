//! Rules over the working copy itself: what `pl lint` does. No workstream, no candidate, no record of a step.
//!
//! A file is judged again only where it, the rule, its program or its configuration moved; of the rest it is known what would be
//! said (`store/lint.rs`). What moved while it was judged is told and not remembered.

mod baseline;
mod files;
mod held;
mod judging;
mod learned;
mod round;
mod running;
mod told;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::analysis::pipeline::{Missing, Rule};
use crate::base::digest::Digest;
use crate::exec::installing::{Wanted, install};
use crate::git::object::TreeId;
use crate::observe::world::World;
use crate::process::cancel::Cancel;
use crate::store::lint::LintMemory;
use crate::store::lint::answers::Answers;
use crate::store::lint::journal::Patch;
use crate::store::lint::tree::COLUMNS_MAX;
use crate::summary::lint::{LintRule, LintStatus, LintSummary};
use crate::system::file_hash::{HashCache, file_system_tick};
use crate::system::inputs::{Input, InputsError};
use crate::system::profile::{Category, Profile};

use self::files::{Around, Files, Stats, asked_for, is_below};
use self::judging::{Known, Look, identity, look, reopen};
use self::round::Round;
use self::running::mend;

/// What is asked for.
#[derive(Debug, Default)]
pub struct Asked {
    /// Files and folders, relative to the root; none: all of it.
    pub paths: Vec<String>,
    /// Those of them that are files: looked over though a rule of .gitignore names them.
    pub named: Vec<String>,
    /// Only files that differ from this revision.
    pub since: Option<String>,
    /// What can be mended by the rules' own commands is.
    pub fix: bool,
    /// All are judged, whatever is known.
    pub force: bool,
    /// What is found is written down as agreed.
    pub write_baseline: bool,
}

/// Why there is no answer at all.
#[derive(Debug, thiserror::Error)]
pub enum LintError {
    /// The working copy could not be listed.
    #[error(transparent)]
    Inputs(#[from] InputsError),
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] crate::git::error::GitError),
    /// `--since` names nothing.
    #[error("`{revision}` cannot be found: {source}")]
    Revision {
        /// As typed.
        revision: String,
        /// What git says.
        source: crate::git::error::GitError,
    },
    /// `--since` without a repository.
    #[error("there is no git repository here to compare with")]
    NoRepository,
    /// No place for a program's report.
    #[error("no folder for a program's report: {0}")]
    Scratch(std::io::Error),
    /// The folder of what is remembered cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What a rule would say is not known, so it cannot be agreed to.
    #[error("no baseline was written: {0} came to no answer")]
    NoBaseline(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// What can be looked at before anybody knows which rules there are.
pub struct Beginning {
    started: Instant,
    folder: Option<PathBuf>,
    around: Around,
    memory: LintMemory,
    /// The file system's time before the look.
    mark_ns: i64,
    /// The files, where they are those that are remembered.
    held: Option<Files>,
}

impl Beginning {
    /// Reads what is known and holds it against the working copy; `folder` is `.pl`, `None` where nothing can be remembered.
    pub fn look(root: &Path, folder: Option<&Path>, profile: &Profile) -> Result<Self, LintError> {
        let started = Instant::now();
        let mark_ns = {
            let _span = profile.span(Category::Judge, || "look at the clock of the file system");
            tick(folder)?
        };
        let mut memory = {
            let _span = profile.span(Category::Database, || "read what is known");
            folder.map(LintMemory::read).unwrap_or_default()
        };
        let around = Around::new(root);
        let held = {
            let _span = profile.span(Category::Judge, || "look at the files that are known");
            Files::held(root, &mut memory.tree, mark_ns, &around)
        };
        if held.is_none() {
            // What moved may be in the tree already, and is not in the columns.
            memory.columns.clear();
        }
        Ok(Self { started, folder: folder.map(Path::to_owned), around, memory, mark_ns, held })
    }
}

/// Looks up the programs of all rules that are looked over, so that it is known which they are once the files are.
pub fn look_up(world: &World) {
    let _span = world.profile.span(Category::Judge, || "look up programs");
    let rules = world.pipeline.rules.iter().filter(|rule| rule.looked_over && rule.check.is_none());
    for rule in rules {
        let _ = identity(world, rule);
    }
}

/// Looks rules over the working copy.
pub fn lint(
    world: &World,
    begun: Beginning,
    rules: &[Rule],
    asked: &Asked,
    cancel: &Cancel,
) -> Result<LintSummary, LintError> {
    let started = begun.started;
    let mut linting = Linting::new(world, begun, rules, asked, cancel)?;
    let mut round = linting.round(asked.force)?;
    let mut fixed = Vec::new();
    if asked.fix && round.has_findings() {
        let (changed, failures) = linting.mend(&round)?;
        fixed = changed;
        linting.stats = Some(round.files.stats(&world.root));
        linting.keep(&mut round);
        linting.mark_ns = tick(linting.folder.as_deref())?;
        let again = linting.round(false)?;
        round = Round { notes: round.notes.into_iter().chain(failures).collect(), ..again };
        round.notes.dedup();
    }
    linting.keep(&mut round);
    linting.write();
    let mut summary = round.summary(world, asked)?;
    summary.fixed = fixed;
    summary.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

struct Linting<'a> {
    world: &'a World,
    rules: &'a [Rule],
    asked: &'a Asked,
    cancel: &'a Cancel,
    folder: Option<PathBuf>,
    around: Around,
    since: Option<TreeId>,
    memory: LintMemory,
    mark_ns: i64,
    held: Option<Files>,
    /// Digests to list with, where an earlier look of this lint knows them.
    stats: Option<Stats>,
    /// Keys of what was asked for; `None`: not all of them were made.
    used: Option<Vec<Digest>>,
    /// What is to be added to what is known.
    patch: Patch,
    /// There is another tree, or a rule of which nothing was known: all is written anew.
    is_another: bool,
}

impl<'a> Linting<'a> {
    fn new(
        world: &'a World,
        begun: Beginning,
        rules: &'a [Rule],
        asked: &'a Asked,
        cancel: &'a Cancel,
    ) -> Result<Self, LintError> {
        let Beginning { folder, around, memory, mark_ns, held, started: _ } = begun;
        let since = match (&asked.since, around.get_if(asked.since.is_some())) {
            (None, _) => None,
            (Some(_), None) => return Err(LintError::NoRepository),
            (Some(revision), Some((repository, _))) => {
                let found = repository.resolve(revision).and_then(|commit| repository.tree_of(commit));
                let revision = revision.clone();
                Some(found.map_err(|source| LintError::Revision { revision, source })?)
            }
        };
        let (stats, used) = (None, Some(Vec::new()));
        Ok(Self {
            world,
            rules,
            asked,
            cancel,
            folder,
            around,
            since,
            memory,
            mark_ns,
            held,
            stats,
            used,
            patch: Patch::default(),
            is_another: false,
        })
    }

    /// Looks at all files, judges what must be judged.
    fn round(&mut self, force: bool) -> Result<Round, LintError> {
        let files = self.files()?;
        let since = self.since.and_then(|tree| Some((self.around.get()?, tree)));
        let chosen = asked_for(&files, &self.world.root, self.asked, since)?;
        let count = chosen.len();
        let mut notes: Vec<String> = nameless(files.nameless).into_iter().collect();
        let (mut rules, looks) = self.looks(&files, &chosen, force, &mut notes)?;
        let (places, mut looks): (Vec<usize>, Vec<Look<'_>>) = looks.into_iter().unzip();
        let told = self.judge(&files, &looks)?;
        let columns = looks.iter_mut().map(|look| look.column.take());
        let (mut findings, mut new, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let columns: Vec<_> = columns.collect();
        let mut used: Vec<Digest> = Vec::new();
        for (((place, look), told), mut column) in places.into_iter().zip(looks).zip(told).zip(columns) {
            used.extend(&look.keys);
            let found = told.into_row(&mut rules[place], look, column.as_mut(), &mut new);
            findings.extend(found.into_iter().map(|finding| (place, finding)));
            kept.extend(column);
        }
        // Where columns stood in for keys, some keys that are in use were not made.
        self.used = if files.changed.is_none() { Some(used) } else { None };
        Ok(Round { files, count, rules, findings, answers: new, columns: kept, notes })
    }

    /// The files: those that are remembered, or listed anew.
    fn files(&mut self) -> Result<Files, LintError> {
        let is_there = |files: &Files, path: &String| {
            files.entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_ok()
        };
        let named = &self.asked.named;
        if let Some(files) = self.held.take() {
            // Where there are too many answers, all keys are made once, to know which of them are in use.
            if named.iter().all(|path| is_there(&files, path)) && !self.memory.answers.are_too_many() {
                return Ok(files);
            }
            self.stats = Some(files.stats(&self.world.root));
            self.memory.tree = files.tree;
            let changed = files.changed.unwrap_or_default();
            self.memory.columns.iter_mut().for_each(|column| reopen(column, &changed));
        }
        let _span = self.world.profile.span(Category::Judge, || "list all files");
        let root = &self.world.root;
        let known = self.memory.tree.as_ref().map(|tree| files::stats(root, tree));
        let known = self.stats.take().or(known).unwrap_or_default();
        let cache = HashCache::new(known).profiled(&self.world.profile);
        Files::look(root, cache, self.mark_ns, &self.around, named)
    }

    /// Holds every rule against what is known; gives a row for each, and the looks of those that have files and a program.
    fn looks<'f>(
        &'f self,
        files: &'f Files,
        chosen: &[usize],
        force: bool,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<LintRule>, Looks<'f>), LintError> {
        let nothing = Answers::default();
        let known = match force {
            true => Known { answers: &nothing, columns: &[] },
            false => Known { answers: &self.memory.answers, columns: &self.memory.columns },
        };
        let one = |rule: &'f Rule| {
            let _span = self.world.profile.span(Category::Judge, || format!("look at {}", rule.name));
            let identity = if rule.check.is_some() { None } else { identity(self.world, rule) };
            look(self.world, rule, files, chosen, known, identity)
        };
        let found: Vec<Look<'f>> = self.rules.par_iter().map(one).collect::<Result<_, _>>()?;
        let row =
            |look: &Look<'_>| LintRule { name: look.rule.name.to_string(), files: look.count, ..LintRule::default() };
        let mut rows: Vec<LintRule> = found.iter().map(row).collect();
        let mut looks = Vec::new();
        for (place, found) in found.into_iter().enumerate().filter(|(_, look)| look.count > 0) {
            if found.rule.check.is_some() || found.identity.is_some() {
                looks.push((place, found));
            } else if let Some(identity) = self.program(found.rule, &mut rows[place], notes) {
                looks.push((place, look(self.world, found.rule, files, chosen, known, Some(identity))?));
            }
        }
        Ok((rows, looks))
    }

    /// The program of a rule that lacks it: installed where the rule says so. `None`: it is left out, or it fails.
    fn program(&self, rule: &Rule, row: &mut LintRule, notes: &mut Vec<String>) -> Option<Digest> {
        let program = rule.program();
        if rule.missing == Missing::Install {
            let wanted = Wanted { program: program.clone(), words: rule.install.clone() };
            match install(&self.world.root, &wanted, self.cancel) {
                Ok(_) => {
                    notes.push(format!("installed {program} for {}", rule.name));
                    return identity(self.world, rule);
                }
                Err(why) => row.output = why,
            }
        }
        let skipped = rule.missing == Missing::Skip;
        row.status = if skipped { LintStatus::Skipped } else { LintStatus::Missing };
        row.message = Some(format!("{program} is not installed"));
        None
    }

    /// Runs the fixes of the rules with findings; gives the files that changed, and what failed.
    fn mend(&self, round: &Round) -> Result<(Vec<String>, Vec<String>), LintError> {
        let mut places: Vec<usize> = (0..self.rules.len()).filter(|place| !self.rules[*place].fix.is_empty()).collect();
        places.sort_by_key(|place| self.rules[*place].place);
        let entries = &round.files.entries;
        let mut failures = Vec::new();
        for place in places {
            let wanted: HashSet<&str> = round
                .findings
                .iter()
                .filter(|(rule, _)| *rule == place)
                .filter_map(|(_, finding)| finding.path.as_deref())
                .filter(|path| self.asked.paths.is_empty() || is_below(&self.asked.paths, path))
                .collect();
            let inputs: Vec<&Input> = entries.iter().filter(|entry| wanted.contains(entry.path.as_str())).collect();
            if inputs.is_empty() {
                continue;
            }
            let rule = &self.rules[place];
            if let Some(failure) = mend(self.world, rule, &inputs, self.cancel)? {
                failures.push(format!("the fix of {} failed: {}", rule.name, failure.message));
            }
        }
        let before: HashSet<&Input> = entries.iter().collect();
        let root = &self.world.root;
        let cache = HashCache::new(round.files.stats(root));
        let after = Files::look(root, cache, i64::MIN, &self.around, &self.asked.named)?;
        let changed = after.entries.iter().filter(|entry| !before.contains(entry));
        Ok((changed.map(|entry| entry.path.clone()).collect(), failures))
    }

    /// Takes over what was learned.
    fn keep(&mut self, round: &mut Round) {
        for (key, answer) in round.answers.drain(..) {
            self.memory.answers.insert(key, answer.clone());
            self.patch.answers.push((key, answer));
        }
        // A look that cannot be remembered leaves what an earlier one saw.
        let Some(tree) = round.files.tree.take() else { return };
        self.memory.tree = Some(tree);
        let columns = std::mem::take(&mut round.columns);
        let Some(changed) = &round.files.changed else {
            self.memory.columns = columns;
            self.is_another = true;
            return;
        };
        self.memory.columns.iter_mut().for_each(|column| reopen(column, changed));
        self.patch.rows.append(&mut round.files.patch.rows);
        self.patch.folders.append(&mut round.files.patch.folders);
        self.patch.index |= round.files.patch.index;
        for column in columns {
            let known = self.memory.columns.iter_mut().find(|known| known.is_like(&column));
            if let Some(known) = known {
                let marks = known.marks.iter().zip(&column.marks).enumerate();
                self.patch.rows.extend(marks.filter(|(_, (old, new))| old != new).map(|(place, _)| place));
                *known = column;
                continue;
            }
            self.memory.columns.retain(|known| known.key != column.key);
            self.memory.columns.insert(0, column);
            self.memory.columns.truncate(COLUMNS_MAX);
            self.is_another = true;
        }
    }

    /// Writes down what was learned; where that cannot be done, the next lint does the same work again.
    fn write(&self) {
        let Some(folder) = self.folder.as_deref() else { return };
        let _span = self.world.profile.span(Category::Database, || "write what is known");
        let is_added = !self.is_another && (self.patch.is_empty() || self.memory.add(folder, &self.patch));
        if !is_added {
            let _ = self.memory.write(folder, self.used.as_deref());
        }
    }
}

/// The file system's time; without a folder to ask in, nothing is older than it.
fn tick(folder: Option<&std::path::Path>) -> Result<i64, LintError> {
    let Some(folder) = folder else { return Ok(i64::MIN) };
    file_system_tick(folder).map_err(|source| LintError::Write { path: folder.to_owned(), source })
}

/// What is said of tracked files that no rule can name.
fn nameless(count: usize) -> Option<String> {
    let files = if count == 1 { "file with a name that is" } else { "files with names that are" };
    (count > 0).then(|| format!("{count} tracked {files} no UTF-8 cannot be named and was not looked over"))
}

/// Places of rules, and what they look over.
type Looks<'f> = Vec<(usize, Look<'f>)>;
