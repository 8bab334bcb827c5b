//! Findings that a project has agreed to live with: one file beside its Pipelinefile, to be committed.
//!
//! An entry is told by rule, code, file, what is said without numbers and the text of its line, so that it survives a line that
//! moved; it excuses as many findings as it counts, and a file that cannot be read excuses none and is an error.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::finding::Finding;
use crate::exec::working_copy::LintError;
use crate::verify::policy::new_ones;

/// The file's name, at the root.
pub const NAME: &str = "lint-baseline.json";

/// What an entry is told by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Known {
    path: String,
    rule: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    code: String,
    message: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    line: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    #[serde(flatten)]
    known: Known,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    count: usize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Baseline {
    findings: Vec<Row>,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_one(count: &usize) -> bool {
    *count == 1
}

/// What findings are told by, in their order.
fn known(root: &Path, findings: &[Finding]) -> Vec<Known> {
    let mut texts: HashMap<&str, Vec<String>> = HashMap::new();
    let mut all = Vec::with_capacity(findings.len());
    for finding in findings {
        let path = finding.path.as_deref().unwrap_or_default();
        let line = finding.line.and_then(|line| {
            let text = texts.entry(path).or_insert_with(|| lines(root, path));
            text.get(line as usize - 1).map(|text| text.trim().to_owned())
        });
        let message = match line {
            Some(_) => finding.message.chars().filter(|letter| !letter.is_ascii_digit()).collect(),
            None => finding.message.clone(),
        };
        let (rule, code) = (finding.tool.clone(), finding.code.clone().unwrap_or_default());
        all.push(Known { path: path.to_owned(), rule, code, message, line: line.unwrap_or_default() });
    }
    all
}

fn lines(root: &Path, path: &str) -> Vec<String> {
    let bytes = std::fs::read(root.join(path)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect()
}

/// Leaves out what the baseline has; says how many that were.
pub fn without_known(root: &Path, findings: Vec<Finding>) -> Result<(Vec<Finding>, usize), LintError> {
    let path = root.join(NAME);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((findings, 0)),
        Err(source) => return Err(LintError::Read { path: NAME.to_owned(), source }),
    };
    let baseline: Baseline = serde_json::from_str(&text)
        .map_err(|error| LintError::Read { path: NAME.to_owned(), source: std::io::Error::other(error) })?;
    let key = |known: &Known| serde_json::to_string(known).expect("BUG: a baseline is JSON");
    let before = baseline.findings.iter().flat_map(|row| std::iter::repeat_n(key(&row.known), row.count));
    let before: Vec<String> = before.collect();
    let count = findings.len();
    let now: Vec<String> = known(root, &findings).iter().map(key).collect();
    let new = new_ones(now.into_iter().zip(findings).collect(), before);
    let old = count - new.len();
    Ok((new, old))
}

/// Writes the file anew, with all that is found now; says how many that are.
pub fn write(root: &Path, findings: &[Finding]) -> Result<usize, LintError> {
    let mut counts: BTreeMap<Known, usize> = BTreeMap::new();
    known(root, findings).into_iter().for_each(|known| *counts.entry(known).or_default() += 1);
    let rows = counts.into_iter().map(|(known, count)| Row { known, count }).collect();
    let text = serde_json::to_string_pretty(&Baseline { findings: rows }).expect("BUG: a baseline is JSON");
    let path = root.join(NAME);
    std::fs::write(&path, text + "\n").map_err(|source| LintError::Write { path, source })?;
    Ok(findings.len())
}

#[cfg(test)]
mod tests {
    use super::{NAME, without_known, write};
    use crate::base::finding::Finding;

    fn finding(line: u32) -> Finding {
        let (path, message) = (Some("a".to_owned()), format!("line {line} is bad"));
        Finding { tool: "r".into(), path, line: Some(line), message, ..Finding::default() }
    }

    #[test]
    fn a_line_that_moved_is_known_and_a_second_one_is_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        std::fs::write(root.join("a"), "x\nbad\n").expect("a");
        assert_eq!(without_known(root, vec![finding(2)]).expect("none").1, 0);
        assert_eq!(write(root, &[finding(2)]).expect("written"), 1);
        assert_eq!(without_known(root, vec![finding(2)]).expect("known"), (vec![], 1));
        std::fs::write(root.join("a"), "x\ny\n  bad\nbad\nother\n").expect("a");
        assert_eq!(without_known(root, vec![finding(3)]).expect("known"), (vec![], 1));
        assert_eq!(without_known(root, vec![finding(3), finding(4)]).expect("known"), (vec![finding(4)], 1));
        assert_eq!(without_known(root, vec![finding(5)]).expect("new"), (vec![finding(5)], 0));
        std::fs::write(root.join(NAME), "no JSON").expect("a file");
        assert!(without_known(root, vec![]).is_err());
    }
}
