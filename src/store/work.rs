//! Work that must not be lost or done twice: what landed, what is kept, which tools were asked, and notes.
//!
//! Trees and commits are named by their hex ids; whether they exist is for `git` to say.

use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::attempt::{Filter, json};
use super::{Result, Store, now, signed, unsigned};
use crate::base::digest::Digest;

/// That a workstream has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landed {
    /// The workstream.
    pub ws_id: String,
    /// The commit in the base that holds it.
    pub commit: String,
    /// What its definition meant.
    pub definition: Digest,
    /// A person said so; it is not the result commit.
    pub adopted: bool,
    /// When this was learned.
    pub created_at: String,
}

/// Work that was not accepted, or not yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kept {
    /// The workstream.
    pub ws_id: String,
    /// Where it lies, while it does.
    pub worktree: Option<String>,
    /// The tree as it was left.
    pub candidate_tree: String,
    /// The tree that it was made from.
    pub base_tree: String,
    /// Why it is kept.
    pub reason: String,
    /// The run that kept it.
    pub run_id: Option<String>,
    /// Anything more: keys, findings.
    pub metadata: Value,
}

/// A tool that was asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolInvocation {
    /// The run.
    pub run_id: Option<String>,
    /// The workstream.
    pub ws_id: Option<String>,
    /// The step's name.
    pub step: String,
    /// The tool's name.
    pub tool: String,
    /// Its version text.
    pub version: Option<String>,
    /// What was started; secrets are masked by the caller.
    pub argv: Vec<String>,
    /// How it ended: `ok`, or a class of failure.
    pub outcome: String,
    /// When it began; set when it is written, where this is empty.
    pub started_at: String,
    /// Wall time.
    pub duration_ms: u64,
    /// Tokens, cost.
    pub usage: Value,
}

impl Store {
    /// Keeps that a workstream has landed.
    pub fn set_landed(&self, ws: &str, commit: &str, definition: Digest, adopted: bool) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO landed VALUES (?1, ?2, ?3, ?4, ?5)";
        self.with(|connection| {
            connection.prepare_cached(sql)?.execute(params![ws, commit, definition.0, adopted, now()]).map(drop)
        })
    }

    /// What has landed, by id.
    pub fn landed(&self) -> Result<Vec<Landed>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM landed ORDER BY ws_id")?;
            statement.query_map([], landed_row)?.collect()
        })
    }

    /// Forgets that a workstream has landed.
    pub fn forget_landed(&self, ws: &str) -> Result<bool> {
        let sql = "DELETE FROM landed WHERE ws_id = ?1";
        self.with(|connection| Ok(connection.prepare_cached(sql)?.execute([ws])? > 0))
    }

    /// Keeps where unaccepted work is; one a workstream.
    pub fn keep(&self, kept: &Kept) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO kept VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let Kept { ws_id, worktree, candidate_tree, base_tree, reason, run_id, metadata } = kept;
        let metadata = metadata.to_string();
        let row = params![ws_id, worktree, candidate_tree, base_tree, reason, run_id, now(), metadata];
        self.with(|connection| connection.prepare_cached(sql)?.execute(row).map(drop))
    }

    /// A workstream's kept work.
    pub fn kept(&self, ws: &str) -> Result<Option<Kept>> {
        let sql = "SELECT * FROM kept WHERE ws_id = ?1";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([ws], kept_row).optional())
    }

    /// All kept work, by id.
    pub fn all_kept(&self) -> Result<Vec<Kept>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM kept ORDER BY ws_id")?;
            statement.query_map([], kept_row)?.collect()
        })
    }

    /// Forgets a workstream's kept work; its trees are not touched.
    pub fn forget_kept(&self, ws: &str) -> Result<bool> {
        let sql = "DELETE FROM kept WHERE ws_id = ?1";
        self.with(|connection| Ok(connection.prepare_cached(sql)?.execute([ws])? > 0))
    }

    /// Writes that a tool was asked.
    pub fn tool_invoked(&self, invocation: &ToolInvocation) -> Result<()> {
        let sql = "INSERT INTO tool_invocations
            (run_id, ws_id, step_name, tool, version, argv_json, outcome, started_at, duration_ms, usage_json)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
        let ToolInvocation { run_id, ws_id, step, tool, version, argv, outcome, started_at, duration_ms, usage } =
            invocation;
        let argv = serde_json::json!(argv).to_string();
        let started_at = if started_at.is_empty() { now() } else { started_at.clone() };
        let (duration_ms, usage) = (signed(*duration_ms), usage.to_string());
        let row = params![run_id, ws_id, step, tool, version, argv, outcome, started_at, duration_ms, usage];
        self.with(|connection| connection.prepare_cached(sql)?.execute(row).map(drop))
    }

    /// Tools that were asked, oldest first.
    pub fn tool_invocations(&self, filter: &Filter<'_>) -> Result<Vec<ToolInvocation>> {
        self.wanted("tool_invocations", filter, "ASC", u32::MAX, invocation_row)
    }

    /// A small thing that a room wants remembered, by its own name for it.
    pub fn note(&self, scope: &str, name: &str) -> Result<Option<Value>> {
        let sql = "SELECT value_json FROM notes WHERE scope = ?1 AND name = ?2";
        let read = |row: &Row<'_>| json(row, "value_json");
        self.with(|connection| connection.prepare_cached(sql)?.query_row([scope, name], read).optional())
    }

    /// Keeps a note, or with `null` forgets it.
    pub fn set_note(&self, scope: &str, name: &str, value: &Value) -> Result<()> {
        self.with(|connection| {
            if value.is_null() {
                let sql = "DELETE FROM notes WHERE scope = ?1 AND name = ?2";
                return connection.prepare_cached(sql)?.execute([scope, name]).map(drop);
            }
            let sql = "INSERT OR REPLACE INTO notes VALUES (?1, ?2, ?3, ?4)";
            connection.prepare_cached(sql)?.execute(params![scope, name, value.to_string(), now()]).map(drop)
        })
    }
}

fn landed_row(row: &Row<'_>) -> rusqlite::Result<Landed> {
    Ok(Landed {
        ws_id: row.get("ws_id")?,
        commit: row.get("commit_id")?,
        definition: Digest(row.get("definition")?),
        adopted: row.get("adopted")?,
        created_at: row.get("created_at")?,
    })
}

fn kept_row(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        ws_id: row.get("ws_id")?,
        worktree: row.get("worktree")?,
        candidate_tree: row.get("candidate_tree")?,
        base_tree: row.get("base_tree")?,
        reason: row.get("reason")?,
        run_id: row.get("run_id")?,
        metadata: json(row, "metadata_json")?,
    })
}

fn invocation_row(row: &Row<'_>) -> rusqlite::Result<ToolInvocation> {
    let argv = json(row, "argv_json")?;
    Ok(ToolInvocation {
        run_id: row.get("run_id")?,
        ws_id: row.get("ws_id")?,
        step: row.get("step_name")?,
        tool: row.get("tool")?,
        version: row.get("version")?,
        argv: serde_json::from_value(argv).unwrap_or_default(),
        outcome: row.get("outcome")?,
        started_at: row.get("started_at")?,
        duration_ms: unsigned(row.get("duration_ms")?),
        usage: json(row, "usage_json")?,
    })
}
