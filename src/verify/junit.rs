//! Test reports in the form of JUnit's: each `testcase` with a `failure` or an `error` is a finding.
//!
//! There is no one schema; what is read is what pytest, node, jest, vitest, nextest and ctest all write. A report without any
//! test case is a failure, not a success.

use regex::Regex;
use roxmltree::{Document, Node};

use crate::verify::said::Said;

/// Reads a report; the pattern finds a place in a failure's text, and what was said there. Of each, the last one counts.
pub fn read(text: &str, pattern: Option<&str>) -> Result<Vec<Said>, String> {
    let pattern =
        pattern.map(Regex::new).transpose().map_err(|error| format!("its pattern does not compile: {error}"))?;
    let document = Document::parse(text).map_err(|error| format!("its report is no XML: {error}"))?;
    if !matches!(document.root_element().tag_name().name(), "testsuites" | "testsuite") {
        return Err(format!("its report is no JUnit: <{}>", document.root_element().tag_name().name()));
    }
    let cases: Vec<Node<'_, '_>> = named(document.root(), "testcase").collect();
    if cases.is_empty() {
        return Err("it ran no test".to_owned());
    }
    Ok(cases.into_iter().filter_map(|case| failed(case, pattern.as_ref())).collect())
}

fn named<'a, 'd>(node: Node<'a, 'd>, name: &'static str) -> impl Iterator<Item = Node<'a, 'd>> {
    node.descendants().filter(move |node| node.tag_name().name() == name)
}

fn failed(case: Node<'_, '_>, pattern: Option<&Regex>) -> Option<Said> {
    let failure = case.children().find(|child| matches!(child.tag_name().name(), "failure" | "error"))?;
    let around = |name: &str| case.ancestors().find_map(|node| node.attribute(name)).map(str::to_owned);
    let body: String = failure.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect();
    let class = case.attribute("classname").filter(|class| !class.is_empty());
    let name = case.attribute("name").unwrap_or("a test");
    let full = class.map_or_else(|| name.to_owned(), |class| format!("{class}::{name}"));
    let first = body.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let why = failure.attribute("message").filter(|why| !why.is_empty()).map(str::to_owned).or(first);
    let mut places: [Option<&str>; 3] = [None; 3];
    for found in pattern.into_iter().flat_map(|pattern| pattern.captures_iter(&body)) {
        for (place, group) in places.iter_mut().zip(["path", "line", "message"]) {
            *place = found.name(group).map(|part| part.as_str()).or(*place);
        }
    }
    let [path, line, told] = places.map(|part| part.map(str::to_owned));
    let why = told.or(why);
    Some(Said {
        path: path.or_else(|| around("file")),
        // What a pattern finds is counted from 1; `line-base` is that of the attribute.
        line: line.map(|line| format!("={line}")).or_else(|| case.attribute("line").map(str::to_owned)),
        code: Some(full.clone()),
        message: Some(why.map_or_else(|| format!("{name} failed"), |why| format!("{name}: {why}"))),
        category: Some("test_failure"),
        ..Said::default()
    })
}
