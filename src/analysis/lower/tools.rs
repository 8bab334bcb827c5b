//! Tools, routes, and who is asked for a workstream's edits.
//!
//! Nothing about a particular agent is known here: only the kinds, and the built-in `manual` and `replay`.

use std::collections::BTreeMap;

use ecow::EcoString;

use crate::analysis::diagnostics::{missing_command, unknown_pool, unknown_tool};
use crate::analysis::gather::Gathered;
use crate::analysis::lower::rules::patience;
use crate::analysis::lower::template::{Globals, Lookup};
use crate::analysis::lower::words::{Timeouts, cost_micros, duration_ms, word};
use crate::analysis::names::suggest;
use crate::analysis::pipeline::program::Patience;
use crate::analysis::pipeline::template::Property;
use crate::analysis::pipeline::{Environment, Observes, OnBaseChange, Tool, ToolKind};
use crate::analysis::scope::entry::normalise;
use crate::base::diagnostic::Diagnostic;
use crate::base::name::ToolName;
use crate::syntax::definition::{Text, ToolDefinition};

/// Properties that a tool's command may use.
const PROPERTIES: [Property; 5] =
    [Property::Prompt, Property::ScopeFiles, Property::Files, Property::Worktree, Property::Workstream];

/// The capability that is asked for where nobody names a tool.
const DEFAULT_TOOL: &str = "edit";

/// Folder of recorded edits where a replay tool names none.
const RECORDINGS: &str = "recordings";

/// All tools and routes.
#[derive(Debug, Default)]
pub struct Toolbox {
    /// By name.
    pub tools: Vec<Tool>,
    /// Capability to tools, in order.
    pub routes: BTreeMap<String, Vec<ToolName>>,
}

impl Toolbox {
    /// Makes tools and routes of what is defined, with the built-in ones beside them.
    pub fn of(
        gathered: &Gathered<'_>,
        globals: &Globals<'_>,
        pools: &BTreeMap<String, u32>,
        timeouts: Timeouts,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut tools: BTreeMap<String, Tool> = [ToolKind::Manual, ToolKind::Replay]
            .map(|kind| built_in(kind, timeouts, Environment::clone(&globals.environment)))
            .into_iter()
            .map(|tool| (tool.name.to_string(), tool))
            .collect();
        for definition in &gathered.tools {
            let tool = lower(definition, globals, timeouts, diagnostics);
            check_pool(definition.pool.as_ref(), pools, diagnostics);
            tools.insert(tool.name.to_string(), tool);
        }
        let mut toolbox = Self { tools: tools.into_values().collect(), routes: BTreeMap::new() };
        for route in &gathered.routes {
            let mut names = Vec::new();
            for name in &route.tools {
                match toolbox.tool(&name.value) {
                    Some(tool) => names.push(tool.name.clone()),
                    None => {
                        let message = format!("the route `{}` names no tool `{}`", route.capability.value, name.value);
                        let help = suggest(&name.value, &toolbox.tool_names(), "declare it with `tool`");
                        diagnostics.push(Diagnostic::new(&unknown_tool::CODE, name.span, message).help(help));
                    }
                }
            }
            toolbox.routes.insert(route.capability.value.to_string(), names);
        }
        toolbox
    }

    /// A tool of this name.
    pub fn tool(&self, name: &str) -> Option<&Tool> {
        let at = self.tools.binary_search_by(|tool| tool.name.as_str().cmp(name)).ok()?;
        self.tools.get(at)
    }

    /// Who is asked under a name: the tool, or those of the capability's route.
    pub fn asked(&self, name: &str) -> Option<Vec<ToolName>> {
        match self.tool(name) {
            Some(tool) => Some(vec![tool.name.clone()]),
            None => self.routes.get(name).cloned(),
        }
    }

    /// Who is asked to fix what these tools made: the first of them, then the route `fix`; without one the others of
    /// them. Only those that `can "fix"` and are programs; an imposed tool alone has a say.
    pub fn fixers(&self, tools: &[ToolName], imposed: bool) -> Vec<ToolName> {
        let route = self.routes.get("fix").filter(|_| !imposed);
        let own = if route.is_some() { tools.get(..1).unwrap_or(tools) } else { tools };
        let able = |name: &&ToolName| {
            let tool = self.tool(name.as_str());
            tool.is_some_and(|tool| {
                matches!(tool.kind, ToolKind::Ai | ToolKind::Exec) && tool.can.iter().any(|can| can == "fix")
            })
        };
        let mut fixers: Vec<ToolName> = Vec::new();
        for name in own.iter().chain(route.into_iter().flatten()).filter(able) {
            if !fixers.contains(name) {
                fixers.push(name.clone());
            }
        }
        fixers
    }

    /// The tool or capability of workstreams that name none.
    pub fn fallback(&self) -> &'static str {
        if self.routes.contains_key(DEFAULT_TOOL) { DEFAULT_TOOL } else { "manual" }
    }

    /// Who is asked under a written name; an unknown one is reported.
    pub fn resolve(
        &self,
        name: &Text,
        subject: Option<&str>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<Vec<ToolName>> {
        let found = self.asked(&name.value);
        if found.is_none() {
            let mut diagnostic = self.unknown(&name.value);
            diagnostic.labels.push(crate::base::diagnostic::Label { span: name.span, text: String::new() });
            diagnostic.subject = subject.map(str::to_owned);
            diagnostics.push(diagnostic);
        }
        found
    }

    /// What is said of a name that is no tool.
    pub fn unknown(&self, name: &str) -> Diagnostic {
        let able: Vec<&str> = self
            .tools
            .iter()
            .filter(|tool| tool.can.iter().any(|can| can == name))
            .map(|tool| tool.name.as_str())
            .collect();
        let mut known = self.tool_names();
        known.extend(self.routes.keys().map(String::as_str));
        let help = if able.is_empty() {
            let declare = format!(
                "declare it in rules/tools.kdl: tool \"{name}\" {{ kind \"exec\"; run \"{name}\" \"{{prompt}}\" }}"
            );
            match suggest(name, &known, &declare) {
                said if said.starts_with("did") => format!("{said} Else {declare}"),
                said => said,
            }
        } else {
            format!("say who is asked for it: route \"{name}\" \"{}\"", able.join("\" \""))
        };
        Diagnostic {
            code: &unknown_tool::CODE,
            message: format!("no tool or capability `{name}`"),
            labels: Vec::new(),
            help: Some(help),
            subject: None,
        }
    }

    fn tool_names(&self) -> Vec<&str> {
        self.tools.iter().map(|tool| tool.name.as_str()).collect()
    }
}

/// Reports a pool that nobody declares; the name comes back if it is known.
pub fn check_pool(
    pool: Option<&Text>,
    pools: &BTreeMap<String, u32>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<EcoString> {
    let pool = pool?;
    if pools.contains_key(pool.value.as_str()) {
        return Some(pool.value.clone());
    }
    let known: Vec<&str> = pools.keys().map(String::as_str).collect();
    let help = suggest(&pool.value, &known, &format!("declare it: pools {{ {} 1 }}", pool.value));
    diagnostics.push(Diagnostic::new(&unknown_pool::CODE, pool.span, format!("no pool `{}`", pool.value)).help(help));
    None
}

fn built_in(kind: ToolKind, timeouts: Timeouts, environment: Environment) -> Tool {
    let name = if kind == ToolKind::Manual { "manual" } else { "replay" };
    Tool {
        name: name.into(),
        about: None,
        kind,
        can: vec!["edit".to_owned(), "fix".to_owned()],
        pool: None,
        timeout_ms: Some(timeouts.other_ms),
        cost_micros: None,
        patience: Patience::default(),
        command: None,
        version: None,
        secrets: Vec::new(),
        observes: Observes::Scope,
        per_workstream: kind == ToolKind::Manual,
        on_base_change: default_on_base_change(kind),
        recordings: RECORDINGS.to_owned(),
        environment,
    }
}

fn default_on_base_change(kind: ToolKind) -> OnBaseChange {
    match kind {
        ToolKind::Ai | ToolKind::Manual => OnBaseChange::Carry,
        ToolKind::Exec | ToolKind::Replay => OnBaseChange::Redo,
    }
}

/// `"carry"` or `"redo"`.
pub fn on_base_change(text: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> Option<OnBaseChange> {
    word(text, &[("carry", OnBaseChange::Carry), ("redo", OnBaseChange::Redo)], diagnostics)
}

fn lower(
    definition: &ToolDefinition,
    globals: &Globals<'_>,
    timeouts: Timeouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Tool {
    let name = &definition.name.value;
    let lookup = Lookup::new(globals, &definition.variables, name, diagnostics);
    let kinds =
        [("ai", ToolKind::Ai), ("exec", ToolKind::Exec), ("manual", ToolKind::Manual), ("replay", ToolKind::Replay)];
    let own_name = match name.as_str() {
        "manual" => ToolKind::Manual,
        "replay" => ToolKind::Replay,
        _ => ToolKind::Exec,
    };
    let kind = word(definition.kind.as_ref(), &kinds, diagnostics).unwrap_or(own_name);
    let runs = matches!(kind, ToolKind::Ai | ToolKind::Exec);
    if runs && definition.command.is_none() {
        let help = "add `run \"program\" \"{prompt}\"`, or kind \"manual\" or \"replay\"";
        diagnostics.push(no_command("tool", &definition.name, help));
    }
    let observes =
        word(definition.observes.as_ref(), &[("tree", Observes::Tree), ("scope", Observes::Scope)], diagnostics);
    let per = word(definition.per.as_ref(), &[("workstream", true), ("instruction", false)], diagnostics);
    let timeout_ms = duration_ms(definition.timeout.as_ref(), diagnostics);
    let recordings = definition.recordings.as_ref().map_or(RECORDINGS.to_owned(), |folder| {
        let folder = String::from(lookup.plain(folder, diagnostics).value);
        // A recordings folder may lie anywhere; one inside the project is kept tidy.
        normalise(&folder).map_or(folder, |normal| normal.path)
    });
    Tool {
        name: ToolName(name.clone()),
        about: definition.about.as_ref().map(|about| about.value.to_string()),
        kind,
        can: definition.can.iter().map(|can| can.value.to_string()).collect(),
        pool: definition.pool.as_ref().map(|pool| pool.value.to_string()),
        cost_micros: cost_micros(definition.cost.as_ref(), diagnostics),
        timeout_ms: timeout_ms.or(Some(if kind == ToolKind::Ai { timeouts.ai_ms } else { timeouts.other_ms })),
        patience: patience(&definition.patience, name, diagnostics),
        command: definition.command.as_ref().map(|command| lookup.command(command, &PROPERTIES, diagnostics)),
        version: definition.version.as_ref().map(|version| lookup.command(version, &[], diagnostics)),
        secrets: definition.secrets.iter().map(|secret| secret.value.to_string()).collect(),
        observes: observes.unwrap_or(if kind == ToolKind::Exec { Observes::Tree } else { Observes::Scope }),
        per_workstream: per.unwrap_or(kind == ToolKind::Manual),
        on_base_change: on_base_change(definition.on_base_change.as_ref(), diagnostics)
            .unwrap_or(default_on_base_change(kind)),
        recordings,
        environment: lookup.environment(&definition.environment, diagnostics),
    }
}

/// A node that needs a command and has none.
pub fn no_command(kind: &str, name: &Text, help: &str) -> Diagnostic {
    Diagnostic::new(&missing_command::CODE, name.span, format!("{kind} `{}` has nothing to run", name.value))
        .help(help)
        .about(&name.value)
}
