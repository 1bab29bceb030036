//! One step of the diffusion on a stack of planes, plane after plane: smoothed densities, structure tensor, diffusion tensor, flux.
//!
//! Each stage keeps the few planes that the next one looks at. Second derivatives along one axis use D between voxels, mixed ones
//! central differences (Weickert's standard discretisation). Edges are mirrored: nothing flows out.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use pulp::{Simd, WithSimd};
use thon_compute::parallel::map_indices;

use super::DiffusionOptions;
use super::structure::{DiffusionPlane, TensorRows};
use super::tensor::Law;
use crate::bands::Band;
use crate::smooth::{combine, mirrored, smooth_plane, weights};
use crate::stencil::Ring;

/// Planes that one task makes.
pub(super) const CHUNK: usize = 24;

/// The constants of a step.
pub(super) struct StepPlan {
    dims: [usize; 3],
    sigma: Vec<f32>,
    rho: Vec<f32>,
    law: Law,
    time_step: f32,
}

impl StepPlan {
    pub(super) fn new(options: &DiffusionOptions, dims: [usize; 3], k: f64) -> Self {
        Self {
            dims,
            sigma: weights(options.sigma),
            rho: weights(options.tensor_sigma),
            law: Law::new(options.kind, k),
            time_step: options.time_step as f32,
        }
    }

    /// Makes planes `first ..` of the next volume.
    pub(super) fn run(&self, u: &[f32], first: usize, out: &mut [f32]) {
        let [nz, ny, nx] = self.dims;
        let area = ny * nx;
        let mut stages = Stages::new(self, u, first);
        for (z, out) in (first..).zip(out.chunks_mut(area)) {
            let at = z as isize;
            stages.prepare(at + 1);
            let plane = |z: isize| &u[mirrored(z, nz) * area..][..area];
            let flux = Flux {
                size: [ny, nx],
                u: [plane(at - 1), plane(at), plane(at + 1)],
                d: [stages.d.at(at - 1), stages.d.at(at), stages.d.at(at + 1)],
                time_step: self.time_step,
                out,
            };
            pulp::Arch::new().dispatch(flux);
        }
    }
}

/// The stages before the flux.
struct Stages<'a> {
    plan: &'a StepPlan,
    u: &'a [f32],
    smooth: Smoothed,
    /// D, six planes each.
    d: Ring,
    rows: TensorRows,
}

impl<'a> Stages<'a> {
    fn new(plan: &'a StepPlan, u: &'a [f32], first: usize) -> Self {
        let [nz, ny, nx] = plan.dims;
        let reach = plan.rho.len() - 1;
        let d = first.saturating_sub(1);
        Self {
            plan,
            u,
            smooth: Smoothed::new(
                plan.dims,
                &plan.sigma,
                reach + 1,
                d.saturating_sub(reach + 1),
            ),
            // One plane more than the span, because mirrored planes at the end are asked for again.
            d: Ring::new(4, 6 * ny * nx, nz, d),
            rows: TensorRows::new(nx, reach),
        }
    }

    /// Makes D up to `z`.
    fn prepare(&mut self, z: isize) {
        let [nz, ny, nx] = self.plan.dims;
        let reach = self.plan.rho.len() as isize - 1;
        while self.d.wants(z) {
            let at = self.d.next();
            self.smooth.prepare(self.u, at + reach + 1);
            let planes: Vec<_> = (-reach..=reach)
                .map(|step| {
                    let middle = mirrored(at + step, nz) as isize;
                    let around = [-1, 0, 1].map(|d| self.smooth.at(middle + d));
                    (self.plan.rho[step.unsigned_abs()], around)
                })
                .collect();
            pulp::Arch::new().dispatch(DiffusionPlane {
                size: [ny, nx],
                planes: &planes,
                weights: &self.plan.rho,
                law: self.plan.law,
                rows: &mut self.rows,
                out: self.d.make().1,
            });
        }
    }
}

/// Densities smoothed by σ, plane after plane.
struct Smoothed {
    dims: [usize; 3],
    weights: Vec<f32>,
    /// Smoothed in the plane.
    flat: Ring,
    /// Across planes as well.
    smooth: Ring,
    spare: Vec<f32>,
}

impl Smoothed {
    /// Planes from `first` on, of which `reach` on each side of one are kept.
    fn new(dims: [usize; 3], weights: &[f32], reach: usize, first: usize) -> Self {
        let [nz, ny, nx] = dims;
        let sigma = weights.len() - 1;
        Self {
            dims,
            weights: weights.to_vec(),
            flat: Ring::new(2 * sigma + 2, ny * nx, nz, first.saturating_sub(sigma)),
            smooth: Ring::new(2 * reach + 2, ny * nx, nz, first),
            spare: Vec::new(),
        }
    }

    /// Makes planes up to `z` of the volume `u`.
    fn prepare(&mut self, u: &[f32], z: isize) {
        let [_, ny, nx] = self.dims;
        let area = ny * nx;
        let reach = self.weights.len() as isize - 1;
        while self.smooth.wants(z) {
            let at = self.smooth.next();
            while self.flat.wants(at + reach) {
                let (z, flat) = self.flat.make();
                flat.copy_from_slice(&u[z * area..][..area]);
                smooth_plane(flat, [ny, nx], &self.weights, &mut self.spare);
            }
            let (_, smooth) = self.smooth.make();
            combine(smooth, &self.weights, |d| self.flat.at(at + d));
        }
    }

    fn at(&self, z: isize) -> &[f32] {
        self.smooth.at(z)
    }
}

/// u + dt · div(D ∇u) over one plane.
struct Flux<'a> {
    size: [usize; 2],
    u: [&'a [f32]; 3],
    /// D of the planes below, here and above: xx, yy, zz, xy, xz, yz.
    d: [&'a [f32]; 3],
    time_step: f32,
    out: &'a mut [f32],
}

impl WithSimd for Flux<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [ny, nx] = self.size;
        let area = ny * nx;
        // Rows with a mirrored voxel at both ends, so that the inner loop has no edge.
        let width = nx + 2;
        let mut padded = vec![0.0_f32; 30 * width];
        for y in 0..ny {
            let rows = [y.saturating_sub(1), y, (y + 1).min(ny - 1)];
            let mut slot = 0;
            let mut load = |plane: &[f32], row: usize| {
                let to = &mut padded[slot * width..][..width];
                let from = &plane[row * nx..][..nx];
                to[1..=nx].copy_from_slice(from);
                to[0] = from[0];
                to[nx + 1] = from[nx - 1];
                slot += 1;
            };
            // 0..9: u at (z, y) neighbours.
            for plane in self.u {
                for row in rows {
                    load(plane, row);
                }
            }
            let [under, here, over] = self.d;
            let component = |i: usize| i * area..(i + 1) * area;
            // 9..12: xx, xy, xz here; 12..15: yy above, here, below in y; 15..17: xy; 17..19: yz in y;
            for i in [0, 3, 4] {
                load(&here[component(i)], y);
            }
            for row in rows {
                load(&here[component(1)], row);
            }
            for i in [3, 5] {
                load(&here[component(i)], rows[0]);
                load(&here[component(i)], rows[2]);
            }
            // 19..22: zz below, here, above; 22..24: xz; 24..26: yz in z.
            for d in [under, here, over] {
                load(&d[component(2)], y);
            }
            for i in [4, 5] {
                load(&under[component(i)], y);
                load(&over[component(i)], y);
            }
            let row = |slot: usize| &padded[slot * width..][..width];
            let out = &mut self.out[y * nx..][..nx];
            flux_row(&row, self.time_step, out);
        }
    }
}

/// One row of the flux from the rows that `Flux` lays out.
#[inline(always)]
#[expect(
    clippy::needless_range_loop,
    reason = "one index into 27 rows, three columns each"
)]
fn flux_row<'a>(row: &impl Fn(usize) -> &'a [f32], time_step: f32, out: &mut [f32]) {
    let n = out.len();
    let u: [&[f32]; 9] = std::array::from_fn(|i| &row(i)[..n + 2]);
    let [unn, uno, unp, uon, uoo, uop, upn, upo, upp] = u;
    let (xx, xy, xz) = (&row(9)[..n + 2], &row(10)[..n + 2], &row(11)[..n + 2]);
    let (yy0, yy1, yy2) = (&row(12)[..n + 2], &row(13)[..n + 2], &row(14)[..n + 2]);
    let (xy0, xy2) = (&row(15)[..n + 2], &row(16)[..n + 2]);
    let (yz0, yz2) = (&row(17)[..n + 2], &row(18)[..n + 2]);
    let (zz0, zz1, zz2) = (&row(19)[..n + 2], &row(20)[..n + 2], &row(21)[..n + 2]);
    let (xz0, xz2) = (&row(22)[..n + 2], &row(23)[..n + 2]);
    let (zy0, zy2) = (&row(24)[..n + 2], &row(25)[..n + 2]);
    for x in 0..n {
        let (l, c, r) = (x, x + 1, x + 2);
        let here = uoo[c];
        let straight = (xx[r] + xx[c]) * (uoo[r] - here) - (xx[c] + xx[l]) * (here - uoo[l])
            + (yy2[c] + yy1[c]) * (uop[c] - here)
            - (yy1[c] + yy0[c]) * (here - uon[c])
            + (zz2[c] + zz1[c]) * (upo[c] - here)
            - (zz1[c] + zz0[c]) * (here - uno[c]);
        // ∂x(Dxy ∂y) + ∂y(Dxy ∂x), and so on.
        let mixed = xy[r] * (uop[r] - uon[r]) - xy[l] * (uop[l] - uon[l])
            + xy2[c] * (uop[r] - uop[l])
            - xy0[c] * (uon[r] - uon[l])
            + xz[r] * (upo[r] - uno[r])
            - xz[l] * (upo[l] - uno[l])
            + xz2[c] * (upo[r] - upo[l])
            - xz0[c] * (uno[r] - uno[l])
            + yz2[c] * (upp[c] - unp[c])
            - yz0[c] * (upn[c] - unn[c])
            + zy2[c] * (upp[c] - upn[c])
            - zy0[c] * (unp[c] - unn[c]);
        out[x] = here + time_step * (0.5 * straight + 0.25 * mixed);
    }
}

/// Mean length of the gradient of a band after smoothing by σ.
pub(super) fn mean_gradient(band: &Band, sigma: f64) -> f64 {
    let [nz, ny, nx] = band.dims;
    let weights = weights(sigma);
    let chunks = map_indices(nz.div_ceil(CHUNK), |chunk| {
        let planes = chunk * CHUNK..nz.min((chunk + 1) * CHUNK);
        let mut smooth = Smoothed::new(band.dims, &weights, 1, planes.start.saturating_sub(1));
        let mut sum = 0.0_f64;
        for z in planes {
            let at = z as isize;
            smooth.prepare(&band.voxels, at + 1);
            sum += gradient_lengths([-1, 0, 1].map(|d| smooth.at(at + d)), [ny, nx]);
        }
        sum
    });
    chunks.iter().sum::<f64>() / band.voxels.len() as f64
}

/// Σ of |∇u| over one plane.
fn gradient_lengths([below, here, above]: [&[f32]; 3], [ny, nx]: [usize; 2]) -> f64 {
    let mut sum = 0.0_f64;
    for y in 0..ny {
        let (up, down) = (y.saturating_sub(1) * nx, (y + 1).min(ny - 1) * nx);
        for x in 0..nx {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(nx - 1));
            let i = y * nx + x;
            let gx = here[y * nx + right] - here[y * nx + left];
            let gy = here[down + x] - here[up + x];
            let gz = above[i] - below[i];
            sum += 0.5 * f64::from((gx * gx + gy * gy + gz * gz).sqrt());
        }
    }
    sum
}
