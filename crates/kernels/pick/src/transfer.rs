//! What the tilt series lets through: a volume of weights over the Fourier box of a template.
//!
//! Each image holds the central section of the specimen perpendicular to its beam; for a box of n voxels it is as thick as one
//! Fourier voxel. With s = max(0, 1 − |k·beam|·n) its weight at k, c its contrast transfer there and e what the exposure left
//! of the amplitude,
//!
//! W(k) = Σ s·c·e / max(1, Σ s):
//!
//! the mean transfer of the images that see k, nothing where none does, and less in the gaps between tilts beyond the
//! Crowther frequency. This is how back-projection weights its images, whatever its ramp. Frequencies are in the specimen
//! frame, cycles/Å; the sections follow the full rotation of each image (x-tilt, tilt, axis).

use glam::{DMat3, DVec3};
use ndarray::Array3;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_ctf::{CtfModel, ExposureModel};
use thon_model::TiltSeries;
use thon_signal::fft::{half_length, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

/// What was done to the contrast transfer of the tomogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ContrastState {
    /// Nothing: the transfer oscillates as recorded, matter is dark.
    #[default]
    AsRecorded,
    /// Phases were flipped: |CTF|, matter is dark.
    PhaseFlipped,
    /// Multiplied by the CTF once more: CTF², matter is dark.
    Multiplied,
    /// Not known, or not to be used: no CTF in the weights, matter is dark.
    Unused,
    /// As `unused`, in a tomogram whose matter is bright.
    UnusedBright,
}

/// One image, as the weights need it.
#[derive(Clone, Debug)]
pub struct SeenBy {
    rotation: DMat3,
    ctf: Option<CtfModel>,
    dose_before: Dose,
    exposure: Dose,
    voltage: Kilovolt,
}

impl SeenBy {
    /// The used images of an aligned series.
    pub fn images_of(series: &TiltSeries) -> Vec<Self> {
        let seen = |index: usize| {
            let image = &series.images[index];
            Some(Self {
                rotation: image.geometry?.rotation().matrix(),
                ctf: image.ctf.map(|ctf| CtfModel::new(&series.optics, &ctf)),
                dose_before: image.dose_before,
                exposure: image.exposure.unwrap_or(Dose(0.0)),
                voltage: series.optics.voltage,
            })
        };
        series.used().filter_map(seen).collect()
    }

    /// Contrast transfer times what the exposure left, at `k` of the specimen frame.
    fn transfer(&self, k: DVec3, state: ContrastState, exposure: ExposureModel) -> f64 {
        let seen = self.rotation * k;
        let value = self.ctf.map_or(-1.0, |ctf| ctf.value(seen.x, seen.y));
        let contrast = match state {
            ContrastState::AsRecorded => value,
            ContrastState::PhaseFlipped => -value.abs(),
            ContrastState::Multiplied => -value * value,
            ContrastState::Unused => -1.0,
            ContrastState::UnusedBright => 1.0,
        };
        let left = exposure.attenuation(
            SpatialFrequency(k.length()),
            self.dose_before,
            self.exposure,
            self.voltage,
        );
        let scale = self
            .ctf
            .map_or(1.0, |ctf| ctf.scale() * ctf.envelope(k.length()));
        contrast * left * scale
    }
}

/// W over the half spectrum `[n, n, n/2 + 1]` of a box of `n` voxels; without images all is let through, with the sign of
/// `state`.
pub fn transfer_volume(
    images: &[SeenBy],
    state: ContrastState,
    exposure: ExposureModel,
    n: usize,
    voxel_size: PixelSize,
) -> Array3<f32> {
    let mut volume = Array3::<f32>::zeros((n, n, half_length(n)));
    if images.is_empty() {
        let sign = if state == ContrastState::UnusedBright {
            1.0
        } else {
            -1.0
        };
        volume.fill(sign);
        return volume;
    }
    let voxels = n as f64;
    volume
        .outer_iter_mut()
        .into_par_iter()
        .enumerate()
        .for_each(|(z, mut plane)| {
            for ((y, x), value) in plane.indexed_iter_mut() {
                let index = DVec3::new(
                    x as f64,
                    signed_index(y, n) as f64,
                    signed_index(z, n) as f64,
                );
                let k = index / (voxels * voxel_size.0);
                let (mut sum, mut thickness) = (0.0, 0.0);
                for image in images {
                    let section = 1.0 - image.rotation.row(2).dot(index).abs();
                    if section > 0.0 {
                        sum += section * image.transfer(k, state, exposure);
                        thickness += section;
                    }
                }
                *value = (sum / thickness.max(1.0)) as f32;
            }
        });
    volume
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_geometry::TiltGeometry;
    use thon_model::{Ctf, TiltImage};
    use thon_units::{Angstrom, Degrees, Radians};

    fn series(tilts: &[f64], ctf: Option<Ctf>) -> TiltSeries {
        let image = |&degrees: &f64| TiltImage {
            geometry: Some(TiltGeometry::tilted(Degrees(degrees).radians())),
            ctf,
            exposure: Some(Dose(3.0)),
            ..TiltImage::new(Radians(0.0), Dose(0.0))
        };
        TiltSeries {
            name: "TS".into(),
            pixel_size: PixelSize(5.0),
            image_size: [64, 64],
            volume_size: None,
            optics: thon_model::Optics::default(),
            nominal_tilt_axis_angle: None,
            defocus_hand: None,
            images: tilts.iter().map(image).collect(),
            carried: thon_model::Carried::default(),
            carried_global: thon_model::Carried::default(),
        }
    }

    #[test]
    fn the_wedge_is_where_no_image_looks() {
        let tilts: Vec<f64> = (-20..=20).map(|i| 3.0 * f64::from(i)).collect();
        let images = SeenBy::images_of(&series(&tilts, None));
        let n = 24;
        let weights = transfer_volume(
            &images,
            ContrastState::Unused,
            ExposureModel::None,
            n,
            PixelSize(10.0),
        );
        // Along x and y everything is seen, along the beam nothing but the origin's neighbourhood.
        assert_eq!(weights[[0, 0, 0]], -1.0);
        assert!(weights[[0, 0, 9]] < -0.3 && weights[[0, 9, 0]] == -1.0);
        assert!(weights[[9, 0, 0]] == 0.0 && weights[[9, 0, 3]] == 0.0);
        // A positive tilt carries the specimen's z towards x: its section holds k with kx·sin + kz·cos = 0.
        let one = SeenBy::images_of(&series(&[45.0], None));
        let weights = transfer_volume(
            &one,
            ContrastState::Unused,
            ExposureModel::None,
            n,
            PixelSize(10.0),
        );
        let (inside, outside) = (weights[[5, 0, 5]], weights[[n - 5, 0, 5]]);
        let beam = TiltGeometry::tilted(Degrees(45.0).radians())
            .rotation()
            .matrix()
            .row(2);
        assert!(if beam.x * beam.z > 0.0 {
            outside < -0.99 && inside == 0.0
        } else {
            inside < -0.99 && outside == 0.0
        });
    }

    #[test]
    fn contrast_and_exposure_multiply() {
        let ctf = Ctf::round(Angstrom(30000.0));
        let images = SeenBy::images_of(&series(&[0.0], Some(ctf)));
        let weights =
            |state, exposure| transfer_volume(&images, state, exposure, 24, PixelSize(10.0));
        let k = 5.0 / 240.0;
        let value = CtfModel::new(&thon_model::Optics::default(), &ctf).value(k, 0.0) as f32;
        let plain = weights(ContrastState::AsRecorded, ExposureModel::None)[[0, 0, 5]];
        assert!((plain - value).abs() < 1e-6 && value < -0.1);
        let flipped = weights(ContrastState::PhaseFlipped, ExposureModel::None)[[0, 7, 5]];
        assert!(flipped < 0.0);
        let damaged = weights(ContrastState::AsRecorded, ExposureModel::GrantGrigorieff)[[0, 0, 5]];
        let left = ExposureModel::GrantGrigorieff.attenuation(
            SpatialFrequency(k),
            Dose(0.0),
            Dose(3.0),
            Kilovolt(300.0),
        );
        assert!((damaged / plain - left as f32).abs() < 1e-5);
    }
}
