//! Findings put together for people: by file, and once where several rules say the same of one place.
//!
//! Knows no text form. The order that findings come in is kept within a file, and so is that of the files.

use std::collections::HashMap;

use crate::base::finding::Finding;

/// A finding, and what is to be told beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    /// What was found.
    pub finding: &'a Finding,
    /// Its workstream's step, where there is one; findings of two workstreams are two.
    pub step: &'a str,
    /// Where it stands in its life: `new`, `regressed`, …
    pub state: &'a str,
}

impl<'a> Told<'a> {
    /// A finding of no step.
    pub fn alone(finding: &'a Finding) -> Self {
        Self { finding, step: "", state: "" }
    }
}

/// One place with what is wrong there: the first that said it, then those that say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The first.
    pub first: Told<'a>,
    /// Other rules on the same place and category.
    pub others: Vec<Told<'a>>,
}

impl<'a> Entry<'a> {
    /// How many findings it stands for.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Its path; empty where it has none.
    pub fn path(&self) -> &'a str {
        path(self.first.finding)
    }

    /// The gravest stands first.
    fn join(&mut self, mut told: Told<'a>) {
        if told.finding.severity < self.first.finding.severity {
            std::mem::swap(&mut told, &mut self.first);
        }
        self.others.push(told);
    }

    /// Whether a finding says the same of the same place. Two of one rule are two, or one of them would not be told.
    fn is_same(&self, told: &Told<'_>) -> bool {
        let (left, right) = (self.first.finding, told.finding);
        let mut tools = std::iter::once(&self.first).chain(&self.others).map(|told| &told.finding.tool);
        let columns = left.column.zip(right.column).is_none_or(|(left, right)| left == right);
        let is_place = left.path.is_some() && left.line.is_some() && left.line == right.line && columns;
        is_place
            && left.category == right.category
            && workstream(self.first.step) == workstream(told.step)
            && tools.all(|tool| *tool != right.tool)
    }
}

/// The entries of a list, those of a file together.
pub fn entries<'a>(findings: &[Told<'a>]) -> Vec<Entry<'a>> {
    let mut files: Vec<Vec<Entry<'a>>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    // Entries of a line, by place among its file's: a file may have thousands.
    let mut lines: HashMap<(&str, Option<u32>), Vec<usize>> = HashMap::new();
    for told in findings {
        let path = path(told.finding);
        let place = *places.entry(path).or_insert_with(|| {
            files.push(Vec::new());
            files.len() - 1
        });
        let line = lines.entry((path, told.finding.line)).or_default();
        match line.iter().copied().find(|entry| files[place][*entry].is_same(told)) {
            Some(entry) => files[place][entry].join(told.clone()),
            None => {
                line.push(files[place].len());
                files[place].push(Entry { first: told.clone(), others: Vec::new() });
            }
        }
    }
    files.into_iter().flatten().collect()
}

fn path(finding: &Finding) -> &str {
    finding.path.as_deref().unwrap_or_default()
}

fn workstream(step: &str) -> &str {
    step.split_once('/').map_or(step, |(workstream, _)| workstream)
}

#[cfg(test)]
mod tests {
    use super::{Told, entries};
    use crate::base::finding::Finding;

    fn finding(tool: &str, path: &str, line: u32, column: Option<u32>, category: &str) -> Finding {
        Finding {
            tool: tool.into(),
            path: Some(path.into()),
            line: Some(line),
            column,
            category: category.into(),
            ..Finding::default()
        }
    }

    /// `path:line tool tool`.
    fn check(findings: &[(&Finding, &str)], expected: &[&str]) {
        let told: Vec<Told<'_>> = findings.iter().map(|(finding, step)| Told { finding, step, state: "" }).collect();
        let shown: Vec<String> = entries(&told)
            .iter()
            .map(|entry| {
                let others: String = entry.others.iter().map(|told| format!(" {}", told.finding.tool)).collect();
                let first = entry.first.finding;
                format!("{}:{} {}{others}", entry.path(), first.line.unwrap(), first.tool)
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_two_rules_say_of_a_place_is_one() {
        let ruff = finding("ruff", "a", 3, Some(1), "style");
        let pylint = finding("pylint", "a", 3, Some(1), "style");
        let codespell = finding("codespell", "a", 3, None, "style");
        check(&[(&ruff, ""), (&pylint, ""), (&codespell, "")], &["a:3 ruff pylint codespell"]);
        check(&[(&ruff, ""), (&ruff, "")], &["a:3 ruff", "a:3 ruff"]);
        check(&[(&ruff, ""), (&finding("mypy", "a", 3, Some(1), "type"), "")], &["a:3 ruff", "a:3 mypy"]);
        check(&[(&ruff, ""), (&finding("pylint", "a", 3, Some(2), "style"), "")], &["a:3 ruff", "a:3 pylint"]);
        check(&[(&ruff, "ws-1/ruff"), (&pylint, "ws-1/pylint")], &["a:3 ruff pylint"]);
        check(&[(&ruff, "ws-1/ruff"), (&pylint, "ws-2/pylint")], &["a:3 ruff", "a:3 pylint"]);
    }

    #[test]
    fn findings_of_a_file_stand_together_in_the_order_in_which_they_came() {
        let at = |path, line| finding("r", path, line, None, "style");
        let (b9, a1, b2) = (at("b", 9), at("a", 1), at("b", 2));
        check(&[(&b9, ""), (&a1, ""), (&b2, "")], &["b:9 r", "b:2 r", "a:1 r"]);
        let nowhere = Finding { tool: "x".into(), line: Some(1), ..Finding::default() };
        let other = Finding { tool: "y".into(), line: Some(1), ..Finding::default() };
        check(&[(&nowhere, ""), (&other, "")], &[":1 x", ":1 y"]);
    }
}
