//! The graph in Graphviz' language: `pl graph --dot | dot -Tsvg -o graph.svg`.
//!
//! Left to right; a workstream is a table whose rows are its steps, each a port that edges can name, so that a chain of
//! workstreams stays a picture and no strip. The colour tells the verdict; any name is quoted right.

use std::collections::{HashMap, HashSet};

use crate::report::graph::{Detail, Node, contents, nodes, part, verdict};
use crate::summary::PlannedStep;

/// The picture's description.
pub fn render(steps: &[PlannedStep], detail: Detail) -> String {
    let mut text = String::from(HEAD);
    match detail {
        Detail::Workstreams => folded(&nodes(steps), &mut text),
        Detail::Steps => whole(steps, &mut text),
    }
    text.push_str("}\n");
    text
}

/// Lints in one row of a table.
const LINTS_A_ROW_MAX: usize = 3;

const HEAD: &str = "\
digraph pl {
  rankdir=LR; nodesep=0.2; ranksep=0.6; splines=spline; bgcolor=white
  graph [fontname=\"Helvetica,Arial,sans-serif\", fontsize=12]
  node [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, height=0.32, margin=\"0.10,0.04\", style=filled, penwidth=1.1]
  edge [color=\"#8a94a0\", arrowsize=0.6, penwidth=1.0]
";

fn folded(nodes: &[Node<'_>], text: &mut String) {
    for node in nodes {
        let about = contents(&node.steps);
        let label = if about.is_empty() { node.name.to_owned() } else { format!("{}\n{about}", node.name) };
        let tip = format!("{}: {}", node.name, verdict(&node.steps));
        let shape = if node.is_workstream { "box" } else { "ellipse" };
        text.push_str(&format!(
            "  {} [label={}, shape={shape}, {}, tooltip={}]\n",
            quote(node.name),
            quote(&label),
            colours(verdict(&node.steps)),
            quote(&tip)
        ));
    }
    for node in nodes {
        for above in &node.depends_on {
            text.push_str(&format!("  {} -> {}\n", quote(nodes[*above].name), quote(node.name)));
        }
    }
}

fn whole(steps: &[PlannedStep], text: &mut String) {
    for node in nodes(steps) {
        if node.is_workstream {
            table(&node, text);
        } else {
            node.steps.iter().for_each(|step| step_node(step, text));
        }
    }
    edges(steps, text);
}

/// A workstream: its name, then its steps from top to bottom; lints go on at the same time and stand side by side.
fn table(node: &Node<'_>, text: &mut String) {
    let verdict = verdict(&node.steps);
    text.push_str(&format!(
        "  {} [shape=plain, style=\"\", tooltip={}, label=<\n    <table border=\"1\" color=\"{}\" cellborder=\"0\" \
         cellspacing=\"2\" cellpadding=\"2\" bgcolor=\"#f6f8fa\">\n    \
         <tr><td port=\" title\" cellpadding=\"4\"><b>{}</b></td></tr>\n",
        quote(node.name),
        quote(&format!("{}: {verdict}", node.name)),
        border(verdict),
        html(node.name),
    ));
    for row in rows(&node.steps) {
        let cells: String = row.iter().map(|step| cell(step)).collect();
        let cells = match row.len() {
            1 => cells,
            _ => format!(
                "<td cellpadding=\"0\"><table border=\"0\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"2\"><tr>{cells}</tr></table></td>"
            ),
        };
        text.push_str(&format!("    <tr>{cells}</tr>\n"));
    }
    text.push_str("    </table>>]\n");
}

/// Steps that stand in one row: lints side by side, as many as are readable.
fn rows<'a>(steps: &[&'a PlannedStep]) -> Vec<Vec<&'a PlannedStep>> {
    let mut rows: Vec<Vec<&PlannedStep>> = Vec::new();
    for step in steps {
        match rows.last_mut() {
            Some(row) if step.kind == "lint" && row[0].kind == "lint" && row.len() < LINTS_A_ROW_MAX => row.push(step),
            _ => rows.push(vec![step]),
        }
    }
    rows
}

fn cell(step: &PlannedStep) -> String {
    let verdict = if step.red && step.verdict == "fresh" { "red" } else { &step.verdict };
    format!(
        "<td port={} bgcolor=\"{}\" color=\"{}\" border=\"1\">{}</td>",
        html_quote(part(step)),
        fill(verdict),
        border(verdict),
        html(part(step)),
    )
}

fn step_node(step: &PlannedStep, text: &mut String) {
    let verdict = if step.red && step.verdict == "fresh" { "red" } else { &step.verdict };
    let mut tip = format!("{}: {verdict}", step.name);
    for said in step.reason.iter().chain(&step.tool) {
        tip.push_str(&format!("\n{said}"));
    }
    text.push_str(&format!(
        "  {} [label={}, shape={}, {}, tooltip={}]\n",
        quote(&step.name),
        quote(part(step)),
        if step.kind == "setup" { "cylinder" } else { "ellipse" },
        colours(verdict),
        quote(&tip)
    ));
}

/// Edges between tables and plain nodes; inside a table the order of the rows tells them.
fn edges(steps: &[PlannedStep], text: &mut String) {
    let known: HashMap<&str, &PlannedStep> = steps.iter().map(|step| (step.name.as_str(), step)).collect();
    let mut drawn = HashSet::new();
    for step in steps {
        for above in &step.depends_on {
            let Some(from) = known.get(above.as_str()) else { continue };
            let inside = step.workstream.is_some() && from.workstream == step.workstream;
            if inside || !drawn.insert((above.as_str(), step.name.as_str())) {
                continue;
            }
            let mut look = "";
            if let (Some(before), Some(after)) = (&from.workstream, &step.workstream) {
                // Headings pull, so that a chain is one row; the edge itself goes from row to row.
                let (before, after) = (quote(before), quote(after));
                text.push_str(&format!("  {before}:\" title\":e -> {after}:\" title\":w [style=invis, weight=8]\n"));
                look = " [constraint=false]";
            }
            text.push_str(&format!("  {} -> {}{look}\n", end(from, "e"), end(step, "w")));
        }
    }
}

/// Where an edge begins or ends: the step's row, on this side of its table.
fn end(step: &PlannedStep, side: &str) -> String {
    match &step.workstream {
        Some(id) => format!("{}:{}:{side}", quote(id), quote(part(step))),
        None => quote(&step.name),
    }
}

fn colours(verdict: &str) -> String {
    let style = if verdict == "unsettled" { ", style=\"filled,dashed\"" } else { "" };
    format!("fillcolor=\"{}\", color=\"{}\"{style}", fill(verdict), border(verdict))
}

fn fill(verdict: &str) -> &'static str {
    match verdict {
        "fresh" => "#d8f0dd",
        "stale" => "#ffd9a8",
        "unsettled" => "#fff4c2",
        "red" => "#f8c9c9",
        _ => "#e8ebef",
    }
}

fn border(verdict: &str) -> &'static str {
    match verdict {
        "fresh" => "#5a9e6a",
        "stale" => "#c77c1e",
        "unsettled" => "#b9a23a",
        "red" => "#b83a3a",
        _ => "#8a94a0",
    }
}

/// Text inside of a table.
fn html(text: &str) -> String {
    let escaped = |character: char| match character {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        other if other.is_control() => "?".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// An attribute of a cell.
fn html_quote(text: &str) -> String {
    format!("\"{}\"", html(text))
}

/// A quoted string in which nothing is a command: `"` and `\` are escaped, line ends become `\n`.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            other if other.is_control() => quoted.push('?'),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{quote, render};
    use crate::report::graph::Detail;
    use crate::report::graph::sample::{diamond, step};

    #[test]
    fn tables_hold_their_steps() {
        let text = render(&diamond(), Detail::Steps);
        assert_eq!(text.matches("shape=plain").count(), 4);
        assert!(text.contains("  \"ws-1-a\":\"result\":e -> \"ws-2-b\":\"base\":w ["), "{text}");
        assert!(text.contains("<td port=\"test.1\" bgcolor=\"#ffd9a8\""), "{text}");
        let folded = render(&diamond(), Detail::Workstreams);
        assert!(folded.contains("  \"ws-1-a\" -> \"ws-2-b\"\n"), "{folded}");
        assert_eq!(folded.matches(" -> ").count(), 5);
    }

    #[test]
    fn any_name_is_quoted() {
        assert_eq!(quote("a\"b\\c\nd\u{7}é"), "\"a\\\"b\\\\c\\nd?é\"");
        let text = render(&[step("say \"hi\"", "task", "stale", &["gone"])], Detail::Steps);
        assert!(text.contains("  \"say \\\"hi\\\"\" [label="), "{text}");
        assert!(!text.contains("->"), "{text}");
    }
}
