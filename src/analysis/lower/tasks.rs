//! Setups and tasks, with the checks of what tasks make.
//!
//! Knows no files: what inputs and outputs are on disk is asked when a step is ready.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use ecow::EcoString;
use rayon::prelude::*;

use crate::analysis::diagnostics::{
    bad_output, bad_path, input_is_output, overlapping_outputs, self_dependency, unknown_setup, unknown_task,
};
use crate::analysis::gather::Gathered;
use crate::analysis::lower::template::{Globals, Lookup};
use crate::analysis::lower::tools::{check_pool, no_command};
use crate::analysis::lower::words::{Timeouts, word};
use crate::analysis::names::{Exact, Found, Names};
use crate::analysis::order::{Edge, Order, is_acyclic};
use crate::analysis::pipeline::template::{Property, TemplatePart};
use crate::analysis::pipeline::{Command, Output, Setup, Task, TaskExtras};
use crate::analysis::scope::entry::{patterns, read};
use crate::analysis::{ambiguous, cycle, listing::Listing};
use crate::base::diagnostic::Diagnostic;
use crate::base::lists::Lists;
use crate::base::name::{SetupName, TaskName};
use crate::base::path::{Pattern, RepoPath};
use crate::base::span::Span;
use crate::syntax::definition::table::{DefinedTask, SharedTexts};
use crate::syntax::definition::{SetupDefinition, TaskDefinition, Text};

/// From so many tasks on they are lowered by several threads.
const PARALLEL_TASKS_MIN: usize = 512;

/// So many tasks are lowered in one go.
const PART_TASKS: usize = 512;

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
            Command::Argv(Box::default())
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
    let names = Names::new(definitions.iter().map(|task| task.name().0));
    let setups = Names::new(room.gathered.setups.iter().map(|setup| setup.name.value.as_str()));
    let mut tasks: Vec<Task> = Vec::with_capacity(definitions.len());
    let mut needs: Lists<u32> = Lists::with_capacity(definitions.len());
    let mut made: Vec<Span> = Vec::new();
    let texts = &mut SharedTexts::default();
    for mut part in lowered(room, names.all_exact(), setups.all_exact()) {
        let mut found = part.diagnostics.into_iter().peekable();
        for (number, mut task) in part.tasks.drain(..).enumerate() {
            let at = tasks.len();
            if part.unclear.contains(&number) {
                let definition = definitions[at].definition(texts);
                let (own, own_setups) = dependencies(&definition, at, room, &names, &setups, diagnostics);
                needs.push(own.iter().map(|edge| place(edge.to)));
                if !own_setups.is_empty() {
                    task.extras.get_or_insert_default().setups = own_setups;
                }
            } else {
                needs.push(part.needs.get(number).iter().copied());
            }
            diagnostics.extend(std::iter::from_fn(|| found.next_if(|(of, _)| *of == number)).map(|(_, one)| one));
            tasks.push(task);
        }
        made.append(&mut part.made);
    }
    for (at, list) in needs.iter().enumerate().filter(|(_, list)| !list.is_empty()) {
        let mut names: Vec<TaskName> = list.iter().map(|need| tasks[*need as usize].name.clone()).collect();
        names.sort();
        names.dedup();
        tasks[at].depends_on = names.into();
    }
    if !is_acyclic(&needs) {
        let mut edges = |(at, task): (usize, &DefinedTask<'_>)| {
            dependencies(&task.definition(texts), at, room, &names, &setups, &mut Vec::new()).0
        };
        let edges: Vec<Vec<Edge>> = definitions.iter().enumerate().map(&mut edges).collect();
        for path in Order::of(&edges).cycles {
            diagnostics.push(cycle(&path, |at| definitions[at].name().0));
        }
    }
    overlapping(&tasks, &made, diagnostics);
    tasks
}

/// Some tasks, lowered; they are numbered from the first of them.
#[derive(Default)]
struct Lowered {
    tasks: Vec<Task>,
    /// What each waits for, as places among all tasks.
    needs: Lists<u32>,
    /// Where their outputs were written, one behind the other.
    made: Vec<Span>,
    /// What is wrong with which.
    diagnostics: Vec<(usize, Diagnostic)>,
    /// Those that wait for what is not exactly there.
    unclear: BTreeSet<usize>,
}

/// All tasks, by several threads where there are many. Definitions are made of a table's rows here and dropped at once: only what
/// was made of them is kept.
fn lowered(room: Room<'_>, names: &Exact<'_>, setups: &Exact<'_>) -> Vec<Lowered> {
    let lower = |(part, definitions): (usize, &[DefinedTask<'_>])| {
        let mut lowered = Lowered { tasks: Vec::with_capacity(definitions.len()), ..Lowered::default() };
        let texts = &mut SharedTexts::default();
        for (number, definition) in definitions.iter().enumerate() {
            let definition = definition.definition(texts);
            let mut found = Vec::new();
            let mut task = lower_task(&definition, room, &mut lowered.made, &mut found);
            lowered.diagnostics.extend(found.into_iter().map(|one| (number, one)));
            match exact_dependencies(&definition, part * PART_TASKS + number, names, setups) {
                Some((needs, own_setups)) => {
                    lowered.needs.push(needs);
                    if !own_setups.is_empty() {
                        task.extras.get_or_insert_default().setups = own_setups;
                    }
                }
                None => {
                    lowered.unclear.insert(number);
                    lowered.needs.push([]);
                }
            }
            lowered.tasks.push(task);
        }
        lowered
    };
    match room.gathered.tasks.len() < PARALLEL_TASKS_MIN {
        true => room.gathered.tasks.chunks(PART_TASKS).enumerate().map(lower).collect(),
        false => room.gathered.tasks.par_chunks(PART_TASKS).enumerate().map(lower).collect(),
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// What a task waits for, where all of it is exactly there and nothing is to be said.
fn exact_dependencies(
    definition: &TaskDefinition,
    at: usize,
    names: &Exact<'_>,
    setups: &Exact<'_>,
) -> Option<(Vec<u32>, Vec<SetupName>)> {
    let (mut needs, mut used) = (Vec::new(), Vec::new());
    for text in &definition.depends_on {
        match text.value.strip_prefix("setup:") {
            Some(setup) => used.push(setups.get(setup).map(|_| setup.into())?),
            None => needs.push(names.get(&text.value).filter(|to| *to != at).map(place)?),
        }
    }
    used.sort();
    used.dedup();
    Some((needs, used))
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
                Some(_) => used.push(setup.into()),
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

/// A task without what it waits for; `made` takes the places of its outputs.
fn lower_task(
    definition: &TaskDefinition,
    room: Room<'_>,
    made: &mut Vec<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Task {
    let name = &definition.name.value;
    let lookup = Lookup::new(room.globals, &definition.variables, name, diagnostics);
    let outputs = outputs(definition, &lookup, made, diagnostics);
    let mut inputs = Vec::with_capacity(definition.inputs.len());
    for input in &definition.inputs {
        let input = lookup.plain(input, diagnostics);
        let Some(entry) = read(&input, None, diagnostics) else { continue };
        let own = outputs.iter().find(|output| !definition.in_place && reads_output(&entry.pattern, output));
        if let Some(output) = own {
            let message = format!("task `{name}` reads `{}`, which it writes", output.path.as_str());
            let diagnostic = Diagnostic::new(&input_is_output::CODE, entry.span, message);
            diagnostics.push(diagnostic.help("say `in-place`, or remove the input").about(name));
        }
        inputs.push(entry.pattern);
    }
    let extras = TaskExtras {
        about: definition.about.as_ref().map(|about| about.value.clone()),
        setups: Vec::new(),
        dir: dir(definition, &lookup, diagnostics),
        depfile: depfile(definition, &outputs, &lookup, diagnostics),
        pool: check_pool(definition.pool.as_ref(), room.pools, diagnostics),
    };
    Task {
        name: TaskName(name.clone()),
        depends_on: Box::default(),
        command: definition.command.as_ref().map(|command| lookup.command(command, &[Property::Args], diagnostics)),
        inputs: inputs.into(),
        outputs: outputs.into(),
        environment: lookup.shared_environment(&definition.environment, diagnostics),
        timeout_ms: room.timeouts.step_ms(definition.timeout.as_ref(), diagnostics),
        in_place: definition.in_place,
        jobserver: definition.jobserver,
        extras: extras.boxed(),
    }
}

/// What a task makes; the places of what can be made go to `made`.
fn outputs(
    definition: &TaskDefinition,
    lookup: &Lookup<'_>,
    made: &mut Vec<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Output> {
    let mut outputs = Vec::with_capacity(definition.outputs.len());
    for output in &definition.outputs {
        let path = lookup.plain(&output.path, diagnostics);
        let Some(entry) = read(&path, None, diagnostics) else { continue };
        let (own, folder) = match entry.pattern {
            Pattern::File(path) => (path, false),
            Pattern::Folder(path) => (path, true),
            Pattern::Glob(_) => {
                diagnostics.push(no_output(&path, "is a pattern", "name the folder, with its `/`"));
                continue;
            }
        };
        if is_ours(&own.0) {
            diagnostics.push(no_output(&path, "belongs to `pl`", "choose another folder"));
            continue;
        }
        outputs.push(Output { path: own, folder, store: output.store });
        made.push(path.span);
    }
    if definition.command.is_none()
        && let Some(output) = definition.outputs.first()
    {
        let help = "add `run` or `shell`, or remove the output";
        diagnostics.push(no_output(&output.path, "is made by nothing", help).about(&definition.name.value));
    }
    outputs
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
    let filled: EcoString = template
        .parts()
        .map(|part| match part {
            TemplatePart::Text(text) => text,
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
fn dir(definition: &TaskDefinition, lookup: &Lookup<'_>, diagnostics: &mut Vec<Diagnostic>) -> EcoString {
    let Some(dir) = &definition.dir else { return EcoString::new() };
    let dir = lookup.plain(dir, diagnostics);
    if matches!(dir.value.as_str(), "." | "./") {
        return EcoString::new();
    }
    match read(&dir, None, diagnostics).map(|entry| entry.pattern) {
        Some(Pattern::File(path) | Pattern::Folder(path)) => path.0,
        Some(Pattern::Glob(_)) => {
            let message = format!("`{}` is a pattern", dir.value);
            diagnostics.push(Diagnostic::new(&bad_path::CODE, dir.span, message).help("name one folder"));
            EcoString::new()
        }
        None => EcoString::new(),
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

/// The order of paths part by part: no path holds a byte below the one that stands for `/` here.
fn by_parts(left: &str, right: &str) -> Ordering {
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    let differing = left.bytes().zip(right.bytes()).find(|(left, right)| left != right);
    differing.map_or(left.len().cmp(&right.len()), |(left, right)| key(left).cmp(&key(right)))
}

/// Reports equal and nested outputs of different tasks: after sorting by parts, what nests is adjacent. `places` are those of all
/// outputs in their order.
fn overlapping(tasks: &[Task], places: &[Span], diagnostics: &mut Vec<Diagnostic>) {
    let outputs = tasks.iter().enumerate().flat_map(|(at, task)| task.outputs.iter().map(move |output| (at, output)));
    let mut made: Vec<(&str, u32, Span)> =
        outputs.zip(places).map(|((at, output), span)| (output.path.as_str(), place(at), *span)).collect();
    made.sort_by(|left, right| by_parts(left.0, right.0).then(left.1.cmp(&right.1)));
    let mut above: Vec<&(&str, u32, Span)> = Vec::new();
    for output in &made {
        while above.last().is_some_and(|(last, ..)| *last != output.0 && !is_below(output.0, last)) {
            above.pop();
        }
        if let Some((first, task, span)) = above.iter().find(|(_, task, _)| *task != output.1) {
            let (one, other) = (&tasks[*task as usize].name, &tasks[output.1 as usize].name);
            let what = if *first == output.0 { "is made by" } else { "lies in what is made by" };
            let message = format!("`{}` of task `{other}` {what} task `{one}`, too", output.0);
            diagnostics.push(
                Diagnostic::new(&overlapping_outputs::CODE, output.2, message)
                    .label(*span, format!("`{first}` here"))
                    .help("give each task its own output, or make one task of them")
                    .about(other.as_str()),
            );
        }
        above.push(output);
    }
}
