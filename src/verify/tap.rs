//! The Test Anything Protocol, 12 to 14: a failed test is a finding.
//!
//! A stream whose plan is missing, is broken, or says that there was nothing to test is a failure, not a success.

use std::sync::LazyLock;

use regex::Regex;

use crate::verify::said::Said;

static TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?P<indent> *)(?P<not>not )?ok\b *(?P<number>\d+)?(?: *-? *(?P<name>.*?))?(?: *# *(?P<todo>(?i:todo|skip)).*)?$")
        .expect("BUG: a fixed pattern")
});
static PLAN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^1\.\.(\d+)").expect("BUG: a fixed pattern"));
static PLACE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?P<path>.+?):(?P<line>\d+)(?::(?P<column>\d+))?$").expect("BUG: a fixed pattern"));

/// Reads a stream.
pub fn read(text: &str) -> Result<Vec<Said>, String> {
    let (mut found, mut plan, mut seen) = (Vec::new(), None, 0_usize);
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(reason) = line.strip_prefix("Bail out!") {
            return Err(format!("it bailed out: {}", reason.trim()));
        }
        if let Some(captures) = PLAN.captures(line) {
            plan = captures[1].parse::<usize>().ok();
        }
        let Some(captures) = TEST.captures(line) else { continue };
        let indent = captures["indent"].len();
        seen += usize::from(indent == 0);
        let mut notes = Vec::new();
        if lines.peek().is_some_and(|next| next.trim() == "---") {
            lines.next();
            notes.extend(lines.by_ref().take_while(|line| line.trim() != "..."));
        }
        if captures.name("not").is_some() && captures.name("todo").is_none() {
            found.push((indent, failed(captures.name("name").map_or("", |name| name.as_str()), &notes)));
        }
    }
    match plan {
        None => return Err("its output has no plan (`1..N`)".to_owned()),
        Some(0) => return Err("it ran no test".to_owned()),
        Some(planned) if planned != seen => return Err(format!("it planned {planned} tests and ran {seen}")),
        Some(_) => {}
    }
    Ok(leaves(found))
}

/// A test that only failed because one inside it did is no finding of its own; those inside stand before it.
fn leaves(found: Vec<(usize, Said)>) -> Vec<Said> {
    let mut kept: Vec<(usize, Said)> = Vec::new();
    for (indent, said) in found {
        if kept.last().is_none_or(|(inner, _)| *inner <= indent) {
            kept.push((indent, said));
        } else if let Some(last) = kept.last_mut() {
            // It has been accounted for; the next one outside is compared with it.
            last.0 = indent;
        }
    }
    kept.into_iter().map(|(_, said)| said).collect()
}

fn failed(name: &str, notes: &[&str]) -> Said {
    let note = |key: &str| {
        let place = notes.iter().position(|line| line.trim_start().starts_with(&format!("{key}:")))?;
        let value = notes[place].split_once(':')?.1.trim();
        if !matches!(value, "|-" | "|" | ">" | ">-") {
            return Some(value.trim_matches(['\'', '"']).to_owned());
        }
        let indent = |line: &str| line.len() - line.trim_start().len();
        let is_inside = |line: &&&str| line.trim().is_empty() || indent(line) > indent(notes[place]);
        let inner = notes[place + 1..].iter().take_while(is_inside).map(|line| line.trim());
        Some(inner.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
    };
    let place = note("location").or_else(|| note("at"));
    let place = place.as_deref().and_then(|place| PLACE.captures(place));
    let part = |group: &str| place.as_ref()?.name(group).map(|part| part.as_str().to_owned());
    let name = if name.is_empty() { "a test" } else { name };
    let why = note("error").or_else(|| note("message")).filter(|why| !why.is_empty());
    Said {
        path: part("path"),
        line: part("line"),
        column: part("column"),
        code: Some(name.to_owned()),
        message: Some(why.map_or_else(|| format!("{name} failed"), |why| format!("{name}: {why}"))),
        category: Some("test_failure"),
        ..Said::default()
    }
}
