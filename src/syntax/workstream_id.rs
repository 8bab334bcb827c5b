//! The spelling of workstream ids: `^ws-[a-z0-9-]+$`.
//!
//! Does not know which ids exist.

use super::definition::Text;
use super::diagnostics as codes;
use crate::base::diagnostic::Diagnostic;

/// What is wrong with an id's spelling.
pub(super) fn fault(id: &Text) -> Option<Diagnostic> {
    if is_valid(&id.value) {
        return None;
    }
    let shown: String = id.value.chars().take(60).collect();
    let mut proposed: String = id
        .value
        .chars()
        .take(60)
        .map(|letter| letter.to_ascii_lowercase())
        .map(|letter| if letter.is_ascii_lowercase() || letter.is_ascii_digit() { letter } else { '-' })
        .collect();
    proposed = proposed.trim_matches('-').to_owned();
    if !proposed.starts_with("ws-") {
        proposed = format!("ws-{proposed}");
    }
    let help = match is_valid(&proposed) {
        true => format!("Write `{proposed}`: `ws-`, then lower-case letters, digits and `-`"),
        false => "Write `ws-`, then lower-case letters, digits and `-`".to_owned(),
    };
    let message = format!("`{shown}` does not match `^ws-[a-z0-9-]+$`");
    Some(
        Diagnostic::new(&codes::invalid_id::CODE, id.span, message)
            .say("no id of a workstream")
            .help(help)
            .about(shown),
    )
}

fn is_valid(id: &str) -> bool {
    id.strip_prefix("ws-").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    })
}
