//! Refs, changed by compare-and-swap.
//!
//! Names are full (`refs/…`) and made elsewhere. A name that cannot exist beside another one is refused here, because
//! neither packed refs nor the library tell.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};

use crate::git::error::GitError;
use crate::git::object::CommitId;
use crate::git::repository::Repository;

/// How long somebody else's lock of one ref is waited for.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at such a lock.
const LOCK_POLL: Duration = Duration::from_millis(5);

/// What a ref must be for it to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It must not exist.
    Absent,
    /// It must name this commit.
    Is(CommitId),
    /// Whatever it is.
    Any,
}

/// One ref to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceUpdate {
    /// The full name.
    pub name: String,
    /// What it is to name; `None` deletes it.
    pub new: Option<CommitId>,
    /// What it must be before.
    pub expected: Expected,
}

/// What a ref holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    Nothing,
    Object(CommitId),
    Symbolic(String),
}

impl Repository {
    /// The commit that a ref names; tags are followed. A ref whose object is gone or damaged names nothing.
    pub fn reference(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        let name = full_name(name)?;
        self.with(|handle| {
            let reading = || GitError::object(format!("read {name}"));
            let found = handle.try_find_reference(name.as_ref()).map_err(reading())?;
            let Some(mut found) = found.filter(|found| found.name() == name.as_ref()) else { return Ok(None) };
            let direct = found.try_id().map(gix::Id::detach);
            match found.peel_to_id() {
                Ok(id) => Ok(Some(CommitId(id.detach()))),
                Err(_) if direct.is_some_and(|id| handle.find_header(id).is_err()) => Ok(None),
                Err(error) => Err(reading()(error)),
            }
        })
    }

    /// All refs below a prefix such as `refs/heads/`, by name; broken ones and names that are not UTF-8 are left out.
    pub fn references(&self, prefix: &str) -> Result<Vec<(String, CommitId)>, GitError> {
        self.with(|handle| {
            let listing = || GitError::object(format!("list {prefix}"));
            let platform = handle.references().map_err(listing())?;
            let all = platform.prefixed(prefix).and_then(|all| all.peeled()).map_err(listing())?;
            let named = all.filter_map(Result::ok).filter_map(|reference| {
                let name = std::str::from_utf8(reference.name().as_bstr()).ok()?.to_owned();
                Some((name, CommitId(reference.try_id()?.detach())))
            });
            let mut found: Vec<_> = named.collect();
            found.sort();
            Ok(found)
        })
    }

    /// Changes one ref; see [`Self::set_references`].
    pub fn set_reference(&self, name: &str, new: CommitId, expected: Expected) -> Result<(), GitError> {
        self.set_references(&[ReferenceUpdate { name: name.to_owned(), new: Some(new), expected }])
    }

    /// Deletes one ref; one that is absent already is right where `Any` is expected.
    pub fn delete_reference(&self, name: &str, expected: Expected) -> Result<(), GitError> {
        self.set_references(&[ReferenceUpdate { name: name.to_owned(), new: None, expected }])
    }

    /// Changes all of these refs or, where one was moved or is blocked, none.
    pub fn set_references(&self, updates: &[ReferenceUpdate]) -> Result<(), GitError> {
        let names = updates.iter().map(|update| full_name(&update.name)).collect::<Result<Vec<_>, _>>()?;
        let _lock = self.lock_metadata()?;
        for update in updates {
            clear_abandoned(&self.common_dir().join(format!("{}.lock", update.name)))?;
        }
        let mut edits = Vec::with_capacity(updates.len());
        for (update, name) in updates.iter().zip(names) {
            let held = self.held(&name)?;
            check_expected(update, &held)?;
            if update.new.is_some() && held == Held::Nothing {
                self.check_room(&update.name, updates)?;
            }
            edits.extend(edit(update, name, &held));
        }
        // Before they are written: who looks meanwhile must not take them for others' doing.
        self.written().extend(updates.iter().map(|update| (update.name.clone(), update.new)));
        // Deletions first: they may make room for new names.
        let (deletions, changes): (Vec<_>, Vec<_>) =
            edits.into_iter().partition(|edit| matches!(edit.change, Change::Delete { .. }));
        for batch in [deletions, changes].into_iter().filter(|batch| !batch.is_empty()) {
            self.with(|handle| handle.edit_references(batch).map(|_| ()).map_err(GitError::object("write refs")))?;
        }
        Ok(())
    }

    /// What a ref holds without following it.
    fn held(&self, name: &FullName) -> Result<Held, GitError> {
        self.with(|handle| {
            let found = handle.try_find_reference(name.as_ref());
            let found = found.map_err(GitError::object(format!("read {name}")))?;
            let found = found.filter(|found| found.name() == name.as_ref());
            Ok(match found.map(|found| found.detach().target) {
                None => Held::Nothing,
                Some(Target::Object(id)) => Held::Object(CommitId(id)),
                Some(Target::Symbolic(other)) => Held::Symbolic(other.to_string()),
            })
        })
    }

    /// Refuses a new name above or below one that exists or is made together with it.
    fn check_room(&self, name: &str, updates: &[ReferenceUpdate]) -> Result<(), GitError> {
        let blocked = |by: &str| GitError::ReferenceBlocked { name: name.to_owned(), by: by.to_owned() };
        let goes = |other: &str| updates.iter().any(|update| update.name == other && update.new.is_none());
        let folder = format!("{name}/");
        let below = self.references(&folder)?.into_iter().map(|(other, _)| other).find(|other| !goes(other));
        if let Some(other) = below {
            return Err(blocked(&other));
        }
        let made = updates.iter().find(|update| update.new.is_some() && update.name.starts_with(&folder));
        if let Some(other) = made {
            return Err(blocked(&other.name));
        }
        for (end, _) in name.match_indices('/').skip(1) {
            let above = &name[..end];
            let exists = full_name(above).is_ok_and(|above| self.held(&above).is_ok_and(|held| held != Held::Nothing));
            if exists && !goes(above) {
                return Err(blocked(above));
            }
        }
        Ok(())
    }

    /// The branches (`refs/heads/…`) that are checked out, or rebased or bisected, in the main or a linked worktree.
    pub fn checked_out_branches(&self) -> Result<Vec<String>, GitError> {
        let mut dirs = Vec::new();
        let bare = self.with(|handle| Ok(handle.config_snapshot().boolean("core.bare").unwrap_or(false)))?;
        if !bare {
            dirs.push(self.common_dir().to_owned());
        }
        if let Ok(linked) = std::fs::read_dir(self.common_dir().join("worktrees")) {
            dirs.extend(linked.filter_map(Result::ok).map(|entry| entry.path()));
        }
        let mut branches: Vec<_> = dirs.iter().flat_map(|dir| branches_of(dir)).collect();
        branches.sort();
        branches.dedup();
        Ok(branches)
    }
}

/// Removes the lock of a ref that a killed process left: git holds such a lock for moments, and we hold our own, so one
/// that is the same file for [`LOCK_PATIENCE`] has no owner.
fn clear_abandoned(lock: &Path) -> Result<(), GitError> {
    let look = || std::fs::symlink_metadata(lock).ok().map(|data| (data.ino(), data.mtime(), data.mtime_nsec()));
    let Some(first) = look() else { return Ok(()) };
    let begun = Instant::now();
    while look() == Some(first) {
        if begun.elapsed() >= LOCK_PATIENCE {
            return std::fs::remove_file(lock).map_err(GitError::file("remove", lock));
        }
        std::thread::sleep(LOCK_POLL);
    }
    Ok(())
}

/// The branches that a worktree's own folder below the common one names.
fn branches_of(admin: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(admin.join(name)).unwrap_or_default();
    let head = read("HEAD").strip_prefix("ref:").map(|name| name.trim().to_owned());
    let rebased = ["rebase-merge/head-name", "rebase-apply/head-name"].map(|name| read(name).trim().to_owned());
    let bisected = Some(read("BISECT_START").trim().to_owned()).filter(|name| !name.is_empty());
    let bisected = bisected.map(|name| format!("refs/heads/{name}"));
    head.into_iter().chain(rebased).chain(bisected).filter(|name| name.starts_with("refs/heads/")).collect()
}

fn full_name(name: &str) -> Result<FullName, GitError> {
    let invalid = || GitError::InvalidReference { name: name.to_owned() };
    if !name.starts_with("refs/") {
        return Err(invalid());
    }
    FullName::try_from(name).map_err(|_| invalid())
}

fn check_expected(update: &ReferenceUpdate, held: &Held) -> Result<(), GitError> {
    let right = match (update.expected, held) {
        (Expected::Any, _) | (Expected::Absent, Held::Nothing) => true,
        (Expected::Is(expected), Held::Object(found)) => expected == *found,
        _ => false,
    };
    if right {
        return Ok(());
    }
    let expected = match update.expected {
        Expected::Absent => "nothing".to_owned(),
        Expected::Is(commit) => commit.hex(),
        Expected::Any => "anything".to_owned(),
    };
    let found = match held {
        Held::Nothing => "nothing".to_owned(),
        Held::Object(commit) => commit.hex(),
        Held::Symbolic(name) => name.clone(),
    };
    Err(GitError::ReferenceMoved { name: update.name.clone(), expected, found })
}

/// The edit that makes it so; `None` where nothing is to be done.
fn edit(update: &ReferenceUpdate, name: FullName, held: &Held) -> Option<RefEdit> {
    let expected = match held {
        Held::Nothing => PreviousValue::MustNotExist,
        Held::Object(commit) => PreviousValue::MustExistAndMatch(Target::Object(commit.0)),
        Held::Symbolic(_) => PreviousValue::MustExist,
    };
    let change = match update.new {
        Some(new) if *held == Held::Object(new) => return None,
        Some(new) => {
            let log = LogChange { mode: RefLog::AndReference, force_create_reflog: false, message: "pl".into() };
            Change::Update { log, expected, new: Target::Object(new.0) }
        }
        None if *held == Held::Nothing => return None,
        None => Change::Delete { expected, log: RefLog::AndReference },
    };
    Some(RefEdit { change, name, deref: false })
}

#[cfg(test)]
mod tests {
    use super::{Expected, ReferenceUpdate};
    use crate::git::error::GitError;
    use crate::git::scratch::Scratch;

    #[test]
    fn compare_and_swap() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        let one = repository.resolve("HEAD").unwrap();
        scratch.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
        let two = repository.resolve("HEAD").unwrap();
        let name = "refs/pl/p/ws/one";
        assert!(repository.set_reference(name, one, Expected::Is(two)).is_err());
        repository.set_reference(name, one, Expected::Absent).unwrap();
        let refused = repository.set_reference(name, two, Expected::Absent).unwrap_err();
        assert!(matches!(refused, GitError::ReferenceMoved { .. }), "{refused}");
        scratch.git(&["pack-refs", "--all", "--prune"]);
        repository.set_reference(name, two, Expected::Is(one)).unwrap();
        assert_eq!(repository.reference(name).unwrap(), Some(two));
        assert_eq!(repository.references("refs/pl/").unwrap(), [(name.to_owned(), two)]);
        assert!(repository.delete_reference(name, Expected::Is(one)).is_err());
        repository.delete_reference(name, Expected::Is(two)).unwrap();
        repository.delete_reference(name, Expected::Any).unwrap();
        assert_eq!(repository.reference(name).unwrap(), None);
        assert!(repository.references("refs/none/").unwrap().is_empty());
        assert!(matches!(repository.reference("refs/a..b"), Err(GitError::InvalidReference { .. })));
        assert!(matches!(repository.reference("HEAD"), Err(GitError::InvalidReference { .. })));
    }

    #[test]
    fn a_lock_that_nobody_holds_is_removed() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        let head = repository.resolve("HEAD").unwrap();
        let name = "refs/pl/ws/p/one";
        let lock = repository.common_dir().join(format!("{name}.lock"));
        std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
        std::fs::write(&lock, "").unwrap();
        repository.set_reference(name, head, Expected::Absent).unwrap();
        assert_eq!(repository.reference(name).unwrap(), Some(head));
        assert!(!lock.exists());
    }

    #[test]
    fn names_that_block_each_other() {
        for packed in [false, true] {
            let scratch = Scratch::new(&[("a", "1")]);
            let repository = scratch.repository();
            let head = repository.resolve("HEAD").unwrap();
            scratch.git(&["branch", "ws"]);
            scratch.git(&["branch", "x/y/z"]);
            if packed {
                scratch.git(&["pack-refs", "--all", "--prune"]);
            }
            for name in ["refs/heads/ws/a", "refs/heads/ws/a/b", "refs/heads/x", "refs/heads/x/y"] {
                let refused = repository.set_reference(name, head, Expected::Any).unwrap_err();
                assert!(matches!(refused, GitError::ReferenceBlocked { .. }), "{name}: {refused}");
                assert_eq!(repository.reference(name).unwrap(), None, "{name}");
            }
            let update = |name: &str, new| ReferenceUpdate { name: name.into(), new, expected: Expected::Any };
            let batch = [update("refs/heads/n", Some(head)), update("refs/heads/ws/a", Some(head))];
            assert!(repository.set_references(&batch).is_err());
            assert_eq!(repository.reference("refs/heads/n").unwrap(), None);
            let batch = [update("refs/heads/ws/a", Some(head)), update("refs/heads/ws", None)];
            repository.set_references(&batch).unwrap();
            repository.delete_reference("refs/heads/ws/a", Expected::Any).unwrap();
            repository.set_reference("refs/heads/ws", head, Expected::Absent).unwrap();
            scratch.git(&["fsck"]);
        }
    }

    #[test]
    fn checked_out_branches_of_all_worktrees() {
        let scratch = Scratch::new(&[("a", "1")]);
        let linked = scratch.beside("linked");
        scratch.git(&["worktree", "add", "-q", "-b", "ws/x", linked.to_str().unwrap()]);
        let repository = scratch.repository();
        assert_eq!(repository.checked_out_branches().unwrap(), ["refs/heads/main", "refs/heads/ws/x"]);
    }
}
