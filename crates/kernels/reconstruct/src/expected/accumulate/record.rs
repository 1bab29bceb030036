//! Records of samples, and lists of the samples of each slab of the sums.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function with target features loses them"
)]

use bytemuck::{Pod, Zeroable};
use thon_compute::columns::with_buffer;

use super::block::{Block, Placed};
use super::{Element, Unit};
use crate::half_space::HalfSpace;

/// Where a sample falls and what it adds there.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C, align(32))]
pub(super) struct Record {
    /// First neighbour, counted from the first element of its slab (or of all).
    pub(super) lower: u32,
    /// Fractions of the cell (x, y, z).
    pub(super) fraction: [f32; 3],
    /// Real and imaginary part and weight in quanta, and 0.
    pub(super) value: [f32; 4],
}

/// Memory for lists, kept from one insertion to the next. Copies have none.
#[derive(Default)]
pub(in crate::expected) struct Room(pub(super) Vec<u16>);

impl Clone for Room {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "room for {} samples", self.0.len())
    }
}

/// Bytes of the sums that a slab should not exceed: about what the second-level cache holds.
const SLAB: usize = 1 << 20;

/// Slabs of cells: a power of two in z, all in x and y. A slab changes its own planes and the first of the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slabs {
    /// Logarithm of the cells of a slab in z.
    shift: u32,
    /// All slabs.
    pub(super) count: u32,
}

impl Slabs {
    /// Slabs that fit the cache, and at least four for each thread where there are several.
    pub(super) fn new(space: HalfSpace, threads: usize) -> Self {
        let cells = space.height() - 1;
        let planes = SLAB / (space.plane() * size_of::<Element>());
        let mut shift = planes.saturating_sub(1).max(1).ilog2();
        while threads > 1 && shift > 0 && cells.div_ceil(1 << shift) < 4 * threads {
            shift -= 1;
        }
        Self {
            shift,
            count: cells.div_ceil(1 << shift) as u32,
        }
    }

    /// The slab of a cell; their number for samples outside.
    #[inline(always)]
    pub(super) fn of(self, z: u32, inside: bool) -> u32 {
        if inside { z >> self.shift } else { self.count }
    }

    /// The first plane of a slab.
    pub(super) fn first_plane(self, slab: usize) -> usize {
        slab << self.shift
    }

    /// Every second slab from `first` on, with its planes and the next.
    pub(super) fn every_second(
        self,
        space: HalfSpace,
        elements: &mut [Element],
        first: usize,
    ) -> impl Iterator<Item = (usize, &mut [Element])> {
        let height = 1 << self.shift;
        let begin = (first * height * space.plane()).min(elements.len());
        let pairs = elements[begin..].chunks_mut(2 * height * space.plane());
        let slabs = (first..self.count as usize).step_by(2);
        slabs.zip(pairs)
    }
}

impl Unit<'_> {
    /// Fills `list` with the samples of the unit (counted from its first), by slab; where each slab begins. Those after the last
    /// start are not used.
    #[inline(always)]
    pub(super) fn sort(&self, placed: &Placed, slabs: Slabs, list: &mut [u16]) -> Vec<u32> {
        let mut block = Block::default();
        let count = slabs.count as usize;
        let mut starts = vec![0_u32; count + 2];
        let positions = &self.contribution.positions[self.range.clone()];
        with_buffer(positions.len(), |found: &mut [u16]| {
            let blocks = found.chunks_mut(Block::LENGTH);
            for (found, positions) in blocks.zip(positions.chunks(Block::LENGTH)) {
                let of_block = block.slabs(placed, slabs, positions);
                for (found, slab) in found.iter_mut().zip(of_block) {
                    *found = *slab as u16;
                    starts[*slab as usize + 1] += 1;
                }
            }
            for slab in 0..=count {
                starts[slab + 1] += starts[slab];
            }
            let mut next = starts.clone();
            for (sample, slab) in found.iter().enumerate() {
                let place = &mut next[usize::from(*slab)];
                list[*place as usize] = sample as u16;
                *place += 1;
            }
        });
        starts
    }

    /// Hands out the records of all samples of the unit as they come, counted from the first element of all.
    #[inline(always)]
    pub(super) fn records(&self, placed: &Placed, mut take: impl FnMut(&[Record])) {
        let (mut block, mut records) = (Block::default(), [Record::default(); Block::LENGTH]);
        let mut first = self.range.start;
        while first < self.range.end {
            let end = (first + Block::LENGTH).min(self.range.end);
            block.take(self, first..end);
            block.compute(placed);
            let kept = block.records(placed, 0, end - first, &mut records);
            take(&records[..kept]);
            first = end;
        }
    }

    /// As [`Unit::records`] for listed samples that all fall into the slab of planes from `first` on, counted from there.
    #[inline(always)]
    pub(super) fn records_listed(
        &self,
        placed: &Placed,
        first: usize,
        list: &[u16],
        mut take: impl FnMut(&[Record]),
    ) {
        let (mut block, mut records) = (Block::default(), [Record::default(); Block::LENGTH]);
        for list in list.chunks(Block::LENGTH) {
            block.take_listed(self, list);
            block.compute(placed);
            let kept = block.records(placed, first as u32, list.len(), &mut records);
            take(&records[..kept]);
        }
    }
}
