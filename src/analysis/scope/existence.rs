//! Scopes against the base commit's tree: what must exist does, what is made does not, nothing is misspelt.
//!
//! Does not compare workstreams' scopes for overlap.

use std::collections::{HashMap, HashSet};

use globset::GlobMatcher;

use crate::analysis::diagnostics::{
    create_existing, create_folder, duplicate_path, empty_scope, missing_path, path_variant,
};
use crate::analysis::listing::Listing;
use crate::analysis::lower::workstreams::Scoped;
use crate::analysis::order::Closure;
use crate::analysis::scope::entry::Entry;
use crate::base::diagnostic::Diagnostic;
use crate::base::path::Pattern;
use crate::base::span::Span;

/// Missing paths for which one that may be meant is sought.
const SUGGESTIONS_MAX: usize = 50;

/// Checks all scopes; without a listing only what needs none.
pub fn check(
    scopes: &[Scoped],
    names: &[&str],
    closure: &Closure,
    listing: Option<&Listing>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let makers = Makers::of(scopes);
    let mut missing = 0;
    for (at, scoped) in scopes.iter().enumerate() {
        let mut found = Vec::new();
        duplicates(scoped, &mut found);
        if let Some(listing) = listing {
            for entry in &scoped.scope {
                let diagnostic =
                    in_scope(entry, listing, missing < SUGGESTIONS_MAX, || makers.makes(&entry.pattern, at, closure));
                missing += usize::from(diagnostic.is_some());
                found.extend(diagnostic);
            }
            for entry in &scoped.create {
                found.extend(in_create(entry, listing));
            }
        }
        diagnostics.extend(found.into_iter().map(|diagnostic| diagnostic.about(names[at])));
    }
}

fn duplicates(scoped: &Scoped, found: &mut Vec<Diagnostic>) {
    let mut seen: HashMap<&Pattern, Span> = HashMap::new();
    for entry in scoped.scope.iter().chain(&scoped.create) {
        if let Some(first) = seen.get(&entry.pattern) {
            let message = format!("`{}` is listed twice", entry.pattern.text());
            let diagnostic = Diagnostic::new(&duplicate_path::CODE, entry.span, message).label(*first, "first here");
            found.push(diagnostic.help("remove one of them; what is in the scope may be created, too"));
        } else {
            seen.insert(&entry.pattern, entry.span);
        }
    }
}

fn in_scope(entry: &Entry, listing: &Listing, suggest: bool, made: impl FnOnce() -> bool) -> Option<Diagnostic> {
    match &entry.pattern {
        Pattern::File(path) => {
            if listing.has_file(&path.0) {
                return None;
            }
            if let Some(diagnostic) = variant(&path.0, entry.span, listing) {
                return Some(diagnostic);
            }
            if made() {
                return None;
            }
            let help = match suggest.then(|| listing.nearest(&path.0)).flatten() {
                Some(near) => format!("did you mean `{near}`? Else list it in files_create"),
                None => "correct the path, or list it in files_create if it is to be made".to_owned(),
            };
            let message = format!("`{}` does not exist, and nothing that is waited for makes it", path.0);
            Some(Diagnostic::new(&missing_path::CODE, entry.span, message).help(help))
        }
        Pattern::Folder(path) if listing.has_folder(&path.0) => None,
        Pattern::Folder(path) => variant(&path.0, entry.span, listing)
            .or_else(|| (!made()).then(|| empty(entry, "no file of the base commit lies in it"))),
        Pattern::Glob(_) => {
            let matcher = entry.matcher.as_ref()?;
            let candidates = listing.starting_with(entry.pattern.literal_prefix());
            let matched = candidates.iter().any(|path| matcher.is_match(path));
            (!matched && !made()).then(|| empty(entry, "no file of the base commit matches it"))
        }
    }
}

fn empty(entry: &Entry, why: &str) -> Diagnostic {
    let message = format!("`{}` covers nothing: {why}", entry.pattern.text());
    Diagnostic::new(&empty_scope::CODE, entry.span, message)
        .help("correct it, or list what is to be made in files_create")
}

/// A path whose spelling, or whose folder's, exists in another case or Unicode form.
fn variant(path: &str, span: Span, listing: &Listing) -> Option<Diagnostic> {
    let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    let (wrong, right) = folders.chain([path]).find_map(|part| listing.variant(part).map(|right| (part, right)))?;
    let message = format!("`{wrong}` differs from the existing `{right}` in case or Unicode form only");
    let meant = format!("{right}{}", &path[wrong.len()..]);
    Some(Diagnostic::new(&path_variant::CODE, span, message).help(format!("did you mean `{meant}`?")))
}

fn in_create(entry: &Entry, listing: &Listing) -> Option<Diagnostic> {
    match &entry.pattern {
        Pattern::File(path) if listing.has_file(&path.0) => {
            let message = format!("`{}` exists already, so there is nothing to create", path.0);
            let help = "move it to files_scope if it is to be changed, or remove it";
            Some(Diagnostic::new(&create_existing::CODE, entry.span, message).help(help))
        }
        Pattern::File(path) if listing.has_folder(&path.0) => {
            let message = format!("`{}` is a folder", path.0);
            let help = format!("write `{}/` for everything below it", path.0);
            Some(Diagnostic::new(&create_folder::CODE, entry.span, message).help(help))
        }
        Pattern::File(path) | Pattern::Folder(path) => variant(&path.0, entry.span, listing),
        Pattern::Glob(_) => None,
    }
}

/// Who may make which paths: found by the path and its folders, so that thousands of workstreams cost no product.
#[derive(Debug, Default)]
struct Makers<'a> {
    files: HashMap<&'a str, Vec<usize>>,
    folders: HashMap<&'a str, Vec<usize>>,
    globs: Vec<(usize, &'a str, &'a GlobMatcher)>,
}

impl<'a> Makers<'a> {
    fn of(scopes: &'a [Scoped]) -> Self {
        let mut makers = Self::default();
        for (at, scoped) in scopes.iter().enumerate() {
            // A literal of a scope must exist itself; folders and globs let new files be added.
            let scope = scoped.scope.iter().filter(|entry| !matches!(entry.pattern, Pattern::File(_)));
            let mut seen: HashSet<&Pattern> = HashSet::new();
            for entry in scope.chain(&scoped.create).filter(|entry| seen.insert(&entry.pattern)) {
                match &entry.pattern {
                    Pattern::File(path) => makers.files.entry(&path.0).or_default().push(at),
                    Pattern::Folder(path) => makers.folders.entry(&path.0).or_default().push(at),
                    Pattern::Glob(glob) => {
                        makers.globs.extend(entry.matcher.as_ref().map(|matcher| (at, glob.as_str(), matcher)));
                    }
                }
            }
        }
        makers
    }

    /// Whether the workstream, or one that it waits for, may make what a pattern names.
    fn makes(&self, pattern: &Pattern, at: usize, closure: &Closure) -> bool {
        let able = |maker: usize| closure.waits_for(at, maker);
        match pattern {
            Pattern::File(path) => {
                let able = |maker: usize| maker == at || able(maker);
                let listed = |index: &HashMap<&str, Vec<usize>>, key: &str| {
                    index.get(key).is_some_and(|makers| makers.iter().any(|maker| able(*maker)))
                };
                listed(&self.files, &path.0)
                    || path.0.match_indices('/').any(|(end, _)| listed(&self.folders, &path.0[..end]))
                    || self.globs.iter().any(|(maker, _, matcher)| able(*maker) && matcher.is_match(&path.0))
            }
            // A folder or glob that is empty now is filled by whatever is made below it.
            Pattern::Folder(_) | Pattern::Glob(_) => {
                let prefix = pattern.literal_prefix();
                let near = |made: &str| made.starts_with(prefix) || prefix.starts_with(made);
                self.files
                    .iter()
                    .chain(&self.folders)
                    .any(|(made, makers)| near(made) && makers.iter().any(|maker| able(*maker)))
                    || self.globs.iter().any(|(maker, glob, _)| able(*maker) && near(glob))
            }
        }
    }
}
