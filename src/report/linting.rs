//! `pl lint` as text: what was found, what could not be looked at, and one line on the whole.

use crate::report::findings::entries::Told;
use crate::report::findings::text::{Length, list};
use crate::report::{Style, Tone};
use crate::summary::lint::{LintRule, LintStatus, LintSummary};

/// The command that shows all findings.
const EVERYTHING: &str = "pl lint -v";

/// The whole; `every` shows each rule, and each finding with its line.
pub fn text(summary: &LintSummary, every: bool, style: &Style) -> String {
    let told: Vec<Told<'_>> = summary.findings.iter().map(Told::alone).collect();
    let mut text = list(&told, Length::asked(every, EVERYTHING, style), style);
    if !text.is_empty() {
        text.push('\n');
    }
    for path in &summary.fixed {
        text.push_str(&format!("{} {path}\n", style.paint(Tone::Good, "mended")));
    }
    text.push_str(&troubles(summary, style));
    if every {
        summary.rules.iter().for_each(|rule| text.push_str(&row(rule, style)));
    }
    text.push_str(&last(summary, style));
    text
}

/// Rules that came to no answer, and notes.
pub fn troubles(summary: &LintSummary, style: &Style) -> String {
    let mut text = String::new();
    for rule in &summary.rules {
        let message = rule.message.as_deref().unwrap_or_default();
        let name = style.paint(Tone::Strong, &rule.name);
        match rule.status {
            LintStatus::Clean | LintStatus::Findings => {}
            LintStatus::Skipped => {
                let word = style.paint(Tone::Warn, "note:");
                text.push_str(&format!("{word} {name} was skipped: {message}; `pl doctor` says how to get it\n"));
            }
            LintStatus::Failed | LintStatus::Missing => {
                text.push_str(&format!("{} {name}: {message}\n", style.paint(Tone::Bad, "failed")));
                rule.output.lines().for_each(|line| text.push_str(&format!("  | {line}\n")));
            }
        }
    }
    summary.notes.iter().for_each(|note| text.push_str(&format!("{} {note}\n", style.paint(Tone::Warn, "note:"))));
    text
}

fn row(rule: &LintRule, style: &Style) -> String {
    let known = rule.files - rule.judged.min(rule.files);
    let (word, tone) = match rule.status {
        LintStatus::Clean if rule.files == 0 => ("idle", Tone::Dim),
        LintStatus::Clean => ("clean", Tone::Good),
        LintStatus::Findings => ("findings", Tone::Bad),
        LintStatus::Failed => ("failed", Tone::Bad),
        LintStatus::Missing => ("missing", Tone::Bad),
        LintStatus::Skipped => ("skipped", Tone::Warn),
    };
    format!("{:<20} {}  {} judged, {known} known\n", rule.name, style.paint(tone, word), rule.judged)
}

fn last(summary: &LintSummary, style: &Style) -> String {
    let looked: Vec<&LintRule> = summary
        .rules
        .iter()
        .filter(|rule| rule.files > 0 && matches!(rule.status, LintStatus::Clean | LintStatus::Findings))
        .collect();
    let over = format!("{}, {}", count(summary.files, "file"), count(looked.len(), "rule"));
    if summary.rules.is_empty() {
        return "there are no rules; `use \"ruff\"` in the Pipelinefile names one (docs/rules.md)\n".to_owned();
    }
    let judged: usize = looked.iter().map(|rule| rule.judged).sum();
    let known: usize = looked.iter().map(|rule| rule.files).sum::<usize>().saturating_sub(judged);
    let how = style.paint(Tone::Dim, &format!("{judged} judged, {known} known, {} ms", summary.duration_ms));
    let (tone, word) = match (summary.findings.len(), summary.ok) {
        (0, true) => (Tone::Good, "clean".to_owned()),
        (0, false) => (Tone::Bad, "not looked over".to_owned()),
        (findings, true) => (Tone::Warn, count(findings, "finding")),
        (findings, false) => (Tone::Bad, count(findings, "finding")),
    };
    format!("{}: {over} ({how})\n", style.paint(tone, &word))
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::base::finding::Finding;
    use crate::report::Style;
    use crate::summary::lint::{LintRule, LintStatus, LintSummary};

    #[test]
    fn what_was_not_looked_at_is_not_called_clean() {
        let rule = |name: &str, status, message: Option<&str>| LintRule {
            name: name.into(),
            status,
            files: 2,
            judged: 1,
            message: message.map(str::to_owned),
            output: String::new(),
        };
        let mut summary = LintSummary {
            ok: true,
            files: 2,
            rules: vec![rule("a", LintStatus::Clean, None), rule("b", LintStatus::Skipped, Some("b is not installed"))],
            ..LintSummary::default()
        };
        let expected = "note: b was skipped: b is not installed; `pl doctor` says how to get it\n\
                        clean: 2 files, 1 rule (1 judged, 1 known, 0 ms)\n";
        assert_eq!(text(&summary, false, &Style::PLAIN), expected);
        summary.ok = false;
        summary.rules[1] = rule("b", LintStatus::Failed, Some("b failed: exit code 9"));
        assert!(text(&summary, false, &Style::PLAIN).contains("failed b: b failed: exit code 9\nnot looked over: "));
        summary.findings =
            vec![Finding { tool: "a".into(), message: "m".into(), path: Some("x".into()), ..Finding::default() }];
        assert!(text(&summary, true, &Style::PLAIN).starts_with("x: error m (a)\n"));
    }
}
