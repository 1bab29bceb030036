//! Work for benches: a plan and a field of a given shape, transformed again and again without allocation.

use super::{Complex32, Fft3};

/// A real transform forward and back, ready to be timed. Floor: 2.5·N·log₂N FLOP each way, and three passes over
/// 4·N bytes of data.
pub struct RealRoundTrip {
    plan: Fft3,
    volume: Vec<f32>,
    spectrum: Vec<Complex32>,
}

impl RealRoundTrip {
    /// Prepares a field of `[nz, ny, nx]` (`nz = 1` for an image).
    pub fn prepare(dims: [usize; 3]) -> Self {
        let plan = Fft3::plan(dims);
        let volume = (0..dims.iter().product())
            .map(|i: usize| ((i * 7919) % 1031) as f32 / 515.0 - 1.0)
            .collect();
        let spectrum = vec![Complex32::default(); plan.half_dims().iter().product()];
        Self {
            plan,
            volume,
            spectrum,
        }
    }

    /// One forward transform.
    pub fn forward(&mut self) {
        self.plan.forward_into(&self.volume, &mut self.spectrum);
    }

    /// One inverse transform of whatever the spectrum holds.
    pub fn inverse(&mut self) {
        self.plan.inverse_into(&mut self.spectrum, &mut self.volume);
    }

    /// Floating-point operations of one direction, by the usual count 2.5·N·log₂N.
    pub fn operations(&self) -> f64 {
        let elements = self.volume.len() as f64;
        2.5 * elements * elements.log2()
    }
}
