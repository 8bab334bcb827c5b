//! What was said, by key: sorted keys, and what they lead to, read in place.
//!
//! Does not know what an answer means; nothing is as good an answer as any.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use crate::base::digest::Digest;

/// Answers beyond this many are dropped, but for those of the newest lint.
pub const ANSWERS_MAX: usize = 400_000;

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Bytes of a number: where an answer ends.
const NUMBER_BYTES: usize = 8;

/// What is known, and what came to it.
#[derive(Debug, Default)]
pub struct Answers {
    sealed: Option<Sealed>,
    read: OnceLock<Read>,
    new: BTreeMap<Digest, Vec<u8>>,
}

/// Answers that nobody has asked for yet.
#[derive(Debug)]
pub struct Sealed {
    /// The file that they are in.
    pub file: File,
    /// Where they begin.
    pub at: u64,
    /// How long they are.
    pub bytes: u64,
    /// They are believed where they have this checksum.
    pub checksum: Digest,
}

/// How many, their keys in order, the end of each answer, the answers.
#[derive(Debug, Default)]
struct Read {
    count: usize,
    bytes: Vec<u8>,
}

impl Sealed {
    fn open(&self) -> Option<Read> {
        let mut bytes = vec![0; usize::try_from(self.bytes).ok()?];
        self.file.read_exact_at(&mut bytes, self.at).ok()?;
        if self.checksum != Digest::of(&bytes) {
            return None;
        }
        let count = usize::try_from(u64::from_le_bytes(*bytes.first_chunk()?)).ok()?;
        let table = count.checked_mul(KEY_BYTES + NUMBER_BYTES)?.checked_add(NUMBER_BYTES)?;
        (bytes.len() >= table).then_some(Read { count, bytes })
    }
}

impl Answers {
    /// Answers in a file.
    pub fn sealed(sealed: Sealed) -> Self {
        Self { sealed: Some(sealed), ..Self::default() }
    }

    /// What was said under a key.
    pub fn get(&self, key: &Digest) -> Option<&[u8]> {
        if let Some(answer) = self.new.get(key) {
            return Some(answer);
        }
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            match self.key(middle).cmp(&key.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.answer(middle)),
            }
        }
        None
    }

    /// Adds one.
    pub fn insert(&mut self, key: Digest, answer: Vec<u8>) {
        self.new.insert(key, answer);
    }

    /// Whether there are so many that some must go; their bytes tell without being read.
    pub fn are_too_many(&self) -> bool {
        let least = (KEY_BYTES + NUMBER_BYTES) as u64;
        let fits = |sealed: &Sealed| sealed.bytes / least <= (ANSWERS_MAX - self.new.len().min(ANSWERS_MAX)) as u64;
        !self.sealed.as_ref().is_none_or(fits) && self.count() + self.new.len() > ANSWERS_MAX
            || self.new.len() > ANSWERS_MAX
    }

    /// As they are written; where there are too many, those that were used stay.
    pub fn encode(&self, used: Option<&[Digest]>) -> Vec<u8> {
        let used: Option<HashSet<&[u8; KEY_BYTES]>> =
            used.filter(|_| self.are_too_many()).map(|used| used.iter().map(|key| &key.0).collect());
        let stays = |key: &[u8; KEY_BYTES]| used.as_ref().is_none_or(|used| used.contains(key));
        let mut all: Vec<(&[u8; KEY_BYTES], &[u8])> = Vec::with_capacity(self.count() + self.new.len());
        let mut new = self.new.iter().peekable();
        for place in 0..self.count() {
            let key = self.key(place);
            while let Some((other, answer)) = new.next_if(|(other, _)| other.0 < *key) {
                all.push((&other.0, answer));
            }
            if new.peek().is_none_or(|(other, _)| other.0 != *key) {
                all.push((key, self.answer(place)));
            }
        }
        all.extend(new.map(|(key, answer)| (&key.0, answer.as_slice())));
        all.retain(|(key, _)| stays(key));
        let said: usize = all.iter().map(|(_, answer)| answer.len()).sum();
        let mut bytes = Vec::with_capacity(NUMBER_BYTES + all.len() * (KEY_BYTES + NUMBER_BYTES) + said);
        bytes.extend_from_slice(&(all.len() as u64).to_le_bytes());
        for (key, _) in &all {
            bytes.extend_from_slice(*key);
        }
        let mut end = 0_u64;
        for (_, answer) in &all {
            end += answer.len() as u64;
            bytes.extend_from_slice(&end.to_le_bytes());
        }
        for (_, answer) in &all {
            bytes.extend_from_slice(answer);
        }
        bytes
    }

    /// Those of the file; none where they are not as they were written.
    fn read(&self) -> &Read {
        self.read.get_or_init(|| self.sealed.as_ref().and_then(Sealed::open).unwrap_or_default())
    }

    fn count(&self) -> usize {
        self.read().count
    }

    fn key(&self, place: usize) -> &[u8; KEY_BYTES] {
        let at = NUMBER_BYTES + place * KEY_BYTES;
        self.read().bytes[at..at + KEY_BYTES].try_into().expect("BUG: a key has its length")
    }

    fn answer(&self, place: usize) -> &[u8] {
        let Read { count, bytes } = self.read();
        let ends = NUMBER_BYTES + count * KEY_BYTES;
        let end = |place: usize| {
            let at = ends + place * NUMBER_BYTES;
            let number = bytes[at..at + NUMBER_BYTES].try_into().expect("BUG: a number has its length");
            u64::from_le_bytes(number) as usize
        };
        let from = if place == 0 { 0 } else { end(place - 1) };
        let said = ends + count * NUMBER_BYTES;
        &bytes[said + from..said + end(place)]
    }
}
