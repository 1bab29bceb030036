//! Records of samples, ordered by the tile of the sums that they fall into.
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
    /// First neighbour, counted from the first element of its plane (or of all).
    pub(super) lower: u32,
    /// Fractions of the cell (x, y, z).
    pub(super) fraction: [f32; 3],
    /// Real and imaginary part and weight in quanta, and 0.
    pub(super) value: [f32; 4],
}

/// Memory for records, kept from one insertion to the next. Copies have none.
#[derive(Default)]
pub(in crate::expected) struct Room(pub(super) Vec<Record>);

impl Clone for Room {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "room for {} records", self.0.len())
    }
}

/// Bytes of the sums that a tile should not exceed: what the first-level cache holds.
const CACHE: usize = 40 << 10;

/// Tiles of cells: one in z, a power of two in y, all in x. By z, then y. A tile changes its own elements and those after them
/// in y and z.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles {
    /// Logarithm of the cells of a tile in y.
    shift: u32,
    /// Tiles of one z.
    pub(super) across: u32,
    /// All tiles.
    count: u32,
}

impl Tiles {
    pub(super) fn new(space: HalfSpace) -> Self {
        let cells = space.height() as u32 - 1;
        // Two planes, and one more row than cells. Not too many tiles for the records of a unit.
        let rows = CACHE / (2 * size_of::<Element>() * space.width());
        let shift = rows.saturating_sub(1).max(4).ilog2();
        let across = cells.div_ceil(1 << shift);
        Self {
            shift,
            across,
            count: cells * across,
        }
    }

    /// Tiles that are whole planes.
    fn planes(space: HalfSpace) -> Self {
        Self {
            shift: u32::BITS - 1,
            across: 1,
            count: space.height() as u32 - 1,
        }
    }

    /// The tile of a cell; their number for samples outside.
    #[inline(always)]
    pub(super) fn of(self, y: u32, z: u32, inside: bool) -> u32 {
        let tile = z.wrapping_mul(self.across).wrapping_add(y >> self.shift);
        if inside { tile } else { self.count }
    }
}

/// Every second plane from `first` on, with the next one: what samples of cells in that plane change.
pub(super) fn pairs_of_planes(
    space: HalfSpace,
    elements: &mut [Element],
    first: usize,
) -> impl Iterator<Item = (usize, &mut [Element])> {
    let plane = space.plane();
    let pairs = elements[first * plane..].chunks_exact_mut(2 * plane);
    pairs
        .enumerate()
        .map(move |(i, pair)| (2 * i + first, pair))
}

impl Unit<'_> {
    /// Writes the records of the unit to `room`, ordered by tile; where each tile begins. Those after the last start are not
    /// used.
    #[inline(always)]
    pub(super) fn sort(
        &self,
        insertion: &Insertion,
        tiles: Tiles,
        room: &mut [Record],
    ) -> Vec<u32> {
        let placed = Placed::new(insertion, self.placements);
        let mut block = Block::default();
        let count = tiles.count as usize;
        let mut starts = vec![0_u32; count + 2];
        let positions = &self.contribution.positions[self.range.clone()];
        for positions in positions.chunks(Block::LENGTH) {
            block.tiles(&placed, tiles, positions);
            for tile in &block.tile[..positions.len()] {
                let next = &mut starts[*tile as usize + 1];
                *next = next.wrapping_add(1);
            }
        }
        for tile in 0..=count {
            starts[tile + 1] += starts[tile];
        }
        let mut next = starts.clone();
        self.each_block(&placed, tiles, &mut block, |block, length| {
            for i in 0..length {
                let place = &mut next[block.tile[i] as usize];
                room[*place as usize] = block.record(i);
                *place = place.wrapping_add(1);
            }
        });
        starts
    }

    /// Hands out the records of the unit as they come, counted from the first element of all.
    #[inline(always)]
    pub(super) fn records(&self, insertion: &Insertion, mut take: impl FnMut(&[Record])) {
        let placed = Placed::new(insertion, self.placements);
        let planes = Tiles::planes(insertion.space);
        let plane = insertion.space.plane() as u32;
        let mut records = [Record::default(); Block::LENGTH];
        self.each_block(&placed, planes, &mut Block::default(), |block, length| {
            let mut count = 0;
            for i in 0..length {
                let z = block.tile[i];
                let mut record = block.record(i);
                record.lower = record.lower.wrapping_add(z.wrapping_mul(plane));
                records[count] = record;
                count += usize::from(z < planes.count);
            }
            take(&records[..count]);
        });
    }

    #[inline(always)]
    fn each_block(
        &self,
        placed: &Placed,
        tiles: Tiles,
        block: &mut Block,
        mut work: impl FnMut(&Block, usize),
    ) {
        let mut first = self.range.start;
        while first < self.range.end {
            let end = (first + Block::LENGTH).min(self.range.end);
            let positions = &self.contribution.positions[first..end];
            let products = &self.contribution.products[first..end];
            let weights = &self.contribution.weights[first..end];
            block.fill(placed, tiles, positions, products, weights);
            work(block, positions.len().min(Block::LENGTH));
            first = end;
        }
    }
}

impl Block {
    /// Sample `i`, counted from the first element of its plane.
    #[inline(always)]
    fn record(&self, i: usize) -> Record {
        let ([x, y, z], [re, im, weight]) = (&self.fractions, &self.values);
        Record {
            lower: self.within[i],
            fraction: [x[i], y[i], z[i]],
            value: [re[i], im[i], weight[i], 0.0],
        }
    }
}
