//! All files' definitions as one: later files over shipped ones, two of one name reported.
//!
//! Does not resolve any name; the definitions stay where they are and are borrowed.

use std::sync::Arc;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::analysis::diagnostics::duplicate_name;
use crate::base::diagnostic::Diagnostic;
use crate::base::span::{Span, Spanned};
use crate::syntax::definition::table::DefinedTask;
use crate::syntax::definition::{
    AllowOverlap, BreakerDefinition, Definitions, EnvironmentDefinition, FailOnDefinition, RepositoryDefinition,
    RouteDefinition, RuleDefinition, SetupDefinition, Text, ToolDefinition, WorkstreamDefinition,
};

/// Everything that is defined, each name once.
#[derive(Debug, Default)]
pub struct Gathered<'a> {
    /// Targets of a plain build.
    pub default: Vec<&'a Text>,
    /// What workstreams change.
    pub repository: Option<&'a RepositoryDefinition>,
    /// The tool that stands in for all others.
    pub override_tool: Option<&'a Text>,
    /// Tool of workstreams that name none.
    pub default_tool: Option<&'a Text>,
    /// What is done where a rule's program is not there.
    pub default_missing: Option<&'a Text>,
    /// Wall time of steps that say none.
    pub default_timeout: Option<&'a Text>,
    /// Limits of workstreams that say none.
    pub breaker: BreakerDefinition,
    /// Variables of all nodes.
    pub variables: Vec<&'a (Text, Text)>,
    /// Environment of all steps.
    pub environment: EnvironmentDefinition,
    /// Sizes of pools.
    pub pools: Vec<&'a (Text, Spanned<u32>)>,
    /// `gates "ordered"`.
    pub gates: Option<&'a Text>,
    /// `prove` of tests that say none.
    pub default_prove: Option<&'a Text>,
    /// Paths that every workstream's tests pin.
    pub pins: Vec<&'a Text>,
    /// Folders that may persist in every worktree.
    pub keep: Vec<&'a Text>,
    /// `memory "4GiB"`.
    pub memory: Option<&'a Text>,
    /// A test that dirties its tree fails.
    pub strict: bool,
    /// What makes a rule red.
    pub fail_on: Vec<&'a FailOnDefinition>,
    /// Pairs that may overlap.
    pub allow_overlaps: Vec<&'a AllowOverlap>,
    /// Setups in order.
    pub setups: Vec<&'a SetupDefinition>,
    /// Tasks in order.
    pub tasks: Vec<DefinedTask<'a>>,
    /// Workstreams by id.
    pub workstreams: Vec<&'a WorkstreamDefinition>,
    /// Rules by name.
    pub rules: Vec<&'a RuleDefinition>,
    /// Names of rules in order of declaration.
    pub rules_declared: Vec<&'a str>,
    /// Tools by name.
    pub tools: Vec<&'a ToolDefinition>,
    /// Routes by capability.
    pub routes: Vec<&'a RouteDefinition>,
    /// Optional rules that are looked over.
    pub used_rules: Vec<&'a Text>,
    /// Rules that are looked over nowhere.
    pub skipped_rules: Vec<&'a Text>,
}

impl<'a> Gathered<'a> {
    /// Gathers the files in order.
    pub fn of(files: &'a [Arc<Definitions>], diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut all = Self::default();
        all.scalars(files, diagnostics);
        for file in files {
            all.default.extend(&file.default);
            all.keep.extend(&file.keep);
            all.pins.extend(&file.pins);
            all.fail_on.extend(&file.fail_on);
            all.used_rules.extend(&file.used_rules);
            all.skipped_rules.extend(&file.skipped_rules);
            all.allow_overlaps.extend(&file.allow_overlaps);
            all.environment.set.extend(file.environment.set.iter().cloned());
            all.environment.pass.extend(file.environment.pass.iter().cloned());
        }
        let mut unique = Unique { files, diagnostics };
        all.variables = unique.of("variable", |file| &file.variables, |one| &one.0);
        all.pools = unique.of("pool", |file| &file.pools, |one| &one.0);
        all.setups = unique.of("setup", |file| &file.setups, |one| &one.name);
        all.tasks = unique.all("task", Definitions::defined_tasks, |one| one.name());
        all.workstreams = unique.of("workstream", |file| &file.workstreams, |one| &one.id);
        all.rules = unique.of("rule", |file| &file.rules, |one| &one.name);
        all.tools = unique.of("tool", |file| &file.tools, |one| &one.name);
        all.routes = unique.of("route", |file| &file.routes, |one| &one.capability);
        all.workstreams.sort_by(|left, right| left.id.value.cmp(&right.id.value));
        all.rules_declared = all.rules.iter().map(|rule| rule.name.value.as_str()).collect();
        all.rules.sort_by(|left, right| left.name.value.cmp(&right.name.value));
        all.tools.sort_by(|left, right| left.name.value.cmp(&right.name.value));
        all.across_kinds(diagnostics);
        all
    }

    /// Fields that a project has once.
    fn scalars(&mut self, files: &'a [Arc<Definitions>], diagnostics: &mut Vec<Diagnostic>) {
        let repositories: Vec<&RepositoryDefinition> = files.iter().flat_map(|file| &file.repository).collect();
        self.repository = once("repository", repositories.iter().map(|one| (*one, one.span)), diagnostics);
        let texts = |pick: fn(&Definitions) -> Option<&Text>| {
            files.iter().filter_map(move |file| pick(file)).map(|text| (text, text.span))
        };
        self.override_tool = once("override tool", texts(|file| file.override_tool.as_ref()), diagnostics);
        self.default_tool = once("default tool", texts(|file| file.defaults.tool.as_ref()), diagnostics);
        self.default_timeout = once("default timeout", texts(|file| file.defaults.timeout.as_ref()), diagnostics);
        self.memory = once("memory", texts(|file| file.memory.as_ref()), diagnostics);
        self.default_prove = once("default prove", texts(|file| file.defaults.prove.as_ref()), diagnostics);
        self.default_missing = once("missing", texts(|file| file.defaults.missing.as_ref()), diagnostics);
        self.gates = once("gates", texts(|file| file.gates.as_ref()), diagnostics);
        self.strict = files.iter().filter_map(|file| file.strict.as_ref()).any(|strict| strict.value);
        for file in files {
            self.breaker = file.defaults.breaker.clone().or(&self.breaker);
        }
    }

    /// A task and a workstream are both targets, so they share their names.
    fn across_kinds(&self, diagnostics: &mut Vec<Diagnostic>) {
        let workstreams: HashMap<&str, Span> =
            self.workstreams.iter().map(|workstream| (workstream.id.value.as_str(), workstream.id.span)).collect();
        for (name, first) in self.tasks.iter().map(|task| task.name()).filter(|_| !workstreams.is_empty()) {
            if let Some(second) = workstreams.get(name) {
                diagnostics.push(twice("task and workstream", name, first, *second));
            }
        }
    }
}

fn once<T: Copy>(what: &str, found: impl Iterator<Item = (T, Span)>, diagnostics: &mut Vec<Diagnostic>) -> Option<T> {
    let mut first: Option<(T, Span)> = None;
    for (value, span) in found {
        match first {
            None => first = Some((value, span)),
            Some((_, earlier)) => {
                let message = format!("{what} is said twice");
                let diagnostic = Diagnostic::new(&duplicate_name::CODE, span, message).say("again here");
                diagnostics.push(diagnostic.label(earlier, "first here").help("keep one of them"));
            }
        }
    }
    first.map(|(value, _)| value)
}

struct Unique<'a, 'd> {
    files: &'a [Arc<Definitions>],
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a> Unique<'a, '_> {
    /// The first of each name in order of definition; one that is not shipped takes a shipped one's place.
    fn of<T>(
        &mut self,
        kind: &str,
        list: impl Fn(&'a Definitions) -> &'a Vec<T>,
        name: impl Fn(&'a T) -> &'a Text,
    ) -> Vec<&'a T> {
        let name = |one| {
            let text: &Text = name(one);
            (text.value.as_str(), text.span)
        };
        self.all(kind, |file| list(file).iter(), name)
    }

    fn all<T: Copy, I: Iterator<Item = T>>(
        &mut self,
        kind: &str,
        list: impl Fn(&'a Definitions) -> I,
        name: impl Fn(T) -> (&'a str, Span),
    ) -> Vec<T> {
        let mut kept: Vec<(T, bool)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for file in self.files {
            for one in list(file) {
                let (text, span) = name(one);
                match places.entry(text) {
                    Entry::Vacant(place) => {
                        place.insert(kept.len());
                        kept.push((one, file.shipped));
                    }
                    Entry::Occupied(place) => match &mut kept[*place.get()] {
                        first if first.1 && !file.shipped => *first = (one, false),
                        first => self.diagnostics.push(twice(kind, text, name(first.0).1, span)),
                    },
                }
            }
        }
        kept.into_iter().map(|(one, _)| one).collect()
    }
}

fn twice(kind: &str, name: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::new(&duplicate_name::CODE, second, format!("{kind} `{name}` is defined twice"))
        .say("again here")
        .label(first, "first here")
        .help("rename or remove one of them")
        .about(name)
}
