//! What a plan says of each step, so that what moved leads to the steps that must be judged again, and to no others.
//!
//! Four cold parts: who looked at which file, which step waits for which, the steps' keys, and their definitions. A step is a
//! number here: its place in the order in which steps are judged. What a definition means is known to who wrote it.

use std::ops::Range;

use crate::base::digest::Digest;

use super::layout::{Header, Part, u32_at, u64_at};

pub use crate::system::sight::NOBODY;

const PAIR_BYTES: usize = 8;
const STEP_BYTES: usize = 48;

/// A step on its way into a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepSeen {
    /// What it does, in the writer's words.
    pub definition: Vec<u8>,
    /// Its key.
    pub key: Digest,
    /// Others observe its outputs and not its key.
    pub has_outputs: bool,
    /// Steps that it waits for.
    pub needs: Vec<u32>,
}

/// The parts of a plan in which some steps are replaced.
#[derive(Debug, Default)]
pub(super) struct StepTables {
    pub steps: Vec<u8>,
    pub definitions: Vec<u8>,
}

/// Rows of steps whose definitions are written, and not held.
#[derive(Debug, Default)]
pub(super) struct StepRows {
    pub rows: Vec<u8>,
    /// Bytes of all definitions so far.
    definitions: u64,
}

impl StepRows {
    pub(super) fn step(&mut self, key: &Digest, has_outputs: bool, definition: &[u8]) {
        self.definitions += definition.len() as u64;
        self.rows.extend_from_slice(&key.0);
        self.rows.extend_from_slice(&self.definitions.to_le_bytes());
        self.rows.extend_from_slice(&u64::from(has_outputs).to_le_bytes());
    }
}

impl StepTables {
    /// The tables of a plan with some steps replaced, which wait for the same steps as before.
    pub(super) fn with(cold: &Cold, replaced: &[(u32, StepSeen)]) -> Self {
        let mut rows = StepRows::default();
        let mut definitions = Vec::new();
        let mut step = |key, has_outputs, definition: &[u8]| {
            rows.step(&key, has_outputs, definition);
            definitions.extend_from_slice(definition);
        };
        let mut replaced = replaced.iter().peekable();
        for place in 0..cold.step_count() {
            match replaced.next_if(|(at, _)| *at == place) {
                Some((_, seen)) => step(seen.key, seen.has_outputs, &seen.definition),
                None => step(cold.key(place), cold.has_outputs(place), cold.definition(place)),
            }
        }
        Self { steps: rows.rows, definitions }
    }
}

/// Pairs of numbers, sorted, each once.
pub(super) fn pairs(mut pairs: Vec<(u32, u32)>) -> Vec<u8> {
    pairs.sort_unstable();
    pairs.dedup();
    let mut bytes = Vec::with_capacity(pairs.len() * PAIR_BYTES);
    for (left, right) in pairs {
        bytes.extend_from_slice(&left.to_le_bytes());
        bytes.extend_from_slice(&right.to_le_bytes());
    }
    bytes
}

/// The cold parts of a plan, read and found whole.
#[derive(Debug)]
pub struct Cold {
    pub(super) bytes: Vec<u8>,
    pub(super) header: Header,
}

impl Cold {
    pub(super) fn part(&self, part: Part) -> &[u8] {
        &self.bytes[self.header.range_in_cold(part)]
    }

    /// How many steps there are; none where a plan says nothing of them.
    pub fn step_count(&self) -> u32 {
        u32::try_from(self.part(Part::Steps).len() / STEP_BYTES).unwrap_or(0)
    }

    /// A step's key.
    pub fn key(&self, place: u32) -> Digest {
        let at = place as usize * STEP_BYTES;
        Digest(self.part(Part::Steps)[at..at + 32].try_into().expect("BUG: 32 bytes are 32 bytes"))
    }

    /// Others observe its outputs and not its key.
    pub fn has_outputs(&self, place: u32) -> bool {
        u64_at(self.part(Part::Steps), place as usize * STEP_BYTES + 40) != 0
    }

    /// What a step does, as it was written.
    pub fn definition(&self, place: u32) -> &[u8] {
        let end = |place: u32| u64_at(self.part(Part::Steps), place as usize * STEP_BYTES + 32) as usize;
        &self.part(Part::Definitions)[place.checked_sub(1).map_or(0, end)..end(place)]
    }

    /// Who looked at a file: steps, or [`NOBODY`] where there was somebody else, too.
    pub fn readers(&self, file: u32) -> impl Iterator<Item = u32> {
        let rows = self.part(Part::Readers);
        beginning_with(rows, file).map(|place| pair(rows, place).1)
    }

    /// These steps and all that wait for one of them, in order.
    pub fn cone(&self, from: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let rows = self.part(Part::Followers);
        let mut inside = vec![false; self.step_count() as usize];
        let mut open: Vec<u32> = from.into_iter().collect();
        while let Some(step) = open.pop() {
            if !std::mem::replace(&mut inside[step as usize], true) {
                open.extend(beginning_with(rows, step).map(|place| pair(rows, place).1));
            }
        }
        (0..).zip(inside).filter_map(|(step, inside)| inside.then_some(step)).collect()
    }

    /// Steps that some of these wait for, and that are not among them, in order.
    pub fn needs_of(&self, steps: &[u32]) -> Vec<u32> {
        let mut inside = vec![false; self.step_count() as usize];
        steps.iter().for_each(|step| inside[*step as usize] = true);
        let rows = self.part(Part::Followers);
        let all = (0..rows.len() / PAIR_BYTES).map(|place| pair(rows, place));
        let mut needs: Vec<u32> = all
            .filter(|(need, step)| inside[*step as usize] && !inside[*need as usize])
            .map(|(need, _)| need)
            .collect();
        needs.dedup();
        needs
    }
}

fn pair(rows: &[u8], place: usize) -> (u32, u32) {
    let at = place * PAIR_BYTES;
    (u32_at(rows, at), u32_at(rows, at + 4))
}

/// The places of the pairs that begin with a number.
fn beginning_with(rows: &[u8], number: u32) -> Range<usize> {
    let count = rows.len() / PAIR_BYTES;
    let partition = |before: &dyn Fn(u32) -> bool| {
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if before(pair(rows, middle).0) { low = middle + 1 } else { high = middle }
        }
        low
    };
    partition(&|left| left < number)..partition(&|left| left <= number)
}

#[cfg(test)]
mod tests {
    use super::{Cold, StepRows, StepSeen, StepTables, pairs};
    use crate::base::digest::Digest;
    use crate::kept::layout::{Header, PARTS, Part};

    fn step(text: &str, needs: &[u32]) -> StepSeen {
        StepSeen {
            definition: text.into(),
            key: Digest::of(text.as_bytes()),
            has_outputs: text.len() > 1,
            needs: needs.to_vec(),
        }
    }

    fn cold(tables: &StepTables, followers: &[u8], readers: &[u8]) -> Cold {
        let mut header =
            Header { about: Digest([0; 32]), hot: Digest([0; 32]), cold: Digest([0; 32]), lengths: [0; PARTS] };
        let parts = [
            (Part::Readers, readers),
            (Part::Definitions, &tables.definitions),
            (Part::Steps, &tables.steps),
            (Part::Followers, followers),
        ];
        let mut bytes = Vec::new();
        for (part, content) in parts {
            header.lengths[part as usize] = content.len() as u64;
            bytes.extend_from_slice(content);
        }
        Cold { bytes, header }
    }

    fn tables(steps: &[StepSeen]) -> (StepTables, Vec<u8>) {
        let (mut rows, mut definitions, mut followers) = (StepRows::default(), Vec::new(), Vec::new());
        for (place, step) in (0..).zip(steps) {
            followers.extend(step.needs.iter().map(|need| (*need, place)));
            rows.step(&step.key, step.has_outputs, &step.definition);
            definitions.extend_from_slice(&step.definition);
        }
        (StepTables { steps: rows.rows, definitions }, pairs(followers))
    }

    #[test]
    fn cones_and_needs() {
        let steps = [step("a", &[]), step("bb", &[]), step("c", &[0, 1]), step("", &[]), step("e", &[2, 3])];
        let (tables, followers) = tables(&steps);
        let cold = cold(&tables, &followers, &pairs(vec![(7, 2), (3, 0), (7, super::NOBODY), (7, 2)]));
        assert_eq!(cold.step_count(), 5);
        assert_eq!(cold.cone([1]), [1, 2, 4]);
        assert_eq!(cold.cone([3]), [3, 4]);
        assert_eq!(cold.cone([]), [0; 0]);
        assert_eq!(cold.needs_of(&[1, 2, 4]), [0, 3]);
        assert_eq!(cold.readers(7).collect::<Vec<_>>(), [2, super::NOBODY]);
        assert_eq!(cold.readers(4).count(), 0);
        for (place, step) in (0..).zip(&steps) {
            assert_eq!((cold.definition(place), cold.key(place)), (step.definition.as_slice(), step.key));
            assert_eq!(cold.has_outputs(place), step.has_outputs);
        }
        let changed = StepTables::with(&cold, &[(2, step("other", &[0, 1]))]);
        let again = super::tests::cold(&changed, &followers, &[]);
        assert_eq!(
            (again.definition(1), again.definition(2), again.definition(4)),
            (&b"bb"[..], &b"other"[..], &b"e"[..])
        );
        assert_eq!(again.cone([1]), [1, 2, 4]);
    }
}
