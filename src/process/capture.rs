//! What a program says: all of it into a file, the end of it into memory.
//!
//! Does not know what it means.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Attended, Finished, LOG_BYTES_MAX, OUTPUT_TAIL_BYTES_MAX};

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// The output of one program.
#[derive(Debug)]
pub(super) struct Capture {
    log: Log,
    log_bytes: u64,
    log_error: Option<String>,
    stdout: Tail,
    stderr: Tail,
    both: Tail,
}

/// The file that gets all of it.
#[derive(Debug)]
enum Log {
    /// Nothing was said: a file of an earlier program is gone, and none is made.
    Silent(PathBuf),
    Open(File),
    /// It is full, or cannot be written.
    Closed,
}

impl Capture {
    /// Begins; where the log cannot be written the output is still kept in memory and the failure is told.
    pub(super) fn new(log: &Path, limit: usize) -> Self {
        let _ = std::fs::remove_file(log);
        Self {
            log: Log::Silent(log.to_owned()),
            log_bytes: 0,
            log_error: None,
            stdout: Tail::new(limit),
            stderr: Tail::new(limit),
            both: Tail::new(limit.min(OUTPUT_TAIL_BYTES_MAX)),
        }
    }

    /// Takes what was just read.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.stdout.push(bytes),
            Stream::Stderr => self.stderr.push(bytes),
        }
        self.both.push(bytes);
        self.write_log(bytes);
    }

    pub(super) fn finish(mut self, attended: Attended, duration_ms: u64) -> Finished {
        let Attended { ended, left_behind, peak_bytes } = attended;
        let truncated = self.stdout.lacks_beginning() || self.stderr.lacks_beginning();
        Finished {
            ended,
            stdout: self.stdout.take(),
            stderr: self.stderr.take(),
            output_tail: self.both.take(),
            truncated,
            duration_ms,
            left_behind,
            peak_bytes,
            log_error: self.log_error,
        }
    }

    fn write_log(&mut self, bytes: &[u8]) {
        if let Log::Silent(path) = &self.log {
            let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| File::create(path));
            let error = made.as_ref().err().map(|error| format!("cannot write {}: {error}", path.display()));
            self.log_error = error;
            self.log = made.map_or(Log::Closed, Log::Open);
        }
        let Log::Open(log) = &mut self.log else { return };
        self.log_bytes += bytes.len() as u64;
        let full = self.log_bytes > LOG_BYTES_MAX;
        let end = format!("\n[the log ends here: more than {LOG_BYTES_MAX} bytes]\n");
        let written = log.write_all(if full { end.as_bytes() } else { bytes });
        if full || written.is_err() {
            let why =
                written.err().map_or_else(|| end.trim().to_owned(), |error| format!("the log ends early: {error}"));
            self.log_error = Some(why);
            self.log = Log::Closed;
        }
    }
}

/// The last bytes of a stream.
#[derive(Debug)]
struct Tail {
    bytes: Vec<u8>,
    limit: usize,
    dropped: bool,
}

impl Tail {
    fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, dropped: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let excess = self.bytes.len().saturating_sub(self.limit);
        self.dropped |= excess > 0;
        self.bytes.drain(..excess);
    }

    fn lacks_beginning(&mut self) -> bool {
        self.cut();
        self.dropped
    }

    fn take(&mut self) -> Vec<u8> {
        self.cut();
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_last_bytes_are_kept() {
        let mut tail = Tail::new(4);
        for bytes in [b"ab".as_slice(), b"cdefghi", b"", b"jk"] {
            tail.push(bytes);
        }
        assert!(tail.lacks_beginning());
        assert_eq!(tail.take(), b"hijk");
        let mut whole = Tail::new(4);
        whole.push(b"abcd");
        assert!(!whole.lacks_beginning());
        assert_eq!(whole.take(), b"abcd");
    }
}
