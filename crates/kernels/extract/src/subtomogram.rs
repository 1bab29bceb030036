//! Fourier samples of subtomograms with their 3D CTF, wedge or weights (Bharat & Scheres 2016; RELION 4 and 5 for weights).
//!
//! X = transform of the masked volume, phases from the centre. With a 3D CTF c: D = c·X, W = c². With weights, where the volume
//! is Σ c·x of its tilt images already: D = X, W = Σ c². Points with c = 0 (the missing wedge) are no samples. Frame: the axes of
//! the box; matter positive (RELION's white particles under its CTF of +sin χ), so that maps have matter positive too.

use num_complex::Complex32;
use thon_compute::columns::with_buffer;
use thon_likelihood::{Observation, Observe};

use crate::ExtractError;
use crate::soft_mask::mask_volume;
use crate::support::{BandTables, Supports};
use crate::transfer_volume::TransferVolume;

/// Makes observations of subtomograms of one box; shares geometries between particles of equal support.
///
/// ```
/// use thon_extract::{Subtomograms, TransferVolume};
/// use thon_likelihood::Observe;
/// // A single voxel of density 2 in the centre of the box: its transform is 2 everywhere.
/// let mut volume = vec![0.0; 512];
/// volume[(4 * 8 + 4) * 8 + 4] = 2.0;
/// let boxes = Subtomograms::new(8)?;
/// let seen = boxes.observe(&mut volume, TransferVolume::Absent, &Observe { band: 3, mask: None }, 0)?;
/// assert!(seen.products.iter().all(|d| (d.re - 2.0).abs() < 1e-5 && d.im.abs() < 1e-5));
/// # Ok::<(), thon_extract::ExtractError>(())
/// ```
pub struct Subtomograms {
    n: usize,
    supports: Supports,
}

impl Subtomograms {
    /// Boxes of edge `n`, 4 to 1024 voxels.
    ///
    /// # Errors
    /// [`ExtractError::Parameter`] for other sizes.
    pub fn new(n: usize) -> Result<Self, ExtractError> {
        if !(4..=1024).contains(&n) {
            return Err(ExtractError::parameter("box size", n, "4 to 1024 voxels"));
        }
        Ok(Self {
            n,
            supports: Supports::new(n),
        })
    }

    /// Edge of the boxes, voxels.
    pub fn box_size(&self) -> usize {
        self.n
    }

    /// The samples of one volume `[n, n, n]`, which is masked in place.
    ///
    /// # Errors
    /// [`ExtractError`] for volumes of another size, constant ones, values that are not finite, or a band beyond n/2.
    pub fn observe(
        &self,
        volume: &mut [f32],
        transfer: TransferVolume<'_>,
        wanted: &Observe,
        group: u32,
    ) -> Result<Observation, ExtractError> {
        let mut seen = None;
        self.observe_into(volume, transfer, wanted, group, &mut seen)?;
        Ok(seen.expect("an observation that did not fail"))
    }

    /// As [`Subtomograms::observe`], into the memory of an observation that is not needed any more. Nothing is left in it on
    /// an error.
    ///
    /// # Errors
    /// As [`Subtomograms::observe`].
    pub fn observe_into(
        &self,
        volume: &mut [f32],
        transfer: TransferVolume<'_>,
        wanted: &Observe,
        group: u32,
        into: &mut Option<Observation>,
    ) -> Result<(), ExtractError> {
        let n = self.n;
        ExtractError::check_length("subtomogram", volume.len(), n * n * n)?;
        let tables = self.supports.tables(wanted.band)?;
        let masked = mask_volume(volume, n, wanted.mask.as_ref());
        let not_finite = |what| ExtractError::NotFinite { what };
        if !masked.power.is_finite() {
            return Err(not_finite("the subtomogram"));
        }
        if masked.power <= 0.0 {
            return Err(ExtractError::Constant {
                what: "the subtomogram",
            });
        }
        let label = self.supports.label(&transfer)?;
        let before = into.take().map(|before| (before.products, before.weights));
        let (mut products, mut weights) = before.unwrap_or_default();
        let length = tables.transform.volume_len();
        let geometry = with_buffer(length, |spectrum: &mut [Complex32]| {
            tables.transform.volume(volume, spectrum);
            // The sum of all voxels.
            if !spectrum[tables.transform.volume_index([0; 3])].is_finite() {
                return Err(not_finite("the subtomogram"));
            }
            let samples = Samples {
                tables: &tables,
                spectrum,
                transfer: transfer.values(),
                places: &tables.transfer(n, &transfer),
            };
            with_buffer(tables.ball.points.len(), |lattice: &mut [u32]| {
                let count = samples.take(&transfer, lattice, &mut products, &mut weights);
                if count == 0 {
                    return Err(ExtractError::NoTransfer { band: wanted.band });
                }
                self.supports
                    .geometry(&tables.ball, &lattice[..count], label)
            })
        })?;
        if !weights.iter().sum::<f32>().is_finite() {
            return Err(not_finite("the 3D CTF"));
        }
        *into = Some(Observation {
            geometry,
            products,
            weights,
            group,
            mask_fraction: masked.fraction,
        });
        Ok(())
    }
}

/// The transform of a volume, and what it was multiplied by.
struct Samples<'a> {
    tables: &'a BandTables,
    spectrum: &'a [Complex32],
    transfer: &'a [f32],
    /// Where each point of the ball lies in the transfer.
    places: &'a [u32],
}

impl Samples<'_> {
    /// Takes the measured points of the ball; their number.
    fn take(
        &self,
        transfer: &TransferVolume<'_>,
        lattice: &mut [u32],
        products: &mut Vec<Complex32>,
        weights: &mut Vec<f32>,
    ) -> usize {
        match transfer {
            TransferVolume::Absent => self.each(lattice, products, weights, |_| (1.0, 1.0, true)),
            TransferVolume::Full(_) | TransferVolume::Half(_) => {
                self.each(lattice, products, weights, |i| {
                    let c = self.transfer[self.places[i] as usize];
                    (c, c * c, TransferVolume::passes(c))
                })
            }
            TransferVolume::Weights(_) => self.each(lattice, products, weights, |i| {
                let weight = self.transfer[self.places[i] as usize];
                (1.0, weight, TransferVolume::weighs(weight))
            }),
        }
    }

    /// Fills the lists, `of` being the factor and the weight of a point, and whether it was measured.
    #[inline]
    fn each(
        &self,
        lattice: &mut [u32],
        products: &mut Vec<Complex32>,
        weights: &mut Vec<f32>,
        of: impl Fn(usize) -> (f32, f32, bool),
    ) -> usize {
        let all = self.tables.ball.points.len();
        products.resize(all, Complex32::default());
        weights.resize(all, 0.0);
        let mut count = 0;
        let placed = self.tables.places.iter().zip(&self.tables.phases);
        for (i, (place, phase)) in placed.enumerate() {
            // Written always, kept when measured: no branch that cannot be foretold.
            let (factor, weight, measured) = of(i);
            lattice[count] = i as u32;
            products[count] = self.spectrum[*place as usize] * phase * factor;
            weights[count] = weight;
            count += usize::from(measured);
        }
        products.truncate(count);
        weights.truncate(count);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::DVec3;
    use thon_likelihood::SphereMask;

    fn volume(n: usize) -> Vec<f32> {
        (0..n * n * n)
            .map(|i| ((i * 7919 % 1013) as f32 * 0.37).sin())
            .collect()
    }

    /// A transfer that is zero in a wedge, by signed frequency.
    fn transfer([x, y, z]: [i32; 3]) -> f32 {
        if z.abs() > 2 * x.abs() + 1 {
            0.0
        } else {
            ((x * x + y * y + z * z) as f32 * 0.1).cos()
        }
    }

    fn signed(i: usize, n: usize) -> i32 {
        if 2 * i < n {
            i as i32
        } else {
            i as i32 - n as i32
        }
    }

    #[test]
    fn layouts_of_one_transfer_agree_and_share_their_geometry() {
        let n = 12;
        let boxes = Subtomograms::new(n).unwrap();
        let full: Vec<f32> = (0..n * n * n)
            .map(|i| transfer([i % n, i / n % n, i / n / n].map(|k| k as i32 - (n / 2) as i32)))
            .collect();
        let half: Vec<f32> = (0..n * n * 7)
            .map(|i| transfer([(i % 7) as i32, signed(i / 7 % n, n), signed(i / 7 / n, n)]))
            .collect();
        let mut weights: Vec<f32> = half.iter().map(|c| c * c).collect();
        weights.extend(vec![5.0; half.len()]);
        let wanted = Observe {
            band: 5,
            mask: Some(SphereMask {
                radius: 4.0,
                edge: 1.5,
                centre: DVec3::new(0.5, 0.0, -1.0),
            }),
        };
        let of = |transfer| boxes.observe(&mut volume(n), transfer, &wanted, 3).unwrap();
        let one = of(TransferVolume::of_shape(&full, [n, n, n], n).unwrap());
        let two = of(TransferVolume::of_shape(&half, [n, n, 7], n).unwrap());
        let three = of(TransferVolume::of_shape(&weights, [2 * n, n, 7], n).unwrap());
        one.check().unwrap();
        assert!(std::sync::Arc::ptr_eq(&one.geometry, &two.geometry));
        assert!(std::sync::Arc::ptr_eq(&one.geometry, &three.geometry));
        assert!(
            one.geometry.len() + 20 < thon_likelihood::HalfBall::new(5).points.len()
                && one.group == 3
                && one.mask_fraction < 0.3
        );
        assert_eq!(one.products, two.products);
        assert_eq!(one.weights, three.weights);
        // One name in every band, and the beginning of it.
        let wider = Observe { band: 6, ..wanted };
        let wide = boxes
            .observe(&mut volume(n), TransferVolume::Full(&full), &wider, 3)
            .unwrap();
        assert_eq!(wide.geometry.label, one.geometry.label);
        assert_eq!(
            wide.geometry.positions[..one.geometry.len()],
            one.geometry.positions
        );
        let plain = boxes
            .observe(&mut volume(n), TransferVolume::Absent, &wanted, 3)
            .unwrap();
        assert_ne!(plain.geometry.label, one.geometry.label);
        let lattice = one.geometry.lattice.as_ref().unwrap();
        for (i, (k, d)) in lattice.iter().zip(&one.products).enumerate() {
            let p = one.geometry.positions[i].map(|v| v as i32);
            let expected = plain.products[*k as usize] * transfer(p);
            assert!((expected - d).norm() < 1e-4);
            assert_eq!(three.products[i], plain.products[*k as usize]);
        }
    }

    #[test]
    fn worthless_boxes_are_named() {
        let boxes = Subtomograms::new(8).unwrap();
        let wanted = Observe {
            band: 3,
            mask: None,
        };
        let of = |mut volume: Vec<f32>, transfer| {
            boxes
                .observe(&mut volume, transfer, &wanted, 0)
                .unwrap_err()
                .to_string()
        };
        assert!(of(vec![3.0; 512], TransferVolume::Absent).contains("constant"));
        let mut broken = volume(8);
        broken[17] = f32::NAN;
        assert!(of(broken, TransferVolume::Absent).contains("not a number"));
        assert!(of(volume(8), TransferVolume::Full(&[0.0; 512])).contains("zero everywhere"));
        assert!(of(vec![0.0; 9], TransferVolume::Absent).contains("512"));
        let wanted = Observe {
            band: 5,
            mask: None,
        };
        let error = boxes
            .observe(&mut volume(8), TransferVolume::Absent, &wanted, 0)
            .unwrap_err();
        assert!(error.to_string().contains("1 to 4"));
    }
}
