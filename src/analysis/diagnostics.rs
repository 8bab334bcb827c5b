//! Every code that `analysis` and `project` can say, one file a code, each with cases that show it.
//!
//! Knows no drawing; [`errors_markdown`] is what docs/errors.md is made of.

use crate::base::diagnostic::{Case, Code, Severity};

pub mod ambiguous_name;
pub mod bad_duration;
pub mod bad_glob;
pub mod bad_output;
pub mod bad_parser;
pub mod bad_path;
pub mod bad_size;
pub mod bad_variable_name;
pub mod create_existing;
pub mod create_folder;
pub mod dependency_cycle;
pub mod duplicate_name;
pub mod duplicate_path;
pub mod empty_scope;
pub mod exit_code_twice;
pub mod incomplete_rule;
pub mod input_is_output;
pub mod instruction_outside_scope;
pub mod later_gate;
pub mod misplaced_include;
pub mod misplaced_property;
pub mod missing_command;
pub mod missing_folder;
pub mod missing_include;
pub mod missing_path;
pub mod no_acceptance_tests;
pub mod normalised_path;
pub mod overlap;
pub mod overlapping_outputs;
pub mod path_variant;
pub mod redundant_dependency;
pub mod self_dependency;
pub mod test_cannot_fail;
pub mod too_many;
pub mod unknown_pool;
pub mod unknown_rule;
pub mod unknown_setup;
pub mod unknown_target;
pub mod unknown_task;
pub mod unknown_tool;
pub mod unknown_variable;
pub mod unknown_word;
pub mod unknown_workstream;
pub mod unreadable_file;
pub mod unsupported_parser;
pub mod unused_allow_overlap;

/// All codes with their cases, by name.
pub static ALL: &[(&Code, &[Case])] = &[
    (&ambiguous_name::CODE, ambiguous_name::CASES),
    (&bad_duration::CODE, bad_duration::CASES),
    (&bad_glob::CODE, bad_glob::CASES),
    (&bad_output::CODE, bad_output::CASES),
    (&bad_parser::CODE, bad_parser::CASES),
    (&bad_path::CODE, bad_path::CASES),
    (&bad_size::CODE, bad_size::CASES),
    (&bad_variable_name::CODE, bad_variable_name::CASES),
    (&create_existing::CODE, create_existing::CASES),
    (&create_folder::CODE, create_folder::CASES),
    (&dependency_cycle::CODE, dependency_cycle::CASES),
    (&duplicate_name::CODE, duplicate_name::CASES),
    (&duplicate_path::CODE, duplicate_path::CASES),
    (&empty_scope::CODE, empty_scope::CASES),
    (&exit_code_twice::CODE, exit_code_twice::CASES),
    (&incomplete_rule::CODE, incomplete_rule::CASES),
    (&input_is_output::CODE, input_is_output::CASES),
    (&instruction_outside_scope::CODE, instruction_outside_scope::CASES),
    (&later_gate::CODE, later_gate::CASES),
    (&misplaced_include::CODE, misplaced_include::CASES),
    (&misplaced_property::CODE, misplaced_property::CASES),
    (&missing_command::CODE, missing_command::CASES),
    (&missing_folder::CODE, missing_folder::CASES),
    (&missing_include::CODE, missing_include::CASES),
    (&missing_path::CODE, missing_path::CASES),
    (&no_acceptance_tests::CODE, no_acceptance_tests::CASES),
    (&normalised_path::CODE, normalised_path::CASES),
    (&overlap::CODE, overlap::CASES),
    (&overlapping_outputs::CODE, overlapping_outputs::CASES),
    (&path_variant::CODE, path_variant::CASES),
    (&redundant_dependency::CODE, redundant_dependency::CASES),
    (&self_dependency::CODE, self_dependency::CASES),
    (&test_cannot_fail::CODE, test_cannot_fail::CASES),
    (&too_many::CODE, too_many::CASES),
    (&unknown_pool::CODE, unknown_pool::CASES),
    (&unknown_rule::CODE, unknown_rule::CASES),
    (&unknown_setup::CODE, unknown_setup::CASES),
    (&unknown_target::CODE, unknown_target::CASES),
    (&unknown_task::CODE, unknown_task::CASES),
    (&unknown_tool::CODE, unknown_tool::CASES),
    (&unknown_variable::CODE, unknown_variable::CASES),
    (&unknown_word::CODE, unknown_word::CASES),
    (&unknown_workstream::CODE, unknown_workstream::CASES),
    (&unreadable_file::CODE, unreadable_file::CASES),
    (&unsupported_parser::CODE, unsupported_parser::CASES),
    (&unused_allow_overlap::CODE, unused_allow_overlap::CASES),
];

/// Looks up a code of `syntax` or of this room.
pub fn explain(code: &str) -> Option<&'static Code> {
    every().find(|known| known.id == code)
}

/// docs/errors.md: every code with its explanation.
pub fn errors_markdown() -> String {
    let mut codes: Vec<&Code> = every().collect();
    codes.sort_by_key(|code| code.id);
    let mut text = String::from(
        "# What can be wrong with definitions\n\nMade from the codes themselves by `PL_UPDATE=1 cargo test --test generated`; `pl explain CODE` prints one of them.\n",
    );
    for code in codes {
        let severity = match code.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        text.push_str(&format!(
            "\n## {}\n\n*{severity}, {}*: {}.\n\n{}\n",
            code.id,
            code.class.word(),
            code.summary.trim_end_matches('.'),
            code.explanation
        ));
    }
    text
}

/// Every code of `syntax` and of this room.
pub fn every() -> impl Iterator<Item = &'static Code> {
    crate::syntax::diagnostics::ALL.iter().chain(ALL).map(|(code, _)| *code)
}
