//! Phase randomisation beyond a shell (Chen et al. 2013): amplitudes stay, phases become uniform noise.

use std::f64::consts::PI;

use ndarray::{Array3, Axis};
use rand::Rng;
use rayon::prelude::*;
use thon_compute::seed_stream;

use super::Shells;
use crate::fft::{Complex32, Fft3, mirrored_index};

/// A volume with the same amplitudes whose phases at radii of `from_shell` shells and beyond (the corners too) are random.
/// The same seed gives the same phases; two half maps must get different seeds.
pub fn randomise_phases(volume: &Array3<f32>, from_shell: usize, seed: u64) -> Array3<f32> {
    let (nz, ny, nx) = volume.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    let mut spectrum = plan.forward(volume);
    randomise_spectrum_phases(&mut spectrum, [nz, ny, nx], from_shell, seed);
    plan.inverse(&spectrum)
}

/// As [`randomise_phases`] on a half spectrum of a field `dims`, in place. The result is the spectrum of a real field.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `dims`.
pub fn randomise_spectrum_phases(
    spectrum: &mut Array3<Complex32>,
    dims: [usize; 3],
    from_shell: usize,
    seed: u64,
) {
    let shells = Shells::new(dims);
    shells.check(spectrum.shape());
    spectrum
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            let mut stream = seed_stream(seed, "phase-randomisation", z as u64);
            for ((y, x), value) in plane.indexed_iter_mut() {
                // Drawn for every element, so that phases do not depend on `from_shell`.
                let turns = f64::from(stream.next_u32()) / 4_294_967_296.0;
                if shells.radius([z, y, x]) >= from_shell as f64 {
                    let (sine, cosine) = (2.0 * PI * turns).sin_cos();
                    *value = Complex32::new(cosine as f32, sine as f32) * value.norm();
                }
            }
        });
    let [nz, ny, nx] = dims;
    if !spectrum.is_empty() {
        make_plane_real(spectrum, 0, nz, ny);
        if nx % 2 == 0 {
            make_plane_real(spectrum, nx / 2, nz, ny);
        }
    }
}

/// Restores F(−k) = F(k)* within a plane of the half spectrum that holds its own mirror. Elements that are their own
/// mirror become real, with a sign drawn from their phase. Unchanged elements already obey and stay as they are.
fn make_plane_real(spectrum: &mut Array3<Complex32>, x: usize, nz: usize, ny: usize) {
    for z in 0..nz {
        for y in 0..ny {
            let mirror = [mirrored_index(z, nz), mirrored_index(y, ny), x];
            let value = spectrum[[z, y, x]];
            if [z, y, x] == mirror {
                spectrum[[z, y, x]] = Complex32::new(value.norm().copysign(value.re), 0.0);
            } else if [z, y] < [mirror[0], mirror[1]] {
                spectrum[mirror] = value.conj();
            }
        }
    }
}
