//! Where KDL's quoted strings and block comments end, and what is wrong inside them.
//!
//! Does not unescape: that is the parser's work. Nothing here recurses.

use super::letters::{is_disallowed, is_newline, is_space};
use super::problem::{Kind, Problem};

/// Letters of `{10FFFF}`.
const ESCAPE_LETTERS_MAX: usize = 8;
/// How far the `}` of a `{` inside a bare word is looked for.
const RUN_LETTERS_MAX: usize = 256;

/// A string that was looked over.
#[derive(Debug)]
pub(super) struct Found {
    /// One past its last byte; where it is never closed, the end of its line.
    pub(super) end: usize,
    /// Whether the text was searched to its end for nothing.
    pub(super) fruitless: bool,
    /// What is wrong inside.
    pub(super) problems: Vec<Problem>,
}

/// A string that begins with `"` or `"""`; `search`: whether to look for the end of `"""` beyond its line.
pub(super) fn quoted(text: &str, start: usize, search: bool) -> Found {
    if text[start..].starts_with("\"\"\"") {
        return multi_line(text, start, "\"\"\"", true, search);
    }
    let mut problems = Vec::new();
    let mut at = start + 1;
    while let Some(letter) = text[at..].chars().next() {
        let after = at + letter.len_utf8();
        match letter {
            '"' => return Found { end: after, fruitless: false, problems },
            '\\' => at = escape(text, at, &mut problems),
            _ if is_newline(letter) => break,
            _ if is_disallowed(letter) => {
                problems.push(Problem { kind: INVISIBLE, start: at, end: after });
                at = after;
            }
            _ => at = after,
        }
    }
    let kind = Kind::Syntax(
        "this text is not closed on its line",
        "Add the closing `\"`, or write several lines between `\"\"\"` and `\"\"\"`",
    );
    problems.push(Problem { kind, start, end: at });
    Found { end: at, fruitless: false, problems }
}

/// A raw string that begins with `#`; `None`: the `#` begins something else.
pub(super) fn hash(text: &str, start: usize, search: bool) -> Option<Found> {
    let hashes = text[start..].bytes().take_while(|byte| *byte == b'#').count();
    let body = start + hashes;
    let marks = &text[start..body];
    if !text[body..].starts_with('"') {
        return None;
    }
    if text[body..].starts_with("\"\"\"") {
        let mut found = multi_line(text, body, &format!("\"\"\"{marks}"), false, search);
        for problem in &mut found.problems {
            if problem.start == body {
                problem.start = start;
            }
        }
        return Some(found);
    }
    let closing = format!("\"{marks}");
    let line = text[body + 1..].find(is_newline).map_or(text.len(), |length| body + 1 + length);
    let mut problems = Vec::new();
    let Some(length) = text[body + 1..line].find(&closing) else {
        let kind = Kind::Syntax(
            "this raw text is not closed on its line",
            "Close it with `\"` and as many `#` as it begins with",
        );
        return Some(Found { end: line, fruitless: false, problems: vec![Problem { kind, start, end: line }] });
    };
    let inside = body + 1..body + 1 + length;
    problems.extend(invisible(text, inside.start, inside.end));
    Some(Found { end: inside.end + closing.len(), fruitless: false, problems })
}

const INVISIBLE: Kind =
    Kind::Syntax("this invisible character is not allowed", r"Write it as `\u{…}` in a quoted string");

fn invisible(text: &str, start: usize, end: usize) -> impl Iterator<Item = Problem> {
    text[start..end].char_indices().filter(|(_, letter)| is_disallowed(*letter)).map(move |(offset, letter)| Problem {
        kind: INVISIBLE,
        start: start + offset,
        end: start + offset + letter.len_utf8(),
    })
}

/// Looks at an escape at `at`; returns where it ends.
fn escape(text: &str, at: usize, problems: &mut Vec<Problem>) -> usize {
    let Some(letter) = text[at + 1..].chars().next() else { return at + 1 };
    let after = at + 1 + letter.len_utf8();
    match letter {
        '"' | '\\' | 'b' | 'f' | 'n' | 'r' | 't' | 's' => after,
        _ if is_space(letter) || is_newline(letter) => {
            let rest = &text[at + 1..];
            at + 1 + rest.find(|letter| !is_space(letter) && !is_newline(letter)).unwrap_or(rest.len())
        }
        'u' => {
            let rest = &text[after..];
            let nearby = rest.char_indices().nth(ESCAPE_LETTERS_MAX).map_or(rest, |(length, _)| &rest[..length]);
            let digits = nearby.strip_prefix('{').and_then(|rest| rest.split_once('}')).map(|(digits, _)| digits);
            let valid = digits.is_some_and(|digits| {
                (1..=6).contains(&digits.len())
                    && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).is_some()
            });
            match digits {
                Some(digits) if valid => after + digits.len() + 2,
                _ => {
                    problems.push(Problem { kind: Kind::BadEscape, start: at, end: after });
                    after
                }
            }
        }
        _ => {
            problems.push(Problem { kind: Kind::BadEscape, start: at, end: after });
            after
        }
    }
}

/// A string of several lines whose quotes begin at `start`.
fn multi_line(text: &str, start: usize, closing: &str, escapes: bool, search: bool) -> Found {
    let body = start + 3;
    let line_end = text[body..].find(is_newline).map_or(text.len(), |length| body + length);
    let fail = |end: usize, fruitless: bool, what: &'static str, help: &'static str| Found {
        end,
        fruitless,
        problems: vec![Problem { kind: Kind::Syntax(what, help), start, end: end.max(start + 3) }],
    };
    if line_end > body || line_end == text.len() {
        let end = text[body..line_end].find(closing).map_or(line_end, |length| body + length + closing.len());
        let help = "Begin a new line right after the opening `\"\"\"`, or use one `\"` at either end";
        return fail(end, false, "text in `\"\"\"` must begin on the next line", help);
    }
    let mut problems = Vec::new();
    let end = if search { closing_quotes(text, line_end, closing, escapes, &mut problems) } else { None };
    let Some(end) = end else {
        let help = "Close it on a line of its own, with as many `#` as it begins with";
        return fail(line_end, search, "this text of several lines is never closed", help);
    };
    problems.extend(dedent_fault(text, line_end, end));
    Found { end: end + closing.len(), fruitless: false, problems }
}

/// Where the closing quotes of a string of several lines begin.
fn closing_quotes(text: &str, from: usize, closing: &str, escapes: bool, problems: &mut Vec<Problem>) -> Option<usize> {
    let mut at = from;
    while let Some(letter) = text[at..].chars().next() {
        if letter == '"' && text[at..].starts_with(closing) {
            return Some(at);
        }
        if letter == '\\' && escapes {
            at = escape(text, at, problems);
            continue;
        }
        if is_disallowed(letter) {
            problems.push(Problem { kind: INVISIBLE, start: at, end: at + letter.len_utf8() });
        }
        at += letter.len_utf8();
    }
    None
}

/// The closing quotes stand on a line of their own, and every line begins with the spaces before them.
fn dedent_fault(text: &str, from: usize, end: usize) -> Option<Problem> {
    let inside = &text[from..end];
    let last = inside.rfind(is_newline)?;
    let last_length = inside[last..].chars().next().map_or(1, char::len_utf8);
    let prefix = &inside[last + last_length..];
    if prefix.contains('\\') {
        return None;
    }
    if !prefix.chars().all(is_space) {
        let kind = Kind::Syntax(
            "the closing quotes of a text of several lines stand on a line of their own",
            "Move them to the next line",
        );
        return Some(Problem { kind, start: end, end: end + 3 });
    }
    let mut at = from;
    for line in inside[..last].split(is_newline) {
        let blank = line.chars().all(is_space);
        if !blank && !line.starts_with(prefix) && !line.trim_start_matches(is_space).starts_with('\\') {
            let kind = Kind::Syntax(
                "this line is indented less than the closing quotes",
                "Begin it with the same spaces or tabs as stand before the closing quotes",
            );
            return Some(Problem { kind, start: at, end: at + line.len() });
        }
        at += line.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    None
}

/// Where a block comment that begins at `start` ends; comments nest.
pub(super) fn comment_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0u32;
    let mut at = start;
    while at + 1 < bytes.len() {
        match (bytes[at], bytes[at + 1]) {
            (b'/', b'*') => {
                depth += 1;
                at += 2;
            }
            (b'*', b'/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
    None
}

/// Whether a `{` is closed before the next space.
pub(super) fn closes_in_run(text: &str) -> bool {
    text.chars()
        .take(RUN_LETTERS_MAX)
        .take_while(|letter| !is_space(*letter) && !is_newline(*letter))
        .any(|letter| letter == '}')
}
