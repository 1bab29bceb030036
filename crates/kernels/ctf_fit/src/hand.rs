//! The hand of the defocus gradient, measured: both signs compete, each with the plane that suits it best.
//!
//! The margin is the difference of log-likelihood between the hands, per view Δ_v and summed. Its p-value needs no noise model:
//! were there no gradient to see, every Δ_v would be as likely negative as positive, so ΣΔ_v / √ΣΔ_v² is a normal deviate.

use thon_model::HandSign;

use crate::path::best_course;
use crate::plane::Plane;
use crate::series::{Setting, Work};
use crate::tables::{DefocusAxis, ViewTable};
use crate::view_fit::compass;

/// How far a view may move from its course while planes are compared, Å.
const WINDOW: f64 = 1_500.0;
/// Deviation of pre-tilts that is expected, radians.
const PRE_TILT: f64 = 0.25;
/// Log-likelihood that an inclined plane must gain.
const PLANE_GAIN: f64 = 12.0;

/// The measured hand.
#[derive(Clone, Debug, PartialEq)]
pub struct HandTest {
    /// The hand that is used: the measured one, or the one that was given.
    pub sign: HandSign,
    /// True when it was given.
    pub given: bool,
    /// Log-likelihood of `sign` less that of the other.
    pub margin: f64,
    /// Normal deviate of the margin over the views.
    pub deviate: f64,
    /// Probability of so large a deviate, or a larger one, without any gradient.
    pub p_value: f64,
    /// Margin of each view, in the order given.
    pub per_view: Vec<f64>,
}

impl HandTest {
    /// True when the margin leaves no reasonable doubt: odds beyond e¹⁰, and not owed to one or two views.
    pub fn is_certain(&self) -> bool {
        self.margin > 10.0 && self.p_value < 0.05
    }
}

/// Log-likelihood of a series as a function of its plane and hand, on tables with summed sectors.
pub(crate) struct PlaneSearch<'a> {
    pub(crate) tables: &'a [ViewTable],
    pub(crate) works: &'a [Work<'a>],
    pub(crate) setting: &'a Setting<'a>,
}

impl PlaneSearch<'_> {
    /// The best course of defocus for a plane and hand, and its log-likelihood.
    pub(crate) fn course(&self, plane: &Plane, hand: f64) -> (Vec<f64>, f64) {
        let range = self.setting.range();
        let profiles: Vec<Vec<f64>> = self
            .works
            .iter()
            .zip(self.tables)
            .map(|(work, table)| {
                table.scan(
                    &work.heights((plane, hand), self.setting.options.mode),
                    range.clone(),
                )
            })
            .collect();
        let axis = DefocusAxis {
            first: self.setting.axis.value(range.start),
            step: self.setting.axis.step,
            count: range.len(),
        };
        best_course(&profiles, &axis)
    }

    /// The best log-likelihood of each view near a course.
    pub(crate) fn near(&self, course: &[f64], plane: &Plane, hand: f64) -> Vec<f64> {
        let views = self.works.iter().zip(self.tables).zip(course);
        views
            .map(|((work, table), defocus)| {
                let range = self.setting.axis.range(defocus - WINDOW, defocus + WINDOW);
                let heights = work.heights((plane, hand), self.setting.options.mode);
                table.scan(&heights, range).into_iter().fold(0.0, f64::max)
            })
            .collect()
    }

    /// The plane that suits a hand best, and the log-likelihood of each view with it.
    fn best_plane(&self, hand: f64) -> (Plane, Vec<f64>) {
        let level = Plane::default();
        let (course, _) = self.course(&level, hand);
        let flat = self.near(&course, &level, hand);
        if !self.setting.options.find_plane || self.works.len() < 3 {
            return (level, flat);
        }
        let value = |[tilt, x_tilt]: [f64; 2]| {
            if tilt.abs() > 0.6 || x_tilt.abs() > 0.6 {
                return f64::NEG_INFINITY;
            }
            let total: f64 = self
                .near(&course, &inclined(tilt, x_tilt), hand)
                .iter()
                .sum();
            total - 0.5 * (tilt * tilt + x_tilt * x_tilt) / (PRE_TILT * PRE_TILT)
        };
        let starts = [[0.0, 0.0], [0.2, 0.0], [-0.2, 0.0], [0.0, 0.2], [0.0, -0.2]];
        let mut best = ([0.0; 2], f64::NEG_INFINITY);
        for start in starts {
            let found = compass(start, 0.08, 0.004, &value);
            if found.1 > best.1 {
                best = found;
            }
        }
        let total: f64 = flat.iter().sum();
        if best.1 < total + PLANE_GAIN {
            return (level, flat);
        }
        let plane = inclined(best.0[0], best.0[1]);
        let (course, _) = self.course(&plane, hand);
        let views = self.near(&course, &plane, hand);
        (plane, views)
    }
}

fn inclined(tilt_offset: f64, x_tilt_offset: f64) -> Plane {
    Plane {
        tilt_offset,
        x_tilt_offset,
        ..Plane::default()
    }
}

/// Measures the hand, or compares the one that was given with the other; returns the plane for the one that is used.
pub(crate) fn compare_hands(search: &PlaneSearch<'_>) -> (HandTest, Plane) {
    let (minus_plane, minus) = search.best_plane(HandSign::Minus.value());
    let (plus_plane, plus) = search.best_plane(HandSign::Plus.value());
    let total = |views: &[f64]| views.iter().sum::<f64>();
    let measured = if total(&plus) > total(&minus) {
        HandSign::Plus
    } else {
        HandSign::Minus
    };
    let given = search.setting.options.hand;
    let sign = given.unwrap_or(measured);
    let per_view: Vec<f64> = plus
        .iter()
        .zip(&minus)
        .map(|(p, m)| sign.value() * (p - m))
        .collect();
    let margin = total(&per_view);
    let spread = per_view.iter().map(|d| d * d).sum::<f64>().sqrt();
    let deviate = if spread > 0.0 { margin / spread } else { 0.0 };
    let test = HandTest {
        sign,
        given: given.is_some(),
        margin,
        deviate,
        p_value: upper_tail(deviate),
        per_view,
    };
    let plane = if sign == HandSign::Plus {
        plus_plane
    } else {
        minus_plane
    };
    (test, plane)
}

/// Probability that a normal deviate exceeds `z`: ½ erfc(z/√2), by the continued fraction for large z and a series below.
pub(crate) fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z > 3.0 {
        // Q = φ / (z + 1/(z + 2/(z + 3/(z + …))))
        let fraction = (1..=60).rev().fold(z, |below, n| z + f64::from(n) / below);
        return density / fraction;
    }
    // Φ − ½ = φ · (z + z³/3 + z⁵/(3·5) + …)
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= z * z / f64::from(2 * n + 1);
        sum += term;
    }
    0.5 - density * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_the_normal_distribution() {
        for (z, expected) in [
            (0.0, 0.5),
            (1.0, 0.158_655_25),
            (2.0, 0.022_750_13),
            (4.0, 3.167_124e-5),
            (-1.0, 0.841_344_75),
        ] {
            assert!((upper_tail(z) - expected).abs() < 1e-8, "{z}");
        }
    }
}
