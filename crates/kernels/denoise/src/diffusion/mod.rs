//! Anisotropic non-linear diffusion: u_t = div(D ∇u), D from the structure tensor.
//!
//! J = G_ρ ∗ (∇u_σ ∇u_σᵀ) has eigenvalues μ₁ ≥ μ₂ ≥ μ₃; v₃ is the direction in which densities change least.
//! ```text
//!   edge-enhancing       D = g I + (1 − g) v₃v₃ᵀ      g = 1 − exp(−3.31488 (K/s)¹⁶),  s² = tr J
//!   coherence-enhancing  D = α I + (1 − α) exp(−K⁴/(μ₁ − μ₃)²) v₃v₃ᵀ,  α = 0.001
//!   hybrid               edge-enhancing where μ₁ − μ₂ > μ₂ − μ₃ (sheets), else coherence-enhancing (threads)
//! ```
//! (Weickert 1998, Anisotropic Diffusion in Image Processing; Frangakis & Hegerl 2001, J. Struct. Biol. 135:239; Fernández & Li
//! 2003, J. Struct. Biol. 144:152.) K is the mean gradient of the volume as it is at that step (Fernández 2012, J. Struct.
//! Biol. 177:152), measured on a band from its middle, or a number of deviations. v₃v₃ᵀ comes from the adjugate of J, squared
//! until one direction is left: no roots, no branches.

mod step;
mod structure;
mod tensor;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DenoiseError;
use crate::bands::Band;
use crate::smooth::weights;
use step::StepPlan;

/// Which structures are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiffusionKind {
    /// Smooths on both sides of edges, along them at them.
    #[default]
    EdgeEnhancing,
    /// Smooths along threads.
    CoherenceEnhancing,
    /// The one at sheets, the other at threads.
    Hybrid,
}

/// Options of anisotropic diffusion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DiffusionOptions {
    /// Which structures are kept.
    pub kind: DiffusionKind,
    /// Steps in time.
    #[schemars(range(min = 1, max = 500))]
    pub iterations: usize,
    /// Length of a step; above 0.15 it is not stable.
    #[schemars(range(min = 0.001, max = 0.15))]
    pub time_step: f64,
    /// K over the mean gradient of the volume at each step; more smooths more.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub gradient_scale: f64,
    /// K in standard deviations of the volume per voxel, instead of the mean gradient.
    #[schemars(range(min = 0.0001, max = 100.0))]
    pub fixed_gradient: Option<f64>,
    /// σ: smoothing before gradients are taken, voxels.
    #[schemars(range(min = 0.0, max = 3.0))]
    pub sigma: f64,
    /// ρ: smoothing of the structure tensor, voxels.
    #[schemars(range(min = 0.0, max = 3.0))]
    pub tensor_sigma: f64,
}

impl Default for DiffusionOptions {
    /// 10 steps of 0.1, K the mean gradient, σ 0.5, ρ 0.8.
    fn default() -> Self {
        Self {
            kind: DiffusionKind::EdgeEnhancing,
            iterations: 10,
            time_step: 0.1,
            gradient_scale: 1.0,
            fixed_gradient: None,
            sigma: 0.5,
            tensor_sigma: 0.8,
        }
    }
}

impl DiffusionOptions {
    pub(crate) fn check(&self) -> Result<(), DenoiseError> {
        let check = DenoiseError::check;
        check(
            "iterations",
            self.iterations as f64,
            1.0..=500.0,
            "1 to 500",
        )?;
        check("time_step", self.time_step, 0.001..=0.15, "0.001 to 0.15")?;
        check(
            "gradient_scale",
            self.gradient_scale,
            0.01..=100.0,
            "0.01 to 100",
        )?;
        if let Some(k) = self.fixed_gradient {
            check(
                "fixed_gradient",
                k,
                0.0001..=100.0,
                "0.0001 to 100 deviations",
            )?;
        }
        check("sigma", self.sigma, 0.0..=3.0, "0 to 3 voxels")?;
        check(
            "tensor_sigma",
            self.tensor_sigma,
            0.0..=3.0,
            "0 to 3 voxels",
        )
    }

    /// Rows around a band whose content reaches what is kept: four deviations of the diffusion.
    pub(crate) fn halo(&self) -> usize {
        let time = self.iterations as f64 * self.time_step;
        (4.0 * (2.0 * time).sqrt() + 2.5 * (self.sigma + self.tensor_sigma)).ceil() as usize + 3
    }

    /// Planes that a thread keeps.
    pub(crate) fn planes_per_thread(&self) -> usize {
        let (sigma, rho) = (weights(self.sigma).len(), weights(self.tensor_sigma).len());
        // Smoothed in the plane, smoothed across planes, D of four planes, and room.
        2 * sigma + 2 * rho + 2 + 24 + 3
    }
}

/// The K of every step for a volume of standard deviation `deviation`: measured on `sample`, which is diffused on the way.
pub(crate) fn schedule(options: &DiffusionOptions, sample: &mut Band, deviation: f64) -> Vec<f64> {
    if let Some(k) = options.fixed_gradient {
        return vec![k * deviation; options.iterations];
    }
    (0..options.iterations)
        .map(|_| {
            let k = options.gradient_scale * step::mean_gradient(sample, options.sigma);
            advance(options, sample, k);
            k
        })
        .collect()
}

/// All steps on one band.
pub(crate) fn diffuse(options: &DiffusionOptions, band: &mut Band, schedule: &[f64]) {
    for &k in schedule {
        advance(options, band, k);
    }
}

/// One step.
fn advance(options: &DiffusionOptions, band: &mut Band, k: f64) {
    let [_, ny, nx] = band.dims;
    let plan = StepPlan::new(options, band.dims, k);
    let mut next = vec![0.0_f32; band.voxels.len()];
    next.par_chunks_mut(step::CHUNK * ny * nx)
        .enumerate()
        .for_each(|(chunk, out)| plan.run(&band.voxels, chunk * step::CHUNK, out));
    band.voxels = next;
}
