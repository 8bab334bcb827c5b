//! Content digests: 32 bytes of BLAKE3, written as 64 hex digits.
//!
//! Knows nothing of what the bytes mean.

use std::fmt;

/// A BLAKE3 digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digests one run of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Digests several fields; each is preceded by its length, so that `["ab", "c"]` and `["a", "bc"]` differ.
    pub fn of_fields<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut running = Running::default();
        for field in fields {
            running.field(field);
        }
        running.end()
    }

    /// Digests two digests, in this order.
    pub fn of_two(left: &Self, right: &Self) -> Self {
        let mut both = [0; 64];
        both[..32].copy_from_slice(&left.0);
        both[32..].copy_from_slice(&right.0);
        Self::of(&both)
    }

    /// The digest as 64 lower-case hex digits.
    pub fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }

    /// The first twelve hex digits, for people.
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }

    /// Reads 64 hex digits; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
    }
}

/// A digest of bytes that come one after the other.
#[derive(Debug, Default)]
pub struct Running(blake3::Hasher);

impl Running {
    /// Takes bytes as they are.
    pub fn add(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Takes bytes, preceded by their length.
    pub fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.add(&(bytes.len() as u64).to_le_bytes()).add(bytes)
    }

    /// The digest of all that was taken.
    pub fn end(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn fields_do_not_run_together() {
        let left = Digest::of_fields([b"ab".as_slice(), b"c"]);
        let right = Digest::of_fields([b"a".as_slice(), b"bc"]);
        assert_ne!(left, right);
        assert_ne!(Digest::of_two(&left, &right), Digest::of_two(&right, &left));
        assert_eq!(Digest::from_hex(&left.hex()), Some(left));
        assert_eq!(Digest::from_hex("no digest"), None);
    }
}
