//! Samples into the sums: sorted by slabs of z first, so that the elements they change stay in cache.
//!
//! Padding twice leaves about as many elements as there are shares of the samples of one particle: each particle walks once
//! through all of the sums. So a batch of placements is turned into records (cell, fractions, value), each unit of work
//! its own, ordered by slab; then every slab takes its records from all units. Slabs share a plane with the next: even
//! ones go first, odd ones after. As whole numbers are added, none of this changes the sums. No fused multiply-adds, and
//! roundings to even: the portable loop gives the same bytes as AVX-512.
//!
//! Memory on top of the sums: records of 32 bytes, in all a quarter of the sums (but at least those of one placement).

mod block;
mod record;
mod scatter;

use std::ops::Range;

use rayon::prelude::*;

use super::sums::Element;
use super::{Contribution, Quanta, WeightedPlacement};
use crate::half_space::HalfSpace;
use record::{Record, Slabs};
pub(super) use scatter::Level;

/// Samples of a unit of work.
const UNIT: usize = 16_384;

/// What all samples have in common.
#[derive(Clone, Copy)]
pub(super) struct Insertion {
    pub(super) space: HalfSpace,
    pub(super) padding: usize,
    pub(super) box_size: usize,
    pub(super) quanta: Quanta,
}

/// Some samples of one particle at placements of one rotation.
struct Unit<'a> {
    contribution: &'a Contribution<'a>,
    placements: &'a [WeightedPlacement],
    range: Range<usize>,
}

impl Insertion {
    /// Adds all contributions to all elements of the half space.
    pub(super) fn run(&self, elements: &mut [Element], contributions: &[Contribution<'_>]) {
        self.run_at(Level::detect(), elements, contributions);
    }

    /// As [`Insertion::run`], with the loops of a level.
    pub(super) fn run_at(
        &self,
        level: Level,
        elements: &mut [Element],
        contributions: &[Contribution<'_>],
    ) {
        let slabs = Slabs::new(self.space);
        let most = elements.len() / 2;
        let mut records: Vec<Record> = Vec::new();
        let units = units(contributions);
        let mut rest = &units[..];
        while !rest.is_empty() {
            let (mut count, mut samples) = (0, 0);
            while count < rest.len() && (count == 0 || samples + rest[count].range.len() <= most) {
                samples += rest[count].range.len();
                count += 1;
            }
            let (batch, later) = rest.split_at(count);
            rest = later;
            if records.len() < samples {
                records.resize(samples, Record::default());
            }
            self.add(level, elements, &slabs, batch, &mut records[..samples]);
        }
    }

    /// Adds one batch; `records` has room for its samples.
    fn add(
        &self,
        level: Level,
        elements: &mut [Element],
        slabs: &Slabs,
        batch: &[Unit<'_>],
        records: &mut [Record],
    ) {
        let mut rooms = Vec::with_capacity(batch.len());
        let mut rest = records;
        for unit in batch {
            let (room, later) = rest.split_at_mut(unit.range.len());
            rooms.push((unit, room));
            rest = later;
        }
        let sorted: Vec<(&[Record], Vec<u32>)> = rooms
            .into_par_iter()
            .map(|(unit, room)| {
                let starts = level.sort(self, slabs, unit, room);
                (&*room, starts)
            })
            .collect();
        for odd in [0, 1] {
            slabs
                .parts(elements, odd)
                .into_par_iter()
                .for_each(|(slab, elements)| {
                    for (records, starts) in &sorted {
                        let range = starts[slab] as usize..starts[slab + 1] as usize;
                        level.scatter(self.space, elements, &records[range]);
                    }
                });
        }
    }
}

/// Cuts all placements into units; those of one rotation that follow each other go together.
fn units<'a>(contributions: &'a [Contribution<'a>]) -> Vec<Unit<'a>> {
    let mut units = Vec::new();
    for contribution in contributions {
        let alike = contribution
            .placements
            .chunk_by(|a, b| a.rotation == b.rotation);
        for placements in alike {
            for first in (0..contribution.count).step_by(UNIT) {
                units.push(Unit {
                    contribution,
                    placements,
                    range: first..(first + UNIT).min(contribution.count),
                });
            }
        }
    }
    units
}
