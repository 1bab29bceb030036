//! The whole way from images to an aligned series by beads.

use thon_compute::{Progress, parallel};
use thon_geometry::TiltGeometry;

use super::detect::Candidate;
use super::diagnosis::fixed_pattern;
use super::radius::find_diameter;
use super::tracker::Tracker;
use super::working::{Scale, Working, prepare, raw_grain};
use super::{Diagnosis, Images};
use crate::AlignError;
use crate::adjust::{Adjustment, Solution, Track};

/// Options of [`align_beads`]. Lengths in Å.
#[derive(Clone, Debug, PartialEq)]
pub struct BeadOptions {
    /// Bead diameter; found from the images when absent.
    pub diameter: Option<f64>,
    /// Most candidates per view.
    pub candidates: usize,
    /// Lowest peak, robust standard deviations of the correlation.
    pub least_score: f64,
    /// Share of the score of the best peaks below which a candidate is no bead.
    pub least_share: f64,
    /// Half the thickness of the specimen that beads may be spread over; a generous guess.
    pub half_thickness: f64,
    /// Largest displacement between neighbouring views, as a fraction of the image.
    pub largest_shift: f64,
    /// Rounds of centring and adjusting.
    pub rounds: usize,
    /// The final adjustment.
    pub adjustment: Adjustment,
}

impl Default for BeadOptions {
    fn default() -> Self {
        Self {
            diameter: None,
            candidates: 150,
            least_score: 4.5,
            least_share: 0.45,
            half_thickness: 1000.0,
            largest_shift: 0.35,
            rounds: 3,
            adjustment: Adjustment::default(),
        }
    }
}

/// Result of [`align_beads`].
#[derive(Clone, Debug, PartialEq)]
pub struct BeadAlignment {
    /// The beads' measured positions.
    pub tracks: Vec<Track>,
    /// The adjustment; `None` when the beads do not suffice (see the diagnoses).
    pub solution: Option<Solution>,
    /// Bead diameter used, Å.
    pub diameter: f64,
    /// Diameter of the mean bead at half its depth, Å; `None` without beads.
    pub measured_diameter: Option<f64>,
    /// Candidates of each view.
    pub candidates: Vec<Vec<Candidate>>,
    /// What is wrong, by name.
    pub diagnoses: Vec<Diagnosis>,
}

/// Finds, follows and centres the beads of a series and adjusts its geometry to them.
///
/// `start`: geometry per view from the microscope (tilt, axis angle) or a coarse alignment (its shifts are hints only).
/// `used`: which views to look at. `pixel`: Å per raw pixel.
pub fn align_beads(
    images: &dyn Images,
    start: &[TiltGeometry],
    used: &[bool],
    pixel: f64,
    options: &BeadOptions,
    progress: &dyn Progress,
) -> Result<BeadAlignment, AlignError> {
    let mut order: Vec<usize> = (0..start.len()).filter(|&v| used[v]).collect();
    order.sort_by(|&a, &b| {
        start[a]
            .tilt_angle
            .0
            .total_cmp(&start[b].tilt_angle.0)
            .then(a.cmp(&b))
    });
    let load = |view: usize| {
        images
            .load(view)
            .map_err(|text| AlignError::Image { view, text })
    };
    let diameter = if let Some(diameter) = options.diameter {
        diameter
    } else {
        let mut low = order.clone();
        low.sort_by(|&a, &b| {
            start[a]
                .tilt_angle
                .0
                .abs()
                .total_cmp(&start[b].tilt_angle.0.abs())
        });
        // Small enough to hold at once, fine enough for the smallest beads.
        let finest = Scale::finest(images.size(), pixel);
        let mut small = Vec::new();
        let mut grains = Vec::new();
        for &view in low.iter().take(5) {
            let raw = load(view)?;
            grains.push(raw_grain(&raw));
            small.push(finest.resample(&raw));
        }
        let Some(diameter) = find_diameter(&small, finest.size, finest.pixel.x) else {
            let mut none = nothing(start.len(), 100.0);
            let pattern = fixed_pattern(grains.iter().map(Vec::as_slice));
            none.diagnoses.splice(0..0, pattern);
            return Ok(none);
        };
        diameter
    };
    let scale = Scale::new(images.size(), pixel, diameter);
    let prepared: Vec<Option<Working>> =
        parallel::try_map_indices(start.len(), progress, |view| {
            if !used[view] {
                return Ok::<_, AlignError>(None);
            }
            Ok(Some(prepare(&load(view)?, &scale, diameter)))
        })?;
    let tracker = Tracker {
        scale,
        diameter,
        prepared,
        order,
        start: start.to_vec(),
        options,
        progress,
    };
    tracker.run()
}

pub(super) fn nothing(views: usize, diameter: f64) -> BeadAlignment {
    BeadAlignment {
        tracks: Vec::new(),
        solution: None,
        diameter,
        measured_diameter: None,
        candidates: vec![Vec::new(); views],
        diagnoses: vec![Diagnosis::NoBeads],
    }
}
