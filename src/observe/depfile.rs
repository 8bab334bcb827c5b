//! Depfiles: what a compiler says it read, in the part of make's language that compilers write and ninja reads.
//!
//! `out.o other: a.c dir/b\ c.h \` and so on: targets, a colon, prerequisites; a backslash at the end continues a line. As in
//! ninja, 2N+1 backslashes before a space are N and the space, 2N are N and the end of a name; `\#` is `#`, `$$` is `$`,
//! other backslashes stand for themselves. Knows no files.

/// What cannot be read in a depfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct DepfileError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub what: &'static str,
}

/// All prerequisites in their order, each once.
pub fn prerequisites(text: &str) -> Result<Vec<String>, DepfileError> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut line = Line::default();
    let mut reader = Reader { rest: text, line: 1 };
    loop {
        match reader.next() {
            Token::Name(name) if line.colon => {
                if seen.insert(name.clone()) {
                    names.push(name);
                }
            }
            Token::Name(_) => line.targets = true,
            Token::Colon if line.colon => return Err(reader.fault("a second `:`")),
            Token::Colon if !line.targets => return Err(reader.fault("no target stands before its `:`")),
            Token::Colon => line.colon = true,
            end @ (Token::Newline | Token::End) => {
                if line.targets && !line.colon {
                    return Err(reader.fault("a `:` is missing"));
                }
                line = Line::default();
                if end == Token::End {
                    return Ok(names);
                }
                reader.line += 1;
            }
        }
    }
}

/// How far a rule was read.
#[derive(Default)]
struct Line {
    targets: bool,
    colon: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Colon,
    Newline,
    End,
}

struct Reader<'t> {
    rest: &'t str,
    line: usize,
}

impl Reader<'_> {
    fn fault(&self, what: &'static str) -> DepfileError {
        DepfileError { line: self.line, what }
    }

    fn take(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    /// Spaces and continued line ends.
    fn skip(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let Some(length) = continuation(self.rest) else { break };
            self.take(length);
            self.line += 1;
        }
        if self.rest.starts_with('#') {
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn next(&mut self) -> Token {
        self.skip();
        let Some(first) = self.rest.chars().next() else { return Token::End };
        let length = match first {
            '\n' => 1,
            '\r' if self.rest.starts_with("\r\n") => 2,
            ':' if ends_targets(&self.rest[1..]) => {
                self.take(1);
                return Token::Colon;
            }
            _ => return Token::Name(self.name()),
        };
        self.take(length);
        Token::Newline
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(letter) = self.rest.chars().next() {
            match letter {
                ' ' | '\t' | '\n' => break,
                '\r' if self.rest.starts_with("\r\n") => break,
                ':' if ends_targets(&self.rest[1..]) => break,
                '$' if self.rest.starts_with("$$") => {
                    name.push('$');
                    self.take(2);
                }
                '\\' if continuation(self.rest).is_some() => break,
                '\\' => self.backslashes(&mut name),
                other => {
                    name.push(other);
                    self.take(other.len_utf8());
                }
            }
        }
        name
    }

    /// A run of backslashes with what it quotes.
    fn backslashes(&mut self, name: &mut String) {
        let run = self.rest.len() - self.rest.trim_start_matches('\\').len();
        let behind = self.rest[run..].chars().next();
        match behind {
            Some(space @ (' ' | '\t')) => {
                name.extend(std::iter::repeat_n('\\', run / 2));
                self.take(run);
                if run % 2 == 1 {
                    name.push(space);
                    self.take(1);
                }
            }
            Some(quoted @ ('#' | ':')) => {
                name.extend(std::iter::repeat_n('\\', run - 1));
                name.push(quoted);
                self.take(run + 1);
            }
            _ if continuation(&self.rest[run - 1..]).is_some() => {
                name.extend(std::iter::repeat_n('\\', run - 1));
                self.take(run - 1);
            }
            _ => {
                name.extend(std::iter::repeat_n('\\', run));
                self.take(run);
            }
        }
    }
}

/// How long a `\` with the end of its line is.
fn continuation(text: &str) -> Option<usize> {
    ["\\\n", "\\\r\n"].iter().find(|end| text.starts_with(**end)).map(|end| end.len())
}

/// Whether a `:` with this behind it stands between targets and prerequisites, and not in a name.
fn ends_targets(behind: &str) -> bool {
    behind.is_empty() || behind.starts_with([' ', '\t', '\n', '\r']) || continuation(behind).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop, proptest};

    use super::prerequisites;

    #[track_caller]
    fn check(text: &str, expect: &[&str]) {
        let found = prerequisites(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn what_compilers_write_is_read() {
        check("a.o: a.c", &["a.c"]);
        check("a.o: a.c include/b.h \\\n  include/c.h\n", &["a.c", "include/b.h", "include/c.h"]);
        check("a.o : a.c \\\r\n b.h\r\n", &["a.c", "b.h"]);
        check("a.o a.d: a.c b.h\n\nb.h:\n\nc.h:\n", &["a.c", "b.h"]);
        check("a.o: a.c\nb.o: b.c a.c\n", &["a.c", "b.c"]);
        check("a.o: \\\n", &[]);
        check("", &[]);
        check("\n \n", &[]);
        check("# made by hand\na: b # why\n", &["b"]);
        check("a.o:a.c: b\n", &["b"]);
        check("a.o: c:/x d:e\n", &["c:/x", "d:e"]);
    }

    #[test]
    fn escapes_are_those_of_make_and_ninja() {
        check(r"a: b\ c d", &["b c", "d"]);
        check(r"a: b\\ c", &[r"b\", "c"]);
        check(r"a: b\\\ c", &[r"b\ c"]);
        check(r"a\ b: c\d", &[r"c\d"]);
        check(r"a: b\#c $$d e$f", &["b#c", "$d", "e$f"]);
        check(r"a\: b: c\:d", &["c:d"]);
        check("a: b\\\\\\\n c", &[r"b\\", "c"]);
        check(r"a: b\", &[r"b\"]);
        check("a: ä\\ ö/ß.h", &["ä ö/ß.h"]);
    }

    #[test]
    fn what_is_no_depfile_is_refused() {
        let fault = |text: &str| prerequisites(text).expect_err(text).to_string();
        assert_eq!(fault("a b c\n"), "line 1: a `:` is missing");
        assert_eq!(fault("a: b\n\nc\n"), "line 3: a `:` is missing");
        assert_eq!(fault("a: b \\\n c\n: d"), "line 3: no target stands before its `:`");
        assert_eq!(fault("a: b : c"), "line 1: a second `:`");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn random_texts_end(text in "[a: #$\\\\\n\r\tä]{0,40}") {
            let _ = prerequisites(&text);
        }

        #[test]
        fn names_come_back_as_they_were_quoted(names in prop::collection::vec("[a-z#$ /ä.]*[a-z]", 0..6)) {
            let quoted = names.iter().map(|name| name.replace('$', "$$").replace('#', r"\#").replace(' ', r"\ "));
            let text = format!("out: {}\n", quoted.collect::<Vec<_>>().join(" \\\n  "));
            let mut unique: Vec<String> = Vec::new();
            for name in names {
                if !unique.contains(&name) {
                    unique.push(name);
                }
            }
            assert_eq!(prerequisites(&text), Ok(unique));
        }
    }
}
