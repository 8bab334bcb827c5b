//! What is looked up once for many steps: environments, and programs while nothing runs.
//!
//! Knows no steps. A process's environment does not change; a program may, while steps run, so it is remembered only
//! for the length of a [`Still`], and only for the thread that holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{ThreadId, current};

use crate::analysis::pipeline::Environment;
use crate::base::digest::Digest;
use crate::system::environment;
use crate::system::sight::Sought;

/// What was looked up before.
#[derive(Debug, Default)]
pub struct Memory {
    environments: Mutex<HashMap<Environment, Arc<environment::Environment>>>,
    programs: Mutex<Option<Programs>>,
}

#[derive(Debug)]
struct Programs {
    thread: ThreadId,
    known: HashMap<Sought, Option<Digest>>,
}

/// As long as it lives, its thread looks for a program once.
#[derive(Debug)]
pub struct Still<'m>(&'m Memory);

impl Drop for Still<'_> {
    fn drop(&mut self) {
        lock(&self.0.programs).take_if(|programs| programs.thread == current().id());
    }
}

impl Memory {
    /// Nothing runs that the caller waits for: programs stay what they are.
    pub fn still(&self) -> Still<'_> {
        lock(&self.programs).get_or_insert_with(|| Programs { thread: current().id(), known: HashMap::new() });
        Still(self)
    }

    /// An environment, made once.
    pub fn environment(
        &self,
        asked: &Environment,
        make: impl FnOnce() -> environment::Environment,
    ) -> Arc<environment::Environment> {
        let mut known = lock(&self.environments);
        match known.get(asked) {
            Some(there) => Arc::clone(there),
            None => Arc::clone(known.entry(asked.clone()).or_insert(Arc::new(make()))),
        }
    }

    /// A program's identity, looked for once while all is still.
    pub fn program(&self, sought: &Sought, look: impl FnOnce() -> Option<Digest>) -> Option<Digest> {
        let own = |programs: &&mut Programs| programs.thread == current().id();
        if let Some(known) = lock(&self.programs).as_mut().filter(own).and_then(|programs| programs.known.get(sought)) {
            return *known;
        }
        let found = look();
        if let Some(programs) = lock(&self.programs).as_mut().filter(own) {
            programs.known.insert(sought.clone(), found);
        }
        found
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::Memory;
    use crate::base::digest::Digest;
    use crate::system::sight::Sought;

    #[test]
    fn programs_are_remembered_only_while_all_is_still() {
        let memory = Memory::default();
        let sought = Sought { word: "cc".into(), search: "/bin".into(), dir: PathBuf::from("/") };
        let (one, two) = (Some(Digest::of(b"1")), Some(Digest::of(b"2")));
        assert_eq!(memory.program(&sought, || one), one);
        assert_eq!(memory.program(&sought, || two), two);
        let still = memory.still();
        assert_eq!(memory.program(&sought, || one), one);
        assert_eq!(memory.program(&sought, || two), one);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(memory.still());
                assert_eq!(memory.program(&sought, || two), two);
            });
        });
        assert_eq!(memory.program(&sought, || two), one);
        drop(still);
        assert_eq!(memory.program(&sought, || two), two);
    }
}
