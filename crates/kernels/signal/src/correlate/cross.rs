//! Correlation maps of rows, images and volumes.

use ndarray::{Array1, Array2, Array3, Axis, Zip};
use serde::{Deserialize, Serialize};
use thon_compute::parallel::sum_ranges;

use crate::fft::{Complex32, Fft3, Origin, centre_phases};

/// How a correlation is scaled.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Correlation {
    /// Σ image·reference, as it is.
    Plain,
    /// Means removed, divided by N and both standard deviations: Pearson's coefficient at every shift, −1 to 1.
    /// 0 everywhere when either field is flat.
    #[default]
    Normalised,
    /// Every Fourier coefficient has amplitude 1 and the mean counts nothing: a sharp peak of height at most 1
    /// (Kuglin & Hines 1975).
    Phase,
}

/// The half spectrum whose inverse transform is the correlation, shift 0 at voxel 0.
///
/// # Panics
/// When the extents differ.
pub fn cross_spectrum3(
    image: &Array3<f32>,
    reference: &Array3<f32>,
    scaling: Correlation,
) -> Array3<Complex32> {
    assert_eq!(image.shape(), reference.shape(), "image against reference");
    let (nz, ny, nx) = image.dim();
    let plan = Fft3::plan([nz, ny, nx]);
    let (mut product, other) = (plan.forward(image), plan.forward(reference));
    let scale = match scaling {
        Correlation::Normalised => inverse_norm(&product, nx) * inverse_norm(&other, nx),
        Correlation::Plain | Correlation::Phase => 1.0,
    };
    Zip::from(&mut product).and(&other).for_each(|a, b| {
        // The factor goes in between: the product of two unscaled coefficients may leave the range of f32.
        let value = *a * scale as f32 * b.conj();
        *a = if scaling == Correlation::Phase {
            phase(value) * image.len() as f32
        } else {
            value
        };
    });
    if scaling != Correlation::Plain
        && let Some(mean) = product.get_mut((0, 0, 0))
    {
        *mean = Complex32::default();
    }
    product
}

fn phase(value: Complex32) -> Complex32 {
    let norm = value.norm();
    if norm > 0.0 { value / norm } else { value }
}

/// 1/√Σ(f − mean)², from the half spectrum by Parseval: one of the two factors that turn Σ f·g into Pearson's
/// coefficient. 0 for a flat field.
fn inverse_norm(spectrum: &Array3<Complex32>, nx: usize) -> f64 {
    let half = spectrum.len_of(Axis(2));
    let values = spectrum
        .as_slice()
        .expect("transforms give standard layout");
    let term = |index: usize| {
        let (x, value) = (index % half.max(1), values[index]);
        let weight = if x > 0 && 2 * x != nx { 2.0 } else { 1.0 };
        weight * (f64::from(value.re).powi(2) + f64::from(value.im).powi(2))
    };
    // Element 0 is the mean.
    let power = sum_ranges(values.len(), |range| {
        range.skip_while(|&index| index == 0).map(term).sum()
    });
    let elements = (values.len() / half.max(1) * nx) as f64;
    let energy = power / elements;
    let mean = values
        .first()
        .map_or(0.0, |value| f64::from(value.re) / elements);
    // A flat field leaves rounding errors of about 1e-7 of its value.
    if energy > elements * (mean * 1e-6).powi(2) && energy > 0.0 {
        energy.sqrt().recip()
    } else {
        0.0
    }
}

/// Correlation map of two volumes `[z, y, x]`; shift 0 is voxel floor(n/2).
///
/// # Panics
/// When the extents differ.
pub fn correlate3(
    image: &Array3<f32>,
    reference: &Array3<f32>,
    scaling: Correlation,
) -> Array3<f32> {
    let (nz, ny, nx) = image.dim();
    let dims = [nz, ny, nx];
    let mut product = cross_spectrum3(image, reference, scaling);
    // Moving the field by +floor(n/2) is what counting phases from the centre undoes.
    centre_phases(&mut product, dims, Origin::FirstVoxel);
    Fft3::plan(dims).inverse(&product)
}

/// As [`correlate3`] for images `[y, x]`.
///
/// # Panics
/// When the extents differ.
pub fn correlate2(
    image: &Array2<f32>,
    reference: &Array2<f32>,
    scaling: Correlation,
) -> Array2<f32> {
    let volume = |array: &Array2<f32>| array.clone().insert_axis(Axis(0));
    correlate3(&volume(image), &volume(reference), scaling).index_axis_move(Axis(0), 0)
}

/// As [`correlate3`] for rows.
///
/// # Panics
/// When the lengths differ.
pub fn correlate1(
    image: &Array1<f32>,
    reference: &Array1<f32>,
    scaling: Correlation,
) -> Array1<f32> {
    let plane = |array: &Array1<f32>| array.clone().insert_axis(Axis(0));
    correlate2(&plane(image), &plane(reference), scaling).index_axis_move(Axis(0), 0)
}
