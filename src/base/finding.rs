//! What a rule's program or `pl`'s own scope check found in a tree.
//!
//! Plain data; does not know which program said it or whether it makes anything fail.

use serde::{Deserialize, Serialize};

/// How grave the program called it.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// Must be mended.
    #[default]
    Error,
    /// Should be mended.
    Warning,
    /// Good to know.
    Info,
}

/// One finding. What records of earlier versions do not have is empty.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Rule or check that found it.
    pub tool: String,
    /// The program's own code.
    pub code: Option<String>,
    /// `syntax type style formatting security test_failure scope_violation path other`.
    pub category: String,
    /// How grave.
    pub severity: FindingSeverity,
    /// Relative to the repository's root.
    pub path: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// The last line of the place, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// The column after the last one of the place, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u32>,
    /// What was said.
    pub message: String,
    /// The same for the same fault wherever it moved to; see `verify/signature.rs`. Empty where nobody signed it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
    /// A page that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help_url: Option<String>,
    /// Its own program can mend it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fixable: bool,
    /// The text of its line as it was judged, of a long one what is around the place. None where its rule hides it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The column of the first character of `source`, from 1, where that is not the line's own first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_column: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn findings_of_earlier_versions_are_read() {
        let old = r#"{"tool":"r","code":null,"category":"style","severity":"error","path":"a","line":1,"column":null,"message":"m"}"#;
        let finding: Finding = serde_json::from_str(old).unwrap();
        assert_eq!((finding.end_line, finding.fixable, finding.signature.as_str()), (None, false, ""));
        assert_eq!(serde_json::to_string(&finding).unwrap(), old);
    }
}
