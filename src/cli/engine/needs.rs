//! Programs that the definitions name, for `pl doctor`.
//!
//! Those that something in the pipeline uses; a rule that is only shipped is nobody's need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::analysis::names::suggest;
use crate::analysis::pipeline::{Command, Missing, Pipeline, Rule, Tool};
use crate::base::name::{RuleName, ToolName};
use crate::cli::doctor::Needed;
use crate::cli::engine::Project;
use crate::cli::engine::building::heard;
use crate::cli::engine::open::{Purpose, open};
use crate::cli::exit::Failed;
use crate::exec::installing::{self, Wanted};
use crate::observe::task::first_word;
use crate::observe::workstream::TOOLS_BIN;
use crate::project::carried_rules;
use crate::system::program::identify;

/// Installations at a time: most of the time they wait for a registry.
const INSTALLED_AT_ONCE: usize = 4;

/// Programs that definitions name; an empty list where there are none. `others` are rules that somebody asks for by name.
pub fn needed_programs(project: &Project, others: &[String]) -> Result<Vec<Needed>, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let mut all = needed(&opened.world.pipeline);
    all.extend(others_of(&opened.world.pipeline, others)?.iter().filter_map(|rule| of_rule(rule, false)));
    for needed in all.iter_mut().filter(|needed| needed.kind == "rule") {
        needed.folder = Some(opened.world.root.join(TOOLS_BIN));
    }
    Ok(merged(all))
}

/// Rules by name: the project's own and those it uses, else those that pl brings along.
fn others_of(pipeline: &Pipeline, names: &[String]) -> Result<Vec<Rule>, Failed> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let carried = carried_rules();
    let all: Vec<&Rule> = pipeline.rules.iter().chain(&carried).collect();
    let find = |name: &String| {
        all.iter().find(|rule| rule.name.as_str() == name).map(|rule| (*rule).clone()).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|rule| rule.name.as_str()).collect();
            Failed::missing(format!("no rule `{name}`")).hint(suggest(name, &names, "docs/rules.md lists them"))
        })
    };
    names.iter().map(find).collect()
}

/// What was installed for a rule, or why not.
pub type Installed = (String, Result<PathBuf, String>);

/// Installs the programs of rules into the project's own tools: of those named, else of all that the project uses and lacks.
pub fn install(
    project: &Project,
    names: &[String],
    told: &(dyn Fn(&Installed) + Sync),
) -> Result<Vec<Installed>, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    let (pipeline, root) = (&opened.world.pipeline, opened.world.root.clone());
    let mut rules = others_of(pipeline, names)?;
    if names.is_empty() {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(root.join(TOOLS_BIN)).chain(std::env::split_paths(&search));
        let search = std::env::join_paths(folders).unwrap_or(search);
        let is_missing = |rule: &&Rule| identify(&rule.program(), &search, &root).is_none();
        let used = pipeline.rules.iter().filter(|rule| is_used(pipeline, rule));
        rules = used.filter(|rule| rule.check.is_none()).filter(is_missing).cloned().collect();
        rules.retain(|rule| wanted(rule).can_be_had());
    }
    let cancel = heard()?;
    let waiting = Mutex::new(rules.iter());
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..INSTALLED_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(rule) = lock(&waiting).next() else { break };
                    let one = (rule.name.to_string(), installing::install(&root, &wanted(rule), &cancel));
                    told(&one);
                    lock(&ended).push(one);
                }
            });
        }
    });
    Ok(ended.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn wanted(rule: &Rule) -> Wanted {
    Wanted { program: rule.program(), words: rule.install.clone() }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Somebody looks it over: a workstream, or whoever wrote `use`.
fn is_used(pipeline: &Pipeline, rule: &Rule) -> bool {
    rule.used || pipeline.workstreams.iter().any(|workstream| workstream.rules.contains(&rule.name))
}

fn needed(pipeline: &Pipeline) -> Vec<Needed> {
    let used = |names: &dyn Fn(&crate::analysis::pipeline::Workstream) -> Vec<String>| -> BTreeSet<String> {
        pipeline.workstreams.iter().flat_map(names).collect()
    };
    let tools = used(&|workstream| workstream.tools.iter().map(ToolName::to_string).collect());
    let bare = used(&|workstream| match workstream.setups.is_empty() {
        true => workstream.rules.iter().map(RuleName::to_string).collect(),
        false => Vec::new(),
    });
    let tools = pipeline.tools.iter().filter(|tool| tools.contains(tool.name.as_str())).filter_map(of_tool);
    let rules = pipeline.rules.iter().filter(|rule| is_used(pipeline, rule));
    // Where a setup puts folders in front of PATH, the program may come from there.
    let rules = rules.filter_map(|rule| of_rule(rule, bare.contains(rule.name.as_str())));
    let tasks = pipeline
        .tasks
        .iter()
        .filter_map(|task| plain("task", task.name.as_str(), task.command.as_ref()?, task.setups().is_empty()));
    let setups = pipeline.setups.iter().filter_map(|setup| plain("setup", setup.name.as_str(), &setup.command, true));
    tools.chain(rules).chain(tasks).chain(setups).collect()
}

fn plain(kind: &str, name: &str, command: &Command, required: bool) -> Option<Needed> {
    // A script is started by its path, and a shell is looked for anyway.
    let program = program_of(command).filter(|program| !program.contains('/'))?;
    let (kind, name) = (kind.to_owned(), name.to_owned());
    Some(Needed { kind, name, program, version: Vec::new(), install: None, required, folder: None })
}

fn of_tool(tool: &Tool) -> Option<Needed> {
    let needed = plain("tool", tool.name.as_str(), tool.command.as_ref()?, true)?;
    Some(Needed { version: version(&needed.program, tool.version.as_ref()), ..needed })
}

fn of_rule(rule: &Rule, required: bool) -> Option<Needed> {
    if rule.check.is_some() {
        return None;
    }
    let asked = rule.version.as_ref().unwrap_or(&rule.command);
    let needed = plain("rule", rule.name.as_str(), asked, required && rule.missing == Missing::Fail)?;
    let version = version(&needed.program, rule.version.as_ref());
    Some(Needed { version, install: install_line(rule), ..needed })
}

/// What is typed to get it: pl's own way where there is one.
fn install_line(rule: &Rule) -> Option<String> {
    if wanted(rule).can_be_had() {
        return Some(format!("pl doctor --install {}", rule.name));
    }
    typed(&rule.install)
}

fn program_of(command: &Command) -> Option<String> {
    match command {
        Command::Argv(_) => Some(first_word(command)).filter(|word| !word.is_empty() && !word.contains('{')),
        Command::Shell(_) => None,
    }
}

/// The arguments that print a version, where the same program is asked.
fn version(program: &str, command: Option<&Command>) -> Vec<String> {
    match command {
        Some(Command::Argv(argv)) if argv.first().is_some_and(|word| word.text() == program) => {
            argv.iter().skip(1).map(crate::analysis::pipeline::template::Template::text).collect()
        }
        _ => Vec::new(),
    }
}

/// `["pip", "ruff==0.4"]` as what is typed.
fn typed(words: &[String]) -> Option<String> {
    let [how, what @ ..] = words else { return None };
    let what = what.iter().map(|word| crate::analysis::pipeline::quote(word)).collect::<Vec<_>>().join(" ");
    Some(match how.as_str() {
        "pip" => format!("pip install {what}"),
        "npm" => format!("npm install -g {what}"),
        "cargo" => format!("cargo install {what}"),
        "apt" => format!("apt-get install {what}"),
        other => format!("{other} {what}"),
    })
}

/// One row a program and way to ask its version; the names of all that need it.
fn merged(all: Vec<Needed>) -> Vec<Needed> {
    let mut places: BTreeMap<(String, Vec<String>), usize> = BTreeMap::new();
    let mut rows: Vec<Needed> = Vec::new();
    for needed in all {
        let by_version = places.get(&(needed.program.clone(), needed.version.clone())).copied();
        // Who only looks for a program is content with whoever asks for its version.
        let any = rows.iter().position(|row| needed.version.is_empty() && row.program == needed.program);
        let Some(place) = by_version.or(any) else {
            places.insert((needed.program.clone(), needed.version.clone()), rows.len());
            rows.push(needed);
            continue;
        };
        let row = &mut rows[place];
        row.required |= needed.required;
        row.install = row.install.take().or(needed.install);
        let word = if needed.kind == row.kind { needed.name } else { format!("{} {}", needed.kind, needed.name) };
        row.name = format!("{}, {word}", row.name);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::{merged, typed};
    use crate::cli::doctor::Needed;

    #[test]
    fn an_install_hint_is_what_is_typed() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(typed(&words(&["pip", "ruff==0.4"])).as_deref(), Some("pip install 'ruff==0.4'"));
        assert_eq!(typed(&words(&["npm", "a", "b"])).as_deref(), Some("npm install -g a b"));
        assert_eq!(typed(&[]), None);
    }

    #[test]
    fn a_program_is_looked_for_once() {
        let need = |kind: &str, name: &str, version: &[&str], required: bool| Needed {
            kind: kind.into(),
            name: name.into(),
            program: "cargo".into(),
            version: version.iter().map(|word| (*word).to_owned()).collect(),
            install: None,
            required,
            folder: None,
        };
        let all = vec![
            need("rule", "clippy", &["--version"], false),
            need("task", "test", &[], true),
            need("task", "fmt", &[], true),
        ];
        let rows = merged(all);
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].name.as_str(), rows[0].required), ("clippy, task test, task fmt", true));
    }
}
