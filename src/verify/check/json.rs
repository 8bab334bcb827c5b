//! Whether JSON can be read: one value a file, as RFC 8259 has it.
//!
//! Nothing is kept of the value, and nothing recurses, however deep it is. Names that come twice are read, as most readers do.
//! Files that by custom hold comments are left alone.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Fault, File, syntax, text};

pub(super) fn look(file: &File) -> Option<Fault> {
    if is_commented(&file.path) {
        return None;
    }
    let text = match text(&file.bytes) {
        Ok(text) => text,
        Err(place) => return Some(syntax(file, place, "this is no UTF-8".to_owned())),
    };
    let mut reader = serde_json::Deserializer::from_str(&text);
    let error = IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end()).err()?;
    let said = error.to_string();
    let message = said.rsplit_once(" at line ").map_or(said.as_str(), |(message, _)| message);
    if error.is_eof() {
        let last = text.rsplit('\n').next().unwrap_or_default();
        let place = (text.matches('\n').count() + 1, last.chars().count() + 1);
        return Some(syntax(file, place, message.to_owned()));
    }
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // It counts bytes.
    let before = line.as_bytes().get(..error.column().saturating_sub(1)).unwrap_or(line.as_bytes());
    let column = String::from_utf8_lossy(before).chars().count() + 1;
    Some(syntax(file, (error.line().max(1), column), message.to_owned()))
}

/// Whether files of this name hold comments by custom.
fn is_commented(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let begins = |start: &str| name.starts_with(start) && name.ends_with(".json");
    begins("tsconfig")
        || begins("jsconfig")
        || matches!(name, "devcontainer.json" | ".eslintrc.json")
        || path.split('/').rev().skip(1).any(|folder| folder == ".vscode")
}

#[cfg(test)]
mod tests {
    use super::{File, look};

    fn found(path: &str, bytes: &[u8]) -> Option<(u32, u32, String)> {
        let fault = look(&File { path: path.into(), bytes: bytes.to_vec() })?;
        Some((fault.line.unwrap(), fault.columns.unwrap().0, fault.message))
    }

    fn is_bad(text: &str, line: u32, column: u32, message: &str) {
        assert_eq!(found("a.json", text.as_bytes()), Some((line, column, message.to_owned())), "{text:?}");
    }

    #[test]
    fn what_cannot_be_read() {
        is_bad("{]\n", 1, 2, "key must be a string");
        is_bad("{\"a\": 1,\n \"b\": }\n", 2, 7, "expected value");
        is_bad("{\"ä\": }", 1, 7, "expected value");
        is_bad("[1, 2", 1, 6, "EOF while parsing a list");
        is_bad("", 1, 1, "EOF while parsing a value");
        is_bad(" \n", 2, 1, "EOF while parsing a value");
        is_bad("1 2", 1, 3, "trailing characters");
        is_bad("NaN", 1, 1, "expected value");
        is_bad("[01]", 1, 3, "invalid number");
        is_bad("\"\t\"", 1, 1, "control character (\\u0000-\\u001F) found while parsing a string");
        is_bad("[1,]", 1, 4, "expected value");
        is_bad("// no\n1", 1, 1, "expected value");
        assert_eq!(found("a.json", b"[\n\"\xff\"]"), Some((2, 2, "this is no UTF-8".to_owned())));
        assert_eq!(found("a.json", b"1\0").map(|(line, column, _)| (line, column)), Some((1, 2)));
    }

    #[test]
    fn what_can_be_read() {
        let deep = "[".repeat(300_000) + &"]".repeat(300_000);
        for text in ["1", "\u{feff}{\"a\": [null, true, -1.5e3]}\r\n", "{\"a\": 1, \"a\": 2}", "\"\\ud800\"", &deep] {
            assert_eq!(found("a.json", text.as_bytes()), None, "{}", &text[..text.len().min(40)]);
        }
        let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain("{}".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(found("a.json", &wide), None);
        for path in
            ["tsconfig.json", "a/tsconfig.base.json", ".vscode/b/c.json", "x/.eslintrc.json", "devcontainer.json"]
        {
            assert_eq!(found(path, b"// said"), None, "{path}");
        }
        assert!(found("mytsconfig.json", b"// said").is_some());
    }
}
