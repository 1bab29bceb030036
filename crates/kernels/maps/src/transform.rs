//! A map on another grid, in another pose, hand or contrast, filtered: one after the other in a fixed order.
//!
//! Order: contrast, hand, turn and shift (one interpolation), voxel size and box (one exact resampling), filters. Turns are about
//! voxel floor(n/2), which stays the centre of the new box.

use std::f64::consts::PI;

use glam::{DMat3, DVec3};
use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_model::Map;
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_signal::resample::{
    Interpolation, Origin, crop_or_pad3, fourier_resample3, mirror3, rescale3, rotate3,
};
use thon_units::{Angstrom, Degrees, PixelSize, SquareAngstrom};

/// Boxes up to this edge are interpolated on a grid twice as fine.
const LARGEST_FINE: usize = 224;

/// What is done to a map.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransformOptions {
    /// Change the sign of the densities.
    pub invert: bool,
    /// Take the mirror image, x → −x about the centre voxel: the other hand.
    pub mirror: bool,
    /// Turn the map about an axis through the centre voxel.
    pub turn: Turn,
    /// Move the map by this, after the turn.
    pub shift: Shift,
    /// Edge length of the new voxels.
    pub voxel_size: Option<PixelSize>,
    /// Edge of the new cubic box, voxels; keeps the field of view when empty.
    #[schemars(range(min = 2, max = 4096))]
    pub box_size: Option<usize>,
    /// Leave out what is finer than this.
    pub low_pass: Option<Angstrom>,
    /// Leave out what is coarser than this.
    pub high_pass: Option<Angstrom>,
    /// Multiply amplitudes by exp(−B/4d²); negative sharpens.
    pub b_factor: SquareAngstrom,
}

/// A turn about an axis; active, counter-clockwise seen against the axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// Direction of the axis, x.
    pub x: f64,
    /// Direction of the axis, y.
    pub y: f64,
    /// Direction of the axis, z.
    pub z: f64,
    /// Angle of the turn.
    pub angle: Degrees,
}

impl Default for Turn {
    fn default() -> Self {
        Self {
            x: 0.0,
            y: 0.0,
            z: 1.0,
            angle: Degrees(0.0),
        }
    }
}

/// A shift.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shift {
    /// Along x.
    pub x: Angstrom,
    /// Along y.
    pub y: Angstrom,
    /// Along z.
    pub z: Angstrom,
}

impl TransformOptions {
    /// Voxel size and box of the result for a map of these.
    pub fn grid(&self, dims: [usize; 3], voxel_size: PixelSize) -> ([usize; 3], PixelSize) {
        let new = self.voxel_size.unwrap_or(voxel_size);
        let ratio = voxel_size.0 / new.0;
        let kept = dims.map(|n| ((n as f64 * ratio / 2.0).round() as usize * 2).max(2));
        let kept = if self.voxel_size.is_some() {
            kept
        } else {
            dims
        };
        (self.box_size.map_or(kept, |edge| [edge; 3]), new)
    }
}

/// The map after everything that `options` ask for; new voxels outside the old box are 0.
pub fn transform(map: &Map, options: &TransformOptions) -> Map {
    let mut data = if options.invert {
        map.data.mapv(|v| -v)
    } else {
        map.data.clone()
    };
    if options.mirror {
        data = mirror3(&data);
    }
    let axis = DVec3::new(options.turn.x, options.turn.y, options.turn.z);
    let angle = options.turn.angle.0 * PI / 180.0;
    let shift = [options.shift.x, options.shift.y, options.shift.z].map(|s| s.0 / map.voxel_size.0);
    if angle != 0.0 || shift != [0.0; 3] {
        let axis = axis.normalize_or(DVec3::Z);
        data = moved(&data, DMat3::from_axis_angle(axis, angle), shift);
    }
    let (dims, voxel_size) = options.grid(map.dims(), map.voxel_size);
    if voxel_size != map.voxel_size {
        data = rescale3(&data, map.voxel_size.0, voxel_size.0, dims, 0.0);
    } else if dims != map.dims() {
        data = crop_or_pad3(&data, dims, 0.0);
    }
    let edge = dims.into_iter().max().unwrap_or(1) as f64 * voxel_size.0;
    let soft = Edge::RaisedCosine(2.0 / edge);
    let mut filters = Vec::new();
    filters.extend(options.low_pass.map(|d| RadialFilter::LowPass {
        cutoff: 1.0 / d.0,
        edge: soft,
    }));
    filters.extend(options.high_pass.map(|d| RadialFilter::HighPass {
        cutoff: 1.0 / d.0,
        edge: soft,
    }));
    if options.b_factor.0 != 0.0 {
        filters.push(RadialFilter::BFactor(options.b_factor.0));
    }
    if !filters.is_empty() {
        data = apply_filters3(&data, voxel_size.0, &filters);
    }
    Map::new(data, voxel_size)
}

/// A volume turned actively by `rotation` about its centre voxel, then moved by `shift` voxels `(x, y, z)`: cubic
/// interpolation on a grid twice as fine (boxes beyond 224 voxels: on their own), 0 outside.
pub fn moved(data: &Array3<f32>, rotation: DMat3, shift: [f64; 3]) -> Array3<f32> {
    let (nz, ny, nx) = data.dim();
    let dims = [nz, ny, nx];
    if dims.iter().any(|n| *n > LARGEST_FINE) {
        return rotate3(data, rotation, shift, Interpolation::Cubic, 0.0);
    }
    let fine = fourier_resample3(data, dims.map(|n| 2 * n), Origin::CentreVoxel);
    let turned = rotate3(
        &fine,
        rotation,
        shift.map(|s| 2.0 * s),
        Interpolation::Cubic,
        0.0,
    );
    // Every second voxel, so that the centre 2·floor(n/2)… of the fine grid falls on the centre of the coarse one.
    let first = dims.map(|n| n - 2 * (n / 2));
    Array3::from_shape_fn(dims, |(z, y, x)| {
        turned[[2 * z + first[0], 2 * y + first[1], 2 * x + first[2]]]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(n: usize, at: DVec3, voxel_size: f64) -> Map {
        let centre = DVec3::splat((n / 2) as f64);
        let data = Array3::from_shape_fn((n, n, n), |(z, y, x)| {
            let r = (DVec3::new(x as f64, y as f64, z as f64) - centre) * voxel_size - at;
            (-r.length_squared() / (2.0 * 12.0 * 12.0)).exp() as f32
        });
        Map::new(data, PixelSize(voxel_size))
    }

    fn close(a: &Map, b: &Map) -> f32 {
        assert_eq!((a.dims(), a.voxel_size), (b.dims(), b.voxel_size));
        (&a.data - &b.data).iter().fold(0.0, |m, d| d.abs().max(m))
    }

    #[test]
    fn turns_and_shifts_move_a_blob_to_where_they_say() {
        for n in [32, 33] {
            let map = gaussian(n, DVec3::new(20.0, 0.0, 0.0), 4.0);
            let options = TransformOptions {
                turn: Turn {
                    angle: Degrees(90.0),
                    ..Turn::default()
                },
                shift: Shift {
                    z: Angstrom(10.0),
                    ..Shift::default()
                },
                ..TransformOptions::default()
            };
            let expected = gaussian(n, DVec3::new(0.0, 20.0, 10.0), 4.0);
            let error = close(&transform(&map, &options), &expected);
            assert!(error < 2e-3, "{n}: {error}");
        }
    }

    #[test]
    fn hand_contrast_voxels_and_box_change() {
        let map = gaussian(32, DVec3::new(16.0, 8.0, 0.0), 4.0);
        let options = TransformOptions {
            invert: true,
            mirror: true,
            voxel_size: Some(PixelSize(5.0)),
            box_size: Some(24),
            ..TransformOptions::default()
        };
        let mut expected = gaussian(24, DVec3::new(-16.0, 8.0, 0.0), 5.0);
        expected.data.mapv_inplace(|v| -v);
        let error = close(&transform(&map, &options), &expected);
        assert!(error < 2e-3, "{error}");
        let kept = TransformOptions {
            voxel_size: Some(PixelSize(8.0)),
            ..TransformOptions::default()
        };
        assert_eq!(transform(&map, &kept).dims(), [16; 3]);
        let padded = TransformOptions {
            box_size: Some(40),
            ..TransformOptions::default()
        };
        let error = close(
            &transform(&map, &padded),
            &gaussian(40, DVec3::new(16.0, 8.0, 0.0), 4.0),
        );
        assert!(error < 1e-2, "{error}");
    }

    #[test]
    fn filters_keep_what_they_should() {
        let map = gaussian(32, DVec3::ZERO, 4.0);
        let low = TransformOptions {
            low_pass: Some(Angstrom(12.0)),
            ..TransformOptions::default()
        };
        assert!(
            close(&transform(&map, &low), &map) < 1e-3,
            "a smooth map stays"
        );
        let high = TransformOptions {
            high_pass: Some(Angstrom(20.0)),
            ..TransformOptions::default()
        };
        assert!(transform(&map, &high).data[[16, 16, 16]].abs() < 0.05);
        // A Gaussian of σ = 12 Å blurred by B: σ² grows by B/8π², and the top falls as σ³/σ'³.
        let blurred = TransformOptions {
            b_factor: SquareAngstrom(2000.0),
            ..TransformOptions::default()
        };
        let expected = (144.0_f64 / (144.0 + 2000.0 / (8.0 * PI * PI))).powf(1.5);
        let found = f64::from(transform(&map, &blurred).data[[16, 16, 16]]);
        assert!(
            (found - expected).abs() < 1e-3,
            "{found} against {expected}"
        );
    }
}
