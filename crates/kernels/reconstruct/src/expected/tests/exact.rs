//! Equal particles give equal bytes; what cannot be summed is refused.

use super::*;
use crate::ReconstructError;

fn noisy(count: usize) -> Vec<Particle> {
    let mut particles = particles(&white(24, 1), 24, 11, count, 3.0);
    // Several placements: two shifts of one rotation, and another rotation.
    for (i, particle) in particles.iter_mut().enumerate() {
        let first = particle.placements[0];
        let mut random = ChaCha8Rng::seed_from_u64(900 + i as u64);
        particle.placements = vec![
            WeightedPlacement {
                weight: 0.5,
                ..first
            },
            WeightedPlacement {
                shift: first.shift + DVec3::X,
                weight: 0.3,
                ..first
            },
            WeightedPlacement {
                rotation: rotation(&mut random),
                weight: 0.2,
                ..first
            },
        ];
    }
    particles
}

#[test]
fn order_blocks_threads_and_files_do_not_matter() {
    let mut particles = noisy(9);
    let whole = sums_of(24, 11, 3.0, &particles);
    let bytes = whole.as_bytes();
    assert!(
        whole
            .elements
            .iter()
            .any(|e| e[0] != 0 && e[1] != 0 && e[2] != 0)
    );

    let mut blocks = sums_of(24, 11, 3.0, &particles[7..]);
    let stored = sums_of(24, 11, 3.0, &particles[..3]).as_bytes();
    blocks
        .add(&ExpectedSums::from_bytes(&stored).unwrap())
        .unwrap();
    blocks.add(&sums_of(24, 11, 3.0, &particles[3..7])).unwrap();
    assert!(blocks.as_bytes() == bytes);

    for threads in [1, 2, 4] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let again = pool.install(|| sums_of(24, 11, 3.0, &particles).as_bytes());
        assert!(again == bytes, "{threads} threads");
    }
    particles.reverse();
    particles.swap(1, 5);
    assert!(sums_of(24, 11, 3.0, &particles).as_bytes() == bytes);
    assert!(ExpectedSums::from_bytes(&bytes).unwrap() == whole);
}

/// Against sums in double precision, element by element.
#[test]
fn elements_are_the_trilinear_shares_of_samples() {
    let particles = noisy(3);
    let sums = sums_of(24, 11, 3.0, &particles);
    let space = sums.space();
    let mut expected = vec![[0.0_f64; 3]; sums.elements.len()];
    let mut add = |q: DVec3, placement: &WeightedPlacement, product: Complex32, weight: f32| {
        let cell = space.cell(placement.rotation.conjugate() * q * 2.0);
        let angle = std::f64::consts::TAU * q.dot(placement.shift) / 24.0;
        let mut value = product * Complex32::new(angle.cos() as f32, angle.sin() as f32);
        if cell.mirrored {
            value = value.conj();
        }
        let value = [value.re, value.im, weight];
        let [x, y, z] = cell.index;
        let first = (z * space.height() + y) * space.width() + x;
        for (corner, share) in space.corners().into_iter().zip(cell.weights()) {
            for (sum, value) in expected[first + corner].iter_mut().zip(value) {
                *sum += f64::from(value * share * placement.weight);
            }
        }
    };
    for particle in &particles {
        for placement in &particle.placements {
            for (i, q) in particle.positions.iter().enumerate() {
                let q = DVec3::from_array(q.map(f64::from));
                add(q, placement, particle.products[i], particle.weights[i]);
            }
        }
    }
    let quanta = [
        sums.quanta().products,
        sums.quanta().products,
        sums.quanta().weights,
    ];
    for part in 0..3 {
        let largest = expected.iter().fold(0.0_f64, |a, e| a.max(e[part].abs()));
        for (found, expected) in sums.elements.iter().zip(&expected) {
            let found = found[part] as f64 * quanta[part];
            assert!(
                (found - expected[part]).abs() < 2e-5 * largest,
                "{found} {}",
                expected[part]
            );
        }
    }
}

#[test]
fn what_cannot_be_summed_is_refused() {
    let quanta = Quanta::from_noise([0.0, 4.0, f64::NAN]).unwrap();
    assert!(Quanta::from_noise([0.0, -1.0]).is_err());
    assert!(ExpectedSums::new(24, 2, 13, quanta).is_err());
    assert!(ExpectedSums::new(24, 2, 0, quanta).is_err());
    assert!(
        ExpectedSums::new(
            24,
            2,
            12,
            Quanta {
                products: 0.3,
                ..quanta
            }
        )
        .is_err()
    );
    let mut sums = ExpectedSums::new(24, 2, 11, quanta).unwrap();
    let empty = sums.solve(&Regulariser::none());
    assert!(matches!(empty, Err(ReconstructError::EmptySums)));
    assert!(matches!(
        sums.correlation(&sums),
        Err(ReconstructError::EmptySums)
    ));

    let spoil = |change: &dyn Fn(&mut Particle)| {
        let mut particle = noisy(1).remove(0);
        change(&mut particle);
        particle
    };
    let spoiled = [
        spoil(&|p| p.products[7].im = f32::NAN),
        spoil(&|p| p.weights[7] = f32::INFINITY),
        spoil(&|p| p.weights[7] = -1.0),
        spoil(&|p| p.positions[7][1] = f32::NAN),
        spoil(&|p| p.placements[1].weight = f32::NAN),
        spoil(&|p| p.placements[1].weight = -0.5),
        spoil(&|p| p.placements[2].shift.x = f64::INFINITY),
        spoil(&|p| p.placements[2].rotation = DQuat::from_xyzw(0.0, 0.0, 0.0, 0.5)),
    ];
    let good = noisy(1).remove(0);
    for particle in &spoiled {
        let error = sums.insert(&[good.contribution(), particle.contribution()]);
        assert!(matches!(
            error,
            Err(ReconstructError::Contribution { index: 1, .. })
        ));
        assert!(sums.placements() == 0 && sums.elements.iter().all(|e| *e == [0; 3]));
    }
    let mut short = good.contribution();
    short.count += 1;
    assert!(matches!(
        sums.insert(&[short]),
        Err(ReconstructError::Length { .. })
    ));
    let large = spoil(&|p| p.products[3].re = 1e16);
    let error = sums.insert(&[large.contribution()]);
    assert!(matches!(error, Err(ReconstructError::Overflow { .. })));
    sums.insert(&[good.contribution()]).unwrap();
    let other = ExpectedSums::new(24, 2, 10, quanta).unwrap();
    assert!(matches!(
        sums.add(&other),
        Err(ReconstructError::DifferentSums { .. })
    ));
    let tau2 = Regulariser::tau2(vec![f64::NAN]);
    assert!(matches!(
        sums.solve(&tau2),
        Err(ReconstructError::Parameter { .. })
    ));
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = sums_of(24, 5, 3.0, &noisy(1)).as_bytes();
    let stored = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        ExpectedSums::from_bytes(&bytes)
    };
    assert!(stored(&|_| ()).is_ok());
    for damage in 0..8 {
        let error = stored(&|b| match damage {
            0 => b.truncate(20),
            1 => b.truncate(b.len() - 1),
            2 => b.push(0),
            3 => b[0] = b'T',
            4 => b[8] = 9,
            5 => b[20] = 6,
            6 => b[23] = 255,
            _ => b[48 + 23] = 0x80,
        });
        assert!(
            matches!(error, Err(ReconstructError::StoredSums { .. })),
            "{damage}: {error:?}"
        );
    }
}
