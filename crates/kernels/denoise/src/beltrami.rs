//! Beltrami flow: the volume as a surface in four dimensions, moving so that its area shrinks; edges move slowly.
//!
//! ```text
//!   u_t = g^(−1/2) div(g^(−1/2) ∇u)        g = 1 + |∇u|²
//! ```
//! with densities in units of `edge` standard deviations. Kimmel, Malladi & Sochen 2000 (Int. J. Comput. Vis. 39:111); for
//! tomograms Fernández 2009 (BMC Bioinformatics 10:178). No threshold has to be chosen.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use pulp::{Simd, WithSimd};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DenoiseError;
use crate::bands::Band;
use crate::smooth::mirrored;
use crate::stencil::Ring;

/// Planes that one task makes.
const CHUNK: usize = 24;

/// Options of Beltrami flow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BeltramiOptions {
    /// Steps in time.
    #[schemars(range(min = 1, max = 1000))]
    pub iterations: usize,
    /// Length of a step; above 0.16 it is not stable.
    #[schemars(range(min = 0.001, max = 0.16))]
    pub time_step: f64,
    /// Difference between neighbours that counts as an edge, standard deviations of the volume.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub edge: f64,
}

impl Default for BeltramiOptions {
    /// 70 steps of 0.15, edges of one deviation.
    fn default() -> Self {
        Self {
            iterations: 70,
            time_step: 0.15,
            edge: 1.0,
        }
    }
}

impl BeltramiOptions {
    pub(crate) fn check(&self) -> Result<(), DenoiseError> {
        DenoiseError::check(
            "iterations",
            self.iterations as f64,
            1.0..=1000.0,
            "1 to 1000",
        )?;
        DenoiseError::check("time_step", self.time_step, 0.001..=0.16, "0.001 to 0.16")?;
        DenoiseError::check("edge", self.edge, 0.01..=100.0, "0.01 to 100 deviations")
    }

    pub(crate) fn halo(&self) -> usize {
        (4.0 * (2.0 * self.iterations as f64 * self.time_step).sqrt()).ceil() as usize + 2
    }
}

pub(crate) fn flow(options: &BeltramiOptions, band: &mut Band, deviation: f64) {
    let [nz, ny, nx] = band.dims;
    let area = ny * nx;
    let scale = (1.0 / (options.edge * deviation).powi(2)) as f32;
    let time_step = options.time_step as f32;
    let mut next = vec![0.0_f32; band.voxels.len()];
    for _ in 0..options.iterations {
        let u = &band.voxels;
        next.par_chunks_mut(CHUNK * area)
            .enumerate()
            .for_each(|(chunk, out)| {
                let first = chunk * CHUNK;
                // g^(−1/2) of the planes below, here and above.
                let mut roots = Ring::new(4, area, nz, first.saturating_sub(1));
                let plane = |z: isize| &u[mirrored(z, nz) * area..][..area];
                for (z, out) in (first..).zip(out.chunks_mut(area)) {
                    let at = z as isize;
                    while roots.wants(at + 1) {
                        let (z, out) = roots.make();
                        let at = z as isize;
                        pulp::Arch::new().dispatch(Roots {
                            size: [ny, nx],
                            u: [plane(at - 1), plane(at), plane(at + 1)],
                            scale,
                            out,
                        });
                    }
                    pulp::Arch::new().dispatch(Advance {
                        size: [ny, nx],
                        u: [plane(at - 1), plane(at), plane(at + 1)],
                        g: [roots.at(at - 1), roots.at(at), roots.at(at + 1)],
                        time_step,
                        out,
                    });
                }
            });
        std::mem::swap(&mut band.voxels, &mut next);
    }
}

/// 1/√(1 + scale |∇u|²) of one plane.
struct Roots<'a> {
    size: [usize; 2],
    u: [&'a [f32]; 3],
    scale: f32,
    out: &'a mut [f32],
}

impl WithSimd for Roots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [ny, nx] = self.size;
        let [below, here, above] = self.u;
        let quarter = 0.25 * self.scale;
        for y in 0..ny {
            let (north, south) = (y.saturating_sub(1) * nx, (y + 1).min(ny - 1) * nx);
            let (north, south) = (&here[north..][..nx], &here[south..][..nx]);
            let row = y * nx..(y + 1) * nx;
            let (under, over) = (&below[row.clone()], &above[row.clone()]);
            let middle = &here[row.clone()];
            let out = &mut self.out[row];
            for x in 0..nx {
                let (gy, gz) = (south[x] - north[x], over[x] - under[x]);
                out[x] = gy * gy + gz * gz;
            }
            for x in 1..nx.max(2) - 1 {
                let gx = middle[x + 1] - middle[x - 1];
                out[x] += gx * gx;
            }
            let gx = middle[1.min(nx - 1)] - middle[0];
            out[0] += gx * gx;
            if nx > 1 {
                let gx = middle[nx - 1] - middle[nx - 2];
                out[nx - 1] += gx * gx;
            }
            for value in out {
                *value = 1.0 / (1.0 + quarter * *value).sqrt();
            }
        }
    }
}

/// One step on one plane.
struct Advance<'a> {
    size: [usize; 2],
    u: [&'a [f32]; 3],
    g: [&'a [f32]; 3],
    time_step: f32,
    out: &'a mut [f32],
}

impl WithSimd for Advance<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [ny, nx] = self.size;
        let ([u0, u1, u2], [g0, g1, g2]) = (self.u, self.g);
        let half = 0.5 * self.time_step;
        for y in 0..ny {
            let rows = [y.saturating_sub(1), y, (y + 1).min(ny - 1)].map(|y| y * nx..(y + 1) * nx);
            let [north, here, south] = rows;
            let (un, us) = (&u1[north.clone()], &u1[south.clone()]);
            let (gn, gs) = (&g1[north], &g1[south]);
            let (ub, uo) = (&u0[here.clone()], &u2[here.clone()]);
            let (gb, go) = (&g0[here.clone()], &g2[here.clone()]);
            let (u, g) = (&u1[here.clone()], &g1[here.clone()]);
            let out = &mut self.out[here];
            for x in 0..nx {
                let (c, w) = (u[x], g[x]);
                out[x] = (gn[x] + w) * (un[x] - c)
                    + (gs[x] + w) * (us[x] - c)
                    + (gb[x] + w) * (ub[x] - c)
                    + (go[x] + w) * (uo[x] - c);
            }
            for x in 0..nx - 1 {
                out[x] += (g[x + 1] + g[x]) * (u[x + 1] - u[x]);
            }
            for x in 1..nx {
                out[x] += (g[x - 1] + g[x]) * (u[x - 1] - u[x]);
            }
            for x in 0..nx {
                out[x] = u[x] + half * g[x] * out[x];
            }
        }
    }
}
