//! Which findings of a rule fail a workstream: those that the policy names and that base(W) did not have already.
//!
//! What the base had is a record of the same rule on the base's tree; it is asked for only where something would fail.

use std::collections::{BTreeSet, HashMap};

use crate::analysis::pipeline::Rule;
use crate::base::digest::Digest;
use crate::base::finding::Finding;
use crate::fingerprint::Fingerprint;
use crate::git::object::{Entry, TreeId};
use crate::git::repository::Repository;
use crate::observe::look::Records;
use crate::observe::record::LintBody;
use crate::observe::workstream::{Candidate, LintKey, lint_key};
use crate::observe::world::World;
use crate::observe::{ObserveError, body, fixing, verification};
use crate::verify::policy::{fails, new_ones};

/// A rule's findings, judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judged {
    /// Those that fail.
    pub failing: Vec<Finding>,
    /// How many would, but the base has them.
    pub old: usize,
    /// What the base has is not known yet.
    pub is_open: bool,
}

/// A rule on base(W).
#[derive(Debug)]
pub struct BaseLint {
    /// What it observes there.
    pub fingerprint: Fingerprint,
    /// The files that it looks over there.
    pub files: Vec<Entry>,
    /// The setups of the base.
    pub prepared: crate::observe::workstream::Prepared,
    /// What it found, where that is known.
    pub findings: Option<Vec<Finding>>,
}

/// Looks at a rule on the base, over those of a candidate's files that are there, and those in which something was found:
/// a program that follows imports tells of files that it was not given. `None` where that cannot be told, or where there is
/// nothing to look at.
pub fn on_base(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    rule: &Rule,
    files: &[Entry],
    findings: &[Finding],
) -> Result<Option<BaseLint>, ObserveError> {
    let repository = &world.located().repository;
    let found = findings.iter().filter_map(|finding| finding.path.as_deref()).map(str::as_bytes);
    let paths: BTreeSet<&[u8]> = files.iter().map(|entry| entry.path.as_slice()).chain(found).collect();
    let mut there = Vec::new();
    for path in paths {
        let blob = repository.entry(candidate.base, path)?;
        there.extend(blob.map(|blob| Entry { path: path.to_vec(), blob }).filter(verification::is_file));
    }
    let prepared = fixing::prepared(world, records, candidate.workstream, candidate.base)?;
    let Some(prepared) = prepared.filter(|_| !there.is_empty()) else { return Ok(None) };
    let on_base = Candidate { tree: candidate.base, prepared: &prepared, ..candidate };
    let LintKey::Known(fingerprint) = lint_key(world, records, on_base, rule, &there)? else { return Ok(None) };
    let record = records.find(fingerprint.key())?;
    let known: Option<LintBody> = record.as_ref().map(body).transpose()?;
    Ok(Some(BaseLint { fingerprint, files: there, prepared, findings: known.map(|known| known.findings) }))
}

/// Judges what a rule found.
pub fn judged(
    world: &World,
    records: Records<'_>,
    candidate: Candidate<'_>,
    rule: &Rule,
    files: &[Entry],
    findings: &[Finding],
) -> Result<Judged, ObserveError> {
    let failing: Vec<Finding> =
        findings.iter().filter(|finding| fails(&world.pipeline.fail_on, finding)).cloned().collect();
    if failing.is_empty() {
        return Ok(Judged::default());
    }
    let Some(base) = on_base(world, records, candidate, rule, files, &failing)? else {
        return Ok(Judged { failing, ..Judged::default() });
    };
    let Some(before) = base.findings else { return Ok(Judged { failing, old: 0, is_open: true }) };
    let repository = &world.located().repository;
    let count = failing.len();
    let before = keys(repository, candidate.base, &before)?;
    let now = keys(repository, candidate.tree, &failing)?;
    let new = new_ones(now.into_iter().zip(failing).collect(), before);
    Ok(Judged { old: count - new.len(), failing: new, is_open: false })
}

/// Keys that are equal for the same fault where its line only moved: who says it, its code, its file, what is said without
/// numbers, and the text of the line. A finding without a line is told by its words alone.
fn keys(repository: &Repository, tree: TreeId, findings: &[Finding]) -> Result<Vec<String>, ObserveError> {
    let mut texts: HashMap<&str, String> = HashMap::new();
    for path in findings.iter().filter(|finding| finding.line.is_some()).filter_map(|finding| finding.path.as_deref()) {
        if !texts.contains_key(path) {
            let bytes = match repository.entry(tree, path.as_bytes())? {
                Some(blob) => repository.blob(blob.id)?,
                None => Vec::new(),
            };
            texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    let key = |finding: &Finding| {
        let path = finding.path.as_deref().unwrap_or_default();
        let text = finding.line.zip(texts.get(path)).and_then(|(line, text)| text.lines().nth(line as usize - 1));
        let said = match text {
            Some(_) => finding.message.chars().filter(|letter| !letter.is_ascii_digit()).collect(),
            None => finding.message.clone(),
        };
        let code = finding.code.as_deref().unwrap_or_default();
        let fields = [finding.tool.as_str(), code, path, &said, text.unwrap_or_default().trim()];
        Digest::of_fields(fields.map(str::as_bytes)).hex()
    };
    Ok(findings.iter().map(key).collect())
}
