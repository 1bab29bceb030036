//! Projection matching: every view against its reprojection from all others, until nothing moves.
//!
//! A reprojection through a slab that was back-projected from other views is, per in-plane frequency, a weighted sum of those views
//! stretched onto the specimen plane; the weights with the least expected error follow from the specimen's extent alone (see
//! [`crate::Specimen`]). So neither slab nor reprojection is ever made: Zheng et al. 2022 (AreTomo, J. Struct. Biol. X
//! 6:100068) is the method this replaces in closed form. Displacements of all views are solved for together
//! ([`crate::joint`]), at ever finer periods; tilt axis, extent, tilt offset and pitch are where the likelihood has its maximum.

use thon_compute::{Progress, check};
use thon_geometry::TiltGeometry;

use crate::grow::{Grown, grow};
use crate::halves::halves;
use crate::needle::{axis_of_needle, centre_needle};
use crate::options::{Alignment, AxisSearch, Level, MatchOptions, ViewReport};
use crate::precision::Amplitudes;
use crate::profile::{Profile, Quantity, Scan};
use crate::round::{Periods, Round, Series};
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// Part of the field's edge that is the longest period used.
const LONGEST: f64 = 0.5;
/// Part of the field's edge that the first round resolves.
const FIRST: f64 = 1.0 / 18.0;
/// From one round's shortest period to the next's.
const FINER: f64 = 0.6;
/// Rise to the edge of the field, part of the thickness, from which the specimen is levelled.
const LIFT: f64 = 0.125;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

/// Aligns views `[y, x]` whose geometry says their tilt, their axis and where to start. The order of the views does not matter.
///
/// # Errors
/// Fewer than 3 views, as many geometries as there are no views, parameters out of range, a view edge-on, cancellation.
pub fn match_projections(
    views: &[AlignView],
    geometries: &[TiltGeometry],
    options: &MatchOptions,
    progress: &dyn Progress,
) -> Result<Alignment, MarkerlessError> {
    let order = checked_order(views, geometries, options)?;
    let mut specimen = options.specimen;
    if options.fit_extent {
        // A start that is thicker than the field is wide would tell views apart that are alike.
        let (ny, nx) = views[0].pixels.dim();
        let field = ny.min(nx) as f64 * views[0].pixel_size;
        specimen = specimen.of_extent(specimen.extent().min(0.6 * field));
    }
    let mut work = Work {
        series: Series {
            views: order.iter().map(|&i| &views[i]).collect(),
            geometry: order.iter().map(|&i| geometries[i]).collect(),
            specimen,
        },
        options,
        progress,
        stages: 0,
        profiles: Profiles::default(),
        levelled: [false; 2],
    };
    let needle = matches!(specimen, Specimen::Needle { .. });
    if needle
        && options.axis != AxisSearch::Fixed
        && let Some(turn) = axis_of_needle(&work.series)
    {
        work.series = Quantity::Axis.applied(&work.series, turn);
    }
    let grown = work.coarse()?;
    let (last, periods) = work.refine()?;
    work.finish(&order, grown.as_deref(), &last, periods)
}

/// Indices of the views by tilt, after a look at their number and extents.
pub(crate) fn by_tilt(
    views: &[AlignView],
    geometries: &[TiltGeometry],
) -> Result<Vec<usize>, MarkerlessError> {
    if views.len() < 3 {
        return Err(MarkerlessError::TooFewViews { found: views.len() });
    }
    if views.len() != geometries.len() {
        return Err(MarkerlessError::Extent {
            what: "geometries",
            expected: views.len().to_string(),
            found: geometries.len().to_string(),
        });
    }
    let dims = views[0].pixels.dim();
    if let Some(other) = views.iter().find(|v| v.pixels.dim() != dims) {
        return Err(MarkerlessError::Extent {
            what: "size of a view",
            expected: format!("{dims:?}"),
            found: format!("{:?}", other.pixels.dim()),
        });
    }
    let mut order: Vec<usize> = (0..views.len()).collect();
    order.sort_by(|&a, &b| {
        let tilt = |i: usize| geometries[i].tilt_angle.0;
        tilt(a).total_cmp(&tilt(b)).then(a.cmp(&b))
    });
    Ok(order)
}

fn checked_order(
    views: &[AlignView],
    geometries: &[TiltGeometry],
    options: &MatchOptions,
) -> Result<Vec<usize>, MarkerlessError> {
    let order = by_tilt(views, geometries)?;
    let extent = options.specimen.extent();
    if !(extent.is_finite() && extent > 0.0) {
        return Err(MarkerlessError::parameter(
            "specimen",
            &extent,
            "a positive extent in Å",
        ));
    }
    let (ny, nx) = views[0].pixels.dim();
    let field = ny.min(nx) as f64 * views[0].pixel_size;
    let period = options.shortest_period;
    if !(period >= 2.0 * views[0].pixel_size && period < field / 8.0) {
        return Err(MarkerlessError::parameter(
            "shortest_period",
            &period,
            "2 pixels to an eighth of the field",
        ));
    }
    Ok(order)
}

#[derive(Default)]
struct Profiles {
    axis: Option<Profile>,
    extent: Option<Profile>,
    tilt_offset: Option<Profile>,
    pitch: Option<Profile>,
}

struct Work<'a> {
    series: Series<'a>,
    options: &'a MatchOptions,
    progress: &'a dyn Progress,
    stages: u64,
    profiles: Profiles,
    /// Whether tilt offset and pitch have been applied.
    levelled: [bool; 2],
}

impl Work<'_> {
    fn stage(&mut self) -> Result<(), MarkerlessError> {
        self.stages += 1;
        self.progress.advance(self.stages, self.stages.max(12));
        Ok(check(self.progress)?)
    }

    fn field(&self) -> f64 {
        let view = self.series.views[0];
        let (ny, nx) = view.pixels.dim();
        ny.min(nx) as f64 * view.pixel_size
    }

    /// Shortest periods of the rounds, long to short.
    fn schedule(&self) -> Vec<Periods> {
        let longest = LONGEST * self.field();
        let last = self.options.shortest_period;
        let mut shortest = (FIRST * self.field()).max(last);
        let mut periods = Vec::new();
        loop {
            periods.push(Periods { longest, shortest });
            if shortest <= last {
                return periods;
            }
            shortest = (shortest * FINER).max(last);
        }
    }

    /// Finds the shifts from nothing, for every candidate of the axis when it is to be found everywhere.
    fn coarse(&mut self) -> Result<Option<Vec<Grown>>, MarkerlessError> {
        let Some(reach) = self.options.coarse else {
            return Ok(None);
        };
        let periods = self.schedule()[0];
        for geometry in &mut self.series.geometry {
            geometry.shift = glam::DVec2::ZERO;
        }
        let slab = matches!(self.series.specimen, Specimen::Slab { .. });
        let candidates: Vec<f64> = if slab && self.options.axis == AxisSearch::Everywhere {
            (0..6).map(|i| f64::from(i) * 30.0 * DEGREE).collect()
        } else {
            vec![0.0]
        };
        let mut best: Option<(f64, Series<'_>, Vec<Grown>)> = None;
        for value in candidates {
            self.stage()?;
            let mut trial = Quantity::Axis.applied(&self.series, value);
            let band = trial.band(periods);
            let grown = grow(&mut trial, &band, reach)?;
            let evidence = trial.round(&band, None, 6)?.evidence;
            if best.as_ref().is_none_or(|b| evidence > b.0) {
                best = Some((evidence, trial, grown));
            }
        }
        let Some((_, series, grown)) = best else {
            return Ok(None);
        };
        self.series = series;
        Ok(Some(grown))
    }

    /// Rounds at ever finer periods, with the searches at those that are fine enough for them.
    fn refine(&mut self) -> Result<(Round, Periods), MarkerlessError> {
        let schedule = self.schedule();
        let last = schedule.len() - 1;
        self.advance(schedule[0])?;
        self.advance(schedule[0])?;
        for (number, &periods) in schedule.iter().enumerate() {
            self.stage()?;
            self.advance(periods)?;
            match number {
                0 => self.find_axis(periods, Reach::Wide)?,
                1 => {
                    self.find_extent(periods)?;
                    self.find_axis(periods, Reach::Near)?;
                }
                2 => {
                    self.find_extent(periods)?;
                    self.find_axis(periods, Reach::Close)?;
                    self.find_level(periods, Reach::Wide)?;
                }
                _ => {
                    self.find_axis(periods, Reach::Close)?;
                    self.find_level(periods, Reach::Close)?;
                }
            }
            if number == last {
                self.find_axis(periods, Reach::Close)?;
            }
            self.advance(periods)?;
        }
        self.stage()?;
        self.advance(schedule[last])?;
        let round = self.advance(schedule[last])?;
        centre_needle(&mut self.series, schedule[last])?;
        Ok((round, schedule[last]))
    }

    fn advance(&mut self, periods: Periods) -> Result<Round, MarkerlessError> {
        let round = self.series.round(&self.series.band(periods), None, 8)?;
        self.series.displace(&round.joint.displacements)?;
        Ok(round)
    }

    fn find_axis(&mut self, periods: Periods, reach: Reach) -> Result<(), MarkerlessError> {
        if matches!(self.series.specimen, Specimen::Needle { .. }) {
            // Known from its direction; round things look the same from all sides.
            return Ok(());
        }
        let range = match self.options.axis {
            AxisSearch::Fixed => return Ok(()),
            AxisSearch::Range(degrees) => degrees.abs(),
            AxisSearch::Everywhere => 24.0,
        };
        let steps = ((range / 2.0).ceil() as usize).max(2);
        let scan = match reach {
            Reach::Wide => Scan::around(range / steps as f64 * DEGREE, steps, 1),
            Reach::Near => Scan::around((0.25 * range).min(0.6) * DEGREE, 2, 1),
            Reach::Close => Scan::around((0.1 * range).min(0.2) * DEGREE, 2, 0),
        };
        let known = self.amplitudes(periods)?;
        let profile =
            Quantity::Axis.profile(&self.series, periods, Some(&known), scan, self.progress)?;
        let before = self.series.axis() / DEGREE;
        self.series = Quantity::Axis.applied(&self.series, profile.best);
        keep(&mut self.profiles.axis, in_degrees(&profile, before));
        Ok(())
    }

    fn amplitudes(&self, periods: Periods) -> Result<Amplitudes, MarkerlessError> {
        Ok(self
            .series
            .round(&self.series.band(periods), None, 4)?
            .amplitudes)
    }

    fn find_extent(&mut self, periods: Periods) -> Result<(), MarkerlessError> {
        if !self.options.fit_extent {
            return Ok(());
        }
        // Amplitudes depend on the extent and are estimated for each.
        let scan = if self.profiles.extent.is_none() {
            Scan::around(0.22, 6, 1)
        } else {
            Scan::around(0.1, 2, 0)
        };
        let profile = Quantity::Extent.profile(&self.series, periods, None, scan, self.progress)?;
        let before = self.series.specimen.extent();
        self.series = Quantity::Extent.applied(&self.series, profile.best);
        let length = |logarithm: f64| before * logarithm.exp();
        self.profiles.extent = Some(Profile {
            best: length(profile.best),
            deviation: profile.deviation * length(profile.best),
            curve: profile
                .curve
                .iter()
                .map(|(v, l)| (length(*v), *l))
                .collect(),
            inside: profile.inside,
        });
        Ok(())
    }

    /// Tilt offset and pitch: measured once over a wide range; what is applied is refined later.
    fn find_level(&mut self, periods: Periods, reach: Reach) -> Result<(), MarkerlessError> {
        if !matches!(self.series.specimen, Specimen::Slab { .. })
            || self.options.level == Level::Never
        {
            return Ok(());
        }
        let scan = match reach {
            Reach::Wide => Scan::around(4.0 * DEGREE, 3, 1),
            Reach::Near | Reach::Close => Scan::around(0.7 * DEGREE, 2, 0),
        };
        for (number, quantity) in [Quantity::TiltOffset, Quantity::Pitch]
            .into_iter()
            .enumerate()
        {
            if reach != Reach::Wide && !self.levelled[number] {
                continue;
            }
            let known = self.amplitudes(periods)?;
            let profile =
                quantity.profile(&self.series, periods, Some(&known), scan, self.progress)?;
            let lift = profile.best.tan().abs() * self.field() / 2.0;
            let apply = self.levelled[number]
                || self.options.level == Level::Always
                || lift > LIFT * self.series.specimen.extent();
            let slot = if number == 0 {
                &mut self.profiles.tilt_offset
            } else {
                &mut self.profiles.pitch
            };
            let before = slot.as_ref().map_or(0.0, |p| p.best);
            if apply {
                self.series = quantity.applied(&self.series, profile.best);
            }
            keep(slot, in_degrees(&profile, before));
            self.levelled[number] = apply;
        }
        if self.levelled.contains(&true) {
            self.advance(periods)?;
        }
        Ok(())
    }

    fn finish(
        self,
        order: &[usize],
        grown: Option<&[Grown]>,
        last: &Round,
        periods: Periods,
    ) -> Result<Alignment, MarkerlessError> {
        let halves = halves(&self.series, periods, &last.amplitudes)?;
        let planes = self.series.planes()?;
        let empty = ViewReport {
            score: 0.0,
            deviation: 0.0,
            residual: 0.0,
            peak_ratio: 0.0,
            amplitude: 0.0,
        };
        let mut geometries = vec![TiltGeometry::tilted(thon_units::Radians(0.0)); order.len()];
        let mut reports = vec![empty; order.len()];
        for (at, &view) in order.iter().enumerate() {
            geometries[view] = self.series.geometry[at];
            let [x, y] = last.joint.deviations[at];
            let (across, along) = (
                planes[at].to_image.x_axis.length(),
                planes[at].to_image.y_axis.length(),
            );
            reports[view] = ViewReport {
                score: last.joint.scores[at],
                deviation: (x * across).hypot(y * along),
                residual: halves.residuals[at],
                peak_ratio: grown.map_or(0.0, |g| g[at].ratio),
                amplitude: last.amplitudes.views[at],
            };
        }
        let shells = last.amplitudes.shells.len() as f64;
        let (low, high) = (1.0 / periods.longest, 1.0 / periods.shortest);
        let period = |s: usize| 1.0 / (low + (high - low) * (s as f64 + 0.5) / shells);
        let signal = last.amplitudes.shells.iter().enumerate();
        Ok(Alignment {
            geometries,
            reports,
            specimen: self.series.specimen,
            axis: self.profiles.axis,
            extent: self.profiles.extent,
            tilt_offset: self.profiles.tilt_offset,
            pitch: self.profiles.pitch,
            signal: signal.map(|(s, part)| (period(s), *part)).collect(),
            levelled: self.levelled,
            slope: halves.slope.atan(),
        })
    }
}

/// The first profile of a quantity keeps its curve, for it is the widest; later ones say where the maximum is.
fn keep(slot: &mut Option<Profile>, profile: Profile) {
    match slot {
        Some(old) => {
            old.best = profile.best;
            old.deviation = profile.deviation;
        }
        None => *slot = Some(profile),
    }
}

/// How far a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Wide,
    Near,
    Close,
}

/// A profile over radians as one over degrees, `offset` degrees added.
fn in_degrees(profile: &Profile, offset: f64) -> Profile {
    Profile {
        best: profile.best / DEGREE + offset,
        deviation: profile.deviation / DEGREE,
        curve: profile
            .curve
            .iter()
            .map(|(v, l)| (v / DEGREE + offset, *l))
            .collect(),
        inside: profile.inside,
    }
}
