//! Names of things as newtypes, so that one cannot be given for another.
//!
//! Does not know which names exist.

use std::fmt;

use ecow::EcoString;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub struct $type(pub EcoString);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, formatter)
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}

name!(
    /// A workstream's id, `^ws-[a-z0-9-]+$`.
    WorkstreamId
);
name!(
    /// A task's name.
    TaskName
);
name!(
    /// A setup's name.
    SetupName
);
name!(
    /// A rule's name.
    RuleName
);
name!(
    /// A tool's name.
    ToolName
);
