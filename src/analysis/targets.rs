//! Whether a written target names anything: what `default` is checked with.
//!
//! Turning targets into steps is done where the graph is known.

use crate::analysis::ambiguous;
use crate::analysis::diagnostics::unknown_target;
use crate::analysis::names::{Found, Names};
use crate::analysis::pipeline::Pipeline;
use crate::base::diagnostic::Diagnostic;
use crate::base::path::{compile_glob, is_glob};
use crate::syntax::definition::Text;

/// Reports default targets that name nothing.
pub fn check(default: &[&Text], pipeline: &Pipeline, diagnostics: &mut Vec<Diagnostic>) {
    if default.is_empty() {
        return;
    }
    let tasks = pipeline.tasks.iter().map(|task| task.name.as_str());
    let names = Names::new(tasks.chain(pipeline.workstreams.iter().map(|workstream| workstream.id.as_str())));
    for text in default {
        let target = text.value.as_str();
        if is_special(target, pipeline, &names) {
            continue;
        }
        let name = match names.find(target) {
            Found::Nothing => target.split_once('/').map_or(target, |(name, _)| name),
            _ => target,
        };
        match names.find(name) {
            Found::One(_) => {}
            Found::Several(candidates) => diagnostics.push(ambiguous(text, &candidates)),
            Found::Nothing => {
                let help = names.suggest(target, "name a task, a workstream, `gate:N`, or a declared output");
                let message = format!("no target `{target}`");
                diagnostics.push(Diagnostic::new(&unknown_target::CODE, text.span, message).help(help));
            }
        }
    }
}

/// Globs, gates, setups and outputs.
fn is_special(target: &str, pipeline: &Pipeline, names: &Names<'_>) -> bool {
    if let Some(gate) = target.strip_prefix("gate:") {
        return gate
            .parse::<u32>()
            .is_ok_and(|gate| pipeline.workstreams.iter().any(|workstream| workstream.gate == gate));
    }
    if let Some(setup) = target.strip_prefix("setup:") {
        return pipeline.setups.iter().any(|known| known.name.as_str() == setup);
    }
    if is_glob(target) {
        return compile_glob(target).is_ok_and(|glob| names.sorted().iter().any(|name| glob.is_match(name)));
    }
    let path = target.strip_suffix('/').unwrap_or(target);
    pipeline.tasks.iter().flat_map(|task| &task.outputs).any(|output| output.path.as_str() == path)
}
