use glam::DVec3;

use super::*;
use crate::simulated::{Scheme, SimulatedParticles, phantom};
use crate::{NoiseModel, Observe, ParticleSource};

fn particle() -> (Reference, Whitened, Placement) {
    let scheme = Scheme {
        particles: 1,
        box_size: 32,
        voxel_size: 10.0,
        largest_tilt: 60.0,
        signal_to_noise: 0.3,
        largest_shift: 2.0,
        seed: 9,
    };
    let map = phantom(32, 1);
    let particles = SimulatedParticles::new(std::slice::from_ref(&map), scheme);
    let wanted = Observe {
        band: 14,
        mask: None,
    };
    let noise = NoiseModel {
        shells: vec![vec![particles.noise_power(); 15]],
        ..NoiseModel::default()
    };
    let data = noise.whiten(&particles.observe(0, &wanted).unwrap());
    let placement = particles.truth[0].moved(&[0.05, -0.03, 0.04, 0.3, -0.2, 0.1]);
    (Reference::new(&map, 32).unwrap(), data, placement)
}

#[test]
fn blocks_equal_plain_arithmetic() {
    let (reference, data, placement) = particle();
    for band in [3, 9, 14] {
        let fast = derivatives(&reference, &data, &placement, band);
        let plain = derivatives_plainly(&reference, &data, &placement, band);
        let value = log_likelihood(&reference, &data, &placement, band);
        assert!((value - fast.log_likelihood).abs() < 1e-4 * (1.0 + value.abs()));
        assert!((plain.log_likelihood - fast.log_likelihood).abs() < 1e-3 * (1.0 + value.abs()));
        for k in 0..6 {
            let scale = plain.information[k][k].sqrt();
            assert!(
                (fast.gradient[k] - plain.gradient[k]).abs() < 1e-3 * scale.max(1.0),
                "band {band}, {k}: {} {}",
                fast.gradient[k],
                plain.gradient[k]
            );
            for l in 0..6 {
                let scale = scale * plain.information[l][l].sqrt();
                let away = fast.information[k][l] - plain.information[k][l];
                assert!(
                    away.abs() < 1e-4 * scale,
                    "band {band}, {k} {l}: {away} of {scale}"
                );
            }
        }
    }
}

#[test]
fn the_gradient_is_that_of_the_likelihood() {
    let (reference, data, placement) = particle();
    let here = derivatives(&reference, &data, &placement, 12);
    for k in 0..6 {
        let size = if k < 3 { 4e-3 } else { 2e-2 };
        let at = |size: f64| {
            let mut step = [0.0; 6];
            step[k] = size;
            log_likelihood(&reference, &data, &placement.moved(&step), 12)
        };
        let slope = (at(size) - at(-size)) / (2.0 * size);
        // The interpolant has kinks between its cells, which a finite step averages over.
        let scale = here.information[k][k].sqrt();
        assert!(
            (slope - here.gradient[k]).abs() < 0.05 * scale,
            "{k}: {slope} {}",
            here.gradient[k]
        );
    }
}

#[test]
fn slices_are_values() {
    let (reference, data, placement) = particle();
    let positions = &data.geometry.positions;
    let mut out = vec![Complex32::default(); positions.len()];
    let inverse = DMat3::from_quat(placement.rotation.conjugate());
    slice(&reference, inverse, positions, &mut out);
    for (q, v) in positions.iter().zip(&out) {
        let p = placement.rotation.conjugate() * DVec3::from_array(q.map(f64::from));
        let exact = reference.value(p);
        assert!((v - exact).norm() < 1e-4 * exact.norm().max(1.0));
    }
}
