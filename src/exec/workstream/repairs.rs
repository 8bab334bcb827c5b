//! Repairs by persons: put in place of edits, remembered where they are accepted.
//!
//! A repair is verified like any other candidate; one that is red stays where it is, to be repaired further.

use crate::exec::ExecError;
use crate::exec::editing::{Good, Ground};
use crate::exec::session::{Ending, Made};
use crate::exec::workstream::Machine;
use crate::exec::workstream::edits::Candidate;
use crate::fingerprint::Key;
use crate::git::object::TreeId;
use crate::graph::StepKind;
use crate::observe::base::Start;
use crate::observe::edit::{accepted, requests};
use crate::observe::record::AcceptedBody;
use crate::observe::workstream::EditLook;
use crate::observe::{ObserveError, by_hand};
use crate::plan::{Freshness, Verdict};
use crate::store::record::Outcome;
use crate::summary::StepStatus;

/// A repair that was not remembered as accepted yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repair {
    /// What lies in the kept worktree.
    New,
    /// One that was accepted on another base.
    Carried,
    /// What the fix loop came to.
    Fixed,
}

impl Machine<'_, '_> {
    /// Puts a person's repair in place of the edits so far, if there is one; `newest` is a tool's newest answer.
    pub(super) fn repair(
        &self,
        candidate: &mut Candidate,
        start: &Start,
        mended: Option<TreeId>,
        newest: u64,
        may_carry: bool,
    ) -> Result<bool, ExecError> {
        if let Some(tree) = mended {
            (candidate.tree, candidate.repair) = (tree, Some(Repair::New));
            return Ok(true);
        }
        if self.again {
            return Ok(false);
        }
        let (world, records) = (self.session.world, self.session.records());
        if let Some(tree) = by_hand::accepted(world, records, self.workstream, &candidate.keys, newest, start.tree)? {
            candidate.tree = tree;
            return Ok(true);
        }
        if !may_carry {
            return Ok(false);
        }
        let Some(tree) = by_hand::carried(world, records, self.workstream, start.tree)? else { return Ok(false) };
        (candidate.tree, candidate.carried, candidate.repair) = (tree, true, Some(Repair::Carried));
        Ok(true)
    }

    /// Remembers that a person's change makes these edits good.
    pub(super) fn accept(&self, start: &Start, tree: TreeId, keys: &[Key], repair: Repair) -> Result<(), ExecError> {
        let world = self.session.world;
        let fingerprint = accepted(world, self.workstream, keys, start.tree).map_err(ObserveError::from)?;
        let carried = repair == Repair::Carried;
        let by = if repair == Repair::Fixed { "fix" } else { "manual" };
        let body = AcceptedBody { base: start.tree.hex(), tree: tree.hex(), by: by.to_owned(), carried };
        self.session.keep(tree);
        let mut made = Made::new(Outcome::Green, &body, 0);
        made.request = Some(requests(world, self.workstream));
        self.session.record_as(&format!("{}/accepted", self.workstream.id), "accepted", &fingerprint, made)
    }

    /// What a kept repair is held against, when it is looked at again.
    pub(super) fn judged_metadata(&self) -> serde_json::Value {
        serde_json::json!({ by_hand::REQUESTS: requests(self.session.world, self.workstream).hex() })
    }

    pub(super) fn rest_is_mended(&self, from: u32, count: u32) {
        for number in from..=count {
            let kind = StepKind::Edit(self.workstream.id.clone(), number);
            self.session.end(&kind, Ending::fresh(&Verdict::Fresh(Freshness::Recorded)).detail("mended by hand"));
        }
    }

    pub(super) fn is_manual(&self) -> bool {
        use crate::analysis::pipeline::ToolKind;
        self.session.world.first_tool(self.workstream).is_some_and(|tool| tool.kind == ToolKind::Manual)
    }

    /// What a person did in the worktree is the edit that was waited for.
    pub(super) fn remember_by_hand(
        &self,
        kind: &StepKind,
        ground: Ground<'_>,
        look: &EditLook,
        after: TreeId,
    ) -> Result<(), ExecError> {
        let good = Good { after, carried: false, tool: "manual".to_owned(), notes: Vec::new(), findings: Vec::new() };
        let begun = self.session.begin(kind, &look.look.reason().to_string(), Some("manual (a person)".to_owned()));
        self.remember(kind, ground, look, &good, 0)?;
        self.session.end(kind, Ending::ran(StepStatus::Done, &look.look.verdict, begun).detail("by hand"));
        Ok(())
    }
}
