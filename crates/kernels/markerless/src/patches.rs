//! Patch tracking: places of the specimen followed through the series, as tracks for the bundle adjustment.
//!
//! Each patch is a window of the specimen plane. All its displacements are solved for together ([`crate::joint`]), from where
//! the geometry puts it; so a track does not drift from view to view. What a patch measures is the mean motion of all that
//! lies in it, at whatever height.

use glam::DVec2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Observation, Track};
use thon_compute::{Progress, check};
use thon_geometry::TiltGeometry;

use crate::matching::by_tilt;
use crate::plane::{Band, PlaneGrid};
use crate::round::{Periods, Series};
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// How patches are laid out and compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PatchOptions {
    /// Edge of a patch, part of the shorter edge of the field.
    #[schemars(range(min = 0.1, max = 1.0))]
    pub edge: f64,
    /// Distance of patches, part of their edge.
    #[schemars(range(min = 0.1, max = 1.0))]
    pub distance: f64,
    /// Correlation with its reprojection below which a place on a view is not used.
    #[schemars(range(min = 0.0, max = 0.9))]
    pub lowest_score: f64,
}

impl Default for PatchOptions {
    fn default() -> Self {
        Self {
            edge: 0.45,
            distance: 0.5,
            lowest_score: 0.1,
        }
    }
}

/// The tracks of all patches, and how well each patch was foretold on each view.
#[derive(Clone, Debug)]
pub struct PatchTracks {
    /// One track per patch.
    pub tracks: Vec<Track>,
    /// Middle of each patch on the specimen plane, Å.
    pub centres: Vec<DVec2>,
    /// Mean score over patches, per view.
    pub scores: Vec<f64>,
}

/// Follows patches through views that are aligned to within about `shortest_period` / 3 Å.
///
/// # Errors
/// Fewer than 3 views, different extents, a view edge-on, cancellation.
pub fn track_patches(
    views: &[AlignView],
    geometries: &[TiltGeometry],
    specimen: Specimen,
    shortest_period: f64,
    options: &PatchOptions,
    progress: &dyn Progress,
) -> Result<PatchTracks, MarkerlessError> {
    let order = by_tilt(views, geometries)?;
    let series = Series {
        views: order.iter().map(|&i| &views[i]).collect(),
        geometry: order.iter().map(|&i| geometries[i]).collect(),
        specimen,
    };
    let (ny, nx) = views[0].pixels.dim();
    let field = ny.min(nx) as f64 * views[0].pixel_size;
    let edge = options.edge * field;
    let periods = Periods {
        longest: edge / 2.0,
        shortest: shortest_period.max(2.5 * views[0].pixel_size),
    };
    let whole = series.band(periods).grid;
    let planes = series.planes()?;
    let mut result = PatchTracks {
        tracks: Vec::new(),
        centres: centres(&whole, edge, options.distance * edge),
        scores: vec![0.0; views.len()],
    };
    let samples = (((edge / whole.spacing) as usize).max(16)).next_multiple_of(4);
    for &centre in &result.centres {
        check(progress)?;
        let grid = PlaneGrid {
            dims: [samples, samples],
            spacing: whole.spacing,
            centre,
        };
        let band = Band::new(grid, 1.0 / periods.longest, 1.0 / periods.shortest);
        let mut moved = vec![[0.0; 2]; order.len()];
        let mut at = series.clone();
        // Twice, so that the window has followed the patch when it is measured.
        let mut round = at.round(&band, None, 6)?;
        for _ in 0..2 {
            at.displace(&round.joint.displacements)?;
            add(&mut moved, &round.joint.displacements);
            round = at.round(&band, None, 6)?;
        }
        add(&mut moved, &round.joint.displacements);
        let mut track = Track::default();
        for (place, &view) in order.iter().enumerate() {
            let score = round.joint.scores[place];
            result.scores[view] += score / result.centres.len() as f64;
            if score < options.lowest_score {
                continue;
            }
            let [x, y] = round.joint.deviations[place];
            let on_plane = centre + DVec2::from_array(moved[place]);
            let plane = &planes[place];
            track.points.push(Observation {
                view,
                position: plane.to_image * on_plane + plane.shift,
                weight: 1.0 / (x * x + y * y).max(1e-6),
            });
        }
        result.tracks.push(track);
    }
    normalise_weights(&mut result.tracks);
    Ok(result)
}

fn add(sum: &mut [[f64; 2]], step: &[[f64; 2]]) {
    for (a, b) in sum.iter_mut().zip(step) {
        a[0] += b[0];
        a[1] += b[1];
    }
}

/// Middles of the patches that lie inside the field.
fn centres(whole: &PlaneGrid, edge: f64, distance: f64) -> Vec<DVec2> {
    let [along, across] = whole.lengths();
    let places = |length: f64| -> Vec<f64> {
        let room = (length - edge).max(0.0);
        let count = (room / distance).floor() as usize + 1;
        let step = if count > 1 {
            room / (count - 1) as f64
        } else {
            0.0
        };
        (0..count)
            .map(|i| (i as f64 - (count - 1) as f64 / 2.0) * step)
            .collect()
    };
    let (xs, ys) = (places(across), places(along));
    ys.iter()
        .flat_map(|&y| xs.iter().map(move |&x| DVec2::new(x, y)))
        .collect()
}

/// Weights around 1.
fn normalise_weights(tracks: &mut [Track]) {
    let all = || tracks.iter().flat_map(|t| &t.points);
    let count = all().count().max(1) as f64;
    let mean = all().map(|p| p.weight).sum::<f64>() / count;
    for point in tracks.iter_mut().flat_map(|t| &mut t.points) {
        point.weight = (point.weight / mean).clamp(0.05, 4.0);
    }
}
