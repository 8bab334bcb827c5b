//! Setups and tasks, with the checks of what tasks make.
//!
//! Knows no files: what inputs and outputs are on disk is asked when a step is ready.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::analysis::diagnostics::{
    bad_output, bad_path, input_is_output, overlapping_outputs, self_dependency, unknown_setup, unknown_task,
};
use crate::analysis::gather::Gathered;
use crate::analysis::lower::template::{Globals, Lookup};
use crate::analysis::lower::tools::{check_pool, no_command};
use crate::analysis::lower::words::{Timeouts, word};
use crate::analysis::names::{Found, Names};
use crate::analysis::order::{Edge, Order};
use crate::analysis::pipeline::{Command, Output, Property, Setup, Task, TemplatePart};
use crate::analysis::scope::entry::{patterns, read, read_all};
use crate::analysis::{ambiguous, cycle, listing::Listing};
use crate::base::diagnostic::Diagnostic;
use crate::base::name::{SetupName, TaskName};
use crate::base::path::{Pattern, RepoPath};
use crate::base::span::Span;
use crate::syntax::definition::{SetupDefinition, TaskDefinition, Text};

/// From so many tasks on they are lowered by several threads.
const PARALLEL_TASKS_MIN: usize = 512;

/// What tasks and setups are lowered with.
#[derive(Debug, Clone, Copy)]
pub struct Room<'a> {
    /// Everything that is defined.
    pub gathered: &'a Gathered<'a>,
    /// Variables and environment of all nodes.
    pub globals: &'a Globals<'a>,
    /// Sizes of pools.
    pub pools: &'a BTreeMap<String, u32>,
    /// Wall times of steps that say none.
    pub timeouts: Timeouts,
    /// The base commit's tree, where it is known.
    pub listing: Option<&'a Listing>,
}

/// Makes setups of what is defined, in order.
pub fn setups(room: Room<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Setup> {
    room.gathered.setups.iter().map(|setup| lower_setup(setup, room, diagnostics)).collect()
}

fn lower_setup(definition: &SetupDefinition, room: Room<'_>, diagnostics: &mut Vec<Diagnostic>) -> Setup {
    let name = &definition.name.value;
    let lookup = Lookup::new(room.globals, &definition.variables, name, diagnostics);
    let per_worktree =
        word(definition.per.as_ref(), &[("worktree", true), ("inputs", false)], diagnostics).unwrap_or(false);
    let properties = [Property::Out, Property::Worktree];
    let properties = if per_worktree { &properties[..] } else { &properties[..1] };
    let command = match &definition.command {
        Some(command) => lookup.command(command, properties, diagnostics),
        None => {
            diagnostics.push(no_command("setup", &definition.name, "add `run \"program\" \"{out}\"`"));
            Command::Argv(Vec::new())
        }
    };
    let inputs = lookup.plains(&definition.inputs, diagnostics);
    Setup {
        name: SetupName(name.clone()),
        command,
        inputs: patterns(&inputs, room.listing, diagnostics),
        bin: definition.bin.iter().map(|folder| lookup.template(folder, properties, diagnostics)).collect(),
        per_worktree,
        timeout_ms: room.timeouts.step_ms(definition.timeout.as_ref(), diagnostics),
        environment: lookup.environment(&definition.environment, diagnostics),
    }
}

/// Makes tasks of what is defined, in order, and checks what they make.
pub fn tasks(room: Room<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Task> {
    let definitions = &room.gathered.tasks;
    let names = Names::new(definitions.iter().map(|task| task.name.value.as_str()));
    let setups = Names::new(room.gathered.setups.iter().map(|setup| setup.name.value.as_str()));
    let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(definitions.len());
    let mut made: Vec<(Output, usize, Span)> = Vec::new();
    let mut tasks = Vec::with_capacity(definitions.len());
    for (at, (definition, (mut task, mut found))) in definitions.iter().zip(lowered(room)).enumerate() {
        let (own, setup_names) = dependencies(definition, at, room, &names, &setups, diagnostics);
        diagnostics.append(&mut found);
        task.depends_on = own.iter().map(|edge| TaskName(definitions[edge.to].name.value.clone())).collect();
        task.depends_on.sort();
        task.depends_on.dedup();
        task.setups = setup_names;
        edges.push(own);
        tasks.push((task, &definition.outputs));
    }
    let mut finished = Vec::with_capacity(tasks.len());
    for (at, (task, outputs)) in tasks.into_iter().enumerate() {
        let spans = outputs.iter().map(|output| output.path.span);
        made.extend(task.outputs.iter().cloned().zip(spans).map(|(output, span)| (output, at, span)));
        finished.push(task);
    }
    for path in Order::of(&edges).cycles {
        diagnostics.push(cycle(&path, |at| definitions[at].name.value.as_str()));
    }
    overlapping(made, &finished, diagnostics);
    finished
}

/// Each task with what is wrong in it, by several threads where there are many.
fn lowered(room: Room<'_>) -> Vec<(Task, Vec<Diagnostic>)> {
    let lower = |definition: &&TaskDefinition| {
        let mut diagnostics = Vec::new();
        (lower_task(definition, room, &mut diagnostics), diagnostics)
    };
    match room.gathered.tasks.len() < PARALLEL_TASKS_MIN {
        true => room.gathered.tasks.iter().map(lower).collect(),
        false => room.gathered.tasks.par_iter().map(lower).collect(),
    }
}

fn dependencies(
    definition: &TaskDefinition,
    at: usize,
    room: Room<'_>,
    names: &Names<'_>,
    setups: &Names<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> (Vec<Edge>, Vec<SetupName>) {
    let (mut edges, mut used) = (Vec::new(), Vec::new());
    let subject = &definition.name.value;
    for text in &definition.depends_on {
        if let Some(setup) = text.value.strip_prefix("setup:") {
            match setups.exact(setup) {
                Some(_) => used.push(SetupName(setup.to_owned())),
                None => diagnostics.push(no_setup(setup, text.span, setups).about(subject)),
            }
            continue;
        }
        match names.find(&text.value) {
            Found::One(to) if to == at => {
                let message = format!("task `{subject}` waits for itself");
                let diagnostic = Diagnostic::new(&self_dependency::CODE, text.span, message);
                diagnostics.push(diagnostic.help("remove the entry").about(subject));
            }
            Found::One(to) => edges.push(Edge { to, span: text.span }),
            Found::Several(candidates) => diagnostics.push(ambiguous(text, &candidates).about(subject)),
            Found::Nothing => diagnostics.push(no_task(text, room, names).about(subject)),
        }
    }
    used.sort();
    used.dedup();
    (edges, used)
}

fn no_task(text: &Text, room: Room<'_>, names: &Names<'_>) -> Diagnostic {
    let workstream = room.gathered.workstreams.iter().any(|workstream| workstream.id.value == text.value);
    let help = if workstream {
        "a task cannot wait for a workstream; name both on the command line".to_owned()
    } else if room.gathered.setups.iter().any(|setup| setup.name.value == text.value) {
        format!("a setup is written `setup:{}`", text.value)
    } else {
        names.suggest(&text.value, "define it with `task`")
    };
    Diagnostic::new(&unknown_task::CODE, text.span, format!("no task `{}`", text.value)).help(help)
}

/// A setup that is not there.
pub fn no_setup(name: &str, span: Span, setups: &Names<'_>) -> Diagnostic {
    let help = setups.suggest(name, "define it with `setup`");
    Diagnostic::new(&unknown_setup::CODE, span, format!("no setup `{name}`")).help(help)
}

fn lower_task(definition: &TaskDefinition, room: Room<'_>, diagnostics: &mut Vec<Diagnostic>) -> Task {
    let name = &definition.name.value;
    let lookup = Lookup::new(room.globals, &definition.variables, name, diagnostics);
    let inputs = lookup.plains(&definition.inputs, diagnostics);
    let inputs = read_all(&inputs, None, diagnostics);
    let mut outputs = Vec::new();
    for output in &definition.outputs {
        let path = lookup.plain(&output.path, diagnostics);
        match read(&path, None, diagnostics).map(|entry| entry.pattern) {
            Some(Pattern::File(path)) if !is_ours(&path.0) => {
                outputs.push(Output { path, folder: false, store: output.store });
            }
            Some(Pattern::Folder(path)) if !is_ours(&path.0) => {
                outputs.push(Output { path, folder: true, store: output.store });
            }
            Some(Pattern::Glob(_)) => {
                diagnostics.push(no_output(&path, "is a pattern", "name the folder, with its `/`"))
            }
            Some(_) => diagnostics.push(no_output(&path, "belongs to `pl`", "choose another folder")),
            None => {}
        }
    }
    if definition.command.is_none()
        && let Some(output) = definition.outputs.first()
    {
        let help = "add `run` or `shell`, or remove the output";
        diagnostics.push(no_output(&output.path, "is made by nothing", help).about(name));
    }
    if !definition.in_place {
        for input in &inputs {
            if let Some(output) = outputs.iter().find(|output| reads_output(&input.pattern, output)) {
                let message = format!("task `{name}` reads `{}`, which it writes", output.path.as_str());
                let diagnostic = Diagnostic::new(&input_is_output::CODE, input.span, message);
                diagnostics.push(diagnostic.help("say `in-place`, or remove the input").about(name));
            }
        }
    }
    let depfile = depfile(definition, &outputs, &lookup, diagnostics);
    Task {
        name: TaskName(name.clone()),
        about: definition.about.as_ref().map(|about| about.value.clone()),
        depends_on: Vec::new(),
        setups: Vec::new(),
        dir: dir(definition, &lookup, diagnostics),
        command: definition.command.as_ref().map(|command| lookup.command(command, &[Property::Args], diagnostics)),
        inputs: inputs.into_iter().map(|entry| entry.pattern).collect(),
        outputs,
        in_place: definition.in_place,
        depfile,
        environment: lookup.environment(&definition.environment, diagnostics),
        pool: check_pool(definition.pool.as_ref(), room.pools, diagnostics),
        jobserver: definition.jobserver,
        timeout_ms: room.timeouts.step_ms(definition.timeout.as_ref(), diagnostics),
    }
}

/// Where the command writes what it read; `{out}` is the first output, if that is a file.
fn depfile(
    definition: &TaskDefinition,
    outputs: &[Output],
    lookup: &Lookup<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<RepoPath> {
    let text = definition.depfile.as_ref()?;
    let out = outputs.first().filter(|output| !output.folder).map(|output| output.path.as_str());
    let properties = if out.is_some() { &[Property::Out][..] } else { &[] };
    let template = lookup.template(text, properties, diagnostics);
    let filled: String = template
        .0
        .iter()
        .map(|part| match part {
            TemplatePart::Text(text) => text.as_str(),
            TemplatePart::Property(_) => out.unwrap_or_default(),
        })
        .collect();
    let path = Text::new(filled, text.span);
    let pattern = read(&path, None, diagnostics)?.pattern;
    let (says, help) = match pattern {
        _ if definition.command.is_none() => ("is made by nothing", "add `run` or `shell`, or remove the depfile"),
        _ if definition.inputs.is_empty() => {
            ("adds to inputs, and there are none", "add `inputs`, at least the source; without any a task always runs")
        }
        Pattern::File(path) if is_ours(&path.0) => ("belongs to `pl`", "choose another folder"),
        Pattern::File(path) => return Some(path),
        Pattern::Folder(_) | Pattern::Glob(_) => ("is no file", "name the one file that the command writes"),
    };
    diagnostics.push(no_output(&path, says, help).about(&definition.name.value));
    None
}

/// The working folder; `.` and nothing are the root.
fn dir(definition: &TaskDefinition, lookup: &Lookup<'_>, diagnostics: &mut Vec<Diagnostic>) -> String {
    let Some(dir) = &definition.dir else { return String::new() };
    let dir = lookup.plain(dir, diagnostics);
    if matches!(dir.value.as_str(), "." | "./") {
        return String::new();
    }
    match read(&dir, None, diagnostics).map(|entry| entry.pattern) {
        Some(Pattern::File(path) | Pattern::Folder(path)) => path.0,
        Some(Pattern::Glob(_)) => {
            let message = format!("`{}` is a pattern", dir.value);
            diagnostics.push(Diagnostic::new(&bad_path::CODE, dir.span, message).help("name one folder"));
            String::new()
        }
        None => String::new(),
    }
}

fn is_ours(path: &str) -> bool {
    path == ".pl" || path.starts_with(".pl/")
}

fn no_output(path: &Text, says: &str, help: &str) -> Diagnostic {
    Diagnostic::new(&bad_output::CODE, path.span, format!("`{}` {says}", path.value)).help(help)
}

/// Whether an input names an output literally; wildcards leave a task's own outputs out.
fn reads_output(input: &Pattern, output: &Output) -> bool {
    match input {
        Pattern::File(path) | Pattern::Folder(path) => {
            path == &output.path || (output.folder && is_below(&path.0, &output.path.0))
        }
        Pattern::Glob(_) => false,
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// A path's bytes as they are sorted part by part: no path holds a byte below the one that stands for `/` here.
fn by_parts(path: &str) -> impl Iterator<Item = u8> {
    path.bytes().map(|byte| if byte == b'/' { 0 } else { byte })
}

/// Reports equal and nested outputs of different tasks: after sorting by parts, what nests is adjacent.
fn overlapping(mut made: Vec<(Output, usize, Span)>, tasks: &[Task], diagnostics: &mut Vec<Diagnostic>) {
    made.sort_by(|left, right| by_parts(&left.0.path.0).cmp(by_parts(&right.0.path.0)).then(left.1.cmp(&right.1)));
    let mut above: Vec<&(Output, usize, Span)> = Vec::new();
    for output in &made {
        while above
            .last()
            .is_some_and(|(last, ..)| last.path != output.0.path && !is_below(&output.0.path.0, &last.path.0))
        {
            above.pop();
        }
        if let Some((first, task, span)) = above.iter().find(|(_, task, _)| *task != output.1) {
            let (one, other) = (&tasks[*task].name, &tasks[output.1].name);
            let what = if first.path == output.0.path { "is made by" } else { "lies in what is made by" };
            let message = format!("`{}` of task `{other}` {what} task `{one}`, too", output.0.path.as_str());
            diagnostics.push(
                Diagnostic::new(&overlapping_outputs::CODE, output.2, message)
                    .label(*span, format!("`{}` here", first.path.as_str()))
                    .help("give each task its own output, or make one task of them")
                    .about(other.as_str()),
            );
        }
        above.push(output);
    }
}
