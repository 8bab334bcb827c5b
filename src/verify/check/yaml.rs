//! Whether YAML can be read: any number of documents a file, tags of any kind, no name twice in a mapping.
//!
//! Makes no value of it: events are looked at as they come, and aliases are not followed, so that no file is larger than itself.

use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{Fault, File, syntax, text};

/// Mappings and sequences that may lie in each other.
const DEPTH_MAX: usize = 1_000;

/// The key that takes other mappings in, and may come again.
const MERGE: &str = "<<";

/// A mapping or a sequence that is not at its end.
struct Open {
    /// Names that were there, and whether they are sure to be texts; `None`: a sequence.
    names: Option<HashSet<(String, bool)>>,
    /// The next node is a name.
    is_name_next: bool,
}

pub(super) fn look(file: &File) -> Vec<Fault> {
    let text = match text(&file.bytes) {
        Ok(text) => text,
        Err(place) => return vec![syntax(file, place, "this is no UTF-8".to_owned())],
    };
    let mut faults = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut parser = Parser::new_from_str(&text);
    while let Some(next) = parser.next_event() {
        let (event, span) = match next {
            Ok((Event::StreamEnd, _)) => break,
            Ok(next) => next,
            Err(error) => {
                faults.push(syntax(file, place(error.marker()), error.info().to_owned()));
                break;
            }
        };
        match event {
            Event::Scalar(name, style, _, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                if tag.is_none() && !is_new(open.last_mut(), &name, is_plain) {
                    let message = format!("the name `{name}` comes twice in this mapping");
                    faults.push(Fault { code: "duplicate-key", ..syntax(file, place(&span.start), message) });
                }
                node_ended(open.last_mut());
            }
            Event::Alias(_) => node_ended(open.last_mut()),
            Event::SequenceStart(..) => open.push(Open { names: None, is_name_next: false }),
            Event::MappingStart(..) => open.push(Open { names: Some(HashSet::new()), is_name_next: true }),
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                node_ended(open.last_mut());
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        if open.len() > DEPTH_MAX {
            let message = format!("more than {DEPTH_MAX} mappings and sequences in each other are not looked at");
            faults.push(syntax(file, place(&span.start), message));
            break;
        }
    }
    faults
}

/// Whether a name was not yet there; all that is no name is new.
fn is_new(open: Option<&mut Open>, name: &str, is_plain: bool) -> bool {
    let Some(Open { names: Some(names), is_name_next: true }) = open else { return true };
    (is_plain && name == MERGE) || names.insert((name.to_owned(), !is_plain || is_text(name)))
}

/// Whether a plain scalar is a text whatever the schema: `1` and `"1"` are two names, `a` and `"a"` are one.
fn is_text(plain: &str) -> bool {
    const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_word = WORDS.iter().any(|word| plain.eq_ignore_ascii_case(word));
    !is_word && plain.chars().next().is_some_and(char::is_alphabetic)
}

/// In a mapping names and what they stand for take turns.
fn node_ended(open: Option<&mut Open>) {
    if let Some(Open { names: Some(_), is_name_next }) = open {
        *is_name_next = !*is_name_next;
    }
}

fn place(marker: &Marker) -> (usize, usize) {
    (marker.line(), marker.col() + 1)
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, File, look};

    fn found(bytes: &[u8]) -> Vec<(&'static str, u32, u32)> {
        let faults = look(&File { path: "a.yaml".into(), bytes: bytes.to_vec() });
        faults.iter().map(|fault| (fault.code, fault.line.unwrap(), fault.columns.unwrap().0)).collect()
    }

    #[test]
    fn what_cannot_be_read() {
        for (text, line, column) in [
            ("a: [\n", 2, 1),
            ("a: b: c\n", 1, 5),
            ("a: 1\n---\n{a: }}\n", 3, 6),
            ("ä: *nobody\n", 1, 4),
            ("\"open\n", 1, 1),
            ("{---", 2, 1),
        ] {
            assert_eq!(found(text.as_bytes()), [("syntax", line, column)], "{text:?}");
        }
        assert_eq!(found(b"a: 1\nb: \xff\n"), [("syntax", 2, 4)]);
    }

    #[test]
    fn names_that_come_twice() {
        let twice = |text: &str| found(text.as_bytes());
        assert_eq!(twice("a: 1\nb: 2\n\"a\": 3\n"), [("duplicate-key", 3, 1)]);
        assert_eq!(twice("- {a: 1, a: 2}\n- a: {b: 1}\n  c: {b: 1}\n"), [("duplicate-key", 1, 10)]);
        assert_eq!(twice("? [a]\n: {a: a}\n? b\n: a\nb: 1\n"), [("duplicate-key", 5, 1)]);
        for text in
            ["a: 1\n---\na: 2\n", "1: a\n\"1\": b\n", "x: &x {}\ny: &y {}\nz:\n  <<: *x\n  <<: *y\n", "- a\n- a\n"]
        {
            assert_eq!(twice(text), [], "{text:?}");
        }
    }

    #[test]
    fn what_can_be_read() {
        for text in
            ["", "# nothing\n", "a: !mine [1]\n--- !!set {a, b}\n...\n", "\u{feff}a: |\n  b\n", "%YAML 1.2\n---\na\n"]
        {
            assert_eq!(found(text.as_bytes()), [], "{text:?}");
        }
    }

    #[test]
    fn depth_has_an_end() {
        let mut text = String::new();
        for depth in 0..DEPTH_MAX + 5 {
            text.push_str(&format!("{}a:\n", " ".repeat(depth)));
        }
        assert_eq!(found(text.as_bytes()), [("syntax", DEPTH_MAX as u32 + 1, DEPTH_MAX as u32 + 1)]);
        for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "? ".repeat(100_000)] {
            assert_eq!(found(text.as_bytes()).len(), 1);
        }
    }
}
