//! The text that a tool is asked with.
//!
//! Says what to do, where, and within which limits. Holds neither acceptance tests nor run ids: what does not change
//! the request must not change its key.

use crate::analysis::pipeline::Workstream;

/// The prompt of edit `number` (from 1); with `whole` all instructions are asked at once.
pub fn edit(workstream: &Workstream, number: u32, whole: bool) -> String {
    let mut text = format!("# Workstream {}\n", workstream.id);
    if let Some(title) = &workstream.title {
        text.push_str(&format!("\n{title}\n"));
    }
    text.push_str("\n## To do\n\n");
    for instruction in asked(workstream, number, whole) {
        text.push_str(&format!("- {}\n", instruction.replace('\n', "\n  ")));
    }
    text.push_str("\n## Files\n\nYou may change, delete or add:\n\n");
    list(&mut text, workstream.files_scope.iter().map(crate::base::path::Pattern::text));
    if !workstream.files_create.is_empty() {
        text.push_str("\nYou may also add:\n\n");
        list(&mut text, workstream.files_create.iter().map(crate::base::path::Pattern::text));
    }
    text.push_str(
        "\n## Limits\n\n\
         - Touch no other file; a change outside of these is refused.\n\
         - Keep the change minimal; refactor nothing that is not asked for.\n\
         - Keep or add tests where these files hold any.\n\
         - Do not commit, do not switch branches.\n",
    );
    text
}

/// The instructions that one edit is asked for.
pub fn asked(workstream: &Workstream, number: u32, whole: bool) -> &[String] {
    let instructions = workstream.instructions.as_slice();
    if whole {
        return instructions;
    }
    let place = number.saturating_sub(1) as usize;
    instructions.get(place..=place).unwrap_or(&[])
}

fn list(text: &mut String, entries: impl Iterator<Item = String>) {
    for entry in entries {
        text.push_str(&format!("- {entry}\n"));
    }
}
