//! A mask from a map: threshold, extend, soften. Its use.

use ndarray::{Array3, Zip};
use serde::{Deserialize, Serialize};
use thon_compute::parallel::{sum_by, sum_pairs};

use super::distance_squared_to;
use super::shape::soft_edge;

/// How a mask grows out of the voxels above a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskShape {
    /// Grey value from which on a voxel is inside.
    pub threshold: f32,
    /// Voxels by which the inside is extended in every direction; negative takes away.
    pub extend: f64,
    /// Width of the soft edge outside that, voxels.
    pub edge: f64,
}

/// Voxels with a grey value of at least `threshold`.
pub fn threshold(volume: &Array3<f32>, threshold: f32) -> Array3<bool> {
    volume.mapv(|value| value >= threshold)
}

/// The mask of a map (low-pass filtered by the caller): threshold, extend, soft edge.
pub fn mask_from_map(volume: &Array3<f32>, shape: MaskShape) -> Array3<f32> {
    soften(
        &threshold(volume, shape.threshold),
        shape.extend,
        shape.edge,
    )
}

/// Extends the inside by `extend` voxels and gives it a soft edge of `edge` voxels outside that. Negative `extend` keeps the voxels at
/// least that far from every outside voxel.
pub fn soften(inside: &Array3<bool>, extend: f64, edge: f64) -> Array3<f32> {
    if extend < 0.0 {
        let outside = distance_squared_to(&inside.mapv(|is| !is));
        let shrunk = outside.mapv(|square| f64::from(square).sqrt() > -extend);
        return soften(&shrunk, 0.0, edge);
    }
    distance_squared_to(inside).mapv(|square| soft_edge(f64::from(square).sqrt() - extend, edge))
}

/// Σ mask over the number of voxels; 0 for an empty box.
pub fn volume_fraction(mask: &Array3<f32>) -> f64 {
    let values = mask.as_standard_layout();
    let values = values
        .as_slice()
        .expect("the array was just brought into standard layout");
    sum_by(values, |&value| f64::from(value)) / (values.len().max(1) as f64)
}

/// The volume times the mask.
///
/// # Panics
/// When the extents differ.
pub fn apply(volume: &Array3<f32>, mask: &Array3<f32>) -> Array3<f32> {
    blend(volume, mask, 0.0)
}

/// The volume inside the mask, its own mean outside the mask everywhere else: no step at the edge.
///
/// # Panics
/// When the extents differ.
pub fn apply_with_mean(volume: &Array3<f32>, mask: &Array3<f32>) -> Array3<f32> {
    assert_eq!(volume.shape(), mask.shape(), "volume against mask");
    let (volume_standard, mask_standard) = (volume.as_standard_layout(), mask.as_standard_layout());
    let values = volume_standard
        .as_slice()
        .expect("the array was just brought into standard layout");
    let weights = mask_standard
        .as_slice()
        .expect("the array was just brought into standard layout");
    let outside = sum_by(weights, |&m| 1.0 - f64::from(m));
    let total = sum_pairs(values, weights, |&v, &m| {
        f64::from(v) * (1.0 - f64::from(m))
    });
    blend(
        volume,
        mask,
        if outside > 0.0 {
            (total / outside) as f32
        } else {
            0.0
        },
    )
}

fn blend(volume: &Array3<f32>, mask: &Array3<f32>, fill: f32) -> Array3<f32> {
    assert_eq!(volume.shape(), mask.shape(), "volume against mask");
    Zip::from(volume)
        .and(mask)
        .map_collect(|v, m| fill + (v - fill) * m)
}
