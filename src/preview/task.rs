//! The preview of tasks and of the setups that they need.

use std::collections::HashMap;

use crate::analysis::pipeline::Task;
use crate::fingerprint::Key;
use crate::graph::{StepId, StepKind};
use crate::observe::look::{Look, Records, look};
use crate::observe::record::TaskBody;
use crate::observe::world::World;
use crate::observe::{ObserveError, body};
use crate::observe::{found, task as observe};
use crate::plan::{Freshness, Reason, Verdict};
use crate::preview::{Asked, Preview, StepPlan, unsettled_above};
use crate::system::file_hash::HashCache;
use crate::system::inputs::Input;
use crate::system::profile::Category;

/// Judges a task or a setup of tasks.
pub fn judge(
    world: &World,
    records: Records<'_>,
    hashes: &HashCache,
    step: StepId,
    preview: &Preview,
    asked: &Asked,
) -> Result<StepPlan, ObserveError> {
    let kind = &world.graph.step(step).kind;
    let plain = |verdict| StepPlan::plain(step, verdict);
    if let Some(reason) = unsettled_above(world, step, preview) {
        return Ok(plain(Verdict::Unsettled(reason)));
    }
    if asked.force.contains(&step) {
        return Ok(plain(Verdict::Stale(Reason::Forced)));
    }
    let look = match kind {
        StepKind::ProjectSetup(name) => {
            let setup = world.setup(name);
            let inputs = project_inputs(world, setup, hashes)?;
            crate::observe::workstream::setup_with(world, records, setup, &inputs, &kind.name())?.look
        }
        StepKind::Task(name) => {
            let task = world.task(name);
            if task.command.is_none() {
                let now = observe::group(&upstream(world, step, &preview.task_keys));
                let look = Look::of_nothing(now, Verdict::Fresh(Freshness::Nothing));
                return Ok(StepPlan::looked(step, look, asked));
            }
            if !observe::is_memoized(task) {
                return Ok(plain(Verdict::Stale(Reason::AlwaysRuns)));
            }
            look_at(world, records, task, hashes, &upstream(world, step, &preview.task_keys), None)?.0
        }
        _ => return Ok(plain(Verdict::Fresh(Freshness::Nothing))),
    };
    Ok(StepPlan::looked(step, look, asked))
}

/// The inputs of a setup in the project's own folder.
pub fn project_inputs(
    world: &World,
    setup: &crate::analysis::pipeline::Setup,
    hashes: &HashCache,
) -> Result<Vec<(String, String)>, ObserveError> {
    let inputs = crate::system::inputs::evaluate(&world.root, &setup.inputs, &[], hashes, &world.sights)?;
    Ok(inputs.entries.iter().map(|input| (input.path.clone(), input.state().hex())).collect())
}

/// Looks at a task; its inputs come back for those who run it. A plan that still holds is asked before the records.
pub fn look_at(
    world: &World,
    records: Records<'_>,
    task: &Task,
    hashes: &HashCache,
    upstream: &[(String, Key)],
    plan: Option<&StepPlan>,
) -> Result<(Look, Vec<Input>), ObserveError> {
    let _span = world.profile.span(Category::Judge, || task.name.as_str());
    let inputs = observe::inputs(world, task, hashes)?;
    let declared = observe::fingerprint(world, task, &inputs, upstream);
    let fingerprint = found::complete(world, records, task, declared, &inputs, hashes)?;
    if let Some(plan) = plan {
        let key = fingerprint.key();
        if let Some(verdict) = plan.without_record(key) {
            return Ok((Look { fingerprint, key, verdict: verdict.clone(), record: None, last: None }, inputs));
        }
    }
    let look = look(records, task.name.as_str(), fingerprint, |record| {
        let made: TaskBody = body(record)?;
        Ok(differs(&made, observe::outputs(world, task, hashes)))
    })?;
    Ok((look, inputs))
}

/// What of a task's recorded outputs is not there as recorded.
fn differs(made: &TaskBody, now: Result<Vec<crate::observe::record::OutputFile>, String>) -> Option<String> {
    let now = match now {
        Err(sentence) => return Some(sentence),
        Ok(now) => now,
    };
    if now == made.outputs {
        return None;
    }
    let known: HashMap<&str, &str> =
        made.outputs.iter().map(|file| (file.path.as_str(), file.digest.as_str())).collect();
    let other = now.iter().find(|file| known.get(file.path.as_str()) != Some(&file.digest.as_str()));
    let gone = made.outputs.iter().find(|file| !now.iter().any(|there| there.path == file.path));
    Some(match (other, gone) {
        (_, Some(file)) => format!("output {} is missing", file.path),
        (Some(file), None) => format!("output {} differs from what was made", file.path),
        (None, None) => "an output's kind differs from what was made".to_owned(),
    })
}

/// Keys of the tasks above that make no outputs: what they verified is part of what hangs on them.
pub fn upstream(world: &World, step: StepId, keys: &HashMap<StepId, Key>) -> Vec<(String, Key)> {
    let needs = world.graph.step(step).depends_on.iter();
    needs
        .filter(|need| world.is_observed_by_key(**need))
        .filter_map(|need| keys.get(need).map(|key| (world.graph.step(*need).kind.name(), *key)))
        .collect()
}
