//! Markers that an unfinished merge left: `<<<<<<<`, `|||||||`, `=======`, `>>>>>>>`.
//!
//! A line of equals signs alone is a heading in many texts: it counts between the others only.

use super::{Fault, File};

/// Characters of a marker, as git writes it where nobody set another size.
const MARKER: usize = 7;

pub(super) fn look(file: &File) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut is_open = false;
    for (line, text) in file.lines() {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let Some(&sign) = text.first() else { continue };
        let run = text.iter().take_while(|&&byte| byte == sign).count();
        let alone = text.len() == MARKER;
        let named = text.get(MARKER) == Some(&b' ');
        if run != MARKER || !(alone || named) {
            continue;
        }
        let is_marker = match sign {
            b'<' => named || alone,
            b'>' => named || is_open,
            b'|' => is_open,
            b'=' => is_open && alone,
            _ => false,
        };
        if is_marker {
            is_open = sign != b'>';
            faults.push(Fault {
                code: "conflict-marker",
                path: file.path.clone(),
                line: Some(line),
                columns: Some((1, MARKER as u32 + 1)),
                message: format!("`{}` was left by a merge", String::from(char::from(sign)).repeat(MARKER)),
                fixable: false,
            });
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{File, look};

    fn lines(text: &str) -> Vec<u32> {
        let file = File { path: "a".into(), bytes: text.as_bytes().to_vec() };
        look(&file).into_iter().filter_map(|fault| fault.line).collect()
    }

    #[test]
    fn a_conflict_is_found_and_a_heading_is_not() {
        assert_eq!(lines("a\n<<<<<<< HEAD\nb\n||||||| base\n=======\nc\n>>>>>>> other\n"), [2, 4, 5, 7]);
        assert_eq!(lines("<<<<<<< HEAD\r\nb\r\n=======\r\n>>>>>>> x\r\n"), [1, 3, 4]);
        assert_eq!(lines("Heading\n=======\n\n<<<<<<<<<<< not\n>>>>>>\n||||||| x\n"), [0_u32; 0]);
    }
}
