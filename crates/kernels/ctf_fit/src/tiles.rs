//! Power spectra of overlapping tiles of a tilt image.
//!
//! Tiles overlap by half, opaque places are covered first, each tile is freed of its mean and tapered by a Hann window; its
//! power is averaged in sectors and rings. Positions are Å from the image's centre pixel ⌊n/2⌋.

use std::f32::consts::TAU;

use thon_geometry::glam::DVec2;
use thon_signal::fft::{Complex32, Fft2};

use crate::gold::cover;
use crate::{CtfFitError, PolarGrid, PolarLayout};

/// Covered share from which on a tile is left out.
const TOO_MUCH_GOLD: f32 = 0.4;

/// Variance of a Hann window squared, as a length in units of its width: how far a tile reaches.
pub(crate) const HANN_REACH: f64 = 0.1415;

/// Power spectra of the tiles of one view.
#[derive(Clone, Debug)]
pub struct TileSpectra {
    /// Mean power, `[tile][sector][ring]`.
    pub power: Vec<f32>,
    /// Middle of each tile, Å from the image's centre.
    pub positions: Vec<DVec2>,
    /// Weight of each tile, 0 to 1: what is not covered by gold.
    pub weights: Vec<f32>,
    /// Edge of a tile, Å; 0 for spectra that were given as such.
    pub tile_length: f64,
    /// Fourier coefficients per independent one: window and overlap make neighbours depend on each other.
    pub redundancy: f64,
    /// True for spectra whose background was taken out before.
    pub flat: bool,
    /// Share of the image that was covered as gold, 0 to 1.
    pub covered: f64,
    /// True when the image has no contrast at all.
    pub blank: bool,
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
    window: Vec<f32>,
    pixel_size: f64,
}

impl Tiler {
    /// For images of `pixel_size` Å, tiles of `tile` pixels, a band of frequencies (cycles/Å) and a number of sectors.
    pub fn new(tile: usize, pixel_size: f64, band: [f64; 2], sectors: usize) -> Self {
        let window = (0..tile)
            .map(|i| 0.5 - 0.5 * (TAU * (i as f32 + 0.5) / tile as f32).cos())
            .collect();
        Self {
            layout: PolarLayout::new(tile, pixel_size, band, sectors),
            plan: Fft2::plan([tile, tile]),
            window,
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
        let places = places(size, tile);
        let mut spectra = TileSpectra {
            power: vec![0.0; places.len() * self.grid().len()],
            positions: Vec::with_capacity(places.len()),
            weights: Vec::with_capacity(places.len()),
            tile_length: tile as f64 * self.pixel_size,
            // Hann windows overlapping by half in both directions hold 0.97² of the information of the field, sixteen
            // quarters of which they count four times.
            redundancy: 4.25,
            flat: false,
            covered: cover.covered.iter().filter(|c| **c).count() as f64 / (ny * nx) as f64,
            blank: cover.deviation <= 0.0,
        };
        let mut buffer = vec![0.0f32; tile * tile];
        let mut spectrum = vec![Complex32::default(); tile * (tile / 2 + 1)];
        for (out, &[y, x]) in spectra
            .power
            .chunks_exact_mut(self.grid().len())
            .zip(&places)
        {
            let hidden = self.cut(pixels, &cover.covered, nx, [y, x], &mut buffer);
            self.plan.forward_into(&buffer, &mut spectrum);
            self.layout.average(|pixel| spectrum[pixel].norm_sqr(), out);
            let middle = |start: usize, n: usize| {
                (start as f64 + 0.5 * (tile as f64 - 1.0) - (n / 2) as f64) * self.pixel_size
            };
            spectra
                .positions
                .push(DVec2::new(middle(x, nx), middle(y, ny)));
            spectra.weights.push(if hidden > TOO_MUCH_GOLD {
                0.0
            } else {
                (1.0 - hidden) * (1.0 - hidden)
            });
        }
        Ok(spectra)
    }

    /// Copies a tile, less its mean, times the window; returns the share of it that is covered.
    fn cut(
        &self,
        pixels: &[f32],
        covered: &[bool],
        nx: usize,
        [y, x]: [usize; 2],
        out: &mut [f32],
    ) -> f32 {
        let tile = self.layout.tile;
        let (mut sum, mut hidden) = (0.0f64, 0usize);
        for row in y..y + tile {
            let range = row * nx + x..row * nx + x + tile;
            sum += pixels[range.clone()]
                .iter()
                .map(|v| f64::from(*v))
                .sum::<f64>();
            hidden += covered[range].iter().filter(|c| **c).count();
        }
        let mean = (sum / (tile * tile) as f64) as f32;
        for (row, out) in out.chunks_exact_mut(tile).enumerate() {
            let start = (y + row) * nx + x;
            let factor = self.window[row];
            for ((out, pixel), window) in out
                .iter_mut()
                .zip(&pixels[start..start + tile])
                .zip(&self.window)
            {
                *out = (pixel - mean) * window * factor;
            }
        }
        hidden as f32 / (tile * tile) as f32
    }
}

/// First pixels `[y, x]` of the tiles, overlapping by half, spread over the whole image.
fn places([ny, nx]: [usize; 2], tile: usize) -> Vec<[usize; 2]> {
    let starts = |n: usize| {
        let count = (n - tile).div_ceil(tile / 2) + 1;
        (0..count)
            .map(|i| {
                if count == 1 {
                    (n - tile) / 2
                } else {
                    (i * (n - tile)) / (count - 1)
                }
            })
            .collect::<Vec<usize>>()
    };
    let columns = starts(nx);
    starts(ny)
        .into_iter()
        .flat_map(|y| columns.iter().map(move |x| [y, *x]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_image() {
        let places = places([512, 600], 256);
        assert_eq!(places.len(), 3 * 4);
        assert_eq!((places[0], places[11]), ([0, 0], [256, 344]));
        assert_eq!(super::places([256, 256], 256), [[0, 0]]);
    }

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
        assert!((spectra.positions[0] - DVec2::new(-129.0, -129.0)).length() < 1e-9);
        assert!(tiler.spectra(&mut image[..100], [10, 10]).is_err());
    }
}
