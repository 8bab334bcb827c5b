//! Programs that the definitions name, for `pl doctor`.
//!
//! Those that something in the pipeline uses; a rule that is only shipped is nobody's need.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::pipeline::{Command, Pipeline, Rule, Tool};
use crate::base::name::{RuleName, ToolName};
use crate::cli::doctor::Needed;
use crate::cli::engine::Project;
use crate::cli::engine::open::{Purpose, open};
use crate::cli::exit::Failed;
use crate::observe::task::first_word;

/// Programs that definitions name; an empty list where there are none.
pub fn needed_programs(project: &Project) -> Result<Vec<Needed>, Failed> {
    let opened = open(project, &[], Purpose::Planning)?;
    Ok(merged(needed(&opened.world.pipeline)))
}

fn needed(pipeline: &Pipeline) -> Vec<Needed> {
    let used = |names: &dyn Fn(&crate::analysis::pipeline::Workstream) -> Vec<String>| -> BTreeSet<String> {
        pipeline.workstreams.iter().flat_map(names).collect()
    };
    let tools = used(&|workstream| workstream.tools.iter().map(ToolName::to_string).collect());
    let rules = used(&|workstream| workstream.rules.iter().map(RuleName::to_string).collect());
    let bare = used(&|workstream| match workstream.setups.is_empty() {
        true => workstream.rules.iter().map(RuleName::to_string).collect(),
        false => Vec::new(),
    });
    let tools = pipeline.tools.iter().filter(|tool| tools.contains(tool.name.as_str())).filter_map(of_tool);
    let rules = pipeline.rules.iter().filter(|rule| rules.contains(rule.name.as_str()));
    // Where a setup puts folders in front of PATH, the program may come from there.
    let rules = rules.filter_map(|rule| of_rule(rule, bare.contains(rule.name.as_str())));
    let tasks = pipeline
        .tasks
        .iter()
        .filter_map(|task| plain("task", task.name.as_str(), task.command.as_ref()?, task.setups.is_empty()));
    let setups = pipeline.setups.iter().filter_map(|setup| plain("setup", setup.name.as_str(), &setup.command, true));
    tools.chain(rules).chain(tasks).chain(setups).collect()
}

fn plain(kind: &str, name: &str, command: &Command, required: bool) -> Option<Needed> {
    // A script is started by its path, and a shell is looked for anyway.
    let program = program_of(command).filter(|program| !program.contains('/'))?;
    let (kind, name) = (kind.to_owned(), name.to_owned());
    Some(Needed { kind, name, program, version: Vec::new(), install: None, required })
}

fn of_tool(tool: &Tool) -> Option<Needed> {
    let needed = plain("tool", tool.name.as_str(), tool.command.as_ref()?, true)?;
    Some(Needed { version: version(&needed.program, tool.version.as_ref()), ..needed })
}

fn of_rule(rule: &Rule, required: bool) -> Option<Needed> {
    let needed = plain("rule", rule.name.as_str(), &rule.command, required && !rule.skip_if_missing)?;
    let version = version(&needed.program, rule.version.as_ref());
    Some(Needed { version, install: install(&rule.install), ..needed })
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
            argv.iter().skip(1).map(crate::analysis::pipeline::Template::text).collect()
        }
        _ => Vec::new(),
    }
}

/// `["pip", "ruff==0.4"]` as what is typed.
fn install(words: &[String]) -> Option<String> {
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
    use super::{install, merged};
    use crate::cli::doctor::Needed;

    #[test]
    fn an_install_hint_is_what_is_typed() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(install(&words(&["pip", "ruff==0.4"])).as_deref(), Some("pip install 'ruff==0.4'"));
        assert_eq!(install(&words(&["npm", "a", "b"])).as_deref(), Some("npm install -g a b"));
        assert_eq!(install(&[]), None);
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
