//! What an edit observes: the request (tool, prompt, scope, recording) and the part of the tree that its tool looks at.
//!
//! Not who answered: tool version and attempts are provenance.

use crate::analysis::pipeline::{Observes, Tool, ToolKind, Workstream};
use crate::base::digest::Digest;
use crate::base::path::Pattern;
use crate::fingerprint::{Fingerprint, Key};
use crate::git::error::GitError;
use crate::git::object::{Entry, TreeId};
use crate::observe::scope::Scope;
use crate::observe::world::World;
use crate::observe::{prompt, recording};

/// One edit as it would be asked now.
#[derive(Debug, Clone)]
pub struct EditRequest {
    /// All parts, those of the tree included.
    pub fingerprint: Fingerprint,
    /// The digest of the parts without the tree: the same question on another base.
    pub request: Digest,
    /// What the tool is told.
    pub prompt: String,
}

/// More files in scope than this are one part of the key instead of a part each.
const SCOPE_PARTS_MAX: usize = 256;

/// Makes the request of edit `number` on a tree.
pub fn request(world: &World, workstream: &Workstream, number: u32, tree: TreeId) -> Result<EditRequest, GitError> {
    let (mut fingerprint, prompt) = question(world, workstream, number);
    let request = fingerprint.key().0;
    match world.first_tool(workstream).map_or(Observes::Scope, |tool| tool.observes) {
        Observes::Tree => fingerprint.digest("tree", tree.hex()),
        Observes::Scope => {
            let entries = Scope::of(workstream).observed(&world.located().repository, tree)?;
            add_entries(&mut fingerprint, &entries);
        }
    }
    Ok(EditRequest { fingerprint, request, prompt })
}

/// The digest of what all edits are asked, whatever the tree.
pub fn requests(world: &World, workstream: &Workstream) -> Digest {
    let all = (1..=world.edits(workstream)).map(|number| question(world, workstream, number).0.key().0.hex());
    Digest::of(all.collect::<Vec<_>>().join("\n").as_bytes())
}

/// What edit `number` is asked, without the tree; and the prompt.
fn question(world: &World, workstream: &Workstream, number: u32) -> (Fingerprint, String) {
    let whole = world.whole.contains(&workstream.id);
    let prompt = prompt::edit(workstream, number, whole);
    let mut fingerprint = Fingerprint::of("edit");
    fingerprint.text("tool", &workstream.asked_tool);
    fingerprint.text("prompt", &prompt);
    fingerprint.text("files-scope", &texts(&workstream.files_scope));
    fingerprint.text("files-create", &texts(&workstream.files_create));
    if let Some(tool) = world.first_tool(workstream) {
        add_tool(&mut fingerprint, world, workstream, tool, number);
    }
    (fingerprint, prompt)
}

fn add_tool(fingerprint: &mut Fingerprint, world: &World, workstream: &Workstream, tool: &Tool, number: u32) {
    if tool.name.as_str() == workstream.asked_tool
        && let Some(command) = &tool.command
    {
        fingerprint.text("command", &command.text());
    }
    for (name, value) in &world.environment_of(&tool.environment).keyed {
        fingerprint.text(format!("env {name}"), value.as_deref().unwrap_or("(absent)"));
    }
    if tool.kind == ToolKind::Replay {
        let whole = world.whole.contains(&workstream.id);
        let path = recording::path(&world.root, &tool.recordings, workstream, number, whole);
        let digest =
            recording::digest(world.system.as_ref(), &path).map_or_else(|| "absent".to_owned(), |digest| digest.hex());
        fingerprint.digest("recording", digest);
    }
}

/// Adds files of a tree: a part each, or one for all where there are many.
pub fn add_entries(fingerprint: &mut Fingerprint, entries: &[Entry]) {
    let line = |entry: &Entry| format!("{} {} {}", entry.blob.mode.octal(), entry.blob.id, display(&entry.path));
    if entries.len() > SCOPE_PARTS_MAX {
        let all = entries.iter().map(line).collect::<Vec<_>>().join("\n");
        fingerprint.digest("inputs", Digest::of(all.as_bytes()).hex());
        return;
    }
    for entry in entries {
        let digest = format!("{} {}", entry.blob.mode.octal(), entry.blob.id);
        fingerprint.digest(format!("input {}", display(&entry.path)), digest);
    }
}

/// A path for people and part names; bytes that are not UTF-8 are escaped.
pub fn display(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) => text.to_owned(),
        Err(_) => path.escape_ascii().to_string(),
    }
}

fn texts(patterns: &[Pattern]) -> String {
    let mut texts: Vec<String> = patterns.iter().map(Pattern::text).collect();
    texts.sort();
    texts.join("\n")
}

/// The fingerprint of a composed delta that was verified: the edits' keys and the state of the scope.
///
/// A repair takes the place of an edit that did not come about and of all after it: of those the requests count.
pub fn accepted(world: &World, workstream: &Workstream, keys: &[Key], base: TreeId) -> Result<Fingerprint, GitError> {
    let mut fingerprint = Fingerprint::of("accepted");
    for (place, key) in keys.iter().enumerate() {
        fingerprint.digest(format!("edit {}", place + 1), key.0.hex());
    }
    for number in u32::try_from(keys.len()).unwrap_or(u32::MAX).saturating_add(1)..=world.edits(workstream) {
        fingerprint.digest(format!("request {number}"), question(world, workstream, number).0.key().0.hex());
    }
    let entries = Scope::of(workstream).observed(&world.located().repository, base)?;
    add_entries(&mut fingerprint, &entries);
    Ok(fingerprint)
}

/// The digest of what a definition means: a landed workstream stays landed while this is the same.
pub fn definition(workstream: &Workstream) -> Digest {
    let tests = workstream.tests.iter().map(|test| test.command.text()).collect::<Vec<_>>().join("\n");
    let instructions = workstream.instructions.join("\n");
    let scope = texts(&workstream.files_scope);
    let create = texts(&workstream.files_create);
    Digest::of_fields([instructions.as_bytes(), scope.as_bytes(), create.as_bytes(), tests.as_bytes()])
}
