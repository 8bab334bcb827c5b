//! Which characters KDL v2 allows where; what kind of word a run of them is.
//!
//! Source: the KDL 2.0 specification, "Full Grammar". Knows no file and no meaning.

/// Characters that end a line.
pub(super) fn is_newline(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\u{85}' | '\u{B}' | '\u{C}' | '\u{2028}' | '\u{2029}')
}

/// Characters that separate on a line.
pub(super) fn is_space(letter: char) -> bool {
    matches!(
        letter,
        '\t' | ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

/// Characters that may not stand anywhere as they are.
pub(super) fn is_disallowed(letter: char) -> bool {
    matches!(
        letter,
        '\0'..='\u{8}' | '\u{E}'..='\u{1F}' | '\u{200E}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// Characters of bare words.
pub(super) fn is_word(letter: char) -> bool {
    !matches!(letter, '\\' | '/' | '(' | ')' | '{' | '}' | '[' | ']' | ';' | '"' | '#' | '=')
        && !is_newline(letter)
        && !is_space(letter)
        && !is_disallowed(letter)
}

/// What a bare word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// Text.
    Text,
    /// A number.
    Number,
    /// `true`, which is written `#true`.
    Keyword,
    /// Neither; the text says why.
    Fault(&'static str),
}

/// What a run of word characters is.
pub(super) fn word_kind(word: &str) -> Word {
    if matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan") {
        return Word::Keyword;
    }
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    if unsigned.starts_with(|letter: char| letter.is_ascii_digit()) {
        return if is_number(unsigned) {
            Word::Number
        } else {
            Word::Fault("a bare word that begins with a digit must be a number")
        };
    }
    let undotted = unsigned.strip_prefix('.').unwrap_or("");
    if undotted.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Word::Fault("a number cannot begin with a point");
    }
    Word::Text
}

fn is_number(text: &str) -> bool {
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return digits.starts_with(|letter: char| letter.is_digit(radix))
                && digits.chars().all(|letter| letter == '_' || letter.is_digit(radix));
        }
    }
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    is_integer(whole) && fraction.is_none_or(is_integer) && exponent.is_none_or(is_integer)
}

fn is_integer(digits: &str) -> bool {
    digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter == '_' || letter.is_ascii_digit())
}

/// Why what follows a bare word cannot be part of it.
pub(super) fn word_fault(rest: &str) -> &'static str {
    match rest.chars().next() {
        Some('/') => "a bare word cannot hold `/`",
        Some('\\') => r"a bare word cannot hold `\`",
        Some('[' | ']') => "a bare word cannot hold `[` or `]`",
        Some('"') => "a quote cannot stand inside a bare word",
        Some('(') => "a bare word cannot hold `(`",
        Some('#') => "a bare word cannot hold `#`",
        _ => "a bare word cannot hold this character",
    }
}

/// How far a comment between a `\` and the end of its line may reach, in bytes.
const CONTINUATION_BYTES_MAX: usize = 4096;

/// Whether a text begins with a `\` that continues its line: only spaces and comments stand up to the line's end.
pub(super) fn is_line_continuation(text: &str) -> bool {
    let mut limit = text.len().min(CONTINUATION_BYTES_MAX);
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    let Some(mut rest) = text[..limit].strip_prefix('\\') else { return false };
    loop {
        rest = rest.trim_start_matches(is_space);
        if rest.is_empty() || rest.starts_with("//") || rest.starts_with(is_newline) {
            return true;
        }
        match rest.starts_with("/*").then(|| super::quoted::comment_end(rest, 0)).flatten() {
            Some(end) => rest = &rest[end..],
            None => return false,
        }
    }
}
