//! The bilateral filter: the mean of neighbours, weighted by distance in space and in density (Tomasi & Manduchi 1998; for
//! tomograms Jiang et al. 2003, J. Struct. Biol. 144:114). Edges mirrored.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DenoiseError;
use crate::bands::Band;
use crate::smooth::mirrored;
use crate::stencil::exp_negative;

/// Options of the bilateral filter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BilateralOptions {
    /// Half the edge of the cube that is looked at, voxels.
    #[schemars(range(min = 1, max = 8))]
    pub radius: usize,
    /// Standard deviation of the weights in space, voxels.
    #[schemars(range(min = 0.1, max = 8.0))]
    pub space: f64,
    /// Standard deviation of the weights in density, standard deviations of the volume.
    #[schemars(range(min = 0.01, max = 100.0))]
    pub density: f64,
}

impl Default for BilateralOptions {
    /// 5 × 5 × 5 voxels, 1.2 voxels, 1.5 deviations.
    fn default() -> Self {
        Self {
            radius: 2,
            space: 1.2,
            density: 1.5,
        }
    }
}

impl BilateralOptions {
    pub(crate) fn check(&self) -> Result<(), DenoiseError> {
        DenoiseError::check("radius", self.radius as f64, 1.0..=8.0, "1 to 8 voxels")?;
        DenoiseError::check("space", self.space, 0.1..=8.0, "0.1 to 8 voxels")?;
        DenoiseError::check(
            "density",
            self.density,
            0.01..=100.0,
            "0.01 to 100 deviations",
        )
    }
}

pub(crate) fn filter(options: &BilateralOptions, band: &mut Band, deviation: f64) {
    let [nz, ny, nx] = band.dims;
    let reach = options.radius as isize;
    let space = |squared: isize| (-0.5 * squared as f64 / options.space.powi(2)).exp() as f32;
    let sharp = (0.5 / (options.density * deviation).powi(2)) as f32;
    let old = &band.voxels;
    let mut new = vec![0.0_f32; old.len()];
    new.par_chunks_mut(nx).enumerate().for_each_init(
        || (vec![0.0_f32; nx], vec![0.0_f32; nx + 2 * options.radius]),
        |(sums, padded), (line, out)| {
            let (z, y) = ((line / ny) as isize, (line % ny) as isize);
            let centre = &old[line * nx..][..nx];
            sums.fill(0.0);
            for dz in -reach..=reach {
                for dy in -reach..=reach {
                    let row = (mirrored(z + dz, nz) * ny + mirrored(y + dy, ny)) * nx;
                    for (i, value) in padded.iter_mut().enumerate() {
                        *value = old[row + mirrored(i as isize - reach, nx)];
                    }
                    for dx in -reach..=reach {
                        let weight = space(dz * dz + dy * dy + dx * dx);
                        let near = &padded[(dx + reach) as usize..][..nx];
                        pulp::Arch::new().dispatch(|| add(out, sums, centre, near, weight, sharp));
                    }
                }
            }
            for (out, sum) in out.iter_mut().zip(&*sums) {
                *out /= sum;
            }
        },
    );
    band.voxels = new;
}

/// Adds one neighbour of every voxel of a row.
#[inline(always)]
#[expect(clippy::inline_always, reason = "part of vector loops")]
fn add(out: &mut [f32], sums: &mut [f32], centre: &[f32], near: &[f32], weight: f32, sharp: f32) {
    for (((out, sum), &here), &value) in out.iter_mut().zip(sums).zip(centre).zip(near) {
        let apart = value - here;
        let weight = weight * exp_negative(-apart * apart * sharp);
        *out += weight * value;
        *sum += weight;
    }
}
