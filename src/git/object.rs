//! Ids of git objects as newtypes, and entries of trees.
//!
//! Knows no repository.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub gix::ObjectId);

        impl $type {
            /// Reads 40 hex digits.
            pub fn from_hex(text: &str) -> Option<Self> {
                gix::ObjectId::from_hex(text.as_bytes()).ok().map(Self)
            }

            /// The id as 40 hex digits.
            pub fn hex(&self) -> String {
                self.0.to_string()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}", self.0.to_hex_with_len(10))
            }
        }
    };
}

id!(
    /// A tree.
    TreeId
);
id!(
    /// A commit.
    CommitId
);
id!(
    /// A blob, or a gitlink's commit.
    BlobId
);

/// What kind of entry a path is; git's modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mode {
    /// 100644.
    File,
    /// 100755.
    Executable,
    /// 120000.
    Link,
    /// 160000.
    Gitlink,
}

impl Mode {
    /// Git's octal digits.
    pub fn octal(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Gitlink => "160000",
        }
    }
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Blob {
    /// Its mode.
    pub mode: Mode,
    /// Its id.
    pub id: BlobId,
}

/// A path of a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Raw bytes, `/`-separated.
    pub path: Vec<u8>,
    /// What stands there.
    pub blob: Blob,
}
