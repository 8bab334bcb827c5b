//! The findings of `pl show --findings`: the list, and how many of them stand how.
//!
//! Rows come in as they are to be shown.

use std::collections::BTreeMap;

use crate::report::findings::entries::Told;
use crate::report::findings::text::{self, Length};
use crate::report::history::FindingRow;
use crate::report::{Style, Tone, count};

/// The list, and how many stand how.
pub(super) fn list(findings: &[FindingRow], gone: &[FindingRow], every: bool, style: &Style) -> String {
    let mut text = text::list(&told(findings), Length::asked(every, "pl show -v --findings", style), style);
    if !text.is_empty() {
        text.push('\n');
    }
    let number = if findings.is_empty() { "no findings".to_owned() } else { count(findings.len(), "finding") };
    let states = states(findings);
    text.push_str(&if states.is_empty() { number } else { format!("{number}: {states}") });
    if !gone.is_empty() {
        text.push_str(&style.paint(Tone::Dim, &format!("; gone: {}", self::states(gone))));
    }
    text.push('\n');
    text
}

/// `2 new, 1 suppressed`.
fn states(findings: &[FindingRow]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    findings.iter().filter_map(|row| row.state.as_deref()).for_each(|state| *counts.entry(state).or_default() += 1);
    counts.iter().map(|(state, number)| format!("{number} {state}")).collect::<Vec<_>>().join(", ")
}

/// What is drawn of rows.
pub(super) fn told(findings: &[FindingRow]) -> Vec<Told<'_>> {
    let told = |row| {
        let FindingRow { step, state, finding, .. }: &FindingRow = row;
        Told { finding, step, state: state.as_deref().unwrap_or_default() }
    };
    findings.iter().map(told).collect()
}
