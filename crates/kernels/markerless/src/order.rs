//! Whether the images follow their tilt angles: each should be most like one that is next to it.
//!
//! Every image is correlated with every other at long periods, unstretched, over all shifts; the partner with the highest peak
//! should be at most two places away in the order of tilt. Shuffled angles or images break this at once; angles in reversed
//! order do not: that is the mirrored specimen, which no image can tell.

use rayon::prelude::*;
use thon_geometry::TiltGeometry;
use thon_signal::fft::Complex32;
use thon_units::{Angstrom, Radians};

use crate::matching::by_tilt;
use crate::plane::{Band, PlaneGrid, coefficients};
use crate::search::Search;
use crate::views::AlignView;
use crate::{MarkerlessError, Specimen};

/// Places in the order of tilt between a view and its likeliest neighbour that are in order.
const NEAR: usize = 2;

/// What the likeness of images says about their order.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderReport {
    /// Most alike other view of each, in the order given.
    pub partners: Vec<usize>,
    /// Part of the views whose partner is at most two places away in the order of tilt, 0 to 1.
    pub in_order: f64,
    /// The same part that chance would give.
    pub by_chance: f64,
}

impl OrderReport {
    /// True when the images do not follow the angles.
    pub fn is_wrong(&self) -> bool {
        self.partners.len() >= 8 && self.in_order < 0.5 * (1.0 + self.by_chance)
    }
}

/// Finds the likeliest neighbour of every view.
///
/// # Errors
/// Fewer than 3 views, different extents.
pub fn check_order(
    views: &[AlignView],
    geometries: &[TiltGeometry],
) -> Result<OrderReport, MarkerlessError> {
    let order = by_tilt(views, geometries)?;
    let axis = geometries[0].tilt_axis_angle;
    let (ny, nx) = views[0].pixels.dim();
    let field = ny.min(nx) as f64 * views[0].pixel_size;
    let shortest = (field / 20.0).max(2.5 * views[0].pixel_size);
    let grid = PlaneGrid::of_image(&views[0], axis.0, shortest);
    let band = Band::new(grid, 4.0 / field, 1.0 / shortest);
    let flat = TiltGeometry {
        tilt_axis_angle: axis,
        ..TiltGeometry::tilted(Radians(0.0))
    };
    let specimen = Specimen::Slab {
        thickness: Angstrom(1000.0),
    };
    let plane = specimen.view(0, &flat)?;
    let columns: Vec<Vec<Complex32>> = order
        .iter()
        .map(|&i| coefficients(&[&views[i]], &[plane], &band, f64::INFINITY).values)
        .collect();
    let search = Search::new(&band);
    let count = order.len();
    let heights: Vec<Vec<f64>> = (0..count)
        .into_par_iter()
        .map(|i| {
            let alike = |j: usize| {
                let products: Vec<Complex32> = columns[i]
                    .iter()
                    .zip(&columns[j])
                    .map(|(a, b)| a.conj() * b)
                    .collect();
                search.highest(&band, &products, 0.45 * field).top
            };
            (0..i).map(alike).collect()
        })
        .collect();
    let height = |i: usize, j: usize| heights[i.max(j)][i.min(j)];
    let mut partners = vec![0; count];
    let mut near = 0;
    for i in 0..count {
        let best = (0..count)
            .filter(|&j| j != i)
            .max_by(|&a, &b| height(i, a).total_cmp(&height(i, b)))
            .unwrap_or(i);
        near += usize::from(best.abs_diff(i) <= NEAR);
        partners[order[i]] = order[best];
    }
    Ok(OrderReport {
        partners,
        in_order: near as f64 / count as f64,
        by_chance: (2.0 * NEAR as f64 / (count as f64 - 1.0)).min(1.0),
    })
}
