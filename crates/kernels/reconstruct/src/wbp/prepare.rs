//! A raw tilt image made ready to be interpolated once: cropped to the tomogram's resolution, filtered across its tilt axis
//! and turned into cubic B-spline coefficients, all in one pass through its 2-D spectrum, in the raw image's own frame.
//!
//! The image is padded to 1.25 times its size with its mean (or zero). |k| below a fifth of the padded image's first
//! frequency counts as that much, which is the zero-frequency value of the discrete ramp of Ramachandran & Lakshminarayanan.
//! Cubic B-splines: Unser 1999 (IEEE Signal Process. Mag. 16:22).

use std::f64::consts::PI;
use std::ops::Range;

use glam::DVec2;
use rayon::prelude::*;
use thon_signal::fft::{Complex32, Fft2, half_length, next_fast_even_length, signed_index};

use super::axes::Axes;
use super::contrast::Correction;
use super::filter::ViewWeights;
use super::{Background, ReconstructError};
use crate::half_space::sinc;

/// Sampling of the prepared image relative to the tomogram's, where the raw image has so much detail.
const OVERSAMPLING: f64 = 1.25;
/// Pixels kept around the image for the footprint of the spline.
const MARGIN: usize = 4;
/// Entries of the filter table per frequency step of the padded image.
const TABLE_STEPS: f64 = 4.0;

/// One axis of the images: raw pixels → padded pixels → prepared pixels.
#[derive(Clone, Copy, Debug)]
struct AxisSizes {
    raw: usize,
    padded: usize,
    cropped: usize,
    /// The part of the cropped axis that is kept.
    start: usize,
    kept: usize,
    /// Where the centre of the whole image lies, pixels from the first one here.
    centre: isize,
}

impl AxisSizes {
    fn new(raw: usize, pixel_size: f64, voxel_size: f64) -> Self {
        let padded = next_fast_even_length((raw + raw / 4).max(raw + 32));
        let wanted = (padded as f64 * pixel_size / voxel_size * OVERSAMPLING).ceil() as usize;
        let cropped = next_fast_even_length(wanted.max(16)).min(padded);
        let ratio = cropped as f64 / padded as f64;
        let first = (padded - raw) / 2;
        let start = ((first as f64 * ratio) as usize).saturating_sub(MARGIN);
        let end = (((first + raw) as f64 * ratio).ceil() as usize + MARGIN).min(cropped);
        Self {
            raw,
            padded,
            cropped,
            start,
            kept: end - start,
            centre: (raw / 2) as isize,
        }
    }

    /// For a piece of an axis of `whole` pixels.
    fn piece(piece: &Range<usize>, whole: usize, pixel_size: f64, voxel_size: f64) -> Self {
        Self {
            centre: (whole / 2) as isize - piece.start as isize,
            ..Self::new(piece.len(), pixel_size, voxel_size)
        }
    }

    /// Index in the prepared image = scale · (Å from the centre) + offset.
    fn coordinate(&self, pixel_size: f64) -> (f64, f64) {
        let ratio = self.cropped as f64 / self.padded as f64;
        let centre = ((self.padded - self.raw) / 2) as f64 + self.centre as f64;
        (ratio / pixel_size, centre * ratio - self.start as f64)
    }

    /// Indices of the prepared image between which there is raw image.
    fn valid(&self) -> [f64; 2] {
        let ratio = self.cropped as f64 / self.padded as f64;
        let first = ((self.padded - self.raw) / 2) as f64;
        let at = |raw: f64| (first + raw) * ratio - self.start as f64;
        [
            at(-0.5).max(1.001),
            at(self.raw as f64 - 0.5).min(self.kept as f64 - 2.001),
        ]
    }

    /// Cycles/Å of element `index` of the cropped spectrum.
    fn frequency(&self, index: usize, pixel_size: f64) -> f64 {
        signed_index(index, self.cropped) as f64 / (self.padded as f64 * pixel_size)
    }

    /// 1 over the response of the cubic B-spline at its own samples.
    fn spline_gain(&self, index: usize) -> f64 {
        let k = signed_index(index, self.cropped) as f64 / self.cropped as f64;
        3.0 / (2.0 + (2.0 * PI * k).cos())
    }
}

/// Where positions in Å lie in a prepared image, and where it has data. Pairs are (x, y).
#[derive(Clone, Copy, Debug)]
pub(super) struct PreparedFrame {
    /// `[ny, nx]`.
    pub(super) size: [usize; 2],
    pub(super) scale: DVec2,
    pub(super) offset: DVec2,
    pub(super) valid_from: DVec2,
    pub(super) valid_to: DVec2,
}

/// Prepares the images of one series.
pub(super) struct Preparer {
    axes: [AxisSizes; 2],
    pixel_size: f64,
    voxel_size: f64,
    background: Background,
    forward: Fft2,
    inverse: Fft2,
}

impl Preparer {
    /// For raw images `[ny, nx]`.
    pub(super) fn new(
        [ny, nx]: [usize; 2],
        pixel_size: f64,
        voxel_size: f64,
        background: Background,
    ) -> Self {
        let axes = [ny, nx].map(|raw| AxisSizes::new(raw, pixel_size, voxel_size));
        Self::of(axes, pixel_size, voxel_size, background)
    }

    /// For the piece `rows × columns` of images `[ny, nx]`, without the mean (which is the caller's to take off).
    pub(super) fn of_piece(
        [rows, columns]: &[Range<usize>; 2],
        [ny, nx]: [usize; 2],
        pixel_size: f64,
        voxel_size: f64,
    ) -> Self {
        let axes = [
            AxisSizes::piece(rows, ny, pixel_size, voxel_size),
            AxisSizes::piece(columns, nx, pixel_size, voxel_size),
        ];
        Self::of(axes, pixel_size, voxel_size, Background::Zero)
    }

    fn of(axes: [AxisSizes; 2], pixel_size: f64, voxel_size: f64, background: Background) -> Self {
        Self {
            axes,
            pixel_size,
            voxel_size,
            background,
            forward: Fft2::plan(axes.map(|axis| axis.padded)),
            inverse: Fft2::plan(axes.map(|axis| axis.cropped)),
        }
    }

    pub(super) fn frame(&self) -> PreparedFrame {
        let [y, x] = self.axes;
        let (scale_x, offset_x) = x.coordinate(self.pixel_size);
        let (scale_y, offset_y) = y.coordinate(self.pixel_size);
        let (valid_x, valid_y) = (x.valid(), y.valid());
        PreparedFrame {
            size: [y.kept, x.kept],
            scale: DVec2::new(scale_x, scale_y),
            offset: DVec2::new(offset_x, offset_y),
            valid_from: DVec2::new(valid_x[0], valid_y[0]),
            valid_to: DVec2::new(valid_x[1], valid_y[1]),
        }
    }

    /// Bytes that [`Preparer::prepare`] needs at its height, raw image and result included.
    pub(super) fn working_bytes(&self) -> usize {
        let [y, x] = self.axes;
        4 * (y.raw * x.raw + 2 * y.padded * x.padded + 3 * y.cropped * x.cropped)
    }

    /// Spline coefficients of the filtered image, `frame().size`.
    pub(super) fn prepare(
        &self,
        index: usize,
        pixels: &[f32],
        axes: &Axes,
        weights: &ViewWeights,
    ) -> Result<Vec<f32>, ReconstructError> {
        let spectrum = self.spectrum(index, pixels)?;
        let cropped = self.filtered(&spectrum, axes, weights, None);
        drop(spectrum);
        Ok(self.image(cropped))
    }

    /// The spectrum of the padded image.
    pub(super) fn spectrum(
        &self,
        index: usize,
        pixels: &[f32],
    ) -> Result<Vec<Complex32>, ReconstructError> {
        let [y, x] = self.axes;
        let mut spectrum = vec![Complex32::default(); y.padded * half_length(x.padded)];
        let padded = self.padded(index, pixels)?;
        self.forward.forward_into(&padded, &mut spectrum);
        Ok(spectrum)
    }

    /// Spline coefficients of a filtered spectrum.
    pub(super) fn image(&self, mut cropped: Vec<Complex32>) -> Vec<f32> {
        let [y, x] = self.axes;
        let mut image = vec![0.0; y.cropped * x.cropped];
        self.inverse.inverse_into(&mut cropped, &mut image);
        drop(cropped);
        (y.start..y.start + y.kept)
            .flat_map(|row| image[row * x.cropped + x.start..][..x.kept].iter().copied())
            .collect()
    }

    /// A piece of an image, without the background that the whole image has.
    pub(super) fn cut(
        &self,
        index: usize,
        pixels: &[f32],
        [rows, columns]: &[Range<usize>; 2],
    ) -> Result<Vec<f32>, ReconstructError> {
        let mean = self.mean(index, pixels)?;
        let width = self.axes[1].raw;
        Ok(rows
            .clone()
            .flat_map(|y| pixels[y * width..][columns.clone()].iter())
            .map(|value| value - mean)
            .collect())
    }

    /// What lies outside the image; an error unless every pixel is finite.
    fn mean(&self, index: usize, pixels: &[f32]) -> Result<f32, ReconstructError> {
        let count = pixels.iter().filter(|value| !value.is_finite()).count();
        if count > 0 {
            return Err(ReconstructError::NotFinite { index, count });
        }
        Ok(match self.background {
            Background::Zero => 0.0,
            Background::Mean => {
                let sum: f64 = pixels.iter().map(|&v| f64::from(v)).sum();
                (sum / pixels.len().max(1) as f64) as f32
            }
        })
    }

    /// The image in the middle of a padded one, minus its mean if the background is the mean.
    fn padded(&self, index: usize, pixels: &[f32]) -> Result<Vec<f32>, ReconstructError> {
        let mean = self.mean(index, pixels)?;
        let [y, x] = self.axes;
        let (top, left) = ((y.padded - y.raw) / 2, (x.padded - x.raw) / 2);
        let mut padded = vec![0.0; y.padded * x.padded];
        for (row, values) in pixels.chunks(x.raw).enumerate() {
            let to = &mut padded[(top + row) * x.padded + left..][..x.raw];
            for (to, value) in to.iter_mut().zip(values) {
                *to = value - mean;
            }
        }
        Ok(padded)
    }

    /// The cropped spectrum times radial filter, spline gain and, when there is one, the correction of contrast transfer.
    /// Nyquist and what the tomogram cannot hold are zero.
    pub(super) fn filtered(
        &self,
        spectrum: &[Complex32],
        axes: &Axes,
        weights: &ViewWeights,
        correction: Option<&Correction>,
    ) -> Vec<Complex32> {
        let [y, x] = self.axes;
        let table = FilterTable::new(self, axes, weights);
        let limit = 0.5 / self.voxel_size;
        let half = half_length(x.cropped);
        let crop = (y.cropped * x.cropped) as f64 / (y.padded * x.padded) as f64;
        let gains: Vec<f64> = (0..half).map(|ix| x.spline_gain(ix) * crop).collect();
        let mut result = vec![Complex32::default(); y.cropped * half];
        let step_x = x.frequency(1, self.pixel_size);
        result
            .par_chunks_mut(half)
            .enumerate()
            .filter(|(iy, _)| 2 * iy != y.cropped)
            .for_each(|(iy, row)| {
                let ky = signed_index(iy, y.cropped).rem_euclid(y.padded as isize) as usize;
                let source = &spectrum[ky * half_length(x.padded)..];
                let frequency_y = y.frequency(iy, self.pixel_size);
                let start = axes.aligned_frequency(DVec2::new(0.0, frequency_y));
                let step = axes.aligned_frequency(DVec2::new(step_x, 0.0));
                let gain_y = y.spline_gain(iy);
                for (ix, value) in row.iter_mut().enumerate().take(half - 1) {
                    let k = start + step * ix as f64;
                    if k.y.abs() <= limit {
                        *value = source[ix] * (table.at(k.x) * gain_y * gains[ix]) as f32;
                    }
                }
                if let Some(correction) = correction {
                    correction.multiply_row(row, frequency_y, step_x);
                }
            });
        result
    }
}

/// The radial filter tabulated over |k|, with the response of the linear interpolation between samples divided out.
struct FilterTable {
    values: Vec<f64>,
    per_entry: f64,
    floor: f64,
    /// The values are the filter itself, not the filter over |k|.
    flat: bool,
}

impl FilterTable {
    fn new(preparer: &Preparer, axes: &Axes, weights: &ViewWeights) -> Self {
        let longest = preparer
            .axes
            .iter()
            .map(|axis| axis.padded)
            .max()
            .unwrap_or(1);
        let first = 1.0 / (longest as f64 * preparer.pixel_size);
        let floor = 0.2 * first;
        let step = first / TABLE_STEPS;
        let sample = preparer.voxel_size * axes.sample_step();
        let entries = (0.5 / preparer.voxel_size / step).ceil() as usize + 3;
        let values = (0..entries)
            .map(|entry| {
                let k = entry as f64 * step;
                weights.flat(k).unwrap_or_else(|| {
                    weights.at(k, floor) / k.max(floor) / sinc(k * sample).powi(2)
                })
            })
            .collect();
        Self {
            values,
            per_entry: 1.0 / step,
            floor,
            flat: weights.flat(0.0).is_some(),
        }
    }

    fn at(&self, k: f64) -> f64 {
        let k = k.abs();
        let position = k * self.per_entry;
        let entry = position as usize;
        if entry + 1 >= self.values.len() {
            return 0.0;
        }
        let fraction = position - entry as f64;
        let value = self.values[entry] * (1.0 - fraction) + self.values[entry + 1] * fraction;
        if self.flat {
            value
        } else {
            value * k.max(self.floor)
        }
    }
}
