//! How well two halves of the field agree: an estimate of the error that needs no truth.
//!
//! The upper and the lower half of the window (along the axis) are aligned apart from each other. What their heights and places may
//! differ in is removed; half of what remains is the error of the mean of both, and holds local motion as well as noise.

use glam::DVec2;

use crate::MarkerlessError;
use crate::plane::{Band, PlaneGrid};
use crate::precision::Amplitudes;
use crate::round::{Periods, Series};

/// What the halves say.
#[derive(Clone, Debug)]
pub(crate) struct Halves {
    /// Half of the difference of the two displacements, per view, Å.
    pub(crate) residuals: Vec<f64>,
    /// Height of the upper half over the lower divided by their distance: the slope along the axis.
    pub(crate) slope: f64,
}

/// Aligns two halves of the field.
pub(crate) fn halves(
    series: &Series<'_>,
    periods: Periods,
    amplitudes: &Amplitudes,
) -> Result<Halves, MarkerlessError> {
    let whole = series.band(periods).grid;
    let distance = whole.lengths()[0] / 2.0;
    let mut found = Vec::new();
    for side in [-0.5, 0.5] {
        let grid = PlaneGrid {
            dims: [(whole.dims[0] / 2).next_multiple_of(2), whole.dims[1]],
            centre: DVec2::new(0.0, side * distance),
            ..whole
        };
        let mut band = Band::new(grid, 1.0 / periods.longest, 1.0 / periods.shortest);
        let shells = amplitudes.shells.len();
        // The shells of the whole field, so that its amplitudes hold.
        for class in &mut band.classes {
            let part = (class.square.sqrt() * periods.longest - 1.0)
                / (periods.longest / periods.shortest - 1.0);
            class.shell = ((part * shells as f64) as usize).min(shells - 1);
        }
        band.shells = shells;
        found.push(
            series
                .round(&band, Some(amplitudes), 6)?
                .joint
                .displacements,
        );
    }
    let depths: Vec<f64> = series.planes()?.iter().map(|p| p.depth).collect();
    let difference: Vec<DVec2> = found[1]
        .iter()
        .zip(&found[0])
        .map(|(a, b)| DVec2::from_array(*a) - DVec2::from_array(*b))
        .collect();
    let (rest, height) = without_height(&difference, &depths);
    Ok(Halves {
        residuals: rest.iter().map(|d| d.length() / 2.0).collect(),
        slope: height / distance,
    })
}

/// Takes a common displacement and one across the axis in proportion to the depth factor away; gives the latter too.
pub(crate) fn without_height(difference: &[DVec2], depths: &[f64]) -> (Vec<DVec2>, f64) {
    let n = difference.len().max(1) as f64;
    let mean = difference.iter().sum::<DVec2>() / n;
    let middle = depths.iter().sum::<f64>() / n;
    let (up, down) = difference
        .iter()
        .zip(depths)
        .fold((0.0, 0.0), |(u, d), (v, t)| {
            (u + (v.x - mean.x) * (t - middle), d + (t - middle).powi(2))
        });
    let height = if down > 0.0 { up / down } else { 0.0 };
    let rest = difference
        .iter()
        .zip(depths)
        .map(|(v, t)| *v - mean - DVec2::new(height * (t - middle), 0.0))
        .collect();
    (rest, height)
}
