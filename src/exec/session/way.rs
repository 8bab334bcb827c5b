//! From one state of a workstream to another through the table's states between them.
//!
//! Knows the table, and moves nothing.

use std::collections::HashMap;

use crate::store::state::WorkstreamState;

/// The states between two, the last included: the shortest way of the table that neither waits, fixes nor ends early.
pub(super) fn way(from: WorkstreamState, to: WorkstreamState) -> Vec<WorkstreamState> {
    if from == to {
        return Vec::new();
    }
    let passed = [
        WorkstreamState::Ready,
        WorkstreamState::Started,
        WorkstreamState::ReadyForStatic,
        WorkstreamState::StaticCheck,
        WorkstreamState::RuntimeTests,
    ];
    let mut came_from: HashMap<WorkstreamState, WorkstreamState> = HashMap::new();
    let mut open = std::collections::VecDeque::from([from]);
    while let Some(state) = open.pop_front() {
        for &next in state.next() {
            let seen = next == from || came_from.contains_key(&next);
            if seen || (next != to && !passed.contains(&next)) {
                continue;
            }
            came_from.insert(next, state);
            open.push_back(next);
        }
    }
    let mut way = Vec::new();
    let mut state = to;
    while state != from {
        way.push(state);
        match came_from.get(&state) {
            Some(&before) => state = before,
            None => return vec![to],
        }
    }
    way.reverse();
    way
}
