//! The kinds of wrong that reading a text can find: one file a code, with good and bad cases.
//!
//! Does not know how a diagnostic is drawn.

pub mod bad_escape;
pub mod bare_braces;
pub mod bare_word;
pub mod comment_in_argv;
pub mod comment_swallows;
pub mod conflicting_fields;
pub mod duplicate_field;
pub mod duplicate_key;
pub mod empty_value;
pub mod invalid_id;
pub mod limit_reached;
pub mod misplaced_file;
pub mod misplaced_node;
pub mod missing_field;
pub mod missing_value;
pub mod number_as_text;
pub mod out_of_range;
pub mod property_in_argv;
pub mod reserved_word;
pub mod syntax_error;
pub mod top_level_shape;
pub mod unexpected_value;
pub mod unknown_field;
pub mod unknown_node;
pub mod unknown_property;
pub mod wrong_type;

use crate::base::diagnostic::{Case, Code};

/// Every code of this room with its cases.
pub static ALL: &[(&Code, &[Case])] = &[
    (&syntax_error::CODE, syntax_error::CASES),
    (&bare_word::CODE, bare_word::CASES),
    (&bare_braces::CODE, bare_braces::CASES),
    (&bad_escape::CODE, bad_escape::CASES),
    (&comment_swallows::CODE, comment_swallows::CASES),
    (&comment_in_argv::CODE, comment_in_argv::CASES),
    (&property_in_argv::CODE, property_in_argv::CASES),
    (&number_as_text::CODE, number_as_text::CASES),
    (&unknown_node::CODE, unknown_node::CASES),
    (&unknown_field::CODE, unknown_field::CASES),
    (&unknown_property::CODE, unknown_property::CASES),
    (&reserved_word::CODE, reserved_word::CASES),
    (&missing_field::CODE, missing_field::CASES),
    (&missing_value::CODE, missing_value::CASES),
    (&unexpected_value::CODE, unexpected_value::CASES),
    (&wrong_type::CODE, wrong_type::CASES),
    (&duplicate_field::CODE, duplicate_field::CASES),
    (&conflicting_fields::CODE, conflicting_fields::CASES),
    (&duplicate_key::CODE, duplicate_key::CASES),
    (&invalid_id::CODE, invalid_id::CASES),
    (&out_of_range::CODE, out_of_range::CASES),
    (&empty_value::CODE, empty_value::CASES),
    (&misplaced_file::CODE, misplaced_file::CASES),
    (&misplaced_node::CODE, misplaced_node::CASES),
    (&top_level_shape::CODE, top_level_shape::CASES),
    (&limit_reached::CODE, limit_reached::CASES),
];

#[cfg(test)]
mod tests;
