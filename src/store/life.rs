//! The life of a finding, from the day when it was first seen: its states, which may follow which, and the fold that tells them.
//!
//! Pure. Nothing is written for it: what happened is in the events (`store/story.rs`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::run::RunId;
use super::state::words;
use super::story::{Happening, What};
use crate::base::finding::Finding;

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// It is there, and nobody was asked about it yet.
    New,
    /// Somebody was asked to mend it: a rule's own command, or a tool.
    Analyzed,
    /// It is gone, and the workstream is not accepted yet.
    Fixed,
    /// The workstream was accepted without it.
    Verified,
    /// It is there and fails nothing: the base has it, or the policy lets it pass.
    Suppressed,
    /// The loop that was to mend it was given up.
    Quarantined,
    /// It came back after it was verified.
    Regressed,
}

words!(FindingState {
    New = "new",
    Analyzed = "analyzed",
    Fixed = "fixed",
    Verified = "verified",
    Suppressed = "suppressed",
    Quarantined = "quarantined",
    Regressed = "regressed",
});

/// What may happen to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its rule found it, and it fails.
    Seen,
    /// Its rule found it, and it does not fail.
    Excused,
    /// Somebody was asked to mend it.
    Asked,
    /// Its rule looked and did not find it.
    Gone,
    /// The workstream's result was accepted.
    Accepted,
    /// The fix loop was given up.
    GivenUp,
}

impl Moment {
    /// All, with what the page calls them.
    const ALL: [(Self, &'static str); 6] = [
        (Self::Seen, "seen"),
        (Self::Excused, "excused"),
        (Self::Asked, "somebody is asked"),
        (Self::Gone, "gone"),
        (Self::Accepted, "accepted"),
        (Self::GivenUp, "given up"),
    ];
}

impl FindingState {
    /// Whether it is there and fails.
    pub fn is_open(self) -> bool {
        matches!(self, Self::New | Self::Analyzed | Self::Quarantined | Self::Regressed)
    }

    /// Whether it is there no more.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Fixed | Self::Verified)
    }

    /// The state after a moment; `None` stands for a finding that nobody has seen.
    pub fn after(state: Option<Self>, moment: Moment) -> Option<Self> {
        Some(match (state?, moment) {
            (_, Moment::Excused) => Self::Suppressed,
            (Self::Verified, Moment::Seen) => Self::Regressed,
            // It never was accepted without it: as open as on its first day.
            (Self::Fixed | Self::Suppressed, Moment::Seen) => Self::New,
            (open, Moment::Asked) if open.is_open() => Self::Analyzed,
            (open, Moment::GivenUp) if open.is_open() => Self::Quarantined,
            (open, Moment::Gone) if open.is_open() || open == Self::Suppressed => Self::Fixed,
            (Self::Fixed, Moment::Accepted) => Self::Verified,
            (same, _) => same,
        })
    }

    /// The state of a finding that is seen for the first time.
    pub fn first(moment: Moment) -> Option<Self> {
        match moment {
            Moment::Seen => Some(Self::New),
            Moment::Excused => Some(Self::Suppressed),
            Moment::Asked | Moment::Gone | Moment::Accepted | Moment::GivenUp => None,
        }
    }
}

/// A finding over all runs of a workstream, by its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Life {
    /// The step that found it last.
    pub step: String,
    /// As it was last seen.
    pub finding: Finding,
    /// Where it stands.
    pub state: FindingState,
    /// The run that saw it first, and its place among all.
    pub first_run: (u64, RunId),
    /// When that was.
    pub first_seen_at: String,
}

/// The lives of all findings that failed, by signature.
pub fn lives(story: &[Happening]) -> BTreeMap<String, Life> {
    let mut lives: BTreeMap<String, Life> = BTreeMap::new();
    for happening in story {
        match &happening.what {
            What::Judged { step, failing, .. } => judged(&mut lives, happening, step, failing),
            What::Unknown { .. } => {}
            What::Asked { rule } => {
                let asked = |life: &Life| rule.as_ref().is_none_or(|rule| *rule == life.finding.tool);
                pass(&mut lives, Moment::Asked, asked);
            }
            What::Accepted => pass(&mut lives, Moment::Accepted, |_| true),
            What::GivenUp => pass(&mut lives, Moment::GivenUp, |_| true),
        }
    }
    lives
}

fn pass(lives: &mut BTreeMap<String, Life>, moment: Moment, is_meant: impl Fn(&Life) -> bool) {
    for life in lives.values_mut().filter(|life| is_meant(life)) {
        life.state = FindingState::after(Some(life.state), moment).unwrap_or(life.state);
    }
}

fn judged(lives: &mut BTreeMap<String, Life>, happening: &Happening, step: &str, failing: &[Finding]) {
    let seen: BTreeMap<String, &Finding> = failing.iter().map(|finding| (name(finding), finding)).collect();
    for (name, life) in lives.iter_mut().filter(|(_, life)| life.step == step) {
        if !seen.contains_key(name) {
            life.state = FindingState::after(Some(life.state), Moment::Gone).unwrap_or(life.state);
        }
    }
    for (name, finding) in seen {
        let life = lives.entry(name).or_insert_with(|| Life {
            step: step.to_owned(),
            finding: finding.clone(),
            state: FindingState::New,
            first_run: (happening.run_number, happening.run.clone()),
            first_seen_at: happening.at.clone(),
        });
        life.state = FindingState::after(Some(life.state), Moment::Seen).unwrap_or(life.state);
        (life.step, life.finding) = (step.to_owned(), finding.clone());
    }
}

/// What a finding is known by: its signature, or what it says where nobody signed it.
pub fn name(finding: &Finding) -> String {
    match finding.signature.is_empty() {
        false => finding.signature.clone(),
        true => format!("{} {:?} {:?} {}", finding.tool, finding.code, finding.path, finding.message),
    }
}

/// The table, for the documentation.
pub fn table_markdown() -> String {
    let mut text = String::from("| finding |");
    for (_, word) in Moment::ALL {
        text += &format!(" {word} |");
    }
    text += "\n|---|---|---|---|---|---|---|\n";
    let word = |state: Option<FindingState>| state.map_or("", FindingState::as_str);
    let mut row = |name: &str, next: &dyn Fn(Moment) -> Option<FindingState>, state: Option<FindingState>| {
        text += &format!("| {name} |");
        for (moment, _) in Moment::ALL {
            let next = next(moment);
            text += &format!(" {} |", if next == state { "" } else { word(next) });
        }
        text.push('\n');
    };
    row("(not seen yet)", &FindingState::first, None);
    for state in FindingState::ALL {
        row(state.as_str(), &|moment| FindingState::after(Some(*state), moment), Some(*state));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{FindingState, Moment, lives, name, table_markdown};
    use crate::base::finding::Finding;
    use crate::store::run::RunId;
    use crate::store::story::{Happening, What};

    fn finding(message: &str) -> Finding {
        Finding { tool: "ruff".into(), message: message.into(), ..Finding::default() }
    }

    /// `+a b` judged with these, `?` unknown, `!` asked, `!mypy` that rule asked, `=` accepted, `x` given up.
    fn check(story: &[&str], expected: &[(&str, &str)]) {
        let happening = |(number, word): (usize, &&str)| Happening {
            run: RunId("r".into()),
            run_number: number as u64,
            at: String::new(),
            what: match word.split_at(1) {
                ("+", found) => What::Judged {
                    step: "ws/ruff".into(),
                    failing: found.split_whitespace().map(finding).collect(),
                    record: None,
                },
                ("?", _) => What::Unknown { step: "ws/ruff".into() },
                ("!", "") => What::Asked { rule: None },
                ("!", rule) => What::Asked { rule: Some(rule.into()) },
                ("=", _) => What::Accepted,
                _ => What::GivenUp,
            },
        };
        let story: Vec<Happening> = story.iter().enumerate().map(happening).collect();
        let lives = lives(&story);
        let shown: Vec<(&str, &str)> =
            lives.values().map(|life| (life.finding.message.as_str(), life.state.as_str())).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_life_goes_from_new_to_verified() {
        check(&["+a b"], &[("a", "new"), ("b", "new")]);
        check(&["+a b", "!", "+b"], &[("a", "fixed"), ("b", "analyzed")]);
        check(&["+a b", "!", "+b", "!", "+", "="], &[("a", "verified"), ("b", "verified")]);
        check(&["+a", "!mypy"], &[("a", "new")]);
        check(&["+a", "!ruff", "x"], &[("a", "quarantined")]);
        check(&["+a", "x", "+", "="], &[("a", "verified")]);
    }

    #[test]
    fn what_comes_back_is_new_or_regressed() {
        check(&["+a", "!", "+", "+a"], &[("a", "new")]);
        check(&["+a", "+", "=", "+a"], &[("a", "regressed")]);
        check(&["+a", "+", "=", "+a", "!", "+", "="], &[("a", "verified")]);
        // What nobody looked at says nothing.
        check(&["+a", "?", "="], &[("a", "new")]);
    }

    #[test]
    fn every_state_is_excused_and_nothing_is_born_gone() {
        for state in FindingState::ALL.iter().copied() {
            assert_eq!(FindingState::after(Some(state), Moment::Excused), Some(FindingState::Suppressed));
            assert!(!(state.is_open() && state.is_gone()));
            assert!(table_markdown().contains(&format!("\n| {state} |")));
        }
        for moment in [Moment::Seen, Moment::Gone, Moment::Accepted] {
            assert_eq!(FindingState::after(None, moment), None);
        }
        assert_ne!(name(&finding("a")), name(&finding("b")));
    }
}
