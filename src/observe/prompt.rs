//! The text that a tool is asked with.
//!
//! Says what to do, where, and within which limits. Holds neither acceptance tests nor run ids: what does not change
//! the request must not change its key.

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::finding::Finding;

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

/// Findings that a prompt lists.
const FINDINGS_MAX: usize = 100;

/// Characters of a failing test's output that a prompt holds: its end.
const OUTPUT_CHARACTERS_MAX: usize = 8_000;

/// The prompt of a fix: the work as it was asked, what is red in the tree now, and what became of the last try.
pub fn fix(workstream: &Workstream, failures: &[(String, &Failure)], told: Option<&str>) -> String {
    let mut text = edit(workstream, 1, true);
    text.push_str("\n## What is wrong\n\nThis was done already, and the tree is as it left it. These checks fail; mend what they tell:\n");
    for (step, failure) in failures {
        text.push_str(&format!("\n### {step}: {}\n\n", failure.message));
        for finding in failure.findings.iter().take(FINDINGS_MAX) {
            text.push_str(&format!("- {}\n", finding_line(finding)));
        }
        let more = failure.findings.len().saturating_sub(FINDINGS_MAX);
        if more > 0 {
            text.push_str(&format!("- and {more} more\n"));
        }
        let output = failure.output.trim_end();
        if failure.findings.is_empty() && !output.is_empty() {
            let skipped = output.chars().count().saturating_sub(OUTPUT_CHARACTERS_MAX);
            let end: String = output.chars().skip(skipped).collect();
            text.push_str(&format!("~~~\n{end}\n~~~\n"));
        }
    }
    if let Some(told) = told {
        text.push_str(&format!("\n## The last try\n\nIt was not taken: {told}.\n"));
    }
    text
}

/// `src/a.py:7:3: E501 line too long`.
fn finding_line(finding: &Finding) -> String {
    let place =
        [finding.line, finding.column].into_iter().flatten().map(|number| format!(":{number}")).collect::<String>();
    let path = finding.path.as_deref().map(|path| format!("{path}{place}: ")).unwrap_or_default();
    let code = finding.code.as_deref().map(|code| format!("{code} ")).unwrap_or_default();
    format!("{path}{code}{}", finding.message.replace('\n', "\n  "))
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
