//! Synthetic slabs of known slope and surfaces: texture that both halves share, in noise that they do not.

use ndarray::Array3;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_geometry::{Grid, Point};
use thon_units::PixelSize;

use super::*;

struct Specimen {
    seed: u64,
    slope: [f64; 2],
    heights: [f64; 2],
    /// Deviation of the noise in each half; that of the texture is 1.
    noise: f64,
    /// Whether noise grows towards the rim.
    uneven: bool,
}

impl Specimen {
    fn halves(&self, grid: &Grid) -> [Array3<f32>; 2] {
        let [nz, ny, nx] = grid.dims;
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        let mut white = || f64::from(random.random_range(-1.0_f32..1.0)) * 3.0_f64.sqrt();
        let mut first = Array3::zeros((nz, ny, nx));
        let mut second = first.clone();
        for ((z, y, x), value) in first.indexed_iter_mut() {
            let p = grid.point_at([z, y, x]).xyz;
            let h = p.z - self.slope[0] * p.x - self.slope[1] * p.y;
            let texture = if h > self.heights[0] && h < self.heights[1] {
                white()
            } else {
                0.0
            };
            let from_middle = (x as f64 / nx as f64 - 0.5).abs();
            let noise = self.noise
                * if self.uneven {
                    0.5 + 2.0 * from_middle
                } else {
                    1.0
                };
            *value = (texture + noise * white()) as f32;
            second[[z, y, x]] = (texture + noise * white()) as f32;
        }
        [first, second]
    }
}

fn check(specimen: &Specimen, grid: &Grid) -> Slab {
    let found = find_slab(specimen.halves(grid), grid, &SlabOptions::default()).unwrap();
    let surfaces = &found.surfaces;
    let slopes = [surfaces.slope_x, surfaces.slope_y];
    for (axis, slope) in slopes.iter().enumerate() {
        assert!((slope - specimen.slope[axis]).abs() < 0.02, "{found:?}");
        assert!(found.slope_errors[axis] < 0.02, "{found:?}");
    }
    for (side, height) in surfaces.heights.iter().enumerate() {
        assert!(
            (height - specimen.heights[side]).abs() < 60.0,
            "{surfaces:?}"
        );
    }
    found
}

#[test]
fn a_tilted_slab_off_the_middle_is_found() {
    let mut grid = Grid::new([90, 100, 110], PixelSize(40.0));
    grid.centre = Point::new(200.0, -100.0, 80.0);
    for seed in 1..=3 {
        let part = seed as f64;
        check(
            &Specimen {
                seed,
                slope: [0.21 - 0.05 * part, -0.03 * part],
                heights: [-500.0, 700.0],
                noise: 1.0,
                uneven: false,
            },
            &grid,
        );
    }
}

#[test]
fn the_stated_deviation_of_the_slopes_is_right_also_in_uneven_noise() {
    let grid = Grid::new([80, 96, 96], PixelSize(40.0));
    let mean =
        |values: &[f64]| (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
    for uneven in [false, true] {
        let (mut errors, mut stated) = (Vec::new(), Vec::new());
        for seed in 9..15 {
            let specimen = Specimen {
                seed,
                slope: [0.1, 0.0],
                heights: [-600.0, 600.0],
                noise: 0.8,
                uneven,
            };
            let found = find_slab(specimen.halves(&grid), &grid, &SlabOptions::default()).unwrap();
            errors.extend([found.surfaces.slope_x - 0.1, found.surfaces.slope_y]);
            stated.extend(found.slope_errors);
            assert!((found.surfaces.thickness() / 1200.0 - 1.0).abs() < 0.08);
        }
        let (error, stated) = (mean(&errors), mean(&stated));
        println!("uneven noise {uneven}: slopes wrong by {error:.4}, stated {stated:.4}");
        assert!(error < 0.015, "{errors:?}");
        assert!(
            stated / error > 0.5 && stated / error < 2.0,
            "{stated} against {error}"
        );
    }
}

#[test]
fn no_slab_and_a_slab_without_surfaces_are_refused() {
    let grid = Grid::new([60, 96, 96], PixelSize(40.0));
    for (seed, heights) in [(3, [5e3, 6e3]), (4, [-5e3, 5e3]), (5, [-200.0, 5e3])] {
        let specimen = Specimen {
            seed,
            slope: [0.0; 2],
            heights,
            noise: 1.0,
            uneven: seed == 3,
        };
        let found = find_slab(specimen.halves(&grid), &grid, &SlabOptions::default());
        assert!(found.is_none(), "{heights:?}: {found:?}");
    }
}

#[test]
fn halves_that_are_one_volume_are_refused() {
    let grid = Grid::new([60, 60, 60], PixelSize(40.0));
    let specimen = Specimen {
        seed: 6,
        slope: [0.0; 2],
        heights: [-400.0, 400.0],
        noise: 1.0,
        uneven: false,
    };
    let [first, _] = specimen.halves(&grid);
    let found = find_slab([first.clone(), first], &grid, &SlabOptions::default());
    assert!(found.is_none(), "{found:?}");
}
