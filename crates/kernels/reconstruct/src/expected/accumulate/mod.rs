//! Samples into the sums: listed by slabs first, so that the elements they change stay in cache.
//!
//! Padding twice leaves about as many elements as there are shares of the samples of one particle: each particle walks once
//! through all of the sums. So for a batch of placements the samples of each unit of work are listed by slabs of planes
//! (two bytes each); then every slab takes its samples from all units. Samples change two planes: even slabs go first, odd
//! ones after. As whole numbers are added, none of this changes the sums. No fused multiply-adds, and roundings to even:
//! the portable loop gives the same bytes as AVX-512.
//!
//! On one thread, sums that fit into the cache are added to as samples come.
//!
//! Memory on top of the sums: two bytes for each sample of a batch.

mod block;
mod record;
mod scatter;

use std::ops::Range;

use rayon::prelude::*;

use super::sums::Element;
use super::{Contribution, Quanta, WeightedPlacement};
use crate::half_space::HalfSpace;
use block::Placed;
pub(super) use record::Room;
use record::Slabs;
use scatter::Level;

/// Samples of a unit of work: as many as two bytes can count.
const UNIT: usize = 1 << 16;
/// Samples that are listed at once, at most (or one unit).
const BATCH: usize = 1 << 23;
/// Bytes of sums that fit into the cache.
const CACHE: usize = 6 << 20;

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
    pub(super) fn run(
        &self,
        elements: &mut [Element],
        contributions: &[Contribution<'_>],
        room: &mut Room,
    ) {
        let level = Level::detect();
        let units = units(contributions);
        if rayon::current_num_threads() == 1 && size_of_val(elements) <= CACHE {
            self.run_plain(level, elements, &units);
        } else {
            self.run_sorted(level, elements, &units, room);
        }
    }

    /// Unit by unit.
    fn run_plain(&self, level: Level, elements: &mut [Element], units: &[Unit<'_>]) {
        for unit in units {
            let placed = Placed::new(self, unit.placements);
            level.add(self.space, unit, &placed, elements);
        }
    }

    /// In batches that are listed by slabs, parallel.
    fn run_sorted(
        &self,
        level: Level,
        elements: &mut [Element],
        units: &[Unit<'_>],
        room: &mut Room,
    ) {
        let slabs = Slabs::new(self.space, rayon::current_num_threads());
        let mut rest = units;
        while !rest.is_empty() {
            let (mut count, mut samples) = (0, 0);
            while count < rest.len() && (count == 0 || samples + rest[count].range.len() <= BATCH) {
                samples += rest[count].range.len();
                count += 1;
            }
            let (batch, later) = rest.split_at(count);
            rest = later;
            let lists = &mut room.0;
            if lists.len() < samples {
                lists.resize(samples, 0);
            }
            self.add(level, elements, slabs, batch, &mut lists[..samples]);
        }
    }

    /// Adds one batch; `lists` has room for its samples.
    fn add(
        &self,
        level: Level,
        elements: &mut [Element],
        slabs: Slabs,
        batch: &[Unit<'_>],
        lists: &mut [u16],
    ) {
        let mut rooms = Vec::with_capacity(batch.len());
        let mut rest = lists;
        for unit in batch {
            let (room, later) = rest.split_at_mut(unit.range.len());
            rooms.push((unit, room));
            rest = later;
        }
        let listed: Vec<Listed<'_>> = rooms
            .into_par_iter()
            .map(|(unit, list)| {
                let placed = Placed::new(self, unit.placements);
                let starts = level.sort(unit, &placed, slabs, list);
                Listed {
                    unit,
                    placed,
                    list,
                    starts,
                }
            })
            .collect();
        let fill = |(slab, planes): (usize, &mut [Element])| {
            for one in &listed {
                let list = &one.list[one.starts[slab] as usize..one.starts[slab + 1] as usize];
                let first = slabs.first_plane(slab);
                level.add_listed(self.space, (one.unit, &one.placed), list, first, planes);
            }
        };
        for odd in [0, 1] {
            let slabs: Vec<_> = slabs.every_second(self.space, elements, odd).collect();
            slabs.into_par_iter().for_each(fill);
        }
    }
}

/// A unit with the samples of each slab.
struct Listed<'a> {
    unit: &'a Unit<'a>,
    placed: Placed,
    list: &'a [u16],
    starts: Vec<u32>,
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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use thon_signal::fft::Complex32;

    use super::*;

    /// Portable or wide, sorted or as they come: the same elements.
    #[test]
    fn all_ways_are_one() {
        let insertion = Insertion {
            space: HalfSpace { extent: 23 },
            padding: 2,
            box_size: 24,
            quanta: Quanta::from_noise([2.0]).unwrap(),
        };
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let mut number = |scale: f32| scale * (random.random::<f32>() - 0.5);
        // Beyond the extent, too; more than one unit.
        let count = UNIT + 777;
        let positions: Vec<[f32; 3]> = (0..count)
            .map(|_| [number(26.0), number(26.0), number(26.0)])
            .collect();
        let products: Vec<_> = (0..count)
            .map(|_| Complex32::new(number(9.0), number(1e4)))
            .collect();
        let weights: Vec<f32> = (0..count).map(|_| number(2.0).abs()).collect();
        let placement = |turn: f64, weight| WeightedPlacement {
            rotation: glam::DQuat::from_rotation_x(turn) * glam::DQuat::from_rotation_z(2.0 * turn),
            shift: glam::DVec3::new(turn, -2.0, 7.5),
            weight,
        };
        let contribution = Contribution {
            positions: &positions,
            products: &products,
            weights: &weights,
            count,
            placements: &[
                placement(0.0, 0.25),
                placement(1.0, 0.125),
                placement(2.0, 0.4),
            ],
        };
        let contributions = [contribution, contribution];
        let units = units(&contributions);
        let empty = vec![Element::default(); insertion.space.len()];
        let mut found = Vec::new();
        for level in [Level::Portable, Level::detect()] {
            let mut elements = empty.clone();
            insertion.run_plain(level, &mut elements, &units);
            found.push(elements);
            let mut elements = empty.clone();
            insertion.run_sorted(level, &mut elements, &units, &mut Room::default());
            found.push(elements);
        }
        assert!(found[0].iter().filter(|e| e[1] != 0).count() > 10_000);
        assert!(found.iter().all(|elements| *elements == found[0]));
    }
}
