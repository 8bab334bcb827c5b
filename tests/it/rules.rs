//! Each rule of `rules/` against its real program: `tests/fixtures/rules/RULE/` holds files that it finds fault with (`bad`), such as it
//! does not (`good`), and what it must find (`findings`, one a line). `base` is there before both; `broken` is what its program
//! cannot work on, which must be a failure of the tool and never clean.
//!
//! Programs come from `target/checkers` (`tests/checkers/install` makes it); cargo and node also from PATH. A rule whose program is
//! not there is skipped, and said at the end; with `PL_CHECKERS=required` that is a failure. `captured` holds programs that only
//! print what the real one would, and take its place where it is not there: no registry that pl installs from has it; that is said
//! at the end, too. `environment` is the programs' own, with `{served}` for the address of a service that answers with the files
//! of `served`, and `{cache}` for a folder that outlives the tests. `PL_UPDATE=1` writes `findings` anew.

mod case;
mod odd;
mod page;
mod private_tools;
mod served;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use case::{Case, Ended};

/// Cases at a time: nearly all of the time their programs think.
const CASES_AT_ONCE: usize = 3;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all rules that the program carries, with the file that each is in.
fn rules() -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(root().join("rules")).expect("rules/");
    let mut rules = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let text = std::fs::read_to_string(&path).expect("a rule");
        let names = text.lines().filter_map(|line| line.strip_prefix("rule \"")?.split('"').next());
        rules.extend(names.map(|name| (name.to_owned(), path.clone())));
    }
    rules.sort();
    rules
}

#[test]
fn every_rule_finds_what_it_should_and_nothing_else() {
    let wanted = std::env::var("PL_RULE").ok();
    let rules = rules();
    assert!(rules.len() > 30, "BUG: only {} rules were found", rules.len());
    let cases: Vec<Case> = rules
        .into_iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name))
        .map(|(name, file)| Case::new(root(), name, &file))
        .collect();
    let waiting = Mutex::new(cases.iter());
    let ended: Mutex<Vec<(&str, Ended)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..CASES_AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = waiting.lock().expect("nobody panicked").next() else { break };
                    let end = case.run();
                    ended.lock().expect("nobody panicked").push((&case.rule, end));
                }
            });
        }
    });
    let mut ended = ended.into_inner().expect("nobody panicked");
    ended.sort_by_key(|(rule, _)| *rule);
    let of = |pick: fn(&Ended) -> Option<&String>| -> Vec<String> {
        ended.iter().filter_map(|(rule, end)| pick(end).map(|why| format!("{rule}: {why}"))).collect()
    };
    let skipped = of(|end| if let Ended::Skipped(why) = end { Some(why) } else { None });
    let captured = of(|end| if let Ended::Captured(why) = end { Some(why) } else { None });
    let failed = of(|end| if let Ended::Failed(why) = end { Some(why) } else { None });
    // Said past the harness, which keeps what a test that passes prints.
    let mut said = std::io::stderr();
    for (what, lines) in [("not against the real program", &captured), ("skipped", &skipped)] {
        if !lines.is_empty() {
            let _ = writeln!(said, "\nrules {what} ({} of {}):\n  {}", lines.len(), ended.len(), lines.join("\n  "));
        }
    }
    assert!(failed.is_empty(), "{} rules failed\n\n{}\n", failed.len(), failed.join("\n\n"));
    let required = std::env::var("PL_CHECKERS").is_ok_and(|word| word == "required");
    assert!(!required || skipped.is_empty(), "rules were skipped:\n{}\ntests/checkers/install", skipped.join("\n"));
}
