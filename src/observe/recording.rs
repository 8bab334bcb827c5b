//! Where recorded edits are: `recordings/<ws-id>.patch`, or `recordings/<ws-id>/<instruction number>.patch`.
//!
//! Finds and digests them; applying is `exec`'s work.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::analysis::pipeline::{Pipeline, ToolKind, Workstream};
use crate::base::digest::Digest;
use crate::base::name::{ToolName, WorkstreamId};
use crate::system::System;

/// The file that holds the recording of an edit.
pub fn path(root: &Path, folder: &str, workstream: &Workstream, number: u32, whole: bool) -> PathBuf {
    let folder = root.join(folder);
    if whole {
        folder.join(format!("{}.patch", workstream.id))
    } else {
        folder.join(workstream.id.as_str()).join(format!("{number}.patch"))
    }
}

/// The digest of a recording; `None` where there is none.
pub fn digest(system: &dyn System, path: &Path) -> Option<Digest> {
    system.read(path).ok().map(|bytes| Digest::of(&bytes))
}

/// The workstreams whose edit is asked once: by the tool's own word, or because one recording holds it all.
pub fn whole(system: &dyn System, root: &Path, pipeline: &Pipeline) -> BTreeSet<WorkstreamId> {
    let tool = |name: &ToolName| pipeline.tools.iter().find(|tool| tool.name == *name);
    let asked_once = |workstream: &&Workstream| match workstream.tools.first().and_then(tool) {
        Some(tool) if tool.kind == ToolKind::Replay => {
            let each = root.join(&tool.recordings).join(workstream.id.as_str());
            system.stat(&each).is_err() || system.stat(&path(root, &tool.recordings, workstream, 1, true)).is_ok()
        }
        Some(tool) => tool.per_workstream,
        None => false,
    };
    pipeline.workstreams.iter().filter(asked_once).map(|workstream| workstream.id.clone()).collect()
}
