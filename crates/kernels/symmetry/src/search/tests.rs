//! Groups of phantoms that were made with them, wherever their axes lie.

use glam::{DQuat, DVec3};
use rand_distr::{Distribution, StandardNormal};
use thon_compute::Quiet;

use super::*;

const N: usize = 40;

/// Blobs and their copies under a group, turned and moved, with white noise.
fn map_of(group: &str, turned: DQuat, moved: DVec3, noise: f32) -> Array3<f32> {
    let group: Symmetry = group.parse().unwrap();
    let blobs = [
        (DVec3::new(9.0, 2.0, 1.0), 1.0),
        (DVec3::new(5.0, -3.0, 7.0), 0.8),
        (DVec3::new(2.0, 6.0, 3.5), 0.9),
    ];
    let mut places = Vec::new();
    for element in group.rotations() {
        places.extend(blobs.map(|(place, weight)| (turned * (element * place) + moved, weight)));
    }
    let mut random = thon_compute::seed_stream(4, "noise", 0);
    let at = |i: usize| i as f64 - (N / 2) as f64;
    Array3::from_shape_fn((N, N, N), |(z, y, x)| {
        let r = DVec3::new(at(x), at(y), at(z));
        let one = |(c, w): &(DVec3, f64)| w * (-r.distance_squared(*c) / 4.5).exp();
        let normal: f32 = StandardNormal.sample(&mut random);
        places.iter().map(one).sum::<f64>() as f32 + noise * normal
    })
}

fn options() -> SymmetryOptions {
    SymmetryOptions {
        radius: 15.0,
        band: 9,
        largest_fold: 8,
        least_share: 0.7,
        least_correlation: 0.6,
    }
}

#[test]
fn groups_are_named_wherever_their_axes_lie() {
    let turned = DQuat::from_xyzw(0.3, -0.5, 0.2, 0.8).normalize();
    let moved = DVec3::new(1.2, -0.7, 0.4);
    for name in ["C1", "C2", "C6", "D7", "T", "O", "I2"] {
        let report = find_symmetry(&map_of(name, turned, moved, 0.1), &options(), &Quiet).unwrap();
        let held: Vec<String> = (report.fits.iter())
            .map(|f| format!("{} {:.2}", f.group, f.weakest))
            .collect();
        println!("{name}: {}", held.join("  "));
        assert_eq!(report.proposed.to_string(), name);
        if name == "C1" {
            continue;
        }
        // The orientation is known up to the group (and for Cn up to a turn about its axis).
        let fit = report.proposed_fit().unwrap();
        let axis = |q: DQuat| q * DVec3::Z;
        let copies = report.proposed.rotations();
        let along = copies
            .iter()
            .map(|&g| axis(turned * g).dot(axis(fit.orientation)).abs());
        assert!(along.fold(0.0, f64::max) > 0.999, "{name}");
        let off = fit.centre - moved;
        let across = match report.proposed {
            Symmetry::Cyclic(_) => off - axis(fit.orientation) * off.dot(axis(fit.orientation)),
            _ => off,
        };
        assert!(across.length() < 0.2, "{name}: {off}");
    }
}

#[test]
fn nonsense_is_refused() {
    let map = map_of("C2", DQuat::IDENTITY, DVec3::ZERO, 0.0);
    let wrong = |o: SymmetryOptions| find_symmetry(&map, &o, &Quiet).is_err();
    assert!(wrong(SymmetryOptions {
        radius: 0.0,
        ..options()
    }));
    assert!(wrong(SymmetryOptions {
        band: N,
        ..options()
    }));
    assert!(wrong(SymmetryOptions {
        largest_fold: 1,
        ..options()
    }));
    let flat = Array3::zeros((N, N, N));
    assert!(matches!(
        find_symmetry(&flat, &options(), &Quiet),
        Err(SymmetryFitError::NoDensity)
    ));
    let odd = Array3::zeros((N, N, N + 1));
    assert!(find_symmetry(&odd, &options(), &Quiet).is_err());
}
