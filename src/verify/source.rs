//! The line that a finding is about, taken from the file as its rule saw it, so that it can be shown when the file has moved on.
//!
//! Does not know where files are: their text comes in.

use std::collections::BTreeMap;

use crate::base::finding::Finding;

/// Characters of a line that are kept: generated files have very long ones.
const KEPT_CHARACTERS_MAX: usize = 200;

/// Characters of a long line that are kept before the place.
const BEFORE_CHARACTERS: usize = 80;

/// Gives each finding with a line the text of that line. `text` gives the bytes of a file below the root.
pub fn attach(findings: &mut [Finding], text: impl Fn(&str) -> Option<Vec<u8>>) {
    let mut files: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, finding) in findings.iter().enumerate() {
        if let (Some(path), Some(_)) = (&finding.path, finding.line) {
            files.entry(path).or_default().push(place);
        }
    }
    let mut found = Vec::new();
    for (path, places) in files.into_iter().filter(|(path, _)| is_below(path)) {
        let Some(bytes) = text(path) else { continue };
        let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').collect();
        for place in places {
            let finding = &findings[place];
            let line = finding.line.and_then(|line| lines.get(line as usize - 1));
            found.extend(line.map(|line| (place, kept(line, finding.column))));
        }
    }
    for (place, (text, column)) in found {
        (findings[place].source, findings[place].source_column) = (Some(text), column);
    }
}

/// A program names what it likes; what does not lie below the root is not read.
fn is_below(path: &str) -> bool {
    !path.starts_with('/') && path.split('/').all(|part| part != "..")
}

/// The line without its end, or what of it is around the column, and then where that begins.
fn kept(line: &[u8], column: Option<u32>) -> (String, Option<u32>) {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
    let characters = text.chars().count();
    if characters <= KEPT_CHARACTERS_MAX {
        return (text.into_owned(), None);
    }
    let place = column.map_or(0, |column| column as usize - 1);
    let from = place.saturating_sub(BEFORE_CHARACTERS).min(characters - KEPT_CHARACTERS_MAX);
    let kept = text.chars().skip(from).take(KEPT_CHARACTERS_MAX).collect();
    (kept, (from > 0).then(|| u32::try_from(from + 1).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::{KEPT_CHARACTERS_MAX, attach, kept};
    use crate::base::finding::Finding;

    fn check(path: &str, line: u32, expected: Option<&str>) {
        let mut findings = [Finding { path: Some(path.into()), line: Some(line), ..Finding::default() }];
        attach(&mut findings, |path| {
            (path == "a" || path == "/a" || path == "../a").then(|| b"one\r\ntw\xffo\n".into())
        });
        assert_eq!(findings[0].source.as_deref(), expected, "{path}:{line}");
    }

    #[test]
    fn a_finding_has_the_text_of_its_line() {
        check("a", 1, Some("one"));
        check("a", 2, Some("tw\u{fffd}o"));
        check("a", 3, Some(""));
        check("a", 4, None);
        check("b", 1, None);
        check("/a", 1, None);
        check("../a", 1, None);
    }

    #[test]
    fn of_a_long_line_what_is_around_the_place_is_kept() {
        let line: String = (0..1000).map(|number| char::from(b'a' + (number % 26) as u8)).collect();
        let at = |column| {
            let (text, from) = kept(line.as_bytes(), column);
            assert_eq!(text.len(), KEPT_CHARACTERS_MAX);
            let from = from.map_or(0, |from| from as usize - 1);
            assert_eq!(text, line[from..from + text.len()]);
            from
        };
        assert_eq!([None, Some(1), Some(81), Some(82), Some(500), Some(1000)].map(at), [0, 0, 0, 1, 419, 800]);
        assert_eq!(at(Some(9_000)), 800);
    }
}
