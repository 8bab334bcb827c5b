//! The patch that leads from one tree to another, such that `git apply` makes exactly the second.
//!
//! Full ids, three lines of context, binary content as literals (`git diff --full-index --binary --no-renames`).

use std::io::Write;
use std::ops::Range;

use gix::diff::blob::{Algorithm, Diff, InternedInput};

use crate::git::error::GitError;
use crate::git::merge::is_binary;
use crate::git::object::{Blob, Mode, TreeId};
use crate::git::repository::Repository;

/// Unchanged lines around a change.
const CONTEXT_LINES: usize = 3;
/// Bytes of compressed content in one line of a binary patch.
const BASE85_LINE_BYTES: usize = 52;
const BASE85: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";
const NO_ID: &str = "0000000000000000000000000000000000000000";

/// Writes the patch; equal trees give an empty one.
pub fn write_patch(repository: &Repository, from: TreeId, to: TreeId) -> Result<Vec<u8>, GitError> {
    let mut out = Vec::new();
    for change in repository.diff(from, to)?.changes {
        match (change.old, change.new) {
            // A file that becomes a link goes and comes, as git has it.
            (Some(old), Some(new)) if is_file(old.mode) != is_file(new.mode) || old.mode == Mode::Gitlink => {
                write_file(repository, &mut out, &change.path, Some(old), None)?;
                write_file(repository, &mut out, &change.path, None, Some(new))?;
            }
            (old, new) => write_file(repository, &mut out, &change.path, old, new)?,
        }
    }
    Ok(out)
}

fn is_file(mode: Mode) -> bool {
    matches!(mode, Mode::File | Mode::Executable)
}

fn write_file(
    repository: &Repository,
    out: &mut Vec<u8>,
    path: &[u8],
    old: Option<Blob>,
    new: Option<Blob>,
) -> Result<(), GitError> {
    let (old_name, new_name) = (quoted(b"a/", path), quoted(b"b/", path));
    line(out, &[b"diff --git ", &old_name, b" ", &new_name]);
    let mut mode = "";
    match (old, new) {
        (None, Some(new)) => line(out, &[b"new file mode ", new.mode.octal().as_bytes()]),
        (Some(old), None) => line(out, &[b"deleted file mode ", old.mode.octal().as_bytes()]),
        (Some(old), Some(new)) if old.mode != new.mode => {
            line(out, &[b"old mode ", old.mode.octal().as_bytes()]);
            line(out, &[b"new mode ", new.mode.octal().as_bytes()]);
        }
        (Some(old), _) => mode = old.mode.octal(),
        (None, None) => {}
    }
    let id = |blob: Option<Blob>| blob.map_or_else(|| NO_ID.to_owned(), |blob| blob.id.hex());
    if old.map(|blob| blob.id) == new.map(|blob| blob.id) {
        return Ok(());
    }
    let space = if mode.is_empty() { "" } else { " " };
    line(out, &[format!("index {}..{}{space}{mode}", id(old), id(new)).as_bytes()]);
    let (before, after) = (content(repository, old)?, content(repository, new)?);
    if is_binary(&before) || is_binary(&after) {
        line(out, &[b"GIT binary patch"]);
        write_literal(out, &after)?;
        return write_literal(out, &before);
    }
    if before.is_empty() && after.is_empty() {
        return Ok(());
    }
    // A tab ends a name with spaces, which else would be taken for a time.
    let tab: &[u8] = if path.contains(&b' ') { b"\t" } else { b"" };
    let name = |there: bool, name: Vec<u8>| if there { [&name, tab].concat() } else { b"/dev/null".to_vec() };
    line(out, &[b"--- ", &name(old.is_some(), old_name)]);
    line(out, &[b"+++ ", &name(new.is_some(), new_name)]);
    write_hunks(out, &before, &after);
    Ok(())
}

fn content(repository: &Repository, blob: Option<Blob>) -> Result<Vec<u8>, GitError> {
    match blob {
        None => Ok(Vec::new()),
        Some(Blob { mode: Mode::Gitlink, id }) => Ok(format!("Subproject commit {id}\n").into_bytes()),
        Some(blob) => repository.blob(blob.id),
    }
}

fn line(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend(*part));
    out.push(b'\n');
}

/// A name as git quotes it (`core.quotePath`).
fn quoted(prefix: &[u8], path: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| (0x20..0x7f).contains(byte) && !b"\"\\".contains(byte);
    let name = [prefix, path].concat();
    if name.iter().all(plain) {
        return name;
    }
    let mut text = vec![b'"'];
    for byte in name {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', byte]),
            b'\n' => text.extend(b"\\n"),
            b'\t' => text.extend(b"\\t"),
            byte if plain(&byte) => text.push(byte),
            byte => text.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    text.push(b'"');
    text
}

fn write_hunks(out: &mut Vec<u8>, before: &[u8], after: &[u8]) {
    let (old, new) = (lines(before), lines(after));
    let mut input = InternedInput::default();
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let index = |range: Range<u32>| range.start as usize..range.end as usize;
    let mut groups: Vec<Vec<(Range<usize>, Range<usize>)>> = Vec::new();
    for hunk in diff.hunks() {
        let hunk = (index(hunk.before), index(hunk.after));
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| hunk.0.start - last.0.end <= 2 * CONTEXT_LINES) => {
                group.push(hunk);
            }
            _ => groups.push(vec![hunk]),
        }
    }
    for group in groups {
        write_group(out, &old, &new, &group);
    }
}

fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

fn write_group(out: &mut Vec<u8>, old: &[&[u8]], new: &[&[u8]], group: &[(Range<usize>, Range<usize>)]) {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
    let lead = CONTEXT_LINES.min(first.0.start);
    let trail = CONTEXT_LINES.min(old.len() - last.0.end);
    let span = |range: Range<usize>| {
        let start = if range.is_empty() { range.start } else { range.start + 1 };
        format!("{start},{}", range.len())
    };
    let old_span = span(first.0.start - lead..last.0.end + trail);
    let new_span = span(first.1.start - lead..last.1.end + trail);
    line(out, &[format!("@@ -{old_span} +{new_span} @@").as_bytes()]);
    let mut at = first.0.start - lead;
    for (removed, added) in group {
        old[at..removed.start].iter().for_each(|text| write_line(out, b' ', text));
        old[removed.clone()].iter().for_each(|text| write_line(out, b'-', text));
        new[added.clone()].iter().for_each(|text| write_line(out, b'+', text));
        at = removed.end;
    }
    old[at..last.0.end + trail].iter().for_each(|text| write_line(out, b' ', text));
}

fn write_line(out: &mut Vec<u8>, sign: u8, text: &[u8]) {
    out.push(sign);
    out.extend(text);
    if !text.ends_with(b"\n") {
        out.extend(b"\n\\ No newline at end of file\n");
    }
}

fn write_literal(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), GitError> {
    line(out, &[format!("literal {}", bytes.len()).as_bytes()]);
    let mut packer = gix::zlib::stream::deflate::Write::new(Vec::new(), gix::zlib::Compression::DEFAULT);
    packer.write_all(bytes).and_then(|()| packer.flush()).map_err(GitError::object("compress a patch"))?;
    for part in packer.into_inner().chunks(BASE85_LINE_BYTES) {
        out.push(if part.len() <= 26 { b'A' + part.len() as u8 - 1 } else { b'a' + part.len() as u8 - 27 });
        for group in part.chunks(4) {
            let mut four = [0; 4];
            four[..group.len()].copy_from_slice(group);
            let mut value = u32::from_be_bytes(four);
            let mut five = [0; 5];
            for digit in five.iter_mut().rev() {
                *digit = BASE85[(value % 85) as usize];
                value /= 85;
            }
            out.extend(five);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::write_patch;
    use crate::git::delta::Change;
    use crate::git::object::{Blob, Mode};
    use crate::git::patch::read::read_patch;
    use crate::git::scratch::{Random, Scratch, git_command, random_files};
    use crate::git::snapshot::snapshot_folder;
    use crate::git::stats::Stats;
    use crate::git::tree::empty_tree;
    use crate::git::worktree::reset::reset;
    use crate::git::worktree::{create, remove};

    #[test]
    fn git_applies_what_is_written() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        let head = repository.resolve("HEAD").unwrap();
        let worktree = create(&repository, &scratch.beside("w"), "w", head, "x").unwrap().worktree;
        let odd: [&[u8]; 7] = [b"", b"x", b"x\r\ny", b"\n\n", b"\0\x01", &[0xff; 3000], b"a\n\0"];
        for seed in 0..60 {
            let mut random = Random(seed + 77);
            let mut tree = |seed| {
                let mut delta = random_files(&repository, seed);
                for change in &mut delta.changes {
                    if let (Some(Blob { mode: Mode::File, id }), 0) = (&mut change.new, random.below(3)) {
                        *id = repository.write_blob(odd[random.below(7) as usize]).unwrap();
                    }
                }
                let path = [&b"s p/\"q\"\n"[..], b"t\tab\\", b"x y"][random.below(3) as usize].to_vec();
                let id = repository.write_blob(format!("{}", random.below(5)).as_bytes()).unwrap();
                delta.changes.push(Change { path, old: None, new: Some(Blob { mode: Mode::File, id }) });
                repository.apply(empty_tree(), &delta).unwrap()
            };
            let (from, to) = (tree(seed), tree(seed + 400));
            let parts =
                |tree| crate::git::repository::CommitParts { tree, parents: vec![], message: "x".into(), time: 0 };
            let commit = repository.commit(&parts(from)).unwrap();
            reset(&repository, &worktree, commit, &Stats::default(), &|_| false).unwrap();
            let patch = write_patch(&repository, from, to).unwrap();
            let file = scratch.beside("patch");
            std::fs::write(&file, &patch).unwrap();
            let output = git_command(&worktree.dir, &["apply", "--whitespace=nowarn", file.to_str().unwrap()]).output();
            let error = String::from_utf8_lossy(&output.unwrap().stderr).into_owned();
            let taken = snapshot_folder(&repository, &worktree.dir, from, &Stats::default(), &|_| false).unwrap();
            assert_eq!(taken.tree, to, "seed {seed}: {error}\n{}", String::from_utf8_lossy(&patch));
            let mut read: Vec<_> =
                read_patch(&patch).unwrap().into_iter().flat_map(|file| [file.old, file.new]).flatten().collect();
            read.sort();
            read.dedup();
            let changed: Vec<_> = taken.delta.changes.into_iter().map(|change| change.path).collect();
            assert_eq!(read, changed, "seed {seed}");
        }
        remove(&repository, &worktree).unwrap();
        assert_eq!(write_patch(&repository, empty_tree(), empty_tree()).unwrap(), b"");
    }
}
