//! Whether two patterns can name a common path, decided from the patterns alone, segment by segment.
//!
//! Follows globset's meaning with `literal_separator`: `*` and `?` stay inside a segment, `**` as a whole
//! segment crosses folders. What it cannot decide counts as a common path.

use crate::base::path::Pattern;

/// Alternatives that the braces of one pattern may stand for; beyond it a pattern is undecided.
const ALTERNATIVES_MAX: usize = 256;

/// A pattern cut into what can be compared.
#[derive(Debug, Clone)]
pub struct Shape {
    alternatives: Option<Vec<Vec<Segment>>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// Wildcards inside one segment.
    Wild(Vec<Atom>),
    /// No, one or many segments.
    Any,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Atom {
    /// One of these ranges of characters.
    One(Vec<(u32, u32)>),
    /// No, one or many characters.
    Star,
}

impl Shape {
    /// Cuts a pattern.
    pub fn of(pattern: &Pattern) -> Self {
        let literal = |path: &str| path.split('/').map(|part| Segment::Literal(part.to_owned())).collect::<Vec<_>>();
        let alternatives = match pattern {
            Pattern::File(path) => Some(vec![literal(&path.0)]),
            Pattern::Folder(path) => {
                let mut segments = literal(&path.0);
                segments.extend([Segment::Any, Segment::Wild(vec![Atom::Star])]);
                Some(vec![segments])
            }
            Pattern::Glob(glob) => expand(glob).and_then(|texts| texts.iter().map(|text| segments(text)).collect()),
        };
        Self { alternatives }
    }

    /// Whether a path can be named by both.
    pub fn meets(&self, other: &Self) -> bool {
        let (Some(left), Some(right)) = (&self.alternatives, &other.alternatives) else { return true };
        left.iter().any(|left| right.iter().any(|right| sequences_meet(left, right)))
    }
}

/// Walks both sequences at once; `reached[i][j]`: the first i and j segments can be used up by one path.
fn sequences_meet(left: &[Segment], right: &[Segment]) -> bool {
    // `**` is never the last segment here, so two different names at the end decide at once.
    if let (Some(Segment::Literal(left)), Some(Segment::Literal(right))) = (left.last(), right.last())
        && left != right
    {
        return false;
    }
    product(
        left.len(),
        right.len(),
        |i| left[i] == Segment::Any,
        |j| right[j] == Segment::Any,
        |i, j| segments_meet(&left[i], &right[j]),
    )
}

fn segments_meet(left: &Segment, right: &Segment) -> bool {
    match (left, right) {
        (Segment::Any, _) | (_, Segment::Any) => true,
        (Segment::Literal(left), Segment::Literal(right)) => left == right,
        (Segment::Literal(text), Segment::Wild(atoms)) | (Segment::Wild(atoms), Segment::Literal(text)) => {
            let single: Vec<Atom> = text.chars().map(|one| Atom::One(vec![(one.into(), one.into())])).collect();
            atoms_meet(&single, atoms)
        }
        (Segment::Wild(left), Segment::Wild(right)) => atoms_meet(left, right),
    }
}

fn atoms_meet(left: &[Atom], right: &[Atom]) -> bool {
    product(
        left.len(),
        right.len(),
        |i| left[i] == Atom::Star,
        |j| right[j] == Atom::Star,
        |i, j| match (&left[i], &right[j]) {
            (Atom::One(left), Atom::One(right)) => {
                left.iter().any(|(from, to)| right.iter().any(|(start, end)| from <= end && start <= to))
            }
            _ => true,
        },
    )
}

/// The product of two sequences in which some places may repeat or be left out; whether both can end together.
fn product(
    left: usize,
    right: usize,
    left_repeats: impl Fn(usize) -> bool,
    right_repeats: impl Fn(usize) -> bool,
    meets: impl Fn(usize, usize) -> bool,
) -> bool {
    let width = right + 1;
    let mut reached = vec![false; (left + 1) * width];
    reached[0] = true;
    for i in 0..=left {
        for j in 0..=right {
            if !reached[i * width + j] {
                continue;
            }
            let (skips_left, skips_right) = (i < left && left_repeats(i), j < right && right_repeats(j));
            if skips_left {
                reached[(i + 1) * width + j] = true;
            }
            if skips_right {
                reached[i * width + j + 1] = true;
            }
            if i < left && j < right && meets(i, j) {
                // A place that repeats stays where it is while the other goes on.
                match (skips_left, skips_right) {
                    (true, false) => reached[i * width + j + 1] = true,
                    (false, true) => reached[(i + 1) * width + j] = true,
                    _ => reached[(i + 1) * width + j + 1] = true,
                }
            }
        }
    }
    reached[left * width + right]
}

/// Writes braces out; `None` where there are too many or they are not closed.
fn expand(glob: &str) -> Option<Vec<String>> {
    let mut waiting = vec![glob.to_owned()];
    let mut done = Vec::new();
    while let Some(text) = waiting.pop() {
        match first_braces(&text)? {
            None => done.push(text),
            Some((start, end, commas)) => {
                let mut from = start + 1;
                let mut inner = Vec::new();
                for to in commas.into_iter().chain([end]) {
                    inner.push(&text[from..to]);
                    from = to + 1;
                }
                // globset leaves empty alternatives out, unless there is no other.
                if inner.iter().any(|alternative| !alternative.is_empty()) {
                    inner.retain(|alternative| !alternative.is_empty());
                } else {
                    inner.truncate(1);
                }
                waiting.extend(inner.iter().map(|inner| format!("{}{inner}{}", &text[..start], &text[end + 1..])));
            }
        }
        if waiting.len() + done.len() > ALTERNATIVES_MAX {
            return None;
        }
    }
    Some(done)
}

/// The first braces of a pattern: where they open and close, and their own commas.
fn first_braces(text: &str) -> Option<Option<(usize, usize, Vec<usize>)>> {
    let bytes = text.as_bytes();
    let (mut start, mut depth, mut commas) = (None, 0usize, Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' => at = class_end(bytes, at)?,
            b'{' => {
                start = start.or(Some(at));
                depth += 1;
            }
            b',' if depth == 1 => commas.push(at),
            b'}' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    return Some(Some((start?, at, commas)));
                }
            }
            _ => {}
        }
        at += 1;
    }
    (depth == 0).then_some(None)
}

/// Where a class that opens here closes; a `]` right after `[` or `[!` is a member.
fn class_end(bytes: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    if matches!(bytes.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    bytes.iter().enumerate().skip(at + 1).find(|(_, byte)| **byte == b']').map(|(at, _)| at)
}

/// Cuts a pattern without braces; `None` where a class may hold a separator, or a part is empty.
fn segments(text: &str) -> Option<Vec<Segment>> {
    let parts: Vec<&str> = text.split('/').collect();
    let mut segments = Vec::with_capacity(parts.len() + 1);
    for (at, part) in parts.iter().enumerate() {
        if *part == "**" {
            segments.push(Segment::Any);
            if at + 1 == parts.len() {
                segments.push(Segment::Wild(vec![Atom::Star]));
            }
            continue;
        }
        if part.is_empty() {
            // No path has an empty part, and globset still lets `**/` match a name.
            return None;
        }
        segments.push(segment(part)?);
    }
    Some(segments)
}

fn segment(part: &str) -> Option<Segment> {
    if !part.contains(['*', '?', '[', '\\']) {
        return Some(Segment::Literal(part.to_owned()));
    }
    let mut atoms = Vec::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        atoms.push(match character {
            '*' => Atom::Star,
            '?' => Atom::One(vec![(0, u32::from(char::MAX))]),
            '[' => Atom::One(class(&mut characters)?),
            '\\' => single(characters.next()?),
            other => single(other),
        });
    }
    Some(Segment::Wild(atoms))
}

fn single(character: char) -> Atom {
    Atom::One(vec![(character.into(), character.into())])
}

/// Reads a class up to its `]`; `None` where it may stand for a separator.
fn class(characters: &mut std::str::Chars<'_>) -> Option<Vec<(u32, u32)>> {
    let mut rest: Vec<char> = Vec::new();
    let mut negated = false;
    let mut first = true;
    loop {
        let character = characters.next()?;
        match character {
            '!' | '^' if first && !negated => {
                negated = true;
                continue;
            }
            ']' if !first => break,
            other => rest.push(other),
        }
        first = false;
    }
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        if at + 2 < rest.len() && rest[at + 1] == '-' {
            ranges.push((rest[at].into(), rest[at + 2].into()));
            at += 3;
        } else {
            ranges.push((rest[at].into(), rest[at].into()));
            at += 1;
        }
    }
    let ranges = if negated { others(ranges) } else { ranges };
    // globset lets a class match a separator, `[!a]` and `[+-9]` do: then segments say nothing.
    let separator = u32::from('/');
    (!ranges.iter().any(|(from, to)| (*from..=*to).contains(&separator))).then_some(ranges)
}

/// All characters that are in none of these ranges.
fn others(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut gaps = Vec::new();
    let mut next = 0;
    for (from, to) in ranges {
        if from > next {
            gaps.push((next, from - 1));
        }
        next = next.max(to.saturating_add(1));
    }
    if next <= u32::from(char::MAX) {
        gaps.push((next, u32::from(char::MAX)));
    }
    gaps
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, prop, prop_assert, proptest};

    use super::Shape;
    use crate::base::path::{Pattern, PatternSet, RepoPath, compile_glob, is_glob};

    fn pattern(text: &str) -> Pattern {
        match text.strip_suffix('/') {
            Some(folder) if !is_glob(text) => Pattern::Folder(RepoPath(folder.into())),
            _ if is_glob(text) => Pattern::Glob(text.into()),
            _ => Pattern::File(RepoPath(text.into())),
        }
    }

    fn meet(left: &str, right: &str) -> bool {
        Shape::of(&pattern(left)).meets(&Shape::of(&pattern(right)))
    }

    #[test]
    fn decides_the_plain_cases() {
        for (left, right, expected) in [
            ("src/a.py", "src/a.py", true),
            ("src/", "src/a/b.py", true),
            ("src/", "src", false),
            ("src/*.py", "src/a*", true),
            ("src/*.py", "src/sub/a.py", false),
            ("src/**/*.py", "src/sub/a.py", true),
            ("src/**/*.py", "src/a.md", false),
            ("**/*.py", "docs/", true),
            ("*.md", "docs/", false),
            ("{a,b}/x", "b/*", true),
            ("{a,b}/x", "c/x", false),
            ("[a-c].py", "[c-e].py", true),
            ("[a-c].py", "[d-f].py", false),
            ("[a-c].py", "[!a-c].py", true),
            ("a[!b]c", "a/c", true),
            ("x[+-9]y", "x/*", true),
            ("a?c", "abc", true),
            ("**", "x", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("src/caf\u{e9}*", "src/caf\u{e9}", true),
        ] {
            assert_eq!(meet(left, right), expected, "{left} {right}");
            assert_eq!(meet(right, left), expected, "{right} {left}");
        }
    }

    /// All paths over {a, b} with at most four segments of at most two characters.
    fn small_paths() -> Vec<String> {
        let names = ["a", "b", "aa", "ab", "ba", "bb"];
        let mut paths: Vec<String> = names.map(str::to_owned).to_vec();
        let mut from = 0;
        for _ in 1..4 {
            let to = paths.len();
            for at in from..to {
                paths.extend(names.map(|name| format!("{}/{name}", paths[at])));
            }
            from = to;
        }
        paths
    }

    fn written() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a", "b", "ab", "*", "?", "??", "a*", "*b", "[ab]", "[!a]", "**", "{a,b}", "{a,bb}*", "a{,b}",
        ]);
        (prop::collection::vec(part, 1..4), prop::bool::ANY)
            .prop_map(|(parts, folder)| {
                let slash = if folder && parts.len() < 3 { "/" } else { "" };
                format!("{}{slash}", parts.join("/"))
            })
            .prop_filter("a folder is literal", |text| !(text.ends_with('/') && is_glob(text)))
            .prop_filter("compiles", |text| !is_glob(text) || compile_glob(text).is_ok())
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

        #[test]
        fn agrees_with_all_small_paths(left in written(), right in written()) {
            let (left_set, right_set) = (PatternSet::new([&pattern(&left)]), PatternSet::new([&pattern(&right)]));
            let common = small_paths()
                .into_iter()
                .find(|path| left_set.matches(path.as_bytes()) && right_set.matches(path.as_bytes()));
            let decided = meet(&left, &right);
            prop_assert!(decided || common.is_none(), "{left} and {right} both name {common:?}");
            // The longest witness of these patterns has as many segments as the longer one and fits the small paths.
            let undecided = [&left, &right].iter().any(|one| one.contains("[!"));
            prop_assert!(!decided || undecided || common.is_some(), "{left} and {right} have no small common path");
        }
    }
}
