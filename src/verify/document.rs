//! Findings as elements of a JSON document, or of one a line.
//!
//! Paths: `$`, then `.name`, `.name?` (it may be absent), `[*]` (all of an array), `.*` (all of an object). What is read of
//! an element: names and places joined by dots, `list[key]` for the first element of a list in which `key` is true, `^` for
//! what holds the element, `a|b` for the first of the two that is there, `=text` for a fixed text, and `text {path} text`.

use serde_json::Value;

use crate::analysis::pipeline::parser::{Elements, Parser};
use crate::verify::quoted;
use crate::verify::said::Said;

/// One document.
pub fn one(parser: &Parser, elements: &Elements, text: &str) -> Result<Vec<Said>, String> {
    let document: Value =
        serde_json::from_str(text).map_err(|error| format!("its output is no JSON ({error}): {}", quoted(text)))?;
    findings(parser, elements, &document)
}

/// A document a line; blank lines are none.
pub fn lines(parser: &Parser, elements: &Elements, text: &str) -> Result<Vec<Said>, String> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let document: Value = serde_json::from_str(line)
            .map_err(|error| format!("a line of its output is no JSON ({error}): {}", quoted(line)))?;
        found.extend(findings(parser, elements, &document)?);
    }
    Ok(found)
}

fn findings(parser: &Parser, elements: &Elements, document: &Value) -> Result<Vec<Said>, String> {
    if let Some(errors) = &elements.errors
        && let Some(error) = select(document, errors).and_then(|errors| errors.into_iter().next())
        && let [.., error] = error.as_slice()
    {
        return Err(format!("it could not look at everything: {}", quoted(&error.to_string())));
    }
    let selected =
        select(document, &elements.each).ok_or_else(|| format!("its output has nothing at `{}`", elements.each))?;
    let wanted = |chain: &Vec<&Value>| {
        let fits = |value: &str, found: &str| value == found || value == "*" && !found.is_empty();
        elements.only.iter().all(|(path, values)| values.iter().any(|value| fits(value, &look(chain, path))))
    };
    Ok(selected.iter().filter(|chain| wanted(chain)).map(|chain| Said::of(parser, |path| value(chain, path))).collect())
}

/// What stands at a path, to be compared: nothing is the empty text.
fn look(chain: &[&Value], path: &str) -> String {
    walk(chain, path).map(text).unwrap_or_default()
}

/// Each element that a path names, behind the elements that hold it: first the document, then one for each `[*]` or `.*`.
fn select<'a>(document: &'a Value, each: &str) -> Option<Vec<Vec<&'a Value>>> {
    // Elements so far, and the value that names have led to from the last of them.
    let mut current = vec![(vec![document], document)];
    for piece in pieces(each) {
        let mut next = Vec::new();
        for (chain, value) in current {
            let inner: Vec<&Value> = match piece {
                "[*]" => value.as_array()?.iter().collect(),
                ".*" => value.as_object()?.values().collect(),
                _ => {
                    let name = piece.trim_start_matches('.');
                    let found = value.get(name.trim_end_matches('?')).filter(|found| !found.is_null());
                    if found.is_some() || !name.ends_with('?') {
                        next.push((chain, found?));
                    }
                    continue;
                }
            };
            next.extend(inner.into_iter().map(|one| ([chain.as_slice(), &[one]].concat(), one)));
        }
        current = next;
    }
    let whole = |(mut chain, value): (Vec<&'a Value>, &'a Value)| {
        if !chain.last().is_some_and(|last| std::ptr::eq(*last, value)) {
            chain.push(value);
        }
        chain
    };
    Some(current.into_iter().map(whole).collect())
}

/// `.name`, `[*]` and `.*` one after the other.
fn pieces(each: &str) -> impl Iterator<Item = &str> {
    let mut rest = each.trim_start_matches('$');
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest[first.len_utf8()..].find(['.', '[']).map_or(rest.len(), |end| end + first.len_utf8());
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

/// What a field of a rule says of an element.
fn value(chain: &[&Value], field: &str) -> Option<String> {
    if !field.contains('{') {
        let one = |path: &str| match path.strip_prefix('=') {
            Some(fixed) => Some(fixed.to_owned()),
            None => walk_one(chain, path).map(text),
        };
        return field.split('|').find_map(one);
    }
    let mut filled = String::new();
    let mut rest = field;
    while let Some((before, tail)) = rest.split_once('{') {
        let (path, after) = tail.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&walk(chain, path).map(text).unwrap_or_default());
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// The first of several paths at which something stands.
fn walk<'a>(chain: &[&'a Value], paths: &str) -> Option<&'a Value> {
    paths.split('|').find_map(|path| walk_one(chain, path)).filter(|value| !value.is_null())
}

fn walk_one<'a>(chain: &[&'a Value], path: &str) -> Option<&'a Value> {
    let mut chain = chain;
    let mut value = *chain.last()?;
    for name in path.split('.') {
        if name == "^" {
            chain = &chain[..chain.len() - 1];
            value = chain.last()?;
            continue;
        }
        value = match (name.split_once('['), name.parse::<usize>()) {
            (Some((list, key)), _) => {
                let key = key.trim_end_matches(']');
                let list = value.get(list)?.as_array()?;
                list.iter().find(|one| one.get(key).and_then(Value::as_bool) == Some(true))?
            }
            (None, Ok(place)) if value.is_array() => value.get(place)?,
            _ => value.get(name)?,
        };
    }
    (!value.is_null()).then_some(value)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
