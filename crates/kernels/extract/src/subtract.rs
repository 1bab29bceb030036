//! Signal subtraction: a subtomogram without the part of the particle that is not asked about.
//!
//! x'(r) = x(r) − transform⁻¹[ c(k) V(A⁻¹ k) e^(−2πi k·t/n) ], with V the transform of the reference times (1 − mask), c the 3D
//! CTF, A and t the particle's placement. What remains under the mask is then classified or refined on its own (Bai et al. 2015,
//! eLife 4:e11182; `relion_particle_subtract`). The reference must be on the grey scale of the data, as refinement leaves it.

use glam::DVec3;
use num_complex::Complex32;
use thon_likelihood::{Placement, Reference};
use thon_signal::fft::{Fft3, half_length, signed_index};

use crate::{ExtractError, TransferVolume};

/// Subtracts what `reference`, placed so, shows in a subtomogram `[n, n, n]`; frequencies from Nyquist on stay as they are.
///
/// # Errors
/// [`ExtractError::Size`] unless volume and reference have the box `n`.
pub fn subtract_reference(
    volume: &[f32],
    n: usize,
    transfer: TransferVolume<'_>,
    reference: &Reference,
    placement: &Placement,
) -> Result<Vec<f32>, ExtractError> {
    ExtractError::check_length("subtomogram", volume.len(), n * n * n)?;
    ExtractError::check_length("reference", reference.box_size(), n)?;
    let half = half_length(n);
    let mut spectrum = vec![Complex32::default(); n * n * half];
    // The phases of the placement, counted from voxel 0: the particle's centre lies at ⌊n/2⌋ + t.
    let origin = DVec3::splat((n / 2) as f64);
    for (row, values) in spectrum.chunks_mut(half).enumerate() {
        let (ky, kz) = (signed_index(row % n, n), signed_index(row / n, n));
        for (kx, value) in values.iter_mut().enumerate() {
            let k = [kx as i32, ky as i32, kz as i32];
            let q = DVec3::from_array(k.map(f64::from));
            if 2.0 * q.length() >= n as f64 {
                continue;
            }
            let c = match transfer {
                TransferVolume::Absent => 1.0,
                _ => transfer.values()[transfer.index(n, k)],
            };
            if c != 0.0 {
                let shift = placement.shift + origin;
                *value = reference.seen(placement.rotation, shift, q) * c;
            }
        }
    }
    let mut shown = vec![0.0; n * n * n];
    Fft3::plan([n; 3]).inverse_into(&mut spectrum, &mut shown);
    for (shown, value) in shown.iter_mut().zip(volume) {
        *shown = value - *shown;
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DQuat;
    use thon_likelihood::simulated::phantom;

    #[test]
    fn what_is_placed_is_taken_away_and_the_rest_stays() {
        let n = 32;
        let (part, rest) = (phantom(n, 1), phantom(n, 2));
        let placement = Placement {
            rotation: DQuat::from_xyzw(0.3, -0.2, 0.5, 0.7).normalize(),
            shift: DVec3::new(1.3, -0.6, 2.2),
        };
        let transfer: Vec<f32> = (0..n * n * half_length(n))
            .map(|i| 1.0 - 0.8 * ((i % half_length(n)) as f32 * 0.3).sin())
            .collect();
        let transfer = TransferVolume::Half(&transfer);
        let nothing = vec![0.0; n * n * n];
        let of = |map: &[f32], from: &[f32]| {
            let reference = Reference::new(map, n).unwrap();
            subtract_reference(from, n, transfer, &reference, &placement).unwrap()
        };
        // What both show together, less the part, is what the rest shows alone.
        let both: Vec<f32> = part.iter().zip(&rest).map(|(a, b)| a + b).collect();
        let shown: Vec<f32> = of(&both, &nothing).iter().map(|v| -v).collect();
        let left = of(&part, &shown);
        let alone: Vec<f32> = of(&rest, &nothing).iter().map(|v| -v).collect();
        let largest = alone.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
        for (a, b) in left.iter().zip(&alone) {
            assert!((a - b).abs() < 1e-4 * largest, "{a} {b}");
        }
        assert!(
            alone.iter().map(|v| v * v).sum::<f32>()
                > 0.1 * part.iter().map(|v| v * v).sum::<f32>()
        );
    }

    #[test]
    fn the_particle_lies_where_it_was_placed() {
        let n = 32;
        let map = phantom(n, 3);
        let reference = Reference::new(&map, n).unwrap();
        let placement = Placement {
            shift: DVec3::new(3.0, -2.0, 1.0),
            ..Placement::default()
        };
        let nothing = vec![0.0; n * n * n];
        let shown = subtract_reference(&nothing, n, TransferVolume::Absent, &reference, &placement)
            .unwrap();
        let largest = map.iter().fold(0.0_f32, |a, b| a.max(*b));
        for z in 6..26 {
            for y in 6..26 {
                for x in 6..26 {
                    let moved = ((z + 1) * n + y - 2) * n + x + 3;
                    let (a, b) = (-shown[moved], map[(z * n + y) * n + x]);
                    assert!((a - b).abs() < 0.05 * largest, "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn other_boxes_are_refused() {
        let reference = Reference::new(&phantom(16, 1), 16).unwrap();
        let placement = Placement::default();
        let small = vec![0.0; 12 * 12 * 12];
        let refused =
            subtract_reference(&small, 12, TransferVolume::Absent, &reference, &placement);
        assert!(refused.is_err());
    }
}
