//! The whole way from images to an aligned series by beads.

use glam::{DVec2, DVec3};
use ndarray::Array2;
use thon_compute::{Progress, check, parallel};
use thon_geometry::TiltGeometry;
use thon_units::Radians;

use super::associate::{associate, distinct, predict};
use super::chain::{ChainOptions, chain};
use super::detect::{Candidate, detect, strong};
use super::profile::{Profile, Sample};
use super::radius::find_diameter;
use super::refine::{Centred, centre_all};
use super::working::{Scale, Working, prepare};
use super::{Diagnosis, Images};
use crate::AlignError;
use crate::adjust::{Adjustment, Observation, Solution, Track, adjust, median};

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
    let diameter = match options.diameter {
        Some(diameter) => diameter,
        None => {
            let mut low = order.clone();
            low.sort_by(|&a, &b| {
                start[a]
                    .tilt_angle
                    .0
                    .abs()
                    .total_cmp(&start[b].tilt_angle.0.abs())
            });
            let raw: Result<Vec<Array2<f32>>, _> = low.iter().take(5).map(|&v| load(v)).collect();
            match find_diameter(&raw?, images.size(), pixel) {
                Some(diameter) => diameter,
                None => return Ok(nothing(start.len(), 100.0)),
            }
        }
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
        start,
        options,
        progress,
    };
    tracker.run()
}

fn nothing(views: usize, diameter: f64) -> BeadAlignment {
    BeadAlignment {
        tracks: Vec::new(),
        solution: None,
        diameter,
        measured_diameter: None,
        candidates: vec![Vec::new(); views],
        diagnoses: vec![Diagnosis::NoBeads],
    }
}

struct Tracker<'a> {
    scale: Scale,
    diameter: f64,
    prepared: Vec<Option<Working>>,
    order: Vec<usize>,
    start: &'a [TiltGeometry],
    options: &'a BeadOptions,
    progress: &'a dyn Progress,
}

impl Tracker<'_> {
    fn run(&self) -> Result<BeadAlignment, AlignError> {
        let mut diagnoses = Vec::new();
        let blank = self.blank_views(&mut diagnoses);
        let candidates =
            parallel::map_indices(self.start.len(), |view| match &self.prepared[view] {
                Some(working) if !blank[view] => {
                    let (least, count) = (self.options.least_score, self.options.candidates);
                    strong(
                        &detect(&working.image, &self.scale, self.diameter, least, count),
                        self.options.least_share,
                    )
                }
                _ => Vec::new(),
            });
        let Some((tracks, solution)) = self.coarse(&candidates, &mut diagnoses)? else {
            let mut none = nothing(self.start.len(), self.diameter);
            none.candidates = candidates;
            none.diagnoses.splice(0..0, diagnoses);
            return Ok(none);
        };
        let mut points = distinct(&solution, &tracks, 5, 0.6 * self.diameter);
        let (mut tracks, mut solution) = self.associated(&candidates, points.clone(), solution)?;
        let mut profile = None;
        for round in 0..self.options.rounds.max(1) {
            check(self.progress)?;
            points = distinct(&solution, &tracks, 5, 0.6 * self.diameter);
            let seen = self.centred(&points, &solution, &mut profile, round);
            tracks = seen;
            solution = adjust(&tracks, self.start, &self.options.adjustment)?;
        }
        if tracks.len() < 4 {
            diagnoses.push(Diagnosis::FewBeads {
                found: tracks.len(),
            });
        }
        let measured = profile.map(|p: Profile| p.width() * self.scale.pixel.x * BALL_HALF);
        if let (Some(stated), Some(measured)) = (self.options.diameter, measured)
            && !(0.75..1.33).contains(&(measured / stated))
        {
            diagnoses.push(Diagnosis::WrongPixelSize { stated, measured });
        }
        self.question_views(&tracks, &solution, &blank, &mut diagnoses)?;
        Ok(BeadAlignment {
            tracks,
            solution: Some(solution),
            diameter: self.diameter,
            measured_diameter: measured,
            candidates,
            diagnoses,
        })
    }

    fn blank_views(&self, diagnoses: &mut Vec<Diagnosis>) -> Vec<bool> {
        let views: Vec<(usize, &Working)> = self
            .prepared
            .iter()
            .enumerate()
            .filter_map(|(v, w)| w.as_ref().map(|w| (v, w)))
            .collect();
        let typical = median(&views.iter().map(|(_, w)| w.mean.abs()).collect::<Vec<_>>());
        let contrast = median(&views.iter().map(|(_, w)| w.deviation).collect::<Vec<_>>());
        let mut blank = vec![false; self.prepared.len()];
        for (view, working) in views {
            let reason = if working.deviation < 0.02 * contrast || working.deviation == 0.0 {
                "has no contrast"
            } else if typical > 3.0 * contrast && working.mean < 0.15 * typical {
                "has almost no light"
            } else {
                continue;
            };
            blank[view] = true;
            diagnoses.push(Diagnosis::BlankView {
                view,
                reason: reason.to_owned(),
            });
        }
        blank
    }

    /// Tracks and a first solution at the stated axis, or, when that fails, at the axis that serves best.
    fn coarse(
        &self,
        candidates: &[Vec<Candidate>],
        diagnoses: &mut Vec<Diagnosis>,
    ) -> Result<Option<(Vec<Track>, Solution)>, AlignError> {
        let stated = self.try_axis(candidates, 0.0)?;
        if let Some(found) = &stated
            && self.is_good(found, candidates)
        {
            return Ok(stated);
        }
        let turns: Vec<f64> = (1..24)
            .map(|k| f64::from(k) * 7.5_f64.to_radians())
            .collect();
        let mut best = stated;
        let mut turned = false;
        for turn in turns {
            check(self.progress)?;
            let found = self.try_axis(candidates, turn)?;
            if let Some(found) = found
                && best
                    .as_ref()
                    .is_none_or(|b| self.quality(&found) > 1.15 * self.quality(b))
            {
                best = Some(found);
                turned = true;
            }
        }
        if let Some((_, solution)) = &best
            && turned
        {
            let view = solution.reference_view;
            let stated = self.start[view].tilt_axis_angle.0.to_degrees();
            let axis = solution.geometry[view].map_or(stated, |g| g.tilt_axis_angle.0.to_degrees());
            let measured = wrapped(axis - stated) + stated;
            if wrapped(measured - stated).abs() > 4.0 {
                let mirrored = wrapped(measured + stated).abs() < 4.0;
                diagnoses.push(Diagnosis::WrongAxis {
                    stated,
                    measured,
                    mirrored,
                });
            }
        }
        Ok(best.filter(|b| self.quality(b) > 3.0))
    }

    fn try_axis(
        &self,
        candidates: &[Vec<Candidate>],
        turn: f64,
    ) -> Result<Option<(Vec<Track>, Solution)>, AlignError> {
        let start: Vec<TiltGeometry> = self
            .start
            .iter()
            .map(|g| TiltGeometry {
                tilt_axis_angle: Radians(g.tilt_axis_angle.0 + turn),
                ..*g
            })
            .collect();
        let field = f64::max(
            self.scale.size[0] as f64 * self.scale.pixel.y,
            self.scale.size[1] as f64 * self.scale.pixel.x,
        );
        let options = ChainOptions {
            diameter: self.diameter,
            height: self.options.half_thickness,
            largest_shift: self.options.largest_shift * field,
        };
        let chained = chain(candidates, &start, &self.order, &options);
        let tracks: Vec<Track> = chained
            .tracks
            .into_iter()
            .filter(|t| t.points.len() >= 5)
            .collect();
        if tracks.len() < 2 {
            return Ok(None);
        }
        let shifted: Vec<TiltGeometry> = start
            .iter()
            .zip(&chained.shifts)
            .map(|(g, shift)| TiltGeometry {
                shift: shift.unwrap_or(g.shift),
                ..*g
            })
            .collect();
        let options = Adjustment {
            minimum_observations: 5,
            ..Adjustment::fixed_tilts()
        };
        match adjust(&tracks, &shifted, &options) {
            Ok(solution) => Ok(Some((tracks, solution))),
            Err(AlignError::TooFewMeasurements { .. } | AlignError::Undetermined(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Beads followed for long, for each bead diameter of residual.
    fn quality(&self, (tracks, solution): &(Vec<Track>, Solution)) -> f64 {
        let supported: f64 = tracks
            .iter()
            .zip(&solution.weights)
            .map(|(track, weights)| {
                let share = weights.iter().sum::<f64>() / self.order.len().max(1) as f64;
                if track.points.len() >= 5 { share } else { 0.0 }
            })
            .sum();
        supported / (0.05 + solution.noise / self.diameter)
    }

    fn is_good(&self, found: &(Vec<Track>, Solution), candidates: &[Vec<Candidate>]) -> bool {
        let counts: Vec<f64> = self
            .order
            .iter()
            .map(|&v| candidates[v].len() as f64)
            .collect();
        let long = found
            .0
            .iter()
            .filter(|t| 2 * t.points.len() > self.order.len())
            .count() as f64;
        long >= f64::max(3.0, 0.3 * median(&counts)) && found.1.noise < 0.15 * self.diameter
    }

    /// Tracks of the points from all candidates, solved again, twice.
    fn associated(
        &self,
        candidates: &[Vec<Candidate>],
        mut points: Vec<DVec3>,
        mut solution: Solution,
    ) -> Result<(Vec<Track>, Solution), AlignError> {
        let mut tracks = Vec::new();
        for tolerance in [0.6, 0.4] {
            let places = predict(&solution.geometry, &points);
            tracks = associate(candidates, &places, points.len(), tolerance * self.diameter);
            solution = adjust(&tracks, self.start, &Adjustment::fixed_tilts())?;
            points = distinct(&solution, &tracks, 5, 0.6 * self.diameter);
        }
        Ok((tracks, solution))
    }

    /// Fits every bead in every view at its predicted place.
    fn centred(
        &self,
        points: &[DVec3],
        solution: &Solution,
        profile: &mut Option<Profile>,
        round: usize,
    ) -> Vec<Track> {
        let places = predict(&solution.geometry, points);
        let reach = 1.2 * self.diameter / self.scale.pixel.x;
        let inside = |place: &Option<DVec2>| {
            let place = (*place)?;
            self.scale
                .holds(place, 0.5 * self.diameter)
                .then(|| self.scale.pixels(place))
        };
        let mut at: Vec<Vec<Option<(DVec2, f64)>>> = places
            .iter()
            .map(|view| view.iter().map(|p| inside(p).map(|p| (p, 1.0))).collect())
            .collect();
        let mut fitted: Vec<Vec<Option<Centred>>> = Vec::new();
        for pass in 0..3 {
            let used = match (&profile, pass) {
                (None, 0) => Profile::ball(0.5 * self.diameter / self.scale.pixel.x, reach),
                (Some(profile), 0) => profile.clone(),
                _ => self
                    .profile(&fitted, reach)
                    .or_else(|| profile.clone())
                    .unwrap_or_else(|| {
                        Profile::ball(0.5 * self.diameter / self.scale.pixel.x, reach)
                    }),
            };
            let leash = if round == 0 { 0.5 } else { 0.3 } * self.diameter / self.scale.pixel.x;
            fitted = parallel::map_indices(at.len(), |view| match &self.prepared[view] {
                Some(working) => centre_all(&working.image, &used, &at[view], leash),
                None => vec![None; points.len()],
            });
            for (view, beads) in fitted.iter().enumerate() {
                for (bead, fit) in beads.iter().enumerate() {
                    at[view][bead] = fit
                        .map(|f| (f.at, f.amplitude))
                        .or_else(|| inside(&places[view][bead]).map(|p| (p, 1.0)));
                }
            }
            *profile = Some(used);
        }
        self.tracks_of(&fitted, points.len())
    }

    fn profile(&self, fitted: &[Vec<Option<Centred>>], reach: f64) -> Option<Profile> {
        let mut samples = Vec::new();
        for (view, beads) in fitted.iter().enumerate() {
            let Some(working) = &self.prepared[view] else {
                continue;
            };
            for bead in beads.iter().flatten() {
                let weight = bead.amplitude.min(1.5) / bead.deviation.max(0.02).powi(2);
                samples.push(Sample {
                    image: &working.image,
                    at: bead.at,
                    weight,
                });
            }
        }
        Profile::measure(&samples, reach)
    }

    fn tracks_of(&self, fitted: &[Vec<Option<Centred>>], count: usize) -> Vec<Track> {
        let all: Vec<f64> = fitted
            .iter()
            .flatten()
            .flatten()
            .map(|b| b.amplitude)
            .collect();
        let typical = median(&all);
        let deviations: Vec<f64> = fitted
            .iter()
            .flatten()
            .flatten()
            .map(|b| b.deviation)
            .collect();
        let usual = median(&deviations).max(1e-3);
        let mut tracks = vec![Track::default(); count];
        for (view, beads) in fitted.iter().enumerate() {
            for (track, bead) in tracks.iter_mut().zip(beads) {
                let Some(bead) = bead else { continue };
                if bead.amplitude < 0.35 * typical || bead.amplitude > 2.5 * typical {
                    continue;
                }
                let variance = bead.deviation.powi(2) + (0.3 * usual).powi(2);
                track.points.push(Observation {
                    view,
                    position: self.scale.angstroms(bead.at),
                    weight: usual * usual * 1.09 / variance,
                });
            }
        }
        tracks
    }

    /// Views whose beads are missing or do not fit, with the angle they would fit.
    fn question_views(
        &self,
        tracks: &[Track],
        solution: &Solution,
        blank: &[bool],
        diagnoses: &mut Vec<Diagnosis>,
    ) -> Result<(), AlignError> {
        let _ = tracks;
        let counts: Vec<f64> = self
            .order
            .iter()
            .map(|&v| solution.views[v].observations as f64)
            .collect();
        let typical = median(&counts);
        for &view in &self.order {
            let report = &solution.views[view];
            let good = report.observations.saturating_sub(report.outliers) as f64;
            if !blank[view] && good < 0.34 * typical {
                diagnoses.push(Diagnosis::UnrelatedView { view });
            }
        }
        Ok(())
    }
}

/// Diameter of a ball over the width of its projection at half depth, 1/√(1 − ¼).
const BALL_HALF: f64 = 1.154_700_538_379_251_5;

/// An angle difference of a line, degrees, −90 to 90.
fn wrapped(degrees: f64) -> f64 {
    (degrees + 90.0).rem_euclid(180.0) - 90.0
}
