//! A map ready to be compared: its padded Fourier transform, with values and gradients between the samples.
//!
//! The transform of the map in a box of twice the edge, half of it (x ≥ 0; the other half follows by Friedel), is read by
//! trilinear interpolation, whose envelope sinc² is divided out of the map beforehand. Value and gradient come from
//! the same eight neighbours, so the gradient is exactly that of the interpolant. Positions are cycles per box.

use std::sync::Arc;

use glam::{DQuat, DVec3};
use num_complex::Complex32;

use crate::LikelihoodError;
use crate::padded_transform::padded_transform;

/// Times that the box is padded.
pub(crate) const PADDING: usize = 2;

/// The transform V of a map, padded twice, trilinear, with the envelope of the interpolation divided out beforehand. Copies
/// share its values.
#[derive(Clone, Debug)]
pub struct Reference {
    box_size: usize,
    values: Arc<Vec<Complex32>>,
}

/// The four neighbours of a position on one side along x, as rows of two complex values, and where it lies among them.
pub(crate) struct Lattice<'a> {
    /// Values `[z, y, x]` as pairs (re, im).
    pub(crate) values: &'a [f32],
    /// Largest coordinate along y and z, in steps of the padded box.
    pub(crate) extent: usize,
}

impl Lattice<'_> {
    /// Elements along x.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.extent + 1
    }

    /// Elements along y and z.
    #[inline]
    pub(crate) fn height(&self) -> usize {
        2 * self.extent + 1
    }
}

/// Steps of the padded box beyond Nyquist that samples at its rim and their neighbours reach.
const MARGIN: usize = 3;

impl Reference {
    /// Transforms a map `[n, n, n]` of finite values, 2 ≤ n ≤ 1024.
    ///
    /// # Errors
    /// [`LikelihoodError::Length`] or [`LikelihoodError::Parameter`] for a wrong length or box,
    /// [`LikelihoodError::NotFinite`] for a map with values that are no numbers.
    pub fn new(map: &[f32], box_size: usize) -> Result<Self, LikelihoodError> {
        check(map, box_size)?;
        let n = box_size;
        let response: Vec<f32> = (0..n)
            .map(|i| (i as f64 - (n / 2) as f64) / (PADDING * n) as f64)
            .map(|r| sinc(r).powi(2) as f32)
            .collect();
        Ok(Self {
            box_size,
            values: Arc::new(padded_transform(map, n, &response, n + MARGIN)),
        })
    }

    /// The reference of the map times a factor.
    pub fn scaled(&self, factor: f32) -> Self {
        let values = self.values.iter().map(|value| value * factor);
        Self {
            box_size: self.box_size,
            values: Arc::new(values.collect()),
        }
    }

    /// Edge of the box, voxels.
    pub fn box_size(&self) -> usize {
        self.box_size
    }

    pub(crate) fn lattice(&self) -> Lattice<'_> {
        Lattice {
            values: bytemuck::cast_slice(self.values.as_slice()),
            extent: self.box_size + MARGIN,
        }
    }

    /// V(p) at a position in cycles per box; 0 beyond Nyquist.
    pub fn value(&self, position: DVec3) -> Complex32 {
        self.value_and_gradient(position).0
    }

    /// V(p) and its gradient along x, y, z, per cycle per box.
    pub fn value_and_gradient(&self, position: DVec3) -> (Complex32, [Complex32; 3]) {
        let scaled = position * PADDING as f64;
        if scaled.length() > (self.box_size + 1) as f64 {
            return (Complex32::default(), [Complex32::default(); 3]);
        }
        let mirrored = scaled.x < 0.0;
        let p = if mirrored { -scaled } else { scaled };
        let lattice = self.lattice();
        let extent = lattice.extent as f64;
        let place = DVec3::new(p.x, p.y + extent, p.z + extent);
        let cell = place.floor();
        let [fx, fy, fz] = (place - cell).as_vec3().to_array();
        let [ix, iy, iz] = cell.to_array().map(|c| c as usize);
        let row = |dy: usize, dz: usize| {
            let first = ((iz + dz) * lattice.height() + iy + dy) * lattice.width() + ix;
            let (a, b) = (self.values[first], self.values[first + 1]);
            (a + (b - a) * fx, b - a)
        };
        let [(a, ax), (b, bx), (c, cx), (d, dx)] = [row(0, 0), row(1, 0), row(0, 1), row(1, 1)];
        let (low, high) = (a + (b - a) * fy, c + (d - c) * fy);
        let (low_x, high_x) = (ax + (bx - ax) * fy, cx + (dx - cx) * fy);
        let value = low + (high - low) * fz;
        let along_y = (b - a) + ((d - c) - (b - a)) * fz;
        let gradient = [low_x + (high_x - low_x) * fz, along_y, high - low];
        let scale = PADDING as f32;
        if mirrored {
            (value.conj(), gradient.map(|g| -g.conj() * scale))
        } else {
            (value, gradient.map(|g| g * scale))
        }
    }

    /// V(A⁻¹ q) · e^(−2πi q·t/n): what a particle placed so shows at q, before the transfer.
    pub fn seen(&self, rotation: DQuat, shift: DVec3, q: DVec3) -> Complex32 {
        let turn = -std::f64::consts::TAU * q.dot(shift) / self.box_size() as f64;
        let phase = Complex32::new(turn.cos() as f32, turn.sin() as f32);
        self.value(rotation.conjugate() * q) * phase
    }
}

fn check(map: &[f32], box_size: usize) -> Result<(), LikelihoodError> {
    if !(2..=1024).contains(&box_size) {
        return Err(LikelihoodError::Parameter {
            name: "box size",
            value: box_size.to_string(),
            expected: "2 to 1024 voxels",
        });
    }
    if map.len() != box_size.pow(3) {
        return Err(LikelihoodError::Length {
            what: "map",
            expected: box_size.pow(3),
            found: map.len(),
        });
    }
    if map.iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(LikelihoodError::NotFinite {
            what: "the map".into(),
        })
    }
}

/// sin(πx)/(πx).
pub(crate) fn sinc(x: f64) -> f64 {
    let x = std::f64::consts::PI * x;
    if x.abs() < 1e-6 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_complex::Complex64;

    const N: usize = 32;

    /// Gaussian blobs: centre, deviation, both in voxels.
    fn blobs() -> Vec<(DVec3, f64)> {
        (0..40)
            .map(|i| {
                let x = |k: usize| ((7 * i + k) as f64 * 1.3).sin();
                let place = DVec3::new(x(1), x(3), x(5)).normalize() * x(2).abs() * N as f64 / 4.0;
                (place, 1.2 + 0.4 * x(4))
            })
            .collect()
    }

    fn exact(blobs: &[(DVec3, f64)], q: DVec3) -> (Complex64, [Complex64; 3]) {
        let k = std::f64::consts::TAU / N as f64;
        let mut value = Complex64::default();
        let mut gradient = [Complex64::default(); 3];
        for (place, s) in blobs {
            let height = (std::f64::consts::TAU * s * s).powf(1.5);
            let envelope = height * (-0.5 * (k * s).powi(2) * q.length_squared()).exp();
            let one = Complex64::from_polar(envelope, -k * q.dot(*place));
            value += one;
            for axis in 0..3 {
                let slope = Complex64::new(-(k * s).powi(2) * q[axis], -k * place[axis]);
                gradient[axis] += one * slope;
            }
        }
        (value, gradient)
    }

    #[test]
    fn values_and_gradients_are_those_of_the_map() {
        let blobs = blobs();
        let at = |i: usize| i as f64 - (N / 2) as f64;
        let map: Vec<f32> = (0..N * N * N)
            .map(|i| {
                let r = DVec3::new(at(i % N), at(i / N % N), at(i / N / N));
                let one = |(c, s): &(DVec3, f64)| (-r.distance_squared(*c) / (2.0 * s * s)).exp();
                blobs.iter().map(one).sum::<f64>() as f32
            })
            .collect();
        let reference = Reference::new(&map, N).unwrap();
        let (mut value, mut slope) = ([0.0; 2], [0.0; 2]);
        for i in 0..4000 {
            let x = |k: usize| ((13 * i + k) as f64 * 0.7).sin();
            let q = DVec3::new(x(1), x(2), x(4)) * 7.0;
            let (v, g) = reference.value_and_gradient(q);
            let (e, h) = exact(&blobs, q);
            let wide = |v: Complex32| Complex64::new(f64::from(v.re), f64::from(v.im));
            value[0] += (wide(v) - e).norm_sqr();
            value[1] += e.norm_sqr();
            for axis in 0..3 {
                slope[0] += (wide(g[axis]) - h[axis]).norm_sqr();
                slope[1] += h[axis].norm_sqr();
            }
        }
        let [value, slope] = [value, slope].map(|[a, b]: [f64; 2]| (a / b).sqrt());
        println!("relative errors: value {value:.4}, gradient {slope:.4}");
        assert!(value < 0.02 && slope < 0.15, "{value} {slope}");
    }

    #[test]
    fn wrong_maps_are_refused() {
        assert!(Reference::new(&[0.0; 26], 3).is_err());
        assert!(Reference::new(&[], 0).is_err());
        assert!(Reference::new(&[f32::NAN; 27], 3).is_err());
    }
}
