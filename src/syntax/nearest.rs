//! The spelling that somebody probably meant.
//!
//! Knows no field of any file.

/// Similarity (Jaro–Winkler) from which a name counts as meant.
const SIMILARITY_MIN: f64 = 0.8;
/// Longer words are not compared.
const WORD_LETTERS_MAX: usize = 64;

/// The candidate that is most like `word`, if any is like it.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > WORD_LETTERS_MAX {
        return None;
    }
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            let similarity = strsim::jaro_winkler(&word, candidate);
            let near = strsim::damerau_levenshtein(&word, candidate) <= (candidate.len() / 3).max(1);
            (candidate, if near { similarity + 1.0 } else { similarity })
        })
        .filter(|(_, similarity)| *similarity >= SIMILARITY_MIN)
        .max_by(|left, right| left.1.total_cmp(&right.1))
        .map(|(candidate, _)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["files_scope", "files_create", "depends_on", "tool", "tasks"];
        assert_eq!(nearest("file_scope", fields), Some("files_scope"));
        assert_eq!(nearest("dependson", fields), Some("depends_on"));
        assert_eq!(nearest("Tool", fields), Some("tool"));
        assert_eq!(nearest("zebra", fields), None);
    }
}
