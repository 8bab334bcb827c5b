//! What a kept plan says of each step, for programs that read it, and for targets that are a part of it.
//!
//! Written when a build was green, read where a program wants all steps. Knows nothing of files.

use std::collections::HashSet;

use serde::{Deserialize, Serialize, Serializer};

use crate::cli::engine::open::Opened;
use crate::exec::summing::fresh_workstreams;
use crate::graph::StepId;
use crate::observe::world::World;
use crate::preview::{Preview, StepPlan, words};
use crate::summary::{StepStatus, StepSummary, WorkstreamSummary};

/// What is said of each step, for programs that read it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Detail {
    /// The steps.
    pub steps: Vec<Row>,
    /// Workstreams, without their steps.
    pub workstreams: Vec<WorkstreamSummary>,
    /// Ids of all workstreams there are; none where a task or an output could be meant by one.
    pub ids: Vec<String>,
}

impl Detail {
    /// The rows that targets name and all that those need; `None` where only the definitions can tell what is meant.
    pub fn part(self, targets: &[String]) -> Option<(Self, Vec<String>)> {
        let named: Vec<usize> = targets.iter().map(|target| self.place(target)).collect::<Option<_>>()?;
        let name = |place: &usize| match &self.steps[*place] {
            Row { workstream: Some(id), .. } => id.clone(),
            row => row.name.clone(),
        };
        let names = named.iter().map(name).collect();
        let mut reached = vec![false; self.steps.len()];
        let mut open = named;
        while let Some(place) = open.pop() {
            if !std::mem::replace(reached.get_mut(place)?, true) {
                open.extend(&self.steps[place].needs);
            }
        }
        let mut places = vec![0; reached.len()];
        let mut steps = Vec::new();
        for (place, mut row) in self.steps.into_iter().enumerate().filter(|(place, _)| reached[*place]) {
            places[place] = steps.len();
            row.needs.iter_mut().for_each(|need| *need = places[*need]);
            steps.push(row);
        }
        let ids: HashSet<&str> = steps.iter().filter_map(|row| row.workstream.as_deref()).collect();
        let workstreams = self.workstreams.into_iter().filter(|one| ids.contains(one.id.as_str())).collect();
        Some((Self { steps, workstreams, ids: self.ids }, names))
    }

    /// The one row that a target names: a task by its name, or a workstream by its id or the beginning of it.
    fn place(&self, target: &str) -> Option<usize> {
        if target.starts_with("gate:") || target.starts_with("setup:") {
            return None;
        }
        if let Some(place) = self.steps.iter().position(|row| row.kind == "task" && row.name == target) {
            return Some(place);
        }
        let prefix = format!("{}-", target.trim_end_matches('-'));
        let mut found = self.ids.iter().filter(|id| id.starts_with(&prefix));
        let id = match self.ids.iter().find(|id| *id == target) {
            Some(id) => id,
            None => found.next().filter(|_| found.next().is_none())?,
        };
        self.steps.iter().position(|row| row.kind == "result" && row.workstream.as_ref() == Some(id))
    }
}

/// A step.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What kind of step.
    pub kind: String,
    /// Whose step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workstream: Option<String>,
    /// What is said of its verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Places among the rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<usize>,
}

/// A step that nothing ran for.
pub fn fresh_step(row: Row) -> StepSummary {
    StepSummary {
        name: row.name,
        kind: row.kind,
        status: StepStatus::Fresh,
        verdict: "fresh".to_owned(),
        reason: row.reason,
        attempts: 0,
        duration_ms: 0,
        findings: Vec::new(),
        failure: None,
    }
}

/// What is to be said of a green build; it is read back as [`Detail`].
#[derive(Serialize)]
pub struct Told<'a> {
    steps: Rows<'a>,
    workstreams: Vec<WorkstreamSummary>,
    ids: Vec<String>,
}

/// Rows, made while they are written.
struct Rows<'a> {
    world: &'a World,
    preview: &'a Preview,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.preview.steps.iter().map(|plan| self.row(plan)))
    }
}

impl Rows<'_> {
    fn row(&self, plan: &StepPlan) -> Row {
        let step = self.world.graph.step(plan.step);
        let place = |need: &StepId| self.preview.place(*need).map(|place| place as usize);
        Row {
            name: step.kind.name(),
            kind: step.kind.word().to_owned(),
            workstream: step.kind.workstream().map(ToString::to_string),
            reason: words(&plan.verdict).1,
            tool: plan.tool.as_deref().map(str::to_owned),
            needs: step.depends_on.iter().filter_map(place).collect(),
        }
    }
}

impl<'a> Told<'a> {
    /// What is to be said of what was judged.
    pub fn of(opened: &'a Opened, preview: &'a Preview) -> Self {
        let world = &opened.world;
        let pipeline = &world.pipeline;
        let is_id = |text: &str| text.starts_with("ws-");
        let mistaken = pipeline
            .tasks
            .iter()
            .any(|task| is_id(task.name.as_str()) || task.outputs.iter().any(|output| is_id(output.path.as_str())));
        let workstreams = pipeline.workstreams.iter().filter(|_| !mistaken);
        let ids = workstreams.map(|workstream| workstream.id.to_string()).collect();
        Self { steps: Rows { world, preview }, workstreams: fresh_workstreams(world, preview), ids }
    }
}
