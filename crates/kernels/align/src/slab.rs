//! The slab of matter in a coarse tomogram: its two surfaces, as planes, from the density alone.
//!
//! Vacuum has less texture than ice. The tomogram is cut into columns along z; in each, the texture of a section is the variance of
//! the column's voxels there, or their covariance between two half tomograms, which noise does not reach. The slope of
//! the slab is the one that makes the sum of all columns, sheared by it, most uneven along z; the surfaces lie where that sum crosses half of the
//! height between inside and outside (AreTomo's thickness, Zheng et al. 2022, J. Struct. Biol. X 6:100068, with the slope solved, too).
//! Lengths in Å, volumes `[z, y, x]`, heights z = slope_x · x + slope_y · y + middle in the specimen frame.

use glam::DVec3;
use ndarray::{ArrayView3, s};
use rayon::prelude::*;
use thon_geometry::Grid;

use crate::Levelling;

/// Edge of a column, voxels.
const COLUMN: usize = 12;
/// Steps of the slope in the first search.
const STEP: f64 = 0.02;
/// Rounds in which the step is halved after the search.
const HALVINGS: usize = 6;
/// The least of the texture's range that inside and outside must differ by, in standard deviations of the outside.
const LEAST_CONTRAST: f64 = 4.0;

/// What [`find_slab`] may look for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlabOptions {
    /// Steepest slope along either axis, as a tangent.
    pub steepest: f64,
    /// Thinnest slab, Å.
    pub thinnest: f64,
}

impl Default for SlabOptions {
    /// Slopes up to 27°, 150 Å.
    fn default() -> Self {
        Self {
            steepest: 0.5,
            thinnest: 150.0,
        }
    }
}

/// A slab and how clearly it stands out.
#[derive(Clone, Debug, PartialEq)]
pub struct Slab {
    /// Its surfaces; no points belong to them, and `residual` is the uncertainty of an edge, Å.
    pub surfaces: Levelling,
    /// Difference of texture between inside and outside over the deviation of the outside.
    pub contrast: f64,
    /// Height from the middle of the tomogram (Å) and texture of each section of the sheared sum.
    pub profile: Vec<(f64, f64)>,
}

/// Texture of the columns of a volume.
struct Columns {
    /// x and y of each column's middle, Å.
    places: Vec<[f64; 2]>,
    /// Texture of each column, section after section.
    textures: Vec<Vec<f64>>,
    sections: usize,
    voxel: f64,
    /// z of section 0, Å.
    first: f64,
}

/// Finds the slab in a tomogram on `grid`; with the two half tomograms instead, noise common to neither counts.
///
/// `None` when no slab stands out from its surroundings: the tomogram is too thin to show both surfaces, or empty.
pub fn find_slab(
    volume: [ArrayView3<'_, f32>; 2],
    grid: &Grid,
    options: &SlabOptions,
) -> Option<Slab> {
    let columns = Columns::of(volume, grid);
    if columns.places.len() < 4 || columns.sections < 16 {
        return None;
    }
    let steps = (options.steepest / STEP).ceil() as i32;
    let trials: Vec<[f64; 2]> = (-steps..=steps)
        .flat_map(|a| (-steps..=steps).map(move |b| [f64::from(a) * STEP, f64::from(b) * STEP]))
        .collect();
    let scores: Vec<f64> = trials
        .par_iter()
        .map(|slope| columns.unevenness(*slope))
        .collect();
    let best = (0..trials.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]))?;
    let slope = columns.refined(trials[best]);
    let profile = columns.sheared(slope);
    let edges = edges(&profile)?;
    let thickness = (edges.places[1] - edges.places[0]) * columns.voxel;
    let across = (1.0 + slope[0] * slope[0] + slope[1] * slope[1]).sqrt();
    if edges.contrast < LEAST_CONTRAST || thickness / across < options.thinnest {
        return None;
    }
    let height = |section: f64| columns.first + section * columns.voxel;
    let centre = grid.centre.xyz;
    // Columns were sheared about the middle of the tomogram.
    let at_origin = -slope[0] * centre.x - slope[1] * centre.y;
    let heights = edges.places.map(|section| height(section) + at_origin);
    Some(Slab {
        surfaces: Levelling {
            slope_x: slope[0],
            slope_y: slope[1],
            heights,
            upper: Vec::new(),
            residual: columns.voxel * edges.width,
        },
        contrast: edges.contrast,
        profile: profile
            .iter()
            .enumerate()
            .map(|(section, texture)| (height(section as f64) - centre.z, *texture))
            .collect(),
    })
}

impl Columns {
    fn of(volume: [ArrayView3<'_, f32>; 2], grid: &Grid) -> Self {
        let [nz, ny, nx] = grid.dims;
        let corners: Vec<[usize; 2]> = (0..ny / COLUMN)
            .flat_map(|y| (0..nx / COLUMN).map(move |x| [y * COLUMN, x * COLUMN]))
            .collect();
        let middle = 0.5 * (COLUMN as f64 - 1.0);
        let places = corners.iter().map(|[y, x]| {
            let index = DVec3::new(*x as f64 + middle, *y as f64 + middle, 0.0);
            let point = grid.point_at_index(index).xyz - grid.centre.xyz;
            [point.x, point.y]
        });
        let texture = |[y, x]: &[usize; 2], z: usize| {
            let window = s![z, *y..y + COLUMN, *x..x + COLUMN];
            let [a, b] = [volume[0].slice(window), volume[1].slice(window)];
            let count = (COLUMN * COLUMN) as f64;
            let mean = |values: &ndarray::ArrayView2<'_, f32>| {
                values.iter().map(|v| f64::from(*v)).sum::<f64>() / count
            };
            let (of_a, of_b) = (mean(&a), mean(&b));
            let products = a.iter().zip(b.iter());
            products
                .map(|(p, q)| (f64::from(*p) - of_a) * (f64::from(*q) - of_b))
                .sum::<f64>()
                / count
        };
        let textures = corners
            .par_iter()
            .map(|corner| smoothed(&(0..nz).map(|z| texture(corner, z)).collect::<Vec<_>>()))
            .collect();
        Self {
            places: places.collect(),
            textures: limited(textures),
            sections: nz,
            voxel: grid.voxel_size.0,
            first: grid.point_at([0, 0, 0]).xyz.z,
        }
    }

    /// Mean texture along z after every column was moved back by the slope.
    fn sheared(&self, [a, b]: [f64; 2]) -> Vec<f64> {
        let mut sums = vec![0.0; self.sections];
        let mut counts = vec![0.0; self.sections];
        for ([x, y], texture) in self.places.iter().zip(&self.textures) {
            let shift = (a * x + b * y) / self.voxel;
            for (section, (sum, count)) in sums.iter_mut().zip(&mut counts).enumerate() {
                let at = section as f64 + shift;
                let low = at.floor();
                if low < 0.0 || low as usize + 1 >= self.sections {
                    continue;
                }
                let fraction = at - low;
                let low = low as usize;
                *sum += texture[low] * (1.0 - fraction) + texture[low + 1] * fraction;
                *count += 1.0;
            }
        }
        // Sections that few columns reach say nothing; they continue their neighbours.
        let least = 0.3 * self.places.len() as f64;
        let known: Vec<Option<f64>> = sums
            .iter()
            .zip(&counts)
            .map(|(sum, count)| (*count >= least).then(|| sum / count))
            .collect();
        let first = known.iter().flatten().next().copied().unwrap_or(0.0);
        known
            .into_iter()
            .scan(first, |last, value| {
                *last = value.unwrap_or(*last);
                Some(*last)
            })
            .collect()
    }

    /// Sum of squares of the sheared profile about its mean.
    fn unevenness(&self, slope: [f64; 2]) -> f64 {
        let profile = self.sheared(slope);
        let mean = profile.iter().sum::<f64>() / profile.len() as f64;
        profile.iter().map(|v| (v - mean).powi(2)).sum()
    }

    /// The slope by ever shorter steps up the hill.
    fn refined(&self, mut slope: [f64; 2]) -> [f64; 2] {
        let (mut step, mut height) = (0.5 * STEP, self.unevenness(slope));
        for _ in 0..HALVINGS {
            while let Some((better, there)) = self.step_up(slope, step, height) {
                (slope, height) = (better, there);
            }
            step *= 0.5;
        }
        slope
    }

    /// The highest of the four neighbours a step away, if it is higher than `height`.
    fn step_up(&self, slope: [f64; 2], step: f64, height: f64) -> Option<([f64; 2], f64)> {
        let neighbours = [[step, 0.0], [-step, 0.0], [0.0, step], [0.0, -step]];
        let heights = neighbours.map(|[a, b]| {
            let there = [slope[0] + a, slope[1] + b];
            (there, self.unevenness(there))
        });
        let best = heights.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        (best.1 > height).then_some(best)
    }
}

/// Running mean over three sections.
fn smoothed(values: &[f64]) -> Vec<f64> {
    (0..values.len())
        .map(|i| {
            let window = &values[i.saturating_sub(1)..(i + 2).min(values.len())];
            window.iter().sum::<f64>() / window.len() as f64
        })
        .collect()
}

/// Textures no higher than three times the upper quartile of all: gold and contamination would speak louder than ice.
fn limited(mut textures: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let mut all: Vec<f64> = textures.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let most = all
        .get(all.len() * 3 / 4)
        .map_or(0.0, |quartile| 3.0 * quartile.abs());
    for value in textures.iter_mut().flatten() {
        *value = value.min(most);
    }
    textures
}

/// Where a profile crosses half of its height.
struct Edges {
    /// Section of the lower and upper surface.
    places: [f64; 2],
    contrast: f64,
    /// Sections over which the profile rises, a measure of an edge's uncertainty.
    width: f64,
}

/// `None` when the profile does not fall on both sides.
fn edges(profile: &[f64]) -> Option<Edges> {
    let mut sorted = profile.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
    // A slab fills between a tenth and nine tenths of the tomogram.
    let (outside, inside) = (at(0.05), at(0.95));
    let half = f64::midpoint(outside, inside);
    let highest = (0..profile.len()).max_by(|&a, &b| profile[a].total_cmp(&profile[b]))?;
    let crossing = |from: usize, to: usize| {
        let (a, b) = (profile[from], profile[to]);
        from as f64 + (to as f64 - from as f64) * (a - half) / (a - b)
    };
    let lower = (0..highest).rev().find(|&i| profile[i] < half)?;
    let upper = (highest + 1..profile.len()).find(|&i| profile[i] < half)?;
    // A dip inside the slab is not its surface: the outermost crossings count.
    let lower = (0..=lower)
        .find(|&i| profile[i] >= half)
        .map_or(lower, |i| i.max(1) - 1);
    let upper = (upper..profile.len())
        .rev()
        .find(|&i| profile[i] >= half)
        .map_or(upper, |i| i + 1);
    let upper = upper.min(profile.len() - 1);
    if profile[lower] >= half || profile[upper] >= half {
        return None;
    }
    let beyond: Vec<f64> = profile[..=lower]
        .iter()
        .chain(&profile[upper..])
        .copied()
        .collect();
    let quiet: Vec<f64> = beyond
        .iter()
        .copied()
        .filter(|v| *v < f64::midpoint(outside, half))
        .collect();
    let mean = quiet.iter().sum::<f64>() / quiet.len().max(1) as f64;
    let spread =
        (quiet.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / quiet.len().max(1) as f64).sqrt();
    let slope = (profile[lower + 1] - profile[lower])
        .abs()
        .max((profile[upper - 1] - profile[upper]).abs());
    Some(Edges {
        places: [crossing(lower + 1, lower), crossing(upper - 1, upper)],
        contrast: (inside - outside) / spread.max(1e-12 * inside.abs()).max(f64::MIN_POSITIVE),
        width: (inside - outside) / slope.max(f64::MIN_POSITIVE),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;
    use thon_geometry::Point;
    use thon_units::PixelSize;

    /// Numbers between −1 and 1.
    struct Random(u64);

    impl Random {
        fn next(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        }
    }

    /// A slab of texture in noise of half its size.
    fn tomogram(seed: u64, grid: &Grid, slope: [f64; 2], heights: [f64; 2]) -> Array3<f32> {
        let mut random = Random(seed);
        let [nz, ny, nx] = grid.dims;
        Array3::from_shape_fn((nz, ny, nx), |(z, y, x)| {
            let p = grid.point_at([z, y, x]).xyz;
            let h = p.z - slope[0] * p.x - slope[1] * p.y;
            let inside = if h > heights[0] && h < heights[1] {
                1.0
            } else {
                0.0
            };
            (inside * random.next() + 0.7 * random.next()) as f32
        })
    }

    #[test]
    fn a_tilted_slab_off_the_middle_is_found() {
        let mut grid = Grid::new([110, 120, 130], PixelSize(40.0));
        grid.centre = Point::new(200.0, -100.0, 80.0);
        for seed in 1..=5 {
            let slope = [0.21 - 0.05 * seed as f64, -0.02 * seed as f64];
            let volume = tomogram(seed, &grid, slope, [-500.0, 900.0]);
            let found = find_slab(
                [volume.view(), volume.view()],
                &grid,
                &SlabOptions::default(),
            )
            .unwrap();
            let surfaces = &found.surfaces;
            assert!((surfaces.slope_x - slope[0]).abs() < 0.006, "{surfaces:?}");
            assert!((surfaces.slope_y - slope[1]).abs() < 0.006, "{surfaces:?}");
            assert!(
                (surfaces.heights[0] + 500.0).abs() < 40.0
                    && (surfaces.heights[1] - 900.0).abs() < 40.0,
                "{surfaces:?}"
            );
        }
    }

    #[test]
    fn no_slab_and_a_slab_without_surfaces_are_refused() {
        let grid = Grid::new([60, 96, 96], PixelSize(40.0));
        let noise = tomogram(3, &grid, [0.0, 0.0], [5e3, 6e3]);
        assert!(find_slab([noise.view(), noise.view()], &grid, &SlabOptions::default()).is_none());
        let full = tomogram(4, &grid, [0.0, 0.0], [-5e3, 5e3]);
        assert!(find_slab([full.view(), full.view()], &grid, &SlabOptions::default()).is_none());
    }

    #[test]
    fn halves_see_through_noise_that_is_stronger_at_the_rim() {
        let grid = Grid::new([80, 96, 96], PixelSize(40.0));
        let slab = tomogram(9, &grid, [0.1, 0.0], [-600.0, 600.0]);
        let halves = [21, 22].map(|seed| {
            let noise = tomogram(seed, &grid, [0.0, 0.0], [600.0, 5e3]);
            &slab + &noise * 1.5
        });
        let found = find_slab(
            [halves[0].view(), halves[1].view()],
            &grid,
            &SlabOptions::default(),
        )
        .unwrap();
        assert!((found.surfaces.slope_x - 0.1).abs() < 0.01 && found.surfaces.slope_y.abs() < 0.01);
        assert!(
            (found.surfaces.thickness() - 1200.0 / 1.005).abs() < 80.0,
            "{:?}",
            found.surfaces
        );
    }
}
