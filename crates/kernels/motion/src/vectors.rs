//! Runs a closure compiled for the widest vectors of this processor.
//!
//! `pulp` calls closures through `FnOnce`; for a closure that only borrows, the compiler puts a function between, which is not
//! inlined into the one that enables the instruction set, so that the loop stays as it is for the oldest processors. Called through
//! `FnMut` the closure itself is inlined, when it is marked `#[inline(always)]`.

struct Work<F>(F);

impl<R, F: FnMut() -> R> pulp::WithSimd for Work<F> {
    type Output = R;

    #[expect(
        clippy::inline_always,
        reason = "inlined into the function that enables the instruction set"
    )]
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Runs `work`, which is to be a closure marked `#[inline(always)]` that calls nothing that is not inlined.
pub(crate) fn vectorised<R>(work: impl FnMut() -> R) -> R {
    pulp::Arch::new().dispatch(Work(work))
}
