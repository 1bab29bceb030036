//! Discrete Fourier transforms of one, two and three dimensions, complex and real.
//!
//! F(k) = Σ_r f(r)·exp(−2πi k·r/n), **unnormalised**; the inverse divides by the number of elements, so
//! `inverse(forward(x)) = x`. Power: Σ|f|² = Σ|F|²/N. One-dimensional engines are rustfft and realfft, chosen for the
//! processor at run time; the driver here runs rows in place and gathers strided axes sixteen columns at a time
//! (`thon_compute::columns`), in rayon's current pool. The result does not depend on the number of threads.
//!
//! * Real fields (`[z, y, x]`, or `[y, x]`, or rows) ↔ half spectra `[z, y, x/2 + 1]`: [`Fft1`], [`Fft2`], [`Fft3`].
//! * Complex fields in place: [`ComplexFft1`], [`ComplexFft2`], [`ComplexFft3`].
//! * Which frequency an index holds: [`signed_index`], [`wrapped_index`], [`frequency`]; the phase origin: [`centre_phases`].
//!
//! Plans are cheap to clone and to make again (1-D engines are kept for the life of the process). Methods on slices
//! (`…_into`, `…_in_place`) allocate nothing after the first call on each thread.

mod centre;
mod complex;
mod engine;
mod frequency;
mod real;
mod rows;
pub mod timing;

pub use centre::{Origin, centre_phases, shift_phases};
pub use complex::{ComplexFft1, ComplexFft2, ComplexFft3};
pub use frequency::{
    frequency, half_length, mirrored_index, next_fast_even_length, next_fast_length, signed_index,
    wrapped_index,
};
pub use real::{Fft2, Fft3};
pub use rows::Fft1;
pub use rustfft::num_complex::{Complex, Complex32};

#[cfg(test)]
mod tests;
