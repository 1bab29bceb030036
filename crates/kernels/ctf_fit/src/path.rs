//! The most likely course of the defocus through a series: dynamic programming over the views in the order of time.
//!
//! A change between neighbours costs |change| / 400 Å, at most ten units of log-likelihood: focus may be changed, and a view
//! with strong rings is believed wherever it lies, but a view that hardly says anything follows its neighbours.

use crate::tables::DefocusAxis;

/// Å of change per unit of log-likelihood.
const SLOPE: f64 = 400.0;
/// What any change costs at most.
const MOST: f64 = 10.0;

/// The best defocus of each view (Å) and the log-likelihood of the whole course. `profiles` are log-likelihoods over the axis,
/// in the order of time.
pub(crate) fn best_course(profiles: &[Vec<f64>], axis: &DefocusAxis) -> (Vec<f64>, f64) {
    let count = axis.count;
    let Some(first) = profiles.first() else {
        return (Vec::new(), 0.0);
    };
    let per_step = axis.step / SLOPE;
    let mut totals = first.clone();
    let mut origins: Vec<Vec<u32>> = Vec::with_capacity(profiles.len());
    for profile in &profiles[1..] {
        let (reached, from) = spread(&totals, per_step);
        totals = reached.iter().zip(profile).map(|(a, b)| a + b).collect();
        origins.push(from);
    }
    let mut place = highest(&totals);
    let total = totals[place];
    let mut places = vec![place];
    for from in origins.iter().rev() {
        place = from[place] as usize;
        places.push(place);
    }
    places.reverse();
    debug_assert!(places.iter().all(|p| *p < count));
    (places.iter().map(|p| axis.value(*p)).collect(), total)
}

/// For each place the best total of a predecessor less the cost of the change, and which one it is.
fn spread(totals: &[f64], per_step: f64) -> (Vec<f64>, Vec<u32>) {
    let mut best = totals.to_vec();
    let mut from: Vec<u32> = (0..totals.len() as u32).collect();
    for i in 1..best.len() {
        if best[i - 1] - per_step > best[i] {
            best[i] = best[i - 1] - per_step;
            from[i] = from[i - 1];
        }
    }
    for i in (0..best.len().saturating_sub(1)).rev() {
        if best[i + 1] - per_step > best[i] {
            best[i] = best[i + 1] - per_step;
            from[i] = from[i + 1];
        }
    }
    let top = highest(totals);
    let floor = totals[top] - MOST;
    for (value, from) in best.iter_mut().zip(&mut from) {
        if *value < floor {
            (*value, *from) = (floor, top as u32);
        }
    }
    (best, from)
}

fn highest(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bump(axis: &DefocusAxis, at: f64, height: f64) -> Vec<f64> {
        (0..axis.count)
            .map(|i| height * (-((axis.value(i) - at) / 150.0).powi(2)).exp())
            .collect()
    }

    #[test]
    fn weak_views_follow_and_strong_ones_jump() {
        let axis = DefocusAxis {
            first: 10000.0,
            step: 50.0,
            count: 601,
        };
        let mut profiles: Vec<Vec<f64>> = (0..9)
            .map(|i| bump(&axis, 30000.0 + 100.0 * f64::from(i), 40.0))
            .collect();
        // A weak view whose highest peak is wrong, and a strong one after a change of focus.
        profiles[3] = bump(&axis, 14000.0, 6.0);
        for (value, right) in profiles[3].iter_mut().zip(bump(&axis, 30300.0, 4.0)) {
            *value += right;
        }
        profiles[6] = bump(&axis, 24000.0, 60.0);
        let (course, total) = best_course(&profiles, &axis);
        assert!((course[3] - 30300.0).abs() < 120.0, "{course:?}");
        assert!((course[6] - 24000.0).abs() < 60.0);
        assert!((course[8] - 30800.0).abs() < 60.0);
        assert!(total > 300.0);
    }
}
