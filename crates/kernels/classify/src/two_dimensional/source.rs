//! Where images come from, and how they are made ready: centred, normalised, masked, transformed.

use num_complex::Complex32;
use thon_likelihood::SourceError;

use super::HalfDisc;
use super::options::Settings;
use super::plane::{Plane, soft_disc};
use crate::ClassifyError;

/// Square images of particles that can be read one by one, in any order, any number of times.
pub trait ImageSource: Sync {
    /// Number of images.
    fn len(&self) -> usize;

    /// True without images.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Edge of the images, pixels.
    fn box_size(&self) -> usize;

    /// Edge of a pixel, Å.
    fn pixel_size(&self) -> f64;

    /// Number of noise groups.
    fn groups(&self) -> usize {
        1
    }

    /// Noise group of an image.
    fn group(&self, _index: usize) -> usize {
        0
    }

    /// The pixels `[n, n]` of an image. The same index gives the same bytes.
    ///
    /// # Errors
    /// What reading meets.
    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError>;

    /// The transfer that the image was seen through at the points of a half disc (cycles per box); none: 1 everywhere.
    fn transfer(&self, _index: usize, _disc: &HalfDisc) -> Option<Vec<f32>> {
        None
    }
}

/// One image made ready.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// Its masked transform at the points of a half disc.
    pub transform: Vec<Complex32>,
    /// What it was seen through; none: 1.
    pub transfer: Option<Vec<f32>>,
    /// Noise group.
    pub group: usize,
}

/// The mask, and what of the noise it leaves.
#[derive(Clone)]
pub(crate) struct Mask {
    /// The soft disc, `[n, n]`.
    pub values: Vec<f32>,
    /// Σ mask² over the number of pixels.
    pub fraction: f64,
    /// Σ (1 − mask)² over the number of pixels.
    pub outside: f64,
    /// Pixels where the mask is 0 to 1 %: the background.
    background: Vec<usize>,
}

/// Background pixels below which all pixels serve instead.
const FEWEST_BACKGROUND: usize = 50;

impl Mask {
    pub fn new(settings: &Settings) -> Self {
        let n = settings.box_size;
        let values = soft_disc(n, settings.radius, settings.edge);
        let mean = |f: &dyn Fn(f64) -> f64| {
            values.iter().map(|m| f(f64::from(*m))).sum::<f64>() / (n * n) as f64
        };
        let background: Vec<usize> = (0..n * n).filter(|i| values[*i] < 0.01).collect();
        Self {
            fraction: mean(&|m| m * m),
            outside: mean(&|m| (1.0 - m) * (1.0 - m)),
            background: if background.len() < FEWEST_BACKGROUND {
                (0..n * n).collect()
            } else {
                background
            },
            values,
        }
    }

    /// Mean and standard deviation of the background of an image.
    fn background(&self, image: &[f32]) -> (f64, f64) {
        let count = self.background.len() as f64;
        let mean = self
            .background
            .iter()
            .map(|i| f64::from(image[*i]))
            .sum::<f64>()
            / count;
        let square = |i: &usize| (f64::from(image[*i]) - mean).powi(2);
        let variance = self.background.iter().map(square).sum::<f64>() / count;
        (mean, variance.sqrt())
    }
}

/// Reads an image, checks it and normalises its background.
pub(crate) fn read_image(
    source: &dyn ImageSource,
    index: usize,
    mask: &Mask,
    normalise: bool,
) -> Result<Vec<f32>, ClassifyError> {
    let read = source.image(index);
    let mut image = read.map_err(|source| ClassifyError::Source { index, source })?;
    let n = source.box_size();
    if image.len() != n * n {
        return Err(ClassifyError::Length {
            what: format!("image {index}"),
            expected: n * n,
            found: image.len(),
        });
    }
    let bad = |problem| Err(ClassifyError::Image { index, problem });
    if !image.iter().all(|v| v.is_finite()) {
        return bad("holds a value that is not finite");
    }
    let (mean, deviation) = mask.background(&image);
    let flat = image.iter().all(|v| *v == image[0]);
    if flat || (normalise && deviation.is_nan()) {
        return bad("is flat: all its values are equal");
    }
    if normalise {
        if deviation <= 1e-6 * mean.abs().max(f64::MIN_POSITIVE) {
            return bad("has a flat background outside the mask");
        }
        for value in &mut image {
            *value = ((f64::from(*value) - mean) / deviation) as f32;
        }
    }
    Ok(image)
}

/// Moves an image so that its pixel `offset` from the centre comes to the centre; zeros come in.
pub(crate) fn centred(image: &[f32], n: usize, offset: [i32; 2]) -> Vec<f32> {
    if offset == [0, 0] {
        return image.to_vec();
    }
    let mut moved = vec![0.0; n * n];
    for (y, row) in moved.chunks_exact_mut(n).enumerate() {
        let Ok(from) = usize::try_from(y as i32 + offset[1]) else {
            continue;
        };
        if from >= n {
            continue;
        }
        for (x, value) in row.iter_mut().enumerate() {
            let column = x as i32 + offset[0];
            if (0..n as i32).contains(&column) {
                *value = image[from * n + column as usize];
            }
        }
    }
    moved
}

/// Centres, masks and transforms an image.
pub(crate) fn prepare(
    source: &dyn ImageSource,
    index: usize,
    image: &[f32],
    offset: [i32; 2],
    mask: &Mask,
    plane: &Plane,
    disc: &HalfDisc,
) -> Prepared {
    let mut moved = centred(image, plane.box_size(), offset);
    moved
        .iter_mut()
        .zip(&mask.values)
        .for_each(|(v, m)| *v *= m);
    Prepared {
        transform: plane.transform(&moved, disc),
        transfer: source.transfer(index, disc),
        group: source.group(index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centring_brings_the_offset_pixel_to_the_centre() {
        let mut image = vec![0.0; 64];
        image[5 * 8 + 3] = 1.0;
        let moved = centred(&image, 8, [-1, 1]);
        assert_eq!((moved[4 * 8 + 4], moved.iter().sum::<f32>()), (1.0, 1.0));
        assert_eq!(centred(&image, 8, [9, 0]), vec![0.0; 64]);
    }
}
