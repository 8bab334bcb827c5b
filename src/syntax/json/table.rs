//! Task files that are right, read in one pass into a table: no tree, no definition, no allocation a task.
//!
//! Whatever is not plainly right gives `None`, and the file is read again by way of the tree, which alone says what is
//! wrong. `tests.rs` holds the two together.

use std::collections::HashSet;

use crate::base::span::FileId;
use crate::syntax::definition::table::{TaskField, TaskTable};

/// The tasks of a task file in which nothing is wrong.
pub(super) fn tasks(file: FileId, text: &str) -> Option<TaskTable> {
    let mut scan = Scan { text, at: 0, table: TaskTable::new(file) };
    scan.take(b'{')?;
    (scan.key()? == "tasks").then_some(())?;
    scan.list(Scan::task)?;
    scan.take(b'}')?;
    scan.blanks();
    (scan.at == text.len()).then_some(scan.table)
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    table: TaskTable,
}

/// Which texts a field takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Any.
    Any,
    /// Those that say something.
    Full,
}

impl<'t> Scan<'t> {
    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.next(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Goes over a letter behind blanks, if it stands there.
    fn goes(&mut self, letter: u8) -> bool {
        self.blanks();
        let there = self.next() == Some(letter);
        self.at += usize::from(there);
        there
    }

    fn take(&mut self, letter: u8) -> Option<()> {
        self.goes(letter).then_some(())
    }

    /// An array, its elements read one by one.
    fn list(&mut self, mut element: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.goes(b']') {
            return Some(());
        }
        loop {
            element(self)?;
            if !self.goes(b',') {
                return self.take(b']');
            }
        }
    }

    /// An object, its values read by the key.
    fn object(&mut self, mut value: impl FnMut(&mut Self, &'t str) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.goes(b'}') {
            return Some(());
        }
        loop {
            let key = self.key()?;
            value(self, key)?;
            if !self.goes(b',') {
                return self.take(b'}');
            }
        }
    }

    /// A key without escapes, and the colon.
    fn key(&mut self) -> Option<&'t str> {
        let (key, escaped) = self.quoted()?;
        self.take(b':')?;
        (!escaped).then_some(key)
    }

    /// What stands between two quotes, and whether there are escapes in it.
    fn quoted(&mut self) -> Option<(&'t str, bool)> {
        self.take(b'"')?;
        let (begin, mut escaped) = (self.at, false);
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 2;
                }
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some((self.text.get(begin..self.at - 1)?, escaped))
    }

    /// A text as a word.
    fn word(&mut self, takes: Takes) -> Option<()> {
        self.blanks();
        let begin = self.at;
        let (inside, escaped) = self.quoted()?;
        let place = (begin, self.at);
        let unescaped: String;
        let text = match escaped {
            false => inside,
            true => {
                unescaped = serde_json::from_str(&self.text[begin..self.at]).ok()?;
                &unescaped
            }
        };
        if takes == Takes::Full && text.trim().is_empty() {
            return None;
        }
        self.table.word(text, place);
        Some(())
    }

    fn task(&mut self) -> Option<()> {
        self.blanks();
        let begin = self.at;
        let mut seen = 0_u32;
        self.object(|scan, key| {
            let field = field(key)?;
            let bit = 1 << place(field);
            if seen & bit != 0 {
                return None;
            }
            seen |= bit;
            let field = scan.value(field)?;
            scan.table.field(field);
            Some(())
        })?;
        let has = |field: TaskField| seen & (1 << place(field)) != 0;
        if !has(TaskField::Name) || has(TaskField::Run) && has(TaskField::Shell) {
            return None;
        }
        self.table.task((begin, self.at));
        Some(())
    }

    fn value(&mut self, field: TaskField) -> Option<TaskField> {
        match field {
            TaskField::Run => {
                let mut takes = Takes::Full;
                self.list(|scan| scan.word(std::mem::replace(&mut takes, Takes::Any)))?;
                // No program is what the tree has something to say about.
                (takes == Takes::Any).then_some(())?;
            }
            TaskField::Inputs | TaskField::Outputs | TaskField::DependsOn => {
                self.list(|scan| scan.word(Takes::Full))?;
            }
            TaskField::Env => {
                let mut names = HashSet::new();
                self.object(|scan, name| {
                    let end = scan.text[..scan.at].rfind('"')? + 1;
                    scan.table.word(name, (end - name.len() - 2, end));
                    names.insert(name).then_some(())?;
                    scan.word(Takes::Any)
                })?;
            }
            TaskField::Jobserver(_) => return self.flag().map(TaskField::Jobserver),
            _ => self.word(Takes::Full)?,
        }
        Some(field)
    }

    fn flag(&mut self) -> Option<bool> {
        self.blanks();
        let flag = self.text[self.at..].starts_with("true");
        let word = if flag { "true" } else { "false" };
        self.at = self.text[self.at..].starts_with(word).then_some(self.at + word.len())?;
        Some(flag)
    }
}

fn field(key: &str) -> Option<TaskField> {
    Some(match key {
        "name" => TaskField::Name,
        "about" => TaskField::About,
        "run" => TaskField::Run,
        "shell" => TaskField::Shell,
        "inputs" => TaskField::Inputs,
        "outputs" => TaskField::Outputs,
        "depfile" => TaskField::Depfile,
        "depends_on" => TaskField::DependsOn,
        "env" => TaskField::Env,
        "dir" => TaskField::Dir,
        "pool" => TaskField::Pool,
        "jobserver" => TaskField::Jobserver(false),
        "timeout" => TaskField::Timeout,
        _ => return None,
    })
}

/// A number a field.
fn place(field: TaskField) -> u32 {
    match field {
        TaskField::Name => 0,
        TaskField::About => 1,
        TaskField::Run => 2,
        TaskField::Shell => 3,
        TaskField::Inputs => 4,
        TaskField::Outputs => 5,
        TaskField::Depfile => 6,
        TaskField::DependsOn => 7,
        TaskField::Env => 8,
        TaskField::Dir => 9,
        TaskField::Pool => 10,
        TaskField::Jobserver(_) => 11,
        TaskField::Timeout => 12,
    }
}
