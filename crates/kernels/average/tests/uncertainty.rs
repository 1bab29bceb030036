//! Stated uncertainties of refined poses against the errors that simulated particles really have, from little noise to much.
#![expect(clippy::print_stdout, reason = "figures to look at")]
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking and shows its figures"
)]

mod judge;

use judge::{errors, median};
use thon_average::{Input, RefineOptions, refine};
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{Mode, Placement, Posterior};
use thon_units::Angstrom;

const N: usize = 32;

fn rms(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(s, n), v| (s + v * v, n + 1.0));
    (sum / count).sqrt()
}

/// Stated over true root mean square of angles and of shifts, for halves joined to a resolution.
fn stated_over_true(
    seed: u64,
    particles: usize,
    signal_to_noise: f64,
    joined: Angstrom,
) -> [f64; 2] {
    let map = phantom(N, seed);
    let scheme = Scheme {
        particles,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 1.5,
        seed,
    };
    let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
    let mut options = RefineOptions::default();
    options.target.mask_data = false;
    options.join_halves = joined;
    let input = Input {
        references: &[&map],
        ..Input::default()
    };
    let refined = refine::run(&particles, &input, &options, &Quiet).unwrap();
    let best: Vec<&Mode> = refined.posteriors.iter().map(Posterior::best).collect();
    let found: Vec<Placement> = best.iter().map(|mode| mode.placement).collect();
    let (angles, shifts) = errors(&found, &particles.truth);
    let near = |i: &usize| angles[*i] < 20.0;
    let kept: Vec<usize> = (0..angles.len()).filter(near).collect();
    let stated = |range: std::ops::Range<usize>| {
        let of = |i: &usize| {
            range
                .clone()
                .map(|k| best[*i].covariance[k][k])
                .sum::<f64>()
                .sqrt()
        };
        rms(kept.iter().map(of))
    };
    let angle = rms(kept.iter().map(|i| angles[*i]));
    let shift = rms(kept.iter().map(|i| shifts[*i]));
    println!(
        "seed {seed}, {} particles, signal over noise {signal_to_noise}, joined to {joined:?}: {} iterations, {:.1} Å, {} lost; angle {angle:.2}° (median {:.2}°), \
         stated/true {:.2}; shift {shift:.3} voxels, stated/true {:.2}",
        angles.len(),
        refined.reports.len(),
        refined.resolution,
        angles.len() - kept.len(),
        median(&angles),
        stated(0..3).to_degrees() / angle,
        stated(3..6) / shift,
    );
    [stated(0..3).to_degrees() / angle, stated(3..6) / shift]
}

fn all_near(cases: &[(u64, usize, f64)], joined: Angstrom) {
    for (seed, particles, signal_to_noise) in cases {
        let [angle, shift] = stated_over_true(*seed, *particles, *signal_to_noise, joined);
        let near = |ratio: f64| (0.8..1.2).contains(&ratio);
        assert!(near(angle) && near(shift), "{angle} {shift}");
    }
}

#[test]
fn stated_uncertainties_are_those_of_the_errors() {
    all_near(&[(3, 60, 4.0), (4, 60, 1.0)], Angstrom(100.0));
}

/// The halves share every shell of the box.
#[test]
fn stated_uncertainties_are_those_of_the_errors_where_halves_are_joined() {
    all_near(&[(3, 60, 4.0), (4, 60, 1.0), (5, 60, 2.0)], Angstrom(20.0));
}
