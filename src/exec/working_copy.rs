//! Rules over the working copy itself: what `pl lint` does. No workstream, no candidate, no record of a step.
//!
//! A file is judged again only where it, the rule, its program or its configuration moved; of the rest it is known what would be
//! said (`store/lint.rs`). What moved while it was judged is told and not remembered.

mod baseline;
mod files;
mod judging;
mod running;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::analysis::pipeline::{Missing, Rule};
use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::exec::installing::{Wanted, install};
use crate::git::object::TreeId;
use crate::git::repository::Repository;
use crate::observe::world::World;
use crate::process::cancel::Cancel;
use crate::store::lint::LintMemory;
use crate::summary::lint::{LintRule, LintStatus, LintSummary};
use crate::system::file_hash::{HashCache, file_system_tick};
use crate::system::inputs::{Input, InputsError};
use crate::verify::policy::fails;

use self::files::{Files, asked_for, is_below};
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

/// Looks rules over the working copy; `folder` is `.pl`.
pub fn lint(
    world: &World,
    folder: &std::path::Path,
    rules: &[Rule],
    asked: &Asked,
    cancel: &Cancel,
) -> Result<LintSummary, LintError> {
    let begun = Instant::now();
    let memory = LintMemory::read(folder);
    let mut linting = Linting::new(world, folder, rules, asked, cancel, memory)?;
    let mut round = linting.round(asked.force)?;
    let mut fixed = Vec::new();
    if asked.fix && round.has_findings() {
        let (changed, failures) = linting.mend(&round)?;
        fixed = changed;
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
    folder: &'a std::path::Path,
    rules: &'a [Rule],
    asked: &'a Asked,
    cancel: &'a Cancel,
    /// The repository around the root, and the root's place in it: empty or ending in `/`.
    repository: Option<(Repository, String)>,
    since: Option<TreeId>,
    memory: LintMemory,
    learned: bool,
}

/// One look at everything.
struct Round {
    /// Files that were asked for.
    files: usize,
    paths: Vec<(String, Digest)>,
    rules: Vec<LintRule>,
    findings: Vec<(usize, Finding)>,
    used: HashSet<Digest>,
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
        folder: &'a std::path::Path,
        rules: &'a [Rule],
        asked: &'a Asked,
        cancel: &'a Cancel,
        memory: LintMemory,
    ) -> Result<Self, LintError> {
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
        Ok(Self { world, folder, rules, asked, cancel, repository, since, memory, learned: false })
    }

    /// Looks at all files, judges what must be judged.
    fn round(&mut self, force: bool) -> Result<Round, LintError> {
        let writing = |source| LintError::Write { path: self.folder.to_owned(), source };
        let mark = file_system_tick(self.folder).map_err(writing)?;
        let cache = HashCache::new(std::mem::take(&mut self.memory.stats));
        let root = &self.world.root;
        let files = Files::look(root, cache, mark, self.repository.as_ref(), &self.asked.named)?;
        let since = self.since.zip(self.repository.as_ref());
        let since = since.map(|(tree, (repository, prefix))| (repository, prefix.as_str(), tree));
        let chosen = asked_for(&files, root, self.asked, since)?;
        let mut rules: Vec<LintRule> = Vec::new();
        let mut notes = Vec::new();
        let mut looks: Vec<(usize, Look<'_>)> = Vec::new();
        let nothing = HashMap::new();
        let answers = if force { &nothing } else { &self.memory.answers };
        for (place, rule) in self.rules.iter().enumerate() {
            rules.push(LintRule { name: rule.name.to_string(), ..LintRule::default() });
            let mut identity = if rule.check.is_some() { None } else { identity(self.world, rule) };
            let found = look(self.world, rule, &files, &chosen, answers, identity)?;
            rules[place].files = found.files.len();
            if found.files.is_empty() {
                continue;
            }
            if rule.check.is_none() && identity.is_none() {
                match self.program(rule, &mut rules[place], &mut notes) {
                    None => continue,
                    there => identity = there,
                }
                looks.push((place, look(self.world, rule, &files, &chosen, answers, identity)?));
                continue;
            }
            looks.push((place, found));
        }
        let (places, looks): (Vec<usize>, Vec<Look<'_>>) = looks.into_iter().unzip();
        let told = self.judge(&files, &looks)?;
        let mut round = Round {
            files: chosen.len(),
            paths: files.entries.iter().map(|entry| (entry.path.clone(), entry.state())).collect(),
            rules,
            findings: Vec::new(),
            used: looks.iter().flat_map(|look| look.keys.iter().copied()).collect(),
            notes,
        };
        let mut new = Vec::new();
        for ((place, look), told) in places.into_iter().zip(looks).zip(told) {
            round.add(place, look, told, &mut new);
        }
        let learned = files.cache.learned();
        self.learned |= !learned.is_empty() || !new.is_empty();
        self.memory.answers.extend(new);
        self.memory.stats = files.cache.into_known();
        Ok(round)
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
        // Whoever may look at other files must have found them as they were listed.
        let others = looks.iter().any(|look| !look.rule.each_file && !look.stale.is_empty());
        let root = &self.world.root;
        let is_still = !others || files.are_still(root, self.repository.as_ref(), &self.asked.named)?;
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
                .filter(|place| !files.is_still(&root.join(&look.files[**place].path)))
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
        let before: BTreeMap<&str, Digest> = round.paths.iter().map(|(path, state)| (path.as_str(), *state)).collect();
        let after = look(HashCache::new(self.memory.stats.clone()))?;
        let changed = after.entries.iter().filter(|entry| before.get(entry.path.as_str()) != Some(&entry.state()));
        Ok((changed.map(|entry| entry.path.clone()).collect(), failures))
    }

    /// Writes down what was learned; where that cannot be done, the next lint does the same work again.
    fn keep(mut self, round: &Round) {
        if self.learned {
            if self.memory.stats.len() > 2 * round.paths.len() + STATS_SPARE {
                let there: HashSet<PathBuf> = round.paths.iter().map(|(path, _)| self.world.root.join(path)).collect();
                self.memory.stats.retain(|path, _| there.contains(path));
            }
            let _ = self.memory.write(self.folder, &round.used);
        }
    }
}

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

impl Round {
    fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    fn add(&mut self, place: usize, look: Look<'_>, told: Told, new: &mut Vec<(Digest, Vec<u8>)>) {
        let row = &mut self.rules[place];
        row.judged = look.stale.len();
        let findings: Vec<Finding> = look.findings.into_iter().chain(told.findings).collect();
        if let Some(failure) = told.failure {
            row.status = LintStatus::Failed;
            row.message = Some(failure.message);
            row.output = failure.output;
        } else if !findings.is_empty() {
            row.status = LintStatus::Findings;
        }
        self.findings.extend(findings.into_iter().map(|finding| (place, finding)));
        new.extend(told.answers.iter().map(|(key, findings)| (*key, written(findings))));
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
