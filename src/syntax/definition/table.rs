//! Many tasks of one file, flat: their texts one behind the other, and numbers that say which is what.
//!
//! A generated graph has hundreds of thousands of tasks, and each a dozen of texts. As a definition a task takes about a kilobyte, here
//! some two hundred bytes and no allocation of its own; it is made a definition where it is lowered, and dropped again.

use std::borrow::Cow;
use std::hash::BuildHasher;

use ecow::EcoString;
use hashbrown::DefaultHashBuilder;

use crate::base::span::{FileId, Span};
use crate::syntax::definition::{
    CommandDefinition, Definitions, EnvironmentDefinition, OutputDefinition, TaskDefinition, Text,
};

/// Tasks in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskTable {
    file: u32,
    texts: String,
    words: Vec<Word>,
    parts: Vec<Part>,
    rows: Vec<Row>,
}

/// A text: where it ends among the texts, and its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    end: u32,
    from: u32,
    to: u32,
}

/// A field of a task: what it is, and where its words end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    field: TaskField,
    end: u32,
}

/// A task: where its fields end, and its place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    end: u32,
    from: u32,
    to: u32,
}

/// Fields of a task; those that are lists have a word each, `env` two an entry, a flag none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the fields of a task file")]
pub enum TaskField {
    Name,
    About,
    Run,
    Shell,
    Inputs,
    Outputs,
    Depfile,
    DependsOn,
    Env,
    Dir,
    Pool,
    Jobserver(bool),
    Timeout,
}

impl TaskTable {
    /// No tasks yet.
    pub fn new(file: FileId) -> Self {
        Self { file: file.0, ..Self::default() }
    }

    /// Adds a word with its place in the file.
    pub fn word(&mut self, text: &str, (from, to): (usize, usize)) {
        self.texts.push_str(text);
        self.words.push(Word { end: number(self.texts.len()), from: number(from), to: number(to) });
    }

    /// Makes the words since the last field one.
    pub fn field(&mut self, field: TaskField) {
        self.parts.push(Part { field, end: number(self.words.len()) });
    }

    /// Makes the fields since the last task one. One of them must be its name.
    pub fn task(&mut self, (from, to): (usize, usize)) {
        self.rows.push(Row { end: number(self.parts.len()), from: number(from), to: number(to) });
    }

    /// How many tasks there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A task's name.
    pub fn name(&self, row: usize) -> (&str, Span) {
        let named = self.parts_of(row).find(|(field, _)| *field == TaskField::Name);
        let (_, words) = named.expect("BUG: a task without a name");
        (self.text(words.start), self.span(words.start))
    }

    /// A task as its definition.
    pub fn definition(&self, row: usize, texts: &mut SharedTexts) -> TaskDefinition {
        let place = self.rows[row];
        let span = self.span_of(place.from, place.to);
        let mut task = TaskDefinition::empty(Text::new(EcoString::new(), span), span);
        for (field, words) in self.parts_of(row) {
            let mut all = words.map(|word| Text::new(texts.text(self.text(word)), self.span(word)));
            match field {
                TaskField::Name => task.name = all.next().unwrap_or(task.name),
                TaskField::About => task.about = all.next(),
                TaskField::Run => task.command = Some(CommandDefinition::Run(all.collect())),
                TaskField::Shell => task.command = all.next().map(CommandDefinition::Shell),
                TaskField::Inputs => task.inputs = all.collect(),
                TaskField::Outputs => {
                    task.outputs = all.map(|path| OutputDefinition { path, store: true }).collect();
                }
                TaskField::Depfile => task.depfile = all.next(),
                TaskField::DependsOn => task.depends_on = all.collect(),
                TaskField::Env => {
                    let set = std::iter::from_fn(|| all.next().zip(all.next())).collect();
                    task.environment = EnvironmentDefinition { set, pass: Vec::new() };
                }
                TaskField::Dir => task.dir = all.next(),
                TaskField::Pool => task.pool = all.next(),
                TaskField::Jobserver(shares) => task.jobserver = Some(shares),
                TaskField::Timeout => task.timeout = all.next(),
            }
        }
        task
    }

    /// All tasks as definitions.
    pub fn definitions(&self) -> impl Iterator<Item = TaskDefinition> {
        let mut texts = SharedTexts::default();
        (0..self.len()).map(move |row| self.definition(row, &mut texts))
    }

    fn parts_of(&self, row: usize) -> impl Iterator<Item = (TaskField, std::ops::Range<usize>)> {
        let end_before = |row: usize| row.checked_sub(1).map_or(0, |before| self.rows[before].end as usize);
        (end_before(row)..self.rows[row].end as usize).map(|part| {
            let begin = part.checked_sub(1).map_or(0, |before| self.parts[before].end as usize);
            (self.parts[part].field, begin..self.parts[part].end as usize)
        })
    }

    fn text(&self, word: usize) -> &str {
        let begin = word.checked_sub(1).map_or(0, |before| self.words[before].end as usize);
        &self.texts[begin..self.words[word].end as usize]
    }

    fn span(&self, word: usize) -> Span {
        self.span_of(self.words[word].from, self.words[word].to)
    }

    fn span_of(&self, start: u32, end: u32) -> Span {
        Span { file: FileId(self.file), start, end }
    }
}

fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// A task of a file, wherever it stands.
#[derive(Debug, Clone, Copy)]
pub enum DefinedTask<'d> {
    /// A definition.
    Definition(&'d TaskDefinition),
    /// A row of a table.
    Row(&'d TaskTable, usize),
}

impl Definitions {
    /// All tasks in order.
    pub fn defined_tasks(&self) -> impl Iterator<Item = DefinedTask<'_>> {
        let rows = (0..self.task_table.len()).map(|row| DefinedTask::Row(&self.task_table, row));
        self.tasks.iter().map(DefinedTask::Definition).chain(rows)
    }
}

impl<'d> DefinedTask<'d> {
    /// Its name, and where that stands.
    pub fn name(self) -> (&'d str, Span) {
        match self {
            Self::Definition(task) => (&task.name.value, task.name.span),
            Self::Row(table, row) => table.name(row),
        }
    }

    /// Its definition.
    pub fn definition(self, texts: &mut SharedTexts) -> Cow<'d, TaskDefinition> {
        match self {
            Self::Definition(task) => Cow::Borrowed(task),
            Self::Row(table, row) => Cow::Owned(table.definition(row, texts)),
        }
    }
}

/// How many of the last texts are remembered.
const SHARED_TEXTS: usize = 512;

/// The last texts that were made, so that one that comes again is the same in memory: a path in a command and among outputs, a
/// header that many read. Where two fall together, the older one is forgotten.
#[derive(Debug)]
pub struct SharedTexts {
    texts: Box<[EcoString]>,
    hasher: DefaultHashBuilder,
}

impl Default for SharedTexts {
    fn default() -> Self {
        Self { texts: vec![EcoString::new(); SHARED_TEXTS].into(), hasher: DefaultHashBuilder::default() }
    }
}

impl SharedTexts {
    /// A text, shared with an equal one where that is remembered.
    pub fn text(&mut self, text: &str) -> EcoString {
        if let Some(short) = EcoString::try_inline(text) {
            return short;
        }
        let place = self.hasher.hash_one(text) % SHARED_TEXTS as u64;
        let known = &mut self.texts[usize::try_from(place).unwrap_or(0)];
        if known != text {
            *known = EcoString::from(text);
        }
        known.clone()
    }
}
