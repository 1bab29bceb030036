//! The score of a pose in a small box, the grid search, and refinement by steps about the axes.

use glam::{DMat3, DQuat, DVec3};
use ndarray::{Array3, Zip};
use rayon::prelude::*;
use thon_compute::Progress;
use thon_geometry::{Rotation, RotationGrid, Symmetry};
use thon_model::Map;
use thon_signal::correlate::{highest_peak3, refine_peak3};
use thon_signal::fft::{Complex32, Fft3, Origin, centre_phases};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::resample::{Interpolation, fourier_resample3, rotate3};

use super::{AlignError, AlignOptions};

/// Order of the grid of rotations: 15°.
const ORDER: u8 = 2;

/// A pose and how well it fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) rotation: DQuat,
    /// Voxels of the working box, `(x, y, z)`.
    pub(super) shift: [f64; 3],
    pub(super) score: f64,
}

/// A map and a reference in a small box.
pub(super) struct Scorer {
    map: Array3<f32>,
    /// Conjugate spectrum of the reference over both norms.
    reference: Array3<Complex32>,
    plan: Fft3,
    max_shift: f64,
}

impl Scorer {
    /// Both maps in a box of `size` voxels, filtered, inside the inscribed sphere.
    pub(super) fn new(
        map: &Map,
        reference: &Map,
        size: usize,
        options: &AlignOptions,
    ) -> Result<Self, AlignError> {
        let dims = [size; 3];
        let full = map.dims()[0] as f64;
        let voxel_size = map.voxel_size.0 * full / size as f64;
        // Interpolation is good to about two thirds of the Nyquist frequency.
        let finest = options.low_pass.map_or(0.0, |d| d.0).max(3.0 * voxel_size);
        let low_pass = RadialFilter::LowPass {
            cutoff: 1.0 / finest,
            edge: Edge::RaisedCosine(2.0 / (size as f64 * voxel_size)),
        };
        let edge = (size as f64 / 16.0).max(1.0);
        let ball = sphere(dims, box_centre(dims), size as f64 / 2.0 - edge - 1.0, edge);
        let small = |map: &Map, what| {
            let data = fourier_resample3(&map.data, dims, Origin::CentreVoxel);
            let mut data = apply_filters3(&data, voxel_size, std::slice::from_ref(&low_pass));
            let mean = data.iter().map(|v| f64::from(*v)).sum::<f64>() / data.len() as f64;
            Zip::from(&mut data)
                .and(&ball)
                .for_each(|v, b| *v = (*v - mean as f32) * b);
            let norm = data
                .iter()
                .map(|v| f64::from(*v).powi(2))
                .sum::<f64>()
                .sqrt();
            if norm > 0.0 && norm.is_finite() {
                Ok(data / norm as f32)
            } else {
                Err(AlignError::Flat(what))
            }
        };
        let plan = Fft3::plan(dims);
        let reference = plan.forward(&small(reference, "the reference")?);
        let max_shift = options
            .max_shift
            .map_or(size as f64 / 4.0, |d| d.0 / voxel_size);
        Ok(Self {
            map: small(map, "the map")?,
            reference: reference.mapv(|v| v.conj()),
            plan,
            max_shift: max_shift.max(1.0),
        })
    }

    /// Edge of the working box.
    pub(super) fn size(&self) -> usize {
        self.map.dim().0
    }

    /// The best shift of a rotation; to a small part of a voxel when `exact`.
    fn score(&self, rotation: DQuat, how: Interpolation, exact: bool) -> Candidate {
        let matrix = DMat3::from_quat(rotation);
        let turned = rotate3(&self.map, matrix, [0.0; 3], how, 0.0);
        let mut product = self.plan.forward(&turned);
        // c(s) = Σ reference(r + s)·turned(r): the peak is the shift that brings the turned map onto the reference.
        Zip::from(&mut product)
            .and(&self.reference)
            .for_each(|a, b| *a = (*a * b).conj());
        let dims = self.plan.dims();
        let mut centred = product.clone();
        centre_phases(&mut centred, dims, Origin::FirstVoxel);
        let peak = highest_peak3(&self.plan.inverse(&centred), self.max_shift);
        let (shift, value) = match peak {
            Some(peak) if exact => refine_peak3(&product, dims, peak.shift(dims)),
            Some(peak) => (peak.shift(dims), peak.value),
            None => ([0.0; 3], f32::MIN),
        };
        Candidate {
            rotation,
            shift,
            score: f64::from(value),
        }
    }

    /// The best candidates of the grid, each at least a step away from better ones.
    pub(super) fn search(
        &self,
        options: &AlignOptions,
        progress: &dyn Progress,
    ) -> Result<Vec<Candidate>, AlignError> {
        let grid = RotationGrid::new(ORDER, Symmetry::Cyclic(1));
        let rotations: Vec<DQuat> = match options.within {
            None => grid
                .samples()
                .map(|s| grid.rotation(s).quaternion())
                .collect(),
            Some(within) => {
                let near = grid.near(Rotation::identity(), within.radians());
                let near = near.iter().map(|(s, _)| grid.rotation(*s).quaternion());
                std::iter::once(DQuat::IDENTITY).chain(near).collect()
            }
        };
        let mut found = Vec::with_capacity(rotations.len());
        for block in rotations.chunks(256) {
            thon_compute::check(progress)?;
            found.par_extend(
                block
                    .par_iter()
                    .map(|q| self.score(*q, Interpolation::Linear, false)),
            );
        }
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        let apart = 1.2 * grid.spacing().0;
        let mut kept: Vec<Candidate> = Vec::new();
        for candidate in found {
            let near = |other: &Candidate| other.rotation.angle_between(candidate.rotation) < apart;
            if kept.len() < options.candidates.max(1) && !kept.iter().any(near) {
                kept.push(candidate);
            }
        }
        Ok(kept)
    }

    /// Climbs by turns about x, y and z of each of `steps` (degrees) in turn, as long as the score rises.
    pub(super) fn refined(&self, start: Candidate, steps: &[f64]) -> Candidate {
        let score = |q: DQuat| self.score(q, Interpolation::Cubic, true);
        let mut best = score(start.rotation);
        for step in steps {
            // A hill is never far; the bound only ends a walk on a plateau.
            for _ in 0..8 {
                let around: Vec<DQuat> = turns(*step).map(|t| t * best.rotation).collect();
                let next = around
                    .into_par_iter()
                    .map(score)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .reduce(|a, b| if b.score > a.score { b } else { a });
                match next {
                    Some(next) if next.score > best.score => best = next,
                    _ => break,
                }
            }
        }
        best
    }

    /// One step to the top of the parabolas through the neighbours `step` degrees away.
    pub(super) fn by_parabola(&self, at: Candidate, step: f64) -> Candidate {
        let score = |q: DQuat| self.score(q, Interpolation::Cubic, true);
        let vertex = |axis: DVec3| {
            let turned =
                |angle: f64| DQuat::from_axis_angle(axis, angle.to_radians()) * at.rotation;
            let (before, after) = (score(turned(-step)).score, score(turned(step)).score);
            let curvature = before - 2.0 * at.score + after;
            let offset = 0.5 * (before - after) / curvature;
            if curvature < 0.0 {
                (offset * step).clamp(-step, step)
            } else {
                0.0
            }
        };
        let by = DVec3::new(vertex(DVec3::X), vertex(DVec3::Y), vertex(DVec3::Z));
        let turn = DQuat::from_scaled_axis(by * std::f64::consts::PI / 180.0);
        let moved = score((turn * at.rotation).normalize());
        if moved.score > at.score { moved } else { at }
    }
}

/// Turns by ± `step` degrees about the three axes.
fn turns(step: f64) -> impl Iterator<Item = DQuat> {
    [DVec3::X, DVec3::Y, DVec3::Z]
        .into_iter()
        .flat_map(move |axis| {
            [-step, step].map(|angle| DQuat::from_axis_angle(axis, angle.to_radians()))
        })
}
