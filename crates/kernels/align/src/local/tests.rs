//! Tracks of beads on a specimen that moves under the beam: motion and image fields recovered, and not invented.

use glam::{DVec2, DVec3};
use thon_geometry::{Deformation, Point, Pose, Rotation, TiltGeometry, transfer};
use thon_units::Degrees;

use super::*;
use crate::Solution;

const HALF: f64 = 1400.0;
const VIEWS: usize = 41;
/// Noise of a measured coordinate, Å: 0.2 px of 5.4 Å.
const NOISE: f64 = 1.1;

/// Normal numbers by a linear congruential generator: the test needs no crate for it.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

struct Truth {
    tracks: Vec<Track>,
    geometry: Vec<Option<TiltGeometry>>,
    start: Vec<TiltGeometry>,
    doses: Vec<f64>,
}

/// Dose-symmetric from −60° to 60°, 3 e/Å² a view; a dome that rises by `dome` Å and relaxes, image fields of `field` Å.
fn truth(seed: u64, beads: usize, dome: f64, field: f64) -> Truth {
    let mut random = Random(seed);
    let views: Vec<f64> = (0..VIEWS).map(|k| -60.0 + 3.0 * k as f64).collect();
    let mut order: Vec<usize> = (0..VIEWS).collect();
    order.sort_by(|&a, &b| views[a].abs().total_cmp(&views[b].abs()).then(a.cmp(&b)));
    let mut doses = vec![0.0; VIEWS];
    for (rank, &view) in order.iter().enumerate() {
        doses[view] = 3.0 * rank as f64 + 1.5;
    }
    let whole = doses.iter().copied().fold(0.0, f64::max);
    let geometry: Vec<TiltGeometry> = (0..VIEWS)
        .map(|view| {
            let course = Course::Both(0.3).at(doses[view] / whole);
            let mut deformation = Deformation::still(HALF);
            let terms = &mut deformation.specimen.terms;
            terms[2] = DVec3::new(0.0, 0.0, -dome) * course[0];
            terms[4] = DVec3::new(0.0, 0.0, -0.8 * dome) * course[0];
            terms[0] = DVec3::new(0.1 * dome, 0.05 * dome, 0.2 * dome) * course[1];
            terms[3] = DVec3::new(0.0, -0.15 * dome, 0.1 * dome) * course[1];
            for term in &mut deformation.image.terms[2..5] {
                *term = DVec2::new(random.normal(), random.normal()) * field;
            }
            TiltGeometry {
                tilt_axis_angle: Degrees(85.0).radians(),
                shift: DVec2::new(random.normal(), random.normal()) * 60.0,
                deformation: (dome > 0.0 || field > 0.0).then_some(deformation),
                ..TiltGeometry::tilted(Degrees(views[view]).radians())
            }
        })
        .collect();
    let tracks = (0..beads)
        .map(|bead| {
            let z = if bead % 2 == 0 { 350.0 } else { -350.0 };
            let place = DVec3::new(
                (2.0 * random.uniform() - 1.0) * 0.9 * HALF,
                (2.0 * random.uniform() - 1.0) * 0.9 * HALF,
                z,
            );
            let points = geometry
                .iter()
                .enumerate()
                .map(|(view, geometry)| Observation {
                    view,
                    position: geometry.project(Point::from_vector(place)).position
                        + DVec2::new(random.normal(), random.normal()) * NOISE,
                    weight: 1.0,
                });
            Track {
                points: points.collect(),
            }
        })
        .collect();
    let start = geometry
        .iter()
        .map(|g| TiltGeometry {
            deformation: None,
            shift: DVec2::ZERO,
            tilt_axis_angle: Degrees(84.5).radians(),
            ..*g
        })
        .collect();
    Truth {
        tracks,
        geometry: geometry.into_iter().map(Some).collect(),
        start,
        doses,
    }
}

fn solved(truth: &Truth, options: &LocalOptions) -> (Solution, LocalAlignment) {
    let adjustment = Adjustment::default();
    let rigid = adjust(&truth.tracks, &truth.start, &adjustment).unwrap();
    let input = LocalInput {
        tracks: &truth.tracks,
        start: &truth.start,
        options: &adjustment,
        solution: &rigid,
        doses: &truth.doses,
        half_field: HALF,
    };
    let local = align_locally(&input, options).unwrap();
    (rigid, local)
}

/// Root mean square distance in the images between points of the specimen and the places that fit them best under the alignment
/// found, Å: a motion that all views share is no error.
fn error(truth: &Truth, found: &Solution) -> f64 {
    let views: Vec<(TiltGeometry, TiltGeometry)> = truth
        .geometry
        .iter()
        .zip(&found.geometry)
        .map(|(a, b)| (a.unwrap(), b.unwrap()))
        .collect();
    let mut sum = 0.0;
    for k in 0..75 {
        let step = |n: i32, half: f64| f64::from(n) * half;
        let place = Point::new(
            step(k % 5 - 2, 0.4 * HALF),
            step(k / 5 % 5 - 2, 0.4 * HALF),
            step(k / 25 - 1, 350.0),
        );
        let moved = transfer(Pose::new(Rotation::identity(), place), &views).unwrap();
        sum += moved.residual.powi(2);
    }
    (sum / 75.0).sqrt()
}

#[test]
fn a_doming_specimen_is_followed_to_an_angstrom() {
    for seed in 1..=5 {
        let truth = truth(seed, 24, 120.0, 0.0);
        let (rigid, local) = solved(&truth, &LocalOptions::default());
        let (before, after) = (error(&truth, &rigid), error(&truth, &local.solution));
        println!(
            "alignment: doming specimen, seed {seed}: {after:.2} Å, rigid {before:.2} Å | – | bound 1.0, a third of rigid ({:?})",
            local.model
        );
        assert!(local.model.motion.is_some(), "{:?}", local.trials);
        assert!(after < 1.0 && after < 0.3 * before, "{before} {after}");
        let left: f64 = local.solution.mean_residual;
        assert!(left < 1.35 * NOISE, "residual {left}");
    }
}

#[test]
fn a_still_specimen_gets_no_motion_and_no_field() {
    for seed in 11..=15 {
        let truth = truth(seed, 24, 0.0, 0.0);
        let (rigid, local) = solved(&truth, &LocalOptions::default());
        assert_eq!(
            local.model,
            LocalModel::default(),
            "seed {seed}: {:?}",
            local.trials
        );
        assert_eq!(local.solution, rigid);
    }
}

#[test]
fn fields_of_the_images_are_followed_where_there_are_points_enough() {
    let truth = truth(7, 120, 0.0, 5.0);
    let (rigid, local) = solved(&truth, &LocalOptions::default());
    let (before, after) = (error(&truth, &rigid), error(&truth, &local.solution));
    println!(
        "alignment: displaced images, 120 points: {after:.2} Å, rigid {before:.2} Å | – | bound 1.0, a third of rigid ({:?})",
        local.model
    );
    assert!(local.model.field.is_some(), "{:?}", local.trials);
    assert!(after < 0.35 * before && after < 1.0, "{before} {after}");
}

#[test]
fn few_points_or_no_dose_decide_nothing() {
    let mut few = truth(3, 6, 40.0, 0.0);
    let (_, local) = solved(&few, &LocalOptions::default());
    assert_eq!(local.model, LocalModel::default());
    few = truth(3, 24, 40.0, 0.0);
    few.doses = vec![0.0; VIEWS];
    let (_, local) = solved(
        &few,
        &LocalOptions {
            field: false,
            ..LocalOptions::default()
        },
    );
    assert_eq!(local.trials.len(), 1);
}
