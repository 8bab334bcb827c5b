//! Orders, depths and closures over adjacency lists.
//!
//! Iterative: chains of many thousands are ordinary. Knows no steps, only numbers.

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::graph::{Graph, StepId};

/// An order in which what is needed comes first and the given order is otherwise kept.
///
/// Errors: the numbers that lie on a cycle.
pub fn ordered(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut waiting: Vec<usize> = needs.iter().map(Vec::len).collect();
    let mut needed_by = vec![Vec::new(); needs.len()];
    for (place, list) in needs.iter().enumerate() {
        for &need in list {
            needed_by[need].push(place);
        }
    }
    let mut ready: std::collections::BinaryHeap<std::cmp::Reverse<usize>> =
        (0..needs.len()).filter(|&place| waiting[place] == 0).map(std::cmp::Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(std::cmp::Reverse(place)) = ready.pop() {
        order.push(place);
        for &next in &needed_by[place] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(std::cmp::Reverse(next));
            }
        }
    }
    if order.len() == needs.len() { Ok(order) } else { Err(cycle(needs)) }
}

/// One cycle, found by petgraph.
fn cycle(needs: &[Vec<usize>]) -> Vec<usize> {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = needs.iter().map(|_| graph.add_node(())).collect();
    for (place, list) in needs.iter().enumerate() {
        for &need in list {
            graph.add_edge(nodes[need], nodes[place], ());
        }
    }
    match toposort(&graph, None) {
        Ok(_) => Vec::new(),
        Err(_) => petgraph::algo::tarjan_scc(&graph)
            .into_iter()
            .find(|part| part.len() > 1 || part.first().is_some_and(|&node| graph.contains_edge(node, node)))
            .map(|part| part.into_iter().map(NodeIndex::index).collect())
            .unwrap_or_default(),
    }
}

/// All steps that the wanted ones need, themselves included, in graph order.
pub fn closure(graph: &Graph, wanted: &[StepId]) -> Vec<StepId> {
    let mut reached = vec![false; graph.steps.len()];
    let mut open: Vec<StepId> = wanted.to_vec();
    while let Some(step) = open.pop() {
        if std::mem::replace(&mut reached[step.0 as usize], true) {
            continue;
        }
        open.extend(graph.step(step).depends_on.iter().copied());
    }
    graph.ids().filter(|step| reached[step.0 as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::ordered;

    #[test]
    fn needs_come_first_and_cycles_are_told() {
        assert_eq!(ordered(&[vec![2], vec![], vec![1]]), Ok(vec![1, 2, 0]));
        let mut stuck = ordered(&[vec![1], vec![0], vec![]]).unwrap_err();
        stuck.sort_unstable();
        assert_eq!(stuck, [0, 1]);
        let chain: Vec<Vec<usize>> =
            (0..100_000).map(|place: usize| place.checked_sub(1).into_iter().collect()).collect();
        assert_eq!(ordered(&chain).map(|order| order.len()), Ok(100_000));
    }
}
