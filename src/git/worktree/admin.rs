//! The folder that git keeps for a linked worktree, and the mark that tells ours from others.
//!
//! Callers hold the metadata lock around everything that comes or goes here.

use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::git::error::GitError;
use crate::git::folder;
use crate::git::object::CommitId;
use crate::git::repository::Repository;
use crate::git::worktree::Worktree;

/// A file in the folder: this worktree was made by `pl`, and whether it is finished.
const MARK_NAME: &str = "pl-worktree";
/// Begins the names of folders that are made ready before they are moved into place.
const MAKING_PREFIX: &str = "pl-making-";
/// How many things in the way of one worktree are kept aside.
const ASIDE_MAX: u32 = 1_000;

/// How far a worktree of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being made or removed; after a kill, what is there is without worth.
    Unfinished,
    /// Made; what is in it may be somebody's work.
    Made,
}

/// The folder of a worktree below the common one.
pub(in crate::git) fn admin_dir(repository: &Repository, name: &str) -> PathBuf {
    repository.common_dir().join("worktrees").join(name)
}

/// The state of a worktree; `None` where there is none of ours.
pub(in crate::git) fn state(repository: &Repository, name: &str) -> Option<State> {
    let text = folder::read_plain(&admin_dir(repository, name).join(MARK_NAME))?;
    Some(if text == b"made\n" { State::Made } else { State::Unfinished })
}

/// Whether a folder below `worktrees` is ours.
pub(in crate::git) fn is_ours(admin: &Path) -> bool {
    admin.join(MARK_NAME).is_file()
}

/// Writes the state.
pub(super) fn set_state(repository: &Repository, name: &str, state: State) -> Result<(), GitError> {
    let text = if state == State::Made { "made\n" } else { "unfinished\n" };
    write(&admin_dir(repository, name).join(MARK_NAME), text.as_bytes())
}

/// All of ours in one state, by name.
pub(super) fn all(repository: &Repository, wanted: State) -> Result<Vec<Worktree>, GitError> {
    let dir = repository.common_dir().join("worktrees");
    let listing = match std::fs::read_dir(&dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(GitError::file("list", &dir))?,
    };
    let names = listing.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<_> = names
        .filter(|name| state(repository, name) == Some(wanted))
        .filter_map(|name| Some(Worktree { dir: recorded_dir(&admin_dir(repository, &name))?, name }))
        .collect();
    found.sort();
    Ok(found)
}

/// The checkout that an admin folder belongs to.
fn recorded_dir(admin: &Path) -> Option<PathBuf> {
    let mut bytes = folder::read_plain(&admin.join("gitdir"))?;
    bytes.truncate(bytes.trim_ascii_end().len());
    let dot_git = PathBuf::from(std::ffi::OsString::from_vec(bytes));
    dot_git.parent().map(Path::to_owned)
}

/// What the `.git` file of a worktree must say.
pub(in crate::git) fn dot_git_text(repository: &Repository, name: &str) -> Vec<u8> {
    [b"gitdir: ", admin_dir(repository, name).as_os_str().as_bytes(), b"\n"].concat()
}

/// Removes the folder at once: one that was removed in part would be nobody's.
pub(super) fn remove(repository: &Repository, name: &str) -> Result<(), GitError> {
    let admin = admin_dir(repository, name);
    let going = repository.common_dir().join(format!("{MAKING_PREFIX}{name}"));
    folder::remove(&going)?;
    match std::fs::rename(&admin, &going) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        moved => {
            moved.map_err(GitError::file("remove", &admin))?;
            folder::remove(&going)
        }
    }
}

/// Removes folders that were on their way in or out when `pl` was killed.
pub(super) fn sweep_half_made(repository: &Repository) -> Result<(), GitError> {
    let listing = std::fs::read_dir(repository.common_dir());
    let listing = listing.map_err(GitError::file("list", repository.common_dir()))?.filter_map(Result::ok);
    let half_made = |name: &std::ffi::OsStr| name.as_bytes().starts_with(MAKING_PREFIX.as_bytes());
    listing.filter(|entry| half_made(&entry.file_name())).try_for_each(|entry| folder::remove(&entry.path()))
}

/// Removes a killed creation or removal: the checkout where it is ours, else it is left; then the admin folder.
pub(super) fn sweep_one(repository: &Repository, name: &str) -> Result<(), GitError> {
    let admin = admin_dir(repository, name);
    if let Some(dir) = recorded_dir(&admin) {
        let ours = folder::read_plain(&dir.join(".git")).is_some_and(|text| text == dot_git_text(repository, name));
        if ours {
            folder::remove(&dir)?;
        } else {
            // An empty folder is what a creation leaves that was killed before its first file.
            drop(std::fs::remove_dir(&dir));
        }
    }
    remove(repository, name)
}

/// Makes the admin folder and the checkout, after sweeping what was left: with nothing but its `.git` file, or with what
/// is in the folder `from`, which becomes it.
pub(super) fn prepare(
    repository: &Repository,
    dir: &Path,
    name: &str,
    commit: CommitId,
    lock: &str,
    from: Option<&Path>,
) -> Result<(Worktree, Option<PathBuf>), GitError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.starts_with('.') || !name.bytes().all(plain) {
        return Err(GitError::invalid_path(name.as_bytes()));
    }
    let dir = absolute(dir)?;
    let admin = admin_dir(repository, name);
    match state(repository, name) {
        Some(State::Made) if dir.exists() => return Err(GitError::WorktreeExists { name: name.to_owned() }),
        Some(State::Made) => remove(repository, name)?,
        Some(State::Unfinished) => sweep_one(repository, name)?,
        None if admin.exists() => return Err(GitError::Occupied { path: admin }),
        None => {}
    }
    let moved_aside = clear_place(&dir)?;
    let making = repository.common_dir().join(format!("{MAKING_PREFIX}{name}"));
    folder::remove(&making)?;
    std::fs::create_dir(&making).map_err(GitError::file("make", &making))?;
    write(&making.join(MARK_NAME), b"unfinished\n")?;
    let worktree = Worktree { dir, name: name.to_owned() };
    write_links(&making, &worktree, commit)?;
    write(&making.join("locked"), format!("{lock}\n").as_bytes())?;
    let parent = repository.common_dir().join("worktrees");
    std::fs::create_dir_all(&parent).map_err(GitError::file("make", &parent))?;
    std::fs::rename(&making, &admin).map_err(GitError::file("make", &admin))?;
    let text = dot_git_text(repository, name);
    match from {
        Some(from) => {
            // Before it stands in its place: killed in between, it is known as ours.
            folder::remove(&from.join(".git"))?;
            write(&from.join(".git"), &text)?;
            std::fs::rename(from, &worktree.dir).map_err(GitError::file("make", &worktree.dir))?;
        }
        None => {
            std::fs::create_dir(&worktree.dir).map_err(GitError::file("make", &worktree.dir))?;
            write(&worktree.dir.join(".git"), &text)?;
        }
    }
    Ok((worktree, moved_aside))
}

/// The files that join an admin folder to its checkout and its commit.
fn write_links(admin: &Path, worktree: &Worktree, commit: CommitId) -> Result<(), GitError> {
    write(&admin.join("commondir"), b"../..\n")?;
    let dot_git = worktree.dir.join(".git");
    write(&admin.join("gitdir"), &[dot_git.as_os_str().as_bytes(), b"\n"].concat())?;
    write(&admin.join("HEAD"), format!("{commit}\n").as_bytes())
}

/// Puts a worktree's metadata back to a plain detached checkout of a commit: no merge, rebase, sparse or own settings.
pub(super) fn restore(repository: &Repository, worktree: &Worktree, commit: CommitId) -> Result<(), GitError> {
    const STAY: [&str; 3] = [MARK_NAME, "locked", "index"];
    let admin = admin_dir(repository, &worktree.name);
    if state(repository, &worktree.name).is_none() {
        return Err(GitError::NoWorktree { name: worktree.name.clone() });
    }
    let listing = std::fs::read_dir(&admin).map_err(GitError::file("list", &admin))?;
    for entry in listing {
        let entry = entry.map_err(GitError::file("list", &admin))?;
        if !STAY.iter().any(|name| entry.file_name() == *name) {
            folder::remove(&entry.path())?;
        }
    }
    write_links(&admin, worktree, commit)?;
    let dot_git = worktree.dir.join(".git");
    let text = dot_git_text(repository, &worktree.name);
    if folder::read_plain(&dot_git).as_ref() != Some(&text) {
        folder::remove(&dot_git)?;
        write(&dot_git, &text)?;
    }
    Ok(())
}

/// Moves something unknown out of the way; an empty folder just goes.
fn clear_place(dir: &Path) -> Result<Option<PathBuf>, GitError> {
    if dir.symlink_metadata().is_err() || std::fs::remove_dir(dir).is_ok() {
        return Ok(None);
    }
    for number in 1..=ASIDE_MAX {
        let mut name = dir.file_name().unwrap_or_default().to_owned();
        name.push(format!(".aside-{number}"));
        let aside = dir.with_file_name(name);
        if aside.symlink_metadata().is_err() {
            std::fs::rename(dir, &aside).map_err(GitError::file("move aside", dir))?;
            return Ok(Some(aside));
        }
    }
    Err(GitError::Occupied { path: dir.to_owned() })
}

/// The same place without links in its parents, which are made where they are missing.
fn absolute(dir: &Path) -> Result<PathBuf, GitError> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Err(GitError::Occupied { path: dir.to_owned() });
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    std::fs::create_dir_all(parent).map_err(GitError::file("make", parent))?;
    let parent = parent.canonicalize().map_err(GitError::file("find", parent))?;
    Ok(parent.join(name))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), GitError> {
    std::fs::write(path, bytes).map_err(GitError::file("write", path))
}
