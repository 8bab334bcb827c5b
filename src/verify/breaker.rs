//! What comes after a red candidate: a mechanical fix, a tool that is asked, or the end of the loop. Pure.
//!
//! Judged by trees, deltas and findings, never by what a program printed. Knows no records and starts nothing: the same
//! turns give the same answer in the preview, in the run and after a crash.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::analysis::breaker::{Breaker, Breakers};

/// Which kind of step is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A rule.
    Lint,
    /// An acceptance test.
    Test,
}

/// Who fixed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fixer {
    /// A rule's own command, from 1.
    Mechanical {
        /// The rule.
        rule: String,
        /// Which of its commands.
        number: u32,
    },
    /// A tool.
    Tool(String),
}

impl std::fmt::Display for Fixer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Mechanical { rule, number: 1 } => write!(formatter, "{rule} (mechanical)"),
            Self::Mechanical { rule, number } => write!(formatter, "{rule} (mechanical {number})"),
            Self::Tool(name) => formatter.write_str(name),
        }
    }
}

/// A fix that came to an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Who.
    pub by: Fixer,
    /// It changed the tree.
    pub changed: bool,
    /// Names what it changed; equal for equal changes.
    pub delta: String,
    /// Wall time.
    pub duration_ms: u64,
    /// What it cost, in millionths.
    pub cost_micros: u64,
}

/// A red candidate, and the fix that came after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Names the tree.
    pub tree: String,
    /// What is red.
    pub stage: Stage,
    /// It is red on the base in the same way: a budget of its own.
    pub on_base: bool,
    /// Signatures of what is wrong, with what people call it.
    pub signatures: BTreeMap<String, String>,
    /// `None` for the newest.
    pub fix: Option<Fix>,
}

impl Turn {
    fn asked(&self) -> Option<(&str, &Fix)> {
        let fix = self.fix.as_ref()?;
        match &fix.by {
            Fixer::Tool(name) => Some((name, fix)),
            Fixer::Mechanical { .. } => None,
        }
    }
}

/// Who can fix what is red now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Rules that are red, in order of declaration, with the number of their commands.
    pub mechanical: Vec<(String, u32)>,
    /// Tools, in order.
    pub tools: Vec<String>,
    /// Those that broke in this run.
    pub broken: BTreeSet<Fixer>,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Somebody fixes; with a warning where this is the last time.
    Fix(Fixer, Option<String>),
    /// Nobody does.
    Stop(Stop),
}

/// Why a loop ends red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Nobody can be asked at all: there is no loop.
    Nobody,
    /// Everybody was asked.
    Exhausted,
    /// Who could still be asked broke.
    Broken,
    /// It is red on the base in the same way, and a fix did not move it.
    RedBase,
    /// `max-attempts`.
    Attempts,
    /// `max-error-repeats`.
    Repeats,
    /// `oscillation-threshold`.
    Oscillation,
    /// `max-time`.
    Time,
    /// `max-cost`.
    Cost,
}

/// The end of a loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub cause: Cause,
    /// One sentence.
    pub message: String,
    /// What it is seen by: which attempts, which finding.
    pub evidence: Vec<String>,
    /// What a person can do.
    pub help: String,
}

/// Says what comes after the last turn, whose fix is not there yet.
pub fn next(breakers: &Breakers, turns: &[Turn], chain: &Chain) -> Next {
    let Some((now, _)) = turns.split_last() else { return Next::Stop(nobody()) };
    if let Some(stop) = spent(breakers, turns) {
        return Next::Stop(stop);
    }
    if let Some(fixer) = mechanical(turns, chain) {
        return Next::Fix(fixer, None);
    }
    if chain.tools.is_empty() {
        return Next::Stop(nobody());
    }
    let limits = match now.stage {
        Stage::Lint => &breakers.lint,
        Stage::Test => &breakers.test,
    };
    let stop = red_base(turns).or_else(|| oscillation(breakers, turns));
    if let Some(stop) = stop.or_else(|| attempts(limits, turns, now.stage)) {
        return Next::Stop(stop);
    }
    let (repeats, said) = repeats(turns);
    if repeats > u64::from(limits.max_error_repeats) {
        return Next::Stop(too_many_repeats(limits, repeats, said));
    }
    let last = repeats > 0 && repeats == u64::from(limits.max_error_repeats);
    let warning = last.then(|| format!("{said} came back {repeats} times; once more, and the fix loop stops"));
    match tool(limits, turns, now.stage, chain) {
        Ok(name) => Next::Fix(Fixer::Tool(name), warning),
        Err(stop) => Next::Stop(stop),
    }
}

fn nobody() -> Stop {
    let help = "mend it in the worktree, or name a tool that can be asked to (`route \"fix\"`)".to_owned();
    Stop { cause: Cause::Nobody, message: String::new(), evidence: Vec::new(), help }
}

/// Number of an attempt: the edits are the first, every fix one more.
fn attempt(turn: usize) -> usize {
    turn + 1
}

fn spent(breakers: &Breakers, turns: &[Turn]) -> Option<Stop> {
    let fixes = || turns.iter().filter_map(|turn| turn.fix.as_ref());
    let (took_ms, cost): (u64, u64) =
        (fixes().map(|fix| fix.duration_ms).sum(), fixes().map(|fix| fix.cost_micros).sum());
    let stop = |cause, name: &str, limit: String, used: String| Stop {
        cause,
        message: format!("fixes used up `{name}`"),
        evidence: vec![format!("{used} of {limit}, in {} fixes", fixes().count())],
        help: format!("raise `{name}` in its circuit-breaker, or mend it in the worktree"),
    };
    let seconds = |ms: u64| format!("{}.{} s", ms / 1000, ms % 1000 / 100);
    let money = |micros: u64| format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000);
    match (breakers.max_time_ms, breakers.max_cost_micros) {
        (Some(limit), _) if took_ms >= limit => Some(stop(Cause::Time, "max-time", seconds(limit), seconds(took_ms))),
        (_, Some(limit)) if cost >= limit => Some(stop(Cause::Cost, "max-cost", money(limit), money(cost))),
        _ => None,
    }
}

/// The first command of a red rule that was not tried since a tool was asked last.
fn mechanical(turns: &[Turn], chain: &Chain) -> Option<Fixer> {
    let since = turns.iter().rposition(|turn| turn.asked().is_some()).map_or(0, |place| place + 1);
    let tried: BTreeSet<&Fixer> = turns[since..].iter().filter_map(|turn| Some(&turn.fix.as_ref()?.by)).collect();
    let all = chain
        .mechanical
        .iter()
        .flat_map(|(rule, count)| (1..=*count).map(|number| Fixer::Mechanical { rule: rule.clone(), number }));
    all.into_iter().find(|fixer| !tried.contains(fixer) && !chain.broken.contains(fixer))
}

/// A tree on which somebody was asked before, or a change that was made before, is back.
fn oscillation(breakers: &Breakers, turns: &[Turn]) -> Option<Stop> {
    let threshold = breakers.oscillation_threshold as usize;
    let (place, now) = turns.len().checked_sub(1).map(|last| (last, &turns[last]))?;
    if threshold == 0 {
        return None;
    }
    let window = (breakers.oscillation_window as usize).saturating_sub(1);
    let changing: Vec<(usize, &Turn, &Fix)> = turns
        .iter()
        .enumerate()
        .filter_map(|(place, turn)| turn.asked().filter(|(_, fix)| fix.changed).map(|(_, fix)| (place, turn, fix)))
        .collect();
    let recent = &changing[changing.len().saturating_sub(window)..];
    let stop = |message: String, places: Vec<usize>| {
        let numbers: Vec<String> = places.iter().map(|place| attempt(*place).to_string()).collect();
        Stop {
            cause: Cause::Oscillation,
            message,
            evidence: vec![format!("attempts {} are equal", numbers.join(" and "))],
            help: "say in its tasks which of the two is wanted, mend it in the worktree, or ask another tool"
                .to_owned(),
        }
    };
    let same: Vec<usize> =
        recent.iter().filter(|(_, turn, _)| turn.tree == now.tree).map(|(place, ..)| *place).collect();
    let short = |tree: &str| tree.get(..10).unwrap_or(tree).to_owned();
    if !same.is_empty() && same.len() + 1 >= threshold {
        let places = same.into_iter().chain([place]).collect();
        return Some(stop(format!("fixes go in circles: the tree {} came back", short(&now.tree)), places));
    }
    let (_, _, newest) = recent.last()?;
    let same: Vec<usize> =
        recent.iter().filter(|(.., fix)| fix.delta == newest.delta).map(|(place, ..)| place + 1).collect();
    (same.len() > 1 && same.len() >= threshold)
        .then(|| stop("fixes go in circles: the same change was made again".to_owned(), same))
}

/// Askings about what is red on the base in the same way: they use up nothing of a tool's own tries.
const RED_BASE_FIXES_MAX: usize = 1;

fn red_base(turns: &[Turn]) -> Option<Stop> {
    let (now, before) = turns.split_last()?;
    let asked = before.iter().filter(|turn| turn.on_base && turn.asked().is_some()).count();
    (now.on_base && asked >= RED_BASE_FIXES_MAX).then(|| Stop {
        cause: Cause::RedBase,
        message: "a test is red as it is on the base, and a fix did not move it".to_owned(),
        evidence: now.signatures.values().cloned().collect(),
        help: "mend the base; or say `prove \"red-first\"` in the test, where the change is to make it green"
            .to_owned(),
    })
}

/// Turns that count against a tool.
fn own(turns: &[Turn], stage: Stage) -> impl Iterator<Item = &Turn> {
    turns.iter().filter(move |turn| turn.stage == stage && !turn.on_base)
}

fn attempts(limits: &Breaker, turns: &[Turn], stage: Stage) -> Option<Stop> {
    let made = own(turns, stage).filter(|turn| turn.asked().is_some()).count() + 1;
    let word = if stage == Stage::Lint { "rules were" } else { "a test was" };
    (made >= limits.max_attempts as usize).then(|| Stop {
        cause: Cause::Attempts,
        message: format!("{made} attempts were made, as many as `max-attempts` allows"),
        evidence: vec![format!("{word} red after each")],
        help: "raise `max-attempts` in its circuit-breaker, mend it in the worktree, or build with --again".to_owned(),
    })
}

/// How often the finding that came back most often did so, and what it is called.
fn repeats(turns: &[Turn]) -> (u64, String) {
    let Some((now, before)) = turns.split_last() else { return (0, String::new()) };
    let seen = |signature: &String| {
        let asked = before.iter().filter(|turn| turn.asked().is_some() && turn.signatures.contains_key(signature));
        asked.count() as u64
    };
    let all = now.signatures.iter().map(|(signature, said)| (seen(signature), said.clone()));
    all.max_by_key(|(count, _)| *count).unwrap_or_default()
}

fn too_many_repeats(limits: &Breaker, repeats: u64, said: String) -> Stop {
    let times = if repeats == 1 { "once".to_owned() } else { format!("{repeats} times") };
    Stop {
        cause: Cause::Repeats,
        message: format!("the same error came back {times}; `max-error-repeats` allows {}", limits.max_error_repeats),
        evidence: vec![said],
        help: "mend it in the worktree, say more in its tasks, or raise `max-error-repeats`".to_owned(),
    }
}

fn tool(limits: &Breaker, turns: &[Turn], stage: Stage, chain: &Chain) -> Result<String, Stop> {
    let asked = |name: &str| {
        let by = own(turns, stage).filter_map(Turn::asked).filter(|(by, _)| *by == name);
        by.count() < limits.max_fixes as usize
    };
    let open: Vec<&String> = chain.tools.iter().filter(|name| asked(name)).collect();
    let broke = |name: &str| chain.broken.contains(&Fixer::Tool(name.to_owned()));
    if let Some(name) = open.iter().find(|name| !broke(name)) {
        return Ok((*name).clone());
    }
    Err(match open.is_empty() {
        true => Stop {
            cause: Cause::Exhausted,
            message: format!("{} was asked as often as `max-fixes` allows", chain.tools.join(", ")),
            evidence: vec![format!("{} each", limits.max_fixes)],
            help: "add a tool to route \"fix\", raise `max-fixes`, or mend it in the worktree".to_owned(),
        },
        false => Stop {
            cause: Cause::Broken,
            message: format!(
                "{} broke, and nobody else is left to be asked",
                open.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
            ),
            evidence: Vec::new(),
            help: "see why it broke (`pl doctor`, its log), then build again: nothing was recorded of it".to_owned(),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Chain, Fix, Fixer, Next, Stage, Turn, next};
    use crate::analysis::breaker::{Breaker, Breakers};

    /// `tree`, what is wrong, and who fixed it with which delta; a delta of "" changes nothing.
    fn turn(tree: &str, wrong: &str, fix: Option<(&str, &str)>) -> Turn {
        let fix = fix.map(|(by, delta)| Fix {
            by: match by.strip_prefix('!') {
                Some(rule) => Fixer::Mechanical { rule: rule.to_owned(), number: 1 },
                None => Fixer::Tool(by.to_owned()),
            },
            changed: !delta.is_empty(),
            delta: delta.to_owned(),
            duration_ms: 1000,
            cost_micros: 1_000_000,
        });
        let signatures = BTreeMap::from([(wrong.to_owned(), wrong.to_owned())]);
        Turn { tree: tree.to_owned(), stage: Stage::Lint, on_base: wrong.starts_with("base"), signatures, fix }
    }

    fn chain(mechanical: &[&str], tools: &[&str]) -> Chain {
        let mechanical = mechanical.iter().map(|rule| ((*rule).to_owned(), 1)).collect();
        Chain { mechanical, tools: tools.iter().map(|tool| (*tool).to_owned()).collect(), ..Chain::default() }
    }

    #[track_caller]
    fn check(turns: &[Turn], chain: &Chain, expect: &str) {
        check_with(&Breakers::default(), turns, chain, expect);
    }

    #[track_caller]
    fn check_with(breakers: &Breakers, turns: &[Turn], chain: &Chain, expect: &str) {
        let said = match next(breakers, turns, chain) {
            Next::Fix(fixer, warning) => format!("{fixer}{}", if warning.is_some() { " (last)" } else { "" }),
            Next::Stop(stop) => format!("{:?}", stop.cause),
        };
        assert_eq!(said, expect);
    }

    #[test]
    fn mechanical_fixes_come_first_each_once_until_a_tool_was_asked() {
        let chain = chain(&["r", "s"], &["a"]);
        check(&[turn("A", "e", None)], &chain, "r (mechanical)");
        check(&[turn("A", "e", Some(("!r", ""))), turn("A", "e", None)], &chain, "s (mechanical)");
        let both = [turn("A", "e", Some(("!r", ""))), turn("A", "e", Some(("!s", "x"))), turn("B", "e", None)];
        check(&both, &chain, "a");
        let asked = [turn("A", "e", Some(("!r", ""))), turn("A", "e", Some(("a", "x"))), turn("B", "e", None)];
        check(&asked, &chain, "r (mechanical)");
    }

    #[test]
    fn the_next_tool_comes_when_the_first_was_asked_twice() {
        let chain = chain(&[], &["a", "b"]);
        let mut turns = vec![turn("A", "e", Some(("a", "x"))), turn("B", "f", None)];
        check(&turns, &chain, "a");
        turns[1] = turn("B", "f", Some(("a", "y")));
        turns.push(turn("C", "g", None));
        check(&turns, &chain, "b");
        turns[2] = turn("C", "g", Some(("b", "z")));
        turns.push(turn("D", "h", Some(("b", "w"))));
        turns.push(turn("E", "i", None));
        check(&turns, &chain, "Attempts");
        let more = Breakers { lint: Breaker { max_attempts: 9, ..Breaker::default() }, ..Breakers::default() };
        check_with(&more, &turns, &chain, "Exhausted");
    }

    #[test]
    fn a_tree_that_comes_back_stops_the_loop() {
        let chain = chain(&[], &["a"]);
        let turns = [turn("A", "e", Some(("a", "x"))), turn("B", "f", Some(("a", "y"))), turn("A", "e", None)];
        check(&turns, &chain, "Oscillation");
        let never = Breakers { oscillation_threshold: 0, ..Breakers::default() };
        check_with(&never, &turns, &chain, "Exhausted");
        // A tool that changed nothing did not come back anywhere, and formatters that undo each other are nobody's fault.
        check(&[turn("A", "e", Some(("a", ""))), turn("A", "e", None)], &chain, "a");
        check(
            &[turn("A", "e", Some(("!r", "x"))), turn("B", "e", Some(("!s", "y"))), turn("A", "e", None)],
            &chain,
            "a",
        );
        let again = [turn("A", "e", Some(("a", "x"))), turn("B", "f", Some(("a", "x"))), turn("C", "g", None)];
        check(&again, &chain, "Oscillation");
    }

    #[test]
    fn an_error_that_comes_back_is_warned_of_and_stops_the_loop() {
        let limits = Breaker { max_attempts: 9, max_fixes: 9, max_error_repeats: 1 };
        let breakers = Breakers { lint: limits, ..Breakers::default() };
        let chain = chain(&[], &["a"]);
        let mut turns = vec![turn("A", "e", None)];
        check_with(&breakers, &turns, &chain, "a");
        turns.insert(0, turn("0", "e", Some(("a", "x"))));
        check_with(&breakers, &turns, &chain, "a (last)");
        turns.insert(0, turn("1", "e", Some(("a", "y"))));
        check_with(&breakers, &turns, &chain, "Repeats");
        turns[2] = turn("A", "other", None);
        check_with(&breakers, &turns, &chain, "a");
    }

    #[test]
    fn time_cost_and_attempts_are_limits() {
        let chain = chain(&["r"], &["a"]);
        let turns = [turn("A", "e", Some(("a", "x"))), turn("B", "f", None)];
        check_with(&Breakers { max_time_ms: Some(1000), ..Breakers::default() }, &turns, &chain, "Time");
        check_with(&Breakers { max_cost_micros: Some(999_999), ..Breakers::default() }, &turns, &chain, "Cost");
        let one = Breakers { lint: Breaker { max_attempts: 1, ..Breaker::default() }, ..Breakers::default() };
        check_with(&one, &[turn("A", "e", None)], &self::chain(&[], &["a"]), "Attempts");
        check(&[turn("A", "e", None)], &Chain::default(), "Nobody");
    }

    #[test]
    fn what_is_red_on_the_base_is_asked_for_once_and_uses_up_no_try() {
        let chain = chain(&[], &["a"]);
        let once = Breakers { lint: Breaker { max_fixes: 1, ..Breaker::default() }, ..Breakers::default() };
        check_with(&once, &[turn("A", "base", None)], &chain, "a");
        check_with(&once, &[turn("A", "base", Some(("a", "x"))), turn("B", "base", None)], &chain, "RedBase");
        check_with(&once, &[turn("A", "base", Some(("a", "x"))), turn("B", "e", None)], &chain, "a");
    }

    #[test]
    fn a_tool_that_broke_is_passed_over() {
        let mut chain = chain(&[], &["a", "b"]);
        chain.broken.insert(Fixer::Tool("a".to_owned()));
        check(&[turn("A", "e", None)], &chain, "b");
        chain.broken.insert(Fixer::Tool("b".to_owned()));
        check(&[turn("A", "e", None)], &chain, "Broken");
    }
}
