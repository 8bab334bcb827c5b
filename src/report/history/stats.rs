//! What steps cost and how often they were spared, over all runs that are remembered.
//!
//! Counts what it is given; reads no store.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::base::size::shown;
use crate::report::Style;
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::duration;

/// Steps that are listed for people; `--json` has all.
const ROWS_MAX: usize = 40;

/// One ending of a step in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnding {
    /// The step's name.
    pub step: String,
    /// `done fresh failed …`
    pub status: String,
    /// Wall time.
    pub duration_ms: u64,
}

/// One step, over all runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct StatsRow {
    /// The step's name.
    pub step: String,
    /// How often it ran to a good end.
    pub done: u64,
    /// How often it was fresh in a run.
    pub fresh: u64,
    /// How often it failed.
    pub failed: u64,
    /// Of the times it was wanted and could run, in how many it was fresh; 0 to 100.
    pub hit_percent: u64,
    /// Half of the times that it ran took at most this long, in milliseconds.
    pub median_ms: u64,
    /// Nine in ten of them took at most this long.
    pub p90_ms: u64,
    /// All of them together.
    pub total_ms: u64,
    /// The peak of its memory when it last ran, in bytes; none where that was next to nothing, or is not known.
    pub peak_bytes: Option<u64>,
}

/// Counts endings by step; those that cost most come first. `peaks`: memory by step, in bytes.
pub fn stats(endings: impl IntoIterator<Item = StepEnding>, peaks: &HashMap<String, u64>) -> Vec<StatsRow> {
    #[derive(Default)]
    struct Seen {
        fresh: u64,
        failed: u64,
        done: u64,
        times: Vec<u64>,
    }
    let mut steps: BTreeMap<String, Seen> = BTreeMap::new();
    for StepEnding { step, status, duration_ms } in endings {
        let seen = steps.entry(step).or_default();
        match status.as_str() {
            "fresh" => seen.fresh += 1,
            "done" => seen.done += 1,
            "failed" => seen.failed += 1,
            _ => continue,
        }
        if status != "fresh" {
            seen.times.push(duration_ms);
        }
    }
    let mut rows: Vec<StatsRow> = steps
        .into_iter()
        .map(|(step, mut seen)| {
            seen.times.sort_unstable();
            let Seen { fresh, failed, done, times } = seen;
            let (median_ms, p90_ms) = (at_most(&times, 50), at_most(&times, 90));
            let hit_percent = fresh * 100 / (fresh + done + failed).max(1);
            let peak_bytes = peaks.get(&step).copied();
            let total_ms = times.iter().sum();
            StatsRow { step, done, fresh, failed, hit_percent, median_ms, p90_ms, total_ms, peak_bytes }
        })
        .collect();
    rows.sort_by(|left, right| right.total_ms.cmp(&left.total_ms).then_with(|| left.step.cmp(&right.step)));
    rows
}

/// The time that so many percent of sorted times do not exceed (nearest rank).
fn at_most(times: &[u64], percent: usize) -> u64 {
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or(0)
}

/// The rows as a table.
pub(super) fn table(rows: &[StatsRow], style: &Style) -> String {
    if rows.is_empty() {
        return "nothing has run yet\n".to_owned();
    }
    let mut table =
        Table::new(&["step", "median", "p90", "total", "memory", "ran", "failed", "fresh", "hits"]).shrinks(0);
    for row in rows.iter().take(ROWS_MAX) {
        let ran = row.done + row.failed;
        table.row(vec![
            Cell::new(row.step.as_str()),
            Cell::new(duration(row.median_ms)),
            Cell::new(duration(row.p90_ms)),
            Cell::new(duration(row.total_ms)),
            Cell::new(row.peak_bytes.map(shown).unwrap_or_default()),
            Cell::new(ran.to_string()),
            Cell::new(if row.failed == 0 { String::new() } else { row.failed.to_string() }),
            Cell::new(row.fresh.to_string()),
            Cell::new(format!("{}%", row.hit_percent)),
        ]);
    }
    let more = rows.len().saturating_sub(ROWS_MAX);
    let rest = if more > 0 { format!("… and {more} more; --json has all\n") } else { String::new() };
    format!("{}{rest}", table.render(style))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{StatsRow, StepEnding, at_most, stats};

    #[test]
    fn ranks_are_nearest() {
        let times: Vec<u64> = (1..=10).collect();
        assert_eq!([at_most(&times, 50), at_most(&times, 90), at_most(&[7], 90), at_most(&[], 50)], [5, 9, 7, 0]);
    }

    #[test]
    fn what_costs_most_comes_first() {
        let ending = |step: &str, status: &str, duration_ms| StepEnding {
            step: step.to_owned(),
            status: status.to_owned(),
            duration_ms,
        };
        let rows = stats(
            [
                ending("a", "done", 10),
                ending("a", "fresh", 0),
                ending("a", "fresh", 0),
                ending("b", "failed", 30),
                ending("b", "done", 20),
                ending("b", "blocked", 0),
                ending("c", "fresh", 0),
            ],
            &HashMap::from([("b".to_owned(), 5)]),
        );
        let row = |step: &str, done, fresh, failed, hit_percent, median_ms, p90_ms, total_ms| StatsRow {
            step: step.to_owned(),
            done,
            fresh,
            failed,
            hit_percent,
            median_ms,
            p90_ms,
            total_ms,
            peak_bytes: (step == "b").then_some(5),
        };
        let expected =
            [row("b", 1, 0, 1, 0, 20, 30, 50), row("a", 1, 2, 0, 66, 10, 10, 10), row("c", 0, 1, 0, 100, 0, 0, 0)];
        assert_eq!(rows, expected);
    }
}
