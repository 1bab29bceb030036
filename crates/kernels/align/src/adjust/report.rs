//! Residuals, deviations and outliers of a finished adjustment.

use glam::{DVec2, DVec3};

use super::driver::{State, named};
use super::layout::{Layout, Share};
use super::options::{Adjustment, MAGNIFICATION, ROTATION, TILT};
use super::solution::{Solution, ViewReport};
use super::weights::OFF;
use crate::AlignError;

pub(super) fn report(state: &State, options: &Adjustment) -> Result<Solution, AlignError> {
    let layout = Layout::new(options, &state.views, &state.order, state.reference);
    let unknowns = layout.unknowns_of(&state.views, &state.order);
    let precision = state.precision(&layout);
    let system = state.undamped(&layout, &unknowns, &precision);
    let covariance = system.covariance().map_err(|u| named(&layout, u))?;
    let residuals: Vec<Vec<DVec2>> = state
        .tracks
        .iter()
        .enumerate()
        .map(|(index, track)| {
            track
                .points
                .iter()
                .map(|p| state.residual(index, p))
                .collect()
        })
        .collect();
    let sums = Sums::of(state, &residuals);
    let count: f64 = sums.views.iter().map(|v| v.count).sum();
    let total = |f: fn(&ViewSums) -> f64| sums.views.iter().map(f).sum::<f64>();
    let deviation = |shares: &[Share]| spread_of(shares, &covariance, layout.size);
    let seen: Vec<bool> = sums.views.iter().map(|v| v.count > 0.0).collect();
    let views = sums.views.iter().enumerate().map(|(view, sum)| {
        let shift = [2 * view, 2 * view + 1].map(|u| covariance[u * layout.size + u]);
        ViewReport {
            observations: sum.count as usize,
            outliers: sum.outliers,
            mean_residual: sum.length / sum.count.max(1.0),
            rms_residual: (sum.weighted_squares / sum.weight.max(1e-12)).sqrt(),
            noise: state.noise[view],
            tilt_deviation: deviation(&layout.shares[TILT][view]),
            rotation_deviation: deviation(&layout.shares[ROTATION][view]),
            magnification_deviation: deviation(&layout.shares[MAGNIFICATION][view]),
            shift_deviation: if sum.count > 0.0 {
                (0.5 * (shift[0] + shift[1])).sqrt()
            } else {
                0.0
            },
        }
    });
    let variances = system.point_variances(&covariance);
    let point_covariance = if options.point_covariance {
        system.point_covariance(&covariance)
    } else {
        Vec::new()
    };
    let root = |v: DVec3| {
        DVec3::new(
            v.x.max(0.0).sqrt(),
            v.y.max(0.0).sqrt(),
            v.z.max(0.0).sqrt(),
        )
    };
    let (measured, weighted) = (2.0 * count, total(|v| v.weight));
    Ok(Solution {
        geometry: (0..state.views.len())
            .map(|v| seen[v].then(|| state.views[v].geometry()))
            .collect(),
        points: used(state, &state.points),
        point_deviations: variances.into_iter().map(|v| v.map(root)).collect(),
        point_covariance,
        weights: weights(state),
        views: views.collect(),
        track_residuals: used(state, &sums.tracks),
        mean_residual: total(|v| v.length) / count.max(1.0),
        weighted_mean_residual: total(|v| v.weighted_length) / weighted.max(1e-12),
        noise: (total(|v| v.weighted_squares) / (2.0 * weighted - state.freedom).max(1.0)).sqrt(),
        spreads: state.spreads,
        redundancy: measured / state.freedom.max(1.0),
        iterations: state.iterations,
        reference_view: state.reference,
        residuals,
    })
}

fn used<T: Copy>(state: &State, values: &[T]) -> Vec<Option<T>> {
    values
        .iter()
        .zip(&state.used)
        .map(|(&value, &used)| used.then_some(value))
        .collect()
}

fn weights(state: &State) -> Vec<Vec<f64>> {
    let own = |(index, robust): (usize, &Vec<f64>)| {
        let points = robust.iter().zip(&state.tracks[index].points);
        let weigh = |(&r, p): (&f64, &super::Observation)| if p.weight > 0.0 { r } else { 0.0 };
        if state.used[index] {
            points.map(weigh).collect()
        } else {
            vec![0.0; robust.len()]
        }
    };
    state.robust.iter().enumerate().map(own).collect()
}

fn spread_of(shares: &[Share], covariance: &[f64], size: usize) -> f64 {
    let mut variance = 0.0;
    for &(a, of_a) in shares {
        for &(b, of_b) in shares {
            variance += of_a * of_b * covariance[a * size + b];
        }
    }
    variance.max(0.0).sqrt()
}

#[derive(Clone, Default)]
struct ViewSums {
    count: f64,
    outliers: usize,
    length: f64,
    weight: f64,
    weighted_length: f64,
    weighted_squares: f64,
}

struct Sums {
    views: Vec<ViewSums>,
    tracks: Vec<f64>,
}

impl Sums {
    fn of(state: &State, residuals: &[Vec<DVec2>]) -> Self {
        let mut sums = Self {
            views: vec![ViewSums::default(); state.views.len()],
            tracks: vec![0.0; state.tracks.len()],
        };
        for (index, track) in state
            .tracks
            .iter()
            .enumerate()
            .filter(|(i, _)| state.used[*i])
        {
            let (mut length, mut count) = (0.0, 0.0);
            for (k, point) in track
                .points
                .iter()
                .enumerate()
                .filter(|(_, p)| p.weight > 0.0)
            {
                let (own, weight) = (residuals[index][k].length(), state.robust[index][k]);
                let view = &mut sums.views[point.view];
                view.count += 1.0;
                view.outliers += usize::from(weight < OFF);
                view.length += own;
                view.weight += weight * point.weight;
                view.weighted_length += weight * point.weight * own;
                view.weighted_squares += weight * point.weight * own * own;
                length += own;
                count += 1.0;
            }
            sums.tracks[index] = length / f64::max(count, 1.0);
        }
        sums
    }
}
