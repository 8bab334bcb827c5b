//! Whether a worktree that waits is as it was left: one look a file, one a folder, in place.
//!
//! A folder whose own state did not move (ctime, as with files) holds the names that it held; only of others they are read.
//! Changes nothing.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use crate::git::folder::walk::each_name;
use crate::git::stats::{FileStat, Row, Stats};

/// What is to be put right.
#[derive(Debug, Default)]
pub(super) struct Checked<'a> {
    /// Files that are not as we wrote them.
    pub(super) wrong: Vec<Row<'a>>,
    /// Folders that moved, as they are now; they hold no other names than they should.
    pub(super) moved: Vec<(&'a [u8], FileStat)>,
}

/// A folder and the rows of what is in it.
struct Group<'a> {
    path: &'a [u8],
    /// None for the worktree's own folder.
    row: Option<Row<'a>>,
    /// More than one where other folders' rows stand between them.
    rows: Vec<Range<usize>>,
}

/// Looks at a worktree of which all is in a table; `None` where there are other names than the table has.
pub(super) fn check<'a>(dir: &Path, stats: &'a Stats) -> Option<Checked<'a>> {
    let root = File::open(dir).ok()?;
    let groups = groups(stats)?;
    let checked: Vec<_> = groups.par_iter().map(|group| check_group(&root, stats, group).ok().flatten()).collect();
    let mut all = Checked::default();
    for one in checked {
        let one = one?;
        all.wrong.extend(one.wrong);
        all.moved.extend(one.moved);
    }
    all.wrong.sort_unstable_by_key(|row| row.path);
    Some(all)
}

/// The rows by folder; `None` where one has no folder.
fn groups(stats: &Stats) -> Option<Vec<Group<'_>>> {
    let mut groups = vec![Group { path: b"", row: None, rows: Vec::new() }];
    let mut places = std::collections::HashMap::from([(&b""[..], 0)]);
    let mut last: (&[u8], usize) = (b"", 0);
    for (number, row) in stats.rows().enumerate() {
        let above = row.path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &row.path[..slash]);
        if above != last.0 {
            last = (above, *places.get(above)?);
        }
        match groups[last.1].rows.last_mut() {
            Some(range) if range.end == number => range.end += 1,
            _ => groups[last.1].rows.push(number..number + 1),
        }
        if row.stat.is_folder() {
            places.insert(row.path, groups.len());
            groups.push(Group { path: row.path, row: Some(row), rows: Vec::new() });
        }
    }
    Some(groups)
}

fn check_group<'a>(root: &File, stats: &'a Stats, group: &Group<'a>) -> Result<Option<Checked<'a>>, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = openat(root, if group.path.is_empty() { b"." } else { group.path }, flags, Mode::empty())?;
    let mut checked = Checked::default();
    let stat = FileStat::of_raw(&fstat(&folder)?);
    let rows = || group.rows.iter().cloned().flatten().map(|number| stats.row(number));
    let name = |row: &Row<'a>| if group.path.is_empty() { row.path } else { &row.path[group.path.len() + 1..] };
    if group.row.is_none_or(|row| !row.own || row.stat != stat) {
        if !names(&folder)?.iter().map(Vec::as_slice).eq(rows().map(|row| name(&row))) {
            return Ok(None);
        }
        checked.moved.extend(group.row.map(|row| (row.path, stat)));
    }
    for row in rows().filter(|row| !row.stat.is_folder()) {
        if !row.own || FileStat::of_raw(&statat(&folder, name(&row), AtFlags::SYMLINK_NOFOLLOW)?) != row.stat {
            checked.wrong.push(row);
        }
    }
    Ok(Some(checked))
}

/// The names in a folder, sorted.
fn names(folder: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut names = Vec::new();
    each_name(&openat(folder, c".", flags, Mode::empty())?, |name| {
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_bytes().to_vec());
        }
        Ok(())
    })?;
    names.sort_unstable();
    Ok(names)
}
