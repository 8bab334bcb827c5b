//! How many columns text takes, and cutting it to fit.
//!
//! Wide characters take two columns and combining ones none; control characters are drawn as `?`, so that what a
//! program said cannot move the cursor.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that a text without escapes takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Columns that a text takes, ANSI escapes counted as nothing.
pub fn visible_width(text: &str) -> usize {
    anstream::adapter::strip_str(text).map(UnicodeWidthStr::width).sum()
}

/// Cuts plain text to at most `columns`, ending in `ellipsis` where something was cut.
pub fn truncate(text: &str, columns: usize, ellipsis: &str) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(width(ellipsis));
    let mut taken = 0;
    let mut kept = String::new();
    for character in text.chars() {
        taken += character.width().unwrap_or(0);
        if taken > room {
            break;
        }
        kept.push(character);
    }
    if width(ellipsis) <= columns {
        kept.push_str(ellipsis);
    }
    kept
}

/// Fills plain text with blanks up to `columns`; longer text stays as it is.
pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// One line of text from anywhere: what could move the cursor is replaced.
pub fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|character| match character {
            '\n' | '\t' => ' ',
            other if other.is_control() => '?',
            other => other,
        })
        .collect()
}

/// A program's output made harmless line by line; tabs stay, colours go, `\r` starts the line over as it would have.
pub fn calm_lines(output: &str) -> impl Iterator<Item = String> {
    output.lines().map(|line| {
        let plain: String = anstream::adapter::strip_str(line).collect();
        let last = plain.trim_end_matches('\r').rsplit('\r').next().unwrap_or_default();
        last.chars()
            .map(|character| if character.is_control() && character != '\t' { '?' } else { character })
            .collect()
    })
}

/// Breaks a sentence into lines of at most `columns` at blanks; a word longer than a line keeps its own.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{calm_lines, one_line, pad, truncate, visible_width, width, wrap};

    #[test]
    fn wide_characters_are_never_halved() {
        assert_eq!(truncate("日本語テスト", 12, "…"), "日本語テスト");
        assert_eq!(truncate("日本語テスト", 8, "…"), "日本語…");
        assert_eq!(truncate("日本語テスト", 7, "…"), "日本語…");
        assert_eq!(width(&truncate("日本語テスト", 6, "…")), 5);
        assert_eq!(truncate("abcdef", 4, "..."), "a...");
        assert_eq!(truncate("abcdef", 2, "..."), "");
        assert_eq!(truncate("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
    }

    #[test]
    fn blanks_fill_columns_not_characters() {
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(visible_width("\u{1b}[1;31mred\u{1b}[0m 日"), 6);
    }

    #[test]
    fn what_programs_say_cannot_move_the_cursor() {
        assert_eq!(one_line(" a\nb\u{7}\u{1b}[2J "), "a b??[2J");
        let lines: Vec<_> = calm_lines("\u{1b}[31mred\u{1b}[0m\n10%\r20%\r\n\u{8}x").collect();
        assert_eq!(lines, ["red", "20%", "x"]);
    }

    #[test]
    fn sentences_wrap_at_blanks() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a-very-long-word b", 5), ["a-very-long-word", "b"]);
    }
}
