//! What this machine can do at best: multiply-adds, and bytes from the caches and from memory, per core.

use thon_reconstruct::floor::{multiply_adds, sum_of_products};

use crate::least_cpu_seconds;

/// Measured bounds of one core.
#[derive(Clone, Copy, Debug)]
pub struct Floor {
    /// f32 operations per second, a multiply-add being two, 1e9.
    pub gflops: f64,
    /// Bytes per second read from the first-level cache by a multiply-add loop, 1e9.
    pub first_cache: f64,
    /// Bytes per second read from the second-level cache, 1e9.
    pub second_cache: f64,
    /// Bytes per second read from memory, 1e9.
    pub memory: f64,
}

impl Floor {
    /// Measures them; takes a few seconds.
    pub fn measure() -> Self {
        let rounds = 100_000_000;
        let time = least_cpu_seconds(2, || multiply_adds(rounds));
        let gflops = multiply_adds(rounds).1 as f64 / time * 1e-9;
        let read = |bytes: usize, repeats: usize| {
            let values = vec![1.0_f32; bytes / 4];
            let time = least_cpu_seconds(2, || {
                (0..repeats).map(|_| sum_of_products(&values)).sum::<f32>()
            });
            (bytes * repeats) as f64 / time * 1e-9
        };
        Self {
            gflops,
            first_cache: read(24 << 10, 2_000_000),
            second_cache: read(512 << 10, 40_000),
            memory: read(256 << 20, 20),
        }
    }
}
