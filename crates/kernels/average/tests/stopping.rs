//! When refinement stops by itself, against further iterations that are forced: nothing more may be won by them.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking and shows its figures"
)]

mod judge;

use judge::{errors, median};
use ndarray::Array3;
use thon_average::refine::Refined;
use thon_average::{Input, RefineOptions, refine};
use thon_compute::Quiet;
use thon_likelihood::Placement;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_signal::shells::fsc;

const N: usize = 32;

fn simulated(map: &[f32], particles: usize, signal_to_noise: f64, seed: u64) -> SimulatedParticles {
    let scheme = Scheme {
        particles,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 1.5,
        seed,
    };
    SimulatedParticles::new(&[map.to_vec()], scheme)
}

/// Refined from the truth at 60 Å, with iterations at least.
fn refined(particles: &SimulatedParticles, map: &[f32], least: usize) -> Refined {
    let mut options = RefineOptions::default();
    options.target.mask_data = false;
    options.minimum_iterations = least;
    options.maximum_iterations = 40;
    let references = [map];
    let input = Input {
        references: &references,
        ..Input::default()
    };
    refine::run(particles, &input, &options, &Quiet).unwrap()
}

/// Median and root mean square angle (degrees), median shift (voxels), mean FSC of the map with the truth to half of Nyquist.
fn figures(refined: &Refined, particles: &SimulatedParticles, map: &[f32]) -> [f64; 4] {
    let best = refined.posteriors.iter().map(|p| p.best().placement);
    let found: Vec<Placement> = best.collect();
    let (angles, shifts) = errors(&found, &particles.truth);
    let squares = angles.iter().map(|angle| angle * angle).sum::<f64>();
    let cube = |map: &[f32]| Array3::from_shape_vec((N, N, N), map.to_vec()).unwrap();
    let with_truth = fsc(&cube(&refined.map), &cube(map)).fsc;
    [
        median(&angles),
        (squares / angles.len() as f64).sqrt(),
        median(&shifts),
        with_truth[1..=N / 4].iter().sum::<f64>() / (N / 4) as f64,
    ]
}

#[test]
fn iterations_at_least_are_done_and_no_more_than_at_most() {
    let map = phantom(N, 1);
    let particles = simulated(&map, 24, 4.0, 3);
    let alone = refined(&particles, &map, 0).reports.len();
    assert!(alone > 1 && alone < 12, "{alone}");
    assert_eq!(
        refined(&particles, &map, alone + 3).reports.len(),
        alone + 3
    );
    let mut options = RefineOptions::default();
    options.target.mask_data = false;
    options.minimum_iterations = 30;
    options.maximum_iterations = 2;
    let references = [map.as_slice()];
    let input = Input {
        references: &references,
        ..Input::default()
    };
    let few = refine::run(&particles, &input, &options, &Quiet).unwrap();
    assert_eq!(few.reports.len(), 2);
}

#[test]
#[ignore = "slow: cargo xtask validate --only stopping"]
fn forced_iterations_win_nothing() {
    for (seed, count, signal_to_noise) in [
        (3, 60, 4.0),
        (4, 60, 1.0),
        (5, 60, 0.5),
        (6, 200, 1.0),
        (7, 40, 0.5),
    ] {
        let map = phantom(N, seed);
        let particles = simulated(&map, count, signal_to_noise, seed);
        let alone = refined(&particles, &map, 0);
        let least = alone.reports.len();
        let rows = [0, 5, 10].map(|more| {
            let forced = (more > 0).then(|| refined(&particles, &map, least + more));
            let [angle, rms, shift, agreement] =
                figures(forced.as_ref().unwrap_or(&alone), &particles, &map);
            println!(
                "stopping: {count} particles, signal over noise {signal_to_noise}, seed {seed}, {least} iterations and {more}: \
                 angle median {angle:.3}° rms {rms:.3}°, shift {shift:.4} voxels, mean FSC with the truth {agreement:.4}"
            );
            [rms, agreement]
        });
        for [rms, agreement] in &rows[1..] {
            assert!(rows[0][0] < 1.1 * rms, "{rows:?}");
            assert!(rows[0][1] > agreement - 0.01, "{rows:?}");
        }
    }
}
