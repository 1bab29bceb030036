//! Beads drawn into noisy images with known geometry: the alignment finds it again, and every fault gets its name.
#![expect(clippy::unwrap_used, reason = "test file with helper functions")]

use glam::{DVec2, DVec3};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_align::{BeadAlignment, BeadOptions, Diagnosis, Images, align_beads, compare};
use thon_geometry::{Point, TiltGeometry};
use thon_units::{Degrees, Radians};

const SIZE: usize = 192;
const PIXEL: f64 = 10.0;
const DIAMETER: f64 = 120.0;

struct Stack(Vec<Array2<f32>>);

impl Images for Stack {
    fn size(&self) -> [usize; 2] {
        [SIZE, SIZE]
    }

    fn load(&self, view: usize) -> Result<Array2<f32>, String> {
        Ok(self.0[view].clone())
    }
}

/// 25 views from −60° to 60°, axis 84°, shifts of some pixels, small errors of the stage.
fn truth(random: &mut ChaCha8Rng) -> Vec<TiltGeometry> {
    let mut small = |width: f64| width * (random.random::<f64>() - 0.5);
    (0..25)
        .map(|k| TiltGeometry {
            tilt_axis_angle: Radians(84.0_f64.to_radians() + small(2e-3)),
            shift: DVec2::new(small(150.0), small(150.0)),
            ..TiltGeometry::tilted(Radians(
                (f64::from(k) * 5.0 - 60.0).to_radians() + small(1e-3),
            ))
        })
        .collect()
}

fn beads(random: &mut ChaCha8Rng, count: usize) -> Vec<DVec3> {
    let mut beads: Vec<DVec3> = Vec::new();
    while beads.len() < count {
        let mut uniform = || 2.0 * random.random::<f64>() - 1.0;
        let height = if uniform() > 0.0 { 500.0 } else { -500.0 };
        let bead = DVec3::new(
            750.0 * uniform(),
            750.0 * uniform(),
            height + 20.0 * uniform(),
        );
        if beads
            .iter()
            .all(|b| b.truncate().distance(bead.truncate()) > 1.5 * DIAMETER)
        {
            beads.push(bead);
        }
    }
    beads
}

fn draw(beads: &[DVec3], view: &TiltGeometry, random: &mut ChaCha8Rng) -> Array2<f32> {
    let mut image = Array2::from_shape_fn((SIZE, SIZE), |_| {
        // Twelve uniform numbers make a normal one.
        let normal: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
        (100.0 + 10.0 * normal) as f32
    });
    let radius = 0.5 * DIAMETER / PIXEL;
    for bead in beads {
        let at = view.project(Point::from_vector(*bead)).position / PIXEL
            + DVec2::splat((SIZE / 2) as f64);
        let (low, high) = (
            at - DVec2::splat(radius + 2.0),
            at + DVec2::splat(radius + 2.0),
        );
        let range =
            |a: f64, b: f64| (a.max(0.0) as usize)..(b.clamp(0.0, SIZE as f64 - 1.0) as usize + 1);
        for y in range(low.y, high.y) {
            for x in range(low.x, high.x) {
                let mut depth = 0.0;
                for sub in 0..16 {
                    let offset =
                        DVec2::new(f64::from(sub % 4) - 1.5, f64::from(sub / 4) - 1.5) / 4.0;
                    let r = (DVec2::new(x as f64, y as f64) + offset - at).length() / radius;
                    depth += (1.0 - r * r).max(0.0).sqrt() / 16.0;
                }
                image[[y, x]] -= 45.0 * depth as f32;
            }
        }
    }
    image
}

struct Scene {
    truth: Vec<TiltGeometry>,
    images: Vec<Array2<f32>>,
}

fn scene(count: usize, seed: u64) -> Scene {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let truth = truth(&mut random);
    let beads = beads(&mut random, count);
    let images = truth
        .iter()
        .map(|view| draw(&beads, view, &mut random))
        .collect();
    Scene { truth, images }
}

/// What the microscope says: nominal tilts and axis, no shifts.
fn stated(axis: f64) -> Vec<TiltGeometry> {
    let view = |k: i32| TiltGeometry {
        tilt_axis_angle: Degrees(axis).radians(),
        ..TiltGeometry::tilted(Degrees(f64::from(k) * 5.0 - 60.0).radians())
    };
    (0..25).map(view).collect()
}

fn align(images: Vec<Array2<f32>>, start: &[TiltGeometry], diameter: Option<f64>) -> BeadAlignment {
    let options = BeadOptions {
        diameter,
        ..BeadOptions::default()
    };
    let used = vec![true; start.len()];
    align_beads(
        &Stack(images),
        start,
        &used,
        PIXEL,
        &options,
        &thon_compute::Quiet,
    )
    .unwrap()
}

fn error(truth: &[TiltGeometry], found: &BeadAlignment) -> f64 {
    let truth: Vec<Option<TiltGeometry>> = truth.iter().copied().map(Some).collect();
    let geometry = &found.solution.as_ref().unwrap().geometry;
    compare(&truth, geometry, DVec3::new(1900.0, 1900.0, 1000.0))
        .unwrap()
        .distance
}

#[test]
fn beads_of_unknown_size_are_found_and_aligned() {
    let scene = scene(14, 1);
    let found = align(scene.images, &stated(84.0), None);
    assert!(
        (found.diameter / DIAMETER - 1.0).abs() < 0.15,
        "{}",
        found.diameter
    );
    assert_eq!(found.diagnoses, Vec::new());
    let error = error(&scene.truth, &found);
    assert!(error < 0.1 * PIXEL, "{error} Å");
    // The same bytes again.
    let again = align(self::scene(14, 1).images, &stated(84.0), None);
    assert_eq!(found, again);
}

#[test]
fn images_without_beads_are_named() {
    let scene = scene(0, 2);
    let found = align(scene.images, &stated(84.0), Some(DIAMETER));
    assert!(found.solution.is_none());
    assert_eq!(found.diagnoses.last(), Some(&Diagnosis::NoBeads));
}

#[test]
fn three_beads_are_few() {
    let scene = scene(3, 3);
    let found = align(scene.images, &stated(84.0), Some(DIAMETER));
    assert!(
        found.diagnoses.contains(&Diagnosis::FewBeads { found: 3 }),
        "{:?}",
        found.diagnoses
    );
}

#[test]
fn blank_and_shifted_views_are_named_and_the_rest_stays_good() {
    let Scene { truth, mut images } = scene(14, 4);
    images[5].fill(100.0);
    images[20].mapv_inplace(|v| v * 0.01);
    // A view of another place altogether.
    images[17] = self::scene(14, 99).images[17].clone();
    let found = align(images, &stated(84.0), Some(DIAMETER));
    let blank: Vec<usize> = found
        .diagnoses
        .iter()
        .filter_map(|d| {
            if let Diagnosis::BlankView { view, .. } = d {
                Some(*view)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(blank, [5, 20]);
    assert!(
        found
            .diagnoses
            .contains(&Diagnosis::UnrelatedView { view: 17 }),
        "{:?}",
        found.diagnoses
    );
    let geometry: Vec<Option<TiltGeometry>> = found
        .solution
        .as_ref()
        .unwrap()
        .geometry
        .iter()
        .enumerate()
        .map(|(v, g)| g.filter(|_| v != 17))
        .collect();
    let truth: Vec<Option<TiltGeometry>> = truth.into_iter().map(Some).collect();
    let distance = compare(&truth, &geometry, DVec3::new(1900.0, 1900.0, 1000.0))
        .unwrap()
        .distance;
    assert!(distance < 0.12 * PIXEL, "{distance}");
}

#[test]
fn exchanged_views_are_named_with_their_true_tilts() {
    let Scene { mut images, .. } = scene(14, 5);
    images.swap(4, 14);
    let found = align(images, &stated(84.0), Some(DIAMETER));
    for (view, tilt) in [(4, 10.0), (14, -40.0)] {
        let named = found.diagnoses.iter().any(|d| {
            matches!(d, Diagnosis::WrongTilt { view: v, measured, .. } if *v == view && (measured - tilt).abs() <= 2.0)
        });
        assert!(named, "view {view}: {:?}", found.diagnoses);
    }
}

#[test]
fn a_wrong_axis_is_found_and_named() {
    let scene = scene(14, 6);
    let found = align(scene.images, &stated(39.0), Some(DIAMETER));
    let named = found.diagnoses.iter().any(|d| {
        matches!(d, Diagnosis::WrongAxis { measured, mirrored: false, .. } if (measured - 84.0).abs() < 0.5)
    });
    assert!(named, "{:?}", found.diagnoses);
    assert!(error(&scene.truth, &found) < 0.12 * PIXEL);
}

#[test]
fn mirrored_images_are_named() {
    let mut scene = scene(14, 7);
    for image in &mut scene.images {
        image.invert_axis(ndarray::Axis(0));
        *image = image.as_standard_layout().into_owned();
    }
    // The axis of mirrored images lies at −84°, which is 96°.
    let found = align(scene.images, &stated(84.0), Some(DIAMETER));
    let named = found
        .diagnoses
        .iter()
        .any(|d| matches!(d, Diagnosis::WrongAxis { mirrored: true, .. }));
    assert!(named, "{:?}", found.diagnoses);
}

/// A gain that deviates by 8 %, applied after a turn by half: its quotient with itself stays at its pixels.
fn with_flipped_gain(images: &mut [Array2<f32>]) {
    let mut random = ChaCha8Rng::seed_from_u64(77);
    let gain: Vec<f32> = (0..SIZE * SIZE)
        .map(|_| 1.0 + 0.14 * (2.0 * random.random::<f32>() - 1.0))
        .collect();
    for image in images {
        for (i, pixel) in image.iter_mut().enumerate() {
            *pixel *= gain[gain.len() - 1 - i] / gain[i];
        }
    }
}

#[test]
fn a_flipped_gain_is_named_with_beads_and_without() {
    for beads in [14, 0] {
        let mut scene = scene(beads, 11);
        let named = |images: Vec<Array2<f32>>, diameter: Option<f64>| {
            let diagnoses = align(images, &stated(84.0), diameter).diagnoses;
            let pattern = |d: &Diagnosis| matches!(d, Diagnosis::FixedPattern { .. });
            (diagnoses.iter().any(pattern), diagnoses)
        };
        for diameter in [Some(DIAMETER), None] {
            let (found, all) = named(scene.images.clone(), diameter);
            assert!(!found, "{beads} beads, sound gain: {all:?}");
        }
        with_flipped_gain(&mut scene.images);
        for diameter in [Some(DIAMETER), None] {
            let (found, all) = named(scene.images.clone(), diameter);
            assert!(found, "{beads} beads: {all:?}");
        }
    }
}

#[test]
fn shuffled_views_are_named() {
    let Scene { images, .. } = scene(14, 12);
    let shuffled = (0..25).map(|i| images[(i * 7 + 3) % 25].clone()).collect();
    let found = align(shuffled, &stated(84.0), Some(DIAMETER));
    let named = |d: &Diagnosis| matches!(d, Diagnosis::WrongOrder { .. });
    assert!(found.diagnoses.iter().any(named), "{:?}", found.diagnoses);
    // Two exchanged views are not a wrong order.
    let Scene { mut images, .. } = scene(14, 12);
    images.swap(4, 14);
    let found = align(images, &stated(84.0), Some(DIAMETER));
    assert!(!found.diagnoses.iter().any(named), "{:?}", found.diagnoses);
}

#[test]
fn a_wrong_pixel_size_is_named() {
    let scene = scene(14, 8);
    let found = align(scene.images, &stated(84.0), Some(DIAMETER * 1.7));
    let named = found
        .diagnoses
        .iter()
        .any(|d| matches!(d, Diagnosis::WrongPixelSize { .. }));
    assert!(named, "{:?} {:?}", found.diagnoses, found.measured_diameter);
}
