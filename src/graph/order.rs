//! Orders, depths and closures over adjacency lists.
//!
//! Iterative: chains of many thousands are ordinary. Knows no steps, only numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::base::lists::Lists;
use crate::graph::{Graph, StepId};

/// The same for lists that stand each for itself.
pub fn ordered(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut lists = Lists::with_capacity(needs.len());
    needs.iter().for_each(|list| lists.push(list.iter().map(|need| u32::try_from(*need).unwrap_or(u32::MAX))));
    let wide = |order: Vec<u32>| order.into_iter().map(|place| place as usize).collect();
    ordered_lists(&lists).map(wide).map_err(wide)
}

/// An order in which what is needed comes first and the given order is otherwise kept.
///
/// Errors: the numbers that lie on a cycle.
pub fn ordered_lists(needs: &Lists<u32>) -> Result<Vec<u32>, Vec<u32>> {
    let all = 0..u32::try_from(needs.len()).unwrap_or(u32::MAX);
    if all.clone().zip(needs.iter()).all(|(place, list)| list.iter().all(|need| *need < place)) {
        return Ok(all.collect());
    }
    let mut waiting: Vec<u32> = needs.iter().map(|list| u32::try_from(list.len()).unwrap_or(u32::MAX)).collect();
    let needed_by = turned(needs);
    let mut ready: BinaryHeap<Reverse<u32>> = all.filter(|place| waiting[*place as usize] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for &next in needed_by.get(place as usize) {
            waiting[next as usize] -= 1;
            if waiting[next as usize] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    if order.len() == needs.len() { Ok(order) } else { Err(cycle(needs)) }
}

/// For each number those that need it, in order.
fn turned(needs: &Lists<u32>) -> Lists<u32> {
    let mut pairs: Vec<(u32, u32)> =
        (0..).zip(needs.iter()).flat_map(|(place, list)| list.iter().map(move |need| (*need, place))).collect();
    pairs.sort_unstable();
    let mut pairs = pairs.into_iter().peekable();
    let mut needed_by = Lists::with_capacity(needs.len());
    for number in (0..).take(needs.len()) {
        needed_by.push(std::iter::from_fn(|| pairs.next_if(|(need, _)| *need == number).map(|(_, place)| place)));
    }
    needed_by
}

/// One cycle, found by petgraph.
fn cycle(needs: &Lists<u32>) -> Vec<u32> {
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = needs.iter().map(|_| graph.add_node(())).collect();
    for (place, list) in needs.iter().enumerate() {
        for &need in list {
            graph.add_edge(nodes[need as usize], nodes[place], ());
        }
    }
    let number = |node: NodeIndex| u32::try_from(node.index()).unwrap_or(u32::MAX);
    match toposort(&graph, None) {
        Ok(_) => Vec::new(),
        Err(_) => petgraph::algo::tarjan_scc(&graph)
            .into_iter()
            .find(|part| part.len() > 1 || part.first().is_some_and(|&node| graph.contains_edge(node, node)))
            .map(|part| part.into_iter().map(number).collect())
            .unwrap_or_default(),
    }
}

/// All steps that the wanted ones need, themselves included, in graph order.
pub fn closure(graph: &Graph, wanted: &[StepId]) -> Vec<StepId> {
    let mut reached = vec![false; graph.len()];
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
    use super::ordered_lists;
    use crate::base::lists::Lists;

    fn lists<const N: usize>(all: [&[u32]; N]) -> Lists<u32> {
        let mut lists = Lists::default();
        all.iter().for_each(|list| lists.push(list.iter().copied()));
        lists
    }

    #[test]
    fn needs_come_first_and_cycles_are_told() {
        assert_eq!(ordered_lists(&lists([&[2], &[], &[1]])), Ok(vec![1, 2, 0]));
        assert_eq!(ordered_lists(&lists([&[], &[0], &[0, 1]])), Ok(vec![0, 1, 2]));
        let mut stuck = ordered_lists(&lists([&[1], &[0], &[]])).unwrap_err();
        stuck.sort_unstable();
        assert_eq!(stuck, [0, 1]);
        let mut chain = Lists::default();
        (1..=100_000).for_each(|next| chain.push((next < 100_000).then_some(next)));
        assert_eq!(ordered_lists(&chain).map(|order| (order[0], order.len())), Ok((99_999, 100_000)));
    }
}
