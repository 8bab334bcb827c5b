//! A step's environment: what it sees, what of that is keyed, what was withheld.
//!
//! Does not know what a step is; `PL_STEP` and a test's own `TMPDIR` are put in by those who run it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use super::System;
use crate::base::digest::Digest;

/// Variables that every step sees and that are in no key.
pub const FIXED: [&str; 6] = ["PATH", "HOME", "USER", "LANG", "TERM", "TMPDIR"];

/// Variables by which make and cargo are told how many programs may run. A pattern never means them: they differ from run to run.
pub const JOBSERVER: [&str; 4] = ["MAKEFLAGS", "MFLAGS", "GNUMAKEFLAGS", "CARGO_MAKEFLAGS"];

/// What a step's environment was made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// What the step sees, complete.
    pub variables: BTreeMap<String, String>,
    /// What goes into its key, by name: what `set` and `pass` named. `None`: named, and not set.
    pub keyed: BTreeMap<String, Option<String>>,
    /// Variables of ours that the step does not see, by name only.
    pub withheld: Vec<String>,
}

impl Environment {
    /// Puts a variable in that is not keyed (a value that differs from run to run).
    pub fn put(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
        self.withheld.retain(|withheld| withheld != name);
    }

    /// The variables as a process takes them.
    pub fn pairs(&self) -> Vec<(OsString, OsString)> {
        self.variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

/// Builds an environment. `set` goes over `pass`, `pass` over the fixed part; `pass` takes names or patterns with `*`.
pub fn build<'a>(
    system: &dyn System,
    set: impl IntoIterator<Item = (&'a str, &'a str)>,
    pass: impl IntoIterator<Item = &'a str>,
) -> Environment {
    let ours: BTreeMap<String, String> = system.variables().into_iter().collect();
    let mut environment = Environment::default();
    for name in FIXED {
        if let Some(value) = ours.get(name) {
            environment.variables.insert(name.to_owned(), value.clone());
        }
    }
    for pattern in pass {
        let names: BTreeSet<&str> = if pattern.contains('*') {
            ours.keys().map(String::as_str).filter(|name| is_meant(pattern, name)).collect()
        } else {
            BTreeSet::from([pattern])
        };
        for name in names {
            let value = ours.get(name).cloned();
            if let Some(value) = &value {
                environment.variables.insert(name.to_owned(), value.clone());
            }
            environment.keyed.insert(name.to_owned(), value);
        }
    }
    for (name, value) in set {
        environment.variables.insert(name.to_owned(), value.to_owned());
        environment.keyed.insert(name.to_owned(), Some(value.to_owned()));
    }
    environment.withheld = ours.into_keys().filter(|name| !environment.variables.contains_key(name)).collect();
    environment
}

/// One digest of a variable's value, or of all variables whose names fit a pattern.
pub fn digest(system: &dyn System, pattern: &str) -> Digest {
    let ours: Vec<(String, Option<String>)> = if pattern.contains('*') {
        let all = system.variables().into_iter().filter(|(name, _)| is_meant(pattern, name));
        all.map(|(name, value)| (name, Some(value))).collect()
    } else {
        vec![(pattern.to_owned(), system.variable(pattern))]
    };
    let absent = [0_u8].as_slice();
    Digest::of_fields(
        ours.iter()
            .flat_map(|(name, value)| [name.as_bytes(), value.as_ref().map_or(absent, |value| value.as_bytes())]),
    )
}

/// Whether a pattern of definitions means a variable of ours.
fn is_meant(pattern: &str, name: &str) -> bool {
    name_matches(pattern, name) && !JOBSERVER.contains(&name)
}

/// Whether a name fits a pattern in which `*` stands for any characters; bytes decide.
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{build, name_matches};
    use crate::system::memory::MemorySystem;

    #[test]
    fn what_is_seen_keyed_and_withheld() {
        let system = MemorySystem::default()
            .with_variable("PATH", "/bin")
            .with_variable("HOME", "/home/a")
            .with_variable("CARGO_HOME", "/c")
            .with_variable("CARGO_INCREMENTAL", "0")
            .with_variable("CARGO_MAKEFLAGS", "-j --jobserver-auth=3,4")
            .with_variable("SECRET", "s")
            .with_variable("SEED", "1");
        let environment = build(&system, [("SEED", "0"), ("CARGO_HOME", "/d")], ["CARGO_*", "CI"]);
        let seen: Vec<_> = environment.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(seen, ["CARGO_HOME=/d", "CARGO_INCREMENTAL=0", "HOME=/home/a", "PATH=/bin", "SEED=0"]);
        let keyed: Vec<_> = environment
            .keyed
            .iter()
            .map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or("-")))
            .collect();
        assert_eq!(keyed, ["CARGO_HOME=/d", "CARGO_INCREMENTAL=0", "CI=-", "SEED=0"]);
        assert_eq!(environment.withheld, ["CARGO_MAKEFLAGS", "SECRET"]);
    }

    #[test]
    fn what_is_put_in_later_is_not_withheld() {
        let system = MemorySystem::default().with_variable("TOKEN", "t");
        let mut environment = build(&system, [], []);
        assert_eq!(environment.withheld, ["TOKEN"]);
        environment.put("TOKEN", "t");
        assert!(environment.withheld.is_empty());
        assert!(environment.keyed.is_empty());
    }

    #[test]
    fn stars() {
        for (pattern, name) in [("A", "A"), ("A*", "A"), ("*B", "AB"), ("A*C*E", "ABCDE"), ("*", "X"), ("A*A", "AA")] {
            assert!(name_matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("A", "AB"), ("A*", "BA"), ("A*A", "A"), ("A*C*E", "ACD"), ("a*", "AB")] {
            assert!(!name_matches(pattern, name), "{pattern} {name}");
        }
    }
}
