//! The steps of the estimation of a series, each over all views.

use thon_compute::parallel::try_map_indices;
use thon_model::HandSign;

use crate::CtfFitError;
use crate::course::follow;
use crate::hand::PlaneSearch;
use crate::options::{FitOptions, TileMode};
use crate::plane::Plane;
use crate::quality::{Quality, judge};
use crate::rings::Envelope;
use crate::series::{Setting, Work};
use crate::strength::{Strength, demodulate, envelope_of};
use crate::stretch::stretch_sum;
use crate::tables::{Astigmatism, RingModels, ViewTable};
use crate::view_fit::{Estimate, Prior, fit_view};

/// Farthest that a view is moved from its start, Å.
const WINDOW: f64 = 1_200.0;
/// Log-likelihood that a thickness must gain to be used.
const THICKNESS_GAIN: f64 = 8.0;
/// Deviation of astigmatism about what is expected before anything is known, Å.
const OPEN_ASTIGMATISM: f64 = 1_500.0;
/// Amplitudes ½(u − v) and directions of astigmatism to start from.
const AMPLITUDES: [f64; 3] = [200.0, 500.0, 1_000.0];
const DIRECTIONS: usize = 8;
/// No scatter between views is believed to be smaller, Å.
const LEAST_SCATTER: [f64; 2] = [60.0, 25.0];

/// What the other views lead one to expect, in the order of the works.
pub(crate) struct Expectations {
    /// Defocus and its deviation, Å.
    pub(crate) defocus: Vec<[f64; 2]>,
    /// Astigmatism, Å.
    pub(crate) astigmatism: Vec<Astigmatism>,
    /// Its deviation, Å.
    pub(crate) astigmatism_deviation: Vec<f64>,
}

/// Where the search of each view starts.
pub(crate) enum Starts<'a> {
    /// At a course, from many astigmatisms.
    Course(&'a [f64]),
    /// At a course, from expected astigmatism.
    Around(&'a [f64], &'a Expectations),
    /// At earlier estimates.
    Again(&'a [Estimate], &'a Expectations),
}

impl Work<'_> {
    /// Change of underfocus of each tile.
    pub(crate) fn heights(&self, (plane, hand): (&Plane, f64), mode: TileMode) -> Vec<f64> {
        if mode == TileMode::Flat {
            return vec![0.0; self.view.spectra.len()];
        }
        plane.heights(&self.view.geometry, &self.view.spectra.positions, hand)
    }

    pub(crate) fn envelope(&self, strength: Strength) -> Envelope {
        Envelope {
            b_factor: strength.b_factor,
            low: strength.low,
            path: strength.thickness * self.slant,
            spread: self.spread,
        }
    }
}

/// Tables of all views with their sectors summed at the given astigmatism.
pub(crate) fn collapsed_tables(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    strength: Strength,
    astigmatism: &[Astigmatism],
) -> Result<Vec<ViewTable>, CtfFitError> {
    try_map_indices(works.len(), setting.progress, |i| {
        let table = table_of(&works[i], setting, strength);
        Ok(table.collapsed(astigmatism[i]))
    })
}

fn table_of(work: &Work<'_>, setting: &Setting<'_>, strength: Strength) -> ViewTable {
    let models = RingModels::new(
        setting.grid,
        &work.white,
        &setting.optics,
        &work.envelope(strength),
        setting.axis,
    );
    ViewTable::new(&work.white, setting.grid, &models)
}

/// The better of the two courses with the plane of the specimen as it should be, and its hand.
pub(crate) fn first_course(
    tables: &[ViewTable],
    works: &[Work<'_>],
    setting: &Setting<'_>,
) -> (Vec<f64>, f64) {
    let search = PlaneSearch {
        tables,
        works,
        setting,
    };
    let level = Plane::default();
    if let Some(sign) = setting.options.hand {
        return (search.course(&level, sign.value()).0, sign.value());
    }
    let [minus, plus] =
        [HandSign::Minus, HandSign::Plus].map(|sign| search.course(&level, sign.value()));
    if plus.1 > minus.1 {
        (plus.0, 1.0)
    } else {
        (minus.0, -1.0)
    }
}

/// Estimates of all views.
pub(crate) fn fit_views(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    strength: Strength,
    place: (&Plane, f64),
    starts: &Starts<'_>,
) -> Result<Vec<Estimate>, CtfFitError> {
    let stretch =
        setting.options.mode == TileMode::StretchSum && matches!(starts, Starts::Again(..));
    try_map_indices(works.len(), setting.progress, |i| {
        let work = &works[i];
        let (from, prior) = starts.of(i);
        let heights = work.heights(place, setting.options.mode);
        if stretch {
            let estimate = stretched_fit(work, setting, strength, &heights, &from, &prior);
            if let Some(estimate) = estimate {
                return Ok(estimate);
            }
        }
        let table = table_of(work, setting, strength);
        Ok(fit_view(&table, &heights, &from, WINDOW, &prior))
    })
}

/// The fit of one spectrum averaged after stretching.
fn stretched_fit(
    work: &Work<'_>,
    setting: &Setting<'_>,
    strength: Strength,
    heights: &[f64],
    starts: &[(f64, Astigmatism)],
    prior: &Prior,
) -> Option<Estimate> {
    let reference = starts.first()?.0;
    let (spectrum, grid) = stretch_sum(
        &work.white,
        setting.grid,
        &setting.optics,
        heights,
        reference,
    )?;
    let models = RingModels::new(
        &grid,
        &spectrum,
        &setting.optics,
        &work.envelope(strength),
        setting.axis,
    );
    let table = ViewTable::new(&spectrum, &grid, &models);
    Some(fit_view(&table, &[0.0], starts, WINDOW, prior))
}

impl Starts<'_> {
    fn of(&self, index: usize) -> (Vec<(f64, Astigmatism)>, Prior) {
        match self {
            Starts::Course(course) => (
                open_starts(course[index], course.len() == 1),
                Prior::of_astigmatism([0.0; 2], OPEN_ASTIGMATISM),
            ),
            Starts::Around(course, expected) => {
                let astigmatism = expected.astigmatism[index];
                let prior =
                    Prior::of_astigmatism(astigmatism, expected.astigmatism_deviation[index]);
                (
                    vec![(course[index], astigmatism), (course[index], [0.0; 2])],
                    prior,
                )
            }
            Starts::Again(estimates, expected) => {
                let before = &estimates[index];
                let prior = Prior::of_astigmatism(
                    expected.astigmatism[index],
                    expected.astigmatism_deviation[index],
                );
                (vec![(before.defocus, before.astigmatism)], prior)
            }
        }
    }
}

/// A view without company is searched more widely.
fn open_starts(defocus: f64, alone: bool) -> Vec<(f64, Astigmatism)> {
    let offsets: &[f64] = if alone {
        &[0.0, 350.0, -350.0, 700.0, -700.0]
    } else {
        &[0.0]
    };
    let mut starts = Vec::new();
    for offset in offsets {
        starts.push((defocus + offset, [0.0; 2]));
        for amplitude in AMPLITUDES {
            for direction in 0..DIRECTIONS {
                let angle = std::f64::consts::TAU * direction as f64 / DIRECTIONS as f64;
                starts.push((
                    defocus + offset,
                    [amplitude * angle.cos(), amplitude * angle.sin()],
                ));
            }
        }
    }
    starts
}

/// What each view is expected to be from all others; nothing is expected when views are not to inform each other.
pub(crate) fn expectations(
    works: &[Work<'_>],
    estimates: &[Estimate],
    options: &FitOptions,
) -> Expectations {
    let count = works.len();
    if !options.joint_series || count < 3 {
        return Expectations {
            defocus: estimates
                .iter()
                .map(|e| [e.defocus, f64::INFINITY])
                .collect(),
            astigmatism: estimates.iter().map(|e| e.astigmatism).collect(),
            astigmatism_deviation: vec![OPEN_ASTIGMATISM; count],
        };
    }
    let variances = |deviation: &dyn Fn(&Estimate) -> f64| -> Vec<f64> {
        estimates
            .iter()
            .map(|e| deviation(e).clamp(5.0, 1e5).powi(2))
            .collect()
    };
    let defocus: Vec<f64> = estimates.iter().map(|e| e.defocus).collect();
    let course = follow(&[defocus], &variances(&|e| e.defocus_deviation));
    let component = |i: usize| {
        estimates
            .iter()
            .map(|e| e.astigmatism[i])
            .collect::<Vec<f64>>()
    };
    let drift = follow(
        &[component(0), component(1)],
        &variances(&|e| e.astigmatism_deviation),
    );
    Expectations {
        defocus: (0..count)
            .map(|i| {
                [
                    course.means[0][i],
                    course.deviations[i].max(LEAST_SCATTER[0]),
                ]
            })
            .collect(),
        astigmatism: (0..count)
            .map(|i| [drift.means[0][i], drift.means[1][i]])
            .collect(),
        astigmatism_deviation: drift
            .deviations
            .iter()
            .map(|d| d.max(LEAST_SCATTER[1]))
            .collect(),
    }
}

/// Envelope and thickness from estimates.
pub(crate) fn strength_of(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    estimates: &[Estimate],
    place: (&Plane, f64),
) -> Strength {
    let views = thon_compute::parallel::map_indices(works.len(), |i| {
        let work = &works[i];
        let heights = work.heights(place, setting.options.mode);
        let at = (estimates[i].defocus, estimates[i].astigmatism);
        let demodulated = demodulate(&work.white, setting.grid, &setting.optics, at, &heights);
        (demodulated, work.slant, work.spread)
    });
    let wavelength = setting.optics.wavelength;
    let options = setting.options;
    let fitted = envelope_of(
        &views,
        setting.grid,
        wavelength,
        options.thickness,
        options.b_factor,
    );
    if options.thickness.is_none() && fitted.thickness_gain < THICKNESS_GAIN {
        return envelope_of(
            &views,
            setting.grid,
            wavelength,
            Some(0.0),
            options.b_factor,
        );
    }
    fitted
}

/// The last estimates, with what the other views say as prior, and their quality.
pub(crate) fn final_views(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    strength: Strength,
    place: (&Plane, f64),
    alone: &[Estimate],
    expected: &Expectations,
) -> Result<Vec<(Estimate, Quality)>, CtfFitError> {
    try_map_indices(works.len(), setting.progress, |i| {
        let (work, mode) = (&works[i], setting.options.mode);
        let heights = work.heights(place, mode);
        let prior = Prior {
            defocus: expected.defocus[i][0],
            defocus_deviation: expected.defocus[i][1],
            astigmatism: expected.astigmatism[i],
            astigmatism_deviation: expected.astigmatism_deviation[i],
        };
        let starts = [
            (alone[i].defocus, alone[i].astigmatism),
            (expected.defocus[i][0], expected.astigmatism[i]),
        ];
        let joint = || {
            let table = table_of(work, setting, strength);
            fit_view(&table, &heights, &starts, WINDOW, &prior)
        };
        let estimate = if mode == TileMode::StretchSum {
            stretched_fit(work, setting, strength, &heights, &starts, &prior).unwrap_or_else(joint)
        } else {
            joint()
        };
        let estimate = with_prior(estimate, &prior);
        let quality = judge(work, setting, &work.envelope(strength), &estimate, &heights);
        Ok((estimate, quality))
    })
}

/// Deviations that take the prior into account.
fn with_prior(estimate: Estimate, prior: &Prior) -> Estimate {
    let joined = |a: f64, b: f64| (1.0 / (a * a) + 1.0 / (b * b)).sqrt().recip();
    Estimate {
        defocus_deviation: joined(estimate.defocus_deviation, prior.defocus_deviation),
        astigmatism_deviation: joined(estimate.astigmatism_deviation, prior.astigmatism_deviation),
        ..estimate
    }
}
