//! A plan on its way to disk: its parts go out one after the other, so that none of them need be held.
//!
//! The file takes the place of the one before in one move. It is not flushed to disk: what a power cut leaves of it does not have
//! its checksum.

use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::base::digest::Digest;

use super::layout::{HEADER_BYTES, Header, PARTS, Part};

/// Temporary names of plans: what a killed build left of them is swept away by the next.
pub const TEMPORARY: (&str, &str) = ("plan-", ".new");

/// A plan of which some parts are written. What is written to it belongs to the part that was begun last.
pub(super) struct Stream {
    path: PathBuf,
    out: BufWriter<NamedTempFile>,
    lengths: [u64; PARTS],
    /// The part that was begun last; none before the first.
    current: Option<Part>,
    cold: blake3::Hasher,
}

impl Stream {
    /// Begins a plan that is to lie at `path`.
    pub(super) fn begin(path: &Path) -> io::Result<Self> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let file = tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).tempfile_in(folder)?;
        let mut out = BufWriter::new(file);
        // What goes here is known at the end.
        out.write_all(&[0; HEADER_BYTES])?;
        Ok(Self { path: path.to_owned(), out, lengths: [0; PARTS], current: None, cold: blake3::Hasher::new() })
    }

    /// Begins a part. They come in their order; one that is left out is empty.
    pub(super) fn begin_part(&mut self, part: Part) {
        debug_assert!(self.current.is_none_or(|current| (current as usize) < part as usize));
        self.current = Some(part);
    }

    /// Writes a whole part.
    pub(super) fn part(&mut self, part: Part, bytes: &[u8]) -> io::Result<()> {
        self.begin_part(part);
        self.write_all(bytes)
    }

    /// Puts the plan in its place.
    pub(super) fn end(self, about: Digest) -> io::Result<()> {
        let mut file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let cold = Digest(*self.cold.finalize().as_bytes());
        let mut header = Header { about, hot: Digest([0; 32]), cold, lengths: self.lengths };
        file.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
        let mut checksum = header.hot_hasher();
        let read = io::copy(&mut Read::by_ref(&mut file).take(header.hot_bytes()), &mut checksum)?;
        if read != header.hot_bytes() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        header.hot = Digest(*checksum.finalize().as_bytes());
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.bytes())?;
        file.persist(self.path).map(drop).map_err(|error| error.error)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(part) = self.current else { return Err(io::Error::other("BUG: no part was begun")) };
        let written = self.out.write(bytes)?;
        self.lengths[part as usize] += written as u64;
        if part.is_cold() {
            self.cold.update(&bytes[..written]);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
