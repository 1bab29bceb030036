//! From smoothed densities to the diffusion tensor of one plane, row after row, so that the structure tensor is never stored: what
//! one row needs stays in the second-level cache.
//!
//! J = G_ρ ∗ (∇u ∇uᵀ). Products of central differences are summed over the planes around, over the rows around, then along the row.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use pulp::{Simd, WithSimd};

use super::tensor::{Law, diffusion_row};
use crate::smooth::mirrored;

/// Components of a symmetric tensor: xx, yy, zz, xy, xz, yz.
const COMPONENTS: usize = 6;

/// Rows in work.
pub(super) struct TensorRows {
    nx: usize,
    reach: usize,
    /// J smoothed across planes, of the rows around: `[slot, component, x]`.
    ring: Vec<f32>,
    slots: usize,
    /// J smoothed across planes and rows, mirrored at both ends: `[component, reach + x + reach]`.
    padded: Vec<f32>,
    /// J of a row, `[component, x]`.
    row: Vec<f32>,
    /// The components of the gradient in one row, and what the law needs on the way.
    gradient: [Vec<f32>; 3],
}

impl TensorRows {
    pub(super) fn new(nx: usize, reach: usize) -> Self {
        let slots = 2 * reach + 2;
        Self {
            nx,
            reach,
            ring: vec![0.0; slots * COMPONENTS * nx],
            slots,
            padded: vec![0.0; COMPONENTS * (nx + 2 * reach)],
            row: vec![0.0; COMPONENTS * nx],
            gradient: [(); 3].map(|()| vec![0.0; nx]),
        }
    }
}

/// The planes of smoothed densities below, at and above one plane.
pub(super) type Around<'a> = [&'a [f32]; 3];

/// D of one plane.
pub(super) struct DiffusionPlane<'a> {
    /// `[ny, nx]`.
    pub(super) size: [usize; 2],
    /// The planes that J is summed over, with their weights.
    pub(super) planes: &'a [(f32, Around<'a>)],
    /// Weights of J along y and x, from the middle outwards.
    pub(super) weights: &'a [f32],
    pub(super) law: Law,
    pub(super) rows: &'a mut TensorRows,
    /// Six planes.
    pub(super) out: &'a mut [f32],
}

impl WithSimd for DiffusionPlane<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let [ny, nx] = self.size;
        let rows = self.rows;
        let stride = COMPONENTS * nx;
        let mut made = 0;
        for y in 0..ny {
            while made < (y + rows.reach + 1).min(ny) {
                let slot = made % rows.slots;
                let sum = &mut rows.ring[slot * stride..][..stride];
                sum_products(sum, self.planes, [ny, nx], made, &mut rows.gradient);
                made += 1;
            }
            smooth_rows(rows, self.weights, [y, ny]);
            let mut rest = &mut *self.out;
            let out = [(); COMPONENTS].map(|()| {
                let (plane, others) = std::mem::take(&mut rest).split_at_mut(ny * nx);
                rest = others;
                &mut plane[y * nx..][..nx]
            });
            diffusion_row(&rows.row, self.law, &mut rows.gradient[0], out);
        }
    }
}

/// Σ over planes of the products of the gradient's components in row `y`.
#[inline(always)]
fn sum_products(
    out: &mut [f32],
    planes: &[(f32, Around<'_>)],
    [ny, nx]: [usize; 2],
    y: usize,
    gradient: &mut [Vec<f32>; 3],
) {
    out.fill(0.0);
    let (up, down) = (y.saturating_sub(1), (y + 1).min(ny - 1));
    let [gx, gy, gz] = gradient;
    for (weight, [below, here, above]) in planes {
        let scale = 0.5 * weight.sqrt();
        along_row(gx, &here[y * nx..][..nx], scale);
        difference(gy, &here[down * nx..][..nx], &here[up * nx..][..nx], scale);
        difference(gz, &above[y * nx..][..nx], &below[y * nx..][..nx], scale);
        let mut parts = out.chunks_exact_mut(nx);
        for (a, b) in [
            (&*gx, &*gx),
            (&*gy, &*gy),
            (&*gz, &*gz),
            (&*gx, &*gy),
            (&*gx, &*gz),
            (&*gy, &*gz),
        ] {
            if let Some(part) = parts.next() {
                add_product(part, a, b);
            }
        }
    }
}

/// scale · (u(x + 1) − u(x − 1)), the ends mirrored.
#[inline(always)]
fn along_row(out: &mut [f32], u: &[f32], scale: f32) {
    let last = u.len() - 1;
    out[0] = scale * (u[1.min(last)] - u[0]);
    out[last] = scale * (u[last] - u[last.saturating_sub(1)]);
    if last > 1 {
        difference(&mut out[1..last], &u[2..], &u[..last - 1], scale);
    }
}

#[inline(always)]
fn difference(out: &mut [f32], plus: &[f32], minus: &[f32], scale: f32) {
    for ((out, plus), minus) in out.iter_mut().zip(plus).zip(minus) {
        *out = scale * (plus - minus);
    }
}

#[inline(always)]
fn add_product(out: &mut [f32], a: &[f32], b: &[f32]) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out += a * b;
    }
}

#[inline(always)]
fn weighted_pair(out: &mut [f32], a: &[f32], b: &[f32], weight: f32) {
    for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
        *out += weight * (a + b);
    }
}

#[inline(always)]
fn weighted(out: &mut [f32], values: &[f32], weight: f32) {
    for (out, value) in out.iter_mut().zip(values) {
        *out = weight * value;
    }
}

/// J of row `y` into `rows.row`.
#[inline(always)]
fn smooth_rows(rows: &mut TensorRows, weights: &[f32], [y, ny]: [usize; 2]) {
    let (nx, reach) = (rows.nx, rows.reach);
    let width = nx + 2 * reach;
    for component in 0..COMPONENTS {
        let padded = &mut rows.padded[component * width..][..width];
        let middle = &mut padded[reach..][..nx];
        let ring = &rows.ring;
        let slots = rows.slots;
        let part = |d: isize| {
            let slot = mirrored(y as isize + d, ny) % slots;
            &ring[(slot * COMPONENTS + component) * nx..][..nx]
        };
        weighted(middle, part(0), weights[0]);
        for (step, &weight) in weights.iter().enumerate().skip(1) {
            weighted_pair(middle, part(-(step as isize)), part(step as isize), weight);
        }
        for step in 0..reach {
            padded[reach - 1 - step] = padded[reach + mirrored(-1 - step as isize, nx)];
            padded[reach + nx + step] = padded[reach + mirrored((nx + step) as isize, nx)];
        }
        let out = &mut rows.row[component * nx..][..nx];
        weighted(out, &padded[reach..], weights[0]);
        for (step, &weight) in weights.iter().enumerate().skip(1) {
            weighted_pair(
                out,
                &padded[reach - step..],
                &padded[reach + step..],
                weight,
            );
        }
    }
}
