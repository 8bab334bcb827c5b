//! Workstreams: dependencies, gates, tool, setups and rules resolved; scopes read.
//!
//! Does not compare scopes with each other or with the tree; that is `scope`.

use crate::analysis::breaker::{Breaker, Breakers};
use crate::analysis::diagnostics::{
    later_gate, redundant_dependency, self_dependency, unknown_rule, unknown_workstream,
};
use crate::analysis::lower::tasks::{Room, no_setup};
use crate::analysis::lower::template::{Lookup, literal};
use crate::analysis::lower::tools::{Toolbox, on_base_change};
use crate::analysis::lower::words::{cost_micros, duration_ms, word};
use crate::analysis::names::{Found, Names};
use crate::analysis::order::{Closure, Edge, Order, Redundancy, redundant};
use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{AcceptanceTest, OnBaseChange, Prove, Rule, Workstream};
use crate::analysis::scope::entry::{Entry, patterns, read_all};
use crate::analysis::{ambiguous, cycle};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{RuleName, SetupName, ToolName, WorkstreamId};
use crate::base::path::Pattern;
use crate::syntax::definition::{BreakerDefinition, TestDefinition, Text, WorkstreamDefinition};

/// Properties that an acceptance test may use.
const TEST_PROPERTIES: [Property; 2] = [Property::Worktree, Property::Workstream];

/// What the outcome of a test on the base may be for.
pub const PROVE: [(&str, Prove); 3] = [("red-first", Prove::RedFirst), ("shown", Prove::Shown), ("off", Prove::Off)];

/// Workstreams as numbered nodes: what waits for what.
#[derive(Debug)]
pub struct Waiting {
    /// Dependencies of each, as written, resolved.
    pub edges: Vec<Vec<Edge>>,
    /// Their order.
    pub order: Order,
    /// All that each waits for.
    pub closure: Closure,
}

/// Resolves dependencies; reports unknown, ambiguous, circular and redundant ones.
pub fn waiting(definitions: &[&WorkstreamDefinition], names: &Names<'_>, diagnostics: &mut Vec<Diagnostic>) -> Waiting {
    let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(definitions.len());
    for (at, definition) in definitions.iter().enumerate() {
        let subject = &definition.id.value;
        let mut own = Vec::new();
        for text in &definition.depends_on {
            match names.find(&text.value) {
                Found::One(to) if to == at => {
                    let message = format!("`{subject}` waits for itself");
                    let diagnostic = Diagnostic::new(&self_dependency::CODE, text.span, message);
                    diagnostics.push(diagnostic.help("remove the entry").about(subject));
                }
                Found::One(to) => own.push(Edge { to, span: text.span }),
                Found::Several(candidates) => diagnostics.push(ambiguous(text, &candidates).about(subject)),
                Found::Nothing => diagnostics.push(no_workstream(text, names).about(subject)),
            }
        }
        edges.push(own);
    }
    let order = Order::of(&edges);
    let name = |at: usize| definitions[at].id.value.as_str();
    for path in &order.cycles {
        diagnostics.push(cycle(path, name));
    }
    let closure = Closure::of(&edges, &order);
    for (at, own) in edges.iter().enumerate() {
        for (edge, redundancy) in redundant(own, &closure) {
            if order.in_cycle(at, edge.to) {
                continue;
            }
            let code = &redundant_dependency::CODE;
            let diagnostic = match redundancy {
                Redundancy::Repeated(first) => {
                    Diagnostic::new(code, edge.span, format!("`{}` is listed twice", name(edge.to)))
                        .label(first, "first here")
                }
                Redundancy::Implied(through) => {
                    let message = format!("`{}` is waited for through `{}` anyway", name(edge.to), name(through));
                    Diagnostic::new(code, edge.span, message)
                }
            };
            diagnostics.push(diagnostic.help("remove the entry").about(name(at)));
        }
    }
    Waiting { edges, order, closure }
}

/// A workstream that is not there.
pub fn no_workstream(text: &Text, names: &Names<'_>) -> Diagnostic {
    // A prefix that stops inside a part is the commonest slip: say which name it begins.
    let help = match names.beginning_with(&text.value).filter(|_| !text.value.is_empty()) {
        Some(known) => format!("a prefix ends at a `-`: write `{known}`"),
        None => names.suggest(&text.value, "add its bundle to workstreams/"),
    };
    Diagnostic::new(&unknown_workstream::CODE, text.span, format!("no workstream `{}`", text.value)).help(help)
}

/// Gates: as written, else the latest of what is waited for, else 1.
fn gates(definitions: &[&WorkstreamDefinition], waiting: &Waiting, diagnostics: &mut Vec<Diagnostic>) -> Vec<u32> {
    let mut gates = vec![1; definitions.len()];
    for at in &waiting.order.sorted {
        let definition = definitions[*at];
        let own = waiting.edges[*at].iter().filter(|edge| !waiting.order.in_cycle(*at, edge.to));
        let Some(gate) = &definition.gate else {
            gates[*at] = own.map(|edge| gates[edge.to]).max().unwrap_or(1);
            continue;
        };
        gates[*at] = gate.value;
        for edge in own.filter(|edge| gates[edge.to] > gate.value) {
            let other = definitions[edge.to];
            let message = format!(
                "`{}` has gate {} and waits for `{}` of gate {}",
                definition.id.value, gate.value, other.id.value, gates[edge.to]
            );
            let mut diagnostic = Diagnostic::new(&later_gate::CODE, edge.span, message)
                .label(gate.span, format!("gate {}", gate.value))
                .help("raise this gate, lower the other, or remove the dependency")
                .about(&definition.id.value);
            if let Some(later) = &other.gate {
                diagnostic = diagnostic.label(later.span, format!("gate {}", later.value));
            }
            diagnostics.push(diagnostic);
        }
    }
    gates
}

/// A workstream with the places of its scope.
#[derive(Debug)]
pub struct Scoped {
    /// `files_scope`.
    pub scope: Vec<Entry>,
    /// `files_create`.
    pub create: Vec<Entry>,
}

/// What workstreams are resolved against.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Variables, pools, timeouts, listing.
    pub room: Room<'a>,
    /// Tools and routes.
    pub toolbox: &'a Toolbox,
    /// Rules by name.
    pub rules: &'a [Rule],
    /// The tool or capability that the command line or `override` puts in place of all.
    pub imposed: Option<&'a str>,
}

/// Makes workstreams of what is defined, by id, with the places of their scopes.
pub fn lower_all(
    known: Known<'_>,
    waiting: &Waiting,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Workstream>, Vec<Scoped>) {
    let definitions = &known.room.gathered.workstreams;
    let gates = gates(definitions, waiting, diagnostics);
    let setups = Names::new(known.room.gathered.setups.iter().map(|setup| setup.name.value.as_str()));
    let rules = Names::new(known.rules.iter().map(|rule| rule.name.as_str()));
    let (mut workstreams, mut scopes) = (Vec::new(), Vec::new());
    for (at, definition) in definitions.iter().enumerate() {
        let mut depends_on: Vec<WorkstreamId> =
            waiting.edges[at].iter().map(|edge| WorkstreamId(definitions[edge.to].id.value.clone())).collect();
        depends_on.sort();
        depends_on.dedup();
        let scoped = Scoped {
            scope: read_all(&definition.files_scope, known.room.listing, diagnostics),
            create: read_all(&definition.files_create, None, diagnostics),
        };
        let (asked_tool, tools) = tool(definition, known, diagnostics);
        let mut workstream = lower(definition, known, diagnostics);
        workstream.gate = gates[at];
        workstream.depends_on = depends_on;
        workstream.files_scope = unique(&scoped.scope);
        workstream.files_create = unique(&scoped.create);
        let first = tools.first().and_then(|name| known.toolbox.tool(name.as_str()));
        workstream.timeout_ms = first.and_then(|tool| tool.timeout_ms);
        workstream.on_base_change = on_base_change(definition.on_base_change.as_ref(), diagnostics)
            .or(first.map(|tool| tool.on_base_change))
            .unwrap_or(OnBaseChange::Carry);
        workstream.asked_tool = asked_tool;
        workstream.fixers = known.toolbox.fixers(&tools, known.imposed.is_some());
        workstream.tools = tools;
        workstream.setups = own_setups(definition, known, &setups, diagnostics);
        workstream.rules = own_rules(definition, known, &rules, diagnostics);
        workstreams.push(workstream);
        scopes.push(scoped);
    }
    (workstreams, scopes)
}

/// Patterns, sorted: a scope is a set.
fn unique(entries: &[Entry]) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> = entries.iter().map(|entry| entry.pattern.clone()).collect();
    patterns.sort();
    patterns.dedup();
    patterns
}

/// Command line, `override`, the workstream's own, defaults; its own must be known even where it is not asked.
fn tool(
    definition: &WorkstreamDefinition,
    known: Known<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (String, Vec<ToolName>) {
    let toolbox = known.toolbox;
    let own = definition.tool.as_ref().and_then(|tool| {
        let tools = toolbox.resolve(tool, Some(&definition.id.value), diagnostics)?;
        Some((tool.value.to_string(), tools))
    });
    if let Some(imposed) = known.imposed {
        return (imposed.to_owned(), toolbox.asked(imposed).unwrap_or_default());
    }
    own.unwrap_or_else(|| {
        let name = match (&definition.tool, known.room.gathered.default_tool) {
            (Some(own), _) => return (own.value.to_string(), Vec::new()),
            (None, Some(default)) => default.value.as_str(),
            (None, None) => toolbox.fallback(),
        };
        (name.to_owned(), toolbox.asked(name).unwrap_or_default())
    })
}

fn own_setups(
    definition: &WorkstreamDefinition,
    known: Known<'_>,
    names: &Names<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<SetupName> {
    let all = &known.room.gathered.setups;
    if definition.setups.is_empty() {
        return all.iter().map(|setup| SetupName(setup.name.value.clone())).collect();
    }
    let mut places: Vec<usize> = Vec::new();
    for name in &definition.setups {
        match names.exact(&name.value) {
            Some(at) => places.push(at),
            None => diagnostics.push(no_setup(&name.value, name.span, names).about(&definition.id.value)),
        }
    }
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|at| SetupName(all[at].name.value.clone())).collect()
}

/// All rules that are looked over but those that it skips.
fn own_rules(
    definition: &WorkstreamDefinition,
    known: Known<'_>,
    names: &Names<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<RuleName> {
    for name in definition.skip_rules.iter().filter(|name| names.exact(&name.value).is_none()) {
        let help = names.suggest(&name.value, "remove the entry");
        let message = format!("no rule `{}`", name.value);
        let diagnostic = Diagnostic::new(&unknown_rule::CODE, name.span, message).help(help);
        diagnostics.push(diagnostic.about(&definition.id.value));
    }
    let skipped = |rule: &str| definition.skip_rules.iter().any(|skip| skip.value == rule);
    let mut rules: Vec<RuleName> = known
        .rules
        .iter()
        .filter(|rule| rule.looked_over && !skipped(rule.name.as_str()))
        .map(|rule| rule.name.clone())
        .collect();
    rules.sort();
    rules
}

/// The fields that need no other workstream; the caller fills in the rest.
fn lower(definition: &WorkstreamDefinition, known: Known<'_>, diagnostics: &mut Vec<Diagnostic>) -> Workstream {
    let id = &definition.id.value;
    let listing = known.room.listing;
    let lookup = Lookup::new(known.room.globals, &definition.variables, id, diagnostics);
    let mut keep = patterns(&definition.keep, listing, diagnostics);
    let shared: Vec<Text> = known.room.gathered.keep.iter().map(|text| (*text).clone()).collect();
    // What all share is reported once, where it is read for the project.
    keep.extend(patterns(&shared, listing, &mut Vec::new()));
    keep.sort();
    keep.dedup();
    let mut pins = patterns(&definition.pins, listing, diagnostics);
    let shared: Vec<Text> = known.room.gathered.pins.iter().map(|text| (*text).clone()).collect();
    pins.extend(patterns(&shared, listing, &mut Vec::new()));
    pins.sort();
    pins.dedup();
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.value.to_string());
    Workstream {
        id: WorkstreamId(id.clone()),
        title: text(&definition.title),
        change: text(&definition.change),
        issue: text(&definition.issue),
        gate: 1,
        files_scope: Vec::new(),
        files_create: Vec::new(),
        context: patterns(&definition.context, listing, diagnostics),
        instructions: definition.instructions.iter().map(|text| text.value.to_string()).collect(),
        tests: definition.acceptance_tests.iter().map(|test| self::test(test, &lookup, known, diagnostics)).collect(),
        depends_on: Vec::new(),
        asked_tool: String::new(),
        tools: Vec::new(),
        setups: Vec::new(),
        rules: Vec::new(),
        on_base_change: OnBaseChange::Carry,
        keep,
        pins,
        environment: lookup.environment(&definition.environment, diagnostics),
        timeout_ms: None,
        fixers: Vec::new(),
        breakers: breakers(definition.breaker.clone().or(&known.room.gathered.breaker), diagnostics),
        metadata: definition.metadata.clone(),
    }
}

fn test(
    definition: &TestDefinition,
    lookup: &Lookup<'_>,
    known: Known<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> AcceptanceTest {
    let (command, inputs) = if definition.substituted {
        let command = lookup.command(&definition.command, &TEST_PROPERTIES, diagnostics);
        (command, lookup.plains(&definition.inputs, diagnostics))
    } else {
        (literal(&definition.command), definition.inputs.clone())
    };
    AcceptanceTest {
        command,
        inputs: patterns(&inputs, known.room.listing, diagnostics),
        timeout_ms: duration_ms(definition.timeout.as_ref(), diagnostics).or(Some(known.room.timeouts.other_ms)),
        prove: word(definition.prove.as_ref(), &PROVE, diagnostics)
            .or_else(|| word(known.room.gathered.default_prove, &PROVE, &mut Vec::new()))
            .unwrap_or(Prove::Shown),
        flaky_allowed: word(definition.flaky.as_ref(), &[("fail", false), ("allow", true)], diagnostics)
            .unwrap_or(false),
    }
}

fn breakers(said: BreakerDefinition, diagnostics: &mut Vec<Diagnostic>) -> Breakers {
    let built_in = Breakers::default();
    let number = |said: &Option<crate::base::span::Spanned<u32>>| said.as_ref().map(|number| number.value);
    let of_kind = |own: &Option<Box<BreakerDefinition>>, built_in: Breaker| {
        let own = own.as_deref().cloned().unwrap_or_default().or(&said);
        Breaker {
            max_attempts: number(&own.max_attempts).unwrap_or(built_in.max_attempts),
            max_fixes: number(&own.max_fixes).unwrap_or(built_in.max_fixes),
            max_error_repeats: number(&own.max_error_repeats).unwrap_or(built_in.max_error_repeats),
        }
    };
    Breakers {
        lint: of_kind(&said.lint, built_in.lint),
        test: of_kind(&said.test, built_in.test),
        oscillation_threshold: number(&said.oscillation_threshold).unwrap_or(built_in.oscillation_threshold),
        oscillation_window: number(&said.oscillation_window).unwrap_or(built_in.oscillation_window),
        max_time_ms: duration_ms(said.max_time.as_ref(), diagnostics),
        max_cost_micros: cost_micros(said.max_cost.as_ref(), diagnostics),
    }
}
