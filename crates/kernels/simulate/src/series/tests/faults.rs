//! Faulty views look as they should, are in the truth, and leave the others as they are.

use super::*;
use crate::ViewFault;

fn faulty() -> SimulationOptions {
    SimulationOptions {
        tilt_step: Degrees(10.0),
        particles: 3,
        particle_distance: Angstrom(60.0),
        shot_noise: ShotNoise::Poisson,
        blank_views: 2,
        blocked_views: 1,
        shifted_views: 2,
        duplicated_views: 1,
        ..clean()
    }
}

#[test]
fn each_fault_is_in_the_images_and_in_the_truth() {
    let with = Simulation::prepare("TS", &faulty(), &blob(8.0, 3000.0), 3).unwrap();
    let options = SimulationOptions {
        blank_views: 0,
        blocked_views: 0,
        shifted_views: 0,
        duplicated_views: 0,
        ..faulty()
    };
    let without = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), 3).unwrap();
    assert_eq!(with.particles, without.particles);
    assert_eq!(with.faults.len(), 6);
    for tilt in 0..with.tilt_series.images.len() {
        let [image, sound] = [&with, &without].map(|s| s.record(tilt).sum());
        let mean = image.mean().unwrap() / sound.mean().unwrap();
        let truth = &with.tilt_series.images[tilt];
        let moved = truth.geometry.unwrap().shift
            - without.tilt_series.images[tilt].geometry.unwrap().shift;
        match with.fault(tilt) {
            None => assert_eq!(image, sound),
            Some(ViewFault::Blank) => {
                assert!(mean < 0.03 && !truth.is_used(), "{mean}");
            }
            Some(ViewFault::Blocked { direction, .. }) => {
                assert!((0.25..0.75).contains(&mean) && !truth.is_used(), "{mean}");
                let corner = |sign: f64| {
                    let y = (64.0 + sign * 60.0 * direction[1]).round() as usize;
                    image[[y, (80.0 + sign * 60.0 * direction[0]).round() as usize]]
                };
                assert!(corner(1.0) < 0.25 * corner(-1.0));
            }
            Some(ViewFault::Shifted { by }) => {
                assert!((moved - DVec2::from_array(*by)).length() < 1e-9);
                assert!(moved.length() > 0.29 * 128.0 * 4.0 && truth.is_used());
            }
            Some(ViewFault::Duplicate { of }) => {
                assert_eq!(image, with.record(*of).sum());
                assert_eq!(truth.geometry, with.tilt_series.images[*of].geometry);
            }
        }
    }
}

#[test]
fn more_faults_than_views_are_refused() {
    let options = SimulationOptions {
        blank_views: 13,
        ..faulty()
    };
    let error = Simulation::prepare("TS", &options, &blob(8.0, 3000.0), 3).unwrap_err();
    assert!(error.to_string().contains("faulty views"), "{error}");
}
