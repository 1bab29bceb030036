//! Classification of simulated particles of two phantoms.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and shows its figures"
)]

use thon_average::{Alignment, ClassifyOptions, Input, Status, classify, iterate};
use thon_compute::Quiet;
use thon_likelihood::simulated::{Scheme, SimulatedParticles, phantom};
use thon_likelihood::{Observation, Observe, ParticleSource, SourceError};

const N: usize = 32;

/// Two phantoms, one of which has half of the other in it.
fn states() -> [Vec<f32>; 2] {
    let (common, other) = (phantom(N, 1), phantom(N, 2));
    let second = common.iter().zip(&other).map(|(a, b)| 0.7 * a + 0.7 * b);
    [common.clone(), second.collect()]
}

fn particles(count: usize) -> SimulatedParticles {
    let scheme = Scheme {
        particles: count,
        box_size: N,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise: 2.0,
        largest_shift: 1.0,
        seed: 11,
    };
    SimulatedParticles::new(&states(), scheme)
}

/// Share of particles in the class that most of their kind are in.
fn purity(classes: &[u32], kinds: &[usize]) -> f64 {
    let count = *classes.iter().max().unwrap() as usize + 1;
    let kind_count = kinds.iter().max().unwrap() + 1;
    let mut table = vec![vec![0_usize; kind_count]; count];
    for (class, kind) in classes.iter().zip(kinds) {
        table[*class as usize][*kind] += 1;
    }
    println!("{table:?}");
    let right: usize = table.iter().map(|row| row.iter().max().unwrap()).sum();
    right as f64 / classes.len() as f64
}

fn options(alignment: Alignment) -> ClassifyOptions {
    let mut options = ClassifyOptions {
        classes: 2,
        alignment,
        restarts: 4,
        iterations: 12,
        ..ClassifyOptions::default()
    };
    options.target.mask_data = false;
    options
}

#[test]
fn two_states_separate_at_fixed_poses() {
    let particles = particles(60);
    let input = Input {
        starts: &particles.truth,
        ..Input::default()
    };
    let found = classify::run(&particles, &input, &options(Alignment::Fixed), &Quiet).unwrap();
    let classes: Vec<u32> = found.posteriors.iter().map(|p| p.best().class).collect();
    assert!(purity(&classes, &particles.classes) > 0.95);
    assert_eq!(found.maps.len(), 2);
    assert_eq!(found.class_posteriors.len(), 60);
    let sums = found
        .class_posteriors
        .iter()
        .map(|row| row.iter().sum::<f64>());
    assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-6));
    // Two classes of thirty, and nobody who shows nothing.
    assert!(
        found.shares[1] > 0.4 && found.shares[2] < 0.01,
        "{:?}",
        found.shares
    );
}

#[test]
fn given_references_keep_their_numbers() {
    let particles = particles(40);
    let [first, second] = states();
    let input = Input {
        references: &[&second, &first],
        starts: &particles.truth,
        ..Input::default()
    };
    let mut options = options(Alignment::Local);
    options.initial_low_pass = thon_units::Angstrom(45.0);
    options.absolute_grey_scale = true;
    let mut state = classify::start(&particles, &input, &options, &Quiet).unwrap();
    while state.head.status == Status::Running {
        state = iterate(&particles, &state, &Quiet).unwrap();
    }
    let swapped = |(class, kind): (&u32, &usize)| *class as usize == 1 - kind;
    let classes = state.classes();
    let right = classes
        .iter()
        .zip(&particles.classes)
        .filter(|pair| swapped(*pair));
    assert!(right.count() >= 36, "{classes:?}");
}

/// The last particles show nothing.
struct WithEmpty(SimulatedParticles, usize);

impl ParticleSource for WithEmpty {
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
        let mut seen = self.0.observe(index, wanted)?;
        if index >= self.1 {
            // Seen at another place than where it is, far from the box's centre: what is left is noise and ghosts.
            let quiet = SimulatedParticles::new(
                &[vec![0.0; N * N * N]
                    .iter()
                    .enumerate()
                    .map(|(i, v)| v + f32::from(u8::from(i == 0)))
                    .collect()],
                Scheme {
                    signal_to_noise: 1e-9,
                    seed: 99,
                    ..self.0.scheme
                },
            );
            let scale = (self.0.noise_power() / quiet.noise_power()).sqrt() as f32;
            seen = quiet.observe(index, wanted)?;
            for product in &mut seen.products {
                *product *= scale;
            }
        }
        Ok(seen)
    }
}

#[test]
fn particles_that_show_nothing_go_to_the_empty_class() {
    let source = WithEmpty(particles(60), 52);
    let kinds: Vec<usize> = (0..60)
        .map(|i| if i < 52 { source.0.classes[i] } else { 2 })
        .collect();
    let input = Input {
        starts: &source.0.truth,
        ..Input::default()
    };
    for alignment in [Alignment::Fixed, Alignment::Local] {
        let map = phantom(N, 1);
        let references: [&[f32]; 1] = [&map];
        let input = Input {
            references: if alignment == Alignment::Fixed {
                &[]
            } else {
                &references
            },
            ..input
        };
        let found = classify::run(&source, &input, &options(alignment), &Quiet).unwrap();
        let classes: Vec<u32> = found.posteriors.iter().map(|p| p.best().class).collect();
        purity(&classes, &kinds);
        let empty = (0..60).filter(|i| classes[*i] == 2);
        assert!(
            empty.clone().filter(|i| *i >= 52).count() >= 7,
            "{alignment:?}"
        );
        assert!(empty.filter(|i| *i < 52).count() <= 1, "{alignment:?}");
    }
}
