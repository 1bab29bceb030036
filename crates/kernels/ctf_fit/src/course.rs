//! What the other views say about one: a level that wanders, seen through noise, leave-one-out.
//!
//! ```text
//!   level_i = level_(i−1) + N(0, q)        value_i = level_i + N(0, s² + r_i)
//! ```
//! r is the variance of each estimate; wander q and scatter s are the least of those (over a grid) that make the series about as
//! likely as the best pair: the lens, whose astigmatism is followed, hardly changes.

/// Deviations of the scatter that are tried, Å.
const SCATTERS: [f64; 13] = [
    10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 250.0, 300.0, 400.0, 500.0, 700.0, 1500.0,
];
/// Deviations of the wander per view that are tried, Å.
const WANDERS: [f64; 7] = [1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0];
/// Log-likelihood below the best that still counts as about as likely.
const ALIKE: f64 = 2.0;
/// Deviations beyond which a value counts less.
const FAR: f64 = 3.0;

/// Predictions of each value from all others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Course {
    /// `[track][view]`.
    pub(crate) means: Vec<Vec<f64>>,
    /// The level at each view with its own value taken into account, `[track][view]`.
    pub(crate) levels: Vec<Vec<f64>>,
    /// Standard deviation of a value about its prediction, without its own error of measurement.
    pub(crate) deviations: Vec<f64>,
    /// Scatter s.
    pub(crate) scatter: f64,
}

/// Follows several tracks (such as the components of astigmatism) that share variances, in the order of time.
pub(crate) fn follow(tracks: &[Vec<f64>], variances: &[f64]) -> Course {
    let mut variances = variances.to_vec();
    let mut course = likely(tracks, &variances);
    for _ in 0..2 {
        for (view, variance) in variances.iter_mut().enumerate() {
            let expected = course.deviations[view].powi(2) + *variance;
            let square: f64 = tracks
                .iter()
                .zip(&course.means)
                .map(|(track, means)| (track[view] - means[view]).powi(2))
                .fold(0.0, f64::max);
            if square > FAR * FAR * expected {
                *variance += square - expected;
            }
        }
        course = likely(tracks, &variances);
    }
    course
}

fn likely(tracks: &[Vec<f64>], variances: &[f64]) -> Course {
    let mut pairs = Vec::with_capacity(SCATTERS.len() * WANDERS.len());
    for scatter in SCATTERS {
        for wander in WANDERS {
            let total: f64 = tracks
                .iter()
                .map(|t| forward(t, variances, scatter, wander).1)
                .sum();
            pairs.push((total, scatter, wander));
        }
    }
    let best = pairs
        .iter()
        .fold(f64::NEG_INFINITY, |best, p| best.max(p.0));
    let (scatter, wander) = least_spread(&pairs, best);
    predicted(tracks, variances, scatter, wander)
}

/// The least scatter and wander that are about as likely as the best.
fn least_spread(pairs: &[(f64, f64, f64)], best: f64) -> (f64, f64) {
    // Both grow the predictions; a wander adds up over a few views.
    let width = |(_, scatter, wander): &(f64, f64, f64)| scatter.hypot(2.0 * wander);
    let alike = pairs.iter().filter(|p| p.0 >= best - ALIKE);
    alike
        .min_by(|a, b| width(a).total_cmp(&width(b)))
        .map_or((SCATTERS[0], WANDERS[0]), |p| (p.1, p.2))
}

/// Predictions with a given scatter and wander.
fn predicted(tracks: &[Vec<f64>], variances: &[f64], scatter: f64, wander: f64) -> Course {
    let reversed_variances: Vec<f64> = variances.iter().rev().copied().collect();
    let mut deviations = Vec::new();
    let (mut means, mut levels) = (Vec::new(), Vec::new());
    for track in tracks {
        let (before, _) = forward(track, variances, scatter, wander);
        let reversed: Vec<f64> = track.iter().rev().copied().collect();
        let (mut after, _) = forward(&reversed, &reversed_variances, scatter, wander);
        after.reverse();
        let joined: Vec<(f64, f64)> = before
            .iter()
            .zip(&after)
            .map(|(a, b)| join(*a, *b))
            .collect();
        let own = track.iter().zip(variances);
        let with_own = joined.iter().zip(own);
        levels.push(
            with_own
                .map(|(level, (value, noise))| join(*level, (*value, noise + scatter * scatter)).0)
                .collect(),
        );
        deviations = joined
            .iter()
            .map(|(_, v)| (v + scatter * scatter).sqrt())
            .collect();
        means.push(joined.iter().map(|(m, _)| *m).collect());
    }
    Course {
        means,
        levels,
        deviations,
        scatter,
    }
}

/// Mean and variance of the level before each value is seen, and the log-likelihood of all values.
fn forward(track: &[f64], variances: &[f64], scatter: f64, wander: f64) -> (Vec<(f64, f64)>, f64) {
    // Wide enough to know nothing at the start.
    let (mut mean, mut variance) = (0.0, 1e12);
    let mut total = 0.0;
    let mut predictions = Vec::with_capacity(track.len());
    for (index, (value, noise)) in track.iter().zip(variances).enumerate() {
        predictions.push((mean, variance));
        let spread = variance + scatter * scatter + noise;
        let surprise = value - mean;
        if index > 0 {
            total -= 0.5 * (surprise * surprise / spread + spread.ln());
        }
        let share = variance / spread;
        mean += share * surprise;
        variance = variance * (1.0 - share) + wander * wander;
    }
    (predictions, total)
}

fn join((a, va): (f64, f64), (b, vb): (f64, f64)) -> (f64, f64) {
    let (wa, wb) = (1.0 / va, 1.0 / vb);
    ((a * wa + b * wb) / (wa + wb), 1.0 / (wa + wb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_follow_the_level_and_know_the_scatter() {
        // A drift of 20 Å per view, alternating ±80 Å about it, and one gross error.
        let mut track: Vec<f64> = (0..41)
            .map(|i| 30000.0 + 20.0 * f64::from(i) + if i % 2 == 0 { 80.0 } else { -80.0 })
            .collect();
        track[20] = 12000.0;
        let course = follow(&[track], &vec![400.0; 41]);
        assert!(
            (course.means[0][20] - 30400.0).abs() < 120.0,
            "{}",
            course.means[0][20]
        );
        assert!(course.scatter <= 200.0, "{}", course.scatter);
        assert!(course.deviations.iter().all(|d| *d < 400.0));
    }

    #[test]
    fn one_value_has_no_opinion() {
        let course = follow(&[vec![5.0]], &[1.0]);
        assert!(course.deviations[0] > 1e5);
    }
}
