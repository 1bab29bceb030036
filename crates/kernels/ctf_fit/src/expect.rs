//! What the series leads one to expect of each view: its astigmatism and its defocus, from all other views.

use std::ops::Range;

use thon_compute::parallel::try_map_indices;
use thon_compute::progress::Progress;

use crate::CtfFitError;
use crate::course::{Belief, follow};
use crate::joint::{OPEN, around, joint_astigmatism};
use crate::options::FitOptions;
use crate::sector_table::SectorTable;
use crate::tables::Astigmatism;
use crate::view_fit::{Estimate, Prior, fit_view};

/// Farthest that a view is moved from its start, Å.
pub(crate) const WINDOW: f64 = 1_200.0;
/// No scatter between views is believed to be smaller, Å: of defocus, of astigmatism ½(u − v).
const LEAST_SCATTER: [f64; 2] = [60.0, 25.0];
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
        let found = joint_astigmatism(tables, &ranges);
        return Ok(ExpectedAstigmatism {
            values: (0..tables.len())
                .map(|i| [found.means[0][i], found.means[1][i]])
                .collect(),
            deviations: found
                .deviations
                .iter()
                .map(|d| d.clamp(LEAST_SCATTER[1], OPEN))
                .collect(),
        });
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

/// Defocus of each view and its deviation that the others lead one to expect, Å; nothing is expected (an infinite deviation)
/// when views are not to inform each other.
pub(crate) fn expected_defocus(estimates: &[Estimate], options: &FitOptions) -> Vec<[f64; 2]> {
    if !is_joint(options, estimates.len()) {
        let own = estimates.iter();
        return own.map(|e| [e.defocus, f64::INFINITY]).collect();
    }
    let defocus: Vec<f64> = estimates.iter().map(|e| e.defocus).collect();
    let variances: Vec<f64> = estimates
        .iter()
        .map(|e| e.defocus_deviation.clamp(5.0, 1e5).powi(2))
        .collect();
    let course = follow(&[defocus], &variances, Belief::Scattered);
    let expected = course.means[0].iter().zip(&course.deviations);
    expected
        .map(|(mean, deviation)| [*mean, deviation.max(LEAST_SCATTER[0])])
        .collect()
}
