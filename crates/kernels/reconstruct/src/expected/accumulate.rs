//! Samples into the sums.

use glam::DMat3;
use rayon::prelude::*;
use thon_signal::fft::Complex32;

use super::sums::Element;
use super::{Contribution, Quanta, WeightedPlacement};
use crate::half_space::HalfSpace;

/// What all samples have in common.
#[derive(Clone, Copy)]
pub(super) struct Insertion {
    pub(super) space: HalfSpace,
    pub(super) padding: usize,
    pub(super) box_size: usize,
    pub(super) quanta: Quanta,
}

impl Insertion {
    /// Adds all contributions.
    pub(super) fn run(&self, elements: &mut [Element], contributions: &[Contribution<'_>]) {
        let plane = self.space.plane();
        elements
            .par_chunks_mut(plane)
            .enumerate()
            .for_each(|(z, elements)| {
                for contribution in contributions {
                    for placement in contribution.placements {
                        self.insert(elements, z, contribution, placement);
                    }
                }
            });
    }

    fn insert(
        &self,
        elements: &mut [Element],
        z: usize,
        contribution: &Contribution<'_>,
        placement: &WeightedPlacement,
    ) {
        let inverse = DMat3::from_quat(placement.rotation.conjugate()) * self.padding as f64;
        let turn = placement.shift / self.box_size as f64;
        let extent = self.space.extent as f64;
        let scale = (1.0 / self.quanta.products) as f32 * placement.weight;
        let weight_scale = (1.0 / self.quanta.weights) as f32 * placement.weight;
        for i in 0..contribution.count {
            let q = glam::DVec3::from_array(contribution.positions[i].map(f64::from));
            let p = inverse * q;
            if p.length_squared() >= extent * extent {
                continue;
            }
            let cell = self.space.cell(p);
            if cell.index[2] != z && cell.index[2] + 1 != z {
                continue;
            }
            let angle = std::f64::consts::TAU * q.dot(turn);
            let phase = Complex32::new(angle.cos() as f32, angle.sin() as f32);
            let mut value = contribution.products[i] * phase * scale;
            if cell.mirrored {
                value = value.conj();
            }
            let value = [value.re, value.im, contribution.weights[i] * weight_scale];
            let shares = &cell.weights()[4 * (z - cell.index[2])..][..4];
            let first = cell.index[1] * self.space.width() + cell.index[0];
            let width = self.space.width();
            for (corner, share) in [0, 1, width, width + 1].into_iter().zip(shares) {
                let element = &mut elements[first + corner];
                for (sum, value) in element.iter_mut().zip(value) {
                    *sum += (value * share).round_ties_even() as i64;
                }
            }
        }
    }
}
