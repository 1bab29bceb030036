//! Vesicles through oriented places: which places belong to one, and the ellipsoid that fits them.
//!
//! Two places whose normals (z axes) come from one sphere say where its middle is; pairs are tried, the sphere with most places on its wall
//! and with normals along its radii wins, its places are taken out, and the search goes on (sequential RANSAC, Fischler & Bolles 1981). An
//! ellipsoid is then fitted by least squares with distant places counted less; a sphere where the places cover too little of one.
//! Lengths in the unit of the positions. Deterministic by seed.

use glam::{DMat3, DQuat, DVec3};
use rand::RngExt;
use thon_compute::cholesky::Cholesky;

use crate::Place;

/// What counts as a vesicle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VesicleOptions {
    /// Smallest and largest radius.
    pub radii: [f64; 2],
    /// Largest distance of a place from the wall.
    pub tolerance: f64,
    /// Largest angle of a place's z axis to the normal, radians; either sign of the normal is allowed.
    pub angle: f64,
    /// Fewest places.
    pub least: usize,
    /// Pairs that are tried for each vesicle.
    pub trials: usize,
    /// Seed of the pairs.
    pub seed: u64,
}

/// An ellipsoid and the places on its wall.
#[derive(Clone, Debug, PartialEq)]
pub struct Vesicle {
    /// Middle.
    pub centre: DVec3,
    /// Semi-axes; all the same for a sphere.
    pub semi_axes: DVec3,
    /// Turns the axes of the frame into those of the ellipsoid.
    pub rotation: DQuat,
    /// Indices of the places, ascending.
    pub members: Vec<usize>,
    /// Root mean square distance of the places from the wall.
    pub residual: f64,
}

impl Vesicle {
    /// Signed distance from the wall to first order (positive outside), and the outward normal, at a place.
    pub fn at(&self, position: DVec3) -> (f64, DVec3) {
        let local = self.rotation.conjugate() * (position - self.centre);
        let scaled = local / self.semi_axes;
        let value = scaled.length();
        let gradient = scaled / self.semi_axes / value.max(1e-12);
        let steep = gradient.length().max(1e-12);
        ((value - 1.0) / steep, self.rotation * (gradient / steep))
    }
}

/// All vesicles that places with orientations lie on, the one with most places first.
pub fn fit_vesicles(places: &[Place], options: &VesicleOptions) -> Vec<Vesicle> {
    let mut left: Vec<usize> = (0..places.len())
        .filter(|&at| places[at].rotation.is_some())
        .collect();
    let mut vesicles = Vec::new();
    while left.len() >= options.least.max(4) {
        let Some(sphere) = best_sphere(places, &left, options, vesicles.len() as u64) else {
            break;
        };
        let mut vesicle = sphere;
        for _ in 0..6 {
            vesicle.members = on_wall(places, &left, &vesicle, options);
            if vesicle.members.len() < options.least.max(4) {
                break;
            }
            vesicle = refined(places, vesicle);
        }
        let members = on_wall(places, &left, &vesicle, options);
        if members.len() < options.least.max(4) {
            break;
        }
        let square = members
            .iter()
            .map(|&at| vesicle.at(places[at].position).0.powi(2));
        vesicle.residual = (square.sum::<f64>() / members.len() as f64).sqrt();
        left.retain(|at| members.binary_search(at).is_err());
        vesicle.members = members;
        vesicles.push(vesicle);
    }
    vesicles.sort_by_key(|vesicle| std::cmp::Reverse(vesicle.members.len()));
    vesicles
}

fn normal(place: &Place) -> DVec3 {
    place
        .rotation
        .map_or(DVec3::Z, |rotation| rotation * DVec3::Z)
}

fn on_wall(
    places: &[Place],
    left: &[usize],
    vesicle: &Vesicle,
    options: &VesicleOptions,
) -> Vec<usize> {
    let cosine = options.angle.cos();
    let on = |at: &&usize| {
        let (distance, outwards) = vesicle.at(places[**at].position);
        distance.abs() <= options.tolerance && normal(&places[**at]).dot(outwards).abs() >= cosine
    };
    left.iter().filter(on).copied().collect()
}

/// The sphere of a random pair with most places on its wall.
fn best_sphere(
    places: &[Place],
    left: &[usize],
    options: &VesicleOptions,
    round: u64,
) -> Option<Vesicle> {
    let mut random = thon_compute::seed_stream(options.seed, "pairs of places", round);
    let mut best: Option<Vesicle> = None;
    for _ in 0..options.trials {
        let a = left[random.random_range(0..left.len())];
        let b = left[random.random_range(0..left.len())];
        let Some((centre, radius)) = sphere_of(&places[a], &places[b]) else {
            continue;
        };
        if !(options.radii[0]..=options.radii[1]).contains(&radius) {
            continue;
        }
        let mut sphere = Vesicle {
            centre,
            semi_axes: DVec3::splat(radius),
            rotation: DQuat::IDENTITY,
            members: Vec::new(),
            residual: 0.0,
        };
        // A pair fixes a sphere loosely, and vesicles are not round: twice the tolerance, and more where the sphere is large.
        let loose = VesicleOptions {
            tolerance: 2.0 * options.tolerance + 0.1 * radius,
            angle: options.angle * 1.5,
            ..*options
        };
        sphere.members = on_wall(places, left, &sphere, &loose);
        if best
            .as_ref()
            .is_none_or(|best| sphere.members.len() > best.members.len())
        {
            best = Some(sphere);
        }
    }
    // The loose members fix the first ellipsoid.
    best.filter(|best| best.members.len() >= options.least.max(4))
        .map(|best| refined(places, best))
}

/// Middle and radius of the sphere that two places with normals are on: where the normals come nearest to each other.
fn sphere_of(a: &Place, b: &Place) -> Option<(DVec3, f64)> {
    let (p, q, m, n) = (a.position, b.position, normal(a), normal(b));
    let cosine = m.dot(n);
    let across = 1.0 - cosine * cosine;
    if across < 0.05 {
        return None;
    }
    let apart = q - p;
    let s = (apart.dot(m) - cosine * apart.dot(n)) / across;
    let t = (cosine * apart.dot(m) - apart.dot(n)) / across;
    let centre = (p + s * m + q + t * n) / 2.0;
    Some((
        centre,
        f64::midpoint(centre.distance(p), centre.distance(q)),
    ))
}

/// The ellipsoid of the members by least squares, or a sphere when that is no ellipsoid or reaches far beyond what is seen.
fn refined(places: &[Place], vesicle: Vesicle) -> Vesicle {
    let points: Vec<DVec3> = vesicle
        .members
        .iter()
        .map(|&at| places[at].position)
        .collect();
    let Some((centre, radius)) = sphere_through(&points) else {
        return vesicle;
    };
    let round = Vesicle {
        centre,
        semi_axes: DVec3::splat(radius),
        rotation: DQuat::IDENTITY,
        ..vesicle
    };
    // Nine numbers from few points, or from one side of the vesicle, would be anything.
    let mean = points
        .iter()
        .map(|p| (*p - centre).normalize_or(DVec3::Z))
        .sum::<DVec3>();
    let covered = 1.0 - mean.length() / points.len() as f64;
    if points.len() < 18 || covered < 0.5 {
        return round;
    }
    ellipsoid_through(&points, centre, radius)
        .filter(|(_, axes, _)| {
            axes.max_element() < 4.0 * radius && axes.min_element() > 0.25 * radius
        })
        .map_or(round.clone(), |(centre, semi_axes, rotation)| Vesicle {
            centre,
            semi_axes,
            rotation,
            ..round
        })
}

/// Sphere by linear least squares: |x|² = 2 c·x + k.
fn sphere_through(points: &[DVec3]) -> Option<(DVec3, f64)> {
    let middle = points.iter().sum::<DVec3>() / points.len() as f64;
    let scale = points
        .iter()
        .map(|p| p.distance(middle))
        .fold(0.0, f64::max);
    let terms = |p: &DVec3| {
        let d = (*p - middle) / scale;
        (vec![d.x, d.y, d.z, 1.0], d.length_squared())
    };
    let solved = least_squares(points.iter().map(terms), 4)?;
    let c = DVec3::new(solved[0], solved[1], solved[2]) / 2.0;
    let square = solved[3] + c.length_squared();
    (square > 0.0).then(|| (middle + c * scale, square.sqrt() * scale))
}

/// Ellipsoid by linear least squares: x·A x + b·x = 1 about a middle.
fn ellipsoid_through(points: &[DVec3], middle: DVec3, scale: f64) -> Option<(DVec3, DVec3, DQuat)> {
    let terms = |p: &DVec3| {
        let DVec3 { x, y, z } = (*p - middle) / scale;
        (
            vec![
                x * x,
                y * y,
                z * z,
                2.0 * x * y,
                2.0 * x * z,
                2.0 * y * z,
                x,
                y,
                z,
            ],
            1.0,
        )
    };
    let s = least_squares(points.iter().map(terms), 9)?;
    let matrix = DMat3::from_cols(
        DVec3::new(s[0], s[3], s[4]),
        DVec3::new(s[3], s[1], s[5]),
        DVec3::new(s[4], s[5], s[2]),
    );
    let linear = DVec3::new(s[6], s[7], s[8]);
    let centre = -0.5 * (matrix.inverse() * linear);
    let level = 1.0 + centre.dot(matrix * centre);
    let (values, vectors) = eigen(matrix);
    let inverse = values / level;
    if !(inverse.min_element() > 0.0 && inverse.is_finite()) {
        return None;
    }
    let axes = DVec3::ONE / DVec3::new(inverse.x.sqrt(), inverse.y.sqrt(), inverse.z.sqrt());
    let right = if vectors.determinant() < 0.0 {
        DMat3::from_cols(vectors.x_axis, vectors.y_axis, -vectors.z_axis)
    } else {
        vectors
    };
    Some((
        middle + centre * scale,
        axes * scale,
        DQuat::from_mat3(&right),
    ))
}

fn least_squares(rows: impl Iterator<Item = (Vec<f64>, f64)>, size: usize) -> Option<Vec<f64>> {
    let (mut matrix, mut right) = (vec![0.0; size * size], vec![0.0; size]);
    let mut count = 0.0;
    for (terms, value) in rows {
        count += 1.0;
        for i in 0..size {
            right[i] += terms[i] * value;
            for j in 0..size {
                matrix[size * i + j] += terms[i] * terms[j];
            }
        }
    }
    for i in 0..size {
        matrix[(size + 1) * i] += 1e-10 * count;
    }
    Cholesky::new(size, matrix)
        .ok()
        .map(|factor| factor.solve(&right))
}

/// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi rotations.
pub(crate) fn eigen(mut matrix: DMat3) -> (DVec3, DMat3) {
    let mut vectors = DMat3::IDENTITY;
    for _ in 0..32 {
        for (p, q) in [(0, 1), (0, 2), (1, 2)] {
            let off = matrix.col(q)[p];
            if off.abs() < 1e-300 {
                continue;
            }
            let angle = 0.5 * (2.0 * off).atan2(matrix.col(q)[q] - matrix.col(p)[p]);
            let (s, c) = angle.sin_cos();
            let mut turn = DMat3::IDENTITY;
            turn.col_mut(p)[p] = c;
            turn.col_mut(q)[q] = c;
            turn.col_mut(q)[p] = s;
            turn.col_mut(p)[q] = -s;
            matrix = turn.transpose() * matrix * turn;
            vectors *= turn;
        }
    }
    (
        DVec3::new(matrix.x_axis.x, matrix.y_axis.y, matrix.z_axis.z),
        vectors,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, sample_shape};
    use rand::RngExt;

    #[test]
    fn ellipsoids_and_spheres_are_found_among_strays() {
        let turn = DQuat::from_euler(glam::EulerRot::ZYX, 0.4, -0.8, 1.1);
        let shapes = [
            Shape::Ellipsoid {
                centre: [100.0, 0.0, 50.0],
                semi_axes: [300.0, 240.0, 400.0],
                rotation: Some(turn.to_array()),
            },
            Shape::Sphere {
                centre: [900.0, -100.0, 0.0],
                radius: 250.0,
            },
        ];
        let mut random = thon_compute::seed_stream(5, "vesicles", 0);
        let mut places = Vec::new();
        for shape in &shapes {
            for mut place in sample_shape(shape, 70.0, 2).unwrap() {
                let mut jitter = || random.random_range(-6.0..6.0);
                place.position += DVec3::new(jitter(), jitter(), jitter());
                let tilt = DQuat::from_rotation_x(jitter() / 40.0);
                place.rotation = place.rotation.map(|rotation| rotation * tilt);
                places.push(place);
            }
        }
        let real = places.len();
        for _ in 0..60 {
            let mut anywhere = || random.random_range(-500.0..1300.0);
            let position = DVec3::new(anywhere(), anywhere(), anywhere());
            let rotation = DQuat::from_axis_angle(DVec3::X, anywhere());
            places.push(Place {
                position,
                rotation: Some(rotation),
            });
        }
        let options = VesicleOptions {
            radii: [150.0, 600.0],
            tolerance: 20.0,
            angle: 20f64.to_radians(),
            least: 20,
            trials: 400,
            seed: 1,
        };
        let found = fit_vesicles(&places, &options);
        assert_eq!(found.len(), 2, "{found:?}");
        let near = |v: &Vesicle, centre: DVec3, axes: [f64; 3]| {
            let mut sizes = v.semi_axes.to_array();
            sizes.sort_by(f64::total_cmp);
            let off = sizes
                .iter()
                .zip(axes)
                .map(|(a, b)| (a - b).abs() / b)
                .fold(0.0, f64::max);
            assert!(off < 0.04, "{v:?}");
            assert!(v.centre.distance(centre) < 8.0, "{v:?}");
        };
        near(
            &found[0],
            DVec3::new(100.0, 0.0, 50.0),
            [240.0, 300.0, 400.0],
        );
        near(&found[1], DVec3::new(900.0, -100.0, 0.0), [250.0; 3]);
        let members: usize = found.iter().map(|v| v.members.len()).sum();
        let strays = found
            .iter()
            .flat_map(|v| &v.members)
            .filter(|at| **at >= real)
            .count();
        assert!(
            members - strays > real * 95 / 100 && strays <= 3,
            "{members} {strays} of {real}"
        );
        assert_eq!(found, fit_vesicles(&places, &options));
        let long = turn * DVec3::Z;
        let axis = (0..3).max_by(|a, b| found[0].semi_axes[*a].total_cmp(&found[0].semi_axes[*b]));
        let along = found[0].rotation * DVec3::AXES[axis.unwrap()];
        assert!(along.dot(long).abs() > 0.98);
    }

    #[test]
    fn places_without_order_make_no_vesicle() {
        let mut random = thon_compute::seed_stream(6, "strays", 0);
        let mut anywhere = || random.random_range(-500.0..500.0);
        let places: Vec<Place> = (0..80)
            .map(|_| Place {
                position: DVec3::new(anywhere(), anywhere(), anywhere()),
                rotation: Some(DQuat::from_axis_angle(DVec3::X, anywhere())),
            })
            .collect();
        let options = VesicleOptions {
            radii: [150.0, 600.0],
            tolerance: 15.0,
            angle: 15f64.to_radians(),
            least: 12,
            trials: 300,
            seed: 1,
        };
        assert_eq!(fit_vesicles(&places, &options), []);
    }
}
