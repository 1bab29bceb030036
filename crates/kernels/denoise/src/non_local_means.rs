//! Non-local means: the mean of voxels in a search window, weighted by how alike the cubes around them are (Buades, Coll & Morel
//! 2005; Multiscale Model. Simul. 4:490). Edges mirrored.
//!
//! For each offset of the window the squared differences of the volume and its shifted self are averaged over cubes by running
//! sums along x, y and z, so the cost does not depend on the size of the cubes.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::DenoiseError;
use crate::bands::Band;
use crate::smooth::mirrored;
use crate::stencil::exp_negative;

/// Options of non-local means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NonLocalMeansOptions {
    /// Half the edge of the search window, voxels.
    #[schemars(range(min = 1, max = 10))]
    pub search: usize,
    /// Half the edge of the cubes that are compared, voxels.
    #[schemars(range(min = 1, max = 4))]
    pub patch: usize,
    /// Strength: root mean square difference of cubes beyond which they are not alike, standard deviations of the volume, beyond
    /// that of independent noise.
    #[schemars(range(min = 0.01, max = 10.0))]
    pub strength: f64,
}

impl Default for NonLocalMeansOptions {
    /// 9 × 9 × 9 voxels, cubes of 3 × 3 × 3, 0.6 deviations.
    fn default() -> Self {
        Self {
            search: 4,
            patch: 1,
            strength: 0.6,
        }
    }
}

impl NonLocalMeansOptions {
    /// Planes in work for each plane that is made.
    pub(crate) const PLANES: usize = 8;

    pub(crate) fn check(&self) -> Result<(), DenoiseError> {
        DenoiseError::check("search", self.search as f64, 1.0..=10.0, "1 to 10 voxels")?;
        DenoiseError::check("patch", self.patch as f64, 1.0..=4.0, "1 to 4 voxels")?;
        DenoiseError::check(
            "strength",
            self.strength,
            0.01..=10.0,
            "0.01 to 10 deviations",
        )
    }
}

pub(crate) fn average(options: &NonLocalMeansOptions, band: &mut Band, deviation: f64) {
    let [nz, ny, nx] = band.dims;
    let area = ny * nx;
    let noise = noise_deviation(band).min(deviation);
    let alike = 1.0 / (options.strength * deviation).powi(2);
    let reach = options.search as isize;
    let offsets: Vec<[isize; 3]> = (-reach..=reach)
        .flat_map(|z| (-reach..=reach).map(move |y| (z, y)))
        .flat_map(|(z, y)| (-reach..=reach).map(move |x| [z, y, x]))
        .filter(|offset| *offset != [0; 3])
        .collect();
    let old = &band.voxels;
    let mut new = vec![0.0_f32; old.len()];
    new.par_chunks_mut(area).enumerate().for_each_init(
        || Work::new(area),
        |work, (z, out)| {
            let plane = |z: isize| &old[mirrored(z, nz) * area..][..area];
            let at = z as isize;
            work.sums.fill(0.0);
            work.largest.fill(0.0);
            for &[dz, dy, dx] in &offsets {
                work.compare(plane, at, [dz, dy, dx], [ny, nx], options.patch);
                let shifted = plane(at + dz);
                // Independent noise alone makes 2σ² of difference.
                let expected = (2.0 * noise * noise) as f32;
                work.add(shifted, [dy, dx], [ny, nx], expected, alike as f32, out);
            }
            let here = plane(at);
            for (((out, sum), largest), value) in
                out.iter_mut().zip(&work.sums).zip(&work.largest).zip(here)
            {
                let own = largest.max(1e-6);
                *out = (*out + own * value) / (sum + own);
            }
        },
    );
    band.voxels = new;
}

/// Deviation of the noise: differences of neighbours, robustly.
fn noise_deviation(band: &Band) -> f64 {
    let differences: Vec<f32> = band
        .voxels
        .chunks(band.dims[2])
        .step_by(7)
        .flat_map(|row| row.windows(2).step_by(3).map(|w| (w[1] - w[0]).abs()))
        .collect();
    let middle = thon_signal::statistics::median(&differences).unwrap_or(0.0);
    f64::from(middle) * 1.4826 / std::f64::consts::SQRT_2
}

/// Planes that one thread works with.
struct Work {
    /// Mean squared difference of cubes.
    distance: Vec<f32>,
    spare: Vec<f32>,
    sums: Vec<f32>,
    /// The largest weight so far: the voxel's own.
    largest: Vec<f32>,
}

impl Work {
    fn new(area: usize) -> Self {
        Self {
            distance: vec![0.0; area],
            spare: vec![0.0; area],
            sums: vec![0.0; area],
            largest: vec![0.0; area],
        }
    }

    /// Mean over cubes of the squared difference of plane `z` and the volume moved by `offset`.
    fn compare<'a>(
        &mut self,
        plane: impl Fn(isize) -> &'a [f32],
        z: isize,
        [dz, dy, dx]: [isize; 3],
        [ny, nx]: [usize; 2],
        patch: usize,
    ) {
        let patch = patch as isize;
        self.spare.fill(0.0);
        for pz in -patch..=patch {
            let (a, b) = (plane(z + pz), plane(z + pz + dz));
            for y in 0..ny {
                let other = &b[mirrored(y as isize + dy, ny) * nx..][..nx];
                let own = &a[y * nx..][..nx];
                let out = &mut self.spare[y * nx..][..nx];
                for_shifted(nx, dx, |x, shifted| {
                    let apart = own[x] - other[shifted];
                    out[x] += apart * apart;
                });
            }
        }
        let count = (2 * patch + 1).pow(3) as f32;
        for y in 0..ny {
            let out = &mut self.distance[y * nx..][..nx];
            out.fill(0.0);
            for py in -patch..=patch {
                let row = &self.spare[mirrored(y as isize + py, ny) * nx..][..nx];
                for px in -patch..=patch {
                    for_shifted(nx, px, |x, shifted| out[x] += row[shifted]);
                }
            }
            for value in out {
                *value /= count;
            }
        }
    }

    /// Adds the moved plane with the weights that the distances stand for.
    fn add(
        &mut self,
        shifted: &[f32],
        [dy, dx]: [isize; 2],
        [ny, nx]: [usize; 2],
        expected: f32,
        alike: f32,
        out: &mut [f32],
    ) {
        for y in 0..ny {
            let row = &shifted[mirrored(y as isize + dy, ny) * nx..][..nx];
            let line = y * nx..(y + 1) * nx;
            let distance = &self.distance[line.clone()];
            let (sums, largest) = (
                &mut self.sums[line.clone()],
                &mut self.largest[line.clone()],
            );
            let out = &mut out[line];
            for_shifted(nx, dx, |x, from| {
                let weight = exp_negative(-(distance[x] - expected).max(0.0) * alike);
                out[x] += weight * row[from];
                sums[x] += weight;
                largest[x] = largest[x].max(weight);
            });
        }
    }
}

/// Calls `f(x, x + d)` for every x of a row, the second mirrored at the ends.
fn for_shifted(nx: usize, d: isize, mut f: impl FnMut(usize, usize)) {
    let first = (-d).clamp(0, nx as isize) as usize;
    let last = (nx as isize - d).clamp(first as isize, nx as isize) as usize;
    for x in 0..first {
        f(x, mirrored(x as isize + d, nx));
    }
    for x in first..last {
        f(x, (x as isize + d) as usize);
    }
    for x in last..nx {
        f(x, mirrored(x as isize + d, nx));
    }
}
