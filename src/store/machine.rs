//! What was learned of the machine: the versions of programs, the digests of files.
//!
//! All of it can be learned again; losing it costs time alone.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use super::{Result, Store, now, signed, unsigned};
use crate::base::digest::Digest;
use crate::system::file_hash::HashCache;
use crate::system::{Kind, Stat};

impl Store {
    /// The version text that a program of this identity gave.
    pub fn program_version(&self, identity: Digest) -> Result<Option<String>> {
        let sql = "SELECT version FROM programs WHERE identity = ?1";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([identity.0], |row| row.get(0)).optional())
    }

    /// The version text that a program of this name gave last, whatever its identity.
    pub fn last_version(&self, program: &str) -> Result<Option<String>> {
        let sql = "SELECT version FROM programs WHERE program = ?1 ORDER BY rowid DESC LIMIT 1";
        self.with(|connection| connection.prepare_cached(sql)?.query_row([program], |row| row.get(0)).optional())
    }

    /// Keeps a version text.
    pub fn set_program_version(&self, identity: Digest, program: &str, version: &str) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO programs VALUES (?1, ?2, ?3, ?4)";
        self.with(|connection| {
            connection.prepare_cached(sql)?.execute(params![identity.0, program, version, now()]).map(drop)
        })
    }

    /// All digests of files, for [`crate::system::file_hash::HashCache::new`].
    pub fn stats(&self) -> Result<HashMap<PathBuf, (Stat, Digest)>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM stats")?;
            statement.query_map([], stat_row)?.collect()
        })
    }

    /// Keeps digests of files that were learned.
    pub fn set_stats(&self, hashes: &HashCache) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO stats VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        self.transaction(|connection| {
            let mut insert = connection.prepare_cached(sql)?;
            hashes.each_learned(|path, stat, digest| {
                let row = params![
                    path.as_os_str().as_bytes(),
                    stat.size.cast_signed(),
                    stat.mtime_ns,
                    stat.ctime_ns,
                    stat.inode.cast_signed(),
                    stat.device.cast_signed(),
                    stat.mode,
                    digest.0
                ];
                insert.execute(row).map(drop)
            })
        })
    }

    /// The peak memory of steps when they last ran, in bytes; those that needed next to nothing are left out.
    pub fn peaks(&self) -> Result<HashMap<String, u64>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT step, bytes FROM peaks")?;
            statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?))))?.collect()
        })
    }

    /// The same of some steps.
    pub fn peaks_of(&self, steps: &[String]) -> Result<HashMap<String, u64>> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached("SELECT bytes FROM peaks WHERE step = ?1")?;
            let mut found = HashMap::new();
            for step in steps {
                if let Some(bytes) = statement.query_row([step], |row| row.get(0)).optional()? {
                    found.insert(step.clone(), unsigned(bytes));
                }
            }
            Ok(found)
        })
    }

    /// Keeps peaks of steps; one of 0 is forgotten.
    pub fn set_peaks(&self, learned: &[(String, u64)]) -> Result<()> {
        if learned.is_empty() {
            return Ok(());
        }
        self.transaction(|connection| {
            let mut insert = connection.prepare_cached("INSERT OR REPLACE INTO peaks VALUES (?1, ?2, ?3)")?;
            let mut delete = connection.prepare_cached("DELETE FROM peaks WHERE step = ?1")?;
            for (step, bytes) in learned {
                match bytes {
                    0 => delete.execute([step])?,
                    bytes => insert.execute(params![step, signed(*bytes), now()])?,
                };
            }
            Ok(())
        })
    }

    /// Forgets digests of files that are no longer asked for.
    pub fn forget_stats(&self, paths: &[PathBuf]) -> Result<()> {
        self.transaction(|connection| {
            let mut delete = connection.prepare_cached("DELETE FROM stats WHERE path = ?1")?;
            paths.iter().try_for_each(|path| delete.execute([path.as_os_str().as_bytes()]).map(drop))
        })
    }
}

fn stat_row(row: &Row<'_>) -> rusqlite::Result<(PathBuf, (Stat, Digest))> {
    let path: Vec<u8> = row.get("path")?;
    let stat = Stat {
        kind: Kind::File,
        size: row.get::<_, i64>("size")?.cast_unsigned(),
        mtime_ns: row.get("mtime_ns")?,
        ctime_ns: row.get("ctime_ns")?,
        inode: row.get::<_, i64>("inode")?.cast_unsigned(),
        device: row.get::<_, i64>("device")?.cast_unsigned(),
        mode: row.get("mode")?,
    };
    Ok((PathBuf::from(OsStr::from_bytes(&path)), (stat, Digest(row.get("digest")?))))
}
