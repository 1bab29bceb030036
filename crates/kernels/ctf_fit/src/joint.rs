//! Astigmatism of all views together.
//!
//! One view's rings leave its astigmatism open by several hundred ångström, with false maxima; the lens that makes it changes
//! little during a series. So the log-likelihoods of views are added before any maximum is sought: first with one astigmatism
//! for the whole series, and with one for each stretch of time, where that is worth its parameters. About these places each
//! view's log-likelihood (highest over its own defocus) is a parabola; its top and curvature are what the view says, and a level
//! that wanders in time, with scatter, is followed through all of them ([`crate::course`]), anew about what was found.

use std::f64::consts::TAU;
use std::ops::Range;

use crate::course::{Course, follow};
use crate::sector_table::SectorTable;
use crate::tables::Astigmatism;
use crate::view_fit::compass;

/// Amplitudes ½(u − v), Å, and number of directions to start from.
pub(crate) const AMPLITUDES: [f64; 3] = [200.0, 500.0, 1_000.0];
pub(crate) const DIRECTIONS: usize = 8;
/// Deviation of astigmatism (½(u − v)) before anything is known, Å.
pub(crate) const OPEN: f64 = 1_500.0;
/// Views of one stretch of time.
const STRETCH: usize = 8;
/// Log-likelihood that a stretch of its own must gain.
const STRETCH_GAIN: f64 = 5.0;
/// Step of second differences, Å.
const STEP: f64 = 50.0;
/// Farthest that the top of a parabola is believed to lie, Å.
const FARTHEST: f64 = 600.0;
/// Variance of a view that says nothing, Å².
const SILENT: f64 = 1e10;

/// Expected astigmatism of each view from all others, with its deviation; `ranges` hold the defocus of each view.
pub(crate) fn joint_astigmatism(tables: &[SectorTable], ranges: &[Range<f64>]) -> Course {
    let mut places = first_places(tables, ranges);
    let mut course = said_about(tables, ranges, &places);
    for _ in 0..2 {
        places = (0..tables.len())
            .map(|i| [course.levels[0][i], course.levels[1][i]])
            .collect();
        course = said_about(tables, ranges, &places);
    }
    course
}

/// One astigmatism for all, or one for each stretch of time.
fn first_places(tables: &[SectorTable], ranges: &[Range<f64>]) -> Vec<Astigmatism> {
    let count = tables.len();
    let (whole, together) = best_of(tables, ranges, None);
    let stretches = count / STRETCH;
    if stretches < 2 {
        return vec![whole; count];
    }
    let mut places = Vec::with_capacity(count);
    let mut apart = 0.0;
    for stretch in 0..stretches {
        let part = stretch * count / stretches..(stretch + 1) * count / stretches;
        let (place, value) = best_of(&tables[part.clone()], &ranges[part.clone()], Some(whole));
        places.extend(part.map(|_| place));
        apart += value;
    }
    if apart > together + STRETCH_GAIN * (stretches - 1) as f64 {
        places
    } else {
        vec![whole; count]
    }
}

/// The astigmatism with the highest sum of log-likelihoods, and that sum; also from `hint`.
fn best_of(
    tables: &[SectorTable],
    ranges: &[Range<f64>],
    hint: Option<Astigmatism>,
) -> (Astigmatism, f64) {
    let value = |a: [f64; 2]| {
        let total: f64 = tables
            .iter()
            .zip(ranges)
            .map(|(table, range)| table.profile(range, a).1)
            .sum();
        total - 0.5 * (a[0] * a[0] + a[1] * a[1]) / (OPEN * OPEN)
    };
    let mut starts: Vec<(f64, Astigmatism)> = [hint, Some([0.0; 2])]
        .into_iter()
        .flatten()
        .chain(around([0.0; 2]))
        .map(|start| (value(start), start))
        .collect();
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut best = ([0.0; 2], f64::NEG_INFINITY);
    for (_, start) in starts.into_iter().take(3) {
        let found = compass(start, 100.0, 4.0, &value);
        if found.1 > best.1 {
            best = found;
        }
    }
    best
}

/// Astigmatisms in all directions about one.
pub(crate) fn around(middle: Astigmatism) -> impl Iterator<Item = Astigmatism> {
    AMPLITUDES.into_iter().flat_map(move |amplitude| {
        (0..DIRECTIONS).map(move |direction| {
            let angle = TAU * direction as f64 / DIRECTIONS as f64;
            [
                middle[0] + amplitude * angle.cos(),
                middle[1] + amplitude * angle.sin(),
            ]
        })
    })
}

/// Follows what the views say about given places.
fn said_about(tables: &[SectorTable], ranges: &[Range<f64>], places: &[Astigmatism]) -> Course {
    let said: Vec<(Astigmatism, f64)> = tables
        .iter()
        .zip(ranges)
        .zip(places)
        .map(|((table, range), place)| parabola(table, range, *place))
        .collect();
    let component = |axis: usize| said.iter().map(|(top, _)| top[axis]).collect::<Vec<f64>>();
    let variances: Vec<f64> = said.iter().map(|(_, variance)| *variance).collect();
    follow(&[component(0), component(1)], &variances)
}

/// Top of the parabola through a view's log-likelihood about a place, and the variance of each of its components, Å².
fn parabola(table: &SectorTable, range: &Range<f64>, place: Astigmatism) -> (Astigmatism, f64) {
    let defocus = table.profile(range, place).0;
    let near = (defocus - 300.0).max(range.start)..(defocus + 300.0).min(range.end);
    let value = |x: f64, y: f64| {
        table
            .profile(&near, [place[0] + STEP * x, place[1] + STEP * y])
            .1
    };
    let middle = value(0.0, 0.0);
    let side = [
        [value(1.0, 0.0), value(-1.0, 0.0)],
        [value(0.0, 1.0), value(0.0, -1.0)],
    ];
    let bends = side.map(|[above, below]| (2.0 * middle - above - below) / (STEP * STEP));
    // Directions share one curvature but for noise.
    let bend = f64::midpoint(bends[0], bends[1]);
    if bend <= 1.0 / SILENT {
        return (place, SILENT);
    }
    let slopes = side.map(|[above, below]| (above - below) / (2.0 * STEP));
    let step = slopes.map(|slope| slope / bend);
    let length = step[0].hypot(step[1]);
    let shorter = FARTHEST / length.max(FARTHEST);
    let top = [place[0] + shorter * step[0], place[1] + shorter * step[1]];
    // A step cut short says less.
    (top, 1.0 / (bend * shorter))
}
