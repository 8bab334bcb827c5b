//! The graph in Graphviz' language: `pl graph --dot | dot -Tsvg -o graph.svg`.
//!
//! Left to right, a cluster a workstream, the shape tells the kind and the colour the verdict; any name is quoted right.

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

const HEAD: &str = "\
digraph pl {
  rankdir=LR; compound=true; newrank=true; nodesep=0.12; ranksep=0.4; splines=spline; bgcolor=white
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
    for (number, node) in nodes(steps).iter().enumerate() {
        if node.is_workstream {
            text.push_str(&format!(
                "  subgraph cluster_{number} {{\n    label={}; tooltip={}; labeljust=l; style=\"rounded,filled\"; \
                 color=\"{}\"; fillcolor=\"#f6f8fa\"; fontcolor=\"#24292f\"\n",
                quote(node.name),
                quote(&format!("{}: {}", node.name, verdict(&node.steps))),
                border(verdict(&node.steps)),
            ));
            node.steps.iter().for_each(|step| step_node(step, "    ", text));
            text.push_str("  }\n");
        } else {
            node.steps.iter().for_each(|step| step_node(step, "  ", text));
        }
    }
    edges(steps, text);
}

fn step_node(step: &PlannedStep, indent: &str, text: &mut String) {
    let verdict = if step.red && step.verdict == "fresh" { "red" } else { &step.verdict };
    let mut tip = format!("{}: {verdict}", step.name);
    for said in step.reason.iter().chain(&step.tool) {
        tip.push_str(&format!("\n{said}"));
    }
    text.push_str(&format!(
        "{indent}{} [label={}, shape={}, {}, tooltip={}]\n",
        quote(&step.name),
        quote(part(step)),
        shape(&step.kind),
        colours(verdict),
        quote(&tip)
    ));
}

/// Edges inside a workstream are thin and pull; those between workstreams are drawn so that they are seen.
fn edges(steps: &[PlannedStep], text: &mut String) {
    let known: HashMap<&str, &PlannedStep> = steps.iter().map(|step| (step.name.as_str(), step)).collect();
    let mut drawn = HashSet::new();
    for step in steps {
        for above in &step.depends_on {
            let Some(from) = known.get(above.as_str()) else { continue };
            if !drawn.insert((above.as_str(), step.name.as_str())) {
                continue;
            }
            let look = match from.workstream == step.workstream {
                true if step.workstream.is_some() => " [weight=4]",
                true => "",
                false => " [color=\"#3b6ea8\", penwidth=1.6]",
            };
            text.push_str(&format!("  {} -> {}{look}\n", quote(above), quote(&step.name)));
        }
    }
}

fn shape(kind: &str) -> &'static str {
    match kind {
        "base" => "circle",
        "setup" => "cylinder",
        "edit" => "box",
        "lint" => "hexagon",
        "test" => "diamond",
        "result" => "doubleoctagon",
        _ => "ellipse",
    }
}

fn colours(verdict: &str) -> &'static str {
    match verdict {
        "fresh" => "fillcolor=\"#d8f0dd\", color=\"#5a9e6a\"",
        "stale" => "fillcolor=\"#ffd9a8\", color=\"#c77c1e\"",
        "unsettled" => "fillcolor=\"#fff4c2\", color=\"#b9a23a\", style=\"filled,dashed\"",
        "red" => "fillcolor=\"#f8c9c9\", color=\"#b83a3a\"",
        _ => "fillcolor=\"#e8ebef\", color=\"#8a94a0\"",
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
    fn clusters_hold_their_steps() {
        let text = render(&diamond(), Detail::Steps);
        assert_eq!(text.matches("subgraph cluster_").count(), 4);
        assert!(text.contains("  \"ws-1-a/result\" -> \"ws-2-b/base\" [color="), "{text}");
        assert!(
            text.contains("    \"ws-2-b/test.1\" [label=\"test.1\", shape=diamond, fillcolor=\"#ffd9a8\""),
            "{text}"
        );
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
