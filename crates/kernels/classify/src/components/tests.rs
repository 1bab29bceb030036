//! Two shapes told apart; bytes; bad input.

use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{Observation, Observe, SourceError};
use thon_units::Angstrom;

use super::*;

fn scheme(particles: usize, signal_to_noise: f64) -> Scheme {
    Scheme {
        particles,
        box_size: 32,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 2.0,
        seed: 5,
    }
}

/// A phantom, and the same with half of its mass moved aside.
fn two_states() -> Vec<Vec<f32>> {
    let (first, other) = (phantom(32, 1), phantom(32, 2));
    let mixed = first
        .iter()
        .zip(&other)
        .map(|(a, b)| 0.5 * a + 0.5 * b)
        .collect();
    vec![first, mixed]
}

fn options() -> ComponentOptions {
    ComponentOptions {
        components: 3,
        classes: 2,
        resolution: Angstrom(45.0),
        ..ComponentOptions::default()
    }
}

fn agreement(found: &[usize], truth: &[usize]) -> f64 {
    let same = found.iter().zip(truth).filter(|(f, t)| f == t).count();
    same.max(truth.len() - same) as f64 / truth.len() as f64
}

#[test]
fn two_states_part_in_spite_of_their_wedges() {
    let maps = two_states();
    let particles = SimulatedParticles::new(&maps, scheme(120, 1.0));
    let found = principal_components(&particles, &particles.truth, &options(), &Quiet).unwrap();
    let right = agreement(&found.grouping.classes, &particles.classes);
    assert!(right >= 0.95, "{right} {:?}", found.variances);
    assert!(
        found.variances[0] > 2.0 * found.variances[1],
        "{:?}",
        found.variances
    );
    // The first component is the difference of the states, up to its sign.
    let difference: Vec<f32> = maps[1].iter().zip(&maps[0]).map(|(b, a)| b - a).collect();
    let cube = |map: &[f32]| Array3::from_shape_vec((32, 32, 32), map.to_vec()).unwrap();
    let shells = thon_signal::shells::fsc(&cube(&difference), &cube(&found.volumes[0]));
    // Shells 1 and 2 are next to nothing under these CTFs.
    let mean = shells.fsc[3..7].iter().sum::<f64>() / 4.0;
    assert!(mean.abs() > 0.8, "{:?}", shells.fsc);
}

/// A component that is not many times its noise, among more that are nothing, must not be held back to nothing.
#[test]
fn two_states_part_when_components_are_weak() {
    let particles = SimulatedParticles::new(&two_states(), scheme(120, 0.15));
    let options = ComponentOptions {
        components: 4,
        ..options()
    };
    let found = principal_components(&particles, &particles.truth, &options, &Quiet).unwrap();
    let right = agreement(&found.grouping.classes, &particles.classes);
    println!("weak: {right} {:?} {}", found.variances, found.varying);
    assert_eq!(found.varying, 1, "{:?}", found.variances);
    assert!(right >= 0.85, "{right} {:?}", found.variances);
}

#[test]
fn particles_of_one_state_have_no_component_that_stands_out() {
    let particles = SimulatedParticles::new(&two_states()[..1], scheme(60, 0.1));
    let found = principal_components(&particles, &particles.truth, &options(), &Quiet).unwrap();
    assert!(
        found.variances[0] < 2.0 * found.variances[1].max(0.5),
        "{:?}",
        found.variances
    );
    assert_eq!(found.varying, 0, "{:?}", found.variances);
    assert!(found.grouping.classes.iter().all(|class| *class == 0));
}

/// One particle many times.
struct Repeated<'a>(&'a SimulatedParticles, usize);

impl ParticleSource for Repeated<'_> {
    fn len(&self) -> usize {
        self.1
    }
    fn box_size(&self) -> usize {
        self.0.box_size()
    }
    fn voxel_size(&self) -> f64 {
        self.0.voxel_size()
    }
    fn groups(&self) -> usize {
        1
    }
    fn observe(&self, _: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        self.0.observe(0, wanted)
    }
}

#[test]
fn particles_that_do_not_differ_are_of_one_class() {
    let particles = SimulatedParticles::new(&two_states()[..1], scheme(1, 1.0));
    let same = Repeated(&particles, 12);
    let places = vec![particles.truth[0]; 12];
    let found = principal_components(&same, &places, &options(), &Quiet).unwrap();
    assert_eq!(found.varying, 0, "{:?}", found.variances);
    assert!(found.grouping.classes.iter().all(|class| *class == 0));
    assert!(found.volumes.is_empty() && found.class_averages.len() == 1);
    assert!(found.class_averages[0].iter().any(|v| *v != 0.0));
}

#[test]
fn threads_change_no_byte() {
    let particles = SimulatedParticles::new(&two_states(), scheme(24, 0.3));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            principal_components(&particles, &particles.truth, &options(), &Quiet).unwrap()
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn bad_input_is_refused_by_name() {
    let particles = SimulatedParticles::new(&two_states()[..1], scheme(4, 0.3));
    let refused = |placements: &[Placement], options: ComponentOptions| {
        principal_components(&particles, placements, &options, &Quiet)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&particles.truth, options()).contains("4 particles: expected at least 5"));
    assert!(refused(&particles.truth[..2], options()).contains("placements"));
    let none = ComponentOptions {
        components: 0,
        ..options()
    };
    assert!(refused(&particles.truth, none).contains("components"));
    let coarse = ComponentOptions {
        resolution: Angstrom(1e4),
        ..options()
    };
    assert!(refused(&particles.truth, coarse).contains("resolution"));
}
