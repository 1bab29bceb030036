//! Refinement of simulated particles: poses, maps, reproducibility, refusals.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking and shows its figures"
)]

mod judge;

use glam::{DQuat, DVec3};
use judge::{errors, median};
use thon_average::{
    AverageError, BlockResult, Input, RefineOptions, Search, StartingPoses, State, Status,
    block_ranges, expect_block, iterate, reduce, refine,
};
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{Observation, Observe, ParticleSource, Placement, SourceError};

const N: usize = 32;

fn particles_of(map: &[f32], count: usize, signal_to_noise: f64) -> SimulatedParticles {
    let scheme = Scheme {
        particles: count,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise,
        largest_shift: 1.5,
        seed: 3,
    };
    SimulatedParticles::new(&[map.to_vec()], scheme)
}

fn options() -> RefineOptions {
    let mut options = RefineOptions::default();
    // The simulated particles are alone in their boxes.
    options.target.mask_data = false;
    options
}

/// Poses a few degrees and half a voxel off.
fn disturbed(truth: &[Placement], degrees: f64) -> Vec<Placement> {
    let turned = |(i, t): (usize, &Placement)| {
        let phase = i as f64 * 2.4;
        let axis = DVec3::new(phase.cos(), phase.sin(), (1.7 * phase).sin()).normalize();
        Placement {
            rotation: DQuat::from_axis_angle(axis, degrees.to_radians()) * t.rotation,
            shift: t.shift + axis * 0.5,
        }
    };
    truth.iter().enumerate().map(turned).collect()
}

fn in_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build().unwrap().install(work)
}

#[test]
fn poses_are_found_from_a_low_passed_reference() {
    let map = phantom(N, 1);
    let particles = particles_of(&map, 60, 2.0);
    let input = Input {
        references: &[&map],
        ..Input::default()
    };
    let mut state = refine::start(&particles, &input, &options(), &Quiet).unwrap();
    assert_eq!(state.head.search, Search::Global);
    while state.head.status == Status::Running {
        state = iterate(&particles, &state, &Quiet).unwrap();
    }
    let state = refine::last(&state);
    let block = expect_block(&particles, &state, 0..60, &Quiet).unwrap();
    let refined = refine::finish(&state, vec![block]).unwrap();
    let found: Vec<Placement> = refined
        .posteriors
        .iter()
        .map(|p| p.best().placement)
        .collect();
    let (angles, shifts) = errors(&found, &particles.truth);
    println!(
        "{} iterations, resolution {:.1} A, error {:.2} deg, {:.3} voxels; FSC {:.2?}",
        refined.reports.len(),
        refined.resolution,
        median(&angles),
        median(&shifts),
        refined.fsc
    );
    assert!(median(&angles) < 3.0, "{}", median(&angles));
    assert!(median(&shifts) < 0.3, "{}", median(&shifts));
    assert!(angles.iter().filter(|angle| **angle > 10.0).count() <= 3);
    assert!(refined.resolution < 45.0 && refined.fsc[4] > 0.9);
    assert_eq!(refined.directions.counts.iter().sum::<u32>(), 60);
    assert_eq!(
        refined
            .halves
            .iter()
            .map(|half| usize::from(*half))
            .sum::<usize>(),
        30
    );
    assert!(refined.half_maps.iter().all(|half| half.len() == N * N * N));
}

#[test]
fn blocks_threads_and_interruption_change_no_byte() {
    let map = phantom(N, 1);
    let particles = particles_of(&map, 70, 1.0);
    let input = Input {
        references: &[&map],
        ..Input::default()
    };
    let start = || refine::start(&particles, &input, &options(), &Quiet).unwrap();
    let first = in_pool(1, start);
    assert_eq!(first.to_bytes(), in_pool(3, start).to_bytes());
    let whole = in_pool(1, || iterate(&particles, &first, &Quiet).unwrap());
    assert_eq!(block_ranges(70, 3), [0..32, 32..64, 64..70]);
    let split = in_pool(3, || {
        // Killed and begun again: the state and every block have been bytes.
        let first = State::from_bytes(&first.to_bytes()).unwrap();
        let mut blocks: Vec<BlockResult> = block_ranges(70, 3)
            .into_iter()
            .map(|range| {
                let block = expect_block(&particles, &first, range, &Quiet).unwrap();
                BlockResult::from_bytes(&block.to_bytes()).unwrap()
            })
            .collect();
        blocks.reverse();
        reduce(&first, blocks).unwrap()
    });
    assert_eq!(whole.to_bytes(), split.to_bytes());
    let next = |state: &State| iterate(&particles, state, &Quiet).unwrap().to_bytes();
    let resumed = State::from_bytes(&split.to_bytes()).unwrap();
    assert_eq!(resumed, whole);
    assert_eq!(in_pool(2, || next(&resumed)), in_pool(1, || next(&whole)));
}

#[test]
fn blocks_that_do_not_cover_the_particles_are_refused() {
    let map = phantom(N, 1);
    let particles = particles_of(&map, 40, 1.0);
    let input = Input {
        references: &[&map],
        starts: &particles.truth,
        ..Input::default()
    };
    let mut options = options();
    options.poses.start = StartingPoses::Given;
    let state = refine::start(&particles, &input, &options, &Quiet).unwrap();
    let wrong = expect_block(&particles, &state, 0..20, &Quiet);
    assert!(matches!(
        wrong,
        Err(AverageError::Option { name: "block", .. })
    ));
    let block = expect_block(&particles, &state, 0..32, &Quiet).unwrap();
    let missing = reduce(&state, vec![block.clone()]);
    assert!(matches!(
        missing,
        Err(AverageError::Blocks { expected: 32, .. })
    ));
    let twice = reduce(&state, vec![block.clone(), block.clone()]);
    assert!(matches!(
        twice,
        Err(AverageError::Blocks {
            expected: 32,
            found: 0
        })
    ));
    let bytes = block.to_bytes();
    for cut in [0, 7, 20, bytes.len() / 2, bytes.len() - 1] {
        assert!(BlockResult::from_bytes(&bytes[..cut]).is_err());
    }
    let bytes = state.to_bytes();
    for cut in [0, 9, 100, bytes.len() - 4] {
        assert!(State::from_bytes(&bytes[..cut]).is_err());
    }
}

/// The phantom made fourfold about z.
fn fourfold() -> Vec<f32> {
    let map = phantom(N, 5);
    let c = (N / 2) as isize;
    let at = |x: isize, y: isize, z: usize| {
        let inside = |v: isize| (0..N as isize).contains(&(v + c));
        if inside(x) && inside(y) {
            map[(z * N + (y + c) as usize) * N + (x + c) as usize]
        } else {
            0.0
        }
    };
    (0..N * N * N)
        .map(|i| {
            let (x, y, z) = ((i % N) as isize - c, (i / N % N) as isize - c, i / N / N);
            at(x, y, z) + at(-y, x, z) + at(-x, -y, z) + at(y, -x, z)
        })
        .collect()
}

#[test]
fn a_symmetric_particle_gives_one_map_with_and_without_imposed_symmetry() {
    let map = fourfold();
    let particles = particles_of(&map, 40, 1.0);
    let starts = disturbed(&particles.truth, 5.0);
    let refine = |symmetry: &str| {
        let mut options = options();
        options.poses.start = StartingPoses::Given;
        options.target.symmetry = symmetry.parse().unwrap();
        options.maximum_iterations = 3;
        let input = Input {
            references: &[&map],
            starts: &starts,
            ..Input::default()
        };
        refine::run(&particles, &input, &options, &Quiet).unwrap()
    };
    let (free, imposed) = (refine("C1"), refine("C4"));
    let cube = |map: &[f32]| ndarray::Array3::from_shape_vec((N, N, N), map.to_vec()).unwrap();
    let agree = thon_signal::shells::fsc(&cube(&free.map), &cube(&imposed.map)).fsc;
    println!("C1 against C4 {agree:.2?}");
    println!("halves C1 {:.2?}\nhalves C4 {:.2?}", free.fsc, imposed.fsc);
    // As well as the noise of both maps allows, and the freedom of the frame of the one without symmetry.
    let whole = |fsc: f64| thon_signal::shells::joined_fsc(fsc.max(0.0));
    for shell in 1..8 {
        let expected = (whole(free.fsc[shell]) * whole(imposed.fsc[shell])).sqrt();
        assert!(agree[shell] > expected - 0.2, "{shell}: {agree:.2?}");
    }
    assert!(agree[1..6].iter().all(|fsc| *fsc > 0.9), "{agree:.2?}");
    let mean = |fsc: &[f64]| fsc[6..11].iter().sum::<f64>();
    assert!(mean(&imposed.fsc) > mean(&free.fsc));
}

#[test]
fn a_random_start_makes_a_first_reference_and_searches_on() {
    let map = phantom(N, 1);
    let particles = particles_of(&map, 40, 4.0);
    let mut options = options();
    options.poses.start = StartingPoses::Random;
    let state = refine::start(&particles, &Input::default(), &options, &Quiet).unwrap();
    assert!(state.references.is_empty() && state.head.search == Search::Fixed);
    let state = iterate(&particles, &state, &Quiet).unwrap();
    assert_eq!(state.head.search, Search::Global);
    assert_eq!(state.references.len(), 2);
    let power = |map: &[f32]| map.iter().map(|v| v * v).sum::<f32>();
    assert!(state.references.iter().all(|map| power(map) > 0.0));
    let next = iterate(&particles, &state, &Quiet).unwrap();
    assert!(next.head.reports[1].jumps > 0.5);
}

#[test]
fn poses_fifteen_degrees_off_are_found_again() {
    let map = phantom(N, 1);
    let particles = particles_of(&map, 40, 2.0);
    let starts = disturbed(&particles.truth, 15.0);
    let mut options = options();
    options.poses.start = StartingPoses::Given;
    options.poses.local_sigma = Some(thon_units::Degrees(10.0));
    let input = Input {
        references: &[&map],
        starts: &starts,
        ..Input::default()
    };
    let refined = refine::run(&particles, &input, &options, &Quiet).unwrap();
    assert_eq!(refined.reports[0].search, Search::Global);
    let best = refined.posteriors.iter().map(|p| p.best().placement);
    let (angles, _) = errors(&best.collect::<Vec<_>>(), &particles.truth);
    assert!(median(&angles) < 3.0, "{}", median(&angles));
    assert!(angles.iter().all(|angle| *angle < 25.0), "{angles:.1?}");
}

/// Every second particle belongs to a group that was recorded twice as strongly.
struct TwoGroups(SimulatedParticles);

impl ParticleSource for TwoGroups {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn box_size(&self) -> usize {
        self.0.box_size()
    }
    fn voxel_size(&self) -> f64 {
        self.0.voxel_size()
    }
    fn groups(&self) -> usize {
        2
    }
    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        let mut seen = self.0.observe(index, wanted)?;
        seen.group = (index % 2) as u32;
        if seen.group == 1 {
            for product in &mut seen.products {
                *product *= 2.0;
            }
        }
        Ok(seen)
    }
}

#[test]
fn scales_and_noise_of_groups_are_found() {
    let map = phantom(N, 1);
    let source = TwoGroups(particles_of(&map, 60, 2.0));
    let mut options = options();
    options.poses.start = StartingPoses::Given;
    options.absolute_grey_scale = true;
    let input = Input {
        references: &[&map],
        starts: &source.0.truth,
        ..Input::default()
    };
    let mut state = refine::start(&source, &input, &options, &Quiet).unwrap();
    for _ in 0..4 {
        state = iterate(&source, &state, &Quiet).unwrap();
    }
    let scales = &state.weighting.scales;
    assert!((scales[1] / scales[0] - 2.0).abs() < 0.1, "{scales:?}");
    assert!((scales[0] + scales[1] - 2.0).abs() < 1e-9);
    let noise = &state.weighting.noise.shells;
    for (shell, (weak, strong)) in noise[0].iter().zip(&noise[1]).enumerate().skip(6).take(8) {
        let ratio = strong / weak;
        assert!((3.5..4.5).contains(&ratio), "{shell}: {ratio}");
    }
}

/// Particles of which one is broken.
struct Broken(SimulatedParticles, fn(&mut Observation));

impl ParticleSource for Broken {
    fn len(&self) -> usize {
        self.0.len()
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
    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        let mut observation = self.0.observe(index, wanted)?;
        if index == 3 {
            (self.1)(&mut observation);
        }
        Ok(observation)
    }
}

#[test]
fn what_is_wrong_is_named_before_anything_runs() {
    let map = phantom(N, 1);
    let good = particles_of(&map, 8, 1.0);
    let refusal = |particles: &dyn ParticleSource, input: &Input<'_>| {
        refine::check(particles, input, &options()).unwrap_err()
    };
    let with = |map: &[f32]| {
        refusal(
            &good,
            &Input {
                references: &[map],
                ..Input::default()
            },
        )
    };
    for count in [0, 1] {
        let few = particles_of(&map, count, 1.0);
        let error = refusal(
            &few,
            &Input {
                references: &[&map],
                ..Input::default()
            },
        );
        assert!(matches!(error, AverageError::TooFewParticles { found, .. } if found == count));
    }
    assert!(matches!(
        with(&map[1..]),
        AverageError::MapSize {
            expected: 32768,
            ..
        }
    ));
    assert!(matches!(
        with(&vec![2.0; N * N * N]),
        AverageError::Flat { .. }
    ));
    let mut dirty = map.clone();
    dirty[77] = f32::NAN;
    assert!(matches!(with(&dirty), AverageError::NotFinite { .. }));
}

#[test]
fn wrong_masks_poses_halves_and_options_are_named_before_anything_runs() {
    let map = phantom(N, 1);
    let good = particles_of(&map, 8, 1.0);
    let refusal = |particles: &dyn ParticleSource, input: &Input<'_>| {
        refine::check(particles, input, &options()).unwrap_err()
    };
    let masked = |mask: &[f32]| {
        refusal(
            &good,
            &Input {
                references: &[&map],
                mask: Some(mask),
                ..Input::default()
            },
        )
    };
    assert!(matches!(
        masked(&vec![0.0; N * N * N]),
        AverageError::BlackMask { .. }
    ));
    assert!(matches!(
        masked(&vec![3.0; N * N * N]),
        AverageError::MaskRange { .. }
    ));
    assert!(matches!(masked(&[1.0; 8]), AverageError::MapSize { .. }));
    let starts = Input {
        references: &[&map],
        starts: &good.truth[1..],
        ..Input::default()
    };
    assert!(matches!(
        refusal(&good, &starts),
        AverageError::Count {
            expected: 8,
            found: 7,
            ..
        }
    ));
    let halves = Input {
        references: &[&map],
        halves: Some(&[0; 8]),
        ..Input::default()
    };
    assert!(matches!(
        refusal(&good, &halves),
        AverageError::Option { name: "halves", .. }
    ));
    assert!(matches!(
        refusal(&good, &Input::default()),
        AverageError::Option {
            name: "reference",
            ..
        }
    ));
    let mut wrong = options();
    wrong.target.diameter = thon_units::Angstrom(4000.0);
    let input = Input {
        references: &[&map],
        ..Input::default()
    };
    let error = refine::check(&good, &input, &wrong).unwrap_err();
    assert!(matches!(
        error,
        AverageError::Option {
            name: "diameter",
            ..
        }
    ));
}

#[test]
fn a_broken_particle_is_named() {
    let map = phantom(N, 1);
    let input = Input {
        references: &[&map],
        ..Input::default()
    };
    let nan = Broken(particles_of(&map, 8, 1.0), |o| o.products[5].re = f32::NAN);
    let error = refine::start(&nan, &input, &options(), &Quiet).unwrap_err();
    assert_eq!(
        error.to_string(),
        "particle 3 holds a value that is not finite"
    );
    let other = Broken(particles_of(&map, 8, 1.0), |o| {
        let mut geometry = (*o.geometry).clone();
        geometry.box_size = 64;
        o.geometry = std::sync::Arc::new(geometry);
    });
    let error = refine::start(&other, &input, &options(), &Quiet).unwrap_err();
    assert!(matches!(
        error,
        AverageError::BoxMismatch {
            index: 3,
            found: 64,
            ..
        }
    ));
}
