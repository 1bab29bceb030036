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
use super::tensor::{Law, diffusion_row};
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
    /// u smoothed in its plane; across planes; J smoothed in its plane; D.
    flat: Ring,
    smooth: Ring,
    j: Ring,
    d: Ring,
    spare: Vec<f32>,
    tensor: Vec<f32>,
}

impl<'a> Stages<'a> {
    fn new(plan: &'a StepPlan, u: &'a [f32], first: usize) -> Self {
        let [nz, ny, nx] = plan.dims;
        let area = ny * nx;
        let (sigma, rho) = (plan.sigma.len() - 1, plan.rho.len() - 1);
        let d = first.saturating_sub(1);
        let j = d.saturating_sub(rho);
        let smooth = j.saturating_sub(1);
        let flat = smooth.saturating_sub(sigma);
        // One plane more than the span, because mirrored planes at the end are asked for again.
        let ring =
            |reach: usize, length: usize, first: usize| Ring::new(2 * reach + 2, length, nz, first);
        Self {
            plan,
            u,
            flat: ring(sigma, area, flat),
            smooth: ring(1, area, smooth),
            j: ring(rho, 6 * area, j),
            d: ring(1, 6 * area, d),
            spare: Vec::new(),
            tensor: vec![0.0; 6 * area],
        }
    }

    /// Makes D up to `z`.
    fn prepare(&mut self, z: isize) {
        while self.d.wants(z) {
            let at = self.d.next();
            let reach = self.plan.rho.len() as isize - 1;
            self.prepare_j(at + reach);
            combine(&mut self.tensor, &self.plan.rho, |step| {
                self.j.at(at + step)
            });
            diffusion_row(&self.tensor, self.plan.law, self.d.make().1);
        }
    }

    /// Makes J, smoothed in its plane, up to `z`.
    fn prepare_j(&mut self, z: isize) {
        let [_, ny, nx] = self.plan.dims;
        while self.j.wants(z) {
            let at = self.j.next();
            self.prepare_smooth(at + 1);
            let (_, j) = self.j.make();
            let planes = [-1, 0, 1].map(|d| self.smooth.at(at + d));
            pulp::Arch::new().dispatch(Outer {
                size: [ny, nx],
                u: planes,
                out: j,
            });
            for component in j.chunks_mut(ny * nx) {
                smooth_plane(component, [ny, nx], &self.plan.rho, &mut self.spare);
            }
        }
    }

    /// Makes smoothed densities up to `z`.
    fn prepare_smooth(&mut self, z: isize) {
        let [_, ny, nx] = self.plan.dims;
        let area = ny * nx;
        let reach = self.plan.sigma.len() as isize - 1;
        while self.smooth.wants(z) {
            let at = self.smooth.next();
            while self.flat.wants(at + reach) {
                let (z, flat) = self.flat.make();
                flat.copy_from_slice(&self.u[z * area..][..area]);
                smooth_plane(flat, [ny, nx], &self.plan.sigma, &mut self.spare);
            }
            let (_, smooth) = self.smooth.make();
            combine(smooth, &self.plan.sigma, |d| self.flat.at(at + d));
        }
    }
}

/// The products of the gradient's components, six planes: xx, yy, zz, xy, xz, yz.
struct Outer<'a> {
    size: [usize; 2],
    u: [&'a [f32]; 3],
    out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [ny, nx] = self.size;
        let area = ny * nx;
        let [below, here, above] = self.u;
        for y in 0..ny {
            let (up, down) = (y.saturating_sub(1), (y + 1).min(ny - 1));
            let middle = &here[y * nx..][..nx];
            let (north, south) = (&here[up * nx..][..nx], &here[down * nx..][..nx]);
            let (under, over) = (&below[y * nx..][..nx], &above[y * nx..][..nx]);
            let [xx, yy, zz, xy, xz, yz] = rows_of_six(self.out, area, y * nx, nx);
            let mut fill = |x: usize, gx: f32| {
                let gy = 0.5 * (south[x] - north[x]);
                let gz = 0.5 * (over[x] - under[x]);
                (xx[x], yy[x], zz[x]) = (gx * gx, gy * gy, gz * gz);
                (xy[x], xz[x], yz[x]) = (gx * gy, gx * gz, gy * gz);
            };
            let last = nx - 1;
            fill(0, 0.5 * (middle[1.min(last)] - middle[0]));
            for x in 1..last.max(1) {
                fill(x, 0.5 * (middle[x + 1] - middle[x - 1]));
            }
            if last > 0 {
                fill(last, 0.5 * (middle[last] - middle[last - 1]));
            }
        }
    }
}

/// The same row of six planes that lie one after the other.
#[inline(always)]
fn rows_of_six(planes: &mut [f32], area: usize, start: usize, nx: usize) -> [&mut [f32]; 6] {
    let mut rest = planes;
    [(); 6].map(|()| {
        let (plane, others) = std::mem::take(&mut rest).split_at_mut(area);
        rest = others;
        &mut plane[start..][..nx]
    })
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
    let area = ny * nx;
    let weights = weights(sigma);
    let reach = weights.len() as isize - 1;
    let chunks = map_indices(nz.div_ceil(CHUNK), |chunk| {
        let planes = chunk * CHUNK..nz.min((chunk + 1) * CHUNK);
        let first = planes.start.saturating_sub(1);
        let mut flat = Ring::new(
            2 * reach as usize + 2,
            area,
            nz,
            first.saturating_sub(reach as usize),
        );
        let mut smooth = Ring::new(4, area, nz, first);
        let mut spare = Vec::new();
        let mut outer = vec![0.0_f32; 6 * area];
        let mut sum = 0.0_f64;
        for z in planes {
            let at = z as isize;
            while smooth.wants(at + 1) {
                let (z, out) = smooth.make();
                let at = z as isize;
                while flat.wants(at + reach) {
                    let (z, out) = flat.make();
                    out.copy_from_slice(&band.voxels[z * area..][..area]);
                    smooth_plane(out, [ny, nx], &weights, &mut spare);
                }
                combine(out, &weights, |d| flat.at(at + d));
            }
            let u = [-1, 0, 1].map(|d| smooth.at(at + d));
            pulp::Arch::new().dispatch(Outer {
                size: [ny, nx],
                u,
                out: &mut outer,
            });
            let (xx, rest) = outer.split_at(area);
            let (yy, rest) = rest.split_at(area);
            sum += xx
                .iter()
                .zip(yy)
                .zip(rest)
                .map(|((x, y), z)| f64::from((x + y + z).sqrt()))
                .sum::<f64>();
        }
        sum
    });
    chunks.iter().sum::<f64>() / band.voxels.len() as f64
}
