//! Repositories for tests: made with the git program, compared with it.
//!
//! Compiled for tests alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::git::delta::{Change, Delta};
use crate::git::object::{Blob, Mode, TreeId};
use crate::git::repository::Repository;

/// A repository in a temporary folder with one commit on `main`.
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// Makes it from (path, text) pairs.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let scratch = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(scratch.dir()).unwrap();
        scratch.git(&["init", "-q", "-b", "main"]);
        for (path, text) in files {
            write(&scratch.dir().join(path), text);
        }
        scratch.git(&["add", "-A"]);
        scratch.git(&["commit", "-q", "--allow-empty", "-m", "first"]);
        scratch
    }

    /// The checkout.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("main")
    }

    /// A place beside the checkout.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The repository, opened anew.
    pub fn repository(&self) -> Repository {
        Repository::open(&self.dir()).unwrap()
    }

    /// The tree of HEAD.
    pub fn tree(&self) -> TreeId {
        TreeId::from_hex(self.git(&["rev-parse", "HEAD^{tree}"]).trim()).unwrap()
    }

    /// Runs git in the checkout; it must succeed.
    pub fn git(&self, arguments: &[&str]) -> String {
        git_in(&self.dir(), arguments)
    }
}

/// Runs git in a folder, without the user's configuration; it must succeed.
pub fn git_in(dir: &Path, arguments: &[&str]) -> String {
    let output = git_command(dir, arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A git command without the user's configuration.
pub fn git_command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.current_dir(dir).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for (name, value) in [("NAME", "t"), ("EMAIL", "t@t"), ("DATE", "1700000000 +0000")] {
        command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
    }
    command
}

/// Writes a file and the folders above it.
pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A small random generator; the seed is the whole state.
pub struct Random(pub u64);

impl Random {
    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Some files, folders, links and executables with few names, so that they collide in every way.
pub fn random_files(repository: &Repository, seed: u64) -> Delta {
    let mut random = Random(seed);
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for _ in 0..random.below(9) + 1 {
        let depth = random.below(3) + 1;
        let parts: Vec<&[u8]> =
            (0..depth).map(|_| [&b"a"[..], b"b", b"a.b", b"c\xff"][random.below(4) as usize]).collect();
        let path = parts.join(&b'/');
        let clash = |other: &Vec<u8>| {
            let (short, long) = if other.len() < path.len() { (other, &path) } else { (&path, other) };
            long == short || (long.starts_with(short) && long[short.len()] == b'/')
        };
        if !paths.iter().any(clash) {
            paths.push(path);
        }
    }
    // Every line names its path: git looks for renames even where it is told not to.
    let change = |path: Vec<u8>| {
        let mut text = String::new();
        for line in 0..12 {
            text += &format!("{path:?} {line} {}\n", if random.below(6) == 0 { "x" } else { "" });
        }
        let mode = [Mode::File, Mode::File, Mode::File, Mode::Executable, Mode::Link][random.below(5) as usize];
        let id = repository.write_blob(text.as_bytes()).unwrap();
        Change { path, old: None, new: Some(Blob { mode, id }) }
    };
    Delta { changes: paths.into_iter().map(change).collect() }
}
