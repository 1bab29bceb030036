//! Samples into the sums: positions and values block by block, then their shares to eight neighbours in whole quanta.
//!
//! Every task owns a slab of z and takes from all samples what falls into its cells; neighbours across its upper border go
//! to a plane of its own that is added at the end. As whole numbers are added, cutting changes nothing; one slab per
//! thread costs least. No fused multiply-adds, and roundings to even: the portable loop gives the same bytes as AVX-512.

mod block;
mod scatter;

use rayon::prelude::*;

use super::sums::Element;
use super::{Contribution, Quanta};
use crate::half_space::HalfSpace;
use block::{Block, Placed};
use scatter::{Scatter, Slab};

/// What all samples have in common.
#[derive(Clone, Copy)]
pub(super) struct Insertion {
    pub(super) space: HalfSpace,
    pub(super) padding: usize,
    pub(super) box_size: usize,
    pub(super) quanta: Quanta,
}

impl Insertion {
    /// Adds all contributions to all elements of the half space.
    pub(super) fn run(&self, elements: &mut [Element], contributions: &[Contribution<'_>]) {
        let scatter = Scatter::detect();
        self.run_in(
            elements,
            contributions,
            rayon::current_num_threads(),
            scatter,
        );
    }

    /// As [`Insertion::run`], in `count` slabs at most.
    pub(super) fn run_in(
        &self,
        elements: &mut [Element],
        contributions: &[Contribution<'_>],
        count: usize,
        scatter: Scatter,
    ) {
        let mut slabs = self.slabs(elements, count);
        slabs.par_iter_mut().for_each(|slab| {
            let mut block = Block::default();
            for contribution in contributions {
                self.insert(slab, contribution, scatter, &mut block);
            }
        });
        let borders: Vec<_> = slabs
            .into_iter()
            .map(|slab| (slab.end, slab.border))
            .collect();
        for (z, border) in borders {
            let plane = &mut elements[z * self.space.plane()..][..border.len()];
            for (sum, value) in plane
                .as_flattened_mut()
                .iter_mut()
                .zip(border.as_flattened())
            {
                *sum += value;
            }
        }
    }

    /// All placements of one particle into one slab. Placements of one rotation go together.
    fn insert(
        &self,
        slab: &mut Slab<'_>,
        contribution: &Contribution<'_>,
        scatter: Scatter,
        block: &mut Block,
    ) {
        let alike = contribution
            .placements
            .chunk_by(|a, b| a.rotation == b.rotation);
        for placements in alike {
            let placed = Placed::new(self, placements);
            let mut first = 0;
            while first < contribution.count {
                let end = (first + Block::LENGTH).min(contribution.count);
                scatter.insert(slab, &placed, contribution, first..end, block);
                first = end;
            }
        }
    }

    /// Cuts the half space into at most `count` slabs of about as many samples each: those of a ball.
    fn slabs<'a>(&self, mut elements: &'a mut [Element], count: usize) -> Vec<Slab<'a>> {
        let (space, plane) = (self.space, self.space.plane());
        let cells = space.height() - 1;
        let extent = space.extent as f64;
        // Share of a ball below z = −extent + cell.
        let below = |cell: usize| {
            let z = cell as f64 / extent - 1.0;
            (2.0 + 3.0 * z - z.powi(3)) / 4.0
        };
        let count = count.clamp(1, cells);
        let mut slabs = Vec::with_capacity(count);
        let mut first = 0;
        for task in 1..=count {
            let wanted = task as f64 / count as f64;
            let end = (first + 1..cells)
                .find(|cell| below(*cell) >= wanted)
                .unwrap_or(cells);
            let (own, rest) = elements.split_at_mut((end - first) * plane);
            elements = rest;
            slabs.push(Slab {
                space,
                first,
                end,
                elements: own,
                border: vec![Element::default(); plane],
            });
            if end == cells {
                break;
            }
            first = end;
        }
        slabs
    }
}
