//! Memory as a reason to wait: a program whose step is known to need more than is left is not started beside others.
//!
//! What a step needs is the peak of its last time. Estimates only ever delay: where nothing runs, whatever comes next may
//! start, so nobody waits for ever. Does not know how much there is, but by asking.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::size::shown;

/// A peak that differs from the known one by less than one in so many is not learned anew.
const LEARNED_ONE_IN: u64 = 16;

/// Names of steps that waited that are told; the rest is counted.
const TOLD_MAX: usize = 3;

/// Who asks the machine.
type Measure = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// Memory that programs share.
pub struct Admission {
    room: Room,
    books: Mutex<Books>,
    freed: Condvar,
}

/// How much there is for all programs together.
pub enum Room {
    /// As a person said, in bytes.
    Said(u64),
    /// As the machine says whenever nothing runs.
    Measured(Measure),
}

#[derive(Default)]
struct Books {
    known: HashMap<String, u64>,
    learned: BTreeMap<String, u64>,
    room: Option<u64>,
    running: usize,
    expected: u64,
    /// Those who wait, in the order in which they came: a large one is not overtaken for ever by smaller ones.
    waiting: VecDeque<u64>,
    number: u64,
    waited: BTreeMap<String, Duration>,
}

/// A program that may run; over when dropped.
pub struct Admitted<'a> {
    admission: &'a Admission,
    expected: u64,
    waited: bool,
}

impl Admission {
    /// With the peaks that are known, in bytes by step.
    pub fn new(room: Room, known: HashMap<String, u64>) -> Self {
        Self { room, books: Mutex::new(Books { known, ..Books::default() }), freed: Condvar::new() }
    }

    /// Waits until a step's program fits beside those that run.
    pub fn enter(&self, step: &str) -> Admitted<'_> {
        let mut books = self.lock();
        let expected = books.known.get(step).copied().unwrap_or(0);
        let waited = expected > 0 && !self.fits(&mut books, expected, None);
        if waited {
            books = self.wait(books, step, expected);
        }
        books.running += 1;
        books.expected = books.expected.saturating_add(expected);
        Admitted { admission: self, expected, waited }
    }

    fn wait<'a>(&'a self, mut books: MutexGuard<'a, Books>, step: &str, expected: u64) -> MutexGuard<'a, Books> {
        let begun = Instant::now();
        books.number += 1;
        let ticket = books.number;
        books.waiting.push_back(ticket);
        while !self.fits(&mut books, expected, Some(ticket)) {
            books = self.freed.wait(books).unwrap_or_else(PoisonError::into_inner);
        }
        books.waiting.pop_front();
        // The next may fit as well.
        self.freed.notify_all();
        *books.waited.entry(step.to_owned()).or_default() += begun.elapsed();
        books
    }

    /// Whether a program may start now; only the first of those who wait may.
    fn fits(&self, books: &mut Books, expected: u64, ticket: Option<u64>) -> bool {
        if books.waiting.front().copied() != ticket {
            return false;
        }
        if books.running == 0 {
            books.room = self.room.bytes();
            return true;
        }
        let room = match books.room {
            Some(room) => room,
            None => *books.room.insert(self.room.bytes().unwrap_or(u64::MAX)),
        };
        books.expected.saturating_add(expected) <= room
    }

    /// A step's program held so much at its peak; `None`: nothing worth a note.
    pub fn learn(&self, step: &str, peak_bytes: Option<u64>) {
        let mut books = self.lock();
        let known = books.known.get(step).copied().unwrap_or(0);
        let peak = peak_bytes.unwrap_or(0);
        let before = books.learned.get(step).copied();
        // A step of several programs needs what the largest of them does.
        let peak = before.unwrap_or(0).max(peak);
        if before.is_some_and(|before| before != peak) || peak.abs_diff(known) > known / LEARNED_ONE_IN {
            books.learned.insert(step.to_owned(), peak);
        }
    }

    /// What was learned since the beginning, in bytes by step.
    pub fn learned(&self) -> Vec<(String, u64)> {
        self.lock().learned.iter().map(|(step, bytes)| (step.clone(), *bytes)).collect()
    }

    /// A sentence on who waited, if anybody did.
    pub fn told(&self) -> Option<String> {
        let books = self.lock();
        let mut waited: Vec<(&String, &Duration)> = books.waited.iter().collect();
        waited.sort_by(|left, right| right.1.cmp(left.1));
        let one = |(step, time): &(&String, &Duration)| {
            let needs = shown(books.known.get(*step).copied().unwrap_or(0));
            format!("{step} ({:.1}s, it needs {needs})", time.as_secs_f64())
        };
        let named: Vec<String> = waited.iter().take(TOLD_MAX).map(one).collect();
        let more = waited.len().saturating_sub(TOLD_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let room = books.room.map_or_else(String::new, |room| format!(" of {}", shown(room)));
        (!named.is_empty()).then(|| format!("waited for memory{room}: {}{more}", named.join(", ")))
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Said(bytes) => Some(*bytes),
            Self::Measured(measure) => measure(),
        }
    }
}

impl Admitted<'_> {
    /// Whether it had to wait.
    pub fn waited(&self) -> bool {
        self.waited
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let mut books = self.admission.lock();
        books.running -= 1;
        books.expected -= self.expected;
        if !books.waiting.is_empty() {
            self.admission.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{Admission, Room};

    fn admission(room: u64, known: &[(&str, u64)]) -> Admission {
        let known: HashMap<String, u64> = known.iter().map(|(step, bytes)| ((*step).to_owned(), *bytes)).collect();
        Admission::new(Room::Said(room), known)
    }

    #[test]
    fn what_is_expected_never_exceeds_the_room_unless_one_runs_alone() {
        let steps = [("a", 60), ("b", 50), ("c", 30), ("d", 10), ("e", 500), ("f", 0)];
        let admission = admission(100, &steps);
        let (inside, alone, broken) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for (step, bytes) in steps.into_iter().cycle().take(24) {
                let (admission, inside, alone, broken) = (&admission, &inside, &alone, &broken);
                scope.spawn(move || {
                    for _ in 0..50 {
                        let admitted = admission.enter(step);
                        let now = inside.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        broken.fetch_add(u64::from(now > 100 && bytes != 500), Ordering::SeqCst);
                        alone.fetch_add(u64::from(now == 500), Ordering::SeqCst);
                        inside.fetch_sub(bytes, Ordering::SeqCst);
                        drop(admitted);
                    }
                });
            }
        });
        assert_eq!((broken.into_inner(), alone.into_inner()), (0, 200));
    }

    #[test]
    fn who_is_not_known_waits_for_nobody() {
        let admission = admission(100, &[("large", 90)]);
        let _large = admission.enter("large");
        let _unknown = admission.enter("unknown");
        assert_eq!(admission.told(), None);
    }

    #[test]
    fn peaks_are_learned_where_they_moved() {
        let admission = admission(100, &[("same", 1600), ("grown", 1600), ("gone", 1600)]);
        admission.learn("same", Some(1650));
        admission.learn("grown", Some(3000));
        admission.learn("grown", Some(100));
        admission.learn("gone", None);
        admission.learn("new", Some(7));
        admission.learn("small", None);
        let learned = admission.learned();
        let learned: Vec<(&str, u64)> = learned.iter().map(|(step, bytes)| (step.as_str(), *bytes)).collect();
        assert_eq!(learned, [("gone", 0), ("grown", 3000), ("new", 7)]);
    }

    #[test]
    fn the_machine_is_asked_while_nothing_runs() {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let measure = || {
            ASKED.fetch_add(1, Ordering::SeqCst);
            Some(100)
        };
        let admission = Admission::new(Room::Measured(Box::new(measure)), HashMap::from([("a".to_owned(), 40)]));
        let one = admission.enter("a");
        let two = admission.enter("a");
        assert_eq!(ASKED.load(Ordering::SeqCst), 1);
        drop((one, two));
        drop(admission.enter("unknown"));
        drop(admission.enter("a"));
        assert_eq!(ASKED.load(Ordering::SeqCst), 2);
    }
}
