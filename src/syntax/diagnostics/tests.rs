//! Every case of every code, read as its path says.

use super::ALL;
use crate::base::span::FileId;
use crate::syntax::{FileKind, Parsed, parse};

fn kind(path: &str) -> FileKind {
    match (path.split('/').next(), path.ends_with(".json")) {
        (Some("Pipelinefile.kdl"), _) => FileKind::Pipelinefile,
        (Some("rules"), _) => FileKind::Rules,
        (Some("workstreams"), true) => FileKind::Bundle,
        (Some("workstreams"), false) => FileKind::Workstreams,
        (_, true) => FileKind::TaskFile,
        (_, false) => FileKind::Include,
    }
}

fn check(what: &str, text: &str, parsed: &Parsed, expect: &[&str]) -> Result<(), String> {
    let shown: Vec<String> = parsed
        .diagnostics
        .iter()
        .map(|diagnostic| format!("{}: {} / {:?}", diagnostic.code.id, diagnostic.message, diagnostic.help))
        .collect();
    let codes: Vec<&str> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.id).collect();
    if codes != expect {
        return Err(format!("{what}: {text}\nwants {expect:?}, gets {shown:#?}"));
    }
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.help.as_deref().is_some_and(|help| !help.is_empty()), "{what}: no help");
        assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{what}: {}", diagnostic.message);
        for label in &diagnostic.labels {
            let (start, end) = (label.span.start as usize, label.span.end as usize);
            assert!(text.get(start..end).is_some(), "{what}: {start}..{end} is not inside the text");
        }
    }
    Ok(())
}

#[test]
fn every_case_gives_its_codes() {
    let mut faults = Vec::new();
    for (code, cases) in ALL {
        assert!(cases.iter().any(|case| case.expect.is_empty()), "{} lacks a good case", code.id);
        assert!(cases.iter().any(|case| case.expect.contains(&code.id)), "{} lacks a bad case", code.id);
        for case in *cases {
            let [(path, text)] = case.files else { panic!("{}: {}: one file a case here", code.id, case.name) };
            let parsed = parse(kind(path), FileId(0), text);
            faults.extend(check(&format!("{}: {}", code.id, case.name), text, &parsed, case.expect).err());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn ids_are_unique_and_kebab() {
    let mut ids: Vec<&str> = ALL.iter().map(|(code, _)| code.id).collect();
    assert!(ids.iter().all(|id| id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), ALL.len());
}
