//! The states of a workstream and of a run, and which may follow which: one table.
//!
//! Pure. Whoever moves a row asks here first.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($type:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All states, in the order in which they are usually passed.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The state as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// The state with this name.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|state| state.as_str() == word)
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl rusqlite::ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                self.as_str().to_sql()
            }
        }

        impl rusqlite::types::FromSql for $type {
            fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
                let word = value.as_str()?;
                Self::from_word(word).ok_or_else(|| {
                    rusqlite::types::FromSqlError::Other(format!("{word} is not a state").into())
                })
            }
        }
    };
}
pub(super) use words;

/// Where a workstream stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkstreamState {
    /// It waits for what it depends on.
    Pending,
    /// What it depends on is done.
    Ready,
    /// Its base and its worktree are being made.
    Started,
    /// A tool or a person changes it.
    Editing,
    /// Its edits are in scope, and nothing has looked them over yet.
    ReadyForStatic,
    /// Rules look it over.
    StaticCheck,
    /// A tool was told what was found.
    Fixing,
    /// Its acceptance tests run.
    RuntimeTests,
    /// It waits for a person, an approval or a quota.
    Waiting,
    /// Its result is made, or was already.
    Done,
    /// It is not accepted.
    Failed,
    /// Something that it depends on is not done.
    Blocked,
    /// It was given up by a person.
    Abandoned,
    /// The run ended before it did.
    Interrupted,
}

words!(WorkstreamState {
    Pending = "pending",
    Ready = "ready",
    Started = "started",
    Editing = "editing",
    ReadyForStatic = "ready_for_static",
    StaticCheck = "static_check",
    Fixing = "fixing",
    RuntimeTests = "runtime_tests",
    Waiting = "waiting",
    Done = "done",
    Failed = "failed",
    Blocked = "blocked",
    Abandoned = "abandoned",
    Interrupted = "interrupted",
});

impl WorkstreamState {
    /// Whether the run still has something to do about it.
    pub fn is_unfinished(self) -> bool {
        matches!(
            self,
            Self::Pending
                | Self::Ready
                | Self::Started
                | Self::Editing
                | Self::ReadyForStatic
                | Self::StaticCheck
                | Self::Fixing
                | Self::RuntimeTests
        )
    }

    /// The states that may follow.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Ready, Self::Blocked, Self::Abandoned, Self::Interrupted],
            // Done and failed at once: a record said so.
            Self::Ready => &[
                Self::Started,
                Self::Waiting,
                Self::Done,
                Self::Failed,
                Self::Blocked,
                Self::Abandoned,
                Self::Interrupted,
            ],
            // Past editing at once: a kept candidate or a carried delta is verified.
            Self::Started => {
                &[Self::Editing, Self::ReadyForStatic, Self::Waiting, Self::Failed, Self::Abandoned, Self::Interrupted]
            }
            Self::Editing => &[Self::ReadyForStatic, Self::Waiting, Self::Failed, Self::Abandoned, Self::Interrupted],
            Self::ReadyForStatic => {
                &[Self::StaticCheck, Self::Fixing, Self::Failed, Self::Abandoned, Self::Interrupted]
            }
            // Back to editing: a carried edit was red on the new base, and is asked for anew.
            Self::StaticCheck => &[
                Self::Editing,
                Self::Fixing,
                Self::RuntimeTests,
                Self::Waiting,
                Self::Failed,
                Self::Abandoned,
                Self::Interrupted,
            ],
            Self::Fixing => &[Self::StaticCheck, Self::Waiting, Self::Failed, Self::Abandoned, Self::Interrupted],
            Self::RuntimeTests => &[
                Self::Editing,
                Self::Fixing,
                Self::Waiting,
                Self::Done,
                Self::Failed,
                Self::Abandoned,
                Self::Interrupted,
            ],
            // What was waited for came: on with what was being done.
            Self::Waiting => &[
                Self::Started,
                Self::Editing,
                Self::ReadyForStatic,
                Self::StaticCheck,
                Self::Fixing,
                Self::RuntimeTests,
                Self::Done,
                Self::Failed,
                Self::Abandoned,
                Self::Interrupted,
            ],
            Self::Failed | Self::Blocked | Self::Interrupted => &[Self::Abandoned],
            Self::Done | Self::Abandoned => &[],
        }
    }
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Its process lives.
    Running,
    /// All that was asked for is done.
    Completed,
    /// Some of it is.
    Partial,
    /// None of it is.
    Failed,
    /// It was stopped, or its process died.
    Interrupted,
    /// It was given up by a person.
    Abandoned,
}

words!(RunState {
    Running = "running",
    Completed = "completed",
    Partial = "partial",
    Failed = "failed",
    Interrupted = "interrupted",
    Abandoned = "abandoned",
});

impl RunState {
    /// The states that may follow.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Running => &[Self::Completed, Self::Partial, Self::Failed, Self::Interrupted, Self::Abandoned],
            Self::Partial | Self::Failed | Self::Interrupted => &[Self::Abandoned],
            Self::Completed | Self::Abandoned => &[],
        }
    }
}

/// Whether a workstream may go from one state to another.
pub fn allowed(from: WorkstreamState, to: WorkstreamState) -> bool {
    from.next().contains(&to)
}

/// Both tables, for the documentation.
pub fn table_markdown() -> String {
    let row = |from: &str, next: Vec<&str>| {
        let next = if next.is_empty() { "(nothing)".to_owned() } else { next.join(", ") };
        format!("| {from} | {next} |\n")
    };
    let mut text = String::from("| workstream | may become |\n|---|---|\n");
    for state in WorkstreamState::ALL {
        text += &row(state.as_str(), state.next().iter().map(|next| next.as_str()).collect());
    }
    text += "\n| run | may become |\n|---|---|\n";
    for state in RunState::ALL {
        text += &row(state.as_str(), state.next().iter().map(|next| next.as_str()).collect());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{RunState, WorkstreamState, allowed, table_markdown};

    #[test]
    fn the_usual_ways_are_open() {
        let ways = [
            "pending ready started editing ready_for_static static_check runtime_tests done",
            "pending ready done",
            "pending ready failed",
            "pending blocked",
            "editing waiting",
            "static_check fixing static_check runtime_tests fixing static_check failed",
        ];
        for way in ways {
            let states: Vec<_> =
                way.split(' ').map(|word| WorkstreamState::from_word(word).expect("a state")).collect();
            for pair in states.windows(2) {
                assert!(allowed(pair[0], pair[1]), "{way}: {} to {}", pair[0], pair[1]);
            }
        }
    }

    #[test]
    fn what_is_unfinished_can_be_interrupted_and_what_is_over_stays() {
        for state in WorkstreamState::ALL.iter().copied() {
            assert!(!allowed(state, state), "{state} to itself");
            assert!(!allowed(state, WorkstreamState::Pending), "{state} back to the beginning");
            let stoppable = state.is_unfinished() || state == WorkstreamState::Waiting;
            assert_eq!(allowed(state, WorkstreamState::Interrupted), stoppable, "{state}");
        }
        assert!(RunState::ALL.iter().all(|state| !state.next().contains(&RunState::Running)));
    }

    #[test]
    fn the_table_names_every_state() {
        let table = table_markdown();
        for word in WorkstreamState::ALL.iter().map(|state| state.as_str()) {
            assert!(table.contains(&format!("\n| {word} |")), "{word}");
        }
        assert!(table.contains("| completed | (nothing) |"));
    }
}
