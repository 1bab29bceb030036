//! Fields and pools the tests of this crate share.

use ndarray::Array3;
use rand::Rng;

/// A standard-normal field (Box–Muller), the same for the same seed.
pub(crate) fn noise3(dims: [usize; 3], seed: u64) -> Array3<f32> {
    let mut stream = thon_compute::seed_stream(seed, "test-noise", 0);
    let mut uniform = move || (f64::from(stream.next_u32()) + 1.0) / 4_294_967_297.0;
    Array3::from_shape_simple_fn(dims, || {
        ((-2.0 * uniform().ln()).sqrt() * (2.0 * std::f64::consts::PI * uniform()).cos()) as f32
    })
}

/// Runs `f` in a pool of its own.
pub(crate) fn in_pool<R: Send>(threads: usize, f: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap()
        .install(f)
}
