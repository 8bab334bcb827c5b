//! Rules and tools.
//!
//! Nothing about a particular linter or agent is known.

use std::collections::BTreeMap;

use super::node::Node;
use super::project::inside;
use super::reader::Reader;
use super::table;
use crate::base::span::Spanned;
use crate::syntax::definition::{
    CommandDefinition, EnvironmentDefinition, ParserDefinition, PatienceDefinition, RuleDefinition, Text,
    ToolDefinition,
};

impl Reader<'_> {
    pub(super) fn rule(&mut self, node: &Node) -> Option<RuleDefinition> {
        let name = self.one(node);
        let owner = self.owner(node, name.as_ref());
        let mut rule = RuleDefinition {
            name: Text::new("".into(), node.name.span),
            about: None,
            files: Vec::new(),
            looks_in: None,
            command: None,
            exit_clean: Vec::new(),
            exit_findings: Vec::new(),
            parsers: Vec::new(),
            categories: Vec::new(),
            severities: Vec::new(),
            broken: Vec::new(),
            check: None,
            optional: false,
            each_file: false,
            hide_source: false,
            patience: PatienceDefinition::default(),
            fix: Vec::new(),
            inputs: Vec::new(),
            reads: None,
            missing: None,
            version: None,
            install: Vec::new(),
            timeout: None,
            span: node.span,
        };
        for (field, child) in self.fields(&owner, inside(node), table::RULE) {
            self.rule_field(field.name, child, &mut rule);
        }
        rule.name = name?;
        Some(rule)
    }

    fn rule_field(&mut self, name: &str, node: &Node, rule: &mut RuleDefinition) {
        match name {
            "about" => rule.about = self.one(node),
            "files" => {
                rule.files.extend(self.many(node));
                rule.looks_in = self.property_text(node, "in").or(rule.looks_in.take());
            }
            "run" | "shell" => self.command(&mut rule.command, node),
            "exit" => {
                for (field, child) in self.fields("`exit`", inside(node), table::EXIT) {
                    let numbers = self.exit_codes(child);
                    match field.name {
                        "clean" => rule.exit_clean.extend(numbers),
                        _ => rule.exit_findings.extend(numbers),
                    }
                }
            }
            "broken" => rule.broken.extend(self.many(node)),
            "check" => rule.check = self.one(node),
            "parse" => rule.parsers.extend(self.parser(node)),
            "category" => rule.categories.push(self.many(node)),
            "severity" => rule.severities.push(self.many(node)),
            "optional" => rule.optional = self.flag(node).is_some_and(|flag| flag.value),
            "each-file" => rule.each_file = self.flag(node).is_some_and(|flag| flag.value),
            "hide-source" => rule.hide_source = self.flag(node).is_some_and(|flag| flag.value),
            "fix" => rule.fix.extend(self.command_block(node)),
            "inputs" => rule.inputs.extend(self.many(node)),
            "reads" => rule.reads = self.one(node),
            "missing" => rule.missing = self.one(node),
            "version" => rule.version = self.command_block(node),
            "install" => rule.install.extend(self.many(node)),
            "idle" => rule.patience.idle = self.one(node),
            "quota" => self.quota(node, &mut rule.patience),
            _ => rule.timeout = self.one(node),
        }
    }

    /// `quota { exit 75; says "rate limit" }`.
    fn quota(&mut self, node: &Node, patience: &mut PatienceDefinition) {
        for (field, child) in self.fields("`quota`", inside(node), table::QUOTA) {
            match field.name {
                "exit" => patience.exit.extend(self.exit_codes(child)),
                _ => patience.says.extend(self.many(child)),
            }
        }
    }

    fn exit_codes(&mut self, node: &Node) -> Vec<Spanned<i32>> {
        node.arguments.iter().filter_map(|value| self.number(value, 0)).collect()
    }

    fn parser(&mut self, node: &Node) -> Option<ParserDefinition> {
        let kind = self.one(node);
        let (mut fields, mut only) = (BTreeMap::new(), Vec::new());
        for (field, child) in self.fields("`parse`", inside(node), table::PARSER) {
            match field.name {
                "where" => only.push(self.many(child)),
                _ => fields.extend(self.one(child).map(|text| (field.name.to_owned(), text))),
            }
        }
        Some(ParserDefinition { kind: kind?, fields, only, span: node.span })
    }

    /// `fix { run … }`.
    fn command_block(&mut self, node: &Node) -> Option<CommandDefinition> {
        let owner = format!("`{}`", node.name.value);
        let mut command = None;
        for (_, child) in self.fields(&owner, inside(node), table::COMMAND) {
            self.command(&mut command, child);
        }
        command
    }

    pub(super) fn tool(&mut self, node: &Node) -> Option<ToolDefinition> {
        let name = self.one(node);
        let owner = self.owner(node, name.as_ref());
        let mut tool = ToolDefinition {
            name: Text::new("".into(), node.name.span),
            about: None,
            kind: None,
            can: Vec::new(),
            pool: None,
            timeout: None,
            cost: None,
            patience: PatienceDefinition::default(),
            command: None,
            version: None,
            secrets: Vec::new(),
            observes: None,
            per: None,
            on_base_change: None,
            recordings: None,
            environment: EnvironmentDefinition::default(),
            variables: Vec::new(),
            span: node.span,
        };
        for (field, child) in self.fields(&owner, inside(node), table::TOOL) {
            match field.name {
                "about" => tool.about = self.one(child),
                "kind" => tool.kind = self.one(child),
                "can" => tool.can.extend(self.many(child)),
                "pool" => tool.pool = self.one(child),
                "timeout" => tool.timeout = self.one(child),
                "cost" => tool.cost = self.one(child),
                "idle" => tool.patience.idle = self.one(child),
                "quota" => self.quota(child, &mut tool.patience),
                "run" | "shell" => self.command(&mut tool.command, child),
                "version" => tool.version = self.command_block(child),
                "secrets" => tool.secrets.extend(self.many(child)),
                "observes" => tool.observes = self.one(child),
                "per" => tool.per = self.one(child),
                "on-base-change" => tool.on_base_change = self.one(child),
                "recordings" => tool.recordings = self.one(child),
                "env" => self.environment(child, &mut tool.environment),
                _ => tool.variables.extend(self.variables(child)),
            }
        }
        tool.name = name?;
        Some(tool)
    }
}
