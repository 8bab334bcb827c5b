//! A repository made from a folder: one commit that depends on the folder's files alone.
//!
//! Knows neither templates nor users; planning makes the same commit in memory.

use std::path::Path;

use crate::git::anomaly::Anomaly;
use crate::git::error::GitError;
use crate::git::folder;
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::{CommitParts, Repository};
use crate::git::snapshot::take_folder;
use crate::git::stats::Stats;
use crate::git::tree::empty_tree;
use crate::git::worktree::{files, index};

/// 2026-01-01T00:00:00Z.
const SEED_TIME: i64 = 1_767_225_600;
const SEED_MESSAGE: &str = "Seed\n";
/// Folders that are never part of a seed.
const LEFT_OUT: [&[u8]; 2] = [b".git", b"__pycache__"];
const CONFIG: &str = "[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[gc]
\tauto = 0
";

/// Makes a repository at `dir` with the files of `from` as the one commit of `branch`, checked out.
///
/// It is made beside and moved into place, so that it is there whole or not at all; `dir` must be absent or empty.
pub fn seed(dir: &Path, from: &Path, branch: &str) -> Result<CommitId, GitError> {
    let name = format!("refs/heads/{branch}");
    if gix::refs::FullName::try_from(name.as_str()).is_err() {
        return Err(GitError::InvalidReference { name });
    }
    if std::fs::read_dir(dir).map_or(dir.symlink_metadata().is_ok(), |mut listing| listing.next().is_some()) {
        return Err(GitError::Occupied { path: dir.to_owned() });
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let making = || GitError::file("make", dir);
    std::fs::create_dir_all(parent).map_err(making())?;
    let beside = tempfile::Builder::new().prefix(".pl-seed-").tempdir_in(parent).map_err(making())?;
    // The temporary folder is closed to others; the one in it is made like any.
    let work = beside.path().join("repository");
    initialize(&work, &name)?;
    let repository = Repository::open(&work)?;
    let (tree, commit) = commit_folder(&repository, from)?;
    let reference = work.join(".git").join(&name);
    std::fs::create_dir_all(reference.parent().unwrap_or(&work)).map_err(making())?;
    std::fs::write(&reference, format!("{commit}\n")).map_err(making())?;
    let entries = repository.entries(tree)?;
    let written = files::fill(&repository, &work, &entries.iter().collect::<Vec<_>>())?;
    index::write(&work.join(".git"), &work, &written)?;
    std::fs::rename(&work, dir).map_err(making())?;
    Ok(commit)
}

/// The commit that [`seed`] would make, in a repository in memory; nothing but a temporary folder is written.
pub fn seed_tree_in_memory(from: &Path) -> Result<(Repository, TreeId, CommitId), GitError> {
    let folder = tempfile::tempdir().map_err(GitError::file("make a temporary folder in", &std::env::temp_dir()))?;
    initialize(&folder.path().join("repository"), "refs/heads/main")?;
    let repository = Repository::open_in_memory_owning(folder, "repository")?;
    let (tree, commit) = commit_folder(&repository, from)?;
    Ok((repository, tree, commit))
}

/// What a repository needs to be one.
fn initialize(work: &Path, head: &str) -> Result<(), GitError> {
    let git = work.join(".git");
    let making = || GitError::file("make", &git);
    for dir in ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"] {
        std::fs::create_dir_all(git.join(dir)).map_err(making())?;
    }
    std::fs::write(git.join("config"), CONFIG).map_err(making())?;
    std::fs::write(git.join("HEAD"), format!("ref: {head}\n")).map_err(making())
}

fn commit_folder(repository: &Repository, from: &Path) -> Result<(TreeId, CommitId), GitError> {
    let left_out = |path: &[u8]| path.split(|byte| *byte == b'/').any(|part| LEFT_OUT.contains(&part));
    // No moment is before this one: nothing is remembered of the files.
    let never = (i64::MIN, 0);
    let taken = take_folder(repository, from, empty_tree(), (&Stats::default(), never), &left_out)?;
    let large = taken.anomalies.iter().find_map(|anomaly| match anomaly {
        Anomaly::TooLarge { path } => Some(folder::below(from, path)),
        _ => None,
    });
    if let Some(path) = large {
        return Err(GitError::TooMany { path, what: "bytes", limit: folder::FILE_BYTES_MAX });
    }
    let tree = repository.apply(empty_tree(), &taken.delta)?;
    let parts = CommitParts { tree, parents: Vec::new(), message: SEED_MESSAGE.to_owned(), time: SEED_TIME };
    Ok((tree, repository.commit(&parts)?))
}

/// Removes a seeded repository whole.
pub fn remove(dir: &Path) -> Result<(), GitError> {
    folder::remove(dir)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::{seed, seed_tree_in_memory};
    use crate::git::error::GitError;
    use crate::git::repository::Repository;
    use crate::git::scratch::{git_in, write};

    #[test]
    fn the_same_folder_gives_the_same_commit() {
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("from");
        write(&from.join("a b"), "1");
        write(&from.join("c/run"), "2");
        write(&from.join("c/__pycache__/x.pyc"), "3");
        write(&from.join(".gitignore"), "c/\n");
        std::fs::set_permissions(from.join("c/run"), std::fs::Permissions::from_mode(0o755)).unwrap();
        symlink("c/run", from.join("link")).unwrap();
        let (memory, tree, planned) = seed_tree_in_memory(&from).unwrap();
        assert_eq!(memory.entries(tree).unwrap().len(), 4);

        let dir = place.path().join("made/legacy");
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(seed(&dir, &from, "dev/main").unwrap(), planned);
        assert_eq!(Repository::open(&dir).unwrap().resolve("dev/main").unwrap(), planned);
        assert_eq!(git_in(&dir, &["status", "--porcelain", "--ignored", "--branch"]), "## dev/main\n");
        git_in(&dir, &["fsck", "--strict"]);
        assert_eq!(std::fs::read_dir(dir.parent().unwrap()).unwrap().count(), 1);
        assert!(matches!(seed(&dir, &from, "main"), Err(GitError::Occupied { .. })));
        assert!(seed(&place.path().join("x"), &from, "a..b").is_err());
        assert!(seed(&place.path().join("x"), &place.path().join("absent"), "main").is_err());
        assert!(!place.path().join("x").exists());
    }
}
