//! The graph as a tree in a terminal: what is asked for at the left, what it waits for below it.
//!
//! A node that several wait for is drawn whole once and marked `(*)` afterwards. Iterative, and linear in the
//! graph's size: a chain deeper than `DEPTH_MAX` goes on at the left, under its own heading.

use std::collections::{HashMap, VecDeque};

use crate::report::graph::{Detail, Node, contents, nodes, part, verdict};
use crate::report::text::table::{Cell, Table};
use crate::report::text::width::{truncate, width};
use crate::report::{Style, Tone, tone_of};
use crate::summary::PlannedStep;

/// Levels that are drawn below each other.
const DEPTH_MAX: usize = 10;

/// The tree; [`Detail::Steps`] lists each workstream's steps below it.
pub fn render(steps: &[PlannedStep], detail: Detail, style: &Style) -> String {
    let nodes = nodes(steps);
    let mut is_root = vec![true; nodes.len()];
    for above in nodes.iter().flat_map(|node| &node.depends_on) {
        is_root[*above] = false;
    }
    // The last asked for is the most interesting: workstreams with all their dependencies, then the rest.
    let mut roots: VecDeque<usize> = (0..nodes.len()).filter(|node| is_root[*node]).collect();
    let mut drawn = vec![false; nodes.len()];
    let mut text = String::new();
    while let Some(root) = roots.pop_front() {
        if !drawn[root] {
            let mut below = Tree { nodes: &nodes, detail, style, drawn: &mut drawn, text: &mut text };
            roots.extend(below.draw(root));
        }
    }
    text.push_str(&legend(&nodes, style));
    text
}

struct Tree<'a> {
    nodes: &'a [Node<'a>],
    detail: Detail,
    style: &'a Style,
    drawn: &'a mut [bool],
    text: &'a mut String,
}

/// A node to be drawn.
struct Pending {
    node: usize,
    depth: usize,
    /// Bars of the levels above.
    bars: String,
    is_last: bool,
}

impl Tree<'_> {
    /// Draws one root; returns the nodes at which the drawing was cut for depth.
    fn draw(&mut self, root: usize) -> Vec<usize> {
        let mut cut = Vec::new();
        let mut stack = vec![Pending { node: root, depth: 0, bars: String::new(), is_last: true }];
        while let Some(pending) = stack.pop() {
            let node = &self.nodes[pending.node];
            let again = self.drawn[pending.node];
            let too_deep = pending.depth >= DEPTH_MAX && !node.depends_on.is_empty() && !again;
            let mark = if again && !node.depends_on.is_empty() {
                " (*)"
            } else if too_deep {
                " (below)"
            } else {
                ""
            };
            self.line(&pending, mark);
            if again || too_deep {
                cut.extend(too_deep.then_some(pending.node));
                continue;
            }
            self.drawn[pending.node] = true;
            let bars = self.bars_below(&pending);
            if self.detail == Detail::Steps && node.is_workstream {
                self.steps(node, &bars);
            }
            let last = node.depends_on.len().saturating_sub(1);
            stack.extend(node.depends_on.iter().enumerate().rev().map(|(at, above)| Pending {
                node: *above,
                depth: pending.depth + 1,
                bars: bars.clone(),
                is_last: at == last,
            }));
        }
        cut
    }

    fn bars_below(&self, pending: &Pending) -> String {
        let bar = match (pending.depth, pending.is_last, self.style.unicode) {
            (0, ..) => "",
            (_, true, _) => "   ",
            (_, false, true) => "│  ",
            (_, false, false) => "|  ",
        };
        format!("{}{bar}", pending.bars)
    }

    fn line(&mut self, pending: &Pending, mark: &str) {
        let node = &self.nodes[pending.node];
        let corner = match (pending.depth, pending.is_last, self.style.unicode) {
            (0, ..) => "",
            (_, true, true) => "└─ ",
            (_, false, true) => "├─ ",
            (_, true, false) => "`- ",
            (_, false, false) => "|- ",
        };
        let word = verdict(&node.steps);
        let room = self.style.width.saturating_sub(width(&pending.bars) + width(corner));
        let name = truncate(node.name, room, self.style.ellipsis());
        let about = if node.is_workstream { contents(&node.steps) } else { String::new() };
        let tail = if about.is_empty() { mark.to_owned() } else { format!("  {about}{mark}") };
        let rest = truncate(&tail, room.saturating_sub(width(&name) + width(word) + 2), self.style.ellipsis());
        let style = self.style;
        self.text.push_str(&format!(
            "{}{}  {}{}\n",
            style.paint(Tone::Dim, &format!("{}{corner}", pending.bars)),
            style.paint(if node.is_workstream { Tone::Strong } else { Tone::Plain }, &name),
            style.paint(tone_of(word), word),
            style.paint(Tone::Dim, &rest),
        ));
    }

    fn steps(&mut self, node: &Node<'_>, bars: &str) {
        let bar = match (node.depends_on.is_empty(), self.style.unicode) {
            (true, _) => "   ",
            (false, true) => "│  ",
            (false, false) => "|  ",
        };
        let mut table = Table::new(&["", "", ""]).shrinks(2);
        for step in &node.steps {
            let reason = step.reason.clone().unwrap_or_default().replace(&format!("{}/", node.name), "");
            let verdict = Cell::toned(tone_of(&step.verdict), &step.verdict);
            table.row(vec![Cell::new(part(step)), verdict, Cell::toned(Tone::Dim, reason)]);
        }
        let inner = Style { width: self.style.width.saturating_sub(width(bars) + 5), ..*self.style };
        for line in table.render(&inner).lines() {
            self.text.push_str(&self.style.paint(Tone::Dim, &format!("{bars}{bar}")));
            self.text.push_str(&format!("  {line}\n"));
        }
    }
}

/// `8 workstreams, 3 tasks: 2 stale, 9 fresh`, and what the mark means where it was used.
fn legend(nodes: &[Node<'_>], style: &Style) -> String {
    let mut verdicts: HashMap<&str, usize> = HashMap::new();
    nodes.iter().for_each(|node| *verdicts.entry(verdict(&node.steps)).or_default() += 1);
    let streams = nodes.iter().filter(|node| node.is_workstream).count();
    let kinds = [(streams, "workstream"), (nodes.len() - streams, "task")];
    let kinds = kinds.into_iter().filter(|(number, _)| *number > 0);
    let kinds: Vec<String> = kinds.map(|(number, noun)| crate::report::count(number, noun)).collect();
    let said: Vec<String> = ["red", "stale", "unsettled", "fresh"]
        .into_iter()
        .filter_map(|word| verdicts.get(word).map(|number| format!("{number} {word}")))
        .collect();
    if nodes.is_empty() {
        return "nothing is defined\n".to_owned();
    }
    let line = format!("{}: {}", kinds.join(", "), said.join(", "));
    format!("\n{}\n", style.paint(Tone::Dim, &line))
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::report::Style;
    use crate::report::graph::Detail;
    use crate::report::graph::sample::{diamond, step};

    #[test]
    fn shared_nodes_are_drawn_once() {
        let expected = "\
ci  stale
└─ fmt  fresh
ws-4-d  unsettled  2 edits, 1 lint, 1 test
├─ ws-2-b  stale  2 edits, 1 lint, 1 test
│  └─ ws-1-a  fresh  2 edits, 1 lint, 1 test
└─ ws-3-c  fresh  2 edits, 1 lint, 1 test
   └─ ws-1-a  fresh  2 edits, 1 lint, 1 test

4 workstreams, 2 tasks: 2 stale, 1 unsettled, 3 fresh
";
        assert_eq!(render(&diamond(), Detail::Workstreams, &Style::PLAIN), expected);
        let ascii = Style { color: false, unicode: false, width: 80 };
        assert!(render(&diamond(), Detail::Workstreams, &ascii).is_ascii());
    }

    #[test]
    fn three_thousand_in_a_chain_stay_readable() {
        let names: Vec<String> = (0..3000).map(|number| format!("task-{number}")).collect();
        let mut steps = vec![step(&names[0], "task", "fresh", &[])];
        steps.extend(names.windows(2).map(|pair| step(&pair[1], "task", "stale", &[&pair[0]])));
        let text = render(&steps, Detail::Steps, &Style { color: false, unicode: true, width: 80 });
        assert!(text.lines().all(|line| line.chars().count() <= 80));
        assert!(text.len() < 300_000, "{} bytes", text.len());
        assert!(names.iter().all(|name| text.contains(name.as_str())));
    }
}
