//! Points sorted into cells, so that those near a place are found without looking at all.

use std::ops::Range;

use thon_geometry::glam::{IVec3, Vec3};

/// Indices of points, cell after cell.
pub(crate) struct Cells {
    edge: f32,
    low: IVec3,
    size: IVec3,
    /// Where each cell begins in `order`; one more at the end.
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Cells {
    /// Sorts points into cells of `edge`; within a cell they keep their order.
    pub(crate) fn new(positions: &[Vec3], edge: f32) -> Self {
        let cell = |p: Vec3| (p / edge).floor().as_ivec3();
        let low = positions
            .iter()
            .map(|p| cell(*p))
            .fold(IVec3::MAX, IVec3::min);
        let high = positions
            .iter()
            .map(|p| cell(*p))
            .fold(IVec3::MIN, IVec3::max);
        if positions.is_empty() {
            return Self {
                edge,
                low: IVec3::ZERO,
                size: IVec3::ZERO,
                starts: vec![0],
                order: Vec::new(),
            };
        }
        let size = high - low + IVec3::ONE;
        let index = |p: Vec3| linear(cell(p) - low, size);
        let count = size.x as usize * size.y as usize * size.z as usize;
        let mut starts = vec![0_u32; count + 1];
        for p in positions {
            starts[index(*p) + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0_u32; positions.len()];
        for (i, p) in positions.iter().enumerate() {
            let slot = &mut next[index(*p)];
            order[*slot as usize] = i as u32;
            *slot += 1;
        }
        Self {
            edge,
            low,
            size,
            starts,
            order,
        }
    }

    /// Points in all order of cells.
    pub(crate) fn order(&self) -> &[u32] {
        &self.order
    }

    /// Runs of `order` that hold every point within `reach` of a place, and some others.
    pub(crate) fn runs(&self, place: Vec3, reach: f32) -> impl Iterator<Item = Range<usize>> + '_ {
        self.runs_within(place - Vec3::splat(reach), place + Vec3::splat(reach))
    }

    /// Runs of `order` that hold every point between two corners of a box, and some others.
    pub(crate) fn runs_within(
        &self,
        low: Vec3,
        high: Vec3,
    ) -> impl Iterator<Item = Range<usize>> + '_ {
        let cell = |p: Vec3| (p / self.edge).floor().as_ivec3() - self.low;
        let from = cell(low).max(IVec3::ZERO);
        let to = cell(high).min(self.size - IVec3::ONE);
        let rows = (from.z..=to.z).flat_map(move |z| (from.y..=to.y).map(move |y| (y, z)));
        rows.filter(move |_| from.x <= to.x).map(move |(y, z)| {
            // Cells of a row follow each other.
            let first = linear(IVec3::new(from.x, y, z), self.size);
            let last = linear(IVec3::new(to.x, y, z), self.size);
            self.starts[first] as usize..self.starts[last + 1] as usize
        })
    }

    /// Indices of the points in cells within `reach` of a place: all that lie so near, and some others.
    pub(crate) fn near(&self, place: Vec3, reach: f32) -> impl Iterator<Item = usize> + '_ {
        self.runs(place, reach)
            .flat_map(|run| self.order[run].iter().map(|&i| i as usize))
    }
}

fn linear(cell: IVec3, size: IVec3) -> usize {
    (cell.z as usize * size.y as usize + cell.y as usize) * size.x as usize + cell.x as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_point_within_reach_is_among_those_near(
            points in prop::collection::vec(prop::array::uniform3(-20.0_f32..20.0), 0..200),
            place in prop::array::uniform3(-25.0_f32..25.0),
            reach in 0.1_f32..12.0,
        ) {
            let points: Vec<Vec3> = points.into_iter().map(Vec3::from_array).collect();
            let place = Vec3::from_array(place);
            let cells = Cells::new(&points, 3.0);
            let mut near: Vec<usize> = cells.near(place, reach).filter(|&i| points[i].distance(place) <= reach).collect();
            near.sort_unstable();
            let all: Vec<usize> = (0..points.len()).filter(|&i| points[i].distance(place) <= reach).collect();
            prop_assert_eq!(near, all);
            prop_assert_eq!(cells.order().len(), points.len());
        }
    }
}
