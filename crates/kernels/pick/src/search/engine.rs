//! Correlation of one tile with two templates at a time, and the running best of every voxel.
//!
//! Two real templates a, b, reflected through the origin, are the real and imaginary part of one complex field; its transform times that of
//! the tile is the transform of (a ⋆ v) + i (b ⋆ v), so that one complex transform there and back gives both correlations.
//! The way there starts from a box that is small against the tile: zeros are not transformed. On the way only columns within the
//! band limit exist, and only the planes and rows that scores are wanted of are transformed back:
//!
//! 1. each of the box's planes: x, then y; its columns within the band are kept (`[plane][column]`);
//! 2. sixteen columns at a time: z, times the tile's spectrum, back along z, wanted planes kept (`[block][plane][column]`);
//! 3. each wanted plane: back along y and x; scores are the real and imaginary parts over the local deviation, compared with the best
//!    so far while they are in the cache.
//!
//! Every element is worked out by one thread in one order: same bytes for any number of threads.

use std::sync::Arc;

use pulp::Arch;
use rayon::prelude::*;
use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use thon_compute::columns::with_buffer;

use super::band::{Band, Run};
use super::layout::Tile;

/// Columns transformed together: 16 complex f32 are two cache lines.
pub(super) const BLOCK: usize = 16;
/// Rows transformed together in a plane.
const ROWS: usize = 8;

const ZERO: Complex32 = Complex32::new(0.0, 0.0);

/// Transforms of one length, there and back, without factors.
#[derive(Clone)]
struct Axis {
    length: usize,
    forward: Arc<dyn Fft<f32>>,
    inverse: Arc<dyn Fft<f32>>,
}

impl Axis {
    fn plan(planner: &mut FftPlanner<f32>, length: usize) -> Self {
        Self {
            length,
            forward: planner.plan_fft_forward(length),
            inverse: planner.plan_fft_inverse(length),
        }
    }
}

fn transform(engine: &dyn Fft<f32>, rows: &mut [Complex32]) {
    with_buffer(
        engine.get_inplace_scratch_len(),
        |scratch: &mut [Complex32]| {
            engine.process_with_scratch(rows, scratch);
        },
    );
}

/// Plans for tiles of one shape.
pub(super) struct Engine {
    /// z, y, x.
    axes: [Axis; 3],
    /// Columns that are worked on.
    pub band: Band,
    /// Voxels from the middle of a template's box to its rim; the box has 2·reach + 1.
    reach: usize,
    arch: Arch,
}

/// Buffers that are used again for every pair.
#[derive(Default)]
pub(super) struct Scratch {
    planes: Vec<Complex32>,
    columns: Vec<Complex32>,
}

/// The best of the orientations seen so far at every voxel of a tile, `[z, y, x]` of its valid part.
pub(super) struct Best {
    pub score: Vec<f32>,
    pub orientation: Vec<u32>,
}

impl Best {
    pub fn new(voxels: usize) -> Self {
        Self {
            score: vec![f32::NEG_INFINITY; voxels],
            orientation: vec![0; voxels],
        }
    }
}

/// A tile ready to be correlated.
pub(super) struct PreparedTile {
    pub tile: Tile,
    /// Spectrum over the number of voxels, `[column][kz]`.
    pub spectrum: Vec<Complex32>,
    /// 1/√ΣM(v − v̄)² at every valid voxel, 0 where the tile is flat.
    pub inverse_deviation: Vec<f32>,
}

impl Engine {
    pub fn new(length: [usize; 3], reach: usize, limit: f64) -> Self {
        let mut planner = FftPlanner::new();
        Self {
            axes: length.map(|length| Axis::plan(&mut planner, length)),
            band: Band::new(length[1], length[2], limit),
            reach,
            arch: Arch::new(),
        }
    }

    fn box_size(&self) -> usize {
        2 * self.reach + 1
    }

    /// Correlates a tile with two templates (reflected boxes `[z, y, x]` of 2·reach + 1 voxels, a real and b imaginary part) of
    /// orientations `first` and `first + 1`; `both` is false when the second is none.
    pub fn update(
        &self,
        tile: &PreparedTile,
        pair: &[Complex32],
        first: u32,
        both: bool,
        scratch: &mut Scratch,
        best: &mut Best,
    ) {
        self.box_planes(pair, &mut scratch.planes);
        self.along_z(tile, &scratch.planes, &mut scratch.columns);
        self.scores(tile, &scratch.columns, first, both, best);
    }

    /// Step 1.
    fn box_planes(&self, pair: &[Complex32], planes: &mut Vec<Complex32>) {
        let size = self.box_size();
        let [_, y, x] = &self.axes;
        planes.resize(size * self.band.columns, ZERO);
        planes
            .par_chunks_mut(self.band.columns)
            .zip(pair.par_chunks(size * size))
            .for_each(|(plane, field)| {
                with_buffer(size * x.length, |rows: &mut [Complex32]| {
                    rows.fill(ZERO);
                    for (row, values) in rows.chunks_mut(x.length).zip(field.chunks(size)) {
                        row[..size].copy_from_slice(values);
                    }
                    transform(&*x.forward, rows);
                    for runs in self.band.runs.chunks(ROWS) {
                        self.box_columns(rows, runs, y, plane);
                    }
                });
            });
    }

    /// Transforms the columns of some kx along y and keeps those in the band.
    fn box_columns(&self, rows: &[Complex32], runs: &[Run], y: &Axis, plane: &mut [Complex32]) {
        let width = self.axes[2].length;
        with_buffer(runs.len() * y.length, |buffer: &mut [Complex32]| {
            buffer.fill(ZERO);
            for (row, values) in rows.chunks(width).enumerate() {
                for (rank, run) in runs.iter().enumerate() {
                    buffer[rank * y.length + row] = values[run.kx];
                }
            }
            transform(&*y.forward, buffer);
            for (run, column) in runs.iter().zip(buffer.chunks(y.length)) {
                let kept = &mut plane[run.first..run.first + run.count];
                let (positive, negative) = kept.split_at_mut(run.positive);
                positive.copy_from_slice(&column[..positive.len()]);
                negative.copy_from_slice(&column[y.length - negative.len()..]);
            }
        });
    }

    /// Step 2.
    fn along_z(&self, tile: &PreparedTile, planes: &[Complex32], columns: &mut Vec<Complex32>) {
        let z = &self.axes[0];
        let all = self.band.columns;
        let wanted = tile.tile.valid[0];
        let skipped = tile.tile.lead[0] + self.reach;
        columns.resize(all.div_ceil(BLOCK) * wanted * BLOCK, ZERO);
        columns
            .par_chunks_mut(wanted * BLOCK)
            .zip(tile.spectrum.par_chunks(BLOCK * z.length))
            .enumerate()
            .for_each(|(block, (kept, spectrum))| {
                let first = block * BLOCK;
                let count = BLOCK.min(all - first);
                with_buffer(count * z.length, |buffer: &mut [Complex32]| {
                    buffer.fill(ZERO);
                    for (plane, values) in planes.chunks(all).enumerate() {
                        to_columns(&values[first..first + count], plane, z.length, buffer);
                    }
                    transform(&*z.forward, buffer);
                    self.arch.dispatch(|| multiply(buffer, spectrum));
                    transform(&*z.inverse, buffer);
                    for (plane, kept) in kept.chunks_mut(BLOCK).enumerate() {
                        from_columns(&mut kept[..count], skipped + plane, z.length, buffer);
                    }
                });
            });
    }

    /// Step 3.
    fn scores(
        &self,
        tile: &PreparedTile,
        columns: &[Complex32],
        first: u32,
        both: bool,
        best: &mut Best,
    ) {
        let [depth, height, width] = tile.tile.valid;
        let plane = height * width;
        best.score
            .par_chunks_mut(plane)
            .zip(best.orientation.par_chunks_mut(plane))
            .zip(tile.inverse_deviation.par_chunks(plane))
            .enumerate()
            .for_each(|(z, ((score, orientation), inverse))| {
                let kept = self.band.runs.len();
                with_buffer(height * kept, |rows: &mut [Complex32]| {
                    for (chunk, runs) in self.band.runs.chunks(ROWS).enumerate() {
                        self.back_along_y(tile, columns, [z, depth], runs, chunk * ROWS, rows);
                    }
                    let lines = score
                        .chunks_mut(ROWS * width)
                        .zip(orientation.chunks_mut(ROWS * width))
                        .zip(inverse.chunks(ROWS * width));
                    for (rows, ((score, orientation), inverse)) in
                        rows.chunks(ROWS * kept).zip(lines)
                    {
                        self.back_along_x(tile, rows, first, both, score, orientation, inverse);
                    }
                });
            });
    }

    /// Columns of some kx of one plane back along y, into `[y][kx]`.
    fn back_along_y(
        &self,
        tile: &PreparedTile,
        columns: &[Complex32],
        [z, depth]: [usize; 2],
        runs: &[Run],
        rank: usize,
        rows: &mut [Complex32],
    ) {
        let y = &self.axes[1];
        let kept = self.band.runs.len();
        let skipped = tile.tile.lead[1] + self.reach;
        with_buffer(runs.len() * y.length, |buffer: &mut [Complex32]| {
            for (run, line) in runs.iter().zip(buffer.chunks_mut(y.length)) {
                let negative = run.count - run.positive;
                line[run.positive..y.length - negative].fill(ZERO);
                let (low, high) = line.split_at_mut(y.length - negative);
                gather(columns, run.first, [z, depth], &mut low[..run.positive]);
                gather(columns, run.first + run.positive, [z, depth], high);
            }
            transform(&*y.inverse, buffer);
            for (row, values) in rows.chunks_mut(kept).enumerate() {
                for (line, value) in values[rank..rank + runs.len()].iter_mut().enumerate() {
                    *value = buffer[line * y.length + skipped + row];
                }
            }
        });
    }

    /// Some rows back along x, and compared.
    #[expect(
        clippy::too_many_arguments,
        reason = "one row of every array of the tile"
    )]
    fn back_along_x(
        &self,
        tile: &PreparedTile,
        rows: &[Complex32],
        first: u32,
        both: bool,
        score: &mut [f32],
        orientation: &mut [u32],
        inverse: &[f32],
    ) {
        let x = &self.axes[2];
        let kept = self.band.runs.len();
        let positive = self
            .band
            .runs
            .iter()
            .filter(|run| run.kx < kept.div_ceil(2))
            .count();
        let negative = kept - positive;
        let width = tile.tile.valid[2];
        let skipped = tile.tile.lead[2] + self.reach;
        let lines = rows.len() / kept;
        with_buffer(lines * x.length, |buffer: &mut [Complex32]| {
            for (values, line) in rows.chunks(kept).zip(buffer.chunks_mut(x.length)) {
                line[..positive].copy_from_slice(&values[..positive]);
                line[positive..x.length - negative].fill(ZERO);
                line[x.length - negative..].copy_from_slice(&values[positive..]);
            }
            transform(&*x.inverse, buffer);
            for (row, line) in buffer.chunks(x.length).enumerate() {
                let line = &line[skipped..skipped + width];
                let at = row * width..(row + 1) * width;
                let (score, orientation) = (&mut score[at.clone()], &mut orientation[at.clone()]);
                let inverse = &inverse[at];
                self.arch
                    .dispatch(|| compare(line, inverse, first, both, score, orientation));
            }
        });
    }
}

/// Element `row` of every column of `length`, set.
#[inline]
fn to_columns(values: &[Complex32], row: usize, length: usize, columns: &mut [Complex32]) {
    for (column, value) in values.iter().enumerate() {
        columns[column * length + row] = *value;
    }
}

/// Element `row` of every column of `length`, read.
#[inline]
fn from_columns(values: &mut [Complex32], row: usize, length: usize, columns: &[Complex32]) {
    for (column, value) in values.iter_mut().enumerate() {
        *value = columns[column * length + row];
    }
}

/// Columns `first`… of plane `z` of `[block][depth][BLOCK]`.
#[inline]
fn gather(columns: &[Complex32], first: usize, [z, depth]: [usize; 2], to: &mut [Complex32]) {
    let mut column = first;
    let mut done = 0;
    while done < to.len() {
        let (block, lane) = (column / BLOCK, column % BLOCK);
        let count = (BLOCK - lane).min(to.len() - done);
        let from = (block * depth + z) * BLOCK + lane;
        to[done..done + count].copy_from_slice(&columns[from..from + count]);
        done += count;
        column += count;
    }
}

#[expect(
    clippy::inline_always,
    reason = "compiled for the instruction set it is dispatched to"
)]
#[inline(always)]
fn multiply(values: &mut [Complex32], factors: &[Complex32]) {
    for (value, factor) in values.iter_mut().zip(factors) {
        *value = Complex32::new(
            value.re * factor.re - value.im * factor.im,
            value.re * factor.im + value.im * factor.re,
        );
    }
}

/// Keeps the better of what was found and two new scores; equal scores keep the lower orientation.
#[expect(
    clippy::inline_always,
    reason = "compiled for the instruction set it is dispatched to"
)]
#[inline(always)]
fn compare(
    line: &[Complex32],
    inverse: &[f32],
    first: u32,
    both: bool,
    score: &mut [f32],
    orientation: &mut [u32],
) {
    let silent = if both { 1.0 } else { f32::NAN };
    for (((value, inverse), score), orientation) in
        line.iter().zip(inverse).zip(score).zip(orientation)
    {
        let (a, b) = (value.re * inverse, value.im * inverse * silent);
        let (mut best, mut which) = (*score, *orientation);
        if a > best {
            best = a;
            which = first;
        }
        if b > best {
            best = b;
            which = first + 1;
        }
        *score = best;
        *orientation = which;
    }
}
