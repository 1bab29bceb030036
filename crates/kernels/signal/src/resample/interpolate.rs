//! Values between voxels: linear, and cubic convolution with a = −1/2 (Keys 1981).
//!
//! Positions are in voxels, `(x, y, z)`, centres at integers. Inside means within half a voxel of a voxel centre:
//! −0.5 ≤ x < n − 0.5; there, neighbours beyond the edge repeat the edge. Outside there is no value.

use ndarray::{Array2, Array3};

/// How values between voxels are made.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// From the 2 nearest voxels of each axis: exact for planes, blurs.
    Linear,
    /// From the 4 nearest voxels of each axis: exact for quadratics, blurs little.
    #[default]
    Cubic,
}

/// Value of a volume `[z, y, x]` at `(x, y, z)` voxels; `None` outside.
pub fn sample3(
    volume: &Array3<f32>,
    position: [f64; 3],
    interpolation: Interpolation,
) -> Option<f32> {
    let (nz, ny, nx) = volume.dim();
    let fetch = |z: usize, y: usize, x: usize| volume[[z, y, x]];
    sample(fetch, [nx, ny, nz], position, interpolation)
}

/// Value of an image `[y, x]` at `(x, y)` pixels; `None` outside.
pub fn sample2(
    image: &Array2<f32>,
    position: [f64; 2],
    interpolation: Interpolation,
) -> Option<f32> {
    let (ny, nx) = image.dim();
    let fetch = |_: usize, y: usize, x: usize| image[[y, x]];
    sample(
        fetch,
        [nx, ny, 1],
        [position[0], position[1], 0.0],
        interpolation,
    )
}

/// The same for a contiguous volume `[z, y, x]` of extents `(x, y, z)`.
pub(super) fn sample_slice(
    values: &[f32],
    [nx, ny, nz]: [usize; 3],
    position: [f64; 3],
    how: Interpolation,
) -> Option<f32> {
    sample(
        |z, y, x| values[(z * ny + y) * nx + x],
        [nx, ny, nz],
        position,
        how,
    )
}

#[inline]
fn sample(
    fetch: impl Fn(usize, usize, usize) -> f32,
    dims: [usize; 3],
    position: [f64; 3],
    how: Interpolation,
) -> Option<f32> {
    let [nx, ny, nz] = dims;
    let [px, py, pz] = position;
    let inside = |p: f64, n: usize| p >= -0.5 && p < n as f64 - 0.5;
    if !(inside(px, nx) && inside(py, ny) && inside(pz, nz)) {
        return None;
    }
    Some(match how {
        Interpolation::Linear => weigh(fetch, linear(px, nx), linear(py, ny), linear(pz, nz)),
        Interpolation::Cubic => weigh(fetch, cubic(px, nx), cubic(py, ny), cubic(pz, nz)),
    })
}

/// Neighbours on one axis and their weights.
type Taps<const N: usize> = [(usize, f32); N];

fn weigh<const N: usize>(
    fetch: impl Fn(usize, usize, usize) -> f32,
    xs: Taps<N>,
    ys: Taps<N>,
    zs: Taps<N>,
) -> f32 {
    let mut value = 0.0;
    for (z, weight_z) in zs {
        let mut plane = 0.0;
        for (y, weight_y) in ys {
            let mut row = 0.0;
            for (x, weight_x) in xs {
                row += weight_x * fetch(z, y, x);
            }
            plane += weight_y * row;
        }
        value += weight_z * plane;
    }
    value
}

/// Whole part and fraction of a position.
fn split(position: f64) -> (isize, f32) {
    let floor = position.floor();
    (floor as isize, (position - floor) as f32)
}

fn clamp(index: isize, length: usize) -> usize {
    index.clamp(0, length as isize - 1) as usize
}

fn linear(position: f64, length: usize) -> Taps<2> {
    let (floor, t) = split(position);
    [
        (clamp(floor, length), 1.0 - t),
        (clamp(floor + 1, length), t),
    ]
}

fn cubic(position: f64, length: usize) -> Taps<4> {
    let (floor, t) = split(position);
    let weights = [
        0.5 * t * ((2.0 - t) * t - 1.0),
        0.5 * (t * t * (3.0 * t - 5.0) + 2.0),
        0.5 * t * ((4.0 - 3.0 * t) * t + 1.0),
        0.5 * t * t * (t - 1.0),
    ];
    [0, 1, 2, 3].map(|tap| (clamp(floor + tap as isize - 1, length), weights[tap]))
}
