//! The median of the cube around every voxel; edges mirrored.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DenoiseError;
use crate::bands::Band;
use crate::smooth::mirrored;

/// Options of the median.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MedianOptions {
    /// Half the edge of the cube, voxels.
    #[schemars(range(min = 1, max = 4))]
    pub radius: usize,
    /// Times it is applied.
    #[schemars(range(min = 1, max = 20))]
    pub iterations: usize,
}

impl Default for MedianOptions {
    /// 3 × 3 × 3 voxels, once.
    fn default() -> Self {
        Self {
            radius: 1,
            iterations: 1,
        }
    }
}

impl MedianOptions {
    pub(crate) fn check(&self) -> Result<(), DenoiseError> {
        DenoiseError::check("radius", self.radius as f64, 1.0..=4.0, "1 to 4 voxels")?;
        DenoiseError::check("iterations", self.iterations as f64, 1.0..=20.0, "1 to 20")
    }
}

pub(crate) fn median(options: &MedianOptions, band: &mut Band) {
    let [nz, ny, nx] = band.dims;
    let reach = options.radius as isize;
    for _ in 0..options.iterations {
        let old = &band.voxels;
        let mut new = vec![0.0_f32; old.len()];
        new.par_chunks_mut(nx).enumerate().for_each(|(line, out)| {
            let (z, y) = ((line / ny) as isize, (line % ny) as isize);
            let rows: Vec<&[f32]> = (-reach..=reach)
                .flat_map(|dz| (-reach..=reach).map(move |dy| (dz, dy)))
                .map(|(dz, dy)| {
                    &old[(mirrored(z + dz, nz) * ny + mirrored(y + dy, ny)) * nx..][..nx]
                })
                .collect();
            let mut values = Vec::with_capacity(rows.len() * (2 * options.radius + 1));
            for (x, out) in out.iter_mut().enumerate() {
                values.clear();
                for dx in -reach..=reach {
                    let at = mirrored(x as isize + dx, nx);
                    values.extend(rows.iter().map(|row| row[at]));
                }
                let middle = values.len() / 2;
                *out = *values.select_nth_unstable_by(middle, f32::total_cmp).1;
            }
        });
        band.voxels = new;
    }
}
