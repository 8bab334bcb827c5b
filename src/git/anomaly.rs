//! What a tool did to a worktree besides changing files.
//!
//! Plain data with a sentence each; whether it is a violation is judged elsewhere.

use std::fmt;

use crate::git::object::CommitId;

/// One oddity; paths are raw bytes relative to the worktree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A folder below the top has a `.git` of its own; unless the tree had files there, its content was not taken.
    NestedRepository {
        /// The folder.
        path: Vec<u8>,
    },
    /// A submodule's folder has content; it was not taken.
    GitlinkContent {
        /// The folder.
        path: Vec<u8>,
    },
    /// The worktree's own `.git` file is not as it was made.
    DotGitChanged,
    /// HEAD is on a branch or another commit.
    HeadMoved {
        /// Where it should be.
        expected: CommitId,
        /// What HEAD says.
        found: String,
    },
    /// The index is gone or not in git's format.
    IndexUnreadable,
    /// The index says not to look at a path: assume-unchanged, skip-worktree, intent-to-add, or sparse.
    IndexFlag {
        /// The path.
        path: Vec<u8>,
    },
    /// The index has a gitlink that the tree did not have.
    GitlinkAdded {
        /// The path.
        path: Vec<u8>,
    },
    /// A pipe, socket or device; not taken.
    SpecialFile {
        /// The path.
        path: Vec<u8>,
    },
    /// A file has a further name that is not in the worktree: writing here writes there.
    HardLinkLeaves {
        /// The path.
        path: Vec<u8>,
    },
    /// A symbolic link leads out of the worktree.
    LinkLeaves {
        /// The link.
        path: Vec<u8>,
        /// Its target as it is written.
        target: Vec<u8>,
        /// Whether the tree before had the same link.
        known: bool,
    },
    /// A folder whose path is too long to be looked into; its content was not taken.
    TooDeep {
        /// The folder.
        path: Vec<u8>,
    },
    /// A file that is larger than what is read; not taken.
    TooLarge {
        /// The file.
        path: Vec<u8>,
    },
    /// The worktree's folder is gone, or something else stands in its place; nothing was taken.
    FolderReplaced,
    /// What git keeps of the worktree beside the repository is gone, or says no longer that it is ours.
    AdminGone,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
        match self {
            Self::NestedRepository { path } => write!(formatter, "{} has a .git of its own", text(path)),
            Self::GitlinkContent { path } => write!(formatter, "the submodule {} has content", text(path)),
            Self::DotGitChanged => formatter.write_str("the worktree's .git file was changed"),
            Self::HeadMoved { expected, found } => write!(formatter, "HEAD moved from {expected} to {found}"),
            Self::IndexUnreadable => formatter.write_str("the worktree's index cannot be read"),
            Self::IndexFlag { path } => write!(formatter, "the index says not to look at {}", text(path)),
            Self::GitlinkAdded { path } => write!(formatter, "{} was made a submodule", text(path)),
            Self::SpecialFile { path } => write!(formatter, "{} is no file, link or folder", text(path)),
            Self::HardLinkLeaves { path } => write!(formatter, "{} is hard-linked to a file elsewhere", text(path)),
            Self::LinkLeaves { path, target, .. } => {
                write!(formatter, "{} links to {}, outside of the worktree", text(path), text(target))
            }
            Self::TooDeep { path } => write!(formatter, "{} is too long a path", text(path)),
            Self::TooLarge { path } => write!(formatter, "{} is too large to be kept", text(path)),
            Self::FolderReplaced => formatter.write_str("the worktree's folder was removed or replaced"),
            Self::AdminGone => formatter.write_str("what git keeps of the worktree was removed"),
        }
    }
}
