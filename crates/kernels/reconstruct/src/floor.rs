//! Loops that do nothing but multiply and add, or read: the hardware floor that the benches print beside the kernels.
#![expect(
    clippy::inline_always,
    reason = "what is not inlined into the dispatched function loses its target features"
)]

use bytemuck::Zeroable;
use pulp::{Simd, WithSimd};

/// Independent sums, enough to hide the latency of a multiply-add.
const SUMS: usize = 12;

struct MultiplyAdds(usize);

impl WithSimd for MultiplyAdds {
    type Output = (f32, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f32, usize) {
        let (a, b) = (simd.splat_f32s(0.999), simd.splat_f32s(0.001));
        let mut sums = [S::f32s::zeroed(); SUMS];
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = simd.mul_add_f32s(*sum, a, b);
            }
        }
        let total = sums.iter().map(|sum| simd.reduce_sum_f32s(*sum)).sum();
        (total, 2 * SUMS * S::F32_LANES * self.0)
    }
}

/// Runs `rounds` rounds of independent multiply-adds; a value that depends on all of them and the number of operations.
pub fn multiply_adds(rounds: usize) -> (f32, usize) {
    pulp::Arch::new().dispatch(MultiplyAdds(rounds))
}

struct SumOfProducts<'a>(&'a [f32]);

impl WithSimd for SumOfProducts<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let weight = simd.splat_f32s(1.5);
        let mut sums = [S::f32s::zeroed(); SUMS];
        for chunk in S::as_simd_f32s(self.0).0.chunks_exact(SUMS) {
            for (sum, value) in sums.iter_mut().zip(chunk) {
                *sum = simd.mul_add_f32s(weight, *value, *sum);
            }
        }
        sums.iter().map(|sum| simd.reduce_sum_f32s(*sum)).sum()
    }
}

/// Reads all of `values` once, with a multiply-add each.
pub fn sum_of_products(values: &[f32]) -> f32 {
    pulp::Arch::new().dispatch(SumOfProducts(values))
}
