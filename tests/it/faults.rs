//! Edits of the bundled example as an agent might make them: faulty ones, of which the rule that should find the fault must find it,
//! there and nowhere else, and clean ones, of which nobody may find anything.
//!
//! `tests/fixtures/seeded/KIND.edits` lists them, and what must be found (its README tells the form). Each is a workstream of one
//! project, whose repository is made of the example's own files; its edit is replayed, and the real programs of the shipped rules
//! judge it. `PL_FAULT=type-03` builds that one alone, `PL_FAULT=type` those of a kind, `PL_UPDATE=1` writes anew what was found: read what it wrote. Programs
//! come from where `tests/it/rules.rs` has them; without one of them nothing is asserted, and said so.

mod edits;
mod lab;

use std::collections::BTreeSet;
use std::io::Write;

use edits::{Edit, KINDS, Kind};
use lab::{Lab, found_in};

/// Faulty edits that there must be, in all and of each kind.
const FAULTY_MIN: usize = 100;
const FAULTY_OF_A_KIND_MIN: usize = 8;

/// Clean edits that there must be.
const CLEAN_MIN: usize = 50;

#[test]
fn the_list_is_whole_and_no_edit_is_in_it_twice() {
    let edits = edits::all();
    let faulty = edits.iter().filter(|edit| edit.kind != Kind::Clean).count();
    assert!(faulty >= FAULTY_MIN, "only {faulty} faulty edits");
    let clean = edits.len() - faulty;
    assert!(clean >= CLEAN_MIN, "only {clean} clean edits");
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Clean) {
        let count = edits.iter().filter(|edit| edit.kind == kind).count();
        assert!(count >= FAULTY_OF_A_KIND_MIN, "only {count} edits of kind {}", kind.name());
    }
    let (mut ids, mut changes) = (BTreeSet::new(), BTreeSet::new());
    for edit in &edits {
        assert!(ids.insert(&edit.id), "{} is there twice", edit.id);
        assert!(changes.insert(format!("{:?}", edit.after)), "{} makes what another one makes", edit.id);
        edit.promises();
    }
}

#[test]
fn every_fault_is_found_by_the_rule_that_should_and_nothing_else_is() {
    judge(|kind| kind != Kind::Clean);
}

#[test]
fn clean_edits_are_found_no_fault_with() {
    judge(|kind| kind == Kind::Clean);
}

/// Builds the edits of these kinds, and holds what was found against what they promise.
fn judge(wanted: fn(Kind) -> bool) {
    let one = std::env::var("PL_FAULT").ok();
    let edits: Vec<Edit> = edits::all()
        .into_iter()
        .filter(|edit| wanted(edit.kind) && one.as_ref().is_none_or(|one| edit.id.starts_with(one)))
        .collect();
    if edits.is_empty() {
        return;
    }
    let lab = match Lab::new(&edits) {
        Ok(lab) => lab,
        Err(missing) => {
            let required = std::env::var("PL_CHECKERS").is_ok_and(|word| word == "required");
            assert!(!required, "the faults were not looked for: {missing} is not there; tests/checkers/install");
            // Said past the harness, which keeps what a test that passes prints.
            let _ = writeln!(std::io::stderr(), "\nthe faults were not looked for: {missing} is not there");
            return;
        }
    };
    let summary = lab.build(&edits);
    let found: Vec<_> = edits.iter().map(|edit| found_in(&summary, edit)).collect();
    if std::env::var_os("PL_UPDATE").is_some() {
        edits::update(edits.iter().zip(&found).filter_map(|(edit, found)| Some((edit, found.as_ref().ok()?))));
        let failed: Vec<_> = found.into_iter().filter_map(Result::err).collect();
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        return;
    }
    let wrong: Vec<String> = edits.iter().zip(&found).filter_map(|(edit, found)| differs(edit, found)).collect();
    assert!(wrong.is_empty(), "{} of {} edits\n\n{}\n", wrong.len(), edits.len(), wrong.join("\n\n"));
}

/// How what was found is not what was promised.
fn differs(edit: &Edit, found: &Result<Vec<String>, String>) -> Option<String> {
    let found = match found {
        Ok(found) => found,
        Err(why) => return Some(format!("{}: {}\n{why}", edit.id, edit.about)),
    };
    let lines = |all: &[String], others: &[String], word: &str| -> String {
        let only = all.iter().filter(|line| !others.contains(line));
        only.map(|line| format!("  {word} {line}\n")).collect()
    };
    (*found != edit.finds).then(|| {
        let missing = lines(&edit.finds, found, "not found:");
        let more = lines(found, &edit.finds, "found:    ");
        format!("{}: {}\n{missing}{more}", edit.id, edit.about)
    })
}
