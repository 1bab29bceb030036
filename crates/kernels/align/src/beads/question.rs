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
        let good = |v: usize| {
            solution.views[v]
                .observations
                .saturating_sub(solution.views[v].outliers) as f64
        };
        let counts: Vec<f64> = self.order.iter().map(|&v| good(v)).collect();
        let typical = median(&counts);
        for &view in self
            .order
            .iter()
            .filter(|&&v| !blank[v] && good(v) < 0.5 * typical)
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
            } else if good(view) < 0.34 * typical {
                diagnoses.push(Diagnosis::UnrelatedView { view });
            }
        }
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
            let count = meeting(&places, candidates, 0.3 * self.diameter);
            let nearer = (tilt - self.start[view].tilt_angle.degrees().0).abs()
                < (best.0 - self.start[view].tilt_angle.degrees().0).abs();
            if count > best.1 || (count == best.1 && nearer) {
                best = (tilt, count);
            }
        }
        best
    }
}

/// Most places that meet a candidate within `tolerance` after one common shift.
fn meeting(places: &[DVec2], candidates: &[Candidate], tolerance: f64) -> usize {
    let mut most = 0;
    for place in places {
        for candidate in candidates {
            let shift = candidate.position - *place;
            let met = |p: &&DVec2| {
                candidates
                    .iter()
                    .any(|c| c.position.distance(**p + shift) < tolerance)
            };
            most = most.max(places.iter().filter(met).count());
        }
    }
    most
}
