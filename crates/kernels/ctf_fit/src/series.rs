//! The contrast transfer of a whole tilt series: all views, their plane, the hand and the envelope together.
//!
//! Views are compared with rings whose gradient follows from the alignment (BISECT, Bouvette et al. 2021, Nat. Commun. 12:1957:
//! axis and angle are not searched). Steps: a course of defocus through the series; plane and hand on the tables of tiles;
//! astigmatism; the envelope and thickness; then every view again with what the others say about it as prior.
//! Lengths Å, angles radians, hand: underfocus = that of the origin + hand · depth.

use thon_compute::progress::Progress;
use thon_geometry::TiltGeometry;
use thon_model::Optics;

use crate::expect::{believed_series, expected_astigmatism};
use crate::gradient::{GradientTest, test_gradient};
use crate::hand::{HandTest, PlaneSearch, compare_hands};
use crate::options::{FitOptions, TileMode};
use crate::plane::Plane;
use crate::quality::Quality;
use crate::rings::RingOptics;
use crate::stages::{
    collapsed_tables, final_views, first_course, fit_views, sector_tables, strength_of,
};
use crate::strength::Strength;
use crate::tables::DefocusAxis;
use crate::whiten::{Whitened, whiten};
use crate::{CtfFitError, PolarGrid, TileSpectra};

/// B factor of the rings' strength before it is known, Å².
const FIRST_B_FACTOR: f64 = 100.0;
/// Rings of the spectrum needed at least.
pub(crate) const FEWEST_RINGS: usize = 16;

/// Log-likelihood a thickness must gain to be called seen.
const THICKNESS_SEEN: f64 = 8.0;

/// Deviations beyond which astigmatism has a direction.
const DETERMINED: f64 = 3.0;

/// One view of the series.
#[derive(Clone, Debug)]
pub struct SeriesView {
    /// Spectra of its tiles.
    pub spectra: TileSpectra,
    /// Its geometry; the nominal one before the alignment.
    pub geometry: TiltGeometry,
    /// Rank in time.
    pub rank: usize,
}

/// Contrast transfer of one view at the specimen's origin, with what is known about its quality.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewFit {
    /// Mean defocus, Å.
    pub defocus: f64,
    /// ½(u − v)(cos 2α, sin 2α), Å.
    pub astigmatism: [f64; 2],
    /// Phase shift of a phase plate, radians.
    pub phase_shift: f64,
    /// Standard deviation of the mean defocus, Å.
    pub defocus_deviation: f64,
    /// Standard deviation of each component of `astigmatism`, Å.
    pub astigmatism_deviation: f64,
    /// Defocus that this view alone gives, without what the others say, Å.
    pub defocus_alone: f64,
    /// Least deviation of defocus that any estimate from this view alone could have, by the strength of its rings, Å.
    pub bound: f64,
    /// Defocus and its deviation that the other views lead one to expect, Å.
    pub expected: [f64; 2],
    /// What speaks for the rings.
    pub quality: Quality,
}

impl ViewFit {
    /// How far the view alone is from what the others lead one to expect, in deviations: those of the bound and of the series.
    pub fn deviate(&self) -> f64 {
        (self.defocus_alone - self.expected[0]) / self.expected[1].hypot(self.bound)
    }

    /// True when the astigmatism is larger than three of its deviations: its direction then means something.
    pub fn has_determined_astigmatism(&self) -> bool {
        self.astigmatism[0].hypot(self.astigmatism[1]) > DETERMINED * self.astigmatism_deviation
    }
}

/// Contrast transfer of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesFit {
    /// One entry per view given; `None` for blank or unusable ones.
    pub views: Vec<Option<ViewFit>>,
    /// The hand used, and how it compares with the other.
    pub hand: HandTest,
    /// The plane of the specimen.
    pub plane: Plane,
    /// Whether the gradient is what the alignment says.
    pub gradient: GradientTest,
    /// Envelope exp(−B k²/2) of the rings' power, Å².
    pub b_factor: f64,
    /// Thickness of the specimen, Å, if it is seen.
    pub thickness: Option<f64>,
}

impl SeriesFit {
    /// Gives all views the mean defocus and astigmatism of the chosen ones that show rings (the low tilts, in RELION's protocol
    /// of 2016); false, and nothing changed, when none of them does.
    pub fn share_mean_of(&mut self, chosen: impl Fn(usize) -> bool) -> bool {
        let views = self.views.iter().enumerate();
        let low: Vec<(f64, [f64; 2])> = views
            .filter(|(index, _)| chosen(*index))
            .filter_map(|(_, view)| view.as_ref())
            .filter(|view| view.quality.has_rings())
            .map(|view| (view.defocus, view.astigmatism))
            .collect();
        let count = low.len() as f64;
        let defocus = low.iter().map(|v| v.0).sum::<f64>() / count;
        let astigmatism = [0, 1].map(|axis| low.iter().map(|v| v.1[axis]).sum::<f64>() / count);
        if !low.is_empty() {
            for view in self.views.iter_mut().flatten() {
                (view.defocus, view.astigmatism) = (defocus, astigmatism);
            }
        }
        !low.is_empty()
    }
}

/// A view on its way.
pub(crate) struct Work<'a> {
    pub(crate) index: usize,
    pub(crate) view: &'a SeriesView,
    pub(crate) white: Whitened,
    /// 1 / cosine between the beam and the normal of the nominal plane.
    pub(crate) slant: f64,
    /// Deviation of the depth within a tile, Å.
    pub(crate) spread: f64,
}

/// Everything that stays the same during the estimation.
pub(crate) struct Setting<'a> {
    pub(crate) grid: &'a PolarGrid,
    pub(crate) optics: RingOptics,
    pub(crate) axis: DefocusAxis,
    pub(crate) options: &'a FitOptions,
    pub(crate) progress: &'a dyn Progress,
}

impl Setting<'_> {
    /// Index range of the axis that holds the defocus of the origin.
    pub(crate) fn range(&self) -> std::ops::Range<usize> {
        self.axis
            .range(self.options.defocus[0], self.options.defocus[1])
    }
}

/// Estimates the contrast transfer of a series.
///
/// # Errors
/// Options out of range, too narrow a band, no usable view, cancellation.
pub fn fit_series(
    views: &[SeriesView],
    grid: &PolarGrid,
    optics: &Optics,
    options: &FitOptions,
    progress: &dyn Progress,
) -> Result<SeriesFit, CtfFitError> {
    options.check()?;
    if grid.rings() < FEWEST_RINGS {
        return Err(CtfFitError::NarrowBand {
            expected: FEWEST_RINGS,
            found: grid.rings(),
            low: options.resolution[0],
            high: options.resolution[1],
        });
    }
    let works = prepared(views, grid, options);
    if works.is_empty() {
        return Err(CtfFitError::NoViews);
    }
    let highest = grid.frequencies[grid.rings() - 1];
    let wavelength = optics.voltage.electron_wavelength().0;
    let margin = heights_reach(&works) + 1500.0;
    let low = (options.defocus[0] - margin).max(-0.5 * margin);
    let mut setting = Setting {
        grid,
        optics: RingOptics::new(optics, 0.0),
        axis: DefocusAxis::new(low, options.defocus[1] + margin, wavelength, highest),
        options,
        progress,
    };
    let mut phase = 0.0;
    if let Some(range) = options.phase_shift {
        phase = crate::phase::best_phase(&works, &setting, optics, range)?;
        setting.optics = RingOptics::new(optics, phase);
    }
    let first = Strength {
        b_factor: options.b_factor.unwrap_or(FIRST_B_FACTOR),
        low: [0.0; 2],
        thickness: options.thickness.unwrap_or(0.0),
        thickness_gain: 0.0,
    };
    estimate(&works, views.len(), &setting, first, phase)
}

fn estimate(
    works: &[Work<'_>],
    count: usize,
    setting: &Setting<'_>,
    first: Strength,
    phase: f64,
) -> Result<SeriesFit, CtfFitError> {
    let (options, progress) = (setting.options, setting.progress);
    let none = vec![[0.0; 2]; works.len()];
    let tables = collapsed_tables(works, setting, first, &none)?;
    let (course, hand) = first_course(&tables, works, setting);
    // Astigmatism, then the tables again with it.
    let level = Plane::default();
    let tables = sector_tables(works, setting, first, (&level, hand), None)?;
    let expected = expected_astigmatism(&tables, &course, options, progress)?;
    let tables = collapsed_tables(works, setting, first, &expected.values)?;
    let search = PlaneSearch {
        tables: &tables,
        works,
        setting,
    };
    let (test, plane) = compare_hands(&search);
    let place = (&plane, test.sign.value());
    let course = search.course(&plane, place.1).0;
    let gradient = test_gradient(&search, &course, &plane, place.1);
    // Envelope and thickness from a fit with the first ones.
    let tables = sector_tables(works, setting, first, place, None)?;
    let expected = expected_astigmatism(&tables, &course, options, progress)?;
    let estimates = fit_views(&tables, &course, &expected, setting)?;
    let strength = strength_of(works, setting, &estimates, place);
    let course: Vec<f64> = estimates.iter().map(|e| e.defocus).collect();
    let tables = sector_tables(works, setting, strength, place, Some(&course))?;
    let astigmatism = expected_astigmatism(&tables, &course, options, progress)?;
    let alone = fit_views(&tables, &course, &astigmatism, setting)?;
    let slants: Vec<f64> = works.iter().map(|work| work.slant).collect();
    let (believed, astigmatism) = believed_series(&tables, &alone, astigmatism, &slants, options);
    let expected = (&believed[..], &astigmatism);
    let last = final_views(works, setting, (strength, place), &tables, &alone, expected)?;
    let mut views = vec![None; count];
    for (place, (work, (estimate, quality))) in works.iter().zip(last).enumerate() {
        views[work.index] = Some(ViewFit {
            defocus: estimate.defocus,
            astigmatism: estimate.astigmatism,
            phase_shift: phase,
            defocus_deviation: estimate.defocus_deviation,
            astigmatism_deviation: estimate.astigmatism_deviation,
            defocus_alone: alone[place].defocus,
            bound: quality.bound,
            expected: believed[place].others,
            quality,
        });
    }
    Ok(SeriesFit {
        views,
        hand: HandTest {
            per_view: spread_over(count, works, &test.per_view, 0.0),
            ..test
        },
        plane,
        gradient: GradientTest {
            per_view: spread_over(count, works, &gradient.per_view, [0.0; 2]),
            ..gradient
        },
        b_factor: strength.b_factor,
        thickness: (strength.thickness > 0.0
            && (options.thickness.is_some() || strength.thickness_gain > THICKNESS_SEEN))
            .then_some(strength.thickness),
    })
}

/// Values of the works at the places of their views.
fn spread_over<T: Copy>(count: usize, works: &[Work<'_>], values: &[T], absent: T) -> Vec<T> {
    let mut out = vec![absent; count];
    for (work, value) in works.iter().zip(values) {
        out[work.index] = *value;
    }
    out
}

/// Whitens the views that can be used, in the order of time.
fn prepared<'a>(views: &'a [SeriesView], grid: &PolarGrid, options: &FitOptions) -> Vec<Work<'a>> {
    let mut works: Vec<Work<'a>> = views
        .iter()
        .enumerate()
        .filter(|(_, view)| !view.spectra.blank)
        .filter_map(|(index, view)| {
            let gradient = Plane::default().gradient(&view.geometry).length();
            let flat = options.mode == TileMode::Flat;
            Some(Work {
                index,
                view,
                white: whiten(&view.spectra, grid, options.model_error)?,
                slant: gradient.hypot(1.0),
                spread: if flat {
                    0.0
                } else {
                    gradient * view.spectra.reach
                },
            })
        })
        .collect();
    works.sort_by_key(|work| (work.view.rank, work.index));
    works
}

/// How far the heights of tiles reach, Å.
fn heights_reach(works: &[Work<'_>]) -> f64 {
    works
        .iter()
        .flat_map(|work| {
            Plane::default().heights(&work.view.geometry, &work.view.spectra.positions, 1.0)
        })
        .fold(0.0, |reach, height| f64::max(reach, height.abs()))
}
