//! Files that a rule judges one by one: what was clean under the same key is not looked over again.
//!
//! A file's key is that of the lint without the other files. Only clean ones are remembered: what has findings is looked at again, as a
//! red lint is.

use std::collections::HashSet;

use crate::analysis::pipeline::Rule;
use crate::base::finding::Finding;
use crate::exec::ExecError;
use crate::exec::linting::made;
use crate::exec::session::Session;
use crate::fingerprint::Fingerprint;
use crate::git::object::Entry;
use crate::observe::edit::display;

/// The kind of such a record.
const KIND: &str = "lint-file";

/// The files of a lint, each with the key of what was found in it alone.
pub struct EachFile {
    keys: Vec<(Entry, Fingerprint)>,
}

impl EachFile {
    /// Parts a lint; `None` where the rule does not judge files one by one, or there are too many to tell apart.
    pub fn of(rule: &Rule, files: &[Entry], whole: &Fingerprint) -> Option<Self> {
        if !(rule.each_file && rule.reads_files_only && rule.check.is_none()) {
            return None;
        }
        let name = |entry: &Entry| format!("input {}", display(&entry.path));
        let names: HashSet<String> = files.iter().map(name).collect();
        if !names.iter().all(|name| whole.parts.iter().any(|part| part.name == *name)) {
            return None;
        }
        let alone = |entry: &Entry| {
            let own = name(entry);
            let mut alone = Fingerprint::of(KIND);
            // A name that stands for a file and for configuration may stand twice; both are of the file then.
            let others = whole.parts.iter().filter(|part| part.name == own || !names.contains(&part.name));
            alone.parts.extend(others.cloned());
            (entry.clone(), alone)
        };
        Some(Self { keys: files.iter().map(alone).collect() })
    }

    /// Those that must be looked over.
    pub fn unknown(&self, session: &Session<'_>) -> Result<Vec<Entry>, ExecError> {
        let keys: Vec<_> = self.keys.iter().map(|(_, alone)| alone.key()).collect();
        let known = session.store.find_all(&keys)?;
        let unknown = self.keys.iter().zip(&keys).filter(|(_, key)| !known.contains_key(key));
        Ok(unknown.map(|((entry, _), _)| entry.clone()).collect())
    }

    /// Remembers those of the files looked over in which nothing was found; a finding that names none of them is of all.
    pub fn remember(
        &self,
        session: &Session<'_>,
        rule: &Rule,
        over: &[Entry],
        findings: &[Finding],
    ) -> Result<(), ExecError> {
        let looked_over: HashSet<String> = over.iter().map(|entry| display(&entry.path)).collect();
        let named: HashSet<&str> = findings.iter().filter_map(|finding| finding.path.as_deref()).collect();
        if findings.iter().any(|one| one.path.as_ref().is_none_or(|path| !looked_over.contains(path))) {
            return Ok(());
        }
        for (entry, alone) in &self.keys {
            let path = display(&entry.path);
            if looked_over.contains(&path) && !named.contains(path.as_str()) {
                let step = format!("rule {} {path}", rule.name);
                session.record_as(&step, KIND, alone, made(Vec::new(), 0, 0))?;
            }
        }
        Ok(())
    }
}
