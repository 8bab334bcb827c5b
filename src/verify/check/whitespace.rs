//! Blanks at the end of lines, blanks before tabs, mixed ends of lines, and how a file ends.
//!
//! Does not know what a language makes of a blank, but for Markdown, where two at the end of a line break it.

use super::{Fault, File, characters};

pub(super) fn look(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let fault = |code: &'static str, line: u32, columns: Option<(u32, u32)>, message: &str| Fault {
        code,
        path: file.path.clone(),
        line: Some(line),
        columns,
        message: message.to_owned(),
        fixable: true,
    };
    let is_markdown = file.path.ends_with(".md") || file.path.ends_with(".markdown");
    let (mut ends, mut first, mut last, mut blank_from) = ([0_u32; 2], [0_u32; 2], 0, None);
    for (line, text) in file.lines() {
        last = line;
        let returned = text.strip_suffix(b"\r");
        let kind = usize::from(returned.is_some());
        first[kind] = if ends[kind] == 0 { line } else { first[kind] };
        ends[kind] += 1;
        let text = returned.unwrap_or(text);
        let kept = text.trim_ascii_end();
        let breaks = is_markdown && !kept.is_empty() && text.len() == kept.len() + 2 && text.ends_with(b"  ");
        if kept.len() < text.len() && !breaks {
            let columns = Some((characters(kept) + 1, characters(text) + 1));
            faults.push(fault("trailing-whitespace", line, columns, "blanks at the end of the line"));
        }
        let indent = &text[..text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()];
        if let Some(at) = indent.windows(2).position(|two| two == b" \t") {
            let columns = Some((at as u32 + 1, at as u32 + 3));
            faults.push(fault("space-before-tab", line, columns, "a blank before a tab in the indentation"));
        }
        blank_from = if kept.is_empty() { blank_from.or(Some(line)) } else { None };
    }
    if let Some(from) = blank_from.filter(|_| last > 0) {
        faults.push(fault("blank-lines-at-end", from, None, "the file ends in blank lines"));
    }
    if last > 0 && !file.bytes.ends_with(b"\n") {
        faults.push(fault("missing-newline", last, None, "the last line has no end"));
    }
    // The last line counts only with an end of its own.
    let in_lf = ends[0].saturating_sub(u32::from(last > 0 && !file.bytes.ends_with(b"\n")));
    if in_lf > 0 && ends[1] > 0 {
        // The kind of which there are fewer is the stray one.
        let line = if ends[1] <= in_lf { first[1] } else { first[0] };
        faults.push(fault("mixed-line-endings", line, None, "some lines end in CR LF and some in LF"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{File, look};

    type Found = (&'static str, u32, Option<(u32, u32)>);

    fn found(path: &str, text: &str) -> Vec<Found> {
        let file = File { path: path.into(), bytes: text.as_bytes().to_vec() };
        look(&file).into_iter().map(|fault| (fault.code, fault.line.unwrap(), fault.columns)).collect()
    }

    #[test]
    fn what_is_wrong_with_blanks() {
        assert_eq!(found("a", "ä  \nb\n"), [("trailing-whitespace", 1, Some((2, 4)))]);
        assert_eq!(found("a.md", "a  \nb   \n"), [("trailing-whitespace", 2, Some((2, 5)))]);
        assert_eq!(found("a", "a\n \tb\n"), [("space-before-tab", 2, Some((1, 3)))]);
        assert_eq!(found("a", "a\n\n\n"), [("blank-lines-at-end", 2, None)]);
        assert_eq!(found("a", "a\nb"), [("missing-newline", 2, None)]);
        assert_eq!(found("a", "a\r\nb\n"), [("mixed-line-endings", 1, None)]);
        assert_eq!(found("a", "a\nb\nc\r\nd\n"), [("mixed-line-endings", 3, None)]);
        assert_eq!(found("a", "a\r\nb\nc\r\n"), [("mixed-line-endings", 2, None)]);
    }

    #[test]
    fn what_is_right() {
        assert_eq!(found("a", "a\r"), [("missing-newline", 1, None)]);
        for text in ["", "a\n", "a\r\nb\r\n", "\ta\n\t  b\n", "a\n\nb\n"] {
            assert_eq!(found("a", text), [], "{text:?}");
        }
        assert_eq!(found("a", "a\r\nb"), [("missing-newline", 2, None)]);
    }
}
