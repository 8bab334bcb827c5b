//! What instructions and acceptance tests say that cannot be meant: paths out of scope, tests that never fail.
//!
//! Reads prose, so it only ever warns.

use std::collections::HashSet;

use crate::analysis::diagnostics::{instruction_outside_scope, no_acceptance_tests, test_cannot_fail};
use crate::analysis::listing::Listing;
use crate::analysis::lower::template::place;
use crate::analysis::pipeline::Workstream;
use crate::base::diagnostic::Diagnostic;
use crate::base::path::PatternSet;
use crate::syntax::definition::{CommandDefinition, Text, WorkstreamDefinition};

/// Programs whose exit code says nothing of what came before them in a pipe.
const SWALLOWERS: [&str; 7] = ["wc", "cat", "tee", "head", "tail", "sort", "uniq"];

/// Commands that succeed whatever happens.
const ALWAYS_TRUE: [&str; 4] = ["true", ":", "exit 0", "/bin/true"];

/// Looks over one workstream's texts.
pub fn check(
    definition: &WorkstreamDefinition,
    workstream: &Workstream,
    listing: Option<&Listing>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let id = &definition.id.value;
    if definition.acceptance_tests.is_empty() {
        let message = format!("`{id}` has no acceptance tests");
        let help = "add a command that fails before the change and passes after it";
        diagnostics.push(Diagnostic::new(&no_acceptance_tests::CODE, definition.id.span, message).help(help).about(id));
    }
    for test in &definition.acceptance_tests {
        if let Some(why) = cannot_fail(&test.command) {
            let message = format!("this acceptance test cannot fail: {why}");
            let help = "let the program whose verdict counts come last";
            diagnostics.push(Diagnostic::new(&test_cannot_fail::CODE, test.span, message).help(help).about(id));
        }
    }
    let mut said = HashSet::new();
    let named: Vec<(&Text, &str, usize)> = definition
        .instructions
        .iter()
        .flat_map(|text| paths(text, listing).into_iter().map(move |(path, at)| (text, path, at)))
        .collect();
    // Compiling a scope costs more than reading the prose, and most instructions name no path.
    if named.is_empty() {
        return;
    }
    let covered =
        PatternSet::new(workstream.files_scope.iter().chain(&workstream.files_create).chain(&workstream.context));
    for (instruction, path, at) in named {
        let below = format!("{path}/x");
        if covered.matches(path.as_bytes()) || covered.matches(below.as_bytes()) || !said.insert(path.to_owned()) {
            continue;
        }
        let span = place(instruction, at, path.len());
        let message = format!("`{path}` is named here and is outside the scope of `{id}`");
        let help = "add it to files_scope or files_create (context, if it is only read), or leave it out of the text";
        diagnostics.push(Diagnostic::new(&instruction_outside_scope::CODE, span, message).help(help).about(id));
    }
}

/// Words of an instruction that are paths, with their places.
fn paths<'t>(text: &'t Text, listing: Option<&Listing>) -> Vec<(&'t str, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.value.split_inclusive(|one: char| one.is_whitespace() || "`'\"(),;<>|=".contains(one)) {
        let start = at;
        at += word.len();
        let bare = word.trim_end_matches(|one: char| one.is_whitespace() || "`'\"(),;<>|=.:!?".contains(one));
        let path = bare.strip_prefix("./").unwrap_or(bare);
        let offset = start + (bare.len() - path.len());
        let path = path.split("::").next().unwrap_or(path);
        let trimmed = path.trim_end_matches('/');
        let folder = trimmed.len() < path.len() && listing.is_some_and(|listing| listing.has_folder(trimmed));
        if folder || is_path(trimmed, listing) {
            found.push((trimmed, offset));
        }
    }
    found
}

/// Something of the tree, or with a slash and an extension.
fn is_path(word: &str, listing: Option<&Listing>) -> bool {
    if word.is_empty()
        || word.contains(['*', '{', '$', '\\'])
        || word.contains("//")
        || word.starts_with(['/', '-', '.'])
    {
        return false;
    }
    if listing.is_some_and(|listing| listing.has_file(word) || (word.contains('/') && listing.has_folder(word))) {
        return true;
    }
    let Some((folders, name)) = word.rsplit_once('/') else { return false };
    // `read.me/or.not` is prose as often as a path: all but the last part have no dot inside.
    let plain = folders.split('/').all(|part| !part.is_empty() && !part.chars().skip(1).any(|letter| letter == '.'));
    let extension = name.rsplit_once('.').map(|(stem, extension)| (!stem.is_empty(), extension));
    let looks = extension.is_some_and(|(stem, extension)| {
        stem && (1..=5).contains(&extension.len())
            && extension.starts_with(|one: char| one.is_ascii_lowercase())
            && extension.chars().all(|one| one.is_ascii_alphanumeric())
    });
    plain && looks
}

/// Why a test passes whatever happens, if it does.
fn cannot_fail(command: &CommandDefinition) -> Option<String> {
    let text = match command {
        CommandDefinition::Run(argv) => {
            let program = argv.first()?.value.as_str();
            return matches!(program, "echo" | "true" | ":" | "printf" | "/bin/true" | "/bin/echo")
                .then(|| format!("`{program}` always succeeds"));
        }
        CommandDefinition::Shell(text) => text.value.trim(),
    };
    if text.contains("pipefail") {
        return None;
    }
    let last_step = text.rsplit(['\n', ';']).map(str::trim).find(|step| !step.is_empty())?;
    if ALWAYS_TRUE.contains(&last_step) && (last_step != text || text == "true" || text == ":") {
        return Some(format!("it ends in `{last_step}`"));
    }
    if let Some((_, fallback)) = last_step.rsplit_once("||")
        && ALWAYS_TRUE.iter().chain(&["echo"]).any(|always| {
            let fallback = fallback.trim();
            fallback == *always || (*always == "echo" && fallback.starts_with("echo ") && !fallback.contains("exit"))
        })
    {
        return Some(format!("it ends in `||{fallback}`"));
    }
    let chained = last_step.contains("&&") || last_step.contains("||");
    let (before, last) =
        last_step.rsplit_once('|').filter(|(before, _)| !before.ends_with('|')).unwrap_or(("", last_step));
    let program = last.split_whitespace().next().unwrap_or_default();
    if !before.is_empty() && SWALLOWERS.contains(&program) && !last.contains("&&") && !last.contains([')', '`']) {
        return Some(format!("its exit code is `{program}`'s, not that of what comes before"));
    }
    let prints = matches!(program, "echo" | "printf") && !chained && before.is_empty() && !last.contains("$(");
    (prints && last_step == text).then(|| format!("`{program}` always succeeds"))
}

#[cfg(test)]
mod tests {
    use super::{cannot_fail, paths};
    use crate::analysis::listing::Listing;
    use crate::base::span::{FileId, Span};
    use crate::syntax::definition::{CommandDefinition, Text};

    fn text(value: &str) -> Text {
        Text::new(value.into(), Span::new(FileId(0), 0, value.len()))
    }

    #[test]
    fn tests_that_never_fail() {
        for shell in [
            "grep -r TODO . | wc -l",
            "pytest || true",
            "pytest; true",
            "pytest ; exit 0",
            "echo done",
            "pytest | tail -3",
            "a && b || :",
            "true",
            "pytest\ntrue\n",
            "x || echo failed",
        ] {
            assert!(cannot_fail(&CommandDefinition::Shell(text(shell))).is_some(), "{shell}");
        }
        for shell in [
            "pytest -q",
            "test -f a && echo ok",
            "a || b",
            "test $(grep -c x a | wc -l) -eq 0",
            "set -o pipefail; a | tee b",
            "cat a | grep -q b",
            "echo a | grep a",
            "exit 0 || x || echo no; exit 1",
            "a | wc -l && b",
        ] {
            assert_eq!(cannot_fail(&CommandDefinition::Shell(text(shell))), None, "{shell}");
        }
    }

    #[test]
    fn paths_in_prose() {
        let listing = Listing::new(["setup.py", "docs/a.md"].map(str::to_owned).to_vec());
        let said =
            text("Move `src/a.py` and/or setup.py (v1.2, e.g. x.y) to docs/, see https://x.org/a.html, src/b.py::T.");
        let words: Vec<&str> = paths(&said, Some(&listing)).into_iter().map(|(path, _)| path).collect();
        assert_eq!(words, ["src/a.py", "setup.py", "docs", "src/b.py"]);
        let umlauts = text("Write übung/é.md and \u{fffd}pec/x.md, not ü.b/c.md.");
        let words: Vec<&str> = paths(&umlauts, None).into_iter().map(|(path, _)| path).collect();
        assert_eq!(words, ["übung/é.md", "\u{fffd}pec/x.md"]);
        let (path, at) = paths(&said, Some(&listing))[0];
        assert_eq!(&said.value[at..at + path.len()], "src/a.py");
    }
}
