//! What makes a rule red: which findings fail by the project's policy, and which of them are new. Pure.
//!
//! Applied when judging, in no key.

use std::collections::HashMap;

use crate::analysis::pipeline::FailOn;
use crate::base::finding::{Finding, FindingSeverity};

/// Whether a finding fails: one of the policy's lines says so; without any, errors and warnings do and notes do not.
pub fn fails(policy: &[FailOn], finding: &Finding) -> bool {
    if policy.is_empty() {
        return finding.severity != FindingSeverity::Info;
    }
    policy.iter().any(|line| {
        line.severity.is_none_or(|least| finding.severity <= least)
            && line.category.as_ref().is_none_or(|category| *category == finding.category)
            && line.code.as_ref().is_none_or(|code| finding.code.as_ref() == Some(code))
            && line.rule.as_ref().is_none_or(|rule| *rule == finding.tool)
    })
}

/// The findings that were not there before; each of those that were excuses one. A key is equal for the same fault
/// wherever it moved to.
pub fn new_ones(findings: Vec<(String, Finding)>, before: impl IntoIterator<Item = String>) -> Vec<Finding> {
    let mut excused: HashMap<String, usize> = HashMap::new();
    before.into_iter().for_each(|key| *excused.entry(key).or_default() += 1);
    let is_new = |(key, finding): (String, Finding)| match excused.get_mut(&key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            None
        }
        _ => Some(finding),
    };
    findings.into_iter().filter_map(is_new).collect()
}

#[cfg(test)]
mod tests {
    use super::{fails, new_ones};
    use crate::analysis::pipeline::FailOn;
    use crate::base::finding::{Finding, FindingSeverity};

    fn finding(severity: FindingSeverity, category: &str, code: &str) -> Finding {
        let (category, code) = (category.to_owned(), Some(code.to_owned()));
        Finding { tool: "r".to_owned(), severity, category, code, ..Finding::default() }
    }

    #[test]
    fn a_policy_says_what_fails() {
        let (error, warning, info) = (FindingSeverity::Error, FindingSeverity::Warning, FindingSeverity::Info);
        let style = |severity| finding(severity, "style", "E1");
        assert_eq!([error, warning, info].map(|one| fails(&[], &style(one))), [true, true, false]);
        let errors = FailOn { severity: Some(error), ..FailOn::default() };
        let security = FailOn { category: Some("security".to_owned()), ..FailOn::default() };
        let policy = [errors, security];
        assert_eq!([error, warning, info].map(|one| fails(&policy, &style(one))), [true, false, false]);
        assert!(fails(&policy, &finding(info, "security", "S1")));
        let code = FailOn { code: Some("E1".to_owned()), rule: Some("other".to_owned()), ..FailOn::default() };
        assert!(!fails(&[code], &style(error)));
    }

    #[test]
    fn each_old_finding_excuses_one() {
        let two = || vec![("a".to_owned(), Finding::default()), ("a".to_owned(), Finding::default())];
        assert_eq!(new_ones(two(), ["a".to_owned()]).len(), 1);
        assert_eq!(new_ones(two(), ["b".to_owned()]).len(), 2);
        assert_eq!(new_ones(two(), ["a".to_owned(), "a".to_owned(), "b".to_owned()]).len(), 0);
    }
}
