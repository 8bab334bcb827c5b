//! Places: how many programs may run at once, in all and a pool.
//!
//! A place is taken around a program, not around a job: a workstream that waits for its pool takes no place from a task.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};

use crate::process::cancel::Cancel;
use crate::process::jobserver::{Jobserver, Place};

/// A counting semaphore.
#[derive(Debug)]
pub struct Slots {
    free: Mutex<u32>,
    freed: Condvar,
}

/// A taken place; given back when dropped.
#[derive(Debug)]
pub struct Slot<'a>(&'a Slots);

impl Slots {
    /// So many places, at least one.
    pub fn new(places: u32) -> Self {
        Self { free: Mutex::new(places.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place.
    pub fn take(&self) -> Slot<'_> {
        let mut free = self.lock();
        while *free == 0 {
            free = self.freed.wait(free).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        *free -= 1;
        Slot(self)
    }

    fn lock(&self) -> MutexGuard<'_, u32> {
        self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.lock() += 1;
        self.0.freed.notify_one();
    }
}

/// The places of all programs and of each pool, and those that are shared with other builders.
#[derive(Debug)]
pub struct Places {
    all: Slots,
    pools: BTreeMap<String, Slots>,
    jobserver: Jobserver,
}

/// What a program takes while it runs.
#[derive(Debug)]
pub struct Taken<'a> {
    /// One of all programs here and elsewhere; given back first. None where the run was cancelled while it waited.
    _shared: Option<Place<'a>>,
    _all: Slot<'a>,
}

impl Places {
    /// `jobs` places in all, and those of each pool.
    pub fn new(jobs: u32, pools: &BTreeMap<String, u32>, jobserver: Jobserver) -> Self {
        let pools = pools.iter().map(|(name, &places)| (name.clone(), Slots::new(places))).collect();
        Self { all: Slots::new(jobs), pools, jobserver }
    }

    /// Waits for a place in a pool, where there is such a pool; to be had before anything else is waited for.
    pub fn of_pool(&self, pool: Option<&str>) -> Option<Slot<'_>> {
        pool.and_then(|name| self.pools.get(name)).map(Slots::take)
    }

    /// Waits for one of all places here, then for one that is shared.
    pub fn take(&self, cancel: &Cancel) -> Taken<'_> {
        let all = self.all.take();
        Taken { _shared: self.jobserver.take(cancel), _all: all }
    }

    /// Whom programs may share places with.
    pub fn jobserver(&self) -> &Jobserver {
        &self.jobserver
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn never_more_than_there_are_places() {
        let slots = Slots::new(2);
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let _slot = slots.take();
                        most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
    }
}
