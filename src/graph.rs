//! The graph of steps: what is to be brought up to date, and in which order.
//!
//! Pure: a pipeline in, a graph out. Knows no keys, no files, no processes. `petgraph` appears only inside
//! functions, because its graphs cannot be compared.

pub mod build;
pub mod order;
pub mod target;

use crate::base::index::PlaceIndex;
use crate::base::lists::Lists;
use crate::base::name::{RuleName, SetupName, TaskName, WorkstreamId};

/// An index into the steps of a [`Graph`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId(pub u32);

/// One thing to bring up to date.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// A user's make-like step.
    Task(TaskName),
    /// A setup for tasks, prepared from the project's own folder.
    ProjectSetup(SetupName),
    /// The tree that a workstream starts from.
    Base(WorkstreamId),
    /// A setup prepared from a workstream's tree.
    Setup(WorkstreamId, SetupName),
    /// An instruction done by a tool, from 1; for a tool asked once, 1 stands for all.
    Edit(WorkstreamId, u32),
    /// A red candidate mended by a rule's own command or by a tool, from 1. Not in the graph: nobody knows how many there will be.
    Fix(WorkstreamId, u32),
    /// A rule that looks the candidate over.
    Lint(WorkstreamId, RuleName),
    /// An acceptance test, from 1.
    Test(WorkstreamId, u32),
    /// The commit and its refs.
    Result(WorkstreamId),
}

impl StepKind {
    /// The workstream it belongs to.
    pub fn workstream(&self) -> Option<&WorkstreamId> {
        match self {
            Self::Task(_) | Self::ProjectSetup(_) => None,
            Self::Base(id)
            | Self::Setup(id, _)
            | Self::Edit(id, _)
            | Self::Fix(id, _)
            | Self::Lint(id, _)
            | Self::Test(id, _)
            | Self::Result(id) => Some(id),
        }
    }

    /// `task setup base edit fix lint test result`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Task(_) => "task",
            Self::ProjectSetup(_) | Self::Setup(..) => "setup",
            Self::Base(_) => "base",
            Self::Edit(..) => "edit",
            Self::Fix(..) => "fix",
            Self::Lint(..) => "lint",
            Self::Test(..) => "test",
            Self::Result(_) => "result",
        }
    }

    /// The step's name: `test`, `setup:python`, `ws-15-…/base`, `…/setup.python`, `…/edit.2`, `…/ruff`, `…/test.1`, `…/result`.
    pub fn name(&self) -> String {
        match self {
            Self::Task(name) => name.0.to_string(),
            Self::ProjectSetup(name) => format!("setup:{name}"),
            Self::Base(id) => format!("{id}/base"),
            Self::Setup(id, name) => format!("{id}/setup.{name}"),
            Self::Edit(id, number) => format!("{id}/edit.{number}"),
            Self::Fix(id, number) => format!("{id}/fix.{number}"),
            Self::Lint(id, rule) => format!("{id}/{rule}"),
            Self::Test(id, number) => format!("{id}/test.{number}"),
            Self::Result(id) => format!("{id}/result"),
        }
    }
}

/// A step with what must be done before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'g> {
    /// What it is.
    pub kind: &'g StepKind,
    /// What must be done first, sorted.
    pub depends_on: &'g [StepId],
}

/// All steps, in an order in which dependencies come first.
///
/// Flat, because there may be hundreds of thousands: needs stand one step's behind the other's, and names are looked up by places,
/// so that none is held twice.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    kinds: Vec<StepKind>,
    needs: Lists<StepId>,
    index: PlaceIndex,
}

/// Steps and their needs; the index follows from them.
impl PartialEq for Graph {
    fn eq(&self, other: &Self) -> bool {
        (&self.kinds, &self.needs) == (&other.kinds, &other.needs)
    }
}

impl Eq for Graph {}

impl Graph {
    /// A graph of steps with their needs, which come first and are sorted.
    fn of(kinds: Vec<StepKind>, mut needs: Lists<StepId>) -> Self {
        needs.shrink();
        let index = PlaceIndex::of(&kinds, |kind| kind);
        Self { kinds, needs, index }
    }

    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// What every step is, in order.
    pub fn kinds(&self) -> &[StepKind] {
        &self.kinds
    }

    /// A step.
    pub fn step(&self, id: StepId) -> Step<'_> {
        let place = id.0 as usize;
        Step { kind: &self.kinds[place], depends_on: self.needs.get(place) }
    }

    /// The step of a kind.
    pub fn find(&self, kind: &StepKind) -> Option<StepId> {
        self.index.find(kind, |place| &self.kinds[place]).map(|place| StepId(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    /// All ids, dependencies first.
    pub fn ids(&self) -> impl Iterator<Item = StepId> + use<> {
        (0..u32::try_from(self.kinds.len()).unwrap_or(u32::MAX)).map(StepId)
    }
}
