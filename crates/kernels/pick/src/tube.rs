//! A hollow tube (microtubule, tubular assembly) in a tomogram: its axis, its radius, and how many protofilaments it has.
//!
//! The axis: sections across a rough line are summed over short stretches and compared with a ring that is brighter than what is inside and
//! outside; a cubic goes through the best places. The number: protofilaments run nearly along the axis, so the angular Fourier component
//! of their number survives the sum along the axis (equator of Amos & Klug 1974), and no other but its neighbours by the missing wedge
//! (±2). A slow turn of the protofilaments about the axis is allowed for every number alike. Units: voxels, `[z, y, x]` volumes,
//! `(x, y, z)` points.

use std::f64::consts::TAU;

use glam::{DMat3, DQuat, DVec3};
use ndarray::ArrayView3;
use thon_compute::cholesky::Cholesky;

use crate::PickError;

/// Voxels between stretches, and half the length of one.
const STRIDE: f64 = 12.0;
/// Half width of the search across the rough line, in radii.
const SEARCH: f64 = 0.6;
/// Widths of the ring and its neighbours, in radii.
const WIDTH: f64 = 0.14;
/// How far the rings inside and outside lie from the wall, in radii.
const ASIDE: f64 = 0.42;
/// Angles on a ring.
const ANGLES: usize = 128;
/// Stretches the number is found in, each alone.
const STRETCHES: usize = 8;

/// A traced tube.
#[derive(Clone, Debug)]
pub struct Tube {
    /// Points on the axis, one voxel apart, `(x, y, z)` voxels.
    pub axis: Vec<DVec3>,
    /// Frames at these points: z along the axis, x and y turned as little as possible from one to the next.
    pub frames: Vec<DQuat>,
    /// Radius of the wall, voxels.
    pub radius: f64,
    /// Mean of the wall less that of inside and outside, in standard deviations of the volume.
    pub contrast: f64,
}

/// What the wall says about the number of protofilaments.
#[derive(Clone, Debug)]
pub struct Protofilaments {
    /// The number with most power.
    pub number: usize,
    /// Numbers that were tried.
    pub tried: Vec<usize>,
    /// Power of each, in units of the mean power of the wall between the layer lines.
    pub power: Vec<f64>,
    /// Short stretches of the tube, and in how many of them the number has more power than the number below and the one above.
    pub stretches: (usize, usize),
    /// Probability that so many stretches, or more, say so by chance (a third each).
    pub p_value: f64,
}

/// Finds the axis of a tube near the line between two points.
///
/// `radii` are the smallest and largest radius of the wall, `bright` is true when matter is bright.
pub fn trace_tube(
    volume: &ArrayView3<'_, f32>,
    ends: [DVec3; 2],
    radii: [f64; 2],
    bright: bool,
) -> Result<Tube, PickError> {
    let length = ends[0].distance(ends[1]);
    if !(radii[0] >= 2.0 && radii[1] >= radii[0] && length > 4.0 * radii[1]) {
        return Err(PickError::Parameter {
            field: "line and radii",
            found: format!("{length:.1} and {radii:?} voxels"),
            expected: "a line longer than four radii, and radii of at least 2 voxels".into(),
        });
    }
    let frame = frame_along(ends[1] - ends[0]);
    let sign = if bright { 1.0 } else { -1.0 };
    let (mean, deviation) = mean_and_deviation(volume);
    let stretches = (length / STRIDE).floor() as usize;
    let mut found = Vec::new();
    for stretch in 0..=stretches {
        let along = stretch as f64 / stretches as f64;
        let middle = ends[0].lerp(ends[1], along);
        if let Some(best) = best_ring(volume, mean, middle, frame, radii, sign) {
            found.push((2.0 * along - 1.0, best));
        }
    }
    if found.len() < 5 {
        return Err(PickError::Parameter {
            field: "line",
            found: format!("{} of {stretches} stretches in the volume", found.len()),
            expected: "5 or more".into(),
        });
    }
    let offset = |axis: usize| {
        let points: Vec<(f64, f64)> = found
            .iter()
            .map(|(t, ring)| (*t, ring.offset[axis]))
            .collect();
        cubic(&points)
    };
    let (across_x, across_y) = (offset(0), offset(1));
    let mut radius: Vec<f64> = found.iter().map(|(_, ring)| ring.radius).collect();
    radius.sort_by(f64::total_cmp);
    let (first, last) = (found[0].0, found[found.len() - 1].0);
    let steps = (length * (last - first) / 2.0) as usize;
    let point = |step: usize| {
        let t = first + (last - first) * step as f64 / steps as f64;
        let straight = ends[0].lerp(ends[1], 0.5 * (t + 1.0));
        straight + frame * DVec3::new(value(&across_x, t), value(&across_y, t), 0.0)
    };
    let axis: Vec<DVec3> = (0..=steps).map(point).collect();
    let contrast = found.iter().map(|(_, ring)| ring.contrast).sum::<f64>() / found.len() as f64;
    Ok(Tube {
        frames: transported(&axis),
        axis,
        radius: radius[radius.len() / 2],
        contrast: contrast / deviation,
    })
}

struct Ring {
    offset: [f64; 2],
    radius: f64,
    contrast: f64,
}

/// The ring that stands out most around a point, in the plane of a frame; `None` when it does not fit into the volume.
fn best_ring(
    volume: &ArrayView3<'_, f32>,
    mean: f64,
    middle: DVec3,
    frame: DQuat,
    radii: [f64; 2],
    sign: f64,
) -> Option<Ring> {
    let reach = radii[1] * (1.0 + ASIDE + SEARCH) + 2.0;
    let half = reach.ceil() as i64;
    let size = 2 * half as usize + 1;
    let mut plane = vec![0.0; size * size];
    let mut inside = 0;
    for v in -half..=half {
        for u in -half..=half {
            let mut sum = 0.0;
            for s in 0..=(STRIDE as i64) {
                let point =
                    middle + frame * DVec3::new(u as f64, v as f64, s as f64 - STRIDE / 2.0);
                if let Some(value) = sample(volume, point) {
                    sum += value - mean;
                    inside += 1;
                }
            }
            plane[(v + half) as usize * size + (u + half) as usize] = sign * sum / (STRIDE + 1.0);
        }
    }
    if inside * 10 < size * size * (STRIDE as usize + 1) * 4 {
        return None;
    }
    let at = |u: f64, v: f64| {
        let (x, y) = (u + half as f64, v + half as f64);
        let (i, j) = (x.floor() as usize, y.floor() as usize);
        if x < 0.0 || y < 0.0 || i + 1 >= size || j + 1 >= size {
            return 0.0;
        }
        let (a, b) = (x - i as f64, y - j as f64);
        let p = |i: usize, j: usize| plane[j * size + i];
        (p(i, j) * (1.0 - a) + p(i + 1, j) * a) * (1.0 - b)
            + (p(i, j + 1) * (1.0 - a) + p(i + 1, j + 1) * a) * b
    };
    let directions: Vec<(f64, f64)> = (0..48).map(|k| (TAU * k as f64 / 48.0).sin_cos()).collect();
    let ring = |u: f64, v: f64, r: f64| {
        let one = |(s, c): &(f64, f64)| at(u + r * c, v + r * s);
        directions.iter().map(one).sum::<f64>() / directions.len() as f64
    };
    let band = |u: f64, v: f64, r: f64, w: f64| {
        (ring(u, v, r - w) + 2.0 * ring(u, v, r) + ring(u, v, r + w)) / 4.0
    };
    let mut best: Option<Ring> = None;
    let search = (radii[1] * SEARCH / 0.5) as i64;
    let steps = ((radii[1] - radii[0]) / 0.5).ceil().max(1.0) as i64;
    for a in -search..=search {
        for b in -search..=search {
            let (u, v) = (0.5 * a as f64, 0.5 * b as f64);
            for k in 0..=steps {
                let r = radii[0] + (radii[1] - radii[0]) * k as f64 / steps as f64;
                let w = WIDTH * r;
                let contrast = band(u, v, r, w)
                    - 0.5 * band(u, v, r * (1.0 - ASIDE), w)
                    - 0.5 * band(u, v, r * (1.0 + ASIDE), w);
                if best.as_ref().is_none_or(|best| contrast > best.contrast) {
                    best = Some(Ring {
                        offset: [u, v],
                        radius: r,
                        contrast,
                    });
                }
            }
        }
    }
    best
}

/// Power of every number of protofilaments in `tried`; `turn` is the shortest length, voxels, over which protofilaments may turn by one.
pub fn count_protofilaments(
    volume: &ArrayView3<'_, f32>,
    tube: &Tube,
    tried: std::ops::RangeInclusive<usize>,
    turn: f64,
) -> Result<Protofilaments, PickError> {
    let tried: Vec<usize> = tried.collect();
    if tried.len() < 3 || tried[0] < 3 || tube.axis.len() < 4 * STRETCHES {
        return Err(PickError::Parameter {
            field: "numbers of protofilaments",
            found: format!("{tried:?} along {} voxels", tube.axis.len()),
            expected: format!("three from 3 on, along {} voxels", 4 * STRETCHES),
        });
    }
    let radii: Vec<f64> = (-3..=3)
        .map(|k| tube.radius * (1.0 + 0.06 * f64::from(k)))
        .collect();
    let mut whole = vec![0.0; tried.len()];
    let mut parts = vec![vec![0.0; tried.len()]; STRETCHES];
    let mut floor = 0.0;
    let count = tube.axis.len();
    for radius in radii {
        let wall = unrolled(volume, tube, radius);
        for (at, &number) in tried.iter().enumerate() {
            let waves: Vec<[f64; 2]> = wall.iter().map(|ring| wave(ring, number)).collect();
            whole[at] += strongest(&waves, 1.0 / turn);
            for (part, sums) in parts.iter_mut().enumerate() {
                let (from, to) = (part * count / STRETCHES, (part + 1) * count / STRETCHES);
                sums[at] += power(&waves[from..to], 0.0);
            }
            // Between the layer lines of a few nanometres and the equator there is only noise.
            let noise = (0..8)
                .map(|k| power(&waves, 0.04 + 0.006 * f64::from(k)))
                .sum::<f64>();
            floor += noise / (8.0 * tried.len() as f64);
        }
    }
    let best = (0..tried.len())
        .max_by(|&a, &b| whole[a].total_cmp(&whole[b]))
        .unwrap_or(0);
    let beats = |sums: &&Vec<f64>| {
        let beside = [best.checked_sub(1), Some(best + 1)].into_iter().flatten();
        beside
            .filter_map(|at| sums.get(at))
            .all(|other| sums[best] > *other)
    };
    let agreeing = parts.iter().filter(beats).count();
    Ok(Protofilaments {
        number: tried[best],
        power: whole
            .iter()
            .map(|power| power / floor.max(f64::MIN_POSITIVE))
            .collect(),
        tried,
        stretches: (STRETCHES, agreeing),
        p_value: at_least(agreeing, STRETCHES, 1.0 / 3.0),
    })
}

/// Values on the cylinder of a radius, ring by ring.
fn unrolled(volume: &ArrayView3<'_, f32>, tube: &Tube, radius: f64) -> Vec<Vec<f64>> {
    let directions: Vec<(f64, f64)> = (0..ANGLES)
        .map(|k| (TAU * k as f64 / ANGLES as f64).sin_cos())
        .collect();
    let ring = |(centre, frame): (&DVec3, &DQuat)| {
        let one = |(s, c): &(f64, f64)| {
            sample(
                volume,
                *centre + *frame * DVec3::new(radius * c, radius * s, 0.0),
            )
        };
        let values: Vec<Option<f64>> = directions.iter().map(one).collect();
        // What lies outside the volume says nothing: it takes the mean of the ring.
        let inside = values.iter().flatten().count().max(1) as f64;
        let mean = values.iter().flatten().sum::<f64>() / inside;
        values
            .into_iter()
            .map(|value| value.unwrap_or(mean))
            .collect()
    };
    tube.axis.iter().zip(&tube.frames).map(ring).collect()
}

/// Angular Fourier component of a ring.
fn wave(ring: &[f64], order: usize) -> [f64; 2] {
    let mut sum = [0.0; 2];
    for (k, value) in ring.iter().enumerate() {
        let (s, c) = (TAU * (order * k) as f64 / ring.len() as f64).sin_cos();
        sum[0] += value * c;
        sum[1] -= value * s;
    }
    sum.map(|v| v / ring.len() as f64)
}

/// Power of the sum along the axis at a frequency, cycles a voxel.
fn power(waves: &[[f64; 2]], frequency: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, [a, b]) in waves.iter().enumerate() {
        let (s, c) = (TAU * frequency * at as f64).sin_cos();
        real += a * c + b * s;
        imaginary += b * c - a * s;
    }
    (real * real + imaginary * imaginary) / waves.len() as f64
}

/// Largest power at frequencies up to `most`.
fn strongest(waves: &[[f64; 2]], most: f64) -> f64 {
    let fine = 0.25 / waves.len() as f64;
    let steps = (most / fine).ceil() as i64;
    let at = |k: i64| power(waves, (k as f64 * fine).clamp(-most, most));
    (-steps..=steps).map(at).fold(0.0, f64::max)
}

/// Probability of `least` or more of `trials` that succeed with `chance` each.
fn at_least(least: usize, trials: usize, chance: f64) -> f64 {
    let term = |k: usize| {
        let ways = (0..k).fold(1.0, |ways, i| ways * (trials - i) as f64 / (i + 1) as f64);
        ways * chance.powi(k as i32) * (1.0 - chance).powi((trials - k) as i32)
    };
    (least..=trials).map(term).sum()
}

/// Value between voxels; `None` outside.
fn sample(volume: &ArrayView3<'_, f32>, point: DVec3) -> Option<f64> {
    let (nz, ny, nx) = volume.dim();
    let floor = point.floor();
    let [x, y, z] = floor.to_array();
    if x < 0.0 || y < 0.0 || z < 0.0 {
        return None;
    }
    let (x, y, z) = (x as usize, y as usize, z as usize);
    if x + 1 >= nx || y + 1 >= ny || z + 1 >= nz {
        return None;
    }
    let [a, b, c] = (point - floor).to_array();
    let p = |i: usize, j: usize, k: usize| f64::from(volume[[z + k, y + j, x + i]]);
    let row = |j: usize, k: usize| p(0, j, k) * (1.0 - a) + p(1, j, k) * a;
    let plane = |k: usize| row(0, k) * (1.0 - b) + row(1, k) * b;
    Some(plane(0) * (1.0 - c) + plane(1) * c)
}

fn mean_and_deviation(volume: &ArrayView3<'_, f32>) -> (f64, f64) {
    let count = volume.len() as f64;
    let mean = volume.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let square = volume
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean, square.sqrt().max(f64::MIN_POSITIVE))
}

/// A frame whose z axis lies along a direction.
pub(crate) fn frame_along(direction: DVec3) -> DQuat {
    let z = direction.normalize_or(DVec3::Z);
    let x = z.any_orthonormal_vector();
    DQuat::from_mat3(&DMat3::from_cols(x, z.cross(x), z))
}

/// Frames along a line, z along it, each turned as little as possible from the one before.
pub(crate) fn transported(points: &[DVec3]) -> Vec<DQuat> {
    let tangent = |at: usize| points[(at + 1).min(points.len() - 1)] - points[at.saturating_sub(1)];
    let mut frame = frame_along(tangent(0));
    let mut frames = Vec::with_capacity(points.len());
    for at in 0..points.len() {
        let wanted = tangent(at).normalize_or(frame * DVec3::Z);
        frame = (DQuat::from_rotation_arc(frame * DVec3::Z, wanted) * frame).normalize();
        frames.push(frame);
    }
    frames
}

/// Coefficients of the cubic through points, those far off counted less.
fn cubic(points: &[(f64, f64)]) -> [f64; 4] {
    let mut weights = vec![1.0; points.len()];
    let mut fitted = [0.0; 4];
    for _ in 0..6 {
        let (mut matrix, mut right) = (vec![0.0; 16], vec![0.0; 4]);
        for ((t, y), weight) in points.iter().zip(&weights) {
            let powers = [1.0, *t, t * t, t * t * t];
            for i in 0..4 {
                right[i] += weight * powers[i] * y;
                for j in 0..4 {
                    matrix[4 * i + j] += weight * powers[i] * powers[j];
                }
            }
        }
        for i in 0..4 {
            matrix[5 * i] += 1e-9;
        }
        let Ok(factor) = Cholesky::new(4, matrix) else {
            break;
        };
        fitted.copy_from_slice(&factor.solve(&right));
        for ((t, y), weight) in points.iter().zip(&mut weights) {
            *weight = 1.0 / (1.0 + (y - value(&fitted, *t)).powi(2));
        }
    }
    fitted
}

fn value(cubic: &[f64; 4], t: f64) -> f64 {
    cubic.iter().rev().fold(0.0, |sum, c| sum * t + c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    fn add_blob(volume: &mut Array3<f32>, x: f64, y: usize, z: f64) {
        for dz in -3i64..=3 {
            for dx in -3i64..=3 {
                let (i, k) = (x.round() as i64 + dx, z.round() as i64 + dz);
                let off = (i as f64 - x).hypot(k as f64 - z);
                volume[[k as usize, y, i as usize]] += (-off * off / 3.0).exp() as f32;
            }
        }
    }

    /// A curved tube of `number` protofilaments that turn by one over `turn` voxels, with noise.
    fn tube_of(number: usize, turn: f64) -> Array3<f32> {
        use rand::RngExt;
        let mut random = thon_compute::seed_stream(7, "tube", number as u64);
        let mut volume =
            Array3::from_shape_fn((60, 180, 70), |_| random.random_range(-1.0f32..1.0));
        for y in 0..180 {
            let centre = DVec3::new(
                30.0 + 0.06 * y as f64,
                y as f64,
                30.0 + 3e-4 * (y as f64 - 90.0).powi(2),
            );
            for j in 0..number {
                let angle = TAU * (j as f64 / number as f64 + y as f64 / (turn * number as f64));
                let (x, z) = (centre.x + 11.0 * angle.cos(), centre.z + 11.0 * angle.sin());
                add_blob(&mut volume, x, y, z);
            }
        }
        volume
    }

    #[test]
    fn protofilaments_of_curved_and_turning_tubes_are_counted() {
        for (number, turn) in [
            (11, 400.0),
            (12, -300.0),
            (13, 1e9),
            (14, 500.0),
            (15, -350.0),
        ] {
            let volume = tube_of(number, turn);
            let ends = [DVec3::new(33.0, 3.0, 31.0), DVec3::new(38.0, 176.0, 34.0)];
            let tube = trace_tube(&volume.view(), ends, [9.0, 13.0], true).unwrap();
            assert!((tube.radius - 11.0).abs() < 1.0, "{}", tube.radius);
            let middle = tube.axis[tube.axis.len() / 2];
            let wanted = 30.0 + 0.06 * middle.y;
            assert!((middle.x - wanted).abs() < 0.6, "{middle} {wanted}");
            let found = count_protofilaments(&volume.view(), &tube, 8..=20, 190.0).unwrap();
            assert_eq!(found.number, number, "{:?}", found.power);
            assert!(found.p_value < 0.01, "{found:?}");
        }
    }

    #[test]
    fn noise_alone_has_no_number() {
        let volume = tube_of(0, 1.0);
        let ends = [DVec3::new(33.0, 3.0, 31.0), DVec3::new(38.0, 176.0, 34.0)];
        let tube = trace_tube(&volume.view(), ends, [9.0, 13.0], true).unwrap();
        let found = count_protofilaments(&volume.view(), &tube, 8..=20, 190.0).unwrap();
        assert!(found.p_value > 0.01, "{found:?}");
        assert!(trace_tube(&volume.view(), [ends[0], ends[0]], [9.0, 13.0], true).is_err());
    }
}
