//! Where workstreams stand in the state table, and the way from one state to another.
//!
//! Every move is checked by the store; nothing here decides what is next.

use crate::base::name::WorkstreamId;
use crate::event::Event;
use crate::exec::ExecError;
use crate::exec::session::way::way;
use crate::exec::session::{Session, lock};
use crate::store::state::WorkstreamState;

impl Session<'_> {
    /// Moves a workstream in its state table, through the states between where it is and `to`.
    pub fn move_to(&self, id: &WorkstreamId, to: WorkstreamState) -> Result<(), ExecError> {
        self.move_because(id, to, None)
    }

    /// The same, with the reason why it ends there.
    pub fn move_because(&self, id: &WorkstreamId, to: WorkstreamState, reason: Option<&str>) -> Result<(), ExecError> {
        let from = lock(&self.books).states.get(id).copied().unwrap_or(WorkstreamState::Pending);
        for next in way(from, to) {
            let reason = reason.filter(|_| next == to);
            let from = self.store.move_workstream(&self.run_id, id.as_str(), next, reason)?;
            lock(&self.books).states.insert(id.clone(), next);
            let (from, to) = (from.to_string(), next.to_string());
            self.emit(Event::WorkstreamMoved { workstream: id.to_string(), from, to });
        }
        Ok(())
    }
}
