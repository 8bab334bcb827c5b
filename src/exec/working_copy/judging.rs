//! Which files a rule must judge, and of which it is known what it would say.
//!
//! A key is made of the rule, its program, the file (or the tree) and the configuration; it starts nothing.

use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Check, Command, Environment, Rule};
use crate::base::digest::Digest;
use crate::base::finding::Finding;
use crate::base::path::PatternSet;
use crate::exec::working_copy::LintError;
use crate::exec::working_copy::files::{Configuration, Files};
use crate::observe::program;
use crate::observe::task::first_word;
use crate::observe::verification::reading;
use crate::observe::workstream::{Prepared, rule_bins};
use crate::observe::world::World;
use crate::store::lint::answers::Answers;
use crate::store::lint::tree::{CLEAN, Column, NOT_NAMED, OPEN};
use crate::system::inputs::{Input, InputKind};

/// A rule held against what is known.
pub struct Look<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Files that it looks over, of those asked for.
    pub count: usize,
    /// The key of each file that had to be asked for by key, or the one for all.
    pub keys: Vec<Digest>,
    /// Whether each file is judged for itself.
    pub is_single: bool,
    /// Files that must be judged.
    pub stale: Vec<Stale<'a>>,
    /// What is known of the others.
    pub findings: Vec<Finding>,
    /// Its program.
    pub identity: Option<Digest>,
    /// Its configuration.
    pub configuration: Configuration<'a>,
    /// What is to be remembered of the files, where each is judged for itself.
    pub column: Option<Column>,
}

/// A file that must be judged.
#[derive(Clone, Copy)]
pub struct Stale<'a> {
    /// Its place among all files.
    pub place: usize,
    /// The file.
    pub input: &'a Input,
    /// What will be said is kept under this.
    pub key: Digest,
}

/// What is known before a look.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// By key.
    pub answers: &'a Answers,
    /// What rules thought of the files as they were remembered.
    pub columns: &'a [Column],
}

/// Whether a rule judges each file for itself.
fn is_single(rule: &Rule) -> bool {
    match rule.check {
        Some(_) => rule.each_file,
        None => (rule.each_file || rule.reads_files_only) && rule.command.uses(Property::Files),
    }
}

/// The programs of a rule: the one that is asked for its version, and the one that is started. `None`: one is not there.
pub fn identity(world: &World, rule: &Rule) -> Option<Digest> {
    let bins = rule_bins(world, &Prepared::default());
    let of = |word: &str| program::identity(world, word, &Environment::default(), &world.root, &bins);
    let mut both = of(&rule.program())?.hex();
    let started = match &rule.command {
        Command::Argv(_) => first_word(&rule.command),
        Command::Shell(_) => "sh".to_owned(),
    };
    if started != rule.program() {
        both.push_str(&of(&started)?.hex());
    }
    Some(Digest::of(both.as_bytes()))
}

/// What is the same for all files of a rule.
fn context(rule: &Rule, identity: Option<Digest>) -> Digest {
    let identity = identity.map_or_else(|| Check::VERSION.to_owned(), |identity| identity.hex());
    let fields = [env!("CARGO_PKG_VERSION"), rule.name.as_str(), &rule.command.text(), &reading(rule), &identity];
    Digest::of_fields(fields.map(str::as_bytes))
}

/// Looks at a rule, over the files at these places.
pub fn look<'a>(
    world: &'a World,
    rule: &'a Rule,
    files: &'a Files,
    asked: &[usize],
    known: Known<'_>,
    identity: Option<Digest>,
) -> Result<Look<'a>, LintError> {
    let mut look = Look {
        rule,
        count: 0,
        keys: Vec::new(),
        is_single: is_single(rule),
        stale: Vec::new(),
        findings: Vec::new(),
        identity,
        configuration: Configuration::new(&world.root, &rule.inputs, &files.cache),
        column: None,
    };
    // Without its program nothing can be known of it, and nothing be judged.
    let has_identity = rule.check.is_some() || identity.is_some();
    let context = context(rule, identity);
    if look.is_single && has_identity {
        look.single(context, files, asked, known)?;
    } else {
        let set = PatternSet::new(&rule.files);
        let places: Vec<usize> =
            asked.iter().copied().filter(|place| set.matches(files.entries[*place].path.as_bytes())).collect();
        look.count = places.len();
        if has_identity && !places.is_empty() {
            look.whole(context, files, &places, known.answers)?;
        }
    }
    Ok(look)
}

impl<'a> Look<'a> {
    /// Where each file is judged for itself: those that are as they were when they were clean need no key.
    fn single(
        &mut self,
        context: Digest,
        files: &'a Files,
        asked: &[usize],
        known: Known<'_>,
    ) -> Result<(), LintError> {
        let mut column = match self.remembered(context, files, known.columns)? {
            Some(column) => column,
            None => self.fresh(context, files),
        };
        let mut above: Option<(Digest, Digest)> = None;
        for &place in asked {
            if column.marks[place] == NOT_NAMED {
                continue;
            }
            self.count += 1;
            if column.marks[place] == CLEAN {
                continue;
            }
            let input = &files.entries[place];
            let configuration = self.configuration.of(&input.path)?;
            // Files of a folder have all but themselves in common.
            let common = match above {
                Some((known, common)) if known == configuration => common,
                _ => Digest::of_fields([b"file".as_slice(), &context.0, &column.names.0, &configuration.0]),
            };
            above = Some((configuration, common));
            let key = Digest::of_two(&common, &files.digest_of(place));
            self.keys.push(key);
            match known.answers.get(&key).and_then(read) {
                Some(findings) if findings.is_empty() => column.marks[place] = CLEAN,
                Some(findings) => self.findings.extend(findings),
                None => self.stale.push(Stale { place, input, key }),
            }
        }
        let (listed, seen) = (files.listed(), &mut column.configuration);
        seen.extend(self.configuration.seen(&listed));
        seen.sort();
        seen.dedup();
        self.column = Some(column);
        Ok(())
    }

    /// What is remembered of this rule and these files; what is not as it was is open.
    fn remembered(&self, context: Digest, files: &Files, columns: &[Column]) -> Result<Option<Column>, LintError> {
        let Some(changed) = &files.changed else { return Ok(None) };
        let key = column_key(context, self.rule);
        let Some(column) = columns.iter().find(|column| column.key == key) else { return Ok(None) };
        if column.marks.len() != files.entries.len() || !self.configuration.holds(&column.configuration)? {
            return Ok(None);
        }
        let mut column = column.clone();
        reopen(&mut column, changed);
        Ok(Some(column))
    }

    /// Nothing but which files the rule names.
    fn fresh(&self, context: Digest, files: &Files) -> Column {
        let set = PatternSet::new(&self.rule.files);
        let named: Vec<bool> = files.entries.iter().map(|entry| set.matches(entry.path.as_bytes())).collect();
        // A rule that does not say `each-file` may ask whether another file is there.
        let names = match self.rule.each_file {
            true => Digest::of(b"alone"),
            false => {
                let names = files.entries.iter().zip(&named).filter(|(_, named)| **named);
                Digest::of_fields(names.map(|(entry, _)| entry.path.as_bytes()))
            }
        };
        let mark =
            |(entry, named): (&Input, bool)| if named && entry.kind == InputKind::File { OPEN } else { NOT_NAMED };
        let marks = files.entries.iter().zip(named).map(mark).collect();
        Column { key: column_key(context, self.rule), names, configuration: Vec::new(), marks }
    }

    fn whole(
        &mut self,
        context: Digest,
        files: &'a Files,
        places: &[usize],
        answers: &Answers,
    ) -> Result<(), LintError> {
        let mut fields: Vec<Vec<u8>> = vec![b"tree".to_vec(), context.0.to_vec(), files.digest().0.to_vec()];
        let inputs = || places.iter().map(|place| &files.entries[*place]);
        if self.rule.check.is_some() || self.rule.command.uses(Property::Files) {
            fields.extend(inputs().map(|input| input.path.clone().into_bytes()));
        }
        for input in inputs() {
            let configuration = self.configuration.of(&input.path)?;
            fields.push(configuration.0.to_vec());
        }
        let key = Digest::of_fields(fields.iter().map(Vec::as_slice));
        self.keys.push(key);
        match answers.get(&key).and_then(read) {
            Some(findings) => self.findings.extend(findings),
            None => {
                let stale = places.iter().map(|place| Stale { place: *place, input: &files.entries[*place], key });
                self.stale.extend(stale);
            }
        }
        Ok(())
    }
}

/// Of a rule as a column is found by it.
fn column_key(context: Digest, rule: &Rule) -> Digest {
    Digest::of_fields([&context.0, format!("{:?} {} {:?}", rule.files, rule.each_file, rule.inputs).as_bytes()])
}

/// Of files that changed it is not known that they are clean.
pub fn reopen(column: &mut Column, changed: &[usize]) {
    for place in changed {
        let mark = &mut column.marks[*place];
        *mark = if *mark == CLEAN { OPEN } else { *mark };
    }
}

/// An answer as it is kept; no findings are no bytes.
pub fn written(findings: &[Finding]) -> Vec<u8> {
    match findings {
        [] => Vec::new(),
        _ => serde_json::to_vec(findings).expect("BUG: findings are JSON"),
    }
}

fn read(answer: &[u8]) -> Option<Vec<Finding>> {
    if answer.is_empty() { Some(Vec::new()) } else { serde_json::from_slice(answer).ok() }
}
