//! Places on shapes that a person draws: points, dipoles, spheres, ellipsoids, filaments, tubes and surfaces (Dynamo's models, RELION's
//! picks), a distance apart, turned as the shape says.
//!
//! Lengths in Å in the specimen frame. z of a particle points along the normal (outwards), along the filament, or from the middle of a
//! dipole to its north; x of a particle on a tube points along the axis. The turn about a normal that nothing fixes is random, by seed.

use std::f64::consts::TAU;

use glam::{DMat3, DQuat, DVec3};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tube::{frame_along, transported};
use crate::{PickError, Place, duplicates};

/// Candidates for each particle on a closed surface.
const CANDIDATES: f64 = 24.0;
/// Most particles on one shape.
const MOST: f64 = 2e6;

/// A shape with what decides where its particles lie. Points are x, y, z in Å in the specimen frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "shape", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Shape {
    /// Single places without orientation.
    Points {
        /// The places.
        points: Vec<[f64; 3]>,
    },
    /// A place and the direction of its z axis.
    Dipole {
        /// The place.
        centre: [f64; 3],
        /// A point in the direction of z.
        north: [f64; 3],
    },
    /// A vesicle: particles on a sphere, z outwards.
    Sphere {
        /// Its middle.
        centre: [f64; 3],
        /// Its radius.
        radius: f64,
    },
    /// Particles on an ellipsoid, z outwards.
    Ellipsoid {
        /// Its middle.
        centre: [f64; 3],
        /// Its semi-axes.
        semi_axes: [f64; 3],
        /// How it is turned, as a quaternion x, y, z, w; not when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rotation: Option<[f64; 4]>,
    },
    /// A line through points: particles along it, z in its direction.
    Filament {
        /// Points on the line, in order.
        points: Vec<[f64; 3]>,
        /// Turn about the line from one particle to the next, degrees.
        #[serde(default)]
        twist: f64,
    },
    /// A tube around a line: particles on its wall, z outwards, x along the line.
    Tube {
        /// Points on the axis, in order.
        points: Vec<[f64; 3]>,
        /// Radius of the wall.
        radius: f64,
        /// Lattice on the wall; particles as far apart as asked for when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lattice: Option<TubeLattice>,
    },
    /// The smooth surface through points that lie on a sheet: z along its normal, which is turned towards `above` when it is given.
    Surface {
        /// Six or more points on it.
        points: Vec<[f64; 3]>,
        /// A point on the side that normals point to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        above: Option<[f64; 3]>,
    },
}

/// Subunits on the wall of a tube.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TubeLattice {
    /// Number of protofilaments.
    pub protofilaments: usize,
    /// Distance of subunits along a protofilament, Å.
    pub rise: f64,
    /// Start number of the helix across protofilaments; negative for a left-handed one.
    #[serde(default)]
    pub start: i32,
    /// Turn of the protofilaments about the axis over a rise, degrees.
    #[serde(default)]
    pub twist: f64,
}

/// Places on a shape, `spacing` Å apart; their rotations are `None` where the shape says nothing of them.
pub fn sample_shape(shape: &Shape, spacing: f64, seed: u64) -> Result<Vec<Place>, PickError> {
    if !(spacing > 0.0 && spacing.is_finite()) {
        return Err(wrong("spacing", &spacing, "a length above 0 Å"));
    }
    let vector = |point: &[f64; 3]| DVec3::from_array(*point);
    let line = |points: &[[f64; 3]]| curve(&points.iter().map(vector).collect::<Vec<_>>());
    match shape {
        Shape::Points { points } => {
            let place = |point| Place {
                position: vector(point),
                rotation: None,
            };
            Ok(points.iter().map(place).collect())
        }
        Shape::Dipole { centre, north } => Ok(vec![Place {
            position: vector(centre),
            rotation: Some(about_normal(vector(north) - vector(centre), seed, 0)),
        }]),
        Shape::Sphere { centre, radius } => closed(
            vector(centre),
            DVec3::splat(*radius),
            DQuat::IDENTITY,
            spacing,
            seed,
        ),
        Shape::Ellipsoid {
            centre,
            semi_axes,
            rotation,
        } => {
            let turn = rotation
                .map_or(DQuat::IDENTITY, DQuat::from_array)
                .normalize();
            closed(
                vector(centre),
                DVec3::from_array(*semi_axes),
                turn,
                spacing,
                seed,
            )
        }
        Shape::Filament { points, twist } => Ok(filament(&line(points)?, spacing, *twist)),
        Shape::Tube {
            points,
            radius,
            lattice,
        } => {
            if !(*radius > 0.0 && radius.is_finite()) {
                return Err(wrong("radius", radius, "a length above 0 Å"));
            }
            let lattice = lattice.unwrap_or_else(|| TubeLattice {
                protofilaments: ((TAU * radius / spacing).round() as usize).max(1),
                rise: spacing,
                start: 0,
                twist: 0.0,
            });
            wall(&line(points)?, *radius, lattice)
        }
        Shape::Surface { points, above } => {
            let points: Vec<DVec3> = points.iter().map(vector).collect();
            let above = above.as_ref().map(vector);
            crate::sheet::places(&points, above, spacing, seed)
        }
    }
}

pub(crate) fn wrong(field: &'static str, found: &dyn std::fmt::Debug, expected: &str) -> PickError {
    PickError::Parameter {
        field,
        found: format!("{found:?}"),
        expected: expected.into(),
    }
}

/// A frame with z along a direction, turned about it at random.
pub(crate) fn about_normal(normal: DVec3, seed: u64, index: u64) -> DQuat {
    let turn = thon_compute::seed_stream(seed, "turns about normals", index).random_range(0.0..TAU);
    frame_along(normal) * DQuat::from_rotation_z(turn)
}

/// Keeps places so that no two are nearer than the spacing, in a random order of choice.
pub(crate) fn thinned(places: &[Place], spacing: f64, seed: u64) -> Vec<Place> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    let mut random = thon_compute::seed_stream(seed, "order of places", 0);
    for at in (1..order.len()).rev() {
        order.swap(at, random.random_range(0..=at));
    }
    let repeated = duplicates(places, &order, spacing, None, &[DQuat::IDENTITY]);
    let kept = places
        .iter()
        .zip(repeated)
        .filter(|(_, better)| better.is_none());
    kept.map(|(place, _)| *place).collect()
}

/// Places on an ellipsoid: points spread evenly over the sphere, each taken with the chance its share of the area gives, then thinned.
fn closed(
    centre: DVec3,
    axes: DVec3,
    turn: DQuat,
    spacing: f64,
    seed: u64,
) -> Result<Vec<Place>, PickError> {
    if !(axes.min_element() > 0.0 && axes.is_finite()) {
        return Err(wrong("radius", &axes.to_array(), "lengths above 0 Å"));
    }
    let largest = axes.max_element();
    let wanted = 2.0 * TAU * largest * largest / (spacing * spacing) * CANDIDATES;
    if wanted > MOST * CANDIDATES {
        return Err(wrong(
            "spacing",
            &spacing,
            "at most 2 million particles on a shape",
        ));
    }
    let count = wanted.ceil().max(64.0) as usize;
    // Area of the ellipsoid for that of the sphere, at a direction: abc · |(x/a, y/b, z/c)|.
    let share = |d: DVec3| axes.x * axes.y * axes.z * (d / axes).length();
    let most = axes.x * axes.y * axes.z / axes.min_element();
    let golden = TAU * (1.0 - 2.0 / (1.0 + 5.0f64.sqrt()));
    let mut random = thon_compute::seed_stream(seed, "places on a shape", 0);
    let mut places = Vec::new();
    for at in 0..count {
        let z = 1.0 - 2.0 * (at as f64 + 0.5) / count as f64;
        let (s, c) = (golden * at as f64).sin_cos();
        let ring = (1.0 - z * z).sqrt();
        let direction = DVec3::new(ring * c, ring * s, z);
        if random.random_range(0.0..1.0) * most > share(direction) {
            continue;
        }
        let normal = turn * (direction / axes).normalize();
        places.push(Place {
            position: centre + turn * (direction * axes),
            rotation: Some(about_normal(normal, seed, at as u64)),
        });
    }
    Ok(thinned(&places, spacing, seed))
}

/// A smooth line through points (Catmull-Rom), as a dense row of points with equal steps of at most a hundredth of its length.
fn curve(points: &[DVec3]) -> Result<Vec<DVec3>, PickError> {
    let finite = points.iter().all(|point| point.is_finite());
    if points.len() < 2 || !finite || points.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(wrong(
            "points",
            &points.len(),
            "two or more different points on a line",
        ));
    }
    let last = points.len() - 1;
    let mut dense = Vec::new();
    for at in 0..last {
        let before = points[at.saturating_sub(1)];
        let (from, to) = (points[at], points[at + 1]);
        let after = points[(at + 2).min(last)];
        for step in 0..200 {
            let t = f64::from(step) / 200.0;
            let (a, b) = ((to - before) / 2.0, (after - from) / 2.0);
            let cubic = a + b - 2.0 * (to - from);
            let square = 3.0 * (to - from) - 2.0 * a - b;
            dense.push(from + t * (a + t * (square + t * cubic)));
        }
    }
    dense.push(points[last]);
    Ok(dense)
}

/// Points at equal steps along a dense line.
fn steps(dense: &[DVec3], step: f64) -> Vec<DVec3> {
    let mut out = vec![dense[0]];
    let mut left = step;
    for pair in dense.windows(2) {
        let length = pair[0].distance(pair[1]);
        let mut gone = 0.0;
        while length - gone >= left && out.len() < MOST as usize {
            gone += left;
            out.push(pair[0].lerp(pair[1], gone / length));
            left = step;
        }
        left -= length - gone;
    }
    out
}

fn filament(dense: &[DVec3], spacing: f64, twist: f64) -> Vec<Place> {
    let points = steps(dense, spacing);
    let frames = transported(&points);
    let place = |(at, (position, frame)): (usize, (DVec3, DQuat))| Place {
        position,
        rotation: Some(frame * DQuat::from_rotation_z((twist * at as f64).to_radians())),
    };
    points
        .into_iter()
        .zip(frames)
        .enumerate()
        .map(place)
        .collect()
}

fn wall(dense: &[DVec3], radius: f64, lattice: TubeLattice) -> Result<Vec<Place>, PickError> {
    let TubeLattice {
        protofilaments,
        rise,
        start,
        twist,
    } = lattice;
    if protofilaments == 0 || !(rise > 0.0 && rise.is_finite()) {
        return Err(wrong(
            "lattice",
            &lattice,
            "protofilaments and a rise above 0 Å",
        ));
    }
    let length: f64 = dense.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
    if length / rise * protofilaments as f64 > MOST {
        return Err(wrong(
            "rise",
            &rise,
            "at most 2 million particles on a shape",
        ));
    }
    // The axis in fine steps, so that the place of a subunit between them is exact enough.
    let fine = (rise / 64.0).max(length / 1e6);
    let axis = steps(dense, fine);
    let frames = transported(&axis);
    let mut places = Vec::new();
    let turns = (length / rise).floor() as i64;
    for i in -i64::from(start.abs())..=turns + i64::from(start.abs()) {
        for j in 0..protofilaments {
            let share = j as f64 / protofilaments as f64;
            let along = rise * (i as f64 + share * f64::from(start));
            let at = (along / fine).round();
            if at < 0.0 || at as usize >= axis.len() {
                continue;
            }
            let (centre, frame) = (axis[at as usize], frames[at as usize]);
            let angle = TAU * share + twist.to_radians() * along / rise;
            let out = frame * DVec3::new(angle.cos(), angle.sin(), 0.0);
            let x = frame * DVec3::Z;
            let columns = DMat3::from_cols(x, out.cross(x), out);
            places.push(Place {
                position: centre + radius * out,
                rotation: Some(DQuat::from_mat3(&columns)),
            });
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(places: &[Place]) -> Vec<f64> {
        let one = |(at, place): (usize, &Place)| {
            let others = places.iter().enumerate().filter(|(other, _)| *other != at);
            others
                .map(|(_, other)| other.position.distance(place.position))
                .fold(f64::INFINITY, f64::min)
        };
        places.iter().enumerate().map(one).collect()
    }

    #[test]
    fn particles_on_closed_shapes_keep_their_distance_and_stand_upright() {
        let turn = DQuat::from_euler(glam::EulerRot::ZYX, 0.4, -0.8, 1.1);
        let axes = DVec3::new(300.0, 200.0, 450.0);
        let centre = [10.0, -20.0, 30.0];
        for (shape, axes, turn) in [
            (
                Shape::Sphere {
                    centre,
                    radius: 300.0,
                },
                DVec3::splat(300.0),
                DQuat::IDENTITY,
            ),
            (
                Shape::Ellipsoid {
                    centre,
                    semi_axes: axes.to_array(),
                    rotation: Some(turn.to_array()),
                },
                axes,
                turn,
            ),
        ] {
            let places = sample_shape(&shape, 50.0, 3).unwrap();
            let apart = nearest(&places);
            assert!(apart.iter().all(|d| *d >= 50.0 && *d < 100.0), "{apart:?}");
            for place in &places {
                let local = turn.conjugate() * (place.position - DVec3::from_array(centre));
                assert!(((local / axes).length() - 1.0).abs() < 1e-9);
                let normal = turn * (local / (axes * axes)).normalize();
                assert!((place.rotation.unwrap() * DVec3::Z).dot(normal) > 1.0 - 1e-9);
            }
            assert_eq!(places, sample_shape(&shape, 50.0, 3).unwrap());
            assert!(places.len() > 250, "{}", places.len());
        }
    }

    #[test]
    fn filaments_and_tubes_follow_their_axis() {
        let bent = |t: f64| [400.0 * t.cos(), 400.0 * t.sin(), 100.0 * t];
        let points: Vec<[f64; 3]> = (0..9).map(|k| bent(0.25 * f64::from(k))).collect();
        let line = Shape::Filament {
            points: points.clone(),
            twist: 30.0,
        };
        let places = sample_shape(&line, 20.0, 1).unwrap();
        assert!((places.len() as i64 - 42).abs() <= 1, "{}", places.len());
        for pair in places.windows(2) {
            let step = pair[1].position - pair[0].position;
            assert!((step.length() - 20.0).abs() < 0.1);
            let z = pair[0].rotation.unwrap() * DVec3::Z;
            assert!(z.dot(step.normalize()) > 0.99);
            let turn = pair[0].rotation.unwrap().conjugate() * pair[1].rotation.unwrap();
            assert!((turn.to_axis_angle().1.to_degrees() - 30.0).abs() < 0.5);
        }
        // A 13-protofilament microtubule of three starts: neighbours across the seam are 3 · 82 / 13 Å higher.
        let lattice = TubeLattice {
            protofilaments: 13,
            rise: 82.0,
            start: 3,
            twist: 0.0,
        };
        let straight = vec![[0.0; 3], [0.0, 0.0, 820.0]];
        let tube = Shape::Tube {
            points: straight,
            radius: 112.0,
            lattice: Some(lattice),
        };
        let places = sample_shape(&tube, 1.0, 1).unwrap();
        assert!(places.len() >= 13 * 9, "{}", places.len());
        for place in &places {
            assert!((place.position.truncate().length() - 112.0).abs() < 1e-9);
            let out = DVec3::new(place.position.x, place.position.y, 0.0).normalize();
            let turn = place.rotation.unwrap();
            assert!((turn * DVec3::Z).dot(out) > 1.0 - 1e-9 && (turn * DVec3::X).z > 1.0 - 1e-9);
        }
        let rise = 3.0 * 82.0 / 13.0;
        let step = DVec3::new(112.0 * (TAU / 13.0).cos(), 112.0 * (TAU / 13.0).sin(), rise);
        let has = |wanted: DVec3| places.iter().any(|p| p.position.distance(wanted) < 1.5);
        let first = places
            .iter()
            .find(|p| {
                p.position.distance(DVec3::new(112.0, 0.0, 82.0)) < 1.5
                    || (p.position.z - 82.0).abs() < 1.0
            })
            .unwrap()
            .position;
        let angle = first.y.atan2(first.x);
        assert!(has(
            DQuat::from_rotation_z(angle) * (step + DVec3::Z * first.z)
        ));
    }

    #[test]
    fn shapes_are_written_as_a_person_would() {
        let text = "{\"shape\":\"sphere\",\"centre\":[1,2,3],\"radius\":250}";
        let shape: Shape = serde_json::from_str(text).unwrap();
        assert_eq!(
            shape,
            Shape::Sphere {
                centre: [1.0, 2.0, 3.0],
                radius: 250.0
            }
        );
        assert!(serde_json::from_str::<Shape>("{\"shape\":\"cube\"}").is_err());
        assert!(sample_shape(&shape, 0.0, 1).is_err());
        assert!(
            sample_shape(
                &Shape::Filament {
                    points: vec![[0.0; 3]],
                    twist: 0.0
                },
                1.0,
                1
            )
            .is_err()
        );
        let dipole = Shape::Dipole {
            centre: [0.0; 3],
            north: [0.0, 5.0, 0.0],
        };
        let place = sample_shape(&dipole, 1.0, 1).unwrap()[0];
        assert!((place.rotation.unwrap() * DVec3::Z).distance(DVec3::Y) < 1e-12);
    }
}
