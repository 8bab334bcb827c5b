//! Looking a written name up among those that exist: exact, else by a prefix that ends at a `-`.
//!
//! Knows no kinds of things: names in, an index or candidates out.

use std::cell::{Cell, OnceCell};

use hashbrown::HashMap;

/// Unknown names for which one that may be meant is sought; each costs a look at all names.
const SUGGESTIONS_MAX: usize = 50;

/// Names with the index that each stands for.
#[derive(Debug, Default)]
pub struct Names<'a> {
    /// Names for which a near one was sought.
    sought: Cell<usize>,
    /// Made when a name is asked for that is not exactly there.
    sorted: OnceCell<Vec<&'a str>>,
    exact: Exact<'a>,
}

/// Names with the index that each stands for, to be asked by several threads.
#[derive(Debug, Default)]
pub struct Exact<'a>(HashMap<&'a str, usize>);

impl Exact<'_> {
    /// The index of a name.
    pub fn get(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
}

/// What a written name stands for.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// Exactly one thing.
    One(usize),
    /// A prefix of several, sorted.
    Several(Vec<&'a str>),
    /// Nothing.
    Nothing,
}

impl<'a> Names<'a> {
    /// Names in the order of their indices; of two equal ones the first counts.
    pub fn new(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = names.into_iter();
        let mut index = HashMap::with_capacity(names.size_hint().0);
        for (at, name) in names.enumerate() {
            index.entry(name).or_insert(at);
        }
        Self { sought: Cell::new(0), sorted: OnceCell::new(), exact: Exact(index) }
    }

    /// The exact names alone.
    pub fn all_exact(&self) -> &Exact<'a> {
        &self.exact
    }

    /// The index of an exact name.
    pub fn exact(&self, name: &str) -> Option<usize> {
        self.exact.get(name)
    }

    /// Finds an exact name, else the only one that begins with it up to a `-`.
    pub fn find(&self, name: &str) -> Found<'a> {
        if let Some(at) = self.exact(name) {
            return Found::One(at);
        }
        let prefix = if name.ends_with('-') { name.to_owned() } else { format!("{name}-") };
        let sorted = self.sorted();
        let tail = &sorted[sorted.partition_point(|known| *known < prefix.as_str())..];
        let candidates = &tail[..tail.partition_point(|known| known.starts_with(&prefix))];
        match candidates {
            _ if name.is_empty() => Found::Nothing,
            [] => Found::Nothing,
            [one] => self.exact(one).map_or(Found::Nothing, Found::One),
            several => Found::Several(several.to_vec()),
        }
    }

    /// All names, sorted.
    pub fn sorted(&self) -> &[&'a str] {
        self.sorted.get_or_init(|| {
            let mut sorted: Vec<&str> = self.exact.0.keys().copied().collect();
            sorted.sort_unstable();
            sorted
        })
    }

    /// `did you mean …`, or what else to do; beyond a number of unknown names near ones are not sought.
    pub fn suggest(&self, name: &str, otherwise: &str) -> String {
        self.sought.set(self.sought.get() + 1);
        if self.sought.get() > SUGGESTIONS_MAX {
            return otherwise.to_owned();
        }
        suggest(name, self.sorted(), otherwise)
    }

    /// The first name that begins with this text.
    pub fn beginning_with(&self, text: &str) -> Option<&'a str> {
        let at = self.sorted().partition_point(|known| *known < text);
        self.sorted().get(at).copied().filter(|known| known.starts_with(text))
    }
}

/// The nearest of some words, if any is near.
pub fn nearest<'a>(name: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = 1 + name.chars().count() / 4;
    words
        .into_iter()
        .filter(|word| word.len().abs_diff(name.len()) <= allowed)
        .map(|word| (strsim::osa_distance(name, word), word))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, word)| word)
}

/// `did you mean …`, or all words if there are few, or what else to do.
pub fn suggest(name: &str, words: &[&str], otherwise: &str) -> String {
    match nearest(name, words.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if (1..=8).contains(&words.len()) => format!("there is {}; {otherwise}", list(words)),
        None => otherwise.to_owned(),
    }
}

/// `` `a`, `b` and `c` ``.
pub fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Names, nearest};

    #[test]
    fn a_prefix_ends_at_a_dash() {
        let names = Names::new(["ws-15-refactor-core-state", "ws-2-a", "ws-2-b", "ws-2", "ws-3-a", "ws-3-b"]);
        assert_eq!(names.find("ws-15"), Found::One(0));
        assert_eq!(names.find("ws-15-refactor"), Found::One(0));
        assert_eq!(names.find("ws-1"), Found::Nothing);
        assert_eq!(names.find("ws-2"), Found::One(3));
        assert_eq!(names.find("ws-3"), Found::Several(vec!["ws-3-a", "ws-3-b"]));
        assert_eq!(names.find(""), Found::Nothing);
        assert_eq!(nearest("adier", ["codex", "aider"]), Some("aider"));
        assert_eq!(nearest("zebra", ["codex", "aider"]), None);
    }
}
