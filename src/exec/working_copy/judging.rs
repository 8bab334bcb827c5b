//! Which files a rule must judge, and of which it is known what it would say.
//!
//! A key is made of the rule, its program, the file (or the tree) and the configuration; it starts nothing.

use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Check, Command, Environment, Rule};
use crate::base::digest::Digest;
use crate::base::finding::Finding;
use crate::base::path::PatternSet;
use crate::exec::working_copy::LintError;
use crate::exec::working_copy::files::{Chosen, Configuration, Files};
use crate::observe::program;
use crate::observe::task::first_word;
use crate::observe::verification::reading;
use crate::observe::workstream::{Prepared, rule_bins};
use crate::observe::world::World;
use crate::store::lint::Answers;
use crate::system::inputs::Input;

/// A rule held against what is known.
pub struct Look<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Files that it looks over, of those asked for.
    pub files: Vec<&'a Input>,
    /// A key for each of them, or one for all.
    pub keys: Vec<Digest>,
    /// Whether each file is judged for itself.
    pub is_single: bool,
    /// Places in `files` that must be judged.
    pub stale: Vec<usize>,
    /// What is known of the others.
    pub findings: Vec<Finding>,
    /// Its program.
    pub identity: Option<Digest>,
    /// Its configuration.
    pub configuration: Configuration<'a>,
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

/// Looks at a rule; of what is not in `answers` nothing is known.
pub fn look<'a>(
    world: &'a World,
    rule: &'a Rule,
    files: &'a Files,
    asked: &[Chosen<'a>],
    answers: &Answers,
    identity: Option<Digest>,
) -> Result<Look<'a>, LintError> {
    let set = PatternSet::new(&rule.files);
    let chosen: Vec<Chosen<'a>> =
        asked.iter().filter(|(input, _)| set.matches(input.path.as_bytes())).copied().collect();
    let configuration = Configuration::new(&world.root, &rule.inputs, &files.cache);
    let is_single = is_single(rule);
    let mut look = Look {
        rule,
        files: chosen.iter().map(|(input, _)| *input).collect(),
        keys: Vec::new(),
        is_single,
        stale: Vec::new(),
        findings: Vec::new(),
        identity,
        configuration,
    };
    if look.files.is_empty() {
        return Ok(look);
    }
    let context = context(rule, identity);
    if is_single {
        look.single_keys(context, files, &set, &chosen)?;
    } else {
        look.whole_key(context, files)?;
    }
    for (place, key) in look.keys.iter().enumerate() {
        match answers.get(key).map(|answer| read(answer)) {
            Some(Some(findings)) => look.findings.extend(findings),
            _ if is_single => look.stale.push(place),
            _ => look.stale.extend(0..look.files.len()),
        }
    }
    Ok(look)
}

impl Look<'_> {
    fn single_keys(
        &mut self,
        context: Digest,
        files: &Files,
        set: &PatternSet,
        chosen: &[Chosen<'_>],
    ) -> Result<(), LintError> {
        // A rule that does not say `each-file` may ask whether another file is there.
        let names = match self.rule.each_file {
            true => Digest::of(b"alone"),
            false => {
                let names = files.entries.iter().map(|entry| entry.path.as_bytes()).filter(|path| set.matches(path));
                Digest::of_fields(names)
            }
        };
        self.keys.reserve(chosen.len());
        let mut above: Option<(Digest, Digest)> = None;
        for (input, digest) in chosen {
            let configuration = self.configuration.of(&input.path)?;
            // Files of a folder have all but themselves in common.
            let common = match above {
                Some((known, common)) if known == configuration => common,
                _ => Digest::of_fields([b"file".as_slice(), &context.0, &names.0, &configuration.0]),
            };
            above = Some((configuration, common));
            self.keys.push(Digest::of_two(&common, digest));
        }
        Ok(())
    }

    fn whole_key(&mut self, context: Digest, files: &Files) -> Result<(), LintError> {
        let mut fields: Vec<Vec<u8>> = vec![b"tree".to_vec(), context.0.to_vec(), files.digest().0.to_vec()];
        if self.rule.check.is_some() || self.rule.command.uses(Property::Files) {
            fields.extend(self.files.iter().map(|input| input.path.clone().into_bytes()));
        }
        for input in &self.files {
            let configuration = self.configuration.of(&input.path)?;
            fields.push(configuration.0.to_vec());
        }
        self.keys.push(Digest::of_fields(fields.iter().map(Vec::as_slice)));
        Ok(())
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
