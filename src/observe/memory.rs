//! What is looked up once for many steps: environments, and programs while nothing runs, or in one run.
//!
//! Knows no steps. A process's environment does not change; a program may, while steps run. Between runs it is remembered
//! only for the length of a [`Still`], and only for the thread that holds it. In a [`Run`] a name stands for what it stood
//! for at first, as long as that is there unchanged and none of the project's own folders on the search path has it before
//! that: what a step installs elsewhere is found by the next run. So steps start the very file that their keys name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{ThreadId, current};

use crate::analysis::pipeline::Environment;
use crate::base::digest::Digest;
use crate::system::environment;
use crate::system::program::Identity;
use crate::system::sight::Sought;

/// A program that was found.
#[derive(Debug)]
pub struct Program {
    /// Which it is.
    pub identity: Identity,
    /// Equal for equal identities.
    pub digest: Digest,
}

impl Program {
    fn of(identity: Identity) -> Arc<Self> {
        Arc::new(Self { digest: identity.digest(), identity })
    }

    /// What is executed; links in it are not resolved.
    pub fn path(&self) -> &PathBuf {
        &self.identity.path
    }
}

/// What was looked up before.
#[derive(Debug, Default)]
pub struct Memory {
    environments: Mutex<HashMap<Environment, Arc<environment::Environment>>>,
    programs: Mutex<Option<Programs>>,
    /// In a run.
    first: Mutex<Option<HashMap<Sought, Arc<Program>>>>,
}

#[derive(Debug)]
struct Programs {
    thread: ThreadId,
    known: HashMap<Sought, Option<Arc<Program>>>,
}

/// As long as it lives, its thread looks for a program once.
#[derive(Debug)]
pub struct Still<'m>(&'m Memory);

impl Drop for Still<'_> {
    fn drop(&mut self) {
        lock(&self.0.programs).take_if(|programs| programs.thread == current().id());
    }
}

/// As long as it lives, a program is what it was at first.
#[derive(Debug)]
pub struct Run<'m>(&'m Memory);

impl Drop for Run<'_> {
    fn drop(&mut self) {
        *lock(&self.0.first) = None;
    }
}

impl Memory {
    /// Nothing runs that the caller waits for: programs stay what they are.
    pub fn still(&self) -> Still<'_> {
        lock(&self.programs).get_or_insert_with(|| Programs { thread: current().id(), known: HashMap::new() });
        Still(self)
    }

    /// Steps run from now on.
    pub fn run(&self) -> Run<'_> {
        *lock(&self.first) = Some(HashMap::new());
        Run(self)
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

    /// A program, looked for once while all is still; in a run, it is looked whether it is still there. Only folders below
    /// `changing` get new programs in a run.
    pub fn program(
        &self,
        sought: &Sought,
        changing: &[&Path],
        look: impl FnOnce() -> Option<Identity>,
    ) -> Option<Arc<Program>> {
        let own = |programs: &&mut Programs| programs.thread == current().id();
        if let Some(known) = lock(&self.programs).as_mut().filter(own).and_then(|programs| programs.known.get(sought)) {
            return known.clone();
        }
        let first = lock(&self.first).as_ref().and_then(|known| known.get(sought)).cloned();
        if let Some(program) = first.filter(|program| program.identity.is_still_there(changing)) {
            return Some(program);
        }
        let found = look().map(Program::of);
        if let Some(programs) = lock(&self.programs).as_mut().filter(own) {
            programs.known.insert(sought.clone(), found.clone());
        } else if let (Some(known), Some(found)) = (lock(&self.first).as_mut(), &found) {
            known.insert(sought.clone(), Arc::clone(found));
        }
        found
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "makes programs, and removes them")]
mod tests {
    use std::os::unix::fs::OpenOptionsExt;
    use std::path::Path;

    use super::Memory;
    use crate::system::program::{Identity, identify};
    use crate::system::sight::Sought;

    fn program(path: &Path) -> Identity {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        let file = std::fs::File::options().create(true).truncate(true).write(true).mode(0o755).open(path);
        file.expect("a program");
        identify(&path.to_string_lossy(), "".as_ref(), Path::new("/")).expect("a program")
    }

    #[test]
    fn programs_are_remembered_only_while_all_is_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = Memory::default();
        let sought = Sought { word: "cc".into(), search: "/bin".into(), dir: "/".into() };
        let both = ["1", "2"].map(|name| program(&folder.path().join(name)));
        let [one, two] = both.clone().map(|identity| Some(identity.digest()));
        let look =
            |identity: &Identity| memory.program(&sought, &[], || Some(identity.clone())).map(|found| found.digest);
        let [first, second] = &both;
        assert_eq!(look(first), one);
        assert_eq!(look(second), two);
        let still = memory.still();
        assert_eq!(look(first), one);
        assert_eq!(look(second), one);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                drop(memory.still());
                assert_eq!(look(second), two);
            });
        });
        assert_eq!(look(second), one);
        drop(still);
        assert_eq!(look(second), two);
    }

    #[test]
    fn in_a_run_a_program_is_what_it_was_at_first() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let memory = Memory::default();
        let search = std::env::join_paths([root.join("elsewhere"), root.join("own"), root.join("bin")]).expect("PATH");
        let sought = Sought { word: "cc".into(), search: search.clone(), dir: "/".into() };
        let (own, bin) = (root.join("own"), program(&root.join("bin/cc")));
        let look = || {
            let found = memory.program(&sought, &[&own], || identify("cc", &search, Path::new("/")));
            found.map(|found| found.path().strip_prefix(root).expect("here").to_owned())
        };
        let run = memory.run();
        assert_eq!(look(), Some("bin/cc".into()));
        program(&root.join("elsewhere/cc"));
        assert_eq!(look(), Some("bin/cc".into()), "what a step installs elsewhere is for the next run");
        program(&root.join("own/cc"));
        std::fs::remove_file(root.join("elsewhere/cc")).expect("removed");
        assert_eq!(look(), Some("own/cc".into()), "what a step makes in the project is for the next step");
        std::fs::remove_file(root.join("own/cc")).expect("removed");
        assert_eq!(look(), Some("bin/cc".into()));
        std::fs::remove_file(&bin.path).expect("removed");
        assert_eq!(look(), None);
        program(&root.join("elsewhere/cc"));
        drop(run);
        program(&bin.path);
        assert_eq!(look(), Some("elsewhere/cc".into()));
    }
}
