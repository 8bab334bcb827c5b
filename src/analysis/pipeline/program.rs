//! What a tool or a rule says of its program: which one it is, how long it may be silent, how it tells that its quota is used up.
//!
//! Starts nothing.

use crate::analysis::pipeline::{Command, Rule, Template};

/// Said by a definition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patience {
    /// Silence in milliseconds after which it is taken for hung.
    pub idle_ms: Option<u64>,
    /// How it says that it may not be asked any more for now.
    pub quota: Quota,
}

/// How a program says that its quota is used up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// By an exit code.
    pub exit: Vec<i32>,
    /// By a line of its output: regular expressions.
    pub says: Vec<String>,
}

impl Quota {
    /// The line by which a program says so, empty where its exit code does; `None` where it says no such thing. One that
    /// ended well is not asked for its exit code.
    pub fn said(&self, exit: i32, output: &str) -> Option<String> {
        if exit != 0 && self.exit.contains(&exit) {
            return Some(String::new());
        }
        let patterns: Vec<regex::Regex> = self.says.iter().filter_map(|says| regex::Regex::new(says).ok()).collect();
        let line = output.lines().rev().find(|line| patterns.iter().any(|pattern| pattern.is_match(line)));
        line.map(|line| line.trim().chars().take(LINE_CHARACTERS_MAX).collect())
    }
}

impl Rule {
    /// The program that must be there for it: the one that is asked for its version, else the one that is started.
    pub fn program(&self) -> String {
        match self.version.as_ref().unwrap_or(&self.command) {
            Command::Argv(words) => words.first().map(Template::text).unwrap_or_default(),
            Command::Shell(_) => "sh".to_owned(),
        }
    }
}

/// Characters of a line that a message quotes.
const LINE_CHARACTERS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use super::Quota;

    #[test]
    fn a_quota_is_told_by_exit_code_or_by_a_line() {
        let quota = Quota { exit: vec![0, 75], says: vec!["(?i)rate limit".to_owned()] };
        let said = |exit, output: &str| quota.said(exit, output);
        assert_eq!(said(75, "x"), Some(String::new()));
        assert_eq!((said(0, "x"), said(1, "x")), (None, None));
        assert_eq!(said(1, "a\n  Rate limit reached \nb"), Some("Rate limit reached".to_owned()));
        assert_eq!(said(0, "rate limit"), Some("rate limit".to_owned()));
        assert_eq!(Quota::default().said(75, "rate limit"), None);
    }
}
