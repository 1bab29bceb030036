//! Subtomograms of the 2016 protocol: boxes out of a tomogram at whole voxels, brought to background mean 0 and deviation 1.

use glam::DVec3;
use ndarray::Array3;
use thon_signal::fft::Origin;
use thon_signal::resample::fourier_resample3;

use crate::ExtractError;

/// A box inside a volume, at whole voxels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoxInVolume {
    /// First voxel of the box in the volume, (x, y, z); may lie outside.
    pub first: [i64; 3],
    /// Edge of the box.
    pub size: usize,
}

impl BoxInVolume {
    /// The box whose voxel ⌊n/2⌋ is nearest to `centre` (index in the volume, (x, y, z)); `None` for a place that is no number.
    pub fn around(centre: DVec3, size: usize) -> Option<Self> {
        let near = (centre + 0.5).floor();
        (near.is_finite() && near.abs().max_element() < 1e9).then(|| Self {
            first: near.to_array().map(|v| v as i64 - (size / 2) as i64),
            size,
        })
    }

    /// Index of the box's voxel ⌊n/2⌋ in the volume.
    pub fn centre(&self) -> DVec3 {
        let half = (self.size / 2) as i64;
        DVec3::from_array(self.first.map(|first| (first + half) as f64))
    }

    /// Along an axis (0: x), the voxels of a volume of `length` that the box holds: from, to.
    pub fn range(&self, axis: usize, length: usize) -> [usize; 2] {
        let clamp = |v: i64| v.clamp(0, length as i64) as usize;
        [
            clamp(self.first[axis]),
            clamp(self.first[axis] + self.size as i64),
        ]
    }

    /// The share of the box inside a volume `[z, y, x]`.
    pub fn inside(&self, [z, y, x]: [usize; 3]) -> f64 {
        let along = |axis: usize, length: usize| {
            let [from, to] = self.range(axis, length);
            (to - from) as f64 / self.size as f64
        };
        along(0, x) * along(1, y) * along(2, z)
    }
}

/// Brings a volume `[n, n, n]` to mean 0 and deviation 1 outside a sphere of `radius` voxels; `invert` turns dark matter white.
///
/// # Errors
/// [`ExtractError::Constant`] when the background has no contrast, [`ExtractError::NotFinite`], [`ExtractError::Parameter`] when
/// nothing lies outside the sphere.
pub fn normalise_background(
    volume: &mut [f32],
    n: usize,
    radius: f64,
    invert: bool,
) -> Result<(), ExtractError> {
    ExtractError::check_length("subtomogram", volume.len(), n * n * n)?;
    let centre = (n / 2) as f64;
    let outside = |i: usize| {
        let r = [i % n, i / n % n, i / n / n].map(|v| v as f64 - centre);
        r[0] * r[0] + r[1] * r[1] + r[2] * r[2] > radius * radius
    };
    let (mut count, mut sum, mut square) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (i, value) in volume.iter().enumerate() {
        if outside(i) {
            count += 1.0;
            sum += f64::from(*value);
            square += f64::from(*value) * f64::from(*value);
        }
    }
    if count < 2.0 {
        return Err(ExtractError::parameter(
            "radius",
            radius,
            "a sphere with background around it",
        ));
    }
    let mean = sum / count;
    let deviation = (square / count - mean * mean).max(0.0).sqrt();
    if !deviation.is_finite() {
        return Err(ExtractError::NotFinite {
            what: "the subtomogram",
        });
    }
    if deviation <= 1e-6 * mean.abs() {
        return Err(ExtractError::Constant {
            what: "the background of the subtomogram",
        });
    }
    let factor = if invert { -1.0 } else { 1.0 } / deviation;
    for value in volume.iter_mut() {
        *value = ((f64::from(*value) - mean) * factor) as f32;
    }
    Ok(())
}

/// A volume `[n, n, n]` on `to`³ voxels of another size, by cropping or padding its transform; the centre voxels stay together.
///
/// # Errors
/// [`ExtractError::Size`] for a wrong length.
pub fn rescaled(volume: Vec<f32>, n: usize, to: usize) -> Result<Vec<f32>, ExtractError> {
    ExtractError::check_length("subtomogram", volume.len(), n * n * n)?;
    if n == to {
        return Ok(volume);
    }
    let field = Array3::from_shape_vec((n, n, n), volume).expect("the length is n³");
    let field = fourier_resample3(&field, [to; 3], Origin::CentreVoxel);
    Ok(field.as_standard_layout().iter().copied().collect())
}

/// The projection of a volume `[n, n, n]` along z, its mean over sections, brought to mean 0 and deviation 1 outside a disc of
/// `radius` pixels (RELION's `--project3d`).
///
/// # Errors
/// As [`normalise_background`].
pub fn projection_along_z(volume: &[f32], n: usize, radius: f64) -> Result<Vec<f32>, ExtractError> {
    ExtractError::check_length("subtomogram", volume.len(), n * n * n)?;
    let mut image = vec![0.0_f64; n * n];
    for section in volume.chunks_exact(n * n) {
        for (sum, value) in image.iter_mut().zip(section) {
            *sum += f64::from(*value) / n as f64;
        }
    }
    let centre = (n / 2) as f64;
    let outside = |i: usize| ((i % n) as f64 - centre).hypot((i / n) as f64 - centre) > radius;
    let background: Vec<f64> = (0..n * n)
        .filter(|&i| outside(i))
        .map(|i| image[i])
        .collect();
    if background.len() < 2 {
        return Err(ExtractError::parameter(
            "radius",
            radius,
            "a disc with background around it",
        ));
    }
    let count = background.len() as f64;
    let mean = background.iter().sum::<f64>() / count;
    let deviation = (background.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
    if !deviation.is_finite() {
        return Err(ExtractError::NotFinite {
            what: "the subtomogram",
        });
    }
    if deviation <= 1e-6 * mean.abs() {
        return Err(ExtractError::Constant {
            what: "the background of the projection",
        });
    }
    Ok(image
        .iter()
        .map(|v| ((v - mean) / deviation) as f32)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_know_where_they_lie() {
        let cut = BoxInVolume::around(DVec3::new(10.4, 2.0, 7.6), 8).unwrap();
        assert_eq!(cut.first, [6, -2, 4]);
        assert_eq!(cut.centre(), DVec3::new(10.0, 2.0, 8.0));
        assert_eq!([cut.range(0, 12), cut.range(1, 12)], [[6, 12], [0, 6]]);
        assert!((cut.inside([20, 12, 12]) - 0.75 * 0.75).abs() < 1e-12);
        assert!(BoxInVolume::around(DVec3::NAN, 8).is_none());
    }

    #[test]
    fn backgrounds_become_standard() {
        let n = 16;
        let mut volume: Vec<f32> = (0..n * n * n)
            .map(|i| ((i * 31 % 97) as f32).sin() * 3.0 + 5.0)
            .collect();
        let before = volume.clone();
        normalise_background(&mut volume, n, 5.0, true).unwrap();
        let outside = |i: &usize| {
            let r = [i % n, i / n % n, i / n / n].map(|v| v as f64 - 8.0);
            r.iter().map(|v| v * v).sum::<f64>() > 25.0
        };
        let values: Vec<f64> = (0..n * n * n)
            .filter(outside)
            .map(|i| f64::from(volume[i]))
            .collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!(mean.abs() < 1e-6 && (square - 1.0).abs() < 1e-6);
        assert!((volume[9] - volume[8]) * (before[9] - before[8]) < 0.0);
        let image = projection_along_z(&volume, n, 5.0).unwrap();
        let mean: f32 = (0..n).map(|x| image[x]).sum::<f32>() / n as f32;
        assert!(image.len() == n * n && mean.abs() < 1.0);
        assert!(normalise_background(&mut vec![2.0; 512], 8, 2.0, false).is_err());
        assert!(normalise_background(&mut vec![2.0; 512], 8, 20.0, false).is_err());
        assert_eq!(rescaled(volume, n, 8).unwrap().len(), 512);
    }
}
