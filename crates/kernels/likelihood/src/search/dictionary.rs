//! Slices of one reference at the rotations of a grid.

use std::ops::Range;

use glam::{DMat3, DQuat};
use num_complex::Complex32;
use rayon::prelude::*;

use super::SearchGrid;
use crate::derivatives::slice;
use crate::{HalfBall, Reference};

/// Rotations that are compared at a time, at most.
const ROTATIONS: usize = 512;
/// Rotations that a product has at least, slices of zeros if need be: products of up to 256 elements (or 64 × 64) take
/// another path through the library, and would sum in another order.
const LEAST: usize = 132;
/// Bytes up to which all slices are kept; beyond, each task makes those of a block when it needs them.
const KEPT: usize = 256 << 20;

/// Slices of one reference at every rotation of a grid, over the half ball of its band.
///
/// Up to 256 MiB of slices are kept; those of finer grids are made again for each block of particles.
#[derive(Debug)]
pub struct Dictionary<'a> {
    reference: &'a Reference,
    grid: &'a SearchGrid,
    class: u32,
    /// Positions of the half ball.
    positions: Vec<[f32; 3]>,
    /// `[rotation, (re, im) of each point]`; empty if they are made on demand.
    slices: Vec<Complex32>,
    /// `[rotation, |value|² of each point]`; empty if they are made on demand.
    powers: Vec<f32>,
}

/// The slices and powers of some rotations.
pub(super) struct Slices<'a> {
    /// `[rotation, point]`.
    pub(super) values: &'a [Complex32],
    /// `[rotation, point]`.
    pub(super) powers: &'a [f32],
}

/// Room for slices that are made on demand.
#[derive(Default)]
pub(super) struct Made {
    values: Vec<Complex32>,
    powers: Vec<f32>,
}

impl<'a> Dictionary<'a> {
    /// Slices of the reference of class `class`.
    pub fn new(reference: &'a Reference, grid: &'a SearchGrid, class: u32) -> Self {
        let ball = HalfBall::new(grid.band);
        let positions: Vec<[f32; 3]> = ball.points.iter().map(|p| p.map(f32::from)).collect();
        let mut dictionary = Self {
            reference,
            grid,
            class,
            positions,
            slices: Vec::new(),
            powers: Vec::new(),
        };
        let length = dictionary.points() * grid.rotations.len().max(LEAST);
        if length * (size_of::<Complex32>() + size_of::<f32>()) <= KEPT {
            let mut slices = vec![Complex32::default(); length];
            slices
                .par_chunks_mut(dictionary.points().max(1) * 16)
                .zip(grid.rotations.par_chunks(16))
                .for_each(|(out, rotations)| dictionary.make(rotations, out));
            dictionary.powers = slices.par_iter().map(Complex32::norm_sqr).collect();
            dictionary.slices = slices;
        }
        dictionary
    }

    /// Class of the reference.
    pub fn class(&self) -> u32 {
        self.class
    }

    /// Edge of the reference's box, voxels.
    pub fn box_size(&self) -> usize {
        self.reference.box_size()
    }

    /// True when it was made for this grid.
    pub(super) fn is_of(&self, grid: &SearchGrid) -> bool {
        self.grid.band == grid.band && self.grid.rotations == grid.rotations
    }

    /// Points of a slice.
    pub(super) fn points(&self) -> usize {
        self.positions.len()
    }

    /// The blocks of rotations of a grid: as even as can be, each at most [`ROTATIONS`].
    pub(super) fn blocks(grid: &SearchGrid) -> impl Iterator<Item = Range<usize>> {
        let count = grid.rotations.len();
        let size = count.div_ceil(count.div_ceil(ROTATIONS).max(1)).max(1);
        (0..count)
            .step_by(size)
            .map(move |first| first..count.min(first + size))
    }

    /// The slices of a block of rotations: kept ones, or made into `made`. Zeros follow up to [`LEAST`] slices.
    pub(super) fn block<'b>(&'b self, block: Range<usize>, made: &'b mut Made) -> Slices<'b> {
        let points = self.points();
        let range = block.start * points..block.end.max(block.start + LEAST) * points;
        if !self.slices.is_empty() {
            return Slices {
                values: &self.slices[range.clone()],
                powers: &self.powers[range],
            };
        }
        made.values.clear();
        made.values.resize(range.len(), Complex32::default());
        self.make(&self.grid.rotations[block], &mut made.values);
        made.powers.clear();
        let powers = made.values.iter().map(Complex32::norm_sqr);
        made.powers.extend(powers);
        Slices {
            values: &made.values,
            powers: &made.powers,
        }
    }

    fn make(&self, rotations: &[DQuat], out: &mut [Complex32]) {
        let points = self.points().max(1);
        for (rotation, out) in rotations.iter().zip(out.chunks_mut(points)) {
            let inverse = DMat3::from_quat(rotation.conjugate());
            slice(self.reference, inverse, &self.positions, out);
        }
    }
}
