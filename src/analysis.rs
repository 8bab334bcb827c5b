//! Definitions to a [`pipeline::Pipeline`]: names resolved, kinds checked, everything that is wrong said at once.
//!
//! Pure: the base tree's listing and the texts come in. Knows no keys and runs nothing.

pub mod diagnostics;
pub mod breaker;
pub mod gather;
pub mod listing;
pub mod lower;
pub mod names;
pub mod order;
pub mod pipeline;
pub mod prose;
pub mod scope;
pub mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::diagnostic::Diagnostic;
use crate::base::name::WorkstreamId;
use crate::base::span::Span;
use crate::syntax::definition::{Definitions, RepositoryDefinition, Text};
use gather::Gathered;
use listing::Listing;
use lower::tasks::Room;
use lower::template::globals;
use lower::tools::Toolbox;
use lower::words::{Timeouts, bytes, word};
use lower::workstreams::{Known, no_workstream};
use names::{Found, Names, list};
use pipeline::{Pipeline, RepositoryConfig};
use scope::overlap::Allowed;

/// Workstreams that one project may have.
pub const WORKSTREAMS_MAX: usize = 20_000;

/// Places of the pool `ai` where `pools` does not say.
const AI_POOL_PLACES: u32 = 2;

/// What the command line says over the definitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Overrides {
    /// `--tool NAME`: stands in for every workstream's tool.
    pub tool: Option<String>,
    /// `--set NAME=VALUE`, in order; the last of a name counts.
    pub variables: Vec<(String, String)>,
}

/// The pipeline with all that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Analysis {
    /// What was understood; whole only where no diagnostic is an error.
    pub pipeline: Pipeline,
    /// By place; the command line's own first.
    pub diagnostics: Vec<Diagnostic>,
}

/// Resolves all files' definitions; shipped ones come first, and what a project defines replaces them by name.
pub fn analyse(definitions: &[Arc<Definitions>], listing: Option<&Listing>, options: &Overrides) -> Analysis {
    let mut diagnostics = Vec::new();
    let mut gathered = Gathered::of(definitions, &mut diagnostics);
    limit(&mut gathered, &mut diagnostics);
    let gathered = gathered;
    let globals = globals(&gathered.variables, &options.variables, &gathered.environment, &mut diagnostics);
    let timeouts = Timeouts::new(gathered.default_timeout, &mut diagnostics);
    let pools = pools(&gathered);
    let toolbox = Toolbox::of(&gathered, &globals, &pools, timeouts, &mut diagnostics);
    let imposed = imposed(&gathered, &toolbox, options, &mut diagnostics);
    let rules = lower::rules::lower_all(&gathered, &globals, timeouts, &mut diagnostics);
    let room = Room { gathered: &gathered, globals: &globals, pools: &pools, timeouts, listing };

    let ids: Vec<&str> = gathered.workstreams.iter().map(|workstream| workstream.id.value.as_str()).collect();
    let names = Names::new(ids.iter().copied());
    let waiting = lower::workstreams::waiting(&gathered.workstreams, &names, &mut diagnostics);
    let known = Known { room, toolbox: &toolbox, rules: &rules, imposed: imposed.as_deref() };
    let (workstreams, scopes) = lower::workstreams::lower_all(known, &waiting, &mut diagnostics);
    scope::existence::check(&scopes, &ids, &waiting.closure, listing, &mut diagnostics);
    let allowed = allowed_overlaps(&gathered, &names, &mut diagnostics);
    scope::overlap::check(&scopes, &ids, &waiting.closure, &allowed, &mut diagnostics);
    for (definition, workstream) in gathered.workstreams.iter().zip(&workstreams) {
        prose::check(definition, workstream, listing, &mut diagnostics);
    }

    let memory_bytes = bytes(gathered.memory, &mut diagnostics);
    let ordered = word(gathered.gates, &[("ordered", true), ("free", false)], &mut diagnostics).unwrap_or(false);
    for keep in &gathered.keep {
        scope::entry::read(keep, listing, &mut diagnostics);
    }
    let pipeline = Pipeline {
        repository: repository(gathered.repository),
        default: gathered.default.iter().map(|target| target.value.to_string()).collect(),
        gates_ordered: ordered,
        strict: gathered.strict,
        fail_on: lower::rules::fail_on(&gathered, &mut diagnostics),
        memory_bytes,
        setups: lower::tasks::setups(room, &mut diagnostics),
        tasks: lower::tasks::tasks(room, &mut diagnostics),
        workstreams,
        rules,
        allowed_overlaps: pairs(&allowed, &ids),
        tools: toolbox.tools,
        routes: toolbox.routes,
        pools,
    };
    targets::check(&gathered.default, &pipeline, &mut diagnostics);
    let place = |one: &Diagnostic| one.labels.first().map(|label| (label.span.file, label.span.start, label.span.end));
    diagnostics.sort_by(|left, right| place(left).cmp(&place(right)).then(left.code.id.cmp(right.code.id)));
    Analysis { pipeline, diagnostics }
}

/// The repository's place and base, which must be known before its base tree can be listed.
pub fn repository_config(definitions: &[Arc<Definitions>]) -> RepositoryConfig {
    repository(definitions.iter().flat_map(|file| &file.repository).next())
}

fn repository(repository: Option<&RepositoryDefinition>) -> RepositoryConfig {
    let Some(repository) = repository else { return RepositoryConfig::default() };
    RepositoryConfig {
        path: Some(repository.path.value.to_string()),
        base: repository.base.as_ref().map(|base| base.value.to_string()),
        seed: repository.seed.as_ref().map(|seed| seed.value.to_string()),
    }
}

/// Leaves out what is beyond the limit, and says so.
fn limit(gathered: &mut Gathered<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(first) = gathered.workstreams.get(WORKSTREAMS_MAX) {
        let message = format!("more than {WORKSTREAMS_MAX} workstreams");
        let diagnostic = Diagnostic::new(&diagnostics::too_many::CODE, first.id.span, message);
        diagnostics.push(diagnostic.help("split the project"));
        gathered.workstreams.truncate(WORKSTREAMS_MAX);
    }
}

fn pools(gathered: &Gathered<'_>) -> BTreeMap<String, u32> {
    let mut pools = BTreeMap::from([("ai".to_owned(), AI_POOL_PLACES)]);
    pools.extend(gathered.pools.iter().map(|(name, places)| (name.value.to_string(), places.value)));
    pools
}

/// The tool that the command line, else `override`, puts in place of all; unknown ones are reported.
fn imposed(
    gathered: &Gathered<'_>,
    toolbox: &Toolbox,
    options: &Overrides,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<String> {
    if let Some(default) = gathered.default_tool {
        toolbox.resolve(default, None, diagnostics);
    }
    if let Some(over) = gathered.override_tool {
        toolbox.resolve(over, None, diagnostics);
    }
    if let Some(name) = &options.tool {
        if toolbox.asked(name).is_none() {
            let mut diagnostic = toolbox.unknown(name);
            diagnostic.message = format!("--tool {name}: {}", diagnostic.message);
            diagnostics.push(diagnostic);
        }
        return Some(name.clone());
    }
    gathered.override_tool.map(|over| over.value.to_string())
}

fn allowed_overlaps(gathered: &Gathered<'_>, names: &Names<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    for pair in &gathered.allow_overlaps {
        let mut found = Vec::new();
        for text in [&pair.left, &pair.right] {
            match names.find(&text.value) {
                Found::One(at) => found.push(at),
                Found::Several(candidates) => diagnostics.push(ambiguous(text, &candidates)),
                Found::Nothing => diagnostics.push(no_workstream(text, names)),
            }
        }
        if let [one, other] = found.as_slice() {
            allowed.push(Allowed { left: *one.min(other), right: *one.max(other), span: pair.left.span });
        }
    }
    allowed
}

fn pairs(allowed: &[Allowed], ids: &[&str]) -> Vec<(WorkstreamId, WorkstreamId)> {
    let mut pairs: Vec<_> = allowed.iter().map(|pair| (ids[pair.left].into(), ids[pair.right].into())).collect();
    pairs.sort();
    pairs.dedup();
    pairs
}

/// A prefix that fits several names.
fn ambiguous(text: &Text, candidates: &[&str]) -> Diagnostic {
    let message = format!("`{}` may be {}", text.value, list(candidates));
    Diagnostic::new(&diagnostics::ambiguous_name::CODE, text.span, message).help("write more of the name")
}

/// A circle, its path with the place of every dependency.
fn cycle<'a>(path: &[(usize, Span)], name: impl Fn(usize) -> &'a str) -> Diagnostic {
    let names: Vec<&str> = path.iter().chain(path.first()).map(|(at, _)| name(*at)).collect();
    let message = format!("dependency cycle: {}", names.join(" -> "));
    let code = &diagnostics::dependency_cycle::CODE;
    let mut diagnostic = Diagnostic {
        code,
        message,
        labels: Vec::new(),
        help: Some("remove one of these dependencies".into()),
        subject: None,
    };
    for (pair, (_, span)) in names.windows(2).zip(path) {
        diagnostic = diagnostic.label(*span, format!("`{}` waits for `{}`", pair[0], pair[1]));
    }
    diagnostic.subject = names.first().map(|name| (*name).to_owned());
    diagnostic
}
