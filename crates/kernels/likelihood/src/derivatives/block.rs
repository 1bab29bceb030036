//! One block of samples as arrays that stay in the first cache.

use num_complex::Complex32;
use pulp::Simd;

use super::phase::turn;
use crate::reference::Lattice;

/// Samples of a block.
pub(super) const BLOCK: usize = 64;
/// Samples that are summed side by side.
const LANES: usize = 16;
/// Likelihood, 6 of the gradient, 6 + 6 + 9 of the information.
pub(super) const SUMS: usize = 28;

type Row = [f32; BLOCK];

/// Arrays over the samples of a block; samples beyond the last have no data and no weight.
#[repr(align(64))]
pub(super) struct Block {
    q: [Row; 3],
    data: [Row; 2],
    weight: Row,
    first: [u32; BLOCK],
    fraction: [Row; 3],
    /// −1 where the position was mirrored to x ≥ 0, else 1.
    sign: Row,
    value: [Row; 2],
    /// Real and imaginary part of the gradient along x, y, z.
    gradient: [[Row; 2]; 3],
}

impl Default for Block {
    fn default() -> Self {
        let zero = [0.0; BLOCK];
        Self {
            q: [zero; 3],
            data: [zero; 2],
            weight: zero,
            first: [0; BLOCK],
            fraction: [zero; 3],
            sign: zero,
            value: [zero; 2],
            gradient: [[zero; 2]; 3],
        }
    }
}

impl Block {
    #[inline(always)]
    pub(super) fn load_positions(&mut self, positions: &[[f32; 3]]) {
        for (i, [x, y, z]) in positions.iter().enumerate() {
            self.q[0][i] = *x;
            self.q[1][i] = *y;
            self.q[2][i] = *z;
        }
        for i in positions.len()..BLOCK {
            for row in &mut self.q {
                row[i] = 0.0;
            }
        }
    }

    #[inline(always)]
    pub(super) fn load_data(&mut self, products: &[Complex32], weights: &[f32]) {
        for (i, (product, weight)) in products.iter().zip(weights).enumerate() {
            self.data[0][i] = product.re;
            self.data[1][i] = product.im;
            self.weight[i] = *weight;
        }
        for i in weights.len()..BLOCK {
            self.data[0][i] = 0.0;
            self.data[1][i] = 0.0;
            self.weight[i] = 0.0;
        }
    }

    /// Where the samples lie in the reference: first neighbour and fractions.
    #[inline(always)]
    pub(super) fn place(&mut self, inverse: &[[f32; 3]; 3], lattice: &Lattice) {
        let extent = lattice.extent as f32;
        let (width, height) = (lattice.width() as i32, lattice.height() as i32);
        let [qx, qy, qz] = &self.q;
        for i in 0..BLOCK {
            let at = |row: &[f32; 3]| row[0] * qx[i] + row[1] * qy[i] + row[2] * qz[i];
            let (x, y, z) = (at(&inverse[0]), at(&inverse[1]), at(&inverse[2]));
            let sign = 1.0_f32.copysign(x);
            let (x, y, z) = (x * sign, y * sign + extent, z * sign + extent);
            // Never out of range for samples within Nyquist; a clamp is cheaper than a proof in the caller.
            let (x, y, z) = (
                x.min(extent - 1.0),
                y.clamp(0.0, 2.0 * extent - 1.0),
                z.clamp(0.0, 2.0 * extent - 1.0),
            );
            let (ix, iy, iz) = (x as i32, y as i32, z as i32);
            self.fraction[0][i] = x - ix as f32;
            self.fraction[1][i] = y - iy as f32;
            self.fraction[2][i] = z - iz as f32;
            self.sign[i] = sign;
            self.first[i] = ((iz * height + iy) * width + ix) as u32;
        }
    }

    /// Asks for the neighbours before they are needed: the reference is larger than the caches.
    #[inline(always)]
    pub(super) fn prefetch(&self, lattice: &Lattice) {
        let (row, plane) = (2 * lattice.width(), 2 * lattice.width() * lattice.height());
        for first in self.first {
            let first = 2 * first as usize;
            for at in [first, first + row, first + plane, first + plane + row] {
                super::prefetch(lattice.values, at);
            }
        }
    }

    /// Values and gradients (per step of the lattice, in the reference frame) at the first `count` samples.
    #[inline(always)]
    pub(super) fn gather(&mut self, lattice: &Lattice, count: usize) {
        let (row, plane) = (2 * lattice.width(), 2 * lattice.width() * lattice.height());
        for i in 0..count {
            let first = 2 * self.first[i] as usize;
            let [fx, fy, fz] = [0, 1, 2].map(|axis| self.fraction[axis][i]);
            let (a, b) = (four(lattice, first), four(lattice, first + row));
            let (c, d) = (
                four(lattice, first + plane),
                four(lattice, first + plane + row),
            );
            let (ab, cd) = (difference(b, a), difference(d, c));
            let (low, high) = (between(a, ab, fy), between(c, cd, fy));
            let along_z = difference(high, low);
            let pair = between(low, along_z, fz);
            let along_y = between(ab, difference(cd, ab), fz);
            let sign = self.sign[i];
            let along_x = [pair[2] - pair[0], pair[3] - pair[1]];
            self.value[0][i] = pair[0] + fx * along_x[0];
            self.value[1][i] = (pair[1] + fx * along_x[1]) * sign;
            self.gradient[0][0][i] = along_x[0] * sign;
            self.gradient[0][1][i] = along_x[1];
            self.gradient[1][0][i] = (along_y[0] + fx * (along_y[2] - along_y[0])) * sign;
            self.gradient[1][1][i] = along_y[1] + fx * (along_y[3] - along_y[1]);
            self.gradient[2][0][i] = (along_z[0] + fx * (along_z[2] - along_z[0])) * sign;
            self.gradient[2][1][i] = along_z[1] + fx * (along_z[3] - along_z[1]);
        }
    }

    /// Values alone.
    #[inline(always)]
    pub(super) fn gather_values(&mut self, lattice: &Lattice, count: usize) {
        let (row, plane) = (2 * lattice.width(), 2 * lattice.width() * lattice.height());
        for i in 0..count {
            let first = 2 * self.first[i] as usize;
            let [fx, fy, fz] = [0, 1, 2].map(|axis| self.fraction[axis][i]);
            let (a, b) = (four(lattice, first), four(lattice, first + row));
            let (c, d) = (
                four(lattice, first + plane),
                four(lattice, first + plane + row),
            );
            let low = between(a, difference(b, a), fy);
            let high = between(c, difference(d, c), fy);
            let pair = between(low, difference(high, low), fz);
            self.value[0][i] = pair[0] + fx * (pair[2] - pair[0]);
            self.value[1][i] = (pair[1] + fx * (pair[3] - pair[1])) * self.sign[i];
        }
    }

    pub(super) fn store_values(&self, out: &mut [Complex32]) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = Complex32::new(self.value[0][i], self.value[1][i]);
        }
    }

    /// Turns the data back by the phase of the shift: D e^(+2πi q·t/n).
    #[inline(always)]
    pub(super) fn undo_phase(&mut self, turns: [f32; 3]) {
        let [qx, qy, qz] = &self.q;
        for i in 0..BLOCK {
            let (c, s) = turn(turns[0] * qx[i] + turns[1] * qy[i] + turns[2] * qz[i]);
            let (re, im) = (self.data[0][i], self.data[1][i]);
            self.data[0][i] = re * c - im * s;
            self.data[1][i] = re * s + im * c;
        }
    }

    /// Gradients → g × q, the derivatives along ω.
    #[inline(always)]
    pub(super) fn turn_gradients(&mut self, forward: &[[f32; 3]; 3]) {
        let [qx, qy, qz] = &self.q;
        let [x, y, z] = &mut self.gradient;
        for part in 0..2 {
            for i in 0..BLOCK {
                let slope = [x[part][i], y[part][i], z[part][i]];
                let at = |row: &[f32; 3]| row[0] * slope[0] + row[1] * slope[1] + row[2] * slope[2];
                let g = [at(&forward[0]), at(&forward[1]), at(&forward[2])];
                x[part][i] = g[1] * qz[i] - g[2] * qy[i];
                y[part][i] = g[2] * qx[i] - g[0] * qz[i];
                z[part][i] = g[0] * qy[i] - g[1] * qx[i];
            }
        }
    }

    /// Σ 2 Re(D̄ V) − W |V|² of the block.
    #[inline(always)]
    pub(super) fn log_likelihood(&self) -> f64 {
        let mut sums = [0.0_f32; LANES];
        for first in (0..BLOCK).step_by(LANES) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                let i = first + lane;
                let (v, w) = (self.value[0][i], self.value[1][i]);
                *sum += 2.0 * (self.data[0][i] * v + self.data[1][i] * w)
                    - self.weight[i] * (v * v + w * w);
            }
        }
        total(&sums)
    }

    /// Adds the block to the sums: likelihood, gradient along ω and t, information ωω, tt (lower triangles), tω.
    #[inline(always)]
    pub(super) fn accumulate<S: Simd>(&self, simd: S, sums: &mut [f64; SUMS]) {
        let mut lanes = [simd.splat_f32s(0.0); SUMS];
        for chunk in 0..BLOCK / S::F32_LANES {
            self.add_chunk(simd, chunk, &mut lanes);
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            *sum += f64::from(simd.reduce_sum_f32s(lanes));
        }
    }

    /// Adds the terms of as many samples as a vector holds.
    #[inline(always)]
    fn add_chunk<S: Simd>(&self, simd: S, chunk: usize, lanes: &mut [S::f32s; SUMS]) {
        let at = |row: &Row| S::as_simd_f32s(row).0[chunk];
        let add = |sum: &mut S::f32s, a: S::f32s, b: S::f32s| *sum = simd.mul_add_f32s(a, b, *sum);
        let (v, u) = (at(&self.value[0]), at(&self.value[1]));
        let (d, e, w) = (at(&self.data[0]), at(&self.data[1]), at(&self.weight));
        let re = simd.negate_mul_add_f32s(w, v, d);
        let im = simd.negate_mul_add_f32s(w, u, e);
        let q = [at(&self.q[0]), at(&self.q[1]), at(&self.q[2])];
        add(&mut lanes[0], simd.add_f32s(d, re), v);
        add(&mut lanes[0], simd.add_f32s(e, im), u);
        // 2 Re(ρ̄ · −i V) / 2 = Re ρ · Im V − Im ρ · Re V
        let pull = simd.negate_mul_add_f32s(im, v, simd.mul_f32s(re, u));
        let power = simd.mul_f32s(w, simd.mul_add_f32s(v, v, simd.mul_f32s(u, u)));
        let (wv, wu) = (simd.mul_f32s(w, v), simd.mul_f32s(w, u));
        let slopes = [0, 1, 2].map(|k| [at(&self.gradient[k][0]), at(&self.gradient[k][1])]);
        let mut next = 7;
        for k in 0..3 {
            let [a, b] = slopes[k];
            add(&mut lanes[1 + k], re, a);
            add(&mut lanes[1 + k], im, b);
            add(&mut lanes[4 + k], pull, q[k]);
            // Re(conj(−i V) · J) = Re(i V̄ J) = Im V · Re J − Re V · Im J
            let mixed = simd.negate_mul_add_f32s(wv, b, simd.mul_f32s(wu, a));
            for l in 0..3 {
                add(&mut lanes[19 + 3 * l + k], q[l], mixed);
            }
            let (a, b) = (simd.mul_f32s(w, a), simd.mul_f32s(w, b));
            let along = simd.mul_f32s(power, q[k]);
            for l in 0..=k {
                add(&mut lanes[next], a, slopes[l][0]);
                add(&mut lanes[next], b, slopes[l][1]);
                add(&mut lanes[next + 6], along, q[l]);
                next += 1;
            }
        }
    }
}

#[inline(always)]
fn total(lanes: &[f32; LANES]) -> f64 {
    lanes.iter().map(|v| f64::from(*v)).sum()
}

/// Two neighbours along x: (re, im, re, im).
#[inline(always)]
fn four(lattice: &Lattice, at: usize) -> [f32; 4] {
    let row = &lattice.values[at..][..4];
    [row[0], row[1], row[2], row[3]]
}

#[inline(always)]
fn difference(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|k| a[k] - b[k])
}

#[inline(always)]
fn between(a: [f32; 4], step: [f32; 4], at: f32) -> [f32; 4] {
    std::array::from_fn(|k| a[k] + step[k] * at)
}
