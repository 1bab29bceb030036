//! How well a map agrees with itself after a rotation about its centre.

use glam::{DQuat, DVec3};
use ndarray::Array3;
use thon_likelihood::{HalfBall, Reference};
use thon_signal::mask::sphere;

use crate::SymmetryFitError;

/// A map prepared for being compared with its rotated self.
pub struct SelfCorrelation {
    reference: Reference,
    centre: DVec3,
    points: Vec<DVec3>,
    values: Vec<[f64; 2]>,
    starts: Vec<usize>,
}

impl SelfCorrelation {
    /// Transforms a map `[n, n, n]`, masked by a soft sphere of `radius` voxels about `centre` (voxels from ⌊n/2⌋), to be
    /// compared in shells 1 to `band`.
    ///
    /// # Errors
    /// [`SymmetryFitError::NotACube`]; [`SymmetryFitError::Option`] for a band beyond Nyquist.
    pub fn new(
        map: &Array3<f32>,
        centre: DVec3,
        radius: f64,
        band: usize,
    ) -> Result<Self, SymmetryFitError> {
        let (nz, ny, nx) = map.dim();
        if nz != ny || ny != nx {
            return Err(SymmetryFitError::NotACube(nz, ny, nx));
        }
        if band == 0 || 2 * band >= nx {
            return Err(SymmetryFitError::Option {
                name: "band",
                value: band.to_string(),
                expected: "a shell between 1 and Nyquist",
            });
        }
        let half = (nx / 2) as f64;
        let middle = [half + centre.x, half + centre.y, half + centre.z];
        let mask = sphere(
            [nz, ny, nx],
            [middle[2], middle[1], middle[0]],
            radius,
            (0.1 * radius).max(2.0),
        );
        let mean = map.iter().map(|v| f64::from(*v)).sum::<f64>() / map.len() as f64;
        let masked: Vec<f32> = map
            .iter()
            .zip(&mask)
            .map(|(v, m)| (v - mean as f32) * m)
            .collect();
        let reference = Reference::new(&masked, nx).map_err(|e| match e {
            thon_likelihood::LikelihoodError::Reconstruct(e) => SymmetryFitError::Reconstruct(e),
            other => SymmetryFitError::Option {
                name: "map",
                value: other.to_string(),
                expected: "a finite map",
            },
        })?;
        let ball = HalfBall::new(band);
        let points: Vec<DVec3> = ball
            .points
            .iter()
            .map(|p| DVec3::from_array(p.map(f64::from)))
            .collect();
        let mut prepared = Self {
            reference,
            centre,
            values: Vec::new(),
            points,
            starts: ball.starts,
        };
        prepared.values = prepared.points.iter().map(|&q| prepared.value(q)).collect();
        Ok(prepared)
    }

    /// The centre that rotations are about, voxels from voxel ⌊n/2⌋.
    pub fn centre(&self) -> DVec3 {
        self.centre
    }

    /// V(q) with phases counted from the centre.
    fn value(&self, q: DVec3) -> [f64; 2] {
        let v = self.reference.value(q);
        let (sin, cos) = (std::f64::consts::TAU * q.dot(self.centre)
            / self.reference.box_size() as f64)
            .sin_cos();
        let (re, im) = (f64::from(v.re), f64::from(v.im));
        [re * cos - im * sin, re * sin + im * cos]
    }

    /// The correlation of the map with itself turned by `rotation`: the mean of its Fourier shell correlations,
    /// shells weighted by the number of their points.
    pub fn at(&self, rotation: DQuat) -> f64 {
        self.about(rotation, DVec3::ZERO)
    }

    /// The same for a rotation about a point `moved` voxels from the centre.
    pub fn about(&self, rotation: DQuat, moved: DVec3) -> f64 {
        let back = rotation.conjugate();
        let per_voxel = std::f64::consts::TAU / self.reference.box_size() as f64;
        let mut sum = 0.0;
        for range in self.starts.windows(2).map(|w| w[0]..w[1]) {
            let (mut cross, mut own, mut turned) = (0.0, 0.0, 0.0);
            for i in range.clone() {
                let [ar, ai] = self.values[i];
                let source = back * self.points[i];
                let [br, bi] = self.value(source);
                let (sin, cos) = (per_voxel * (self.points[i] - source).dot(moved)).sin_cos();
                cross += (ar * br + ai * bi) * cos + (ar * bi - ai * br) * sin;
                own += ar * ar + ai * ai;
                turned += br * br + bi * bi;
            }
            if own > 0.0 && turned > 0.0 {
                sum += range.len() as f64 * cross / (own * turned).sqrt();
            }
        }
        sum / self.points.len() as f64
    }

    /// Mean and deviation of the correlation over random rotations: what no symmetry gives.
    pub fn background(&self, count: usize) -> (f64, f64) {
        let draws = thon_compute::parallel::map_indices(count, |i| {
            let mut random = thon_compute::seed_stream(1, "random rotation", i as u64);
            self.at(thon_geometry::random_rotation(&mut random))
        });
        let mean = draws.iter().sum::<f64>() / count as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / count as f64;
        (mean, variance.sqrt())
    }
}
