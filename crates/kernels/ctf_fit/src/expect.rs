//! What the series leads one to expect of each view: its astigmatism and its defocus, from all other views.

use std::ops::Range;

use thon_compute::parallel::{map_indices, try_map_indices};
use thon_compute::progress::Progress;

use crate::CtfFitError;
use crate::joint::{OPEN, around, joint_astigmatism};
use crate::options::FitOptions;
use crate::posterior::{Believed, DefocusGrid, believe};
use crate::sector_table::SectorTable;
use crate::tables::{Astigmatism, gain};
use crate::view_fit::{Estimate, Prior, fit_view};

/// Farthest that a view is moved from its start, Å.
pub(crate) const WINDOW: f64 = 1_200.0;
/// No scatter of astigmatism ½(u − v) between views is believed to be smaller, Å.
const LEAST_SCATTER: f64 = 25.0;
/// Least and largest step of the grid of defocus, Å, and its most points.
const GRID_STEP: [f64; 2] = [12.0, 60.0];
const GRID_COUNT: usize = 500;
/// Difference of 1/cos tilt over which rings are of about the same strength.
const ALIKE_SLANT: f64 = 0.3;
/// Deviation of the strength of rings from what is expected, as a share of it.
const STRENGTH_SCATTER: f64 = 0.4;
/// Least reach of the defocus on either side while astigmatism is sought, Å.
const NEAREST: f64 = 200.0;
/// Rounds of astigmatism and defocus.
const ROUNDS: usize = 2;
/// Offsets of defocus that a view without company is started from, Å.
const ALONE: [f64; 5] = [0.0, 350.0, -350.0, 700.0, -700.0];

/// Expected astigmatism of each view.
#[derive(Clone, Debug)]
pub(crate) struct ExpectedAstigmatism {
    /// Å.
    pub(crate) values: Vec<Astigmatism>,
    /// Deviation of each component, Å.
    pub(crate) deviations: Vec<f64>,
}

impl ExpectedAstigmatism {
    /// What is known about a view before it is fitted.
    pub(crate) fn prior(&self, view: usize) -> Prior {
        Prior::of_astigmatism(self.values[view], self.deviations[view])
    }
}

/// True when views are to inform each other, and can.
pub(crate) fn is_joint(options: &FitOptions, views: usize) -> bool {
    options.joint_series && views >= 3
}

/// Astigmatism of each view near the defocus of `course`: from all views together, or from each alone.
pub(crate) fn expected_astigmatism(
    tables: &[SectorTable],
    course: &[f64],
    options: &FitOptions,
    progress: &dyn Progress,
) -> Result<ExpectedAstigmatism, CtfFitError> {
    if is_joint(options, tables.len()) {
        let ranges: Vec<Range<f64>> = course.iter().map(|d| d - WINDOW..d + WINDOW).collect();
        return Ok(astigmatism_within(tables, &ranges));
    }
    let open = Prior::of_astigmatism([0.0; 2], OPEN);
    let values = try_map_indices(tables.len(), progress, |i| {
        let starts = open_starts(course[i], tables.len() == 1);
        Ok::<_, CtfFitError>(fit_view(&tables[i], &starts, WINDOW, &open).astigmatism)
    })?;
    Ok(ExpectedAstigmatism {
        deviations: vec![OPEN; values.len()],
        values,
    })
}

/// Astigmatism of each view from all views together, their defocus within the given ranges.
pub(crate) fn astigmatism_within(
    tables: &[SectorTable],
    ranges: &[Range<f64>],
) -> ExpectedAstigmatism {
    let found = joint_astigmatism(tables, ranges);
    let deviations = found.deviations.iter();
    ExpectedAstigmatism {
        values: (0..tables.len())
            .map(|i| [found.means[0][i], found.means[1][i]])
            .collect(),
        deviations: deviations.map(|d| d.clamp(LEAST_SCATTER, OPEN)).collect(),
    }
}

/// Astigmatism and defocus of all views, in turn: weak rings tell the astigmatism only when their defocus is not searched widely, and
/// what is believed about the defocus depends on the astigmatism.
pub(crate) fn believed_series(
    tables: &[SectorTable],
    alone: &[Estimate],
    astigmatism: ExpectedAstigmatism,
    slants: &[f64],
    options: &FitOptions,
) -> (Vec<Believed>, ExpectedAstigmatism) {
    let mut believed = believed_defocus(tables, alone, &astigmatism, slants, options);
    let mut astigmatism = astigmatism;
    if is_joint(options, tables.len()) {
        for _ in 0..ROUNDS {
            let about = believed.iter().map(|b| {
                let [mean, deviation] = b.all;
                let reach = (3.0 * deviation).clamp(NEAREST, WINDOW);
                mean - reach..mean + reach
            });
            astigmatism = astigmatism_within(tables, &about.collect::<Vec<_>>());
            believed = believed_defocus(tables, alone, &astigmatism, slants, options);
        }
    }
    (believed, astigmatism)
}

/// Places a view is started from when nothing is known; one without company is searched more widely.
fn open_starts(defocus: f64, alone: bool) -> Vec<(f64, Astigmatism)> {
    let offsets = if alone { &ALONE[..] } else { &ALONE[..1] };
    let of = |offset: &f64| {
        let middle = defocus + offset;
        let astigmatisms = std::iter::once([0.0; 2]).chain(around([0.0; 2]));
        astigmatisms.map(move |a| (middle, a))
    };
    offsets.iter().flat_map(of).collect()
}

/// What is believed about the defocus of each view, from its own likelihood and from the course of all others; each view by itself
/// when views are not to inform each other.
///
/// A first pass takes the strength of each view's rings as it comes; a second one expects the strength of the views that were
/// recorded at about the same tilt, as rings that are twice as strong as those of all others are none.
fn believed_defocus(
    tables: &[SectorTable],
    estimates: &[Estimate],
    expected: &ExpectedAstigmatism,
    slants: &[f64],
    options: &FitOptions,
) -> Vec<Believed> {
    let alone = |e: &Estimate| Believed {
        all: [e.defocus, e.defocus_deviation],
        others: [e.defocus, f64::INFINITY],
    };
    if !is_joint(options, estimates.len()) {
        return estimates.iter().map(alone).collect();
    }
    let grid = defocus_grid(estimates, options);
    let profiles = |strengths: &[Option<f64>]| -> Vec<Vec<f64>> {
        map_indices(tables.len(), |i| {
            let value = |index| {
                let (product, norm) = tables[i].sums(grid.value(index), expected.values[i]);
                strengths[i].map_or(gain(product, norm), |s| expected_gain(product, norm, s))
            };
            (0..grid.count).map(value).collect()
        })
    };
    let first = believe(&profiles(&vec![None; tables.len()]), &grid);
    let strengths = expected_strengths(tables, &first, expected, slants);
    believe(&profiles(&strengths), &grid)
}

/// A grid that holds all estimates and what is about them, half as wide as the surest estimate.
fn defocus_grid(estimates: &[Estimate], options: &FitOptions) -> DefocusGrid {
    let fold = |f: fn(f64, f64) -> f64, start: f64, value: fn(&Estimate) -> f64| {
        estimates.iter().map(value).fold(start, f)
    };
    let [least, most] = options.defocus;
    let low = (fold(f64::min, f64::INFINITY, |e| e.defocus) - WINDOW).max(least.min(most - WINDOW));
    let high =
        (fold(f64::max, f64::NEG_INFINITY, |e| e.defocus) + WINDOW).min(most.max(low + WINDOW));
    let surest = fold(f64::min, f64::INFINITY, |e| e.defocus_deviation);
    let wanted = (0.5 * surest).clamp(GRID_STEP[0], GRID_STEP[1]);
    let count = (((high - low) / wanted).ceil() as usize).clamp(16, GRID_COUNT);
    DefocusGrid {
        first: low,
        step: (high - low) / count as f64,
        count: count + 1,
    }
}

/// Strength that rings of each view should have, from the other views at about its path through the specimen.
fn expected_strengths(
    tables: &[SectorTable],
    believed: &[Believed],
    expected: &ExpectedAstigmatism,
    slants: &[f64],
) -> Vec<Option<f64>> {
    let sums: Vec<(f64, f64)> = (0..tables.len())
        .map(|i| tables[i].sums(believed[i].all[0], expected.values[i]))
        .collect();
    let about = |view: usize| {
        let others = (0..tables.len()).filter(|i| *i != view);
        let (product, norm) = others.fold((0.0, 0.0), |(product, norm), i| {
            let away = (slants[i] - slants[view]) / ALIKE_SLANT;
            let weight = (-0.5 * away * away).exp();
            (product + weight * sums[i].0, norm + weight * sums[i].1)
        });
        // Strengths that are not sure to a quarter are not expected.
        (product > 0.0 && product * product > 16.0 * norm).then(|| product / norm)
    };
    (0..tables.len()).map(about).collect()
}

/// Logarithm of the likelihood of rings whose strength is `strength`, but for a share of it.
fn expected_gain(product: f64, norm: f64, strength: f64) -> f64 {
    let variance = (STRENGTH_SCATTER * strength).powi(2);
    let sum = product + strength / variance;
    0.5 * (sum * sum / (norm + 1.0 / variance)
        - strength * strength / variance
        - (1.0 + norm * variance).ln())
}
