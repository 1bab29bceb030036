//! The steps of the estimation of a series, each over all views.

use thon_compute::parallel::try_map_indices;
use thon_model::HandSign;

use crate::CtfFitError;
use crate::expect::{ExpectedAstigmatism, WINDOW};
use crate::hand::PlaneSearch;
use crate::options::TileMode;
use crate::plane::Plane;
use crate::posterior::Believed;
use crate::quality::{Quality, judge};
use crate::rings::Envelope;
use crate::sector_table::SectorTable;
use crate::series::{Setting, Work};
use crate::strength::{Strength, demodulate, envelope_of};
use crate::stretch::stretch_sum;
use crate::tables::{Astigmatism, RingModels, ViewTable};
use crate::view_fit::{Estimate, Prior, fit_view};

/// Deviation of a defocus that is decided, while the astigmatism is sought, Å.
const DECIDED: f64 = 5.0;
/// Log-likelihood that a thickness must gain to be used.
const THICKNESS_GAIN: f64 = 2.0;

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

/// Tables of all views with their tiles brought to one defocus: exactly, or (where `references` are given and the mode says so)
/// after stretching to the reference and averaging.
pub(crate) fn sector_tables(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    strength: Strength,
    place: (&Plane, f64),
    references: Option<&[f64]>,
) -> Result<Vec<SectorTable>, CtfFitError> {
    let mode = setting.options.mode;
    try_map_indices(works.len(), setting.progress, |i| {
        let work = &works[i];
        let heights = work.heights(place, mode);
        if let (TileMode::StretchSum, Some(references)) = (mode, references)
            && let Some(table) = stretched_table(work, setting, strength, &heights, references[i])
        {
            return Ok(table);
        }
        Ok(table_of(work, setting, strength).folded(&heights))
    })
}

/// The table of one spectrum averaged after stretching to the defocus `reference`.
fn stretched_table(
    work: &Work<'_>,
    setting: &Setting<'_>,
    strength: Strength,
    heights: &[f64],
    reference: f64,
) -> Option<SectorTable> {
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
    Some(ViewTable::new(&spectrum, &grid, &models).folded(&[0.0]))
}

/// Estimates of all views, started at the defocus of `course` and the astigmatism that is expected.
pub(crate) fn fit_views(
    tables: &[SectorTable],
    course: &[f64],
    expected: &ExpectedAstigmatism,
    setting: &Setting<'_>,
) -> Result<Vec<Estimate>, CtfFitError> {
    try_map_indices(tables.len(), setting.progress, |i| {
        let starts = [(course[i], expected.values[i]), (course[i], [0.0; 2])];
        Ok(fit_view(&tables[i], &starts, WINDOW, &expected.prior(i)))
    })
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

/// The last estimates, with what all views together say, and their quality.
pub(crate) fn final_views(
    works: &[Work<'_>],
    setting: &Setting<'_>,
    (strength, place): (Strength, (&Plane, f64)),
    tables: &[SectorTable],
    alone: &[Estimate],
    (believed, astigmatism): (&[Believed], &ExpectedAstigmatism),
) -> Result<Vec<(Estimate, Quality)>, CtfFitError> {
    try_map_indices(works.len(), setting.progress, |i| {
        let (work, table) = (&works[i], &tables[i]);
        let heights = work.heights(place, setting.options.mode);
        let [defocus, deviation] = believed[i].all;
        let prior = Prior {
            defocus,
            // The view's own rings are in what is believed: only its astigmatism is sought.
            defocus_deviation: if believed[i].others[1].is_finite() {
                DECIDED
            } else {
                f64::INFINITY
            },
            ..astigmatism.prior(i)
        };
        let starts = [
            (defocus, alone[i].astigmatism),
            (defocus, astigmatism.values[i]),
        ];
        let mut estimate = with_prior(fit_view(table, &starts, WINDOW, &prior), &prior);
        if believed[i].others[1].is_finite() {
            (estimate.defocus, estimate.defocus_deviation) = (defocus, deviation);
        }
        let envelope = work.envelope(strength);
        let quality = judge(work, setting, &envelope, &estimate, (&heights, table));
        Ok((estimate, quality))
    })
}

/// Deviations that take the prior into account.
fn with_prior(estimate: Estimate, prior: &Prior) -> Estimate {
    let joined = |a: f64, b: f64| (1.0 / (a * a) + 1.0 / (b * b)).sqrt().recip();
    Estimate {
        astigmatism_deviation: joined(estimate.astigmatism_deviation, prior.astigmatism_deviation),
        ..estimate
    }
}
