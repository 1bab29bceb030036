//! The log-likelihood of a placement with its gradient and Fisher's information: the inner loop of polishing.
//!
//! With p = A⁻¹q, g = A ∇V(p), phase e = e^(−2πi q·t/n) and residual ρ = D ē − W V (data and weights in units of the
//! noise), a change A ← exp(ω)A, t ← t + τ changes V e by e (ω·(g × q) − 2πi/n (q·τ) V), so that
//!
//! ln L = Σ 2 Re(D̄ V e) − W|V|²,  ∂ₖ = Σ 2 Re(ρ̄ Jₖ),  Iₖₗ = Σ 2 W Re(J̄ₖ Jₗ),  J = (g × q, −2πi q V/n).
//!
//! Samples go through in blocks that stay in the first cache: positions, neighbours (gathers), then plain vector
//! arithmetic; sums are f32 within a block, f64 across blocks, in the order of the samples.
//! Work: about 250 flop and four cache lines of the reference per sample.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

mod block;
mod phase;

use glam::DMat3;
use num_complex::Complex32;
use pulp::{Simd, WithSimd};

use crate::matrix6::Matrix6;
use crate::reference::Lattice;
use crate::{Placement, Reference, Whitened};
use block::{BLOCK, Block};

/// What a likelihood does around a placement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Derivatives {
    /// Log-likelihood relative to no particle.
    pub log_likelihood: f64,
    /// Gradient over (ω, t).
    pub gradient: [f64; 6],
    /// Fisher's information over (ω, t).
    pub information: [[f64; 6]; 6],
}

/// Log-likelihood of a placement relative to no particle, over shells 1 … band.
pub fn log_likelihood(
    reference: &Reference,
    particle: &Whitened,
    placement: &Placement,
    band: usize,
) -> f64 {
    let task = Task::new(reference, particle, placement, band);
    pulp::Arch::new().dispatch(Value(task))
}

/// Log-likelihood, gradient and information of a placement, over shells 1 … band.
pub fn derivatives(
    reference: &Reference,
    particle: &Whitened,
    placement: &Placement,
    band: usize,
) -> Derivatives {
    let task = Task::new(reference, particle, placement, band);
    pulp::Arch::new().dispatch(Full(task))
}

/// V(A⁻¹ q) of samples q (cycles per box).
pub(crate) fn slice(
    reference: &Reference,
    inverse: DMat3,
    positions: &[[f32; 3]],
    out: &mut [Complex32],
) {
    pulp::Arch::new().dispatch(Slice {
        lattice: reference.lattice(),
        inverse: rows(inverse * f64::from(crate::reference::PADDING as u32)),
        positions,
        out,
    });
}

/// e^(+2πi q·t/n) for t/n in turns: what takes the phase of a shift back.
pub(crate) fn phase_back(turns: [f32; 3], q: [f32; 3]) -> Complex32 {
    let (c, s) = phase::turn(turns[0] * q[0] + turns[1] * q[1] + turns[2] * q[2]);
    Complex32::new(c, s)
}

/// Tells the processor that an element will be needed soon.
#[inline(always)]
fn prefetch(values: &[f32], at: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let element = values.as_ptr().wrapping_add(at);
        // SAFETY: a hint; it reads nothing and faults for no address. Every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(element.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

/// The rows of a matrix in single precision.
fn rows(matrix: DMat3) -> [[f32; 3]; 3] {
    std::array::from_fn(|i| matrix.row(i).as_vec3().to_array())
}

/// Samples of one particle and a placement, prepared for the blocks.
struct Task<'a> {
    lattice: Lattice<'a>,
    /// q → p in steps of the padded box.
    inverse: [[f32; 3]; 3],
    /// ∇ per step of the padded box → g per cycle per box in the data frame.
    forward: [[f32; 3]; 3],
    /// Turns of phase per cycle per box: t/n.
    turns: [f32; 3],
    /// 2π/n.
    step: f64,
    positions: &'a [[f32; 3]],
    products: &'a [Complex32],
    weights: &'a [f32],
}

impl<'a> Task<'a> {
    fn new(
        reference: &'a Reference,
        particle: &'a Whitened,
        placement: &Placement,
        band: usize,
    ) -> Self {
        let n = reference.box_size();
        debug_assert_eq!(n, particle.geometry.box_size, "one box for map and data");
        let geometry = &particle.geometry;
        let range = geometry.count_to(0)..geometry.count_to(band.min(n / 2));
        let rotation = DMat3::from_quat(placement.rotation);
        let padding = crate::reference::PADDING as f64;
        Self {
            lattice: reference.lattice(),
            inverse: rows(rotation.transpose() * padding),
            forward: rows(rotation * padding),
            turns: (placement.shift / n as f64).as_vec3().to_array(),
            step: std::f64::consts::TAU / n as f64,
            positions: &geometry.positions[range.clone()],
            products: &particle.products[range.clone()],
            weights: &particle.weights[range],
        }
    }

    /// Calls `visit` with each block.
    #[inline(always)]
    fn blocks(&self, mut visit: impl FnMut(&mut Block, usize)) {
        let mut block = Block::default();
        for first in (0..self.positions.len()).step_by(BLOCK) {
            let range = first..self.positions.len().min(first + BLOCK);
            let count = range.len();
            block.load_positions(&self.positions[range.clone()]);
            block.load_data(&self.products[range.clone()], &self.weights[range]);
            visit(&mut block, count);
        }
    }
}

struct Value<'a>(Task<'a>);

impl WithSimd for Value<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> f64 {
        let task = self.0;
        let mut sum = 0.0;
        task.blocks(|block, count| {
            block.place(&task.inverse, &task.lattice);
            block.prefetch(&task.lattice);
            block.gather_values(&task.lattice, count);
            block.undo_phase(task.turns);
            sum += block.log_likelihood();
        });
        sum
    }
}

struct Full<'a>(Task<'a>);

impl WithSimd for Full<'_> {
    type Output = Derivatives;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Derivatives {
        let task = self.0;
        let mut sums = [0.0_f64; block::SUMS];
        task.blocks(|block, count| {
            block.place(&task.inverse, &task.lattice);
            block.prefetch(&task.lattice);
            block.gather(&task.lattice, count);
            block.undo_phase(task.turns);
            block.turn_gradients(&task.forward);
            block.accumulate(simd, &mut sums);
        });
        assemble(&sums, task.step)
    }
}

struct Slice<'a> {
    lattice: Lattice<'a>,
    inverse: [[f32; 3]; 3],
    positions: &'a [[f32; 3]],
    out: &'a mut [Complex32],
}

impl WithSimd for Slice<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) {
        let mut block = Block::default();
        let chunks = self.positions.chunks(BLOCK).zip(self.out.chunks_mut(BLOCK));
        for (positions, out) in chunks {
            block.load_positions(positions);
            block.place(&self.inverse, &self.lattice);
            block.gather_values(&self.lattice, positions.len());
            block.store_values(out);
        }
    }
}

/// Sums in the order of [`Block::accumulate`] → likelihood, gradient, information.
fn assemble(sums: &[f64; block::SUMS], step: f64) -> Derivatives {
    let mut information: Matrix6 = [[0.0; 6]; 6];
    let mut gradient = [0.0; 6];
    for k in 0..3 {
        gradient[k] = 2.0 * sums[1 + k];
        gradient[3 + k] = 2.0 * step * sums[4 + k];
    }
    let mut next = 7;
    for k in 0..3 {
        for l in 0..=k {
            information[k][l] = 2.0 * sums[next];
            information[3 + k][3 + l] = 2.0 * step * step * sums[next + 6];
            next += 1;
        }
    }
    for k in 0..3 {
        for l in 0..3 {
            information[3 + k][l] = 2.0 * step * sums[19 + 3 * k + l];
        }
    }
    let lower = information;
    for (k, row) in information.iter_mut().enumerate() {
        for (l, value) in row.iter_mut().enumerate().skip(k + 1) {
            *value = lower[l][k];
        }
    }
    Derivatives {
        log_likelihood: sums[0],
        gradient,
        information,
    }
}

#[cfg(test)]
mod tests;
