//! An asymmetric phantom of Gaussian blobs with exact projections, and what compares maps with it; for the tests.

use glam::{DMat3, DQuat, DVec2, DVec3};
use rand::RngExt;
use thon_signal::fft::{Complex32, Fft3, half_length, signed_index};

use super::ParticleView;

pub(crate) const SIGMA: f64 = 1.2;

/// An asymmetric phantom: centres (voxels from the origin) and densities.
pub(crate) fn phantom() -> Vec<(DVec3, f64)> {
    [
        ((6.0, 1.0, -2.0), 1.0),
        ((-3.0, 7.0, 1.0), 0.8),
        ((1.0, -5.0, 5.0), 1.2),
        ((-4.0, -3.0, -6.0), 0.6),
        ((0.5, 2.0, 3.0), 0.9),
    ]
    .map(|(centre, density)| (DVec3::from(centre), density))
    .to_vec()
}

pub(crate) fn density(blobs: &[(DVec3, f64)], n: usize) -> Vec<f32> {
    let at = |i: usize| i as f64 - (n / 2) as f64;
    (0..n * n * n)
        .map(|i| {
            let r = DVec3::new(at(i % n), at(i / n % n), at(i / n / n));
            let gauss =
                |(c, d): &(DVec3, f64)| d * (-r.distance_squared(*c) / (2.0 * SIGMA * SIGMA)).exp();
            blobs.iter().map(gauss).sum::<f64>() as f32
        })
        .collect()
}

/// The exact projection through a rotation, centred at ⌊n/2⌋ + offset.
pub(crate) fn projection(
    blobs: &[(DVec3, f64)],
    n: usize,
    rotation: &DMat3,
    offset: DVec2,
) -> Vec<f32> {
    let beam = SIGMA * (2.0 * std::f64::consts::PI).sqrt();
    let seen: Vec<(DVec2, f64)> = blobs
        .iter()
        .map(|(c, d)| {
            (
                (*rotation * *c).truncate() + offset + (n / 2) as f64,
                d * beam,
            )
        })
        .collect();
    (0..n * n)
        .map(|i| {
            let r = DVec2::new((i % n) as f64, (i / n) as f64);
            let gauss =
                |(c, d): &(DVec2, f64)| d * (-r.distance_squared(*c) / (2.0 * SIGMA * SIGMA)).exp();
            seen.iter().map(gauss).sum::<f64>() as f32
        })
        .collect()
}

pub(crate) fn rotations(count: usize) -> Vec<DMat3> {
    let mut random = thon_compute::seed_stream(11, "rotations", 0);
    (0..count)
        .map(|_| {
            loop {
                let mut axis = || random.random_range(-1.0..1.0);
                let q = DQuat::from_xyzw(axis(), axis(), axis(), axis());
                if (0.01..1.0).contains(&q.length_squared()) {
                    break DMat3::from_quat(q.normalize());
                }
            }
        })
        .collect()
}

pub(crate) fn views(n: usize, count: usize) -> Vec<ParticleView> {
    rotations(count)
        .into_iter()
        .enumerate()
        .map(|(i, rotation)| {
            let offset = DVec2::new(0.4 - 0.01 * (i % 80) as f64, -0.3 + 0.02 * (i % 30) as f64);
            ParticleView {
                image: projection(&phantom(), n, &rotation, offset),
                size: n,
                projection: rotation,
                offset,
                transfer: None,
                premultiplied: false,
                weight: 1.0,
            }
        })
        .collect()
}

/// Fourier shell correlation per shell of a box frequency, and the ratio of amplitudes Σ a·b / Σ b².
pub(crate) fn shells(a: &[f32], b: &[f32], n: usize) -> Vec<(f64, f64)> {
    let fft = Fft3::plan([n; 3]);
    let spectrum = |values: &[f32]| {
        let mut out = vec![Complex32::default(); n * n * half_length(n)];
        fft.forward_into(values, &mut out);
        out
    };
    let (a, b) = (spectrum(a), spectrum(b));
    let mut sums = vec![[0.0_f64; 3]; n];
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        let x = (i % half_length(n)) as isize;
        let y = signed_index(i / half_length(n) % n, n);
        let z = signed_index(i / half_length(n) / n, n);
        let shell = ((x * x + y * y + z * z) as f64).sqrt().round() as usize;
        for (sum, value) in
            sums[shell]
                .iter_mut()
                .zip([(a * b.conj()).re, a.norm_sqr(), b.norm_sqr()])
        {
            *sum += f64::from(value);
        }
    }
    sums[..n / 2]
        .iter()
        .map(|[ab, aa, bb]| (ab / (aa * bb).sqrt(), ab / bb))
        .collect()
}

pub(crate) fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |v: &[f32]| v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let mut sums = [0.0; 3];
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x) - ma, f64::from(*y) - mb);
        sums[0] += x * y;
        sums[1] += x * x;
        sums[2] += y * y;
    }
    sums[0] / (sums[1] * sums[2]).sqrt()
}
