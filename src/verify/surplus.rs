//! Findings beyond the limit: counted by what a policy can tell apart, so that none of them goes unjudged.
//!
//! One is only the same as on another tree if all that it stands for are.

use std::collections::BTreeMap;

use crate::base::digest::Digest;
use crate::base::finding::Finding;
use crate::verify::signature;

/// Findings of one rule that are kept each for itself.
pub const FINDINGS_MAX: usize = 5_000;

/// Kinds of findings that are counted beyond those.
const KINDS_MAX: usize = 5_000;

/// Keeps the first findings, and one for each kind of the others; the error is a sentence about the tool.
pub fn cut(findings: &mut Vec<Finding>) -> Result<(), String> {
    if findings.len() <= FINDINGS_MAX {
        return Ok(());
    }
    let all = findings.len();
    let mut kinds: BTreeMap<_, (Finding, Vec<String>)> = BTreeMap::new();
    for mut finding in findings.drain(FINDINGS_MAX..) {
        signature::sign(&mut finding);
        let kind = (finding.severity, finding.category.clone(), finding.code.clone());
        let signature = finding.signature.clone();
        kinds.entry(kind).or_insert_with(|| (finding, Vec::new())).1.push(signature);
        if kinds.len() > KINDS_MAX {
            return Err(format!("it found {all} faults of more kinds than can be kept"));
        }
    }
    findings.extend(kinds.into_values().map(|(first, mut signatures)| {
        signatures.sort_unstable();
        let digest = Digest::of_fields(signatures.iter().map(String::as_bytes)).hex();
        let message = format!("{} more like it are not kept ({})", signatures.len(), &digest[..10]);
        let Finding { tool, category, severity, code, .. } = first;
        Finding { tool, category, severity, code, message, ..Finding::default() }
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FINDINGS_MAX, cut};
    use crate::base::finding::{Finding, FindingSeverity};

    fn many(count: usize, last: Finding) -> Vec<Finding> {
        let one = |number: usize| Finding {
            message: format!("fault {}", "x".repeat(number % 7)),
            severity: FindingSeverity::Info,
            line: u32::try_from(number).ok(),
            ..Finding::default()
        };
        (0..count).map(one).chain([last]).collect()
    }

    #[test]
    fn what_is_dropped_keeps_what_a_policy_asks_for() {
        let grave = Finding { code: Some("S1".into()), category: "security".into(), ..Finding::default() };
        let mut findings = many(FINDINGS_MAX + 9, grave);
        cut(&mut findings).unwrap();
        let [.., one, other] = findings.as_slice() else { panic!("no findings") };
        assert_eq!(findings.len(), FINDINGS_MAX + 2);
        assert_eq!(
            (one.severity, one.code.as_deref(), one.category.as_str()),
            (FindingSeverity::Error, Some("S1"), "security")
        );
        assert!(other.message.starts_with("9 more like it"), "{}", other.message);
    }

    #[test]
    fn as_many_others_are_not_the_same() {
        let cut_to = |last: &str| {
            let mut findings = many(FINDINGS_MAX, Finding { message: last.to_owned(), ..Finding::default() });
            cut(&mut findings).unwrap();
            findings.pop().unwrap().message
        };
        assert_eq!(cut_to("an old fault"), cut_to("an old fault"));
        assert_ne!(cut_to("an old fault"), cut_to("a new fault"));
    }

    #[test]
    fn without_end_it_is_the_tool_s_failure() {
        let one = |number: usize| Finding { code: Some(number.to_string()), ..Finding::default() };
        let mut findings: Vec<Finding> = (0..FINDINGS_MAX * 3).map(one).collect();
        assert!(cut(&mut findings).unwrap_err().starts_with("it found 15000 faults"));
    }
}
