//! A density map as a lit isosurface, by casting one ray per pixel.
//!
//! Orthographic view along −z of the turned map; the surface is the first crossing of the threshold,
//! refined by linear interpolation, its normal the central-difference gradient, lit from the upper left. Cells whose
//! eight corners lie below the threshold hold no crossing and are passed over, whole empty bricks of them at once.

use glam::{DQuat, DVec3};
use ndarray::Array3;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::bricks::Bricks;
use crate::{Colour, Picture};

/// How a surface is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Density at the surface.
    pub threshold: f32,
    /// Rotation of the map before it is looked at.
    pub rotation: DQuat,
    /// Edge of the square picture, pixels.
    pub size: usize,
    /// Colour of the surface in full light.
    pub colour: Colour,
}

const BACKGROUND: Colour = [255, 255, 255];
const STEP: f64 = 0.5;
/// Steps between looks at how far the next full brick is.
const TOGETHER: usize = 8;

/// Draws the isosurface of a map `[z, y, x]`.
pub fn surface(map: &Array3<f32>, view: &Surface) -> Picture {
    let longest = map.shape().iter().copied().max().unwrap_or(1) as f64;
    let scale = longest / view.size.max(1) as f64;
    let bricks = Bricks::new(map, view.threshold);
    let row = |row: usize| -> Vec<Colour> {
        let y = (view.size as f64 / 2.0 - row as f64) * scale;
        let cast_column = |column: usize| {
            let x = (column as f64 - view.size as f64 / 2.0) * scale;
            cast(map, &bricks, view, [x, y], 0.87 * longest)
        };
        (0..view.size).map(cast_column).collect()
    };
    let rows: Vec<Vec<Colour>> = (0..view.size).into_par_iter().map(row).collect();
    let pixels = rows.into_iter().flatten().flatten().collect();
    Picture {
        width: view.size,
        height: view.size,
        pixels,
    }
}

/// Colour that the ray at (x, y), in voxels from the centre, meets.
fn cast(map: &Array3<f32>, bricks: &Bricks, view: &Surface, at: [f64; 2], reach: f64) -> Colour {
    let back = view.rotation.conjugate();
    let steps = (2.0 * reach / STEP) as usize;
    let first = back * DVec3::new(at[0], at[1], reach);
    let along = back * DVec3::NEG_Z * STEP;
    let position = |step: usize| first + along * step as f64;
    let range = bricks.steps_inside(first, along, steps);
    let mut begin = range.start;
    while begin < range.end {
        let empty = (bricks.empty_around(position(begin)) / STEP) as usize;
        if empty > 0 {
            begin += empty;
            continue;
        }
        let end = range.end.min(begin + TOGETHER);
        for step in begin..end {
            if !bricks.reaches(position(step)) {
                continue;
            }
            let value = density(map, position(step));
            if value >= view.threshold {
                let before = step
                    .checked_sub(1)
                    .map_or(0.0, |step| density(map, position(step)));
                let fraction =
                    f64::from((value - view.threshold) / (value - before).max(f32::MIN_POSITIVE));
                let depth = reach - step as f64 * STEP + STEP * fraction.clamp(0.0, 1.0);
                let hit = DVec3::new(at[0], at[1], depth);
                return shade(map, view, back, hit, (hit.z + reach) / (2.0 * reach));
            }
        }
        begin = end;
    }
    BACKGROUND
}

fn shade(map: &Array3<f32>, view: &Surface, back: DQuat, hit: DVec3, nearness: f64) -> Colour {
    let slope = |axis: DVec3| {
        f64::from(density(map, back * (hit - axis)) - density(map, back * (hit + axis)))
    };
    let normal =
        DVec3::new(slope(DVec3::X), slope(DVec3::Y), slope(DVec3::Z)).normalize_or(DVec3::Z);
    // A lamp at the upper left, light from the sky, a little gloss; what lies deeper is dimmer.
    let light = DVec3::new(-0.45, 0.55, 0.7).normalize();
    let lamp = normal.dot(light).max(0.0);
    let sky = 0.5 + 0.5 * normal.y;
    let depth = 0.7 + 0.3 * nearness.clamp(0.0, 1.0);
    let brightness = (0.3 + 0.15 * sky + 0.6 * lamp) * depth;
    let halfway = (light + DVec3::Z).normalize();
    let gloss = 40.0 * normal.dot(halfway).max(0.0).powi(30);
    view.colour
        .map(|channel| (f64::from(channel) * brightness + gloss).clamp(0.0, 255.0) as u8)
}

/// The cell `[z, y, x]` of a position in voxels (x, y, z) from the centre voxel and where it lies in it; none outside.
fn cell(map: &Array3<f32>, position: DVec3) -> Option<([usize; 3], DVec3)> {
    let (nz, ny, nx) = map.dim();
    let at = position + DVec3::new((nx / 2) as f64, (ny / 2) as f64, (nz / 2) as f64);
    let inside = |v: f64, n: usize| v >= 0.0 && v < (n.max(1) - 1) as f64;
    if !(inside(at.x, nx) && inside(at.y, ny) && inside(at.z, nz)) {
        return None;
    }
    let (x, y, z) = (at.x as usize, at.y as usize, at.z as usize);
    let base = DVec3::new(x as f64, y as f64, z as f64);
    Some(([z, y, x], at - base))
}

/// Trilinear density at a position in voxels (x, y, z) from the centre voxel; 0 outside.
fn density(map: &Array3<f32>, position: DVec3) -> f32 {
    let Some(([z, y, x], within)) = cell(map, position) else {
        return 0.0;
    };
    let f = within.as_vec3();
    let edge = |z: usize, y: usize| map[[z, y, x]] * (1.0 - f.x) + map[[z, y, x + 1]] * f.x;
    let face = |z: usize| edge(z, y) * (1.0 - f.y) + edge(z, y + 1) * f.y;
    face(z) * (1.0 - f.z) + face(z + 1) * f.z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ball_is_a_disc_brighter_at_the_upper_left() {
        let map = Array3::from_shape_fn((32, 32, 32), |(z, y, x)| {
            let r2 = [z, y, x]
                .iter()
                .map(|&i| (i as f32 - 16.0).powi(2))
                .sum::<f32>();
            (-r2 / 50.0).exp()
        });
        let view = Surface {
            threshold: (-1.0f32).exp(), // radius √50 voxels
            rotation: DQuat::IDENTITY,
            size: 64,
            colour: [200, 200, 200],
        };
        let picture = surface(&map, &view);
        let covered = picture
            .pixels
            .chunks(3)
            .filter(|p| *p != BACKGROUND)
            .count() as f64;
        let expected = std::f64::consts::PI * 50.0 * 4.0;
        assert!(
            (covered / expected - 1.0).abs() < 0.05,
            "{covered} against {expected}"
        );
        assert!(picture.get(26, 26)[0] > picture.get(38, 38)[0] + 30);
    }
}
