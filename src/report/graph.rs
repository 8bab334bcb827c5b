//! The graph of steps for eyes and for programs: a tree, Graphviz' language, JSON.
//!
//! Takes the plan's steps, which name what they wait for; computes no order and no verdict.

pub mod dot;
pub mod json;
pub mod tree;

use std::collections::HashMap;

use crate::report::text::short::split_step;
use crate::summary::PlannedStep;

/// What a node of the picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A workstream, or a task.
    Workstreams,
    /// A step.
    Steps,
}

/// A workstream with its steps, or a task or setup of the project.
#[derive(Debug)]
struct Node<'a> {
    name: &'a str,
    is_workstream: bool,
    steps: Vec<&'a PlannedStep>,
    /// Indexes of other nodes, each once, in order of mention.
    depends_on: Vec<usize>,
}

/// Folds steps into the nodes of [`Detail::Workstreams`]; a name that is no step is left out.
fn nodes(steps: &[PlannedStep]) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    let mut node_of: HashMap<&str, usize> = HashMap::new();
    for step in steps {
        let name = step.workstream.as_deref().unwrap_or(&step.name);
        let at = *by_name.entry(name).or_insert_with(|| {
            let is_workstream = step.workstream.is_some();
            nodes.push(Node { name, is_workstream, steps: Vec::new(), depends_on: Vec::new() });
            nodes.len() - 1
        });
        nodes[at].steps.push(step);
        node_of.insert(&step.name, at);
    }
    for step in steps {
        let at = node_of[step.name.as_str()];
        for above in step.depends_on.iter().filter_map(|name| node_of.get(name.as_str())) {
            if *above != at && !nodes[at].depends_on.contains(above) {
                nodes[at].depends_on.push(*above);
            }
        }
    }
    nodes
}

/// One word for all of a node's steps: the worst of theirs.
fn verdict<'a>(steps: &[&'a PlannedStep]) -> &'a str {
    let any = |word: &str| steps.iter().find(|step| step.verdict == word).map(|step| step.verdict.as_str());
    if steps.iter().any(|step| step.red && step.verdict == "fresh") && any("stale").is_none() {
        return "red";
    }
    any("stale").or_else(|| any("unsettled")).unwrap_or("fresh")
}

/// `8 edits, 2 lints, 2 tests`.
fn contents(steps: &[&PlannedStep]) -> String {
    let of = |kind: &str| steps.iter().filter(|step| step.kind == kind).count();
    let said = ["setup", "edit", "lint", "test"].into_iter().map(|kind| (kind, of(kind)));
    let said = said.filter(|(_, number)| *number > 0).map(|(kind, number)| crate::report::count(number, kind));
    said.collect::<Vec<_>>().join(", ")
}

/// A step's name inside its workstream.
fn part(step: &PlannedStep) -> &str {
    split_step(&step.name).1
}

/// A made-up plan, for this folder's tests.
#[cfg(test)]
mod sample {
    use crate::summary::PlannedStep;

    pub(super) fn step(name: &str, kind: &str, verdict: &str, depends_on: &[&str]) -> PlannedStep {
        PlannedStep {
            name: name.into(),
            kind: kind.into(),
            workstream: name.split_once('/').map(|(id, _)| id.to_owned()),
            verdict: verdict.into(),
            reason: (verdict == "stale").then(|| "input \"a\" changed".into()),
            tool: (kind == "edit").then(|| "replay".into()),
            red: false,
            depends_on: depends_on.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// `base`, two edits, a lint, a test and a result, one after the other.
    pub(super) fn workstream(id: &str, verdict: &str, depends_on: &[&str]) -> Vec<PlannedStep> {
        let above: Vec<String> = depends_on.iter().map(|id| format!("{id}/result")).collect();
        let mut above: Vec<&str> = above.iter().map(String::as_str).collect();
        let parts = [
            ("base", "base"),
            ("edit.1", "edit"),
            ("edit.2", "edit"),
            ("ruff", "lint"),
            ("test.1", "test"),
            ("result", "result"),
        ];
        let names: Vec<String> = parts.iter().map(|(part, _)| format!("{id}/{part}")).collect();
        let mut steps = Vec::new();
        for (name, (_, kind)) in names.iter().zip(parts) {
            steps.push(step(name, kind, if kind == "base" { "fresh" } else { verdict }, &above));
            above = vec![name.as_str()];
        }
        steps
    }

    pub(super) fn diamond() -> Vec<PlannedStep> {
        let mut steps = vec![step("fmt", "task", "fresh", &[]), step("ci", "task", "stale", &["fmt"])];
        steps.extend(workstream("ws-1-a", "fresh", &[]));
        steps.extend(workstream("ws-2-b", "stale", &["ws-1-a"]));
        steps.extend(workstream("ws-3-c", "fresh", &["ws-1-a"]));
        steps.extend(workstream("ws-4-d", "unsettled", &["ws-2-b", "ws-3-c"]));
        steps
    }
}
