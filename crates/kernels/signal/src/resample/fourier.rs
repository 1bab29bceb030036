//! Fourier crop and pad: the same band-limited periodic field on more or fewer voxels. Fourier shift.
//!
//! Grey values are kept (the spectrum is multiplied by N_out/N_in). At the Nyquist index of an even axis +n/2 and
//! −n/2 share one element: padding gives half of it to each, cropping adds the two, so cropping what was padded
//! returns it, and real fields stay real.

use std::f64::consts::PI;

use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;

use crate::fft::{
    Complex, Complex32, Fft2, Fft3, Origin, mirrored_index, shift_phases, signed_index,
    wrapped_index,
};

/// Up to two source elements, each with its factor, of one element of the new axis.
#[derive(Clone, Copy, Default)]
struct Sources {
    count: usize,
    terms: [(usize, Complex32); 2],
}

impl Sources {
    fn push(&mut self, index: usize, factor: Complex<f64>) {
        self.terms[self.count] = (index, Complex32::new(factor.re as f32, factor.im as f32));
        self.count += 1;
    }

    fn iter(&self) -> impl Iterator<Item = (usize, Complex32)> + '_ {
        self.terms[..self.count].iter().copied()
    }
}

/// exp(2πi k·(c/from − c'/to)): moves voxel floor(from/2) of the old axis to voxel floor(to/2) of the new one.
fn centring(k: isize, from: usize, to: usize, about: Origin) -> Complex<f64> {
    match about {
        Origin::FirstVoxel => Complex::new(1.0, 0.0),
        Origin::CentreVoxel => {
            let offset = (from / 2) as f64 / from as f64 - (to / 2) as f64 / to as f64;
            Complex::from_polar(1.0, 2.0 * PI * k as f64 * offset)
        }
    }
}

/// Where the elements of a full axis of `to` come from in a full axis of `from`.
fn full_axis(from: usize, to: usize, about: Origin) -> Vec<Sources> {
    let wrap = |k| wrapped_index(k, from);
    (0..to)
        .map(|index| {
            let k = signed_index(index, to);
            let mut sources = Sources::default();
            if from == to {
                sources.push(index, Complex::new(1.0, 0.0));
            } else if to < from {
                sources.push(wrap(k), centring(k, from, to, about));
                if 2 * index == to {
                    sources.push(wrap(-k), centring(-k, from, to, about));
                }
            } else if 2 * k.unsigned_abs() < from {
                sources.push(wrap(k), centring(k, from, to, about));
            } else if 2 * k.unsigned_abs() == from {
                sources.push(from / 2, centring(k, from, to, about) * 0.5);
            }
            sources
        })
        .collect()
}

/// The same for the half axis; a Nyquist element that cropping makes still lacks its mirror (see [`mirror_nyquist`]).
fn half_axis(from: usize, to: usize, about: Origin) -> Vec<Sources> {
    (0..=to / 2)
        .map(|index| {
            let mut sources = Sources::default();
            if from == to {
                sources.push(index, Complex::new(1.0, 0.0));
            } else if index <= from / 2 {
                let padded_nyquist = to > from && 2 * index == from;
                let weight = if padded_nyquist { 0.5 } else { 1.0 };
                sources.push(index, centring(index as isize, from, to, about) * weight);
            }
            sources
        })
        .collect()
}

/// Adds to the x Nyquist plane its own mirror: the part that lay at −n/2.
fn mirror_nyquist(spectrum: &mut Array3<Complex32>) {
    let [nz, ny, half] = [0, 1, 2].map(|axis| spectrum.len_of(Axis(axis)));
    let plane = spectrum.index_axis(Axis(2), half - 1).to_owned();
    for ((z, y), value) in spectrum
        .index_axis_mut(Axis(2), half - 1)
        .indexed_iter_mut()
    {
        *value += plane[[mirrored_index(z, nz), mirrored_index(y, ny)]].conj();
    }
}

/// The half spectrum, on the grid `to`, of the field whose half spectrum on the grid `from` is `spectrum`.
///
/// Both spectra are unnormalised with phases counted from voxel 0, `[nz, ny, nx/2 + 1]`; extents `from` and `to` are
/// those of the fields. Each axis may grow, shrink or stay.
///
/// # Panics
/// When `spectrum` is not a half spectrum of `from`, or an extent is zero.
pub fn resample_spectrum3(
    spectrum: &Array3<Complex32>,
    from: [usize; 3],
    to: [usize; 3],
    about: Origin,
) -> Array3<Complex32> {
    assert_eq!(
        spectrum.shape(),
        [from[0], from[1], from[2] / 2 + 1],
        "half spectrum against {from:?}"
    );
    assert!(
        from.iter().chain(&to).all(|&n| n > 0),
        "no empty grids: {from:?} to {to:?}"
    );
    let [z, y] = [0, 1].map(|axis| full_axis(from[axis], to[axis], about));
    let x = half_axis(from[2], to[2], about);
    let scale = to.iter().map(|&n| n as f64).product::<f64>()
        / from.iter().map(|&n| n as f64).product::<f64>();
    let mut result = Array3::<Complex32>::zeros((to[0], to[1], to[2] / 2 + 1));
    result
        .outer_iter_mut()
        .into_par_iter()
        .zip(&z)
        .for_each(|(mut plane, z)| {
            for (mut row, y) in plane.outer_iter_mut().zip(&y) {
                for (from_z, factor_z) in z.iter() {
                    for (from_y, factor_y) in y.iter() {
                        let factor = factor_z * factor_y * scale as f32;
                        let source = spectrum.slice(ndarray::s![from_z, from_y, ..]);
                        add_row(
                            row.as_slice_mut()
                                .expect("rows of a new array are contiguous"),
                            &source,
                            &x,
                            factor,
                        );
                    }
                }
            }
        });
    if to[2] < from[2] && to[2].is_multiple_of(2) {
        mirror_nyquist(&mut result);
    }
    result
}

fn add_row(
    row: &mut [Complex32],
    source: &ndarray::ArrayView1<Complex32>,
    x: &[Sources],
    factor: Complex32,
) {
    for (value, sources) in row.iter_mut().zip(x) {
        for (from_x, factor_x) in sources.iter() {
            *value += source[from_x] * factor_x * factor;
        }
    }
}

/// Fourier crop or pad of a volume to the extents `to`, with `about` held in place; grey values are kept.
/// The voxel becomes `from/to` times as long on each axis.
///
/// # Panics
/// When an extent is zero.
pub fn fourier_resample3(volume: &Array3<f32>, to: [usize; 3], about: Origin) -> Array3<f32> {
    let from = extents(volume);
    if from == to {
        return volume.clone();
    }
    let spectrum = Fft3::plan(from).forward(volume);
    Fft3::plan(to).inverse(&resample_spectrum3(&spectrum, from, to, about))
}

/// As [`fourier_resample3`] for an image `[y, x]`.
///
/// # Panics
/// When an extent is zero.
pub fn fourier_resample2(image: &Array2<f32>, to: [usize; 2], about: Origin) -> Array2<f32> {
    let (ny, nx) = image.dim();
    if [ny, nx] == to {
        return image.clone();
    }
    let spectrum = Fft2::plan([ny, nx]).forward(image).insert_axis(Axis(0));
    let moved = resample_spectrum3(&spectrum, [1, ny, nx], [1, to[0], to[1]], about);
    drop(spectrum);
    Fft2::plan(to).inverse(&moved.index_axis_move(Axis(0), 0))
}

/// Moves the content of a periodic volume by `shift` voxels `(x, y, z)`: f'(r) = f(r − shift), exact for band-limited
/// fields.
pub fn fourier_shift3(volume: &Array3<f32>, shift: [f64; 3]) -> Array3<f32> {
    let dims = extents(volume);
    if volume.is_empty() {
        return volume.clone();
    }
    let plan = Fft3::plan(dims);
    let mut spectrum = plan.forward(volume);
    shift_phases(&mut spectrum, dims, shift);
    plan.inverse(&spectrum)
}

/// As [`fourier_shift3`] for an image, `shift = (x, y)` pixels.
pub fn fourier_shift2(image: &Array2<f32>, shift: [f64; 2]) -> Array2<f32> {
    fourier_shift3(
        &image.clone().insert_axis(Axis(0)),
        [shift[0], shift[1], 0.0],
    )
    .index_axis_move(Axis(0), 0)
}

pub(super) fn extents(volume: &Array3<f32>) -> [usize; 3] {
    let (nz, ny, nx) = volume.dim();
    [nz, ny, nx]
}
