//! Power spectra of overlapping tiles of a tilt image.
//!
//! Tiles overlap by half, opaque places are covered first, each tile is freed of its mean and multiplied by a window (the
//! powers of all windows sum to one at every pixel); its power is averaged in sectors and rings. Positions are Å from the
//! image's centre pixel ⌊n/2⌋.

use thon_geometry::glam::DVec2;
use thon_signal::fft::{Complex32, Fft2};

use crate::gold::cover;
use crate::windows::{Window, windows};
use crate::{CtfFitError, PolarGrid, PolarLayout};
use thon_prepare::grain;

/// Covered share from which on a tile is left out.
const TOO_MUCH_GOLD: f64 = 0.4;

/// Fourier coefficients per independent one, once tiles are weighted by the power of their windows: the powers sum to one, which
/// leaves what neighbouring tiles share of their overlap.
const REDUNDANCY: f64 = 1.1;

/// Power spectra of the tiles of one view.
#[derive(Clone, Debug)]
pub struct TileSpectra {
    /// Mean power, `[tile][sector][ring]`.
    pub power: Vec<f32>,
    /// Middle of what each tile shows, Å from the image's centre.
    pub positions: Vec<DVec2>,
    /// Weight of each tile, 0 to 1: the power of its window, less what is covered by gold.
    pub weights: Vec<f32>,
    /// Root mean square distance along one direction of what a tile shows from its middle, Å; 0 for spectra that were given
    /// as such.
    pub reach: f64,
    /// Length of the sine windows, Å; 0 for spectra that were given as such.
    pub window: f64,
    /// Fourier coefficients (times weights) per independent one: window and overlap make neighbours depend on each other.
    pub redundancy: f64,
    /// True for spectra whose background was taken out before.
    pub flat: bool,
    /// Share of the image that was covered as gold, 0 to 1.
    pub covered: f64,
    /// True when the image has no contrast at all.
    pub blank: bool,
    /// Noise of the image's middle pixels, for comparison with other images; empty for spectra that were given as such.
    pub grain: Vec<f32>,
}

impl TileSpectra {
    /// Number of tiles.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// True without tiles.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }
}

/// Plans for the tile spectra of images of one kind.
pub struct Tiler {
    /// Sectors and rings.
    pub layout: PolarLayout,
    plan: Fft2,
    pixel_size: f64,
}

impl Tiler {
    /// For images of `pixel_size` Å, tiles of `tile` pixels, a band of frequencies (cycles/Å) and a number of sectors.
    pub fn new(tile: usize, pixel_size: f64, band: [f64; 2], sectors: usize) -> Self {
        Self {
            layout: PolarLayout::new(tile, pixel_size, band, sectors),
            plan: Fft2::plan([tile, tile]),
            pixel_size,
        }
    }

    /// Sectors and rings of the spectra.
    pub fn grid(&self) -> &PolarGrid {
        &self.layout.grid
    }

    /// Spectra of all tiles of an image `[ny, nx]`, on one thread; `pixels` are used up (gold is covered in place).
    ///
    /// # Errors
    /// [`CtfFitError::ImageTooSmall`] for an image smaller than a tile.
    pub fn spectra(
        &self,
        pixels: &mut [f32],
        size: [usize; 2],
    ) -> Result<TileSpectra, CtfFitError> {
        let [ny, nx] = size;
        let tile = self.layout.tile;
        if ny < tile || nx < tile || pixels.len() != ny * nx {
            return Err(CtfFitError::ImageTooSmall {
                expected: tile,
                found: size,
            });
        }
        for pixel in pixels.iter_mut().filter(|p| !p.is_finite()) {
            *pixel = 0.0;
        }
        let cover = cover(pixels, size, self.pixel_size);
        let [rows, columns] = [ny, nx].map(|n| windows(n, tile));
        let count = rows.len() * columns.len();
        let mut spectra = TileSpectra {
            power: vec![0.0; count * self.grid().len()],
            positions: Vec::with_capacity(count),
            weights: Vec::with_capacity(count),
            reach: self.pixel_size * reach(&rows, &columns),
            window: self.pixel_size * tile as f64,
            redundancy: REDUNDANCY,
            flat: false,
            covered: cover.covered.iter().filter(|c| **c).count() as f64 / (ny * nx) as f64,
            blank: cover.deviation <= 0.0,
            grain: grain(pixels, size),
        };
        let mut buffer = vec![0.0f32; tile * tile];
        let mut spectrum = vec![Complex32::default(); tile * (tile / 2 + 1)];
        let tiles = rows
            .iter()
            .flat_map(|row| columns.iter().map(move |c| [row, c]));
        let outs = spectra.power.chunks_exact_mut(self.grid().len());
        for (out, [row, column]) in outs.zip(tiles) {
            let hidden = cut(pixels, &cover.covered, nx, [row, column], &mut buffer);
            self.plan.forward_into(&buffer, &mut spectrum);
            let power = row.power * column.power;
            let scale = (1.0 / power) as f32;
            self.layout
                .average(|pixel| scale * spectrum[pixel].norm_sqr(), out);
            let middle =
                |window: &Window, n: usize| (window.centre - (n / 2) as f64) * self.pixel_size;
            spectra
                .positions
                .push(DVec2::new(middle(column, nx), middle(row, ny)));
            spectra.weights.push(if hidden > TOO_MUCH_GOLD {
                0.0
            } else {
                (power * (1.0 - hidden) * (1.0 - hidden)) as f32
            });
        }
        Ok(spectra)
    }
}

/// Copies a tile, less its mean, times its windows; returns the share of its power that is covered.
fn cut(
    pixels: &[f32],
    covered: &[bool],
    nx: usize,
    [down, across]: [&Window; 2],
    out: &mut [f32],
) -> f64 {
    let tile = across.values.len();
    let squares: Vec<f64> = across.values.iter().map(|v| f64::from(v * v)).collect();
    let (mut sum, mut total, mut hidden) = (0.0f64, 0.0f64, 0.0f64);
    let row_of = |row: usize| {
        let start = (down.start + row) * nx + across.start;
        start..start + tile
    };
    for (row, factor) in down.values.iter().enumerate() {
        let square = f64::from(factor * factor);
        let (mut row_sum, mut row_hidden, mut row_total) = (0.0f64, 0.0f64, 0.0f64);
        let values = pixels[row_of(row)].iter().zip(&covered[row_of(row)]);
        for ((value, covered), weight) in values.zip(&squares) {
            row_sum += weight * f64::from(*value);
            row_total += weight;
            row_hidden += if *covered { *weight } else { 0.0 };
        }
        sum += square * row_sum;
        total += square * row_total;
        hidden += square * row_hidden;
    }
    let mean = (sum / total) as f32;
    for (row, out) in out.chunks_exact_mut(tile).enumerate() {
        let factor = down.values[row];
        let values = pixels[row_of(row)].iter().zip(&across.values);
        for (out, (pixel, window)) in out.iter_mut().zip(values) {
            *out = (pixel - mean) * window * factor;
        }
    }
    hidden / total
}

/// Root mean square distance from the middle, along one direction, over all tiles, pixels.
fn reach(rows: &[Window], columns: &[Window]) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for window in rows.iter().chain(columns) {
        sum += window.power * window.variance;
        total += window.power;
    }
    (sum / total).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f32::consts::TAU;

    #[test]
    fn a_wave_appears_in_its_sector_and_ring() {
        let tiler = Tiler::new(128, 2.0, [0.02, 0.2], 12);
        // 20 periods along x, 20 along y in 128 pixels: 45°, k = 28.3/256.
        let mut image: Vec<f32> = (0..256 * 256)
            .map(|i| {
                let (y, x) = (i / 256, i % 256);
                (TAU * 20.0 * (x + y) as f32 / 128.0).cos() + ((i * 7919) % 101) as f32 * 0.001
            })
            .collect();
        let spectra = tiler.spectra(&mut image, [256, 256]).unwrap();
        let grid = tiler.grid();
        let first = &spectra.power[..grid.len()];
        let best = (0..first.len())
            .max_by(|a, b| first[*a].total_cmp(&first[*b]))
            .unwrap();
        let (sector, ring) = (best / grid.rings(), best % grid.rings());
        assert!((grid.angles[sector] - 0.785).abs() < 0.14);
        assert!((grid.frequencies[ring] - 28.28 / 256.0).abs() < grid.width);
        // The outermost windows are flat to the border, so that the middle of what they show lies farther out.
        let corner = spectra.positions[0];
        assert!(
            corner.x == corner.y && corner.x > -178.0 && corner.x < -140.0,
            "{corner}"
        );
        assert!(tiler.spectra(&mut image[..100], [10, 10]).is_err());
    }
}
