//! Which unknown belongs to which variable of which view.
//!
//! Unknowns: the two shifts of each view first, then the changes of the variables. A variable of a view is a weighted
//! sum of at most three unknowns: two neighbouring groups and, for a rotation with a prior, the common change.

use super::options::{
    Adjustment, Grouping, KINDS, MAGNIFICATION, PROJECTION_SKEW, Prior, ROTATION, TILT, Variable,
    X_TILT,
};
use super::view_model::View;

/// A share of an unknown in a variable.
pub(super) type Share = (usize, f64);

/// The unknowns of one adjustment.
pub(super) struct Layout {
    /// Number of unknowns.
    pub(super) size: usize,
    /// Shares of each kind for each view: `shares[kind][view]`.
    pub(super) shares: Vec<Vec<Vec<Share>>>,
    /// Kind of the prior that each unknown after the shifts obeys; `None` without.
    pub(super) prior_kind: Vec<Option<usize>>,
    /// The common unknown of each kind that has one.
    common: [Option<usize>; KINDS],
    /// Unknown, kind and view of each solved group.
    nodes: Vec<(usize, usize, usize)>,
    views: usize,
}

impl Layout {
    /// `order`: the views with observations, by tilt; `reference`: one of them.
    pub(super) fn new(
        options: &Adjustment,
        views: &[View],
        order: &[usize],
        reference: usize,
    ) -> Self {
        let mut layout = Self {
            size: 2 * views.len(),
            shares: vec![vec![Vec::new(); views.len()]; KINDS],
            prior_kind: Vec::new(),
            common: [None; KINDS],
            nodes: Vec::new(),
            views: views.len(),
        };
        let variables = options.variables();
        let turns = variables[X_TILT].grouping != Grouping::Fixed;
        for (kind, variable) in variables.iter().enumerate() {
            // A common change of all but rotation and projection skew moves the specimen, not the images: it is fixed at the reference.
            let is_gauge = (kind != ROTATION || turns) && kind != PROJECTION_SKEW;
            let chosen = options.tilt_groups.as_deref().filter(|_| kind == TILT);
            layout.add(kind, variable, (views, chosen), order, reference, is_gauge);
        }
        layout
    }

    fn add(
        &mut self,
        kind: usize,
        variable: &Variable,
        (views, chosen): (&[View], Option<&[usize]>),
        order: &[usize],
        reference: usize,
        is_gauge: bool,
    ) {
        let has_prior = variable.prior != Prior::None;
        let common_wanted = !is_gauge && variable.grouping != Grouping::Fixed;
        if common_wanted && (has_prior || variable.grouping == Grouping::One) {
            let common = self.unknown(None);
            self.common[kind] = Some(common);
            for &view in order {
                self.shares[kind][view].push((common, 1.0));
            }
        }
        let shrinks = kind != ROTATION && kind != MAGNIFICATION;
        let nodes = match variable.grouping {
            Grouping::Fixed | Grouping::One => return,
            Grouping::PerView => place(views, order, 1, false),
            Grouping::Linear(step) | Grouping::Blocks(step) => match chosen {
                Some(chosen) => ranks_of(chosen, order),
                None => place(views, order, step, shrinks),
            },
        };
        let blocks = matches!(variable.grouping, Grouping::Blocks(_));
        let rank = order.iter().position(|&v| v == reference).unwrap_or(0);
        let fixed = (is_gauge && !has_prior).then(|| nearest(&nodes, rank));
        let unknowns: Vec<Option<usize>> = (0..nodes.len())
            .map(|node| (fixed != Some(node)).then(|| self.unknown(has_prior.then_some(kind))))
            .collect();
        for (node, unknown) in unknowns.iter().enumerate() {
            self.nodes
                .extend(unknown.map(|unknown| (unknown, kind, order[nodes[node]])));
        }
        for (rank, &view) in order.iter().enumerate() {
            let shares = if blocks {
                vec![(nearest(&nodes, rank), 1.0)]
            } else {
                interpolated(&nodes, rank)
            };
            let solved = shares
                .into_iter()
                .filter_map(|(node, share)| unknowns[node].map(|unknown| (unknown, share)));
            self.shares[kind][view].extend(solved);
        }
    }

    fn unknown(&mut self, prior: Option<usize>) -> usize {
        self.prior_kind.push(prior);
        self.size += 1;
        self.size - 1
    }

    /// Number of shift unknowns, which come first.
    pub(super) fn shifts(&self) -> usize {
        2 * self.views
    }

    /// Value of a kind on a view for the given unknowns.
    pub(super) fn value(&self, unknowns: &[f64], kind: usize, view: usize) -> f64 {
        let shares = &self.shares[kind][view];
        shares.iter().map(|&(u, share)| unknowns[u] * share).sum()
    }

    /// Unknowns for the changes the views have now: the common unknown takes their mean, a group what its view lacks.
    pub(super) fn unknowns_of(&self, views: &[View], order: &[usize]) -> Vec<f64> {
        let mut unknowns = vec![0.0; self.size];
        for (view, state) in views.iter().enumerate() {
            unknowns[2 * view] = state.shift.x;
            unknowns[2 * view + 1] = state.shift.y;
        }
        let mut common = [0.0; KINDS];
        for (kind, mean) in common.iter_mut().enumerate() {
            if let Some(unknown) = self.common[kind] {
                let sum: f64 = order.iter().map(|&view| views[view].change[kind]).sum();
                *mean = sum / order.len().max(1) as f64;
                unknowns[unknown] = *mean;
            }
        }
        for &(unknown, kind, view) in &self.nodes {
            unknowns[unknown] = views[view].change[kind] - common[kind];
        }
        unknowns
    }
}

/// Ranks (in the order by tilt) at which groups stand, every `step` views; closer at high tilt when `shrinks`.
fn place(views: &[View], order: &[usize], step: usize, shrinks: bool) -> Vec<usize> {
    let mut nodes = vec![0];
    let mut at = 0;
    while at + 1 < order.len() {
        let length = |at: usize| {
            if !shrinks {
                return step.max(1);
            }
            let tilt = views[order[at.min(order.len() - 1)]].start_tilt();
            ((1.2 * step as f64 * tilt.cos().abs()).round() as usize).max(1)
        };
        let own = length(at);
        at = (at + own.min(length(at + own))).min(order.len() - 1);
        nodes.push(at);
    }
    // A last group much shorter than the others is joined to its neighbour.
    if let [.., before, middle, last] = nodes[..]
        && 2 * (last - middle) < middle - before
    {
        let kept = nodes.len() - 2;
        nodes.remove(kept);
    }
    nodes
}

/// Ranks of the chosen views that were observed, the first and last view of all among them.
fn ranks_of(chosen: &[usize], order: &[usize]) -> Vec<usize> {
    let last = order.len().saturating_sub(1);
    let inner = (1..last).filter(|&rank| chosen.contains(&order[rank]));
    let mut ranks = vec![0];
    ranks.extend(inner);
    ranks.extend((last > 0).then_some(last));
    ranks
}

fn nearest(nodes: &[usize], rank: usize) -> usize {
    let distance = |&node: &usize| nodes[node].abs_diff(rank);
    (0..nodes.len()).min_by_key(distance).unwrap_or(0)
}

fn interpolated(nodes: &[usize], rank: usize) -> Vec<(usize, f64)> {
    let after = nodes.partition_point(|&node| node < rank);
    if after == 0 || nodes.get(after) == Some(&rank) {
        return vec![(after.min(nodes.len() - 1), 1.0)];
    }
    if after == nodes.len() {
        return vec![(after - 1, 1.0)];
    }
    let (low, high) = (nodes[after - 1], nodes[after]);
    let share = (rank - low) as f64 / (high - low) as f64;
    vec![(after - 1, 1.0 - share), (after, share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_interpolate_and_cover() {
        let nodes = [0, 3, 8];
        assert_eq!(interpolated(&nodes, 0), vec![(0, 1.0)]);
        assert_eq!(interpolated(&nodes, 8), vec![(2, 1.0)]);
        let between = interpolated(&nodes, 4);
        assert!((between[0].1 - 0.8).abs() < 1e-12 && between[1] == (2, 0.2));
        assert_eq!(nearest(&nodes, 5), 1);
    }
}
