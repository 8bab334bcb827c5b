//! Setups, tasks and workstreams.
//!
//! Paths, durations and names stay as they were written.

use super::node::{Kind, Node};
use super::project::inside;
use super::reader::Reader;
use super::table;
use super::traps::short;
use crate::base::diagnostic::Diagnostic;
use crate::base::span::Span;
use crate::syntax::definition::{
    BreakerDefinition, CommandDefinition, EnvironmentDefinition, OutputDefinition, SetupDefinition, TaskDefinition,
    TestDefinition, Text, WorkstreamDefinition,
};
use crate::syntax::diagnostics as codes;
use crate::syntax::workstream_id;

impl Reader<'_> {
    /// What is said of a named node: `task "test"`.
    pub(super) fn owner(&self, node: &Node, name: Option<&Text>) -> String {
        match name {
            Some(name) => format!("{} `{}`", node.name.value, short(&name.value)),
            None => format!("`{}`", node.name.value),
        }
    }

    /// Keeps `run` or `shell`; both are one too many.
    pub(super) fn command(&mut self, slot: &mut Option<CommandDefinition>, node: &Node) {
        let command = match node.name.value.as_str() {
            "run" => {
                let argv = self.argv(node);
                (!argv.is_empty()).then_some(CommandDefinition::Run(argv))
            }
            _ => self.one(node).map(CommandDefinition::Shell),
        };
        if let Some(earlier) = slot {
            let earlier = match earlier {
                CommandDefinition::Run(argv) => argv.first().map(|text| text.span),
                CommandDefinition::Shell(text) => Some(text.span),
            };
            let message = "`run` and `shell` are given together";
            let mut diagnostic = Diagnostic::new(&codes::conflicting_fields::CODE, node.name.span, message)
                .help("Keep one of them; several programs in a row are one `shell` text with `&&`");
            if let Some(earlier) = earlier {
                diagnostic = diagnostic.label(earlier, "the other");
            }
            self.say(diagnostic);
            return;
        }
        *slot = command;
    }

    pub(super) fn setup(&mut self, node: &Node) -> Option<SetupDefinition> {
        let name = self.one(node);
        let owner = self.owner(node, name.as_ref());
        let mut setup = SetupDefinition {
            name: Text::new("".into(), node.name.span),
            command: None,
            inputs: Vec::new(),
            bin: Vec::new(),
            per: self.property_text(node, "per"),
            timeout: None,
            environment: EnvironmentDefinition::default(),
            variables: Vec::new(),
            span: node.span,
        };
        for (field, child) in self.fields(&owner, inside(node), table::SETUP) {
            match field.name {
                "run" | "shell" => self.command(&mut setup.command, child),
                "inputs" => setup.inputs.extend(self.many(child)),
                "bin" => setup.bin.extend(self.many(child)),
                "per" => setup.per = self.one(child),
                "timeout" => setup.timeout = self.one(child),
                "env" => self.environment(child, &mut setup.environment),
                _ => setup.variables.extend(self.variables(child)),
            }
        }
        setup.name = name?;
        Some(setup)
    }

    pub(super) fn task(&mut self, node: &Node) -> Option<TaskDefinition> {
        let name = self.one(node);
        let owner = self.owner(node, name.as_ref());
        let mut task = TaskDefinition::empty(Text::new("".into(), node.name.span), node.span);
        for (field, child) in self.fields(&owner, inside(node), table::TASK) {
            match field.name {
                "about" => task.about = self.one(child),
                "depends-on" => task.depends_on.extend(self.many(child)),
                "dir" => task.dir = self.one(child),
                "run" | "shell" => self.command(&mut task.command, child),
                "inputs" => task.inputs.extend(self.many(child)),
                "outputs" => task.outputs.extend(self.outputs(child)),
                "in-place" => task.in_place = self.flag(child).is_some_and(|flag| flag.value),
                "depfile" => task.depfile = self.one(child),
                "env" => self.environment(child, &mut task.environment),
                "let" => task.variables.extend(self.variables(child)),
                "pool" => task.pool = self.one(child),
                "jobserver" => task.jobserver = self.flag(child).map(|flag| flag.value),
                _ => task.timeout = self.one(child),
            }
        }
        task.name = name?;
        Some(task)
    }

    fn outputs(&mut self, node: &Node) -> Vec<OutputDefinition> {
        let written = node.properties.iter().find(|(key, _)| key.value == "store");
        let store = written.and_then(|(_, value)| self.flag_value(value)).unwrap_or(true);
        self.many(node).into_iter().map(|path| OutputDefinition { path, store }).collect()
    }

    pub(super) fn workstream(&mut self, node: &Node) -> Option<WorkstreamDefinition> {
        let id = self.one(node);
        let owner = self.owner(node, id.as_ref());
        if let Some(id) = &id
            && let Some(diagnostic) = workstream_id::fault(id)
        {
            self.say(diagnostic);
        }
        let mut workstream = empty_workstream(node.name.span, node.span);
        let fields = self.fields(&owner, inside(node), table::WORKSTREAM);
        for (field, child) in &fields {
            self.workstream_field(field.name, child, &mut workstream);
        }
        let has = |name: &str| fields.iter().any(|(field, _)| field.name == name);
        if !has("files-scope") && node.children.is_some() {
            let message = format!("{owner} lacks `files-scope`");
            let span = id.as_ref().map_or(node.name.span, |id| id.span);
            let diagnostic = Diagnostic::new(&codes::missing_field::CODE, span, message)
                .help("Say which files it may change: `files-scope \"src/a.py\"`")
                .about(id.as_ref().map(|id| id.value.clone()).unwrap_or_default());
            self.say(diagnostic);
        }
        workstream.id = id?;
        Some(workstream)
    }

    fn workstream_field(&mut self, name: &str, node: &Node, workstream: &mut WorkstreamDefinition) {
        match name {
            "title" => workstream.title = self.one(node),
            "openspec-change" => workstream.change = self.one(node),
            "ccpm-issue" => workstream.issue = self.one(node),
            "gate" => workstream.gate = self.count(node, 1),
            "files-scope" => workstream.files_scope.extend(self.many(node)),
            "files-create" => workstream.files_create.extend(self.many(node)),
            "context" => workstream.context.extend(self.many(node)),
            "tasks" => workstream.instructions.extend(self.many(node)),
            "acceptance-tests" => workstream.acceptance_tests.extend(self.tests(node)),
            "depends-on" => workstream.depends_on.extend(self.many(node)),
            "tool" => workstream.tool = self.one(node),
            "setups" => workstream.setups.extend(self.many(node)),
            "skip-rules" => workstream.skip_rules.extend(self.many(node)),
            "on-base-change" => workstream.on_base_change = self.one(node),
            "keep" => workstream.keep.extend(self.many(node)),
            "pins" => workstream.pins.extend(self.many(node)),
            "env" => self.environment(node, &mut workstream.environment),
            "let" => workstream.variables.extend(self.variables(node)),
            "circuit-breaker" => workstream.breaker = self.breaker(node),
            _ => workstream.metadata = Some(self.metadata(inside(node)).to_string()),
        }
    }

    fn tests(&mut self, node: &Node) -> Vec<TestDefinition> {
        let mut tests = Vec::new();
        for (_, child) in self.fields("`acceptance-tests`", inside(node), table::TESTS) {
            let mut command = None;
            self.command(&mut command, child);
            let (mut inputs, mut timeout, mut prove, mut flaky) = (Vec::new(), None, None, None);
            let children = inside(child);
            if let [only] = children
                && only.arguments.is_empty()
                && only.children.is_none()
                && !table::TEST.iter().any(|field| field.name == only.name.value)
            {
                self.children(child, children);
            } else {
                for (field, entry) in self.fields("this test", children, table::TEST) {
                    match field.name {
                        "inputs" => inputs.extend(self.many(entry)),
                        "prove" => prove = self.one(entry),
                        "flaky" => flaky = self.one(entry),
                        _ => timeout = self.one(entry),
                    }
                }
            }
            let span = child.span;
            let test = |command| TestDefinition { command, substituted: true, inputs, timeout, prove, flaky, span };
            tests.extend(command.map(test));
        }
        tests
    }

    /// `metadata { owner "ann"; tags "a" "b"; more { … } }` as JSON; depth is bounded by the scan.
    fn metadata(&mut self, nodes: &[Node]) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        for node in nodes {
            let mut values: Vec<serde_json::Value> =
                node.arguments.iter().map(|value| json(&value.kind, &value.source)).collect();
            let value = match (&node.children, values.len()) {
                (Some(children), _) => self.metadata(children),
                (None, 1) => values.remove(0),
                (None, _) => serde_json::Value::Array(values),
            };
            object.insert(node.name.value.to_string(), value);
        }
        serde_json::Value::Object(object)
    }
}

fn json(kind: &Kind, source: &str) -> serde_json::Value {
    match kind {
        Kind::Text(text) => serde_json::Value::String(text.clone()),
        Kind::Integer(number) => match i64::try_from(*number) {
            Ok(number) => number.into(),
            Err(_) => source.into(),
        },
        Kind::Float => source.into(),
        Kind::Bool(flag) => (*flag).into(),
        Kind::Null => serde_json::Value::Null,
    }
}

/// A workstream of which nothing is known yet.
pub(crate) fn empty_workstream(id: Span, span: Span) -> WorkstreamDefinition {
    WorkstreamDefinition {
        id: Text::new("".into(), id),
        title: None,
        change: None,
        issue: None,
        gate: None,
        files_scope: Vec::new(),
        files_create: Vec::new(),
        context: Vec::new(),
        instructions: Vec::new(),
        acceptance_tests: Vec::new(),
        depends_on: Vec::new(),
        tool: None,
        setups: Vec::new(),
        skip_rules: Vec::new(),
        on_base_change: None,
        keep: Vec::new(),
        pins: Vec::new(),
        environment: EnvironmentDefinition::default(),
        variables: Vec::new(),
        breaker: BreakerDefinition::default(),
        metadata: None,
        span,
    }
}
