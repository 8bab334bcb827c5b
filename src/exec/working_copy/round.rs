//! One look of all rules at all files, and what is said of it.
//!
//! Judges nothing: what fails is the project's policy, and what is agreed to its baseline.

use crate::base::digest::Digest;
use crate::base::finding::Finding;
use crate::exec::working_copy::files::{Files, is_below};
use crate::exec::working_copy::{Asked, LintError, baseline};
use crate::observe::world::World;
use crate::store::lint::tree::Column;
use crate::summary::lint::{LintRule, LintStatus, LintSummary};
use crate::verify::policy::fails;

/// One look at everything.
pub struct Round {
    /// The files as they were.
    pub files: Files,
    /// Files that were asked for.
    pub count: usize,
    /// A row for each rule.
    pub rules: Vec<LintRule>,
    /// The place of a rule, and what it found.
    pub findings: Vec<(usize, Finding)>,
    /// What may be remembered.
    pub answers: Vec<(Digest, Vec<u8>)>,
    /// Of each rule that judges files one by one.
    pub columns: Vec<Column>,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl Round {
    /// Whether there is something to mend.
    pub fn has_findings(&self) -> bool {
        !self.findings.is_empty()
    }

    /// What it comes to.
    pub fn summary(self, world: &World, asked: &Asked) -> Result<LintSummary, LintError> {
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
        let files = self.count;
        Ok(LintSummary { ok, files, findings, failing, rules, notes, ..LintSummary::default() })
    }
}
