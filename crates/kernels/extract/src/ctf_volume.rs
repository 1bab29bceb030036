//! Three-dimensional CTF models of the 2016 protocol (Bharat & Scheres 2016; Bharat et al. 2015, Structure 23:1743).
//!
//! The CTF of each tilt image, at the particle's own depth, times its scale (cos of the tilt) and the loss by exposure
//! (a B factor of 4 Å² per e⁻/Å²), is laid into its central plane of the box's own, unpadded grid by trilinear interpolation;
//! sums are divided by the sums of the interpolation weights where these are positive, and are 0 elsewhere: the missing wedge.
//! Sign: + sin χ, for subtomograms with white matter, as RELION has them. Real, so its Friedel mates are equal.
//!
//! Frame: axes of the box; arrays `[z, y, x]`, half volumes `[n, n, n/2 + 1]` in the order of a real transform.

use glam::{DMat3, DVec3};
use thon_ctf::CtfModel;
use thon_units::{PixelSize, SquareAngstrom};

use crate::ExtractError;
use crate::half_lattice::HalfLattice;

/// One tilt image, seen by one particle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CtfSlice {
    /// Box → camera, affine included; the first two rows count.
    pub projection: DMat3,
    /// CTF at the particle's depth, with its own scale and envelope; absent for a model of the wedge alone.
    pub ctf: Option<CtfModel>,
    /// Amplitude of the image: the cosine of its tilt as a rule.
    pub scale: f64,
    /// B factor of the exposure before the image, exp(−B k²/4).
    pub b_factor: SquareAngstrom,
}

impl CtfSlice {
    /// The slice's value at (kx, ky) cycles/Å.
    pub fn value(&self, kx: f64, ky: f64) -> f64 {
        let squared = kx * kx + ky * ky;
        let ctf = self.ctf.map_or(1.0, |ctf| -ctf.amplitude(kx, ky));
        ctf * self.scale * (-0.25 * self.b_factor.0 * squared).exp()
    }
}

/// The tilt images of one particle.
#[derive(Clone, Debug, PartialEq)]
pub struct CtfSlices {
    /// Edge of the box, voxels.
    pub box_size: usize,
    /// Edge of a voxel.
    pub voxel_size: PixelSize,
    /// The images.
    pub slices: Vec<CtfSlice>,
}

impl CtfSlices {
    /// The model as a half volume `[n, n, n/2 + 1]`; 0 where no image contributes up to |k| = n/2.
    ///
    /// ```
    /// use thon_extract::{CtfSlice, CtfSlices};
    /// use thon_geometry::glam::DMat3;
    /// use thon_units::{PixelSize, SquareAngstrom};
    /// // One untilted image without CTF: 1 in the plane z = 0, nothing elsewhere.
    /// let slice = CtfSlice { projection: DMat3::IDENTITY, ctf: None, scale: 1.0, b_factor: SquareAngstrom(0.0) };
    /// let model = CtfSlices { box_size: 8, voxel_size: PixelSize(4.0), slices: vec![slice] };
    /// let volume = model.half_volume()?;
    /// assert_eq!([volume[2], volume[8 * 5 + 2]], [1.0, 0.0]);
    /// # Ok::<(), thon_extract::ExtractError>(())
    /// ```
    ///
    /// # Errors
    /// [`ExtractError::Parameter`] for a box outside 4 to 1024 voxels or without a slice.
    pub fn half_volume(&self) -> Result<Vec<f32>, ExtractError> {
        let n = self.box_size;
        if !(4..=1024).contains(&n) {
            return Err(ExtractError::parameter("box size", n, "4 to 1024 voxels"));
        }
        if self.slices.is_empty() {
            return Err(ExtractError::parameter("tilt images", 0, "at least one"));
        }
        let mut sums = Sums::new(n);
        let step = 1.0 / (n as f64 * self.voxel_size.0);
        for slice in &self.slices {
            let (along_x, along_y) = (slice.projection.row(0), slice.projection.row(1));
            for (x, y) in half_disc(n) {
                let (kx, ky) = (f64::from(x), f64::from(y));
                let value = slice.value(kx * step, ky * step);
                sums.insert(along_x * kx + along_y * ky, value);
            }
        }
        Ok(sums.divided())
    }

    /// The model as a full volume `[n, n, n]`, origin at voxel ⌊n/2⌋, as `relion_reconstruct --reconstruct_ctf` writes it.
    ///
    /// # Errors
    /// As [`CtfSlices::half_volume`].
    pub fn full_volume(&self) -> Result<Vec<f32>, ExtractError> {
        Ok(full_volume(&self.half_volume()?, self.box_size))
    }
}

/// Frequencies (x, y) of an image of `n` pixels up to n/2, one of each Friedel pair; n/2 of an even image counts once, as +n/2.
fn half_disc(n: usize) -> impl Iterator<Item = (i32, i32)> {
    let reach = (n / 2) as i32;
    let first = if n.is_multiple_of(2) {
        1 - reach
    } else {
        -reach
    };
    let all = (first..=reach).flat_map(move |y| (i32::from(y < 0)..=reach).map(move |x| (x, y)));
    all.filter(move |(x, y)| x * x + y * y <= reach * reach)
}

/// Lays a half volume `[n, n, n/2 + 1]` of a real transform out as a full one `[n, n, n]`, origin at voxel ⌊n/2⌋. Its first plane
/// along each axis, −n/2 of an even box, holds what the half volume has at +n/2.
pub fn full_volume(half: &[f32], n: usize) -> Vec<f32> {
    let width = n / 2 + 1;
    let centre = (n / 2) as i32;
    let at = |k: i32| k.rem_euclid(n as i32) as usize;
    (0..n * n * n)
        .map(|i| {
            let [x, y, z] = [i % n, i / n % n, i / n / n].map(|v| v as i32 - centre);
            let sign = if x < 0 { -1 } else { 1 };
            half[(at(sign * z) * n + at(sign * y)) * width + (sign * x) as usize]
        })
        .collect()
}

/// Σ w·c and Σ w over a half volume.
struct Sums {
    lattice: HalfLattice,
    elements: Vec<[f64; 2]>,
}

impl Sums {
    fn new(n: usize) -> Self {
        let lattice = HalfLattice::new(n);
        Self {
            elements: vec![[0.0; 2]; lattice.len()],
            lattice,
        }
    }

    fn insert(&mut self, position: DVec3, value: f64) {
        let elements = &mut self.elements;
        self.lattice.spread(position, |index, weight, _| {
            elements[index][0] += weight * value;
            elements[index][1] += weight;
        });
    }

    /// Sum over sum of weights, Friedel mates on x = 0 added; order of a real transform.
    fn divided(&self) -> Vec<f32> {
        let of = |(own, mate): (usize, Option<usize>)| {
            let mut sum = self.elements[own];
            if let Some(mate) = mate.map(|mate| self.elements[mate]) {
                sum = [sum[0] + mate[0], sum[1] + mate[1]];
            }
            if sum[1] > 0.0 {
                (sum[0] / sum[1]) as f32
            } else {
                0.0
            }
        };
        self.lattice.transform_order().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_model::{Ctf, Optics};
    use thon_units::Angstrom;

    #[test]
    fn a_tilt_series_leaves_a_wedge_and_keeps_the_ctf_of_each_plane() {
        let n = 32;
        let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(20000.0)));
        let slices = (-20..=20_i32)
            .map(|i| {
                let angle = f64::from(i) * 3.0_f64.to_radians();
                CtfSlice {
                    projection: DMat3::from_rotation_y(angle),
                    ctf: Some(ctf),
                    scale: angle.cos(),
                    b_factor: SquareAngstrom(f64::from(i.abs()) * 12.0),
                }
            })
            .collect();
        let model = CtfSlices {
            box_size: n,
            voxel_size: PixelSize(8.0),
            slices,
        };
        let half = model.half_volume().unwrap();
        let full = model.full_volume().unwrap();
        let at = |x: i32, y: i32, z: i32| {
            let w = |k: i32| k.rem_euclid(n as i32) as usize;
            half[(w(z) * n + w(y)) * 17 + x as usize]
        };
        // Along the tilt axis all images agree but for scale and exposure; far along z there is nothing.
        assert_eq!([at(0, 0, 12), at(3, 2, 12), at(2, -5, -14)], [0.0; 3]);
        let k = 9.0 / (32.0 * 8.0);
        let mean = model.slices.iter().map(|s| s.value(0.0, k)).sum::<f64>() / 41.0;
        assert!(
            (f64::from(at(0, 9, 0)) - mean).abs() < 0.02,
            "{} {mean}",
            at(0, 9, 0)
        );
        // In the plane of the untilted image far out only this one counts.
        let expected = model.slices[20].value(12.0 / 256.0, 0.0);
        assert!((f64::from(at(12, 0, 0)) - expected).abs() < 0.15 && expected > 0.0);
        let centre = |x: i32, y: i32, z: i32| {
            let w = |k: i32| (k + 16) as usize;
            full[(w(z) * n + w(y)) * n + w(x)]
        };
        for (x, y, z) in [(5, 3, 2), (0, 7, -1), (9, -4, 6)] {
            assert_eq!(centre(x, y, z), at(x, y, z));
            assert_eq!(centre(-x, -y, -z), at(x, y, z));
        }
    }
}
