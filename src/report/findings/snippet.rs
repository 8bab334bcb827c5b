//! The line of a finding with its place underlined, in the columns that there are.
//!
//! Tabs become blanks and wide characters count twice, so that what is underlined is what is meant; nothing that a file
//! holds can move the cursor.

use unicode_width::UnicodeWidthChar;

use crate::base::finding::Finding;
use crate::report::{Style, Tone};

/// Columns of a line with what stands before it: wider than this, a place is hard to find.
const COLUMNS_MAX: usize = 80;

/// Columns for text that are left even where a terminal is very narrow.
const TEXT_COLUMNS_MIN: usize = 16;

/// Columns of a tab.
const TAB_COLUMNS: usize = 4;

/// The line, and below it what is meant; nothing where there is nothing to see.
pub(super) fn render(finding: &Finding, tone: Tone, style: &Style) -> String {
    let (Some(line), Some(source)) = (finding.line, finding.source.as_deref()) else { return String::new() };
    if source.trim().is_empty() && (source.is_empty() || finding.column.is_none()) {
        return String::new();
    }
    let bar = if style.unicode { "│" } else { "|" };
    let number = format!("{line:>5}");
    let room = style.width.min(COLUMNS_MAX).saturating_sub(number.len() + 3).max(TEXT_COLUMNS_MIN);
    let view = View::of(&cells(source), place(finding, source), finding.source_column.is_some(), room, style);
    let gutter = |text: &str| style.paint(Tone::Dim, &format!("{text} {bar}"));
    let mut text = format!("{} {}", gutter(&number), view.text).trim_end().to_owned() + "\n";
    if !view.carets.is_empty() {
        let blanks = &view.carets[..view.carets.len() - view.carets.trim_start().len()];
        let carets = style.paint(tone, view.carets.trim_start());
        text.push_str(&format!("{} {blanks}{carets}\n", gutter(&" ".repeat(number.len()))));
    }
    text
}

/// Which characters of the source are meant, from 0; the end is behind the last one.
fn place(finding: &Finding, source: &str) -> Option<(usize, usize)> {
    let first = finding.source_column.unwrap_or(1);
    let last = source.chars().count();
    let at = |column: u32| (column.saturating_sub(first) as usize).min(last);
    let start = at(finding.column?);
    let end = match (finding.end_line, finding.end_column) {
        (Some(end), _) if Some(end) > finding.line => source.trim_end().chars().count(),
        (_, Some(end)) => at(end),
        _ => start,
    };
    Some((start, end.max(start + 1)))
}

/// A character as it is drawn.
struct Cell {
    drawn: char,
    columns: usize,
}

fn cells(source: &str) -> Vec<Vec<Cell>> {
    let mut column = 0;
    let cell = |character: char| {
        let drawn = match character {
            '\t' => (0..TAB_COLUMNS - column % TAB_COLUMNS).map(|_| Cell { drawn: ' ', columns: 1 }).collect(),
            other if other.is_control() => vec![Cell { drawn: '?', columns: 1 }],
            other => vec![Cell { drawn: other, columns: other.width().unwrap_or(0) }],
        };
        column += drawn.iter().map(|cell| cell.columns).sum::<usize>();
        drawn
    };
    source.chars().map(cell).collect()
}

/// What is seen of a line.
struct View {
    text: String,
    carets: String,
}

impl View {
    /// Cuts a line to `room` columns so that the beginning of the place stays in sight.
    fn of(characters: &[Vec<Cell>], place: Option<(usize, usize)>, is_cut: bool, room: usize, style: &Style) -> Self {
        let columns = |characters: &[Vec<Cell>]| characters.iter().flatten().map(|cell| cell.columns).sum::<usize>();
        let total = columns(characters);
        // The place in columns; behind the last character it is one column wide.
        let meant = place.map(|(start, end)| {
            let from = columns(&characters[..start.min(characters.len())]);
            (from, (columns(&characters[..end.min(characters.len())])).max(from + 1))
        });
        let needed = meant.map_or(total, |(_, end)| total.max(end));
        let mark = style.ellipsis();
        let (from, to) = match meant {
            _ if needed <= room && !is_cut => (0, room),
            Some((_, end)) if end + mark.len() <= room && !is_cut => (0, room - mark_columns(mark)),
            Some((start, end)) => {
                let inner = room - 2 * mark_columns(mark);
                let before = if end - start >= inner { 0 } else { (inner / 3).min(inner - (end - start)) };
                let from = start.saturating_sub(before).min(needed.saturating_sub(inner)).min(start);
                (from, from + inner)
            }
            None => (0, room - mark_columns(mark)),
        };
        let mut text = if from > 0 || is_cut { mark.to_owned() } else { String::new() };
        let shift = if text.is_empty() { 0 } else { mark_columns(mark) };
        let (mut column, mut drawn) = (0, 0);
        for cell in characters.iter().flatten() {
            if column >= from && column + cell.columns <= to {
                // Half of a wide character that is cut leaves a blank.
                text.extend(std::iter::repeat_n(' ', if drawn == 0 { column - from } else { 0 }));
                drawn += 1;
                text.push(cell.drawn);
            }
            column += cell.columns;
        }
        if total > to {
            text.push_str(mark);
        }
        let carets = meant.map_or_else(String::new, |(start, end)| {
            let (start, end) = (start.max(from), end.min(to).max(start.max(from) + 1));
            format!("{}{}", " ".repeat(start - from + shift), "^".repeat(end - start))
        });
        Self { text, carets }
    }
}

/// Marks of what was cut are drawn in ASCII, or take one column.
fn mark_columns(mark: &str) -> usize {
    mark.chars().count()
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::base::finding::Finding;
    use crate::report::text::width::width;
    use crate::report::{Style, Tone};

    type Place = (Option<u32>, Option<u32>);

    fn finding(source: &str, (column, end_column): Place) -> Finding {
        Finding {
            line: Some(3),
            end_line: end_column.and(Some(3)),
            column,
            end_column,
            source: Some(source.into()),
            ..Finding::default()
        }
    }

    #[track_caller]
    fn check(source: &str, place: Place, columns: usize, expected: &[&str]) {
        let style = Style { color: false, unicode: true, width: columns };
        let text = render(&finding(source, place), Tone::Bad, &style);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected, "\n{text}");
        assert!(text.lines().all(|line| width(line) <= columns), "{text}");
    }

    #[test]
    fn a_place_is_underlined_from_its_column_to_its_end() {
        check("import os, sys", (Some(8), Some(10)), 80, &["    3 │ import os, sys", "      │        ^^"]);
        check("import os", (Some(8), None), 80, &["    3 │ import os", "      │        ^"]);
        check("import os", (None, None), 80, &["    3 │ import os"]);
        check("x = 1  ", (Some(6), Some(8)), 80, &["    3 │ x = 1", "      │      ^^"]);
        check("x", (Some(2), None), 80, &["    3 │ x", "      │  ^"]);
        check("x", (Some(900), Some(2)), 80, &["    3 │ x", "      │  ^"]);
        check("", (Some(1), None), 80, &[]);
        check("   ", (None, None), 80, &[]);
        check("   ", (Some(1), Some(4)), 80, &["    3 │", "      │ ^^^"]);
    }

    #[test]
    fn what_goes_on_is_underlined_to_the_end_of_its_first_line() {
        let finding = Finding { end_line: Some(5), ..finding("def f(a,  ", (Some(5), Some(2))) };
        let text = render(&finding, Tone::Bad, &Style::PLAIN);
        assert_eq!(text, "    3 │ def f(a,\n      │     ^^^^\n");
    }

    #[test]
    fn tabs_wide_and_controlling_characters_keep_the_place() {
        check("\tx = y", (Some(6), Some(7)), 80, &["    3 │     x = y", "      │         ^"]);
        check("a\tb\t", (Some(2), Some(4)), 80, &["    3 │ a   b", "      │  ^^^^"]);
        check("日本 = 語", (Some(6), Some(7)), 80, &["    3 │ 日本 = 語", "      │        ^^"]);
        check("e\u{301} = x", (Some(6), Some(7)), 80, &["    3 │ e\u{301} = x", "      │     ^"]);
        check("\u{1b}[2J x", (Some(6), None), 80, &["    3 │ ?[2J x", "      │      ^"]);
    }

    #[test]
    fn long_lines_are_cut_around_the_place() {
        let line: String = (0..30).map(|number| format!("{number:02}-")).collect();
        check(&line, (Some(4), Some(6)), 40, &["    3 │ 00-01-02-03-04-05-06-07-08-09-1…", "      │    ^^"]);
        check(&line, (Some(46), Some(48)), 40, &["    3 │ …-12-13-14-15-16-17-18-19-20-21…", "      │            ^^"]);
        check(
            &line,
            (Some(88), Some(90)),
            40,
            &["    3 │ …20-21-22-23-24-25-26-27-28-29-", "      │                             ^^"],
        );
        check(&line, (None, None), 40, &["    3 │ 00-01-02-03-04-05-06-07-08-09-1…"]);
        let all = (Some(1), Some(91));
        check(&line, all, 40, &["    3 │ 00-01-02-03-04-05-06-07-08-09-…", "      │ ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"]);
        let wide = "語".repeat(60);
        check(&wide, (Some(50), Some(51)), 40, &["    3 │ …語語語語語語語語語語語語語語語…", "      │            ^^"]);
    }

    #[test]
    fn what_was_cut_before_is_told() {
        let finding = Finding { source_column: Some(101), ..finding(&"ab".repeat(100), (Some(181), Some(183))) };
        let style = Style { color: false, unicode: false, width: Style::UNBOUNDED };
        let text = render(&finding, Tone::Bad, &style);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("    3 | ...ab") && lines[0].ends_with("ab..."), "{text}");
        assert_eq!(lines[0].len(), 80);
        let at = lines[1].find("^^").expect("carets");
        assert_eq!(&lines[0][at..at + 2], "ab");
    }

    #[test]
    fn colours_take_no_columns() {
        let finding = finding("import os, sys", (Some(8), Some(10)));
        let style = Style { color: true, unicode: true, width: 80 };
        let stripped: String = anstream::adapter::strip_str(&render(&finding, Tone::Bad, &style)).collect();
        assert_eq!(stripped, render(&finding, Tone::Bad, &Style { color: false, ..style }));
    }
}
