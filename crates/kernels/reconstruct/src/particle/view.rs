//! One tilt image of one particle, and its way into the sums.

use std::f64::consts::PI;

use glam::{DMat3, DVec2};
use rayon::prelude::*;
use thon_compute::{Progress, check};
use thon_signal::fft::{Complex32, Fft2, half_length, signed_index};

use super::PartialSums;
use super::sums::Element;
use crate::ReconstructError;

/// One tilt image of one particle.
#[derive(Clone, Debug)]
pub struct ParticleView {
    /// The box `[m, m]` around the particle. m = n, the size of the map, is the usual choice (and RELION's); m = 2n keeps
    /// what the CTF carries beyond n and the lowest frequencies, for four times the work.
    pub image: Vec<f32>,
    /// Edge m of the box, at least the map's n.
    pub size: usize,
    /// Particle → camera, affine included: `tilt.matrix() * pose.rotation.matrix()`. Only the first two rows count.
    pub projection: DMat3,
    /// Where the particle's centre lies relative to pixel ⌊m/2⌋, (x, y) pixels.
    pub offset: DVec2,
    /// Transfer t(k), `[m, m/2 + 1]`; absent for 1 everywhere.
    pub transfer: Option<Vec<f32>>,
    /// True when the image was already multiplied by `transfer`.
    pub premultiplied: bool,
    /// Weight of the view as a whole, ≥ 0; 1 as a rule.
    pub weight: f32,
}

/// A view as the sums take it: w·t·X with phases from the particle's centre, and w·t².
pub(super) struct PreparedView {
    pub(super) size: usize,
    pub(super) projection: DMat3,
    /// `[m, m/2 + 1]`.
    pub(super) samples: Vec<Element>,
}

/// Counts phases of a half spectrum `[n, n/2 + 1]` from `origin` (x, y pixels) instead of the first pixel:
/// F(k)·exp(+2πi k·origin/n).
pub(crate) fn centre_phases(spectrum: &mut [Complex32], n: usize, origin: DVec2) {
    let half = half_length(n);
    let phase = |k: f64, shift: f64| {
        let turns = (k * shift / n as f64).fract();
        let (sine, cosine) = (2.0 * PI * turns).sin_cos();
        Complex32::new(cosine as f32, sine as f32)
    };
    let along_x: Vec<Complex32> = (0..half).map(|kx| phase(kx as f64, origin.x)).collect();
    for (iy, row) in spectrum.chunks_mut(half).enumerate() {
        let along_y = phase(signed_index(iy, n) as f64, origin.y);
        for (value, x) in row.iter_mut().zip(&along_x) {
            *value *= x * along_y;
        }
    }
}

impl ParticleView {
    fn check(&self, map_size: usize) -> Result<(), ReconstructError> {
        let n = self.size;
        if !(map_size..=4 * map_size).contains(&n) {
            return Err(ReconstructError::parameter(
                "box size",
                &n,
                "1 to 4 times that of the map",
            ));
        }
        ReconstructError::check_length("particle image", self.image.len(), n * n)?;
        if let Some(transfer) = &self.transfer {
            ReconstructError::check_length("transfer", transfer.len(), n * half_length(n))?;
        }
        if !(self.weight.is_finite() && self.weight >= 0.0) {
            return Err(ReconstructError::parameter(
                "weight",
                &self.weight,
                "0 or more",
            ));
        }
        let area = self
            .projection
            .row(0)
            .cross(self.projection.row(1))
            .length();
        if !(area.is_finite() && area > 1e-3 && self.offset.is_finite()) {
            return Err(ReconstructError::parameter(
                "projection",
                &self.projection,
                "a finite matrix that does not squeeze the image to a line",
            ));
        }
        if !self.image.iter().all(|value| value.is_finite()) {
            return Err(ReconstructError::parameter(
                "particle image",
                &"infinite or not a number somewhere",
                "finite pixels",
            ));
        }
        Ok(())
    }

    pub(super) fn prepare(&self, map_size: usize) -> Result<PreparedView, ReconstructError> {
        self.check(map_size)?;
        let n = self.size;
        let fft = Fft2::plan([n, n]);
        let mut data = vec![Complex32::default(); n * half_length(n)];
        fft.forward_into(&self.image, &mut data);
        centre_phases(&mut data, n, self.offset + DVec2::splat((n / 2) as f64));
        // An image stretched by an affine matrix A has |det A| times the spectrum of the slice. A box m times as wide has m²
        // times the samples, each with m² times the noise.
        let area = self
            .projection
            .row(0)
            .cross(self.projection.row(1))
            .length();
        let total = self.weight * (map_size as f32 / n as f32).powi(2);
        let scale = total / area as f32;
        let mut samples: Vec<Element> = match &self.transfer {
            None => data
                .iter()
                .map(|v| [v.re * scale, v.im * scale, total, 0.0])
                .collect(),
            Some(transfer) => data
                .iter()
                .zip(transfer)
                .map(|(v, t)| {
                    let factor = if self.premultiplied { scale } else { scale * t };
                    [v.re * factor, v.im * factor, total * t * t, 0.0]
                })
                .collect(),
        };
        // The origin is its own Friedel mate and would count twice.
        samples[0] = samples[0].map(|value| 0.5 * value);
        Ok(PreparedView {
            size: n,
            projection: self.projection,
            samples,
        })
    }
}

impl PartialSums {
    /// Adds views to the sums. The result depends on their order, not on threads or on how they are cut into calls.
    ///
    /// # Errors
    /// [`ReconstructError`] for a view of the wrong size or with values that are not finite; nothing is added then.
    pub fn insert(&mut self, views: &[ParticleView]) -> Result<(), ReconstructError> {
        let n = self.box_size();
        let prepared = views
            .par_iter()
            .map(|view| view.prepare(n))
            .collect::<Result<Vec<_>, _>>()?;
        self.insert_prepared(&prepared);
        Ok(())
    }
}

/// Streams views into `sums`, `batch` at a time; progress is reported in views, against `total`.
///
/// # Errors
/// The first error of the stream, or of [`PartialSums::insert`], or cancellation.
pub fn accumulate<E: From<ReconstructError>>(
    sums: &mut PartialSums,
    views: impl IntoIterator<Item = Result<ParticleView, E>>,
    batch: usize,
    total: u64,
    progress: &dyn Progress,
) -> Result<(), E> {
    let batch = batch.max(1);
    let mut held = Vec::with_capacity(batch);
    let mut views = views.into_iter();
    loop {
        for view in views.by_ref().take(batch) {
            held.push(view?);
        }
        if held.is_empty() {
            return Ok(());
        }
        check(progress).map_err(ReconstructError::from)?;
        sums.insert(&held)?;
        progress.advance(sums.views(), total);
        held.clear();
    }
}
