//! Coarse alignment: outwards from the lowest tilt, each view against what the aligned views before it foretell.
//!
//! The reference of a view is the sum of its aligned neighbours, stretched onto the specimen plane (cosine stretch), each weighted
//! per frequency by how far a specimen of the given extent still looks the same between the two tilts, and whitened. The
//! correlation is searched over the whole field; the ratio of its two highest peaks is the confidence. A view that lies far from the
//! view before it foretells nothing until its successor lies there too: one displaced view does not take the rest with it.

use thon_signal::fft::Complex32;

use crate::MarkerlessError;
use crate::plane::{Band, coefficients};
use crate::precision::invert;
use crate::round::Series;
use crate::search::{Found, Search};
use crate::sides::join_sides;

/// Views a reference is made of at most.
const REFERENCES: usize = 8;
/// Part of the power taken for specimen.
const PART: f64 = 0.5;
/// A peak this much higher than the next is believed at once.
const CLEAR: f64 = 1.5;
/// Distance from the view before it, part of the field, from which on a view has to be confirmed by the next.
const JUMP: f64 = 0.15;

/// How one view was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grown {
    /// Ratio of the two highest peaks.
    pub(crate) ratio: f64,
    /// Height in standard deviations.
    pub(crate) height: f64,
}

/// Aligns all views of a series, whose shifts may be anything; `reach` is the largest shift between neighbours, as part of the
/// field.
pub(crate) fn grow(
    series: &mut Series<'_>,
    band: &Band,
    reach: f64,
) -> Result<Vec<Grown>, MarkerlessError> {
    let count = series.views.len();
    let search = Search::new(band);
    let first = lowest(series);
    let mut aligned = vec![first];
    let mut results = vec![
        Grown {
            ratio: f64::INFINITY,
            height: f64::INFINITY
        };
        count
    ];
    let mut columns: Vec<Vec<Complex32>> = vec![Vec::new(); count];
    columns[first] = column(series, band, first)?.0;
    let mut suspects: Vec<usize> = Vec::new();
    for view in outwards(series, first) {
        // The nearest aligned view says where to look first.
        let nearest = near(series, &aligned, view);
        let start = series.geometry[nearest[0]].shift;
        let reference = Reference::new(series, band, &nearest, &columns, view)?;
        let mut best: Option<(Found, glam::DVec2)> = None;
        for offset in starts(series, band, view) {
            series.geometry[view].shift = start + offset;
            let found = reference.find(series, band, &search, view, reach)?;
            if best.is_none_or(|(b, _)| found.height > b.height) {
                best = Some((found, series.geometry[view].shift));
            }
            if found.ratio > CLEAR {
                break;
            }
        }
        let Some((mut found, shift)) = best else {
            continue;
        };
        series.geometry[view].shift = shift;
        let mut height = Grown {
            ratio: found.ratio,
            height: found.height,
        };
        for pass in 0..2 {
            move_view(series, view, found.displacement)?;
            if pass == 0 {
                found = reference.find(series, band, &search, view, 0.12)?;
                height.ratio = height.ratio.max(found.ratio);
            }
        }
        results[view] = height;
        columns[view] = column(series, band, view)?.0;
        if is_near(series, band, view, nearest[0]) {
            aligned.push(view);
        } else {
            confirm(series, band, view, &mut suspects, &mut aligned);
        }
    }
    join_sides(series, band, &aligned)?;
    Ok(results)
}

/// True when two views lie within [`JUMP`] of each other.
fn is_near(series: &Series<'_>, band: &Band, a: usize, b: usize) -> bool {
    let [along, across] = band.grid.lengths();
    let apart = series.geometry[a].shift - series.geometry[b].shift;
    apart.length() < JUMP * along.min(across)
}

/// Notes a view that has jumped; when another on the same side has jumped to the same place, the specimen did, and both are aligned.
fn confirm(
    series: &Series<'_>,
    band: &Band,
    view: usize,
    suspects: &mut Vec<usize>,
    aligned: &mut Vec<usize>,
) {
    let from = series.geometry[aligned[0]].tilt_angle.0;
    let side = |i: usize| series.geometry[i].tilt_angle.0 > from;
    let same = |&other: &usize| side(other) == side(view) && is_near(series, band, view, other);
    if let Some(place) = suspects.iter().position(same) {
        aligned.extend([suspects.remove(place), view]);
    } else {
        suspects.push(view);
    }
}

/// The view of the lowest tilt.
fn lowest(series: &Series<'_>) -> usize {
    let tilt = |i: usize| series.geometry[i].tilt_angle.0.abs();
    (0..series.views.len())
        .min_by(|&a, &b| tilt(a).total_cmp(&tilt(b)))
        .unwrap_or(0)
}

/// All other views, by distance in tilt from the first.
fn outwards(series: &Series<'_>, first: usize) -> Vec<usize> {
    let from = series.geometry[first].tilt_angle.0;
    let mut order: Vec<usize> = (0..series.views.len()).filter(|&i| i != first).collect();
    let distance = |i: usize| (series.geometry[i].tilt_angle.0 - from).abs();
    order.sort_by(|&a, &b| distance(a).total_cmp(&distance(b)).then(a.cmp(&b)));
    order
}

/// The aligned views nearest in tilt, nearest first.
pub(crate) fn near(series: &Series<'_>, aligned: &[usize], view: usize) -> Vec<usize> {
    let tilt = |i: usize| series.geometry[i].tilt_angle.0;
    let mut order = aligned.to_vec();
    order.sort_by(|&a, &b| {
        let distance = |i: usize| (tilt(i) - tilt(view)).abs();
        distance(a).total_cmp(&distance(b)).then(a.cmp(&b))
    });
    order.truncate(REFERENCES);
    order
}

/// Offsets of the start, Å in the image: none, then to both sides across the axis where a stretched window sees only the middle
/// of the image.
fn starts(series: &Series<'_>, band: &Band, view: usize) -> Vec<glam::DVec2> {
    let geometry = &series.geometry[view];
    let across = band.grid.lengths()[1];
    let direction = glam::DVec2::from_angle(geometry.tilt_axis_angle.0);
    let along = direction.perp() * 0.3 * band.grid.lengths()[0];
    let side = direction * 0.3 * across;
    vec![glam::DVec2::ZERO, side, -side, along, -along]
}

fn move_view(
    series: &mut Series<'_>,
    view: usize,
    displacement: [f64; 2],
) -> Result<(), MarkerlessError> {
    let plane = series.specimen.view(view, &series.geometry[view])?;
    series.geometry[view].shift += plane.to_image * glam::DVec2::from_array(displacement);
    Ok(())
}

/// Coefficients of one view as it stands, and where it is informed.
pub(crate) fn column(
    series: &Series<'_>,
    band: &Band,
    view: usize,
) -> Result<(Vec<Complex32>, Vec<bool>), MarkerlessError> {
    let plane = series.specimen.view(view, &series.geometry[view])?;
    let one = coefficients(&[series.views[view]], &[plane], band, 1.3 * band.high);
    Ok((one.values, one.informed))
}

/// What the aligned neighbours foretell of a view.
pub(crate) struct Reference {
    pub(crate) values: Vec<Complex32>,
}

impl Reference {
    pub(crate) fn new(
        series: &Series<'_>,
        band: &Band,
        neighbours: &[usize],
        columns: &[Vec<Complex32>],
        view: usize,
    ) -> Result<Self, MarkerlessError> {
        let planes = series.planes()?;
        let n = neighbours.len();
        let mut values = vec![Complex32::default(); band.places.len()];
        let (mut matrix, mut inverse) = (vec![0.0; n * n], vec![0.0; n * n]);
        for class in &band.classes {
            let related = |a: usize, b: usize| {
                let depths = (planes[a].depth, planes[b].depth);
                series.specimen.correlation(class.kx, depths.0, depths.1)
            };
            for (at, value) in matrix.iter_mut().enumerate() {
                let (i, j) = (at / n, at % n);
                *value = if i == j {
                    1.0
                } else {
                    PART * related(neighbours[i], neighbours[j])
                };
            }
            invert(&matrix, &mut inverse, n);
            for (i, &a) in neighbours.iter().enumerate() {
                let weight: f64 = (0..n)
                    .map(|j| inverse[i * n + j] * related(neighbours[j], view))
                    .sum();
                for q in class.range.clone() {
                    values[q] += columns[a][q] * weight as f32;
                }
            }
        }
        Ok(Self { values })
    }

    fn find(
        &self,
        series: &Series<'_>,
        band: &Band,
        search: &Search,
        view: usize,
        reach: f64,
    ) -> Result<Found, MarkerlessError> {
        let (values, _) = column(series, band, view)?;
        let products: Vec<Complex32> = values
            .iter()
            .zip(&self.values)
            .map(|(y, m)| m.conj() * y)
            .collect();
        let [along, across] = band.grid.lengths();
        Ok(search.highest(band, &products, reach * along.hypot(across)))
    }
}
