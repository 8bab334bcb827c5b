//! A patch read just far enough: which paths it touches, in what way, and in which line it is broken.
//!
//! The format is `git diff`'s, described in gitformat-patch's "Generating patch text"; plain `diff -u` is understood,
//! too. No bytes make it panic. Whether it applies is git's word.

use std::fmt;

/// How many files one patch may touch.
pub const PATCH_FILES_MAX: usize = 100_000;

/// What a patch does to one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PatchKind {
    /// The file is there before and after.
    #[default]
    Modify,
    /// It is new.
    Add,
    /// It goes.
    Delete,
    /// It gets another name.
    Rename,
    /// It becomes two.
    Copy,
}

/// One file of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PatchFile {
    /// Where its part begins, from 1.
    pub line: usize,
    /// Path before, without `a/`; `None` for a new file.
    pub old: Option<Vec<u8>>,
    /// Path after, without `b/`; `None` for a deleted file.
    pub new: Option<Vec<u8>>,
    /// What is done.
    pub kind: PatchKind,
    /// Mode before in octal digits, where it is said.
    pub old_mode: Option<String>,
    /// Mode after, where it is said.
    pub new_mode: Option<String>,
    /// Whether the content is binary.
    pub binary: bool,
}

/// Where and why a patch is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatchError {
    /// From 1.
    pub line: usize,
    /// What is wrong, without a period.
    pub message: String,
}

impl fmt::Display for PatchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for PatchError {}

/// Lists the files of a patch; an empty one touches none.
pub fn read_patch(bytes: &[u8]) -> Result<Vec<PatchFile>, PatchError> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut reader = Reader { lines, at: 0, files: Vec::new() };
    reader.run()?;
    if reader.files.is_empty() && !bytes.trim_ascii().is_empty() {
        return Err(PatchError { line: 1, message: "there is no patch in this file".to_owned() });
    }
    Ok(reader.files)
}

struct Reader<'a> {
    lines: Vec<&'a [u8]>,
    at: usize,
    files: Vec<PatchFile>,
}

impl<'a> Reader<'a> {
    /// A line without its end.
    fn line(&self, at: usize) -> Option<&'a [u8]> {
        let line = self.lines.get(at)?;
        Some(line.strip_suffix(b"\n").unwrap_or(line))
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, PatchError> {
        Err(PatchError { line: self.at + 1, message: message.into() })
    }

    fn run(&mut self) -> Result<(), PatchError> {
        while let Some(line) = self.line(self.at) {
            if self.files.len() >= PATCH_FILES_MAX {
                return self.error(format!("more than {PATCH_FILES_MAX} files"));
            }
            if let Some(names) = line.strip_prefix(b"diff --git ") {
                self.git_file(names)?;
            } else if line.starts_with(b"--- ") && self.line(self.at + 1).is_some_and(|next| next.starts_with(b"+++ "))
            {
                let mut file = PatchFile { line: self.at + 1, ..PatchFile::default() };
                self.names(&mut file)?;
                self.hunks()?;
                self.finish(file)?;
            } else if line.starts_with(b"@@ -") {
                return self.error("a hunk without a file before it");
            } else {
                self.at += 1;
            }
        }
        Ok(())
    }

    /// A part that begins with `diff --git`.
    fn git_file(&mut self, names: &[u8]) -> Result<(), PatchError> {
        let mut file = PatchFile { line: self.at + 1, ..PatchFile::default() };
        if let Some((old, new)) = split_names(names) {
            (file.old, file.new) = (Some(old), Some(new));
        }
        self.at += 1;
        while let Some(line) = self.line(self.at) {
            if line.starts_with(b"--- ") {
                self.names(&mut file)?;
            } else if line.starts_with(b"@@ -") {
                self.hunks()?;
                break;
            } else if line == b"GIT binary patch" {
                file.binary = true;
                self.at += 1;
                self.literals()?;
                break;
            } else if line.starts_with(b"Binary files ") {
                return self.error("the binary content is missing: make the patch with git diff --binary");
            } else if !extended_header(&mut file, line) {
                break;
            } else {
                self.at += 1;
            }
        }
        self.finish(file)
    }

    /// `--- a/x` and `+++ b/x`.
    fn names(&mut self, file: &mut PatchFile) -> Result<(), PatchError> {
        let Some(old) = self.line(self.at).and_then(|line| line.strip_prefix(b"--- ")).and_then(name) else {
            return self.error("no name after `---`");
        };
        self.at += 1;
        let Some(new) = self.line(self.at).and_then(|line| line.strip_prefix(b"+++ ")).and_then(name) else {
            return self.error("expected `+++` and a name");
        };
        self.at += 1;
        (file.old, file.new) = (old, new);
        Ok(())
    }

    /// Hunks, as many as there are; their counts say where they end.
    fn hunks(&mut self) -> Result<(), PatchError> {
        while let Some(line) = self.line(self.at).filter(|line| line.starts_with(b"@@ -")) {
            let Some((mut old, mut new)) = hunk_counts(line) else {
                return self.error("a hunk's head is not `@@ -l,n +l,n @@`");
            };
            self.at += 1;
            while old > 0 || new > 0 {
                let Some(line) = self.line(self.at) else { return self.error("the patch ends within a hunk") };
                let (from_old, from_new) = match line.first() {
                    // Some mailers cut the space of an empty line.
                    Some(b' ') | None => (1, 1),
                    Some(b'-') => (1, 0),
                    Some(b'+') => (0, 1),
                    Some(b'\\') => (0, 0),
                    Some(_) => return self.error("a hunk's line begins with neither space, `-` nor `+`"),
                };
                let (Some(left), Some(right)) = (old.checked_sub(from_old), new.checked_sub(from_new)) else {
                    return self.error("the hunk has other lines than its head says");
                };
                (old, new) = (left, right);
                self.at += 1;
            }
            while self.line(self.at).is_some_and(|line| line.starts_with(b"\\ ")) {
                self.at += 1;
            }
        }
        Ok(())
    }

    /// One or two compressed contents.
    fn literals(&mut self) -> Result<(), PatchError> {
        let mut count = 0;
        while let Some(line) = self.line(self.at) {
            if !(line.starts_with(b"literal ") || line.starts_with(b"delta ")) {
                break;
            }
            self.at += 1;
            while self.line(self.at).is_some_and(|line| !line.is_empty()) {
                self.at += 1;
            }
            self.at += 1;
            count += 1;
        }
        if count == 0 { self.error("expected `literal` or `delta` after `GIT binary patch`") } else { Ok(()) }
    }

    fn finish(&mut self, mut file: PatchFile) -> Result<(), PatchError> {
        match file.kind {
            PatchKind::Add => file.old = None,
            PatchKind::Delete => file.new = None,
            PatchKind::Modify if file.old.is_none() && file.new.is_some() => file.kind = PatchKind::Add,
            PatchKind::Modify if file.new.is_none() && file.old.is_some() => file.kind = PatchKind::Delete,
            _ => {}
        }
        if file.old.is_none() && file.new.is_none() {
            return Err(PatchError { line: file.line, message: "no path in this part of the patch".to_owned() });
        }
        self.files.push(file);
        Ok(())
    }
}

/// Takes what a line between `diff --git` and the content says; `false` where it is no such line.
fn extended_header(file: &mut PatchFile, line: &[u8]) -> bool {
    let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).trim().to_owned());
    let path = |bytes: &[u8]| {
        if bytes.starts_with(b"\"") { unquote(bytes).map(|(path, _)| path) } else { Some(bytes.to_vec()) }
    };
    let headers: [&[u8]; 12] = [
        b"old mode ",
        b"new mode ",
        b"new file mode ",
        b"deleted file mode ",
        b"rename from ",
        b"rename to ",
        b"copy from ",
        b"copy to ",
        b"similarity index ",
        b"dissimilarity index ",
        b"index ",
        b"rename old ",
    ];
    let Some(number) = headers.iter().position(|header| line.starts_with(header)) else { return false };
    let rest = &line[headers[number].len()..];
    match number {
        0 => file.old_mode = text(rest),
        1 => file.new_mode = text(rest),
        2 => (file.kind, file.new_mode) = (PatchKind::Add, text(rest)),
        3 => (file.kind, file.old_mode) = (PatchKind::Delete, text(rest)),
        4 => (file.kind, file.old) = (PatchKind::Rename, path(rest)),
        5 => (file.kind, file.new) = (PatchKind::Rename, path(rest)),
        6 => (file.kind, file.old) = (PatchKind::Copy, path(rest)),
        7 => (file.kind, file.new) = (PatchKind::Copy, path(rest)),
        _ => {}
    }
    true
}

/// The two names of `diff --git a/x b/x`: quoted ones are clear, others are two equal halves.
fn split_names(names: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let names = names.trim_ascii_end();
    if names.starts_with(b"\"") {
        let (old, rest) = unquote(names)?;
        let new = rest.strip_prefix(b" ")?;
        let new = if new.starts_with(b"\"") { unquote(new)?.0 } else { new.to_vec() };
        return Some((without_first_part(&old)?, without_first_part(&new)?));
    }
    if let Some(quote) = names.windows(2).position(|pair| pair == b" \"") {
        let new = unquote(&names[quote + 1..])?.0;
        return Some((without_first_part(&names[..quote])?, without_first_part(&new)?));
    }
    let spaces = names.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let pairs =
        spaces.filter_map(|at| Some((without_first_part(&names[..at])?, without_first_part(&names[at + 1..])?)));
    pairs.into_iter().find(|(old, new)| old == new)
}

/// The name in a `---` or `+++` line: the outer `None` is an error, the inner one `/dev/null`.
fn name(text: &[u8]) -> Option<Option<Vec<u8>>> {
    if text.starts_with(b"\"") {
        return without_first_part(&unquote(text)?.0).map(Some);
    }
    let text = text.split(|byte| *byte == b'\t').next()?.trim_ascii_end();
    if text == b"/dev/null" { Some(None) } else { without_first_part(text).map(Some) }
}

/// What `git apply -p1` makes of a name.
fn without_first_part(name: &[u8]) -> Option<Vec<u8>> {
    let slash = name.iter().position(|byte| *byte == b'/')?;
    Some(name[slash + 1..].to_vec()).filter(|rest| !rest.is_empty())
}

/// Reads a quoted name and what stands behind it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut name = Vec::new();
    let mut at = 1;
    loop {
        let byte = *text.get(at)?;
        at += 1;
        match byte {
            b'"' => return Some((name, &text[at..])),
            b'\\' => {
                let escaped = *text.get(at)?;
                at += 1;
                name.push(match escaped {
                    b'a' => 7,
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'"' | b'\\' => escaped,
                    b'0'..=b'3' => {
                        let digits = std::str::from_utf8(text.get(at - 1..at + 2)?).ok()?;
                        at += 2;
                        u8::from_str_radix(digits, 8).ok()?
                    }
                    _ => return None,
                });
            }
            byte => name.push(byte),
        }
    }
}

/// The two counts of `@@ -l,n +l,n @@`.
fn hunk_counts(line: &[u8]) -> Option<(u64, u64)> {
    let text = std::str::from_utf8(line.strip_prefix(b"@@ -")?.split(|byte| *byte == b'@').next()?).ok()?;
    let (old, new) = text.trim_end().split_once(" +")?;
    let count = |range: &str| match range.split_once(',') {
        Some((start, count)) => start.parse::<u64>().ok().and_then(|_| count.parse().ok()),
        None => range.parse::<u64>().ok().map(|_| 1),
    };
    Some((count(old)?, count(new)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PatchKind, read_patch};

    const REAL: &str = "From 1234 Mon Sep 17 00:00:00 2001
Subject: [PATCH] x
---
 a | 2 +-
diff --git a/a b b/a b
index 1..2 100644
--- a/a b\t
+++ b/a b\t
@@ -1 +1,2 @@ fn x()
-old
\\ No newline at end of file
+--- a/fake
++++ b/fake
diff --git a/old name b/new/name
similarity index 100%
rename from old name
rename to new/name
diff --git \"a/t\\tab\" \"b/t\\tab\"
new file mode 100755
index 0000000..e69de29
diff --git a/bin b/bin
deleted file mode 100644
index 1..0
GIT binary patch
literal 0
HcmV?d00001

literal 3
Kcmd-QU|;|M0RR97

--- x/plain\t2020-01-01
+++ y/plain\t2020-01-01
@@ -0,0 +1 @@
+x
";

    #[test]
    fn paths_are_listed() {
        let files = read_patch(REAL.as_bytes()).unwrap();
        let text = |path: &Option<Vec<u8>>| {
            path.as_ref().map_or("-".into(), |path| String::from_utf8_lossy(path).into_owned())
        };
        let all: Vec<_> = files
            .iter()
            .map(|file| {
                format!(
                    "{} {:?} {} {}{}",
                    file.line,
                    file.kind,
                    text(&file.old),
                    text(&file.new),
                    if file.binary { " binary" } else { "" }
                )
            })
            .collect();
        let expected = [
            "5 Modify a b a b",
            "14 Rename old name new/name",
            "18 Add - t\tab",
            "21 Delete bin - binary",
            "31 Modify plain plain",
        ];
        assert_eq!(all, expected);
        assert_eq!(files[2].new_mode.as_deref(), Some("100755"));
        assert_eq!(files[1].kind, PatchKind::Rename);
        assert_eq!(read_patch(b"").unwrap(), []);
        assert_eq!(read_patch(b"\n \n").unwrap(), []);
    }

    #[test]
    fn errors_have_lines() {
        let check = |text: &str, expect: &str| assert_eq!(read_patch(text.as_bytes()).unwrap_err().to_string(), expect);
        check("hello\n", "line 1: there is no patch in this file");
        check("--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n x\n", "line 5: the patch ends within a hunk");
        check("--- a/x\n+++ b/x\n@@ -1 +1 @@\nx\n", "line 4: a hunk's line begins with neither space, `-` nor `+`");
        check("--- a/x\n+++ b/x\n@@ -one +1 @@\n", "line 3: a hunk's head is not `@@ -l,n +l,n @@`");
        check("@@ -1 +1 @@\n", "line 1: a hunk without a file before it");
        let missing = "line 2: the binary content is missing: make the patch with git diff --binary";
        check("diff --git a/x b/x\nBinary files a/x and b/x differ\n", missing);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            drop(read_patch(&bytes));
        }

        #[test]
        fn no_mutation_panics(edits in proptest::collection::vec((0..REAL.len(), any::<u8>(), 0..4_u8), 0..12)) {
            let mut bytes = REAL.as_bytes().to_vec();
            for (at, byte, what) in edits {
                let at = at.min(bytes.len().saturating_sub(1));
                match what {
                    0 => bytes.insert(at, byte),
                    1 => bytes.truncate(at.max(1)),
                    2 => drop(bytes.remove(at)),
                    _ => bytes[at] = b"\"\\-+@ \n/"[usize::from(byte % 8)],
                }
                if bytes.is_empty() {
                    break;
                }
            }
            drop(read_patch(&bytes));
        }
    }
}
