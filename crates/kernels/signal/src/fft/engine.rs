//! The n-dimensional driver over one-dimensional engines: cached plans, rows, strided axes.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftDirection, FftPlanner};
use thon_compute::columns::{Strided, for_each_block, with_buffer};

use super::Complex32;

/// Columns gathered together: 16 complex f32 are 128 bytes, two cache lines.
const COLUMNS: usize = 16;
/// Elements one task should have at least, so that small images are not cut into crumbs.
const TASK: usize = 16 * 1024;

static COMPLEX: LazyLock<Mutex<FftPlanner<f32>>> = LazyLock::new(|| Mutex::new(FftPlanner::new()));
static REAL: LazyLock<Mutex<RealFftPlanner<f32>>> =
    LazyLock::new(|| Mutex::new(RealFftPlanner::new()));

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A planner is a cache: what another thread left while panicking is still usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The engine for complex lines of `length` elements.
pub(super) fn plan_complex(length: usize, direction: FftDirection) -> Arc<dyn Fft<f32>> {
    locked(&COMPLEX).plan_fft(length.max(1), direction)
}

/// The engine from `length` real values to `length/2 + 1` complex ones.
pub(super) fn plan_real_forward(length: usize) -> Arc<dyn RealToComplex<f32>> {
    locked(&REAL).plan_fft_forward(length.max(1))
}

/// The engine from `length/2 + 1` complex values to `length` real ones.
pub(super) fn plan_real_inverse(length: usize) -> Arc<dyn ComplexToReal<f32>> {
    locked(&REAL).plan_fft_inverse(length.max(1))
}

/// Rows of one task: as many as make [`TASK`] elements.
fn rows_per_task(length: usize) -> usize {
    (TASK / length.max(1)).max(1)
}

/// Transforms contiguous rows in place and multiplies by `scale`.
pub(super) fn transform_rows(data: &mut [Complex32], engine: &dyn Fft<f32>, scale: f32) {
    let length = engine.len();
    data.par_chunks_mut(length * rows_per_task(length))
        .for_each(|rows| {
            with_buffer(
                engine.get_inplace_scratch_len(),
                |scratch: &mut [Complex32]| {
                    engine.process_with_scratch(rows, scratch);
                },
            );
            if scale != 1.0 {
                for value in rows {
                    *value *= scale;
                }
            }
        });
}

/// Transforms the strided middle axis of `[outer][length][inner]` in place.
pub(super) fn transform_columns(data: &mut [Complex32], axis: Strided, engine: &dyn Fft<f32>) {
    if axis.length <= 1 {
        return;
    }
    for_each_block(data, axis, COLUMNS, |columns| {
        with_buffer(
            engine.get_inplace_scratch_len(),
            |scratch: &mut [Complex32]| {
                engine.process_with_scratch(columns, scratch);
            },
        );
    });
}

/// Rows of real values to rows of half spectra.
pub(super) fn rows_to_spectra(
    input: &[f32],
    output: &mut [Complex32],
    engine: &dyn RealToComplex<f32>,
) {
    let (length, half) = (engine.len(), engine.complex_len());
    let rows = rows_per_task(length);
    output
        .par_chunks_mut(half * rows)
        .zip(input.par_chunks(length * rows))
        .for_each(|(spectra, values)| {
            with_buffer(engine.get_scratch_len(), |scratch: &mut [Complex32]| {
                with_buffer(length, |row: &mut [f32]| {
                    for (spectrum, value) in spectra.chunks_mut(half).zip(values.chunks(length)) {
                        row.copy_from_slice(value);
                        engine
                            .process_with_scratch(row, spectrum, scratch)
                            .expect("buffers are cut to the plan's lengths");
                    }
                });
            });
        });
}

/// Rows of half spectra (destroyed) to rows of real values times `scale`. Imaginary parts that no real row has
/// (frequency zero, and Nyquist of an even row) are ignored.
pub(super) fn spectra_to_rows(
    input: &mut [Complex32],
    output: &mut [f32],
    engine: &dyn ComplexToReal<f32>,
    scale: f32,
) {
    let (length, half) = (engine.len(), engine.complex_len());
    let rows = rows_per_task(length);
    output
        .par_chunks_mut(length * rows)
        .zip(input.par_chunks_mut(half * rows))
        .for_each(|(values, spectra)| {
            with_buffer(engine.get_scratch_len(), |scratch: &mut [Complex32]| {
                for (value, spectrum) in values.chunks_mut(length).zip(spectra.chunks_mut(half)) {
                    spectrum[0].im = 0.0;
                    if length % 2 == 0 {
                        spectrum[half - 1].im = 0.0;
                    }
                    engine
                        .process_with_scratch(spectrum, value, scratch)
                        .expect("buffers are cut to the plan's lengths");
                }
            });
            for value in values {
                *value *= scale;
            }
        });
}
