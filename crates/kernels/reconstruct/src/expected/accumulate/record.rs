//! Records of samples, ordered by the slab of z that they fall into.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into a function with target features loses them"
)]

use bytemuck::{Pod, Zeroable};

use super::block::{Block, Placed};
use super::{Element, Insertion, Unit};
use crate::half_space::HalfSpace;

/// Where a sample falls and what it adds there.
#[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
#[repr(C, align(32))]
pub(super) struct Record {
    /// First neighbour, counted from the first element of the slab.
    pub(super) lower: u32,
    /// Fractions of the cell (x, y, z).
    pub(super) fraction: [f32; 3],
    /// Real and imaginary part and weight in quanta, and 0.
    pub(super) value: [f32; 4],
}

/// Bytes of the sums that a slab should not exceed.
const CACHE: usize = 768 << 10;

/// Slabs of cells in z. A slab changes its own planes and the first of the next.
pub(super) struct Slabs {
    pub(super) space: HalfSpace,
    /// Planes of a slab.
    planes: usize,
    pub(super) count: usize,
}

impl Slabs {
    pub(super) fn new(space: HalfSpace) -> Self {
        let cached = CACHE / (size_of::<Element>() * space.plane());
        let planes = cached.saturating_sub(1).max(1);
        Self {
            space,
            planes,
            count: (space.height() - 1).div_ceil(planes),
        }
    }

    /// Every second slab from `first` on, with the planes that it changes.
    pub(super) fn parts<'a>(
        &self,
        elements: &'a mut [Element],
        first: usize,
    ) -> Vec<(usize, &'a mut [Element])> {
        let plane = self.space.plane();
        let (mut rest, mut taken) = (elements, 0);
        let mut parts = Vec::new();
        for slab in (first..self.count).step_by(2) {
            let begin = slab * self.planes;
            let end = ((slab + 1) * self.planes + 1).min(self.space.height());
            let (_, from) = rest.split_at_mut((begin - taken) * plane);
            let (part, later) = from.split_at_mut((end - begin) * plane);
            parts.push((slab, part));
            (rest, taken) = (later, end);
        }
        parts
    }
}

impl Unit<'_> {
    /// Writes the records of the unit to `room`, ordered by slab; where each slab begins. Those after the last start are not
    /// used.
    #[inline(always)]
    pub(super) fn sort(
        &self,
        insertion: &Insertion,
        slabs: &Slabs,
        room: &mut [Record],
    ) -> Vec<u32> {
        let placed = Placed::new(insertion, self.placements);
        let mut block = Block::default();
        let plane = slabs.space.plane() as u32;
        let positions = &self.contribution.positions[self.range.clone()];
        let products = &self.contribution.products[self.range.clone()];
        let weights = &self.contribution.weights[self.range.clone()];
        let mut slab_of = vec![0_u16; slabs.space.height() + 1];
        for (z, slab) in slab_of.iter_mut().enumerate() {
            *slab = (z / slabs.planes).min(slabs.count) as u16;
        }
        // What lies outside has z = height: give it a slab of its own.
        slab_of[slabs.space.height()] = slabs.count as u16;
        let first_plane: Vec<u32> = (0..=slabs.count)
            .map(|s| (s * slabs.planes) as u32)
            .collect();
        let mut starts = vec![0_u32; slabs.count + 2];
        for positions in positions.chunks(Block::LENGTH) {
            block.planes(&placed, positions);
            for z in &block.z[..positions.len()] {
                starts[usize::from(slab_of[*z as usize]) + 1] += 1;
            }
        }
        for slab in 0..=slabs.count {
            starts[slab + 1] += starts[slab];
        }
        let mut next = starts.clone();
        for (i, positions) in positions.chunks(Block::LENGTH).enumerate() {
            let first = i * Block::LENGTH;
            let products = &products[first..][..positions.len()];
            let weights = &weights[first..][..positions.len()];
            block.fill(&placed, positions, products, weights);
            for i in 0..positions.len().min(Block::LENGTH) {
                let z = block.z[i];
                let slab = usize::from(slab_of[z as usize]);
                let place = &mut next[slab];
                let above = z.wrapping_sub(first_plane[slab]);
                let [x, y, up] = &block.fractions;
                let [re, im, weight] = &block.values;
                room[*place as usize] = Record {
                    lower: block.within[i].wrapping_add(above.wrapping_mul(plane)),
                    fraction: [x[i], y[i], up[i]],
                    value: [re[i], im[i], weight[i], 0.0],
                };
                *place = place.wrapping_add(1);
            }
        }
        starts
    }
}
