//! The phase origin of a spectrum, and shifts.
//!
//! A transform counts phases from element 0. A particle's origin is voxel floor(n/2); relative to it
//! F_c(k) = F(k)·exp(+2πi k·floor(n/2)/n), which for even n is a change of sign, exactly. A shift of the field by s
//! (f'(r) = f(r − s)) is F'(k) = F(k)·exp(−2πi k·s/n). At the Nyquist index of an even axis +n/2 and −n/2 share one
//! element, so their mean cos(πs) is used: the field stays real (Friedel).

use std::f64::consts::PI;

use ndarray::Array3;
use rayon::prelude::*;

use super::{Complex32, signed_index};

/// Which point of the array phases are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Element 0 of every axis, the corner: what a transform gives and takes.
    FirstVoxel,
    /// Element floor(n/2) of every axis, the box centre.
    CentreVoxel,
}

/// One phase factor for every element of one axis: exp(−2πi k·shift/n), the mean of both signs at Nyquist.
/// `elements` is `length` for a full axis and `length/2 + 1` for a half axis.
fn axis_phases(elements: usize, length: usize, shift: f64) -> Vec<Complex32> {
    (0..elements)
        .map(|index| {
            if 2 * index == length {
                return Complex32::new(cosine_of_half_turns(shift), 0.0);
            }
            // Only the fractional part of k·s/n matters; reducing it keeps f64 exact for large products.
            let turns = (signed_index(index, length) as f64 * shift / length as f64).fract();
            let (sine, cosine) = (-2.0 * PI * turns).sin_cos();
            Complex32::new(cosine as f32, sine as f32)
        })
        .collect()
}

/// cos(π·s), exactly ±1 at whole s.
fn cosine_of_half_turns(shift: f64) -> f32 {
    if shift.fract() == 0.0 {
        return if shift.rem_euclid(2.0) == 0.0 {
            1.0
        } else {
            -1.0
        };
    }
    (PI * shift).cos() as f32
}

/// Shifts the field behind a half spectrum by `shift` voxels `(x, y, z)`, in place: f'(r) = f(r − shift), periodic.
/// `spectrum` is `[nz, ny, nx/2 + 1]` of a real field `dims = [nz, ny, nx]`.
///
/// # Panics
/// When the spectrum is not the half spectrum of `dims`.
pub fn shift_phases(spectrum: &mut Array3<Complex32>, dims: [usize; 3], shift: [f64; 3]) {
    let [nz, ny, nx] = dims;
    let half = nx / 2 + 1;
    assert_eq!(
        spectrum.shape(),
        [nz, ny, half],
        "half spectrum against {dims:?}"
    );
    let x = axis_phases(half, nx, shift[0]);
    let y = axis_phases(ny, ny, shift[1]);
    let z = axis_phases(nz, nz, shift[2]);
    spectrum
        .outer_iter_mut()
        .into_par_iter()
        .zip(&z)
        .for_each(|(mut plane, z)| {
            for (mut row, y) in plane.outer_iter_mut().zip(&y) {
                let zy = z * y;
                row.iter_mut()
                    .zip(&x)
                    .for_each(|(value, x)| *value *= zy * x);
            }
        });
}

/// Moves the phase origin of a half spectrum between the corner and the centre voxel, in place. For even extents
/// this is (−1)^(x+y+z).
///
/// `to = CentreVoxel` expects phases counted from voxel 0 (as a transform gives them) and leaves phases counted from
/// voxel floor(n/2); `to = FirstVoxel` goes back.
///
/// # Panics
/// When the spectrum is not the half spectrum of `dims`.
pub fn centre_phases(spectrum: &mut Array3<Complex32>, dims: [usize; 3], to: Origin) {
    let sign = match to {
        Origin::CentreVoxel => -1.0,
        Origin::FirstVoxel => 1.0,
    };
    let [z, y, x] = dims.map(|length| sign * (length / 2) as f64);
    shift_phases(spectrum, dims, [x, y, z]);
}
