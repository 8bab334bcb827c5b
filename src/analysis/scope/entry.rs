//! Reading one path or pattern that somebody wrote: normalised, checked, made a [`Pattern`].
//!
//! Knows the base tree's folders where a listing is given; does not ask whether a file exists.

use globset::GlobMatcher;

use crate::analysis::diagnostics::{bad_glob, bad_path, normalised_path};
use crate::analysis::listing::Listing;
use crate::base::diagnostic::Diagnostic;
use crate::base::path::{Pattern, RepoPath, compile_glob, is_glob};
use crate::base::span::Span;
use crate::syntax::definition::Text;

/// A pattern with its place.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it names.
    pub pattern: Pattern,
    /// Where it was written.
    pub span: Span,
    /// A glob, compiled once.
    pub matcher: Option<GlobMatcher>,
}

/// Reads entries; those that are wrong are reported and left out.
pub fn read_all(texts: &[Text], listing: Option<&Listing>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Entry> {
    texts.iter().filter_map(|text| read(text, listing, diagnostics)).collect()
}

/// Reads entries for whoever does not need their places.
pub fn patterns(texts: &[Text], listing: Option<&Listing>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Pattern> {
    read_all(texts, listing, diagnostics).into_iter().map(|entry| entry.pattern).collect()
}

/// Reads one entry; a literal that names a folder of the listing covers all below it.
pub fn read(text: &Text, listing: Option<&Listing>, diagnostics: &mut Vec<Diagnostic>) -> Option<Entry> {
    let span = text.span;
    let is_folder = |path: &str| listing.is_some_and(|listing| listing.has_folder(path));
    if tidy(&text.value).is_some_and(|body| body.len() == text.value.len()) && !is_glob(&text.value) {
        let path = RepoPath(text.value.clone());
        let pattern = if is_folder(path.as_str()) { Pattern::Folder(path) } else { Pattern::File(path) };
        return Some(Entry { pattern, span, matcher: None });
    }
    let normal = match normalise(&text.value) {
        Ok(normal) => normal,
        Err(fault) => {
            let message = format!("`{}` {}", text.value, fault.says());
            diagnostics.push(Diagnostic::new(&bad_path::CODE, span, message).help(fault.help()));
            return None;
        }
    };
    if normal.tidied {
        let message = format!("`{}` is read as `{}`", text.value, normal.text());
        let help = format!("write `{}`", normal.text());
        diagnostics.push(Diagnostic::new(&normalised_path::CODE, span, message).help(help));
    }
    let mut matcher = None;
    let pattern = if is_glob(&normal.path) {
        let glob = if normal.folder { format!("{}/**", normal.path) } else { normal.path };
        let compiled = compile_glob(&glob);
        if let Err(reason) = &compiled {
            let message = format!("`{}` is not a pattern: {reason}", text.value);
            let help = "close every `[` and `{`; a literal `[` is written `[[]`";
            diagnostics.push(Diagnostic::new(&bad_glob::CODE, span, message).help(help));
            return None;
        }
        matcher = compiled.ok();
        Pattern::Glob(glob.into())
    } else if normal.folder || is_folder(&normal.path) {
        Pattern::Folder(RepoPath(normal.path.into()))
    } else {
        Pattern::File(RepoPath(normal.path.into()))
    };
    Some(Entry { pattern, span, matcher })
}

/// A path with its tidying.
#[derive(Debug, PartialEq, Eq)]
pub struct Normal {
    /// Without leading `./` and trailing `/`.
    pub path: String,
    /// It ended in `/`.
    pub folder: bool,
    /// It was written otherwise.
    pub tidied: bool,
}

impl Normal {
    fn text(&self) -> String {
        format!("{}{}", self.path, if self.folder { "/" } else { "" })
    }
}

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No characters at all.
    Nothing,
    /// `/a`, `C:\a`, `~/a`.
    Absolute,
    /// `..`.
    Upward,
    /// `a//b`.
    EmptyPart,
    /// `.git`.
    Git,
    /// `.`, `./`.
    Root,
    /// Control characters.
    Control,
}

impl Fault {
    fn says(self) -> &'static str {
        match self {
            Self::Nothing => "names nothing",
            Self::Absolute => "is an absolute path",
            Self::Upward => "leads out of the folder",
            Self::EmptyPart => "has an empty part",
            Self::Git => "lies in `.git`",
            Self::Root => "is the root itself",
            Self::Control => "holds a control character",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Self::Nothing => "write a path relative to the root, or remove the entry",
            Self::Absolute | Self::Upward => "write it relative to the root, with `/` between the parts",
            Self::EmptyPart => "write one `/` between two parts",
            Self::Git => "leave the repository's own folder alone",
            Self::Root => "write `**` for everything",
            Self::Control => "write the path without it",
        }
    }
}

/// Tidies a path: `./a` and `a\b` become `a` and `a/b`; what leads elsewhere is refused.
pub fn normalise(written: &str) -> Result<Normal, Fault> {
    if written.is_empty() {
        return Err(Fault::Nothing);
    }
    if let Some(body) = tidy(written) {
        return Ok(Normal { path: body.to_owned(), folder: body.len() < written.len(), tidied: false });
    }
    if written.chars().any(char::is_control) {
        return Err(Fault::Control);
    }
    let slashed = slashes(written);
    let drive = matches!(slashed.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if slashed.starts_with('/') || slashed.starts_with("~/") || slashed == "~" || drive {
        return Err(Fault::Absolute);
    }
    let folder = slashed.ends_with('/');
    let body = slashed.strip_suffix('/').unwrap_or(&slashed);
    let mut parts = Vec::new();
    for part in body.split('/') {
        match part {
            "" => return Err(Fault::EmptyPart),
            "." => {}
            ".." => return Err(Fault::Upward),
            git if git.eq_ignore_ascii_case(".git") => return Err(Fault::Git),
            other => parts.push(other),
        }
    }
    if parts.is_empty() {
        return Err(Fault::Root);
    }
    let path = parts.join("/");
    if is_glob(&path) && (path.contains("{../") || path.contains(",../")) {
        return Err(Fault::Upward);
    }
    let tidied = slashed != written || path != body;
    Ok(Normal { path, folder, tidied })
}

/// A path without its trailing `/` where nothing in it asks for a second look, as in nearly all.
fn tidy(written: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b':' | b'~' | b'{') || byte == b' ';
    let body = written.strip_suffix('/').unwrap_or(written);
    let part = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    (written.bytes().all(plain) && body.split('/').all(part)).then_some(body)
}

/// Backslashes become slashes, except before a character that they quote in a pattern.
fn slashes(written: &str) -> String {
    if !written.contains('\\') {
        return written.to_owned();
    }
    let glob = is_glob(written);
    let mut text = String::with_capacity(written.len());
    let mut characters = written.chars().peekable();
    while let Some(character) = characters.next() {
        let quotes = glob && characters.peek().is_some_and(|next| "*?[]{},!\\".contains(*next));
        match character {
            '\\' if quotes => {
                text.push('\\');
                text.extend(characters.next());
            }
            '\\' => text.push('/'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Fault, normalise};

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let cases = [
            ("", Fault::Nothing),
            ("/a", Fault::Absolute),
            (r"\\server\a", Fault::Absolute),
            (r"C:\a", Fault::Absolute),
            ("~/a", Fault::Absolute),
            ("../a", Fault::Upward),
            ("a/../b", Fault::Upward),
            ("a//b", Fault::EmptyPart),
            ("a//", Fault::EmptyPart),
            (".git/config", Fault::Git),
            ("sub/.GIT/x", Fault::Git),
            ("./", Fault::Root),
            ("a\nb", Fault::Control),
        ];
        for (written, fault) in cases {
            assert_eq!(normalise(written), Err(fault), "{written}");
        }
    }

    #[test]
    fn what_is_untidy_is_tidied() {
        let cases = [
            ("a", "a", false, false),
            ("./a/./b/", "a/b", true, true),
            (r"a\b", "a/b", false, true),
            (r"src\sub\*.py", r"src/sub\*.py", false, true),
            (".gitignore", ".gitignore", false, false),
            ("src/**/*.py", "src/**/*.py", false, false),
            ("src/{a,b} c/", "src/{a,b} c", true, false),
            ("a b/c~1:2/", "a b/c~1:2", true, false),
            ("ä/b", "ä/b", false, false),
        ];
        for (written, path, folder, tidied) in cases {
            let normal = normalise(written).expect(written);
            assert_eq!((normal.path.as_str(), normal.folder, normal.tidied), (path, folder, tidied), "{written}");
        }
    }
}
