//! Two-dimensional data as gray values, with robust contrast.

use ndarray::ArrayView2;

use crate::{Colour, Picture};

/// How values become gray.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contrast {
    /// Black at this fraction of all values, white at one minus it.
    Percentile(f64),
    /// Black and white at these values.
    Range(f32, f32),
}

/// Draws data `[y, x]`, averaged down to at most `longest` pixels along its longer side.
///
/// Non-finite values are drawn red.
pub fn gray(data: &ArrayView2<'_, f32>, contrast: Contrast, longest: usize) -> Picture {
    let factor = data
        .nrows()
        .max(data.ncols())
        .div_ceil(longest.max(1))
        .max(1);
    let (height, width) = (
        (data.nrows() / factor).max(1),
        (data.ncols() / factor).max(1),
    );
    let binned: Vec<f32> = (0..height * width)
        .map(|i| block_mean(data, [i / width * factor, i % width * factor], factor))
        .collect();
    let (black, white) = match contrast {
        Contrast::Range(black, white) => (black, white),
        Contrast::Percentile(fraction) => percentiles(&binned, fraction),
    };
    let scale = 255.0 / (white - black).max(f32::MIN_POSITIVE);
    let mut picture = Picture::filled(width, height, [0, 0, 0]);
    for (i, &value) in binned.iter().enumerate() {
        let level = ((value - black) * scale).clamp(0.0, 255.0) as u8;
        let colour: Colour = if value.is_finite() {
            [level; 3]
        } else {
            [255, 0, 0]
        };
        picture.set((i % width) as i64, (height - 1 - i / width) as i64, colour);
    }
    picture
}

fn block_mean(data: &ArrayView2<'_, f32>, [y0, x0]: [usize; 2], factor: usize) -> f32 {
    let (y1, x1) = (
        (y0 + factor).min(data.nrows()),
        (x0 + factor).min(data.ncols()),
    );
    let mut sum = 0.0f64;
    for y in y0..y1 {
        for x in x0..x1 {
            sum += f64::from(data[[y, x]]);
        }
    }
    (sum / ((y1 - y0) * (x1 - x0)).max(1) as f64) as f32
}

fn percentiles(values: &[f32], fraction: f64) -> (f32, f32) {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if sorted.is_empty() {
        return (0.0, 1.0);
    }
    sorted.sort_by(f32::total_cmp);
    let last = (sorted.len() - 1) as f64;
    let at = |fraction: f64| sorted[(fraction.clamp(0.0, 1.0) * last).round() as usize];
    (at(fraction), at(1.0 - fraction))
}

/// Pictures side by side with a gap, on a background.
pub fn row_of(pictures: &[Picture], gap: usize, background: Colour) -> Picture {
    let height = pictures.iter().map(|p| p.height).max().unwrap_or(1);
    let width = pictures
        .iter()
        .map(|p| p.width + gap)
        .sum::<usize>()
        .saturating_sub(gap)
        .max(1);
    let mut joined = Picture::filled(width, height, background);
    let mut left = 0;
    for picture in pictures {
        joined.paste(picture, left, (height - picture.height) / 2);
        left += picture.width + gap;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_first_row_is_drawn_at_the_bottom() {
        let picture = gray(
            &array![[0.0f32, 1.0], [2.0, 3.0]].view(),
            Contrast::Range(0.0, 3.0),
            100,
        );
        assert_eq!((picture.width, picture.height), (2, 2));
        assert_eq!(picture.get(0, 1), [0; 3]);
        assert_eq!(picture.get(1, 0), [255; 3]);
    }

    #[test]
    fn large_images_are_averaged_down_and_bad_values_shown() {
        let mut data = ndarray::Array2::<f32>::zeros((100, 300));
        data[[0, 0]] = f32::NAN;
        let picture = gray(&data.view(), Contrast::Percentile(0.01), 100);
        assert_eq!((picture.width, picture.height), (100, 33));
        assert_eq!(picture.get(0, 32), [255, 0, 0]);
    }
}
