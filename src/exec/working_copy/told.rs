//! What the programs of all rules say, run beside each other, and what of it is certain enough to be remembered.
//!
//! Writes nothing.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::base::digest::Digest;
use crate::base::failure::Failure;
use crate::base::finding::Finding;
use crate::exec::working_copy::files::Files;
use crate::exec::working_copy::judging::{Look, identity, written};
use crate::exec::working_copy::running::{Job, Said, jobs, judge};
use crate::exec::working_copy::{LintError, Linting};
use crate::store::lint::tree::{CLEAN, Column};
use crate::summary::lint::{LintRule, LintStatus};
use crate::system::inputs::InputKind;
use crate::system::profile::Category;

/// A rule that has a program, and what came of it.
#[derive(Default)]
pub struct Told {
    findings: Vec<Finding>,
    answers: Vec<Answer>,
    failure: Option<Failure>,
}

/// What was said of one file, or of all.
struct Answer {
    key: Digest,
    /// The file's place among all; `None`: it is the answer for all.
    place: Option<usize>,
    findings: Vec<Finding>,
}

type Ended<'j> = (&'j Job, Result<Result<Said, Failure>, LintError>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Linting<'_> {
    /// Runs the programs of all rules beside each other.
    pub(super) fn judge(&self, files: &Files, looks: &[Look<'_>]) -> Result<Vec<Told>, LintError> {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let all = all_jobs(files, looks, threads);
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
        let (root, named) = (&self.world.root, &self.asked.named);
        let any = |of: fn(&Look<'_>) -> bool| looks.iter().any(|look| !look.stale.is_empty() && of(look));
        // Whoever may look at other files must have found them as they were listed: all of it, or the names.
        let is_still = match any(|look| !look.is_single) {
            true => files.are_still(root, &self.around, named)?,
            false if any(|look| !look.rule.each_file) => files.are_there(root, &self.around, named)?,
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
            let moved: HashSet<usize> = look
                .stale
                .iter()
                .filter(|stale| !files.is_still(&root.join(&stale.input.path), InputKind::File))
                .map(|stale| stale.place)
                .collect();
            told.answers.retain(|answer| answer.place.is_none_or(|place| !moved.contains(&place)));
        } else {
            told.answers = vec![Answer { key: look.keys[0], place: None, findings: told.findings.clone() }];
        }
    }
}

/// What there is to be run: programs first, those with most to look at before others; pl's own checks fill the end.
fn all_jobs(files: &Files, looks: &[Look<'_>], threads: usize) -> Vec<Job> {
    let weight = |look: &Look<'_>| look.stale.iter().map(|stale| files.bytes(stale.place)).sum::<u64>();
    let mut order: Vec<usize> = (0..looks.len()).collect();
    order.sort_by_key(|place| (looks[*place].rule.check.is_some(), std::cmp::Reverse(weight(&looks[*place]))));
    order.into_iter().flat_map(|place| jobs(place, &looks[place], threads, |file| files.bytes(file))).collect()
}

impl Told {
    fn add(&mut self, job: &Job, said: Result<Said, Failure>, look: &Look<'_>) {
        match said {
            Err(failure) => self.failure = Some(failure),
            Ok(Said { findings, by_file: Some(lists) }) => {
                self.findings.extend(findings);
                let answer = |(place, findings): (&usize, Vec<Finding>)| {
                    let stale = &look.stale[*place];
                    Answer { key: stale.key, place: Some(stale.place), findings }
                };
                self.answers.extend(job.files.iter().zip(lists).map(answer));
            }
            // What belongs to no file may be about any of them: it is told, and nothing is remembered.
            Ok(Said { findings, by_file: None }) => self.findings.extend(findings),
        }
    }

    /// Fills a rule's row; gives the findings, and adds what may be remembered.
    pub fn into_row(
        self,
        row: &mut LintRule,
        look: Look<'_>,
        mut column: Option<&mut Column>,
        new: &mut Vec<(Digest, Vec<u8>)>,
    ) -> Vec<Finding> {
        row.judged = look.stale.len();
        let findings: Vec<Finding> = look.findings.into_iter().chain(self.findings).collect();
        if let Some(failure) = self.failure {
            row.status = LintStatus::Failed;
            row.message = Some(failure.message);
            row.output = failure.output;
        } else if !findings.is_empty() {
            row.status = LintStatus::Findings;
        }
        for Answer { key, place, findings } in self.answers {
            if let (Some(column), Some(place), true) = (&mut column, place, findings.is_empty()) {
                column.marks[place] = CLEAN;
            }
            new.push((key, written(&findings)));
        }
        findings
    }
}
