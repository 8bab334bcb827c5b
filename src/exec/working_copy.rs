//! Rules over the working copy itself: what `pl lint` does. No workstream, no candidate, no record of a step.
//!
//! A file is judged again only where it, the rule, its program or its configuration moved; of the rest it is known what would be
//! said (`store/lint.rs`). What moved while it was judged is told and not remembered.

mod baseline;
mod files;
mod judging;
mod running;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::analysis::pipeline::{Missing, Rule};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::exec::installing::{Wanted, install};
use crate::git::object::TreeId;
use crate::git::repository::Repository;
use crate::observe::world::World;
use crate::process::cancel::Cancel;
use crate::store::lint::{Answers, LintMemory};
use crate::summary::lint::{LintRule, LintStatus, LintSummary};
use crate::system::file_hash::{HashCache, file_system_tick};
use crate::system::inputs::{Input, InputKind, InputsError};
use crate::system::profile::Category;
use crate::verify::policy::fails;

use self::files::{Chosen, Files, asked_for, is_below};
use self::judging::{Look, identity, look, written};
use self::running::{Job, Said, jobs, judge, mend};

/// Digests of files that are kept beyond twice those that are there.
const STATS_SPARE: usize = 1_000;

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

/// Looks rules over the working copy; `folder` is `.pl`, `None` where nothing can be remembered.
pub fn lint(
    world: &World,
    folder: Option<&std::path::Path>,
    rules: &[Rule],
    asked: &Asked,
    cancel: &Cancel,
) -> Result<LintSummary, LintError> {
    let begun = Instant::now();
    let mut linting = Linting::new(world, folder, rules, asked, cancel)?;
    let mut round = linting.round(asked.force)?;
    let mut fixed = Vec::new();
    if asked.fix && round.has_findings() {
        let (changed, failures) = linting.mend(&round)?;
        fixed = changed;
        linting.mark = tick(folder)?;
        let again = linting.round(false)?;
        round = Round { notes: round.notes.into_iter().chain(failures).collect(), ..again };
        round.notes.dedup();
    }
    linting.keep(&round);
    let mut summary = round.summary(world, asked)?;
    summary.fixed = fixed;
    summary.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

struct Linting<'a> {
    world: &'a World,
    folder: Option<&'a std::path::Path>,
    rules: &'a [Rule],
    asked: &'a Asked,
    cancel: &'a Cancel,
    /// The repository around the root, and the root's place in it: empty or ending in `/`.
    repository: Option<(Repository, String)>,
    since: Option<TreeId>,
    memory: LintMemory,
    /// The file system's time before the look.
    mark: i64,
    learned: bool,
}

/// One look at everything.
struct Round {
    /// Files that were asked for.
    files: usize,
    entries: Vec<Input>,
    rules: Vec<LintRule>,
    findings: Vec<(usize, Finding)>,
    used: Vec<Digest>,
    notes: Vec<String>,
}

/// A rule that has a program, and what came of it.
#[derive(Default)]
struct Told {
    findings: Vec<Finding>,
    answers: Vec<(Digest, Vec<Finding>)>,
    failure: Option<Failure>,
}

impl<'a> Linting<'a> {
    fn new(
        world: &'a World,
        folder: Option<&'a std::path::Path>,
        rules: &'a [Rule],
        asked: &'a Asked,
        cancel: &'a Cancel,
    ) -> Result<Self, LintError> {
        let read = || {
            let _span = world.profile.span(Category::Database, || "read what is known");
            folder.map(LintMemory::read).unwrap_or_default()
        };
        let look = || {
            let _span = world.profile.span(Category::Judge, || "look at the clock of the file system");
            tick(folder)
        };
        let (memory, mark) = rayon::join(read, look);
        let mark = mark?;
        let repository = Repository::open_in_memory(&world.root).ok().and_then(|repository| {
            let top = repository.work_dir()?.canonicalize().ok()?;
            let inner = world.root.canonicalize().ok()?.strip_prefix(&top).ok()?.to_str()?.to_owned();
            Some((repository, if inner.is_empty() { inner } else { format!("{inner}/") }))
        });
        let since = match (&asked.since, &repository) {
            (None, _) => None,
            (Some(_), None) => return Err(LintError::NoRepository),
            (Some(revision), Some((repository, _))) => {
                let found = repository.resolve(revision).and_then(|commit| repository.tree_of(commit));
                let revision = revision.clone();
                Some(found.map_err(|source| LintError::Revision { revision, source })?)
            }
        };
        Ok(Self { world, folder, rules, asked, cancel, repository, since, memory, mark, learned: false })
    }

    /// Looks at all files, judges what must be judged.
    fn round(&mut self, force: bool) -> Result<Round, LintError> {
        let cache = HashCache::new(std::mem::take(&mut self.memory.stats)).profiled(&self.world.profile);
        let root = &self.world.root;
        let files = {
            let _span = self.world.profile.span(Category::Judge, || "look at all files");
            Files::look(root, cache, self.mark, self.repository.as_ref(), &self.asked.named)?
        };
        let since = self.since.zip(self.repository.as_ref());
        let since = since.map(|(tree, (repository, prefix))| (repository, prefix.as_str(), tree));
        let chosen = asked_for(&files, root, self.asked, since)?;
        let count = chosen.len();
        let mut notes: Vec<String> = nameless(files.nameless).into_iter().collect();
        let (mut rules, looks) = self.looks(&files, &chosen, force, &mut notes)?;
        let (places, looks): (Vec<usize>, Vec<Look<'_>>) = looks.into_iter().unzip();
        let told = self.judge(&files, &looks)?;
        let used = looks.iter().flat_map(|look| look.keys.iter().copied()).collect();
        let (mut findings, mut new) = (Vec::new(), Vec::new());
        for ((place, look), told) in places.into_iter().zip(looks).zip(told) {
            let found = told.into_row(&mut rules[place], look, &mut new);
            findings.extend(found.into_iter().map(|finding| (place, finding)));
        }
        self.learned |= files.cache.has_learned() || !new.is_empty();
        self.memory.answers.extend(new);
        self.memory.stats = files.cache.into_known();
        Ok(Round { files: count, entries: files.entries, rules, findings, used, notes })
    }

    /// Holds every rule against what is known; gives a row for each, and the looks of those that have files and a program.
    fn looks<'f>(
        &'f self,
        files: &'f Files,
        chosen: &[Chosen<'f>],
        force: bool,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<LintRule>, Looks<'f>), LintError> {
        let nothing = Answers::default();
        let answers = if force { &nothing } else { &self.memory.answers };
        let look = |rule: &'f Rule| {
            let _span = self.world.profile.span(Category::Judge, || format!("look at {}", rule.name));
            let identity = if rule.check.is_some() { None } else { identity(self.world, rule) };
            look(self.world, rule, files, chosen, answers, identity)
        };
        let found: Vec<Look<'f>> = self.rules.par_iter().map(look).collect::<Result<_, _>>()?;
        let row = |look: &Look<'_>| LintRule {
            name: look.rule.name.to_string(),
            files: look.files.len(),
            ..LintRule::default()
        };
        let mut rows: Vec<LintRule> = found.iter().map(row).collect();
        let mut looks = Vec::new();
        for (place, found) in found.into_iter().enumerate().filter(|(_, look)| !look.files.is_empty()) {
            if found.rule.check.is_some() || found.identity.is_some() {
                looks.push((place, found));
            } else if let Some(identity) = self.program(found.rule, &mut rows[place], notes) {
                looks.push((place, judging::look(self.world, found.rule, files, chosen, answers, Some(identity))?));
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

    /// Runs the programs of all rules beside each other.
    fn judge(&self, files: &Files, looks: &[Look<'_>]) -> Result<Vec<Told>, LintError> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all: Vec<Job> = looks.iter().enumerate().flat_map(|(place, look)| jobs(place, look, threads)).collect();
        let mut told: Vec<Told> = looks.iter().map(|_| Told::default()).collect();
        if all.is_empty() {
            return Ok(told);
        }
        let waiting = Mutex::new(all.iter());
        let ended: Mutex<Vec<Ended<'_>>> = Mutex::default();
        std::thread::scope(|scope| {
            for _ in 0..threads.min(all.len()) {
                scope.spawn(|| {
                    loop {
                        let Some(job) = lock(&waiting).next() else { break };
                        let said = judge(self.world, job, looks, self.cancel);
                        lock(&ended).push((job, said));
                    }
                });
            }
        });
        for (job, said) in ended.into_inner().unwrap_or_else(PoisonError::into_inner) {
            told[job.look].add(job, said?, &looks[job.look]);
        }
        let _span = self.world.profile.span(Category::Judge, || "look whether anything moved");
        let root = &self.world.root;
        let any = |of: fn(&Look<'_>) -> bool| looks.iter().any(|look| !look.stale.is_empty() && of(look));
        // Whoever may look at other files must have found them as they were listed: all of it, or the names.
        let is_still = match any(|look| !look.is_single) {
            true => files.are_still(root, self.repository.as_ref(), &self.asked.named)?,
            false if any(|look| !look.rule.each_file) => {
                files.are_there(root, self.repository.as_ref(), &self.asked.named)?
            }
            false => true,
        };
        for (look, told) in looks.iter().zip(&mut told).filter(|(look, _)| !look.stale.is_empty()) {
            self.settle(files, look, told, is_still);
        }
        Ok(told)
    }

    /// Leaves out what is not certain: something was written while it was judged.
    fn settle(&self, files: &Files, look: &Look<'_>, told: &mut Told, is_still: bool) {
        let root = &self.world.root;
        let same = look.rule.check.is_some() || identity(self.world, look.rule) == look.identity;
        let is_whole = look.is_single || told.failure.is_none();
        let others = look.rule.each_file || is_still;
        if !same || !others || !is_whole || !look.configuration.is_still(files) {
            told.answers.clear();
        } else if look.is_single {
            let moved: HashSet<Digest> = look
                .stale
                .iter()
                .filter(|place| !files.is_still(&root.join(&look.files[**place].path), InputKind::File))
                .map(|place| look.keys[*place])
                .collect();
            told.answers.retain(|(key, _)| !moved.contains(key));
        } else {
            told.answers = vec![(look.keys[0], told.findings.clone())];
        }
    }

    /// Runs the fixes of the rules with findings; gives the files that changed, and what failed.
    fn mend(&self, round: &Round) -> Result<(Vec<String>, Vec<String>), LintError> {
        let mut places: Vec<usize> = (0..self.rules.len()).filter(|place| !self.rules[*place].fix.is_empty()).collect();
        places.sort_by_key(|place| self.rules[*place].place);
        let cache = HashCache::new(self.memory.stats.clone());
        let root = &self.world.root;
        let look = |cache| Files::look(root, cache, i64::MIN, self.repository.as_ref(), &self.asked.named);
        let files = look(cache)?;
        let mut failures = Vec::new();
        for place in places {
            let wanted: HashSet<&str> = round
                .findings
                .iter()
                .filter(|(rule, _)| *rule == place)
                .filter_map(|(_, finding)| finding.path.as_deref())
                .filter(|path| self.asked.paths.is_empty() || is_below(&self.asked.paths, path))
                .collect();
            let inputs: Vec<&Input> =
                files.entries.iter().filter(|entry| wanted.contains(entry.path.as_str())).collect();
            if inputs.is_empty() {
                continue;
            }
            let rule = &self.rules[place];
            if let Some(failure) = mend(self.world, rule, &inputs, self.cancel)? {
                failures.push(format!("the fix of {} failed: {}", rule.name, failure.message));
            }
        }
        let before: HashSet<&Input> = round.entries.iter().collect();
        let after = look(HashCache::new(self.memory.stats.clone()))?;
        let changed = after.entries.iter().filter(|entry| !before.contains(entry));
        Ok((changed.map(|entry| entry.path.clone()).collect(), failures))
    }

    /// Writes down what was learned; where that cannot be done, the next lint does the same work again.
    fn keep(mut self, round: &Round) {
        let _span = self.world.profile.span(Category::Database, || "write what is known");
        if self.learned {
            if self.memory.stats.len() > 2 * round.entries.len() + STATS_SPARE {
                let there: HashSet<PathBuf> =
                    round.entries.iter().map(|entry| self.world.root.join(&entry.path)).collect();
                self.memory.stats.retain(|path, _| there.contains(path));
            }
            let _ = self.folder.map(|folder| self.memory.write(folder, &round.used));
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

type Ended<'j> = (&'j Job, Result<Result<Said, Failure>, LintError>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Told {
    fn add(&mut self, job: &Job, said: Result<Said, Failure>, look: &Look<'_>) {
        match said {
            Err(failure) => self.failure = Some(failure),
            Ok(Said { findings, by_file: Some(lists) }) => {
                self.findings.extend(findings);
                self.answers.extend(job.files.iter().map(|place| look.keys[*place]).zip(lists));
            }
            // What belongs to no file may be about any of them: it is told, and nothing is remembered.
            Ok(Said { findings, by_file: None }) => self.findings.extend(findings),
        }
    }
}

impl Told {
    /// Fills a rule's row; gives the findings, and adds what may be remembered.
    fn into_row(self, row: &mut LintRule, look: Look<'_>, new: &mut Vec<(Digest, Vec<u8>)>) -> Vec<Finding> {
        row.judged = look.stale.len();
        let findings: Vec<Finding> = look.findings.into_iter().chain(self.findings).collect();
        if let Some(failure) = self.failure {
            row.status = LintStatus::Failed;
            row.message = Some(failure.message);
            row.output = failure.output;
        } else if !findings.is_empty() {
            row.status = LintStatus::Findings;
        }
        new.extend(self.answers.iter().map(|(key, findings)| (*key, written(findings))));
        findings
    }
}

impl Round {
    fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    fn summary(self, world: &World, asked: &Asked) -> Result<LintSummary, LintError> {
        let mut findings: Vec<Finding> = self.findings.into_iter().map(|(_, finding)| finding).collect();
        // Who names paths does not ask what a rule that reads the whole tree says of others.
        findings.retain(|finding| {
            let path = finding.path.as_deref();
            asked.paths.is_empty() || path.is_none_or(|path| is_below(&asked.paths, path))
        });
        findings.sort_by(|left, right| {
            let place = |finding: &Finding| (finding.path.clone(), finding.line, finding.column, finding.tool.clone());
            place(left).cmp(&place(right))
        });
        let is_answer = |rule: &LintRule| matches!(rule.status, LintStatus::Clean | LintStatus::Findings);
        let mut notes = self.notes;
        if asked.write_baseline {
            if let Some(rule) = self.rules.iter().find(|rule| !is_answer(rule)) {
                return Err(LintError::NoBaseline(rule.name.clone()));
            }
            let count = baseline::write(&world.root, &findings)?;
            notes.push(format!("wrote {}; it excuses {count}", baseline::NAME));
        }
        let (findings, old) = baseline::without_known(&world.root, findings)?;
        if old > 0 && !asked.write_baseline {
            notes.push(format!("{old} left out that {} has", baseline::NAME));
        }
        let failing = findings.iter().filter(|finding| fails(&world.pipeline.fail_on, finding)).count();
        let broke = |rule: &LintRule| matches!(rule.status, LintStatus::Failed | LintStatus::Missing);
        let ok = failing == 0 && !self.rules.iter().any(broke);
        let mut rules = self.rules;
        rules.sort_by(|left, right| left.name.cmp(&right.name));
        let files = self.files;
        Ok(LintSummary { ok, files, findings, failing, rules, notes, ..LintSummary::default() })
    }
}
