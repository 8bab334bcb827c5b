//! Names made short: `ws-15` for `ws-15-refactor-core-state`, `edit.2` for `ws-15-…/edit.2`.
//!
//! Follows the rule of targets (a prefix that ends at a `-`) but knows only the names that it is given.

/// The shortest prefix ending at a `-` that names `id` alone among `all`; the whole id where `all` does not hold it.
pub fn short_id<'a>(id: &'a str, all: &[&str]) -> &'a str {
    if !all.contains(&id) {
        return id;
    }
    let ends = id.match_indices('-').map(|(at, _)| at).skip(1);
    for end in ends {
        let prefix = &id[..end];
        let means_other = |other: &&str| **other != *id && is_prefix(prefix, other);
        if !all.iter().any(means_other) {
            return prefix;
        }
    }
    id
}

/// Whether `prefix` would find `id` as a target.
fn is_prefix(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// A step's workstream and its part: `("ws-15-…", "edit.2")`; a task has no workstream.
pub fn split_step(step: &str) -> (Option<&str>, &str) {
    match step.split_once('/') {
        Some((workstream, part)) if workstream.starts_with("ws-") => (Some(workstream), part),
        _ => (None, step),
    }
}

/// The kind of a step by its name: `task setup base edit lint test result`.
pub fn kind_of(step: &str) -> &'static str {
    let (workstream, part) = split_step(step);
    let stem = part.split_once('.').map_or(part, |(stem, _)| stem);
    match (workstream, stem) {
        (None, _) if step.starts_with("setup:") => "setup",
        (None, _) => "task",
        (Some(_), "base") => "base",
        (Some(_), "setup") => "setup",
        (Some(_), "edit" | "fix") => "edit",
        (Some(_), "test") => "test",
        (Some(_), "result") => "result",
        (Some(_), _) => "lint",
    }
}

/// A commit's first seven digits.
pub fn short_commit(commit: &str) -> &str {
    commit.get(..7).unwrap_or(commit)
}

#[cfg(test)]
mod tests {
    use super::{kind_of, short_id, split_step};

    #[test]
    fn the_shortest_prefix_that_means_one() {
        let all = ["ws-1-a", "ws-15-refactor-core", "ws-16-x-y", "ws-16-x-z", "ws-20", "ws-20-b"];
        let cases = [
            ("ws-1-a", "ws-1"),
            ("ws-15-refactor-core", "ws-15"),
            ("ws-16-x-y", "ws-16-x-y"),
            ("ws-20", "ws-20"),
            ("ws-20-b", "ws-20-b"),
            ("ws-99-unknown", "ws-99-unknown"),
        ];
        for (id, expected) in cases {
            assert_eq!(short_id(id, &all), expected);
        }
    }

    #[test]
    fn steps_fall_apart_at_their_workstream() {
        assert_eq!(split_step("ws-1-a/test.2"), (Some("ws-1-a"), "test.2"));
        assert_eq!(split_step("web/build"), (None, "web/build"));
        let kinds = ["test", "setup:py", "ws-1/base", "ws-1/setup.py", "ws-1/edit.3", "ws-1/ruff", "ws-1/result"];
        assert_eq!(kinds.map(kind_of), ["task", "setup", "base", "setup", "edit", "lint", "result"]);
    }
}
