//! The nodes of a file: what stands at its top, and the settings of the whole project.
//!
//! Knows which file may hold which node; what tasks, workstreams and rules hold is read in `work` and `checks`.

use super::node::Node;
use super::reader::Reader;
use super::table;
use super::traps::short;
use crate::base::diagnostic::Diagnostic;
use crate::base::span::Spanned;
use crate::syntax::FileKind;
use crate::syntax::definition::{
    AllowOverlap, BreakerDefinition, DefaultsDefinition, Definitions, EnvironmentDefinition, FailOnDefinition,
    RepositoryDefinition, RouteDefinition, Text,
};
use crate::syntax::diagnostics as codes;

impl Reader<'_> {
    /// Adds what a file's nodes define.
    pub(super) fn top(&mut self, kind: FileKind, nodes: &[Node], definitions: &mut Definitions) {
        for (field, node) in self.fields("this file", nodes, table::TOP) {
            if self.is_misplaced(kind, field.name, node) {
                continue;
            }
            match field.name {
                "setup" => definitions.setups.extend(self.setup(node)),
                "task" => definitions.tasks.extend(self.task(node)),
                "workstream" => definitions.workstreams.extend(self.workstream(node)),
                "rule" => definitions.rules.extend(self.rule(node)),
                "tool" => definitions.tools.extend(self.tool(node)),
                "route" => definitions.routes.extend(self.route(node)),
                "allow-overlap" => definitions.allow_overlaps.extend(self.allow_overlap(node)),
                _ => self.setting(field.name, node, definitions),
            }
        }
    }

    fn setting(&mut self, name: &str, node: &Node, definitions: &mut Definitions) {
        match name {
            "default" => definitions.default.extend(self.many(node)),
            "repository" => definitions.repository.extend(self.repository(node)),
            "override" => {
                for (_, tool) in self.fields("`override`", inside(node), table::OVERRIDE) {
                    definitions.override_tool = self.one(tool);
                }
            }
            "defaults" => definitions.defaults = self.defaults(node),
            "let" => definitions.variables.extend(self.variables(node)),
            "env" => self.environment(node, &mut definitions.environment),
            "pools" => definitions.pools.extend(self.pools(node)),
            "include" => definitions.includes.extend(self.many(node)),
            "use" => definitions.used_rules.extend(self.many(node)),
            "skip-rules" => definitions.skipped_rules.extend(self.many(node)),
            "gates" => definitions.gates = self.one(node),
            "keep" => definitions.keep.extend(self.many(node)),
            "memory" => definitions.memory = self.one(node),
            "pins" => definitions.pins.extend(self.many(node)),
            "strict" => definitions.strict = self.flag(node),
            "fail-on" => {
                let mut text = |key| self.property_text(node, key);
                definitions.fail_on.push(FailOnDefinition {
                    severity: text("severity"),
                    category: text("category"),
                    code: text("code"),
                    rule: text("rule"),
                });
            }
            _ => {}
        }
    }

    fn is_misplaced(&mut self, kind: FileKind, name: &str, node: &Node) -> bool {
        let help = match kind {
            FileKind::Rules if !table::IN_RULES.contains(&name) => {
                "Files in rules/ hold `rule`, `tool` and `route`; move it to Pipelinefile.kdl"
            }
            FileKind::Workstreams if !table::IN_WORKSTREAMS.contains(&name) => {
                "Files in workstreams/ hold `workstream` and `allow-overlap`; move it to Pipelinefile.kdl"
            }
            FileKind::Include if table::NOT_INCLUDED.contains(&name) => {
                "It is the whole project's: move it to Pipelinefile.kdl"
            }
            _ => return false,
        };
        let message = format!("`{name}` does not belong in this file");
        let diagnostic = Diagnostic::new(&codes::misplaced_node::CODE, node.name.span, message).help(help);
        self.say(diagnostic);
        true
    }

    fn repository(&mut self, node: &Node) -> Option<RepositoryDefinition> {
        let path = self.one(node);
        let (mut base, mut seed) = (None, None);
        for (field, child) in self.fields("`repository`", inside(node), table::REPOSITORY) {
            match field.name {
                "base" => base = self.one(child),
                _ => seed = self.one(child),
            }
        }
        Some(RepositoryDefinition { path: path?, base, seed, span: node.span })
    }

    fn defaults(&mut self, node: &Node) -> DefaultsDefinition {
        let mut defaults = DefaultsDefinition::default();
        for (field, child) in self.fields("`defaults`", inside(node), table::DEFAULTS) {
            match field.name {
                "tool" => defaults.tool = self.one(child),
                "timeout" => defaults.timeout = self.one(child),
                "prove" => defaults.prove = self.one(child),
                "missing" => defaults.missing = self.one(child),
                _ => defaults.breaker = self.breaker(child),
            }
        }
        defaults
    }

    pub(super) fn breaker(&mut self, node: &Node) -> BreakerDefinition {
        self.limits(node, table::BREAKER)
    }

    /// The limits that a table knows; those of one kind of step hold no further blocks.
    fn limits(&mut self, node: &Node, known: &'static [table::Field]) -> BreakerDefinition {
        let mut breaker = BreakerDefinition::default();
        let owner = format!("`{}`", short(&node.name.value));
        for (field, child) in self.fields(&owner, inside(node), known) {
            match field.name {
                "max-attempts" => breaker.max_attempts = self.count(child, 1),
                "max-fixes" => breaker.max_fixes = self.count(child, 0),
                "max-error-repeats" => breaker.max_error_repeats = self.count(child, 0),
                "oscillation-threshold" => breaker.oscillation_threshold = self.count(child, 0),
                "oscillation-window" => breaker.oscillation_window = self.count(child, 1),
                "max-time" => breaker.max_time = self.one(child),
                "max-cost" => breaker.max_cost = self.one(child),
                "lint" => breaker.lint = Some(Box::new(self.limits(child, table::BREAKER_OF_KIND))),
                _ => breaker.test = Some(Box::new(self.limits(child, table::BREAKER_OF_KIND))),
            }
        }
        breaker
    }

    /// `let { python "3.12" }`; a value may be empty.
    pub(super) fn variables(&mut self, node: &Node) -> Vec<(Text, Text)> {
        let pairs = self.pairs("`let`", inside(node), |_| false);
        pairs.into_iter().filter_map(|(name, value)| Some((name, self.value_text(value)?))).collect()
    }

    /// `env { NAME "value"; pass "CARGO_*" }`; a value may be empty.
    pub(super) fn environment(&mut self, node: &Node, environment: &mut EnvironmentDefinition) {
        let pass = table::Field { name: "pass", shape: table::Shape::Many, repeats: true, properties: &[] };
        for child in inside(node).iter().filter(|child| child.name.value == "pass") {
            self.shape(child, pass);
            environment.pass.extend(self.many(child));
        }
        for (name, value) in self.pairs("`env`", inside(node), |name| name == "pass") {
            environment.set.extend(self.value_text(value).map(|value| (name, value)));
        }
    }

    fn pools(&mut self, node: &Node) -> Vec<(Text, Spanned<u32>)> {
        let pairs = self.pairs("`pools`", inside(node), |_| false);
        pairs.into_iter().filter_map(|(name, value)| Some((name, self.number(value, 1)?))).collect()
    }

    fn allow_overlap(&mut self, node: &Node) -> Option<AllowOverlap> {
        let mut names = self.many(node).into_iter();
        let reason = self.property_text(node, "reason");
        match (names.next(), names.next(), names.next()) {
            (Some(left), Some(right), None) => Some(AllowOverlap { left, right, reason }),
            (_, _, third) => {
                let span = third.map_or(node.span, |third| third.span);
                let diagnostic =
                    Diagnostic::new(&codes::missing_value::CODE, span, "`allow-overlap` takes two workstreams")
                        .help("Write `allow-overlap \"ws-a\" \"ws-b\" reason=\"…\"`, one node a pair");
                self.say(diagnostic);
                None
            }
        }
    }

    fn route(&mut self, node: &Node) -> Option<RouteDefinition> {
        let mut tools = self.many(node);
        if tools.is_empty() {
            return None;
        }
        let capability = tools.remove(0);
        if tools.is_empty() {
            let message = format!("route `{}` names no tool", short(&capability.value));
            let diagnostic = Diagnostic::new(&codes::missing_value::CODE, node.span, message)
                .help("Write who is asked, in order: `route \"edit\" \"aider\" \"manual\"`");
            self.say(diagnostic);
        }
        Some(RouteDefinition { capability, tools, span: node.span })
    }
}

/// A node's children.
pub(super) fn inside(node: &Node) -> &[Node] {
    node.children.as_deref().unwrap_or(&[])
}
