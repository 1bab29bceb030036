//! From candidates to tracks and a geometry, then rounds of centring and adjusting.

use glam::DVec3;
use thon_compute::{Progress, check, parallel};
use thon_geometry::TiltGeometry;
use thon_units::Radians;

use super::Diagnosis;
use super::associate::{associate, distinct, predict};
use super::chain::{ChainOptions, chain};
use super::detect::{Candidate, detect, strong};
use super::diagnosis::fixed_pattern;
use super::driver::{BeadAlignment, BeadOptions, nothing};
use super::working::{Scale, Working};
use crate::AlignError;
use crate::adjust::{Adjustment, Solution, Track, adjust, median};

/// Fewest observations of a bead that counts.
const LEAST: usize = 5;

pub(super) struct Tracker<'a> {
    pub(super) scale: Scale,
    pub(super) diameter: f64,
    pub(super) prepared: Vec<Option<Working>>,
    pub(super) order: Vec<usize>,
    pub(super) start: Vec<TiltGeometry>,
    pub(super) options: &'a BeadOptions,
    pub(super) progress: &'a dyn Progress,
}

/// Tracks, what they give, and the start they were found from.
struct Found {
    tracks: Vec<Track>,
    solution: Solution,
    start: Vec<TiltGeometry>,
}

impl Tracker<'_> {
    pub(super) fn run(mut self) -> Result<BeadAlignment, AlignError> {
        let grains = self.prepared.iter().flatten().map(|view| &view.grain[..]);
        let mut diagnoses: Vec<Diagnosis> = fixed_pattern(grains).into_iter().collect();
        let blank = self.blank_views(&mut diagnoses);
        let candidates =
            parallel::map_indices(self.start.len(), |view| match &self.prepared[view] {
                Some(working) if !blank[view] => self.candidates(working),
                _ => Vec::new(),
            });
        let Some(found) = self.coarse(&candidates, &mut diagnoses)? else {
            let mut none = nothing(self.start.len(), self.diameter);
            none.candidates = candidates;
            none.diagnoses.splice(0..0, diagnoses);
            return Ok(none);
        };
        self.start = found.start;
        let points = distinct(&found.solution, &found.tracks, LEAST, 0.6 * self.diameter);
        let (mut tracks, mut solution) = self.associated(&candidates, points, found.solution)?;
        let mut profile = None;
        for round in 0..self.options.rounds.max(1) {
            check(self.progress)?;
            let points = distinct(&solution, &tracks, LEAST, 0.6 * self.diameter);
            tracks = self.centred(&points, &solution, &mut profile, round);
            solution = adjust(&tracks, &self.start, &self.options.adjustment)?;
        }
        let kept = solution.points.iter().flatten().count();
        if kept < 4 {
            diagnoses.push(Diagnosis::FewBeads { found: kept });
        }
        let measured = profile.map(|p| p.width() * self.scale.pixel.x * BALL_HALF);
        if let (Some(stated), Some(measured)) = (self.options.diameter, measured)
            && !(0.75..1.33).contains(&(measured / stated))
        {
            diagnoses.push(Diagnosis::WrongPixelSize { stated, measured });
        }
        self.question_views(&candidates, &solution, &blank, &mut diagnoses);
        Ok(BeadAlignment {
            tracks,
            solution: Some(solution),
            diameter: self.diameter,
            measured_diameter: measured,
            candidates,
            diagnoses,
        })
    }

    fn candidates(&self, working: &Working) -> Vec<Candidate> {
        let (least, count) = (self.options.least_score, self.options.candidates);
        let all = detect(&working.image, &self.scale, self.diameter, least, count);
        strong(&all, self.options.least_share)
    }

    /// Tracks and a first solution at the stated axis and order, or, when that fails, at those that serve best.
    fn coarse(
        &self,
        candidates: &[Vec<Candidate>],
        diagnoses: &mut Vec<Diagnosis>,
    ) -> Result<Option<Found>, AlignError> {
        let mut best = self.try_start(candidates, self.start.clone())?;
        if let Some(found) = &best
            && self.is_good(found, candidates)
        {
            diagnoses.extend(self.wrong_axis(&found.solution));
            return Ok(best);
        }
        for turn in (1..24).map(|k| (f64::from(k) * 7.5).to_radians()) {
            check(self.progress)?;
            if let Some(better) = self.better(candidates, self.turned(turn), best.as_ref())? {
                best = Some(better);
            }
        }
        let mut reversed = self.start.clone();
        for (view, other) in reversed.iter_mut().zip(self.start.iter().rev()) {
            view.tilt_angle = other.tilt_angle;
        }
        let is_reversed = match self.better(candidates, reversed, best.as_ref())? {
            Some(found) => {
                best = Some(found);
                true
            }
            None => false,
        };
        best = best.filter(|found| self.quality(found) > WORTH);
        if let Some(found) = &best {
            if is_reversed {
                diagnoses.push(Diagnosis::ReversedOrder);
            }
            diagnoses.extend(self.wrong_axis(&found.solution));
        }
        Ok(best)
    }

    fn turned(&self, turn: f64) -> Vec<TiltGeometry> {
        let turned = |g: &TiltGeometry| TiltGeometry {
            tilt_axis_angle: Radians(g.tilt_axis_angle.0 + turn),
            ..*g
        };
        self.start.iter().map(turned).collect()
    }

    fn better(
        &self,
        candidates: &[Vec<Candidate>],
        start: Vec<TiltGeometry>,
        best: Option<&Found>,
    ) -> Result<Option<Found>, AlignError> {
        let found = self.try_start(candidates, start)?;
        Ok(found.filter(|f| best.is_none_or(|b| self.quality(f) > 1.15 * self.quality(b))))
    }

    fn wrong_axis(&self, solution: &Solution) -> Option<Diagnosis> {
        let view = solution.reference_view;
        let stated = self.start[view].tilt_axis_angle.0.to_degrees();
        let axis = solution.geometry[view]?.tilt_axis_angle.0.to_degrees();
        let measured = wrapped(axis - stated) + stated;
        let mirrored = wrapped(measured + stated).abs() < 4.0;
        (wrapped(measured - stated).abs() > 4.0).then_some(Diagnosis::WrongAxis {
            stated,
            measured,
            mirrored,
        })
    }

    fn try_start(
        &self,
        candidates: &[Vec<Candidate>],
        start: Vec<TiltGeometry>,
    ) -> Result<Option<Found>, AlignError> {
        let field = f64::max(
            self.scale.size[0] as f64 * self.scale.pixel.y,
            self.scale.size[1] as f64 * self.scale.pixel.x,
        );
        let options = ChainOptions {
            diameter: self.diameter,
            height: self.options.half_thickness,
            largest_shift: self.options.largest_shift * field,
        };
        let mut order = self.order.clone();
        order.sort_by(|&a, &b| {
            start[a]
                .tilt_angle
                .0
                .total_cmp(&start[b].tilt_angle.0)
                .then(a.cmp(&b))
        });
        let chained = chain(candidates, &start, &order, &options);
        let tracks: Vec<Track> = chained
            .tracks
            .into_iter()
            .filter(|t| t.points.len() >= LEAST)
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
            minimum_observations: LEAST,
            ..Adjustment::fixed_tilts()
        };
        match adjust(&tracks, &shifted, &options) {
            Ok(solution) => Ok(Some(Found {
                tracks,
                solution,
                start,
            })),
            Err(AlignError::TooFewMeasurements { .. } | AlignError::Undetermined(_)) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Beads followed for long, for each bead diameter of residual.
    fn quality(&self, found: &Found) -> f64 {
        let views = self.order.len().max(1) as f64;
        let supported: f64 = found
            .solution
            .weights
            .iter()
            .map(|w| w.iter().sum::<f64>() / views)
            .sum();
        supported / (0.05 + found.solution.noise / self.diameter)
    }

    fn is_good(&self, found: &Found, candidates: &[Vec<Candidate>]) -> bool {
        let counts: Vec<f64> = self
            .order
            .iter()
            .map(|&v| candidates[v].len() as f64)
            .collect();
        let long = found
            .tracks
            .iter()
            .filter(|t| 2 * t.points.len() > self.order.len())
            .count() as f64;
        long >= f64::max(3.0, 0.3 * median(&counts)) && found.solution.noise < 0.15 * self.diameter
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
            let mut geometry = solution.geometry.clone();
            self.recover(&mut geometry, candidates, &points, &solution);
            let places = predict(&geometry, &points);
            tracks = associate(candidates, &places, points.len(), tolerance * self.diameter);
            solution = adjust(&tracks, &self.start, &Adjustment::fixed_tilts())?;
            points = distinct(&solution, &tracks, LEAST, 0.6 * self.diameter);
        }
        Ok((tracks, solution))
    }
}

/// Diameter of a ball over the width of its projection at half depth, 1/√(1 − ¼).
const BALL_HALF: f64 = 1.154_700_538_379_251_5;
/// Least quality of tracks that are more than chance.
const WORTH: f64 = 3.0;

/// An angle difference of a line, degrees, −90 to 90.
fn wrapped(degrees: f64) -> f64 {
    (degrees + 90.0).rem_euclid(180.0) - 90.0
}
