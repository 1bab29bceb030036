//! Views that are blank, foreign or stated at another tilt than their beads show.

use glam::{DVec2, DVec3};
use thon_geometry::{Point, TiltGeometry};
use thon_units::Degrees;

use super::Diagnosis;
use super::detect::Candidate;
use super::tracker::Tracker;
use super::working::Working;
use crate::adjust::{Solution, median};

/// Largest tilt that is tried for a view that does not fit, degrees.
const STEEPEST: i32 = 75;
/// So many views stated at another tilt than their beads show are no exchange of two any more.
const SHUFFLED: usize = 3;

impl Tracker<'_> {
    pub(super) fn blank_views(&self, diagnoses: &mut Vec<Diagnosis>) -> Vec<bool> {
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

    /// Views whose beads are missing or do not fit, with the angle they would fit.
    pub(super) fn question_views(
        &self,
        candidates: &[Vec<Candidate>],
        solution: &Solution,
        blank: &[bool],
        diagnoses: &mut Vec<Diagnosis>,
    ) {
        let counts: Vec<f64> = self.order.iter().map(|&v| self.good(v, solution)).collect();
        let typical = median(&counts);
        for &view in self
            .order
            .iter()
            .filter(|&&v| !blank[v] && self.good(v, solution) < 0.5 * typical)
        {
            let stated = self.start[view].tilt_angle.degrees().0;
            let (measured, count) = self.best_tilt(view, &candidates[view], solution);
            let fits = count as f64 >= f64::max(4.0, 0.5 * typical);
            if fits && (measured - stated).abs() > 2.5 {
                diagnoses.push(Diagnosis::WrongTilt {
                    view,
                    stated,
                    measured,
                });
            } else if self.good(view, solution) < 0.34 * typical {
                diagnoses.push(Diagnosis::UnrelatedView { view });
            }
        }
        let wrong = |d: &&Diagnosis| matches!(d, Diagnosis::WrongTilt { .. });
        let views = diagnoses.iter().filter(wrong).count();
        if views >= SHUFFLED {
            diagnoses.push(Diagnosis::WrongOrder { views });
        }
    }

    /// Gives views that the chain lost a place at their stated tilt, when most points then meet a candidate.
    pub(super) fn recover(
        &self,
        geometry: &mut [Option<TiltGeometry>],
        candidates: &[Vec<Candidate>],
        points: &[DVec3],
        solution: &Solution,
    ) {
        let counts: Vec<f64> = self.order.iter().map(|&v| self.good(v, solution)).collect();
        let typical = median(&counts);
        let Some(reference) = solution.geometry[solution.reference_view] else {
            return;
        };
        for &view in self
            .order
            .iter()
            .filter(|&&v| self.good(v, solution) < 0.5 * typical)
        {
            let stated = TiltGeometry {
                tilt_axis_angle: reference.tilt_axis_angle,
                shift: DVec2::ZERO,
                ..self.start[view]
            };
            let place = |p: &DVec3| stated.project(Point::from_vector(*p)).position;
            let places: Vec<DVec2> = points.iter().map(place).collect();
            let (_, count, shift) = meeting(&places, &candidates[view], 0.4 * self.diameter);
            if count as f64 >= f64::max(4.0, 0.5 * typical) {
                geometry[view] = Some(TiltGeometry { shift, ..stated });
            }
        }
    }

    /// Observations of a view that are no outliers.
    #[expect(clippy::unused_self, reason = "reads as a question to the tracker")]
    fn good(&self, view: usize, solution: &Solution) -> f64 {
        let report = &solution.views[view];
        report.observations.saturating_sub(report.outliers) as f64
    }

    /// The tilt (degrees) at which most points meet a candidate of the view, whatever its shift, and how many.
    fn best_tilt(
        &self,
        view: usize,
        candidates: &[Candidate],
        solution: &Solution,
    ) -> (f64, usize) {
        let points: Vec<DVec3> = solution.points.iter().flatten().copied().collect();
        let reference = solution.geometry[solution.reference_view];
        let axis = reference.map_or(self.start[view].tilt_axis_angle, |g| g.tilt_axis_angle);
        let mut best = (self.start[view].tilt_angle.degrees().0, 0);
        let mut highest = 0.0;
        for half in -2 * STEEPEST..=2 * STEEPEST {
            let tilt = 0.5 * f64::from(half);
            let geometry = TiltGeometry {
                tilt_axis_angle: axis,
                ..TiltGeometry::tilted(Degrees(tilt).radians())
            };
            let places: Vec<DVec2> = points
                .iter()
                .map(|p| geometry.project(Point::from_vector(*p)).position)
                .collect();
            let (score, count, _) = meeting(&places, candidates, 0.3 * self.diameter);
            if score > highest + 1e-9 {
                highest = score;
                best = (tilt, count);
            }
        }
        best
    }
}

/// The common shift with which places meet candidates best (within `tolerance`): score, number that meet, shift.
fn meeting(places: &[DVec2], candidates: &[Candidate], tolerance: f64) -> (f64, usize, DVec2) {
    let mut best = (0.0, 0, DVec2::ZERO);
    for place in places {
        for candidate in candidates {
            let shift = candidate.position - *place;
            let (mut score, mut count) = (0.0, 0);
            for other in places {
                let nearest = candidates
                    .iter()
                    .map(|c| c.position.distance_squared(*other + shift))
                    .fold(f64::INFINITY, f64::min);
                let far = nearest / (tolerance * tolerance);
                if far < 1.0 {
                    score += 1.0 - far;
                    count += 1;
                }
            }
            if score > best.0 {
                best = (score, count, shift);
            }
        }
    }
    best
}
