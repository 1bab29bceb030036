//! Derivatives against differences, vectors against their plain twins.

use glam::DVec3;
use num_complex::Complex64;

use super::*;
use crate::simulated::{Scheme, SimulatedParticles, phantom};
use crate::{NoiseModel, Observe, ParticleSource};

/// The same by plain f64 arithmetic, sample by sample: what the blocks are tested against.
fn derivatives_plainly(
    reference: &Reference,
    particle: &Whitened,
    placement: &Placement,
    band: usize,
) -> Derivatives {
    let n = reference.box_size() as f64;
    let geometry = &particle.geometry;
    let mut result = Derivatives {
        log_likelihood: 0.0,
        gradient: [0.0; 6],
        information: [[0.0; 6]; 6],
    };
    let wide = |v: Complex32| Complex64::new(f64::from(v.re), f64::from(v.im));
    for i in geometry.count_to(0)..geometry.count_to(band) {
        let q = DVec3::from_array(geometry.positions[i].map(f64::from));
        let (value, slope) = reference.value_and_gradient(placement.rotation.conjugate() * q);
        let (value, slope) = (wide(value), slope.map(wide));
        let part = |f: fn(&Complex64) -> f64| {
            placement.rotation * DVec3::new(f(&slope[0]), f(&slope[1]), f(&slope[2]))
        };
        let (re, im) = (part(|v| v.re).cross(q), part(|v| v.im).cross(q));
        let phase = Complex64::cis(-std::f64::consts::TAU * q.dot(placement.shift) / n);
        let shifted = Complex64::new(0.0, -std::f64::consts::TAU / n) * value;
        let jacobian: [Complex64; 6] = std::array::from_fn(|k| {
            if k < 3 {
                Complex64::new(re[k], im[k])
            } else {
                shifted * q[k - 3]
            }
        });
        let weight = f64::from(particle.weights[i]);
        let data = wide(particle.products[i]) * phase.conj();
        let residual = data - value * weight;
        result.log_likelihood += 2.0 * (data.conj() * value).re - weight * value.norm_sqr();
        for k in 0..6 {
            result.gradient[k] += 2.0 * (residual.conj() * jacobian[k]).re;
            for l in 0..6 {
                result.information[k][l] += 2.0 * weight * (jacobian[k].conj() * jacobian[l]).re;
            }
        }
    }
    result
}

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
