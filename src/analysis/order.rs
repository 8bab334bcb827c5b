//! What waits for what: cycles with their path, transitive closure, redundant dependencies.
//!
//! Knows no workstreams or tasks: numbered nodes with numbered, spanned dependencies come in. Iterative throughout,
//! because chains are as long as people write them. `petgraph` appears only inside functions.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::lists::Lists;
use crate::base::span::Span;

/// A dependency of a node: on which, and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// The node that is waited for.
    pub to: usize,
    /// Where.
    pub span: Span,
}

/// The order of nodes; dependencies inside a cycle are left out of it.
#[derive(Debug)]
pub struct Order {
    /// Nodes, dependencies first.
    pub sorted: Vec<usize>,
    /// One shortest cycle a strongly connected group, as (node, span of its dependency on the next).
    pub cycles: Vec<Vec<(usize, Span)>>,
    group: Vec<usize>,
}

impl Order {
    /// Orders nodes by their dependencies; self-dependencies are ignored.
    pub fn of(edges: &[Vec<Edge>]) -> Self {
        let mut graph = DiGraph::<(), ()>::with_capacity(edges.len(), edges.len());
        let nodes: Vec<NodeIndex> = edges.iter().map(|_| graph.add_node(())).collect();
        for (from, list) in edges.iter().enumerate() {
            for edge in list {
                graph.add_edge(nodes[from], nodes[edge.to], ());
            }
        }
        // Components come in post order: what is depended on first.
        let components = kosaraju_scc(&graph);
        let mut order =
            Self { sorted: Vec::with_capacity(edges.len()), cycles: Vec::new(), group: vec![0; edges.len()] };
        for (number, component) in components.iter().enumerate() {
            let mut members: Vec<usize> = component.iter().map(|node| node.index()).collect();
            members.sort_unstable();
            for member in &members {
                order.group[*member] = number;
            }
            if members.len() > 1 {
                order.cycles.push(shortest_cycle(edges, &members));
            }
            order.sorted.extend(members);
        }
        order
    }

    /// Whether a dependency takes part in a cycle (or is on itself).
    pub fn in_cycle(&self, from: usize, to: usize) -> bool {
        self.group[from] == self.group[to]
    }
}

/// Whether no node waits for itself by way of others: the quick look of many, of which nearly all are right.
pub fn is_acyclic(needs: &Lists<u32>) -> bool {
    if (0..).zip(needs.iter()).all(|(node, list)| list.iter().all(|need| *need < node)) {
        return true;
    }
    let mut waited_for = vec![0_u32; needs.len()];
    needs.iter().flatten().for_each(|need| waited_for[*need as usize] += 1);
    let mut free: Vec<usize> = (0..needs.len()).filter(|node| waited_for[*node] == 0).collect();
    let mut taken = 0;
    while let Some(node) = free.pop() {
        taken += 1;
        for need in needs.get(node).iter().map(|need| *need as usize) {
            waited_for[need] -= 1;
            if waited_for[need] == 0 {
                free.push(need);
            }
        }
    }
    taken == needs.len()
}

/// A shortest cycle through the first member.
fn shortest_cycle(edges: &[Vec<Edge>], members: &[usize]) -> Vec<(usize, Span)> {
    let inside: HashSet<usize> = members.iter().copied().collect();
    let Some(start) = members.first().copied() else { return Vec::new() };
    let mut came_by: HashMap<usize, (usize, Span)> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for edge in edges[node].iter().filter(|edge| edge.to != node && inside.contains(&edge.to)) {
            if came_by.contains_key(&edge.to) {
                continue;
            }
            came_by.insert(edge.to, (node, edge.span));
            if edge.to == start {
                queue.clear();
                break;
            }
            queue.push_back(edge.to);
        }
    }
    let mut path = Vec::new();
    let mut at = start;
    while let Some((from, span)) = came_by.get(&at) {
        path.push((*from, *span));
        at = *from;
        if at == start {
            break;
        }
    }
    path.reverse();
    path
}

/// For every node, all that it waits for, directly or not: one bit a pair.
#[derive(Debug)]
pub struct Closure {
    words: usize,
    rows: Vec<u64>,
}

impl Closure {
    /// Overlays, in order, each node's dependencies and theirs.
    pub fn of(edges: &[Vec<Edge>], order: &Order) -> Self {
        let words = edges.len().div_ceil(64);
        let mut closure = Self { words, rows: vec![0; words * edges.len()] };
        for node in &order.sorted {
            for edge in edges[*node].iter().filter(|edge| !order.in_cycle(*node, edge.to)) {
                closure.overlay(*node, edge.to);
            }
        }
        closure
    }

    /// Whether `node` waits for `other`.
    pub fn waits_for(&self, node: usize, other: usize) -> bool {
        self.rows[node * self.words + other / 64] >> (other % 64) & 1 == 1
    }

    /// Whether one of two waits for the other.
    pub fn ordered(&self, left: usize, right: usize) -> bool {
        self.waits_for(left, right) || self.waits_for(right, left)
    }

    fn overlay(&mut self, node: usize, other: usize) {
        let (to, from) = (node * self.words, other * self.words);
        for word in 0..self.words {
            self.rows[to + word] |= self.rows[from + word];
        }
        self.rows[to + other / 64] |= 1 << (other % 64);
    }
}

/// Why a dependency says nothing new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    /// The same node stands earlier in the list.
    Repeated(Span),
    /// Another dependency of the list waits for it.
    Implied(usize),
}

/// The dependencies of a node that say nothing new.
pub fn redundant(edges: &[Edge], closure: &Closure) -> Vec<(Edge, Redundancy)> {
    let mut seen: HashMap<usize, Span> = HashMap::new();
    let mut found = Vec::new();
    for edge in edges {
        if let Some(first) = seen.get(&edge.to) {
            found.push((*edge, Redundancy::Repeated(*first)));
            continue;
        }
        seen.insert(edge.to, edge.span);
        if let Some(through) = edges.iter().find(|other| other.to != edge.to && closure.waits_for(other.to, edge.to)) {
            found.push((*edge, Redundancy::Implied(through.to)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Closure, Edge, Order, Redundancy, is_acyclic, redundant};
    use crate::base::lists::Lists;
    use crate::base::span::{FileId, Span};

    fn edges(lists: &[&[usize]]) -> Vec<Vec<Edge>> {
        let span = Span::new(FileId(0), 0, 1);
        lists.iter().map(|list| list.iter().map(|to| Edge { to: *to, span }).collect()).collect()
    }

    #[test]
    fn a_cycle_is_a_path() {
        let edges = edges(&[&[1], &[2], &[0, 3], &[]]);
        let order = Order::of(&edges);
        let nodes: Vec<usize> = order.cycles[0].iter().map(|(node, _)| *node).collect();
        assert_eq!(nodes, [0, 1, 2]);
        assert_eq!(order.sorted[0], 3);
        assert!(Closure::of(&edges, &order).waits_for(2, 3));
    }

    #[test]
    fn the_quick_look_sees_cycles() {
        let lists: [(&[&[u32]], bool); 4] = [
            (&[&[], &[0], &[1, 0]], true),
            (&[&[2, 1], &[2], &[]], true),
            (&[&[1], &[2], &[0, 3], &[]], false),
            (&[&[0]], false),
        ];
        for (all, acyclic) in lists {
            let mut needs = Lists::default();
            all.iter().for_each(|list| needs.push(list.iter().copied()));
            assert_eq!(is_acyclic(&needs), acyclic, "{all:?}");
        }
    }

    #[test]
    fn what_is_implied_is_found() {
        let edges = edges(&[&[], &[0], &[1, 0, 1]]);
        let closure = Closure::of(&edges, &Order::of(&edges));
        let kinds: Vec<Redundancy> = redundant(&edges[2], &closure).into_iter().map(|(_, kind)| kind).collect();
        assert_eq!(kinds[0], Redundancy::Implied(1));
        assert!(matches!(kinds[1], Redundancy::Repeated(_)));
        assert!(closure.ordered(0, 2) && !closure.waits_for(0, 2));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let lists: Vec<Vec<usize>> = (0..20_000).map(|node: usize| node.checked_sub(1).into_iter().collect()).collect();
        let slices: Vec<&[usize]> = lists.iter().map(Vec::as_slice).collect();
        let order = Order::of(&edges(&slices));
        assert!(order.cycles.is_empty());
        assert_eq!(order.sorted[0], 0);
    }
}
