//! The adjustment: warm start by shifts, one axis angle, then everything; reweighting and estimation of the spreads.

use glam::{DMat2, DVec2, DVec3};
use thon_geometry::TiltGeometry;

use super::layout::Layout;
use super::normal_equations::{Data, System};
use super::options::{Adjustment, Grouping, KINDS, Prior, Robust, Variable};
use super::solution::Solution;
use super::view_model::View;
use super::weights::{robust_weight, view_noise};
use super::{Track, report};
use crate::AlignError;

/// Levenberg–Marquardt steps within one weighting, at most.
const STEPS: usize = 12;
/// Smallest spread that the estimation goes to, as a fraction of its start.
const LEAST_SPREAD: f64 = 1e-2;

/// Finds the geometry of all views and the place of every track together.
///
/// `start`: one geometry per view; its tilt, axis angle, x tilt and deformation are where the search begins and what
/// `Fixed` variables keep, its shift is a hint that need not be good. Views without observations get no geometry.
///
/// The free gauge: the shift of the reference view stays as in `start`, and the mean height of the points is 0; tilt,
/// magnification and deformations have no common change (with a prior their mean is 0, without it the reference view
/// keeps its own).
pub fn adjust(
    tracks: &[Track],
    start: &[TiltGeometry],
    options: &Adjustment,
) -> Result<Solution, AlignError> {
    let mut state = State::new(tracks, start, options)?;
    let fixed = Adjustment {
        robust: gentle(options.robust, 1.5),
        noise: super::ViewNoise::Equal,
        ..Adjustment::shifts_only()
    };
    state.solve(&fixed, 6)?;
    if options.rotation.grouping != Grouping::Fixed {
        let turned = Adjustment {
            rotation: Variable::ONE,
            ..fixed.clone()
        };
        state.solve(&turned, 6)?;
    }
    if let Robust::Tukey(k) = options.robust {
        for factor in [4.0, 2.0] {
            let wide = Adjustment {
                robust: Robust::Tukey(k * factor),
                ..options.clone()
            };
            state.solve(&wide, 3)?;
        }
    }
    state.solve(options, options.reweightings.max(1))?;
    state.settle();
    report::report(&state, options)
}

fn gentle(robust: Robust, k: f64) -> Robust {
    if robust == Robust::None {
        Robust::None
    } else {
        Robust::Huber(k)
    }
}

/// Everything that changes during an adjustment.
pub(super) struct State<'a> {
    pub(super) tracks: &'a [Track],
    pub(super) used: Vec<bool>,
    pub(super) views: Vec<View>,
    pub(super) points: Vec<DVec3>,
    pub(super) order: Vec<usize>,
    pub(super) reference: usize,
    pub(super) robust: Vec<Vec<f64>>,
    pub(super) noise: Vec<f64>,
    pub(super) spreads: [Option<f64>; KINDS],
    pub(super) iterations: usize,
    pub(super) freedom: f64,
    start_shift: DVec2,
}

impl<'a> State<'a> {
    fn new(
        tracks: &'a [Track],
        start: &[TiltGeometry],
        options: &Adjustment,
    ) -> Result<Self, AlignError> {
        check(tracks, start.len())?;
        let views: Vec<View> = start.iter().map(View::new).collect();
        let least = options.minimum_observations.max(2);
        let weighted = |track: &Track| track.points.iter().filter(|p| p.weight > 0.0).count();
        let used: Vec<bool> = tracks
            .iter()
            .map(|track| weighted(track) >= least)
            .collect();
        let mut counts = vec![0_usize; views.len()];
        for (track, _) in tracks.iter().zip(&used).filter(|(_, used)| **used) {
            for point in track.points.iter().filter(|p| p.weight > 0.0) {
                counts[point.view] += 1;
            }
        }
        let mut order: Vec<usize> = (0..views.len()).filter(|&v| counts[v] > 0).collect();
        order.sort_by(|&a, &b| {
            views[a]
                .start_tilt()
                .total_cmp(&views[b].start_tilt())
                .then(a.cmp(&b))
        });
        let most = counts.iter().copied().max().unwrap_or(0);
        let full = |&&v: &&usize| 10 * counts[v] >= 7 * most;
        let lowest = order.iter().filter(full).min_by(|&&a, &&b| {
            let (a, b) = (views[a].start_tilt().abs(), views[b].start_tilt().abs());
            a.total_cmp(&b)
        });
        let named = options
            .reference_view
            .filter(|&v| v < views.len() && counts[v] > 0);
        let measurements = 2 * counts.iter().sum::<usize>();
        let points = used.iter().filter(|used| **used).count();
        let Some(reference) = named.or(lowest.copied()) else {
            return Err(AlignError::TooFewMeasurements {
                tracks: points,
                measurements,
                unknowns: 3,
            });
        };
        let layout = Layout::new(options, &views, &order, reference);
        let solved = layout
            .prior_kind
            .iter()
            .filter(|kind| kind.is_none())
            .count();
        let unknowns = (3 * points + 2 * order.len() + solved).saturating_sub(3);
        if measurements < unknowns + 2 || points == 0 {
            return Err(AlignError::TooFewMeasurements {
                tracks: points,
                measurements,
                unknowns,
            });
        }
        let mut state = Self {
            tracks,
            used,
            start_shift: views[reference].shift,
            noise: vec![1.0; views.len()],
            robust: tracks.iter().map(|t| vec![1.0; t.points.len()]).collect(),
            points: vec![DVec3::ZERO; tracks.len()],
            views,
            order,
            reference,
            spreads: [None; KINDS],
            iterations: 0,
            freedom: unknowns as f64,
        };
        state.triangulate();
        Ok(state)
    }

    /// Places of the points for the views as they are, by least squares.
    fn triangulate(&mut self) {
        let frozen = Adjustment::shifts_only();
        let layout = Layout::new(&frozen, &self.views, &self.order, self.reference);
        let weights = self.weights();
        let data = Data {
            tracks: self.tracks,
            used: &self.used,
            weights: &weights,
        };
        // An enormous precision of the shifts leaves the points alone free.
        let (precision, unknowns) = (vec![1e12; layout.size], vec![0.0; layout.size]);
        let system = System::assemble(
            &data,
            &layout,
            &self.views,
            &self.points,
            (&precision, &unknowns),
            0.0,
        );
        if let Ok(step) = system.solve() {
            for (point, step) in self.points.iter_mut().zip(step.points) {
                *point += step;
            }
        }
    }

    /// Total weights of the observations, 1/Å².
    pub(super) fn weights(&self) -> Vec<Vec<f64>> {
        let weigh = |(track, robust): (&Track, &Vec<f64>)| {
            let pairs = track.points.iter().zip(robust);
            pairs
                .map(|(p, r)| p.weight * r / self.noise[p.view].powi(2))
                .collect()
        };
        self.tracks.iter().zip(&self.robust).map(weigh).collect()
    }

    fn solve(&mut self, options: &Adjustment, reweightings: usize) -> Result<(), AlignError> {
        let layout = Layout::new(options, &self.views, &self.order, self.reference);
        let mut unknowns = layout.unknowns_of(&self.views, &self.order);
        for (kind, variable) in options.variables().iter().enumerate() {
            self.spreads[kind] = match variable.prior {
                Prior::None => None,
                Prior::Width(width) => Some(width),
                Prior::Estimated(start) => self.spreads[kind].or(Some(start)),
            };
        }
        for _ in 0..reweightings {
            let before = (unknowns.clone(), self.spreads);
            self.reweigh(options);
            let precision = self.precision(&layout);
            self.minimise(&layout, &mut unknowns, &precision)?;
            self.estimate_spreads(options, &layout, &unknowns)?;
            let still = |(a, b): (&f64, &f64)| {
                (a - b).abs() <= 1e-6 * (1.0 + b.abs()) * 1e-2_f64.max(b.abs() * 1e-2)
            };
            if unknowns.iter().zip(&before.0).all(still) && steady(&self.spreads, &before.1) {
                break;
            }
        }
        Ok(())
    }

    fn reweigh(&mut self, options: &Adjustment) {
        let mut lengths = vec![Vec::new(); self.views.len()];
        let mut count = 0.0;
        for (index, track) in self
            .tracks
            .iter()
            .enumerate()
            .filter(|(i, _)| self.used[*i])
        {
            for point in track.points.iter().filter(|p| p.weight > 0.0) {
                lengths[point.view]
                    .push(self.residual(index, point).length() * point.weight.sqrt());
                count += 2.0;
            }
        }
        let excess = (count / (count - self.freedom).max(0.1 * count)).sqrt();
        self.noise = view_noise(&lengths, options.noise, options.robust, excess);
        for index in (0..self.tracks.len()).filter(|&i| self.used[i]) {
            let track = &self.tracks[index];
            for (k, point) in track.points.iter().enumerate() {
                let scaled = self.residual(index, point).length() * point.weight.sqrt();
                self.robust[index][k] =
                    robust_weight(options.robust, scaled / self.noise[point.view]);
            }
        }
    }

    pub(super) fn residual(&self, track: usize, point: &super::Observation) -> DVec2 {
        point.position - self.views[point.view].project(self.points[track])
    }

    pub(super) fn precision(&self, layout: &Layout) -> Vec<f64> {
        let mut precision = vec![0.0; layout.size];
        for (of, kind) in precision[layout.shifts()..]
            .iter_mut()
            .zip(&layout.prior_kind)
        {
            if let Some(spread) = kind.and_then(|kind| self.spreads[kind]) {
                *of = 1.0 / (spread * spread);
            }
        }
        precision
    }

    fn cost(&self, weights: &[Vec<f64>], unknowns: &[f64], precision: &[f64]) -> f64 {
        let mut cost: f64 = unknowns.iter().zip(precision).map(|(u, p)| p * u * u).sum();
        for index in (0..self.tracks.len()).filter(|&i| self.used[i]) {
            for (point, weight) in self.tracks[index].points.iter().zip(&weights[index]) {
                cost += weight * self.residual(index, point).length_squared();
            }
        }
        cost
    }

    fn minimise(
        &mut self,
        layout: &Layout,
        unknowns: &mut Vec<f64>,
        precision: &[f64],
    ) -> Result<(), AlignError> {
        let weights = self.weights();
        let mut cost = self.cost(&weights, unknowns, precision);
        let mut damping = 0.0;
        for _ in 0..STEPS {
            self.iterations += 1;
            let data = Data {
                tracks: self.tracks,
                used: &self.used,
                weights: &weights,
            };
            let system = System::assemble(
                &data,
                layout,
                &self.views,
                &self.points,
                (precision, unknowns),
                damping,
            );
            let Ok(step) = system.solve() else {
                damping = f64::max(damping * 10.0, 1e-6);
                if damping > 1e3 {
                    return Err(undetermined(layout, &system));
                }
                continue;
            };
            let kept = (self.views.clone(), self.points.clone(), unknowns.clone());
            for (unknown, step) in unknowns.iter_mut().zip(&step.unknowns) {
                *unknown += step;
            }
            for (point, step) in self.points.iter_mut().zip(&step.points) {
                *point += *step;
            }
            self.apply(layout, unknowns);
            let after = self.cost(&weights, unknowns, precision);
            if after.is_finite() && after <= cost * (1.0 + 1e-12) {
                let done = cost - after <= 1e-9 * cost + 1e-12;
                cost = after;
                damping *= 0.1;
                if damping < 1e-7 {
                    damping = 0.0;
                }
                if done {
                    break;
                }
            } else {
                (self.views, self.points, *unknowns) = kept;
                damping = f64::max(damping * 10.0, 1e-4);
                if damping > 1e6 {
                    break;
                }
            }
        }
        Ok(())
    }

    fn apply(&mut self, layout: &Layout, unknowns: &[f64]) {
        for (index, view) in self.views.iter_mut().enumerate() {
            view.shift = DVec2::new(unknowns[2 * index], unknowns[2 * index + 1]);
            for kind in 0..KINDS {
                if !layout.shares[kind][index].is_empty() {
                    view.change[kind] = layout.value(unknowns, kind, index);
                }
            }
        }
    }

    /// Spreads of the priors from the changes and their certainty (MacKay's fixed point), and the freedom that is used.
    fn estimate_spreads(
        &mut self,
        options: &Adjustment,
        layout: &Layout,
        unknowns: &[f64],
    ) -> Result<(), AlignError> {
        let free = layout
            .prior_kind
            .iter()
            .filter(|kind| kind.is_none())
            .count();
        let points = self.used.iter().filter(|used| **used).count();
        self.freedom = (3 * points + 2 * self.order.len() + free) as f64 - 3.0;
        if layout.prior_kind.iter().all(Option::is_none) {
            return Ok(());
        }
        let precision = self.precision(layout);
        let system = self.undamped(layout, unknowns, &precision);
        let covariance = system.covariance().map_err(|u| named(layout, u))?;
        for (kind, variable) in options.variables().iter().enumerate() {
            let Some(spread) = self.spreads[kind] else {
                continue;
            };
            let (mut squares, mut determined, mut count) = (0.0, 0.0, 0.0);
            for (offset, _) in layout
                .prior_kind
                .iter()
                .enumerate()
                .filter(|(_, k)| **k == Some(kind))
            {
                let u = layout.shifts() + offset;
                squares += unknowns[u] * unknowns[u];
                determined += (1.0 - covariance[u * layout.size + u] / (spread * spread)).max(0.0);
                count += 1.0;
            }
            self.freedom += determined;
            if let Prior::Estimated(start) = variable.prior
                && count > 0.0
            {
                let variance = squares / determined.max(0.02 * count);
                self.spreads[kind] =
                    Some(variance.sqrt().clamp(LEAST_SPREAD * start, 100.0 * start));
            }
        }
        Ok(())
    }

    pub(super) fn undamped(&self, layout: &Layout, unknowns: &[f64], precision: &[f64]) -> System {
        let weights = self.weights();
        let data = Data {
            tracks: self.tracks,
            used: &self.used,
            weights: &weights,
        };
        System::assemble(
            &data,
            layout,
            &self.views,
            &self.points,
            (precision, unknowns),
            0.0,
        )
    }

    /// Moves specimen and shifts together into the stated gauge.
    fn settle(&mut self) {
        let (mut height, mut count) = (0.0, 0.0);
        for (point, _) in self
            .points
            .iter()
            .zip(&self.used)
            .filter(|(_, used)| **used)
        {
            height += point.z;
            count += 1.0;
        }
        let dz = -height / f64::max(count, 1.0);
        let [x, y, z] = self.views[self.reference].columns();
        // The reference's shift after the move, shift − P·move, is to be the one of the start.
        let wanted = self.views[self.reference].shift - self.start_shift - z * dz;
        let flat = DMat2::from_cols(x, y).inverse() * wanted;
        let step = DVec3::new(flat.x, flat.y, dz);
        for view in &mut self.views {
            let [x, y, z] = view.columns();
            view.shift -= x * step.x + y * step.y + z * step.z;
        }
        for point in &mut self.points {
            *point += step;
        }
    }
}

fn steady(now: &[Option<f64>; KINDS], before: &[Option<f64>; KINDS]) -> bool {
    let close = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-3 * b.abs(),
        (a, b) => a == b,
    };
    now.iter().zip(before).all(close)
}

fn check(tracks: &[Track], views: usize) -> Result<(), AlignError> {
    for (track, points) in tracks.iter().enumerate() {
        for point in &points.points {
            let view = point.view;
            if view >= views {
                return Err(AlignError::UnknownView { track, view, views });
            }
            if !(point.position.is_finite() && point.weight.is_finite() && point.weight >= 0.0) {
                return Err(AlignError::NotFinite { track, view });
            }
        }
    }
    Ok(())
}

fn undetermined(layout: &Layout, system: &System) -> AlignError {
    named(layout, system.solve().err().unwrap_or(0))
}

pub(super) fn named(layout: &Layout, unknown: usize) -> AlignError {
    let what = if unknown < layout.shifts() {
        format!("the shift of view {} (counted from 0)", unknown / 2)
    } else {
        format!("unknown {} of the variables", unknown - layout.shifts())
    };
    AlignError::Undetermined(what)
}
