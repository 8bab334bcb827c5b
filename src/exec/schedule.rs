//! Jobs in the order of their needs: what is ready runs, the longest way first by what jobs cost; a failure blocks what needs
//! it.
//!
//! Owns the state of every job; a worker whose job has ended takes the next one itself. Knows no workstreams.

use std::cell::Cell;
use std::collections::BinaryHeap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::Scope;

/// How a job ended, as far as others care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// What needs it may run.
    Good,
    /// What needs it is blocked.
    Bad,
}

/// What the jobs' owner is asked.
pub trait Jobs: Sync {
    /// Runs one job; called on a worker.
    fn run(&self, job: usize) -> Ended;
    /// A job that will not run because `blocker` ended badly; called on the worker whose job that was.
    fn blocked(&self, job: usize, blocker: usize);
    /// A job that will not run because the run was interrupted or stopped.
    fn dropped(&self, job: usize);
    /// Whether nothing more is to be started.
    fn stopped(&self) -> bool;
}

/// Runs every job of an acyclic list of needs on `pool`, as many at once as it has threads. A panic of a job goes on in
/// the caller once all others have ended.
///
/// `costs`: what each is expected to take, in any unit; none, or 0, where that is not known.
pub fn run(jobs: &dyn Jobs, needs: &[Vec<usize>], costs: &[u64], pool: &rayon::ThreadPool, fail_fast: bool) {
    let books = Books { state: State::new(needs, costs), running: 0, stopping: false };
    let crew = Crew { jobs, room: pool.current_num_threads(), fail_fast, books: Mutex::new(books) };
    pool.in_place_scope(|scope| crew.start(scope, crew.lock().take(&crew)));
    for job in crew.books.into_inner().unwrap_or_else(PoisonError::into_inner).state.unfinished() {
        jobs.dropped(job);
    }
}

/// Runs every job as [`run`] does, one after the other on the caller's thread: a pool for one of them costs more than it does.
pub fn run_here(jobs: &dyn Jobs, needs: &[Vec<usize>], costs: &[u64], fail_fast: bool) {
    let mut state = State::new(needs, costs);
    while !jobs.stopped()
        && let Some(job) = state.next()
    {
        match jobs.run(job) {
            Ended::Good => state.finish(job),
            Ended::Bad => {
                state.block(job, |blocked| jobs.blocked(blocked, job));
                if fail_fast {
                    break;
                }
            }
        }
    }
    for job in state.unfinished() {
        jobs.dropped(job);
    }
}

/// What workers share.
struct Crew<'j> {
    jobs: &'j dyn Jobs,
    room: usize,
    fail_fast: bool,
    books: Mutex<Books>,
}

struct Books {
    state: State,
    running: usize,
    stopping: bool,
}

impl Books {
    /// Jobs to be started now.
    fn take(&mut self, crew: &Crew<'_>) -> Vec<usize> {
        self.stopping |= crew.jobs.stopped();
        let mut taken = Vec::new();
        while self.running < crew.room
            && !self.stopping
            && let Some(job) = self.state.next()
        {
            self.running += 1;
            taken.push(job);
        }
        taken
    }
}

thread_local! {
    /// A job of this thread waits for something of its own, and another one runs meanwhile.
    static WITHIN: Cell<bool> = const { Cell::new(false) };
}

impl<'j> Crew<'j> {
    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start<'s>(&'s self, scope: &Scope<'s>, taken: impl IntoIterator<Item = usize>) {
        for job in taken {
            scope.spawn(move |scope| self.work(scope, job));
        }
    }

    /// Runs a job, and whatever is ready after it. A job that another one's wait let in is the only one: the other is not to wait
    /// for more than that.
    fn work<'s>(&'s self, scope: &Scope<'s>, job: usize) {
        let within = WITHIN.replace(true);
        let mut next = Some(job);
        while let Some(job) = next {
            let turn = Turn { crew: self, scope, job, within, is_over: false };
            let mut taken = turn.end(self.jobs.run(job)).into_iter();
            next = if within { None } else { taken.next() };
            self.start(scope, taken);
        }
        WITHIN.set(within);
    }

    /// A job has ended; gives those that are to be started.
    fn ended(&self, job: usize, ended: Ended) -> Vec<usize> {
        let mut blocked = Vec::new();
        let taken = {
            let mut books = self.lock();
            books.running -= 1;
            match ended {
                Ended::Good => books.state.finish(job),
                Ended::Bad => {
                    books.state.block(job, |next| blocked.push(next));
                    books.stopping |= self.fail_fast;
                }
            }
            books.take(self)
        };
        blocked.into_iter().for_each(|next| self.jobs.blocked(next, job));
        taken
    }
}

/// A job that runs; one that panics ended badly, and nobody waits for it for ever.
struct Turn<'c, 's, 'j> {
    crew: &'s Crew<'j>,
    scope: &'c Scope<'s>,
    job: usize,
    within: bool,
    is_over: bool,
}

impl Turn<'_, '_, '_> {
    fn end(mut self, ended: Ended) -> Vec<usize> {
        self.is_over = true;
        self.crew.ended(self.job, ended)
    }
}

impl Drop for Turn<'_, '_, '_> {
    fn drop(&mut self) {
        if !self.is_over {
            WITHIN.set(self.within);
            let taken = self.crew.ended(self.job, Ended::Bad);
            self.crew.start(self.scope, taken);
        }
    }
}

/// Where each job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits for others.
    Waiting,
    /// In the heap, or running, or ended.
    Taken,
    /// Ended, or never to run.
    Over,
}

struct State {
    stage: Vec<Stage>,
    missing: Vec<usize>,
    needed_by: Vec<Vec<usize>>,
    weight: Vec<u64>,
    ready: BinaryHeap<(u64, std::cmp::Reverse<usize>)>,
}

impl State {
    fn new(needs: &[Vec<usize>], costs: &[u64]) -> Self {
        let mut needed_by = vec![Vec::new(); needs.len()];
        for (job, list) in needs.iter().enumerate() {
            for &need in list {
                needed_by[need].push(job);
            }
        }
        let missing = needs.iter().map(Vec::len).collect();
        let weight = weights(needs, &needed_by, costs);
        let mut state =
            Self { stage: vec![Stage::Waiting; needs.len()], missing, needed_by, weight, ready: BinaryHeap::new() };
        for job in 0..needs.len() {
            state.offer(job);
        }
        state
    }

    fn offer(&mut self, job: usize) {
        if self.missing[job] == 0 && self.stage[job] == Stage::Waiting {
            self.stage[job] = Stage::Taken;
            self.ready.push((self.weight[job], std::cmp::Reverse(job)));
        }
    }

    fn next(&mut self) -> Option<usize> {
        self.ready.pop().map(|(_, std::cmp::Reverse(job))| job)
    }

    fn finish(&mut self, job: usize) {
        self.stage[job] = Stage::Over;
        for next in std::mem::take(&mut self.needed_by[job]) {
            self.missing[next] -= 1;
            self.offer(next);
        }
    }

    /// Everything that needs a job, near or far, will not run.
    fn block(&mut self, job: usize, mut tell: impl FnMut(usize)) {
        self.stage[job] = Stage::Over;
        let mut open = std::mem::take(&mut self.needed_by[job]);
        while let Some(next) = open.pop() {
            if self.stage[next] == Stage::Over {
                continue;
            }
            self.stage[next] = Stage::Over;
            tell(next);
            open.extend(self.needed_by[next].iter().copied());
        }
    }

    fn unfinished(&self) -> Vec<usize> {
        (0..self.stage.len()).filter(|&job| self.stage[job] != Stage::Over).collect()
    }
}

/// What each costs with the dearest way below it. What is not known counts as the median of what is, so that without any
/// knowledge the number of jobs decides.
fn weights(needs: &[Vec<usize>], needed_by: &[Vec<usize>], costs: &[u64]) -> Vec<u64> {
    let mut known: Vec<u64> = costs.iter().copied().filter(|cost| *cost > 0).collect();
    known.sort_unstable();
    let usual = known.get(known.len() / 2).copied().unwrap_or(1);
    let cost = |job: usize| costs.get(job).copied().filter(|cost| *cost > 0).unwrap_or(usual);
    let mut weight = vec![0_u64; needs.len()];
    let order = crate::graph::order::ordered(needs).unwrap_or_default();
    for &job in order.iter().rev() {
        let below = needed_by[job].iter().map(|&next| weight[next]).max().unwrap_or(0);
        weight[job] = below.saturating_add(cost(job));
    }
    weight
}

/// The dearest way through jobs, from the first to the last, of those that cost anything.
pub fn dearest_way(needs: &[Vec<usize>], costs: &[u64]) -> Vec<usize> {
    let mut best: Vec<(u64, Option<usize>)> = vec![(0, None); needs.len()];
    for job in crate::graph::order::ordered(needs).unwrap_or_default() {
        let above = needs[job].iter().copied().max_by_key(|need| (best[*need].0, std::cmp::Reverse(*need)));
        best[job] = (above.map_or(0, |need| best[need].0) + costs.get(job).copied().unwrap_or(0), above);
    }
    let last = (0..needs.len()).max_by_key(|job| (best[*job].0, std::cmp::Reverse(*job)));
    let mut way: Vec<usize> = std::iter::successors(last, |job| best[*job].1).collect();
    way.reverse();
    way.retain(|job| costs.get(*job).is_some_and(|cost| *cost > 0));
    way
}

#[cfg(test)]
mod tests {
    use super::{Ended, Jobs, dearest_way, run, run_here};
    use std::sync::Mutex;

    #[derive(Default)]
    struct Log {
        bad: Vec<usize>,
        ran: Mutex<Vec<usize>>,
        blocked: Mutex<Vec<usize>>,
        dropped: Mutex<Vec<usize>>,
    }

    impl Jobs for Log {
        fn run(&self, job: usize) -> Ended {
            self.ran.lock().unwrap().push(job);
            if self.bad.contains(&job) { Ended::Bad } else { Ended::Good }
        }
        fn blocked(&self, job: usize, _blocker: usize) {
            self.blocked.lock().unwrap().push(job);
        }
        fn dropped(&self, job: usize) {
            self.dropped.lock().unwrap().push(job);
        }
        fn stopped(&self) -> bool {
            false
        }
    }

    fn pool() -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()
    }

    #[test]
    fn a_failure_blocks_its_dependents_and_no_one_else() {
        let log = Log { bad: vec![1], ..Log::default() };
        let needs = [vec![], vec![0], vec![1], vec![2], vec![0]];
        run(&log, &needs, &[], &pool(), false);
        run_here(&log, &needs, &[], false);
        assert_eq!(*log.ran.lock().unwrap(), [0, 1, 4, 0, 1, 4]);
        let mut blocked = log.blocked.into_inner().unwrap();
        blocked.sort_unstable();
        assert_eq!(blocked, [2, 2, 3, 3]);
    }

    #[test]
    fn without_a_pool_a_failure_can_stop_the_rest() {
        let log = Log { bad: vec![0], ..Log::default() };
        run_here(&log, &[vec![], vec![0], vec![]], &[9, 0, 1], true);
        assert_eq!(*log.ran.lock().unwrap(), [0]);
        assert_eq!((log.blocked.into_inner().unwrap(), log.dropped.into_inner().unwrap()), (vec![1], vec![2]));
    }

    #[test]
    fn fail_fast_drops_the_rest() {
        let log = Log { bad: vec![0], ..Log::default() };
        run(&log, &[vec![], vec![], vec![0]], &[], &pool(), true);
        assert_eq!(*log.ran.lock().unwrap(), [0], "the one with more below it comes first");
        assert_eq!(*log.dropped.lock().unwrap(), [1]);
    }

    #[test]
    fn the_dearest_way_comes_first() {
        let needs = [vec![], vec![], vec![1], vec![]];
        let order = |costs: &[u64]| {
            let log = Log::default();
            run(&log, &needs, costs, &pool(), false);
            log.ran.into_inner().unwrap()
        };
        assert_eq!(order(&[]), [1, 0, 2, 3], "more jobs hang below 1");
        assert_eq!(order(&[500, 10, 20, 40]), [0, 3, 1, 2]);
        assert_eq!(order(&[60, 10, 0, 50]), [0, 1, 2, 3], "what is not known counts as the median, 50");
    }

    #[test]
    fn the_dearest_way_is_found_again() {
        let needs = [vec![], vec![0], vec![0], vec![1, 2], vec![]];
        assert_eq!(dearest_way(&needs, &[1, 5, 3, 1, 6]), [0, 1, 3]);
        assert_eq!(dearest_way(&needs, &[1, 5, 3, 1, 9]), [4]);
        assert_eq!(dearest_way(&needs, &[0, 0, 3, 1, 0]), [2, 3]);
        assert_eq!(dearest_way(&needs, &[0; 5]), [0; 0]);
        assert_eq!(dearest_way(&[], &[]), [0; 0]);
    }

    #[test]
    fn a_panic_is_not_waited_for() {
        struct Panicking(Log);
        impl Jobs for Panicking {
            fn run(&self, job: usize) -> Ended {
                assert_ne!(job, 0, "wanted");
                self.0.run(job)
            }
            fn blocked(&self, job: usize, blocker: usize) {
                self.0.blocked(job, blocker);
            }
            fn dropped(&self, job: usize) {
                self.0.dropped(job);
            }
            fn stopped(&self) -> bool {
                false
            }
        }
        let jobs = Panicking(Log::default());
        let needs = [vec![], vec![0], vec![]];
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&jobs, &needs, &[], &pool(), false)));
        assert!(ended.is_err(), "it goes on in the caller");
        assert_eq!(*jobs.0.ran.lock().unwrap(), [2]);
        assert_eq!(*jobs.0.blocked.lock().unwrap(), [1]);
    }

    #[test]
    fn a_long_chain_is_no_recursion() {
        let needs: Vec<Vec<usize>> = (0..50_000).map(|job: usize| job.checked_sub(1).into_iter().collect()).collect();
        let log = Log::default();
        run(&log, &needs, &[], &pool(), false);
        assert_eq!(log.ran.into_inner().unwrap().len(), 50_000);
    }
}
