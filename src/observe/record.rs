//! What records of each kind hold besides their key: the JSON bodies.
//!
//! Plain data; trees are named by id, the objects themselves are git's.

use serde::{Deserialize, Serialize};

use crate::base::digest::{Digest, Running};
use crate::base::finding::Finding;
use crate::store::record::Outcome;
use crate::verify::breaker::Fixer;

/// An edit: the trees before and after, in-scope paths only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditBody {
    /// The tree that the tool was given.
    pub before: String,
    /// The same with the tool's in-scope changes.
    pub after: String,
    /// Who did it: provenance, in no key.
    pub tool: String,
    /// It was merged onto a moved base, not asked for.
    #[serde(default)]
    pub carried: bool,
    /// Why it is red.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<crate::base::failure::Failure>,
}

/// One digest of what a task made: equal where all files are.
pub fn outputs_digest(outputs: &[OutputFile]) -> Digest {
    let mut running = Running::default();
    for OutputFile { path, kind, digest, stored } in outputs {
        running.field(path.as_bytes()).field(kind.as_bytes()).field(digest.as_bytes()).add(&[u8::from(*stored)]);
    }
    running.end()
}

/// A fix: the trees before and after, in-scope paths only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixBody {
    /// The red candidate.
    pub before: String,
    /// The next one; the same where nothing of it was taken.
    pub after: String,
    /// Who did it: provenance, in no key.
    pub by: Fixer,
    /// Names what it changed.
    pub delta: String,
    /// Wall time.
    pub duration_ms: u64,
    /// What the tool says it cost, in millionths.
    #[serde(default)]
    pub cost_micros: u64,
    /// It told no cost, and its definition has none either.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cost_unknown: bool,
    /// Why nothing of it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<crate::base::failure::Failure>,
}

/// A composed delta that was verified: edits and whatever mended them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedBody {
    /// base(W) when it was accepted.
    pub base: String,
    /// The candidate.
    pub tree: String,
    /// Who mended it: `manual` or `fix`.
    pub by: String,
    /// It was merged onto a moved base.
    #[serde(default)]
    pub carried: bool,
}

/// A lint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintBody {
    /// What was found.
    pub findings: Vec<Finding>,
    /// How often it was red in a row under this key.
    #[serde(default)]
    pub times_red: u32,
}

/// A test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestBody {
    /// How its process ended: an exit code, or the signal's negative number.
    pub exit: i32,
    /// It wrote into the tree, its home or its temporary folder; a later test may build on that.
    pub dirtied: bool,
    /// What it wrote into the tree, the first few.
    #[serde(default)]
    pub dirtied_paths: Vec<String>,
    /// How often it was red in a row under this key.
    #[serde(default)]
    pub times_red: u32,
    /// Why it is red.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<crate::base::failure::Failure>,
}

impl TestBody {
    /// Green or red.
    pub fn outcome(&self) -> Outcome {
        if self.failure.is_some() { Outcome::Red } else { Outcome::Green }
    }

    /// Why it fails where tests may not write into the tree.
    pub fn strict_failure(&self, strict: bool) -> Option<String> {
        (strict && !self.dirtied_paths.is_empty())
            .then(|| format!("it wrote into the tree: {}", shown(&self.dirtied_paths)))
    }
}

/// Paths that a line names.
const DIRTIED_SHOWN_MAX: usize = 3;

/// The first few of many paths.
pub fn shown(paths: &[String]) -> String {
    let first = paths.iter().take(DIRTIED_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(DIRTIED_SHOWN_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// A setup: where its output is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetupBody {
    /// The folder.
    pub output: String,
}

/// A result: what the commit is made of, and the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultBody {
    /// base(W).
    pub base: String,
    /// The result's tree.
    pub tree: String,
    /// The commit.
    pub commit: String,
    /// The base commit of that run.
    pub base_commit: String,
    /// The digest of what the definition means.
    pub definition: String,
}

/// A task: its outputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskBody {
    /// Every file of every output, sorted.
    pub outputs: Vec<OutputFile>,
    /// Inputs that its depfile named beyond those declared, sorted; their digests are parts of the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<String>,
}

/// A file that a task made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Relative to the project's root.
    pub path: String,
    /// `file executable link`.
    pub kind: String,
    /// Digest of its bytes (of a link: of its target).
    pub digest: String,
    /// Its bytes are among the blobs.
    pub stored: bool,
}
