//! The two sides of a series against each other, after each view has been aligned to those before it.
//!
//! A view that follows a gap (views that are blank, foreign or displaced) can be taken to the wrong place, and all views beyond it
//! follow. At every step in tilt, what the views inside foretell is therefore correlated with several views outside at once; when
//! these agree on another place than where they are, the whole side moves there.

use thon_signal::fft::Complex32;

use crate::MarkerlessError;
use crate::grow::{Reference, column, near};
use crate::plane::Band;
use crate::round::Series;
use crate::search::Search;

/// Views outside that are asked together.
const OUTSIDE: usize = 4;
/// Height of another place over that of the present one from which the side moves.
const HIGHER: f64 = 1.3;
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
    for (number, side) in sides.iter().enumerate() {
        let other = &sides[1 - number];
        for step in 0..side.len() {
            let (before, outside) = side.split_at(step);
            let inside = [&[first], before, &other[..]].concat();
            if let Some(by) = other_place(series, band, &search, &inside, outside)? {
                for &view in outside {
                    series.geometry[view].shift += by;
                }
            }
        }
    }
    Ok(())
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
) -> Result<Option<glam::DVec2>, MarkerlessError> {
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
    if found.top < HIGHER * found.here.max(0.0) || distance * band.high < 1.0 {
        return Ok(None);
    }
    let plane = series.specimen.view(asked[0], &series.geometry[asked[0]])?;
    Ok(Some(
        plane.to_image * glam::DVec2::from_array(found.displacement),
    ))
}
