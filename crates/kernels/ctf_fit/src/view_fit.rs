//! Defocus and astigmatism of one view from its tables: a compass search from given starts, and the curvature at the maximum.

use crate::sector_table::SectorTable;
use crate::tables::Astigmatism;

/// Smallest step of the search, Å.
const FINEST: f64 = 2.0;
/// Step for second differences, Å.
const CURVATURE_STEP: f64 = 60.0;

/// Mean defocus and astigmatism (Å), as estimated from one view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) defocus: f64,
    pub(crate) astigmatism: Astigmatism,
    /// Log-likelihood against no rings, without priors.
    pub(crate) log_likelihood: f64,
    /// Standard deviation of the defocus, from the curvature, Å.
    pub(crate) defocus_deviation: f64,
    /// Standard deviation of each astigmatism component, Å.
    pub(crate) astigmatism_deviation: f64,
}

/// What is known beforehand: normal densities of defocus and astigmatism.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prior {
    pub(crate) defocus: f64,
    pub(crate) defocus_deviation: f64,
    pub(crate) astigmatism: Astigmatism,
    pub(crate) astigmatism_deviation: f64,
}

impl Prior {
    /// Nothing is known about the defocus; astigmatism lies about `astigmatism`.
    pub(crate) fn of_astigmatism(astigmatism: Astigmatism, deviation: f64) -> Self {
        Self {
            defocus: 0.0,
            defocus_deviation: f64::INFINITY,
            astigmatism,
            astigmatism_deviation: deviation,
        }
    }

    /// Logarithm of the density up to a constant; falls off linearly beyond three deviations, so that strong rings win.
    fn logarithm(&self, [d, ax, ay]: [f64; 3]) -> f64 {
        let term = |difference: f64, deviation: f64| {
            let x = (difference / deviation).abs();
            if x.is_nan() || x < 3.0 {
                -0.5 * x * x
            } else {
                4.5 - 3.0 * x
            }
        };
        let astigmatism = (ax - self.astigmatism[0]).hypot(ay - self.astigmatism[1]);
        let defocus = if self.defocus_deviation.is_finite() {
            term(d - self.defocus, self.defocus_deviation)
        } else {
            0.0
        };
        defocus + term(astigmatism, self.astigmatism_deviation)
    }
}

/// The best estimate from several starts; the defocus stays within `window` of its start.
pub(crate) fn fit_view(
    table: &SectorTable,
    starts: &[(f64, Astigmatism)],
    window: f64,
    prior: &Prior,
) -> Estimate {
    let mut best: Option<([f64; 3], f64)> = None;
    for (defocus, astigmatism) in starts {
        let value = |p: [f64; 3]| {
            if (p[0] - defocus).abs() > window {
                return f64::NEG_INFINITY;
            }
            table.log_likelihood(p[0], [p[1], p[2]]) + prior.logarithm(p)
        };
        let start = [*defocus, astigmatism[0], astigmatism[1]];
        let found = compass(start, 100.0, FINEST, &value);
        if best.is_none_or(|b| found.1 > b.1) {
            best = Some(found);
        }
    }
    let (place, _) = best.unwrap_or(([0.0; 3], 0.0));
    finish(table, place)
}

fn finish(table: &SectorTable, place: [f64; 3]) -> Estimate {
    let value = |p: [f64; 3]| table.log_likelihood(p[0], [p[1], p[2]]);
    let middle = value(place);
    let deviation = |axis: usize| {
        let side = |sign: f64| {
            let mut p = place;
            p[axis] += sign * CURVATURE_STEP;
            value(p)
        };
        let curvature = (2.0 * middle - side(1.0) - side(-1.0)) / (CURVATURE_STEP * CURVATURE_STEP);
        if curvature > 1e-10 {
            curvature.sqrt().recip()
        } else {
            1e5
        }
    };
    Estimate {
        defocus: place[0],
        astigmatism: [place[1], place[2]],
        log_likelihood: middle,
        defocus_deviation: deviation(0),
        astigmatism_deviation: f64::midpoint(deviation(1), deviation(2)),
    }
}

/// Compass search: tries steps along each axis and in the last successful direction; halves the step when nothing is better.
pub(crate) fn compass<const N: usize>(
    start: [f64; N],
    step: f64,
    finest: f64,
    value: &impl Fn([f64; N]) -> f64,
) -> ([f64; N], f64) {
    let mut step = [step; N];
    let mut place = start;
    let mut best = value(place);
    for _ in 0..200 {
        let before = place;
        for axis in 0..N {
            let tries = [1.0, -1.0].map(|sign| {
                let mut p = place;
                p[axis] += sign * step[axis];
                (value(p), p)
            });
            let better = if tries[0].0 >= tries[1].0 {
                tries[0]
            } else {
                tries[1]
            };
            if better.0 > best {
                (best, place) = better;
            } else {
                // The parabola through the three points says how far the maximum is.
                let below = tries[1].0;
                let above = tries[0].0;
                let bend = above + below - 2.0 * best;
                if bend < 0.0 && bend.is_finite() {
                    let mut p = place;
                    p[axis] += (0.5 * (below - above) / bend).clamp(-0.5, 0.5) * step[axis];
                    (best, place) = higher((best, place), (value(p), p));
                }
                step[axis] *= 0.5;
            }
        }
        let jump: [f64; N] = std::array::from_fn(|i| 2.0 * place[i] - before[i]);
        let at = value(jump);
        if at > best {
            (best, place) = (at, jump);
        }
        if step.iter().all(|s| *s < finest) {
            break;
        }
    }
    (place, best)
}

/// The higher of two places; the first when they are alike.
fn higher<const N: usize>(first: (f64, [f64; N]), second: (f64, [f64; N])) -> (f64, [f64; N]) {
    if second.0 > first.0 { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compass_finds_the_top_of_a_tilted_hill() {
        let value = |[x, y, z]: [f64; 3]| {
            let (a, b) = (x - 310.0, y + 75.0);
            -(a * a + 0.5 * a * b + b * b) - 3.0 * (z - 20.0).powi(2)
        };
        let (place, _) = compass([0.0; 3], 100.0, 1.0, &value);
        assert!(
            (place[0] - 310.0).abs() < 2.0
                && (place[1] + 75.0).abs() < 2.0
                && (place[2] - 20.0).abs() < 2.0,
            "{place:?}"
        );
    }

    #[test]
    fn priors_let_strong_rings_win() {
        let prior = Prior {
            defocus: 100.0,
            defocus_deviation: 10.0,
            astigmatism: [0.0; 2],
            astigmatism_deviation: 50.0,
        };
        assert!((prior.logarithm([110.0, 0.0, 0.0]) + 0.5).abs() < 1e-9);
        assert!((prior.logarithm([200.0, 0.0, 0.0]) + 25.5).abs() < 1e-9);
        let open = Prior::of_astigmatism([3.0, 4.0], 5.0);
        assert!((open.logarithm([1e6, 0.0, 0.0]) + 0.5).abs() < 1e-9);
    }
}
