//! The hand of a map, measured: a reference is fitted to the map and to its mirror image over all rotations.
//!
//! Both are band-passed and the reference is turned through a uniform grid over SO(3) (15°), on maps whose voxels are
//! 8/5 as long; at each rotation the best shift is that of the highest cross-correlation. The best few rotations
//! climb in ever smaller steps on the maps themselves. The fit that
//! agrees more tells the hand. Mirroring is x → −x. Score: Pearson's coefficient inside a soft sphere.

use glam::{DMat3, DQuat, DVec3};
use ndarray::Array3;
use rayon::prelude::*;
use thon_geometry::{RotationGrid, Symmetry};
use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;
use thon_signal::correlate::{Correlation, correlate3, highest_peak3};
use thon_signal::fft::Origin;
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::resample::{Interpolation, fourier_resample3, mirror3, rotate3};

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Longest and shortest period that count, Å.
    pub periods: [f64; 2],
    /// Radius of the soft sphere, Å.
    pub radius: f64,
}

/// The best fit of a reference to a map.
#[derive(Clone, Debug)]
pub struct Fit {
    /// Pearson's coefficient of the band-passed maps.
    pub correlation: f64,
    /// FSC of the map with the fitted reference, shell by shell, both inside the sphere.
    pub fsc: Vec<f64>,
    /// The reference as fitted, unfiltered, in the frame of the map (or of its mirror image).
    pub reference: Array3<f32>,
}

impl Fit {
    /// Mean FSC over the shells of these periods (Å), of a box of `edge` Å.
    pub fn mean_fsc(&self, periods: [f64; 2], edge: f64) -> f64 {
        let [first, last] = periods.map(|period| (edge / period).round() as usize);
        let shells = &self.fsc[first..=last.min(self.fsc.len() - 1)];
        shells.iter().sum::<f64>() / shells.len() as f64
    }
}

/// Both fits.
#[derive(Clone, Debug)]
pub struct HandTest {
    /// To the map as it is.
    pub as_is: Fit,
    /// To its mirror image.
    pub mirrored: Fit,
}

/// Fits `reference` to `map` in both hands; same box and voxel size.
pub fn measure_hand(map: &Map, reference: &Map, comparison: Comparison) -> HandTest {
    assert_eq!(map.dims(), reference.dims(), "the same box");
    let fitted = |data: &Array3<f32>| {
        fit(
            &Map::new(data.clone(), map.voxel_size),
            reference,
            comparison,
        )
    };
    HandTest {
        as_is: fitted(&map.data),
        mirrored: fitted(&mirror3(&map.data)),
    }
}

const STARTS: usize = 12;
const MAXIMUM_SHIFT: f64 = 5.0;

fn fit(map: &Map, reference: &Map, comparison: Comparison) -> Fit {
    let search = Search::new(map, reference, comparison);
    let coarse = search.coarse();
    let grid = RotationGrid::new(2, Symmetry::Cyclic(1));
    let samples: Vec<_> = grid.samples().collect();
    let mut found: Vec<(f64, DQuat)> = samples
        .par_iter()
        .map(|&sample| {
            let rotation = grid.rotation(sample).quaternion();
            (coarse.score(rotation), rotation)
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(STARTS);
    let climbed: Vec<(f64, DQuat)> = found.par_iter().map(|&start| search.climb(start)).collect();
    let (correlation, rotation) = climbed
        .into_iter()
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .expect("the grid has samples");
    let shift = search.shift(rotation);
    let turned = rotate3(
        &reference.data,
        DMat3::from_quat(rotation),
        shift,
        Interpolation::Cubic,
        0.0,
    );
    let inside = |data: &Array3<f32>| Map::new(data * &search.sphere, map.voxel_size);
    let fsc = fsc_of_maps(&inside(&map.data), &inside(&turned))
        .expect("the same box")
        .fsc;
    Fit {
        correlation,
        fsc,
        reference: turned,
    }
}

struct Search {
    map: Array3<f32>,
    reference: Array3<f32>,
    sphere: Array3<f32>,
}

impl Search {
    fn new(map: &Map, reference: &Map, comparison: Comparison) -> Self {
        let (dims, voxel) = (map.dims(), map.voxel_size.0);
        let sphere = sphere(dims, box_centre(dims), comparison.radius / voxel, 3.0);
        let [longest, shortest] = comparison.periods;
        let edge = Edge::RaisedCosine(2.0 / (dims[0] as f64 * voxel));
        let band = [RadialFilter::BandPass {
            low: 1.0 / longest,
            high: 1.0 / shortest,
            edge,
        }];
        let filtered = |map: &Map| apply_filters3(&map.data, voxel, &band);
        Self {
            map: filtered(map) * &sphere,
            reference: filtered(reference),
            sphere,
        }
    }

    /// The same with fewer voxels.
    fn coarse(&self) -> Self {
        let dims = self.map.dim();
        let to = [dims.0, dims.1, dims.2].map(|n| n * 5 / 8);
        let fewer = |data: &Array3<f32>| fourier_resample3(data, to, Origin::CentreVoxel);
        Self {
            map: fewer(&self.map),
            reference: fewer(&self.reference),
            sphere: fewer(&self.sphere),
        }
    }

    fn correlations(&self, rotation: DQuat) -> Array3<f32> {
        let turned = rotate3(
            &self.reference,
            DMat3::from_quat(rotation),
            [0.0; 3],
            Interpolation::Linear,
            0.0,
        );
        correlate3(&self.map, &(turned * &self.sphere), Correlation::Normalised)
    }

    fn score(&self, rotation: DQuat) -> f64 {
        let peak = highest_peak3(&self.correlations(rotation), MAXIMUM_SHIFT);
        peak.map_or(-1.0, |peak| f64::from(peak.value))
    }

    fn shift(&self, rotation: DQuat) -> [f64; 3] {
        let map = self.correlations(rotation);
        let (nz, ny, nx) = map.dim();
        let peak = highest_peak3(&map, MAXIMUM_SHIFT).expect("correlations are finite");
        peak.shift([nz, ny, nx])
    }

    /// Steps of ± one angle about each axis as long as they lead up, then of half that angle.
    fn climb(&self, start: (f64, DQuat)) -> (f64, DQuat) {
        let mut best = start;
        for angle in [7.5, 4.0, 2.0, 1.0_f64] {
            loop {
                let steps = [DVec3::X, DVec3::Y, DVec3::Z].into_iter().flat_map(|axis| {
                    [1.0, -1.0].map(|sign| DQuat::from_axis_angle(axis, sign * angle.to_radians()))
                });
                let tried = steps.map(|step| {
                    let rotation = (step * best.1).normalize();
                    (self.score(rotation), rotation)
                });
                let highest = tried.max_by(|a, b| a.0.total_cmp(&b.0)).expect("six steps");
                if highest.0 <= best.0 {
                    break;
                }
                best = highest;
            }
        }
        best
    }
}
