//! Looks over KDL text before it is parsed: cuts it into top-level nodes and finds the language's traps.
//!
//! The `kdl` crate says *that* a file is wrong; where the author fell into a trap, this says which. A node in which
//! something fatal is found is never given to the parser, so one mistake costs one node and not the file, and
//! nesting is known before anything recurses. Knows the letters of KDL v2, not what nodes mean.

use super::letters::{Word, is_disallowed, is_line_continuation, is_newline, is_space, is_word, word_fault, word_kind};
use super::problem::{Chunk, Kind, NESTING_MAX, Problem, Scan};
use super::quoted;

/// After so many comments or strings that never end, further ones are not looked for to the end of the file.
const FRUITLESS_SEARCHES_MAX: u32 = 64;
/// How far the `)` of a type annotation is looked for.
const ANNOTATION_BYTES_MAX: usize = 128;

/// What may stand next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Name,
    Entry,
    Value,
    Terminator,
}

/// The kind of the token before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Name,
    Text,
    Other,
    Property,
    Slashdash,
}

/// An open block.
#[derive(Debug, Clone, Copy)]
struct Block {
    at: usize,
    /// Where the `/-` in front of it stands.
    slashdash: Option<usize>,
    statement: (usize, usize),
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    scan: Scan,
    problems: Vec<Problem>,
    chunk_start: Option<usize>,
    blocks: Vec<Block>,
    expect: Expect,
    last: Last,
    /// Where the last token ended; a token that begins here touches it.
    last_start: usize,
    last_end: usize,
    last_is_word: bool,
    /// The node name of the current statement.
    statement: (usize, usize),
    /// The block that was closed last, for `{out}`.
    closed: (usize, usize),
    fruitless: u32,
    /// A `\` continues this line on the next.
    continued: bool,
}

/// Cuts a text into chunks.
pub(super) fn scan(text: &str) -> Scan {
    let mut scanner = Scanner {
        text,
        at: 0,
        scan: Scan::default(),
        problems: Vec::new(),
        chunk_start: None,
        blocks: Vec::new(),
        expect: Expect::Name,
        last: Last::Nothing,
        last_start: 0,
        last_end: 0,
        last_is_word: false,
        statement: (0, 0),
        closed: (0, 0),
        fruitless: 0,
        continued: false,
    };
    if text.starts_with('\u{FEFF}') {
        scanner.at = '\u{FEFF}'.len_utf8();
    }
    while let Some(letter) = scanner.peek() {
        scanner.step(letter);
    }
    scanner.finish();
    scanner.scan
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn problem(&mut self, kind: Kind, start: usize, end: usize) {
        self.problems.push(Problem { kind, start, end });
    }

    fn step(&mut self, letter: char) {
        let start = self.at;
        if is_newline(letter) {
            self.at += if self.rest().starts_with("\r\n") { 2 } else { letter.len_utf8() };
            if !std::mem::take(&mut self.continued) {
                self.end_statement(start);
            }
        } else if is_space(letter) {
            self.at += letter.len_utf8();
        } else if self.rest().starts_with("//") {
            self.line_comment();
        } else if self.rest().starts_with("/*") {
            self.block_comment();
        } else {
            self.chunk_start.get_or_insert(start);
            self.token(letter);
        }
    }

    fn token(&mut self, letter: char) {
        let start = self.at;
        match letter {
            '/' if self.rest().starts_with("/-") => {
                self.at += 2;
                if self.last == Last::Slashdash {
                    self.repeated_slashdash(start);
                }
                self.set_last(Last::Slashdash, start, false);
            }
            ';' => {
                self.at += 1;
                if self.last == Last::Slashdash {
                    self.problem(Kind::Syntax("nothing stands after `/-`", "Remove the `/-`"), start, self.at);
                    self.last = Last::Nothing;
                } else if self.expect == Expect::Name {
                    self.problem(Kind::Syntax("nothing stands before this `;`", "Remove it"), start, self.at);
                }
                self.end_statement(start);
            }
            '{' => self.open(),
            '}' => self.close(),
            '(' | ')' => self.annotation(),
            '=' => self.equals(),
            '"' => self.string(quoted::quoted(self.text, start, self.fruitless < FRUITLESS_SEARCHES_MAX)),
            '#' => match quoted::hash(self.text, start, self.fruitless < FRUITLESS_SEARCHES_MAX) {
                Some(string) => self.string(string),
                None => self.keyword(),
            },
            '\\' if is_line_continuation(self.rest()) => {
                self.at += 1;
                self.continued = true;
            }
            _ if is_disallowed(letter) => {
                self.at += letter.len_utf8();
                let kind = Kind::Syntax(
                    "this invisible character is not allowed",
                    r"Remove it, or write it as `\u{…}` in a quoted string",
                );
                self.problem(kind, start, self.at);
            }
            _ => self.word(),
        }
    }

    fn set_last(&mut self, last: Last, start: usize, is_word: bool) {
        self.last = last;
        self.last_start = start;
        self.last_end = self.at;
        self.last_is_word = is_word;
    }

    /// More than one `/-` in front of one thing: the parser recurses over them. One problem for all of a row.
    fn repeated_slashdash(&mut self, start: usize) {
        let blank = |letter| is_space(letter) || is_newline(letter);
        while self.rest().trim_start_matches(blank).starts_with("/-") {
            self.at += self.rest().len() - self.rest().trim_start_matches(blank).len() + "/-".len();
        }
        self.problem(Kind::Syntax("`/-` stands in front of another `/-`", "Keep one of them"), start, self.at);
    }

    /// A newline or `;` (or the end of the text) at `end`.
    fn end_statement(&mut self, end: usize) {
        if self.last == Last::Slashdash {
            return;
        }
        self.missing_value();
        self.expect = Expect::Name;
        self.last = Last::Nothing;
        if self.blocks.is_empty() {
            self.end_chunk(end);
        }
    }

    fn end_chunk(&mut self, end: usize) {
        if let Some(start) = self.chunk_start.take() {
            let problems = std::mem::take(&mut self.problems);
            self.scan.chunks.push(Chunk { start, end, problems });
        } else if !self.problems.is_empty() {
            let problems = std::mem::take(&mut self.problems);
            self.scan.chunks.push(Chunk { start: end, end, problems });
        }
    }

    fn finish(&mut self) {
        if self.last == Last::Slashdash {
            let kind = Kind::Syntax("nothing stands after `/-`", "Remove the `/-`");
            self.problem(kind, self.last_start, self.last_end);
            self.last = Last::Nothing;
        }
        for block in std::mem::take(&mut self.blocks) {
            let kind = Kind::Syntax("this block is never closed", "Add the `}` that closes it");
            self.problem(kind, block.at, block.at + 1);
        }
        self.end_statement(self.text.len());
    }

    /// After `key=` nothing that could be a value came.
    fn missing_value(&mut self) {
        if self.expect == Expect::Value {
            self.problem(Kind::PropertyWithoutValue, self.last_start, self.last_end);
            self.expect = Expect::Entry;
        }
    }

    fn open(&mut self) {
        let at = self.at;
        self.at += 1;
        let slashdashed = self.last == Last::Slashdash;
        match self.expect {
            Expect::Name => {
                let kind =
                    Kind::Syntax("a block stands without a node's name", "Write the node's name in front of its `{`");
                self.problem(kind, at, self.at);
            }
            Expect::Value => self.missing_value(),
            Expect::Terminator if !slashdashed => self.after_block(at, at + 1),
            Expect::Terminator | Expect::Entry => {}
        }
        if self.blocks.len() == NESTING_MAX {
            self.problem(Kind::TooDeep, at, self.at);
        }
        let slashdash = slashdashed.then_some(self.last_start);
        self.blocks.push(Block { at, slashdash, statement: self.statement });
        self.expect = Expect::Name;
        self.set_last(Last::Nothing, at, false);
    }

    fn close(&mut self) {
        let at = self.at;
        if self.last == Last::Slashdash {
            self.problem(Kind::Syntax("nothing stands after `/-`", "Remove the `/-`"), at, at + 1);
        }
        self.missing_value();
        self.at += 1;
        match self.blocks.pop() {
            Some(block) => {
                self.expect = if block.slashdash.is_some() { Expect::Entry } else { Expect::Terminator };
                if let Some(start) = block.slashdash {
                    self.leave_out(start);
                }
                self.statement = block.statement;
                self.closed = (block.at, self.at);
            }
            None => {
                let kind = Kind::Syntax("this `}` closes nothing", "Remove it, or add the `{` that it should close");
                self.problem(kind, at, self.at);
                self.expect = Expect::Name;
            }
        }
        self.set_last(Last::Other, at, false);
    }

    /// Blocks behind `/-` are left out like comments: the parser takes time exponential in their depth.
    fn leave_out(&mut self, start: usize) {
        let inside = self.scan.comments.iter().rev().take_while(|(comment, _)| *comment >= start).count();
        self.scan.comments.truncate(self.scan.comments.len() - inside);
        self.scan.comments.push((start, self.at));
    }

    /// Something stands behind a block on the same line.
    fn after_block(&mut self, start: usize, end: usize) {
        let inside = self.text.get(self.closed.0 + 1..self.closed.1.saturating_sub(1)).unwrap_or("").trim();
        let one_word = !inside.is_empty() && inside.chars().all(is_word);
        if one_word && self.blocks.len() < NESTING_MAX {
            let end = if start == self.closed.1 { end } else { self.closed.1 };
            self.problem(Kind::BareBraces, self.closed.0, end);
        } else {
            let kind = Kind::Syntax("something follows a block on its line", "Begin a new line, or put a `;` between");
            self.problem(kind, start, end);
        }
        self.expect = Expect::Entry;
    }

    fn annotation(&mut self) {
        let start = self.at;
        let nearby = self.rest().bytes().take(ANNOTATION_BYTES_MAX).position(|byte| matches!(byte, b')' | b'\n'));
        let end = start + nearby.unwrap_or(0);
        let closed = end > start && self.text[end..].starts_with(')');
        self.at = if closed { end + 1 } else { start + 1 };
        self.problem(Kind::Annotation, start, self.at);
    }

    fn equals(&mut self) {
        let start = self.at;
        self.at += 1;
        if self.expect == Expect::Entry && self.last == Last::Text {
            self.expect = Expect::Value;
            let key = self.last_start;
            self.set_last(Last::Property, key, false);
        } else if self.last == Last::Name && self.expect == Expect::Entry {
            let kind = Kind::Syntax("a field's value is not written with `=`", "Put a space there: `name \"value\"`");
            self.problem(kind, start, self.at);
        } else {
            let kind = Kind::Syntax(
                "`=` stands where no property can be",
                "Put the word around it in quotes, or write `name=value` behind the node's name",
            );
            self.problem(kind, start, self.at);
        }
    }

    fn string(&mut self, string: quoted::Found) {
        let start = self.at;
        self.at = string.end.max(start + 1);
        self.fruitless += u32::from(string.fruitless);
        self.problems.extend(string.problems);
        self.entry(start, true, false);
    }

    /// `#true` and its like, or a mistake.
    fn keyword(&mut self) {
        let start = self.at;
        self.at += 1;
        self.at += self.rest().find(|letter| !is_word(letter)).unwrap_or(self.rest().len());
        if !matches!(&self.text[start..self.at], "#true" | "#false" | "#null" | "#nan" | "#inf" | "#-inf") {
            self.skip_run();
            self.problem(Kind::BareWord("a bare word cannot begin with `#`"), start, self.at);
        }
        self.entry(start, false, false);
    }

    /// A name, argument, key or value from `start` to here.
    fn entry(&mut self, start: usize, is_text: bool, is_word: bool) {
        let touches = self.last_end == start && matches!(self.last, Last::Name | Last::Text | Last::Other);
        let mut last = if is_text { Last::Text } else { Last::Other };
        match self.expect {
            Expect::Name => {
                self.expect = Expect::Entry;
                self.statement = (start, self.at);
                last = Last::Name;
                if !is_text {
                    let kind = Kind::Syntax("a node's name must be a word", "Put it in quotes");
                    self.problem(kind, start, self.at);
                }
            }
            Expect::Value => {
                self.expect = Expect::Entry;
                last = Last::Other;
            }
            Expect::Terminator => self.after_block(start, self.at),
            Expect::Entry if touches => {
                let kind = Kind::Syntax(
                    "two values touch each other",
                    "Put a space between them, or one pair of quotes around both",
                );
                self.problem(kind, start, self.at);
            }
            Expect::Entry => {}
        }
        self.set_last(last, start, is_word);
    }

    fn word(&mut self) {
        let start = self.at;
        self.at += self.rest().find(|letter| !is_word(letter)).unwrap_or(self.rest().len());
        let word = &self.text[start..self.at];
        let rest = self.rest();
        let is_comment = rest.starts_with("//") || rest.starts_with("/*");
        let goes_on =
            rest.starts_with(['/', '[', ']', '"', '#', '(']) || (rest.starts_with('\\') && !is_line_continuation(rest));
        if (goes_on && !is_comment) || word.is_empty() {
            let from = self.at;
            self.skip_run();
            if self.at == start {
                self.at += self.peek().map_or(1, char::len_utf8);
            }
            let why = word_fault(&self.text[from..self.at]);
            let behind_braces = self.expect == Expect::Terminator && self.closed.1 == start;
            if !behind_braces {
                self.problem(Kind::BareWord(why), start, self.at);
            }
            self.entry(start, true, false);
            return;
        }
        match word_kind(word) {
            Word::Text => self.entry(start, true, true),
            Word::Number => self.entry(start, false, true),
            Word::Keyword => {
                self.problem(Kind::BareKeyword, start, self.at);
                self.entry(start, true, true);
            }
            Word::Fault(why) => {
                self.problem(Kind::BareWord(why), start, self.at);
                self.entry(start, true, true);
            }
        }
    }

    /// Takes everything up to the next space, `;` or unmatched `}`: what the author meant as one word.
    fn skip_run(&mut self) {
        let mut open = 0u32;
        while let Some(letter) = self.peek() {
            match letter {
                ';' => break,
                '"' => {
                    let string = quoted::quoted(self.text, self.at, false);
                    self.at = string.end.max(self.at + 1);
                    continue;
                }
                '{' if quoted::closes_in_run(self.rest()) => open += 1,
                '{' => break,
                '}' if open == 0 => break,
                '}' => open -= 1,
                _ if is_space(letter) || is_newline(letter) => break,
                _ => {}
            }
            self.at += letter.len_utf8();
        }
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let body = self.rest();
        let end = start + body.find(is_newline).unwrap_or(body.len());
        let swallowed = body[2..].chars().next().is_some_and(|letter| !letter.is_whitespace() && letter != '/');
        let in_argv = matches!(self.text.get(self.statement.0..self.statement.1), Some("run" | "shell"))
            && self.expect == Expect::Entry
            && self.last != Last::Nothing;
        if self.last_is_word && self.last_end == start && self.last != Last::Nothing {
            self.problem(Kind::CommentSwallows, self.last_start, end);
        } else if in_argv && swallowed {
            self.problem(Kind::CommentInArgv, start, end);
        }
        self.scan.comments.push((start, end));
        self.at = end;
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let touches_left = self.last_is_word && self.last_end == start && self.last != Last::Nothing;
        let end = if self.fruitless < FRUITLESS_SEARCHES_MAX { quoted::comment_end(self.text, start) } else { None };
        let Some(end) = end else {
            self.fruitless += 1;
            self.chunk_start.get_or_insert(start);
            self.skip_run();
            let from = if touches_left { self.last_start } else { start };
            self.problem(Kind::BareWord("`/*` begins a comment, and it is never closed"), from, self.at);
            self.set_last(Last::Other, from, false);
            return;
        };
        self.at = end;
        let touches_right = self.peek().is_some_and(|letter| is_word(letter) || letter == '/');
        if touches_left || (touches_right && self.expect != Expect::Name) {
            let from = if touches_left { self.last_start } else { start };
            let tail = self.rest();
            let length = tail.find(|letter| !is_word(letter)).unwrap_or(tail.len());
            self.problem(Kind::CommentSwallows, from, end + length);
        }
        self.scan.comments.push((start, end));
    }
}
