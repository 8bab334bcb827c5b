//! Findings as text for people: a line that begins with the place, as editors and `grep` want it, and below it the line of the
//! file with the place underlined.
//!
//! The first findings are drawn so; many more would be a wall.

use std::collections::HashSet;

use crate::base::finding::{Finding, FindingSeverity};
use crate::report::findings::entries::{Entry, Told, entries};
use crate::report::findings::snippet;
use crate::report::text::width::{one_line, width};
use crate::report::{Style, Tone, count};

/// Places that are drawn with their line.
const DRAWN_MAX: usize = 20;

/// Columns that a line is not broken below, however narrow a terminal is.
const COLUMNS_MIN: usize = 40;

/// Blanks before what belongs to the line above.
const INDENT: &str = "      ";

/// How much of a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length<'a> {
    /// Everything, each with its line.
    Whole,
    /// Everything, the first with their lines: for who reads it with a program.
    Listed,
    /// The first with their lines; the rest is counted, and this command shows it.
    Short(&'a str),
}

impl<'a> Length<'a> {
    /// A list that was asked for: on a terminal it has an end.
    pub fn asked(every: bool, command: &'a str, style: &Style) -> Self {
        match (every, style.width) {
            (true, _) => Self::Whole,
            (false, Style::UNBOUNDED) => Self::Listed,
            (false, _) => Self::Short(command),
        }
    }
}

/// The findings of a list, and what of it is not shown.
pub fn list(findings: &[Told<'_>], length: Length<'_>, style: &Style) -> String {
    let entries = entries(findings);
    let drawn = if length == Length::Whole { entries.len() } else { DRAWN_MAX.min(entries.len()) };
    let mut text = String::new();
    let mut pages = HashSet::new();
    for (place, entry) in entries[..drawn].iter().enumerate() {
        if place > 0 && entries[place - 1].path() != entry.path() {
            text.push('\n');
        }
        text.push_str(&whole(entry, &mut pages, style));
    }
    let rest = &entries[drawn..];
    match length {
        _ if rest.is_empty() => {}
        Length::Short(command) => text.push_str(&counted(rest, command, style)),
        Length::Whole | Length::Listed => {
            text.push('\n');
            rest.iter().for_each(|entry| text.push_str(&heading(entry, style)));
        }
    }
    text
}

/// `… and 12 more findings in 3 files; pl lint -v shows all`.
fn counted(entries: &[Entry<'_>], command: &str, style: &Style) -> String {
    let files: HashSet<&str> = entries.iter().map(Entry::path).filter(|path| !path.is_empty()).collect();
    let files = if files.is_empty() { String::new() } else { format!(" in {}", count(files.len(), "file")) };
    let more = count(entries.iter().map(Entry::count).sum(), "more finding");
    let command = style.paint(Tone::Command, command);
    format!("\n{} and {more}{files}; {command} shows all\n", style.ellipsis())
}

/// The line of an entry, the line of its file, and what else is known. A page that was named above is not named again.
fn whole<'a>(entry: &Entry<'a>, pages: &mut HashSet<&'a str>, style: &Style) -> String {
    let finding = entry.first.finding;
    let mut text = heading(entry, style);
    let all = || std::iter::once(&entry.first).chain(&entry.others).map(|told| told.finding);
    let lined = all().find(|finding| finding.source.is_some() && finding.column.is_some()).unwrap_or(finding);
    text.push_str(&snippet::render(lined, tone(finding), style));
    for other in &entry.others {
        text.push_str(&format!("{INDENT}also {}\n", said(other.finding)));
    }
    for page in all().filter_map(|finding| finding.help_url.as_deref()) {
        if pages.insert(page) {
            text.push_str(&format!("{INDENT}{}\n", style.paint(Tone::Dim, &format!("see {}", one_line(page)))));
        }
    }
    text
}

/// `src/a.py:3:1: error E501 line too long (ruff, pycodestyle)  fixable`.
fn heading(entry: &Entry<'_>, style: &Style) -> String {
    let finding = entry.first.finding;
    let place = place(finding);
    let mut words = Vec::new();
    if !place.is_empty() {
        words.push((Tone::Strong, format!("{place}:")));
    }
    words.push((tone(finding), severity(finding).to_owned()));
    words.extend(finding.code.iter().map(|code| (Tone::Plain, one_line(code))));
    words.extend(one_line(&finding.message).split(' ').map(|word| (Tone::Plain, word.to_owned())));
    let tools: Vec<&str> =
        std::iter::once(&entry.first).chain(&entry.others).map(|told| told.finding.tool.as_str()).collect();
    words.push((Tone::Plain, format!("({})", tools.join(", "))));
    let fixable = std::iter::once(&entry.first).chain(&entry.others).any(|told| told.finding.fixable);
    words.extend(fixable.then(|| (Tone::Good, "fixable".to_owned())));
    let (state, step) = (entry.first.state, entry.first.step);
    for (tone, word) in [(tone_of_state(state), state), (Tone::Dim, step)] {
        words.extend((!word.is_empty()).then(|| (tone, word.to_owned())));
    }
    flow(&words, style)
}

/// Words in lines; the first line is never broken before its second word.
fn flow(words: &[(Tone, String)], style: &Style) -> String {
    let columns = style.width.max(COLUMNS_MIN);
    let (mut text, mut taken) = (String::new(), 0);
    for (place, (tone, word)) in words.iter().enumerate() {
        let needed = width(word);
        if place > 1 && taken + 1 + needed > columns && taken > INDENT.len() {
            text.push_str(&format!("\n{INDENT}"));
            taken = INDENT.len();
        } else if place > 0 {
            text.push(' ');
            taken += 1;
        }
        text.push_str(&style.paint(*tone, word));
        taken += needed;
    }
    text.push('\n');
    text
}

/// `E501 line too long (ruff)`.
fn said(finding: &Finding) -> String {
    let code = finding.code.as_ref().map(|code| format!("{} ", one_line(code))).unwrap_or_default();
    format!("{code}{} ({})", one_line(&finding.message), finding.tool)
}

/// `src/a.py:3:1`; a name that would be a command to a pipeline is made one that is not.
fn place(finding: &Finding) -> String {
    let path = one_line(finding.path.as_deref().unwrap_or_default());
    let mut place = if path.starts_with("::") { format!("./{path}") } else { path };
    for number in [finding.line, finding.column].into_iter().flatten() {
        place.push_str(&format!(":{number}"));
    }
    place
}

fn tone_of_state(state: &str) -> Tone {
    match state {
        "regressed" => Tone::Bad,
        "quarantined" => Tone::Warn,
        "fixed" | "verified" => Tone::Good,
        "suppressed" => Tone::Dim,
        _ => Tone::Busy,
    }
}

fn severity(finding: &Finding) -> &'static str {
    match finding.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "info",
    }
}

fn tone(finding: &Finding) -> Tone {
    match finding.severity {
        FindingSeverity::Error => Tone::Bad,
        FindingSeverity::Warning => Tone::Warn,
        FindingSeverity::Info => Tone::Dim,
    }
}

#[cfg(test)]
mod tests {
    use super::{DRAWN_MAX, Length, list};
    use crate::base::finding::{Finding, FindingSeverity};
    use crate::report::Style;
    use crate::report::findings::entries::Told;
    use crate::report::text::width::width;

    fn finding(tool: &str, path: &str, line: u32) -> Finding {
        Finding {
            tool: tool.into(),
            code: Some("F401".into()),
            category: "style".into(),
            severity: FindingSeverity::Warning,
            path: Some(path.into()),
            line: Some(line),
            column: Some(8),
            end_line: Some(line),
            end_column: Some(10),
            message: "`os` imported but unused".into(),
            source: Some("import os".into()),
            help_url: Some("https://example.org/F401".into()),
            ..Finding::default()
        }
    }

    fn check(findings: &[Finding], length: Length<'_>, style: &Style, expected: &str) {
        let told: Vec<Told<'_>> = findings.iter().map(Told::alone).collect();
        assert_eq!(list(&told, length, style), expected);
    }

    #[test]
    fn a_finding_begins_with_its_place_and_shows_its_line() {
        let fixable = Finding { fixable: true, ..finding("ruff", "a.py", 1) };
        let other = Finding {
            code: Some("W0611".into()),
            message: "Unused import os".into(),
            help_url: None,
            ..finding("pylint", "a.py", 1)
        };
        let bare = Finding { code: None, column: None, source: None, ..finding("ruff", "b.py", 2) };
        let whole = Finding { tool: "tests".into(), message: "it\nbroke".into(), ..Finding::default() };
        let expected = "\
a.py:1:8: warning F401 `os` imported but unused (ruff, pylint) fixable
    1 │ import os
      │        ^^
      also W0611 Unused import os (pylint)
      see https://example.org/F401

b.py:2: warning `os` imported but unused (ruff)

error it broke (tests)
";
        check(&[fixable, other, bare, whole], Length::Whole, &Style::PLAIN, expected);
    }

    #[test]
    fn of_many_the_first_are_drawn_and_the_rest_is_counted() {
        let many: Vec<Finding> =
            (0..40).map(|number| finding("ruff", if number < 30 { "a" } else { "b" }, number + 1)).collect();
        let told: Vec<Told<'_>> = many.iter().map(Told::alone).collect();
        let short = list(&told, Length::Short("pl lint -v"), &Style::PLAIN);
        assert_eq!(short.matches("import os\n").count(), DRAWN_MAX);
        assert!(short.ends_with("\n… and 20 more findings in 2 files; pl lint -v shows all\n"), "{short}");
        assert_eq!(list(&told, Length::Whole, &Style::PLAIN).matches("import os\n").count(), 40);
        assert_eq!(short.matches("see https").count(), 1);
        let one = list(&told[..=DRAWN_MAX], Length::Short("x"), &Style::PLAIN);
        assert!(one.ends_with("… and 1 more finding in 1 file; x shows all\n"), "{one}");
    }

    #[test]
    fn a_narrow_terminal_breaks_between_words() {
        let style = Style { color: true, unicode: false, width: 44 };
        let text = list(
            &[Told { state: "new", step: "ws-1/ruff", ..Told::alone(&finding("ruff", "src/a.py", 1)) }],
            Length::Whole,
            &style,
        );
        let stripped: String = anstream::adapter::strip_str(&text).collect();
        let expected = "\
src/a.py:1:8: warning F401 `os` imported but
      unused (ruff) new ws-1/ruff
    1 | import os
      |        ^^
      see https://example.org/F401
";
        assert_eq!(stripped, expected);
        assert!(stripped.lines().all(|line| width(line) <= 44));
    }

    #[test]
    fn a_name_gives_no_command_and_moves_no_cursor() {
        let evil =
            Finding { path: Some("::error::x\u{1b}[2J".into()), message: "a\u{7}b".into(), ..Finding::default() };
        check(&[evil], Length::Whole, &Style::PLAIN, "./::error::x?[2J: error a?b ()\n");
    }
}
