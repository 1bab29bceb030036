//! The two sides of a series against each other, after each view has been aligned to those before it.
//!
//! A view that follows a gap (views that are blank, foreign or displaced) can be taken to the wrong place, and all views beyond it
//! follow. At every step in tilt, what the views inside foretell is therefore correlated with several views outside at once; when
//! these agree on another place than where they are, the whole side moves there: first where that place stands out most.

use thon_signal::fft::Complex32;

use crate::MarkerlessError;
use crate::grow::{Reference, column, near};
use crate::plane::Band;
use crate::round::Series;
use crate::search::Search;

/// Sides that are moved, at most: one that follows a wrong view may stand out only after others have moved.
const MOVES: usize = 4;
/// Views outside that are asked together.
const OUTSIDE: usize = 4;
/// Height of another place over that of the present one from which the side moves.
const HIGHER: f64 = 1.1;
/// Farthest place that is looked at, part of the field's diagonal.
const REACH: f64 = 0.3;

/// Moves sides of the series that lie at another place than the views inside foretell; `aligned` begins with the view of the lowest
/// tilt and leaves out views that lie apart from all others.
pub(crate) fn join_sides(
    series: &mut Series<'_>,
    band: &Band,
    aligned: &[usize],
) -> Result<(), MarkerlessError> {
    let Some(&first) = aligned.first() else {
        return Ok(());
    };
    let search = Search::new(band);
    let sides = sides_of(series, aligned);
    for _ in 0..MOVES {
        let mut best: Option<(Place, &[usize])> = None;
        for (number, side) in sides.iter().enumerate() {
            for step in 0..side.len() {
                let (before, outside) = side.split_at(step);
                let inside = [&[first], before, &sides[1 - number][..]].concat();
                let found = other_place(series, band, &search, &inside, outside)?;
                best = better(best, found.map(|place| (place, outside)));
            }
        }
        let Some((place, outside)) = best else { break };
        for &view in outside {
            series.geometry[view].shift += place.by;
        }
    }
    Ok(())
}

/// Another place for a side.
struct Place {
    /// Its distance, Å in the image.
    by: glam::DVec2,
    /// Height there over that of the present place.
    ratio: f64,
}

/// The one of two steps at which another place stands out more.
fn better<'a>(
    a: Option<(Place, &'a [usize])>,
    b: Option<(Place, &'a [usize])>,
) -> Option<(Place, &'a [usize])> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.0.ratio > a.0.ratio { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// The views below and above the first in tilt, nearest first.
fn sides_of(series: &Series<'_>, aligned: &[usize]) -> [Vec<usize>; 2] {
    let tilt = |i: usize| series.geometry[i].tilt_angle.0;
    let from = tilt(aligned[0]);
    let mut sides = [Vec::new(), Vec::new()];
    for &view in aligned.iter().skip(1) {
        sides[usize::from(tilt(view) > from)].push(view);
    }
    for side in &mut sides {
        side.sort_by(|&a, &b| {
            let distance = |i: usize| (tilt(i) - from).abs();
            distance(a).total_cmp(&distance(b)).then(a.cmp(&b))
        });
    }
    sides
}

/// Where the views outside would lie better, Å in the image.
fn other_place(
    series: &Series<'_>,
    band: &Band,
    search: &Search,
    inside: &[usize],
    outside: &[usize],
) -> Result<Option<Place>, MarkerlessError> {
    let asked = &outside[..outside.len().min(OUTSIDE)];
    let mut columns: Vec<Vec<Complex32>> = vec![Vec::new(); series.views.len()];
    let nearest = near(series, inside, asked[0]);
    for &view in &nearest {
        columns[view] = column(series, band, view)?.0;
    }
    let mut products = vec![Complex32::default(); band.places.len()];
    for &view in asked {
        let reference = Reference::new(series, band, &nearest, &columns, view)?;
        let (values, _) = column(series, band, view)?;
        for ((product, y), m) in products.iter_mut().zip(&values).zip(&reference.values) {
            *product += m.conj() * y;
        }
    }
    let [along, across] = band.grid.lengths();
    let found = search.highest(band, &products, REACH * along.hypot(across));
    let distance = found.displacement[0].hypot(found.displacement[1]);
    let ratio = found.top / found.here.max(1e-6 * found.top);
    if found.top <= 0.0 || ratio < HIGHER || distance * band.high < 1.0 {
        return Ok(None);
    }
    let plane = series.specimen.view(asked[0], &series.geometry[asked[0]])?;
    let by = plane.to_image * glam::DVec2::from_array(found.displacement);
    Ok(Some(Place { by, ratio }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::Periods;
    use crate::views::AlignView;
    use crate::{Specimen, prepare_view};
    use glam::DVec2;
    use ndarray::Array2;
    use rand::Rng;
    use thon_geometry::TiltGeometry;
    use thon_units::{Angstrom, Degrees};

    const SIZE: usize = 96;
    const PIXEL: f64 = 20.0;

    /// A flat specimen of blobs, seen from 17 sides.
    fn flat() -> (Vec<AlignView>, Vec<TiltGeometry>) {
        let mut random = thon_compute::seed_stream(4, "sides-test", 0);
        let mut place = || (f64::from(random.next_u32()) / 4_294_967_296.0 - 0.5) * 4000.0;
        let blobs: Vec<DVec2> = (0..400).map(|_| DVec2::new(place(), place())).collect();
        let geometry: Vec<TiltGeometry> = (-8..=8)
            .map(|k| TiltGeometry {
                tilt_axis_angle: Degrees(84.0).radians(),
                ..TiltGeometry::tilted(Degrees(6.0 * f64::from(k)).radians())
            })
            .collect();
        let seen = |g: &TiltGeometry| {
            let at: Vec<DVec2> = blobs
                .iter()
                .map(|b| (g.matrix() * b.extend(0.0)).truncate() / PIXEL + (SIZE / 2) as f64)
                .collect();
            let image = Array2::from_shape_fn((SIZE, SIZE), |(y, x)| {
                let here = DVec2::new(x as f64, y as f64);
                let sum: f64 = at
                    .iter()
                    .map(|a| (-a.distance_squared(here) / 8.0).exp())
                    .sum();
                100.0 - 5.0 * sum as f32
            });
            prepare_view(&image.view(), PIXEL, 1, None)
        };
        (geometry.iter().map(seen).collect(), geometry)
    }

    #[test]
    fn a_displaced_side_comes_back_and_a_sound_series_stays() {
        let (views, geometry) = flat();
        let field = SIZE as f64 * PIXEL;
        let periods = Periods {
            longest: field / 2.0,
            shortest: field / 16.0,
        };
        let aligned: Vec<usize> = [8].into_iter().chain(0..8).chain(9..17).collect();
        for [from, until] in [[0, 0], [12, 17], [0, 5]] {
            let mut series = Series {
                views: views.iter().collect(),
                geometry: geometry.clone(),
                specimen: Specimen::Slab {
                    thickness: Angstrom(200.0),
                },
            };
            let by = DVec2::new(0.16, -0.05) * field;
            for moved in &mut series.geometry[from..until] {
                moved.shift += by;
            }
            let band = series.band(periods);
            join_sides(&mut series, &band, &aligned).unwrap();
            let worst = series.geometry.iter().map(|g| g.shift.length());
            let worst = worst.fold(0.0, f64::max);
            let most = if until == 0 { 1e-9 } else { 0.04 * field };
            assert!(worst < most, "{from}..{until}: {worst} Å");
        }
    }
}
