//! A particle as its tilt images have it: samples on central slices.

use std::sync::Arc;

use glam::{DQuat, DVec3};
use num_complex::Complex32;
use rand_distr::{Distribution, StandardNormal};

use crate::{Placement, Reference, SampleGeometry, Whitened, shell_of};

/// A particle seen in `tilts` slices of a single-axis scheme (axis y, ± `largest_tilt` degrees) with white noise of power
/// `noise` times the mean power of the signal, in units of that noise; transfer 1.
pub fn slices(
    reference: &Reference,
    truth: &Placement,
    band: usize,
    tilts: usize,
    largest_tilt: f64,
    noise: f64,
) -> Whitened {
    let mut random = thon_compute::seed_stream(1, "simulated slices", tilts as u64);
    let n = reference.box_size();
    let reach = band as i32;
    let mut samples = Vec::new();
    for tilt in 0..tilts {
        let share = if tilts > 1 {
            tilt as f64 / (tilts - 1) as f64
        } else {
            0.5
        };
        let turn = DQuat::from_rotation_y((2.0 * share - 1.0) * largest_tilt.to_radians());
        let plane = (-reach..=reach).flat_map(|y| (0..=reach).map(move |x| (x, y)));
        for (x, y) in plane.filter(|&(x, y)| x > 0 || y > 0) {
            let q = turn * DVec3::new(x.into(), y.into(), 0.0);
            let position = q.as_vec3().to_array();
            if shell_of(position) <= band {
                samples.push(position);
            }
        }
    }
    samples.sort_by_key(|p| shell_of(*p));
    let at = |q: &[f32; 3]| DVec3::from_array(q.map(f64::from));
    let seen = samples
        .iter()
        .map(|q| reference.seen(truth.rotation, truth.shift, at(q)));
    let seen: Vec<Complex32> = seen.collect();
    let signal = seen.iter().map(Complex32::norm_sqr).sum::<f32>() / seen.len() as f32;
    let power = signal * noise as f32;
    let mut normal = || -> f32 { StandardNormal.sample(&mut random) };
    let deviation = (power / 2.0).sqrt();
    let products = seen
        .iter()
        .map(|v| (v + Complex32::new(normal(), normal()) * deviation) / power)
        .collect();
    let label = 0x736c_6963_6573_0000 + ((tilts as u64) << 8);
    let weights = vec![1.0 / power; samples.len()];
    let geometry = SampleGeometry::new(n, band, samples, None, label)
        .expect("samples are sorted by their shells");
    Whitened {
        geometry: Arc::new(geometry),
        products,
        weights,
    }
}
