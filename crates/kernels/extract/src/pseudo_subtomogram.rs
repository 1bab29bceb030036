//! Pseudo-subtomograms of RELION 4 and 5: the tilt images of one particle, multiplied by their CTF, laid into one volume.
//!
//! data = Σ w·c·X, weights = Σ w·c² and multiplicity = Σ w over the central slices of all images, w the trilinear weights on the
//! unpadded grid of the box; nothing is divided (Zivanov et al. 2022, eLife 11:e83724). Frame: axes of the specimen, particle at
//! voxel ⌊n/2⌋. Contrast: matter positive.

use glam::{DMat3, DVec3};
use thon_signal::fft::{Complex32, Fft2, Fft3, half_length, signed_index};

use crate::ExtractError;
use crate::band_transform::centring;
use crate::half_lattice::HalfLattice;

/// A tilt image of the particle, multiplied by its transfer.
#[derive(Clone, Copy, Debug)]
pub struct PremultipliedView<'a> {
    /// Specimen → camera, affine included; the first two rows count.
    pub projection: DMat3,
    /// The image `[n, n]`, particle at pixel ⌊n/2⌋.
    pub image: &'a [f32],
    /// Its transfer, `[n, n/2 + 1]`.
    pub transfer: &'a [f32],
}

/// A volume and what it is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct PseudoSubtomogram {
    /// `[n, n, n]`.
    pub data: Vec<f32>,
    /// `[2n, n, n/2 + 1]`: Σ w·c², then Σ w, both in the order of a real transform.
    pub weights: Vec<f32>,
}

/// Lays views into a volume of `n` voxels.
///
/// # Errors
/// [`ExtractError`] for a box outside 4 to 1024 voxels, no view, or arrays of a wrong length.
pub fn pseudo_subtomogram(
    n: usize,
    views: &[PremultipliedView<'_>],
) -> Result<PseudoSubtomogram, ExtractError> {
    if !(4..=1024).contains(&n) {
        return Err(ExtractError::parameter("box size", n, "4 to 1024 voxels"));
    }
    if views.is_empty() {
        return Err(ExtractError::parameter("tilt images", 0, "at least one"));
    }
    let lattice = HalfLattice::new(n);
    // Real and imaginary part, c², weight.
    let mut sums = vec![[0.0_f64; 4]; lattice.len()];
    let phases = centring(n);
    let plan = Fft2::plan([n, n]);
    let half = half_length(n);
    let mut spectrum = vec![Complex32::default(); n * half];
    for view in views {
        ExtractError::check_length("tilt image", view.image.len(), n * n)?;
        ExtractError::check_length("transfer", view.transfer.len(), n * half)?;
        plan.forward_into(view.image, &mut spectrum);
        let (along_x, along_y) = (view.projection.row(0), view.projection.row(1));
        let share = 1.0 / along_x.cross(along_y).length() as f32;
        for (i, value) in spectrum.iter().enumerate() {
            let (x, y) = (i % half, signed_index(i / half, n));
            let radius = 4 * (x * x + (y * y) as usize);
            if radius > n * n || (x == 0 && y < 0) {
                continue;
            }
            let phase = phases[x] * phases[y.rem_euclid(n as isize) as usize] * share;
            let product = value * phase;
            let square = f64::from(view.transfer[i] * view.transfer[i]);
            let position: DVec3 = along_x * x as f64 + along_y * y as f64;
            lattice.spread(position, |index, weight, mirrored| {
                let sign = if mirrored { -1.0 } else { 1.0 };
                let element = &mut sums[index];
                element[0] += weight * f64::from(product.re);
                element[1] += sign * weight * f64::from(product.im);
                element[2] += weight * square;
                element[3] += weight;
            });
        }
    }
    let folded: Vec<[f64; 4]> = lattice
        .transform_order()
        .map(|(own, mate)| {
            let mut sum = sums[own];
            if let Some(mate) = mate.map(|mate| sums[mate]) {
                sum = [
                    sum[0] + mate[0],
                    sum[1] - mate[1],
                    sum[2] + mate[2],
                    sum[3] + mate[3],
                ];
            }
            sum
        })
        .collect();
    let back = |i: usize, size: usize| phases[i % size].conj();
    let mut volume: Vec<Complex32> = folded
        .iter()
        .enumerate()
        .map(|(i, sum)| {
            let phase = back(i % half, n) * back(i / half % n, n) * back(i / half / n, n);
            Complex32::new(sum[0] as f32, sum[1] as f32) * phase
        })
        .collect();
    let mut data = vec![0.0; n * n * n];
    Fft3::plan([n; 3]).inverse_into(&mut volume, &mut data);
    let squares = folded.iter().map(|sum| sum[2] as f32);
    let multiplicity = folded.iter().map(|sum| sum[3] as f32);
    Ok(PseudoSubtomogram {
        data,
        weights: squares.chain(multiplicity).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Subtomograms, TransferVolume};
    use thon_likelihood::{Observe, Reference};
    use thon_reconstruct::FourierVolume;

    /// What the E-step sees of a pseudo-subtomogram is Σ c² times the map that was projected.
    #[test]
    fn data_are_the_map_times_the_weights() {
        let n = 32;
        let map = thon_likelihood::simulated::phantom(n, 3);
        let volume = FourierVolume::new(&map, n, 2).unwrap();
        let half = half_length(n);
        let plan = Fft2::plan([n, n]);
        let (mut images, mut transfers, mut projections) = (Vec::new(), Vec::new(), Vec::new());
        for i in -20..=20_i32 {
            let projection = DMat3::from_rotation_y(f64::from(i) * 0.05);
            let transfer: Vec<f32> = (0..n * half)
                .map(|k| {
                    let (x, y) = ((k % half) as f32, signed_index(k / half, n) as f32);
                    (0.02 * (x * x + y * y) + 0.1 * i as f32).cos()
                })
                .collect();
            let mut spectrum = volume.slice(&projection);
            for (k, value) in spectrum.iter_mut().enumerate() {
                let phases = centring(n);
                let phase = phases[k % half] * phases[k / half];
                *value *= phase.conj() * transfer[k] * transfer[k];
            }
            let mut image = vec![0.0; n * n];
            plan.inverse_into(&mut spectrum, &mut image);
            images.push(image);
            transfers.push(transfer);
            projections.push(projection);
        }
        let views: Vec<PremultipliedView<'_>> = (0..images.len())
            .map(|i| PremultipliedView {
                projection: projections[i],
                image: &images[i],
                transfer: &transfers[i],
            })
            .collect();
        let mut made = pseudo_subtomogram(n, &views).unwrap();
        let boxes = Subtomograms::new(n).unwrap();
        let transfer = TransferVolume::of_shape(&made.weights, [2 * n, n, half], n).unwrap();
        let wanted = Observe {
            band: 10,
            mask: None,
        };
        let seen = boxes.observe(&mut made.data, transfer, &wanted, 0).unwrap();
        let reference = Reference::new(&map, n).unwrap();
        let (mut cross, mut model, mut data) = (0.0, 0.0, 0.0);
        for (i, q) in seen.geometry.positions.iter().enumerate() {
            let value = reference.value(DVec3::from_array(q.map(f64::from)));
            let expected = value * seen.weights[i];
            cross += f64::from((seen.products[i] * expected.conj()).re);
            model += f64::from(expected.norm_sqr());
            data += f64::from(seen.products[i].norm_sqr());
        }
        let correlation = cross / (model * data).sqrt();
        assert!(
            correlation > 0.98 && (cross / model - 1.0).abs() < 0.05,
            "{correlation} {}",
            cross / model
        );
        assert!(pseudo_subtomogram(n, &[]).is_err());
    }
}
