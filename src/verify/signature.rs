//! Error signatures: two errors that are the same to a person have the same one.
//!
//! Code and message, with what differs from run to run cut out: paths, numbers, hex, times, quoted texts.

use std::sync::LazyLock;

use regex::Regex;

use crate::base::digest::Digest;
use crate::base::finding::Finding;

/// Characters of a message that count; a longer one is cut, as the older system did.
const MESSAGE_CHARACTERS_MAX: usize = 2_000;

static VARYING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let rules = [
        (r#""[^"]*"|'[^']*'|`[^`]*`"#, "Q"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", "T"),
        (r"(/|[A-Za-z]:\\)[^\s:,;()]+", "P"),
        (r"\b(0x[0-9a-fA-F]+|[0-9a-f]{7,64})\b", "H"),
        (r"\d+", "N"),
        (r"\s+", " "),
    ];
    rules.iter().map(|(pattern, word)| (Regex::new(pattern).expect("BUG: a fixed pattern"), *word)).collect()
});

/// Signs a finding: who says it, its code, its file, and its message without what varies. Lines are left out, so that it
/// is the same finding when it moves.
pub fn sign(finding: &mut Finding) {
    let code = finding.code.as_deref().unwrap_or_default();
    let path = finding.path.as_deref().unwrap_or_default();
    let message = normalised(&finding.message);
    finding.signature = Digest::of_fields([finding.tool.as_str(), code, path, &message].map(str::as_bytes)).hex();
}

/// The signature of an error: 64 hex digits.
pub fn signature(code: &str, message: &str) -> String {
    Digest::of_fields([code.as_bytes(), normalised(message).as_bytes()]).hex()
}

fn normalised(message: &str) -> String {
    let cut: String = message.trim().chars().take(MESSAGE_CHARACTERS_MAX).collect();
    VARYING.iter().fold(cut, |text, (pattern, word)| pattern.replace_all(&text, *word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{normalised, sign, signature};
    use crate::base::finding::Finding;

    #[test]
    fn a_finding_is_the_same_where_it_moves_to() {
        let signed = |path: &str, line: u32, message: &str| {
            let mut finding = Finding {
                tool: "r".into(),
                path: Some(path.into()),
                line: Some(line),
                message: message.into(),
                ..Finding::default()
            };
            sign(&mut finding);
            finding.signature
        };
        assert_eq!(signed("a.py", 3, "line too long (101)"), signed("a.py", 9, "line too long (95)"));
        assert_ne!(signed("a.py", 3, "line too long"), signed("b.py", 3, "line too long"));
        assert_ne!(signed("a.py", 3, "line too long"), signed("a.py", 3, "unused import"));
    }

    #[test]
    fn what_varies_is_cut() {
        let left = "line 12: cannot open \"/a/b.py\" at 2026-11-21T10:00:00Z, id deadbeef01 in 1.5s";
        let right = "line 7: cannot open \"/c.py\"  at 2025-01-01T00:00:00Z, id 0123456789 in 22.7s";
        assert_eq!(normalised(left), normalised(right));
        assert_eq!(signature("E1", left), signature("E1", right));
        assert_ne!(signature("E1", left), signature("E2", left));
        assert_ne!(signature("E1", "cannot open a file"), signature("E1", "cannot close a file"));
    }
}
