//! Tilt images of particles as Fourier samples, over whatever holds the boxes.
//!
//! A box is masked by a disc around the projected centre, transformed, and gives for each tilt a central slice: D = c·X and
//! W = c², with the CTF at the particle's depth and the loss by exposure in c (see [`crate::delocalised`] for what the mask
//! does to c). Boxes multiplied by their CTF beforehand, in a box twice as large as a rule, give D = X.
//! Frame: axes of the specimen; the particle's centre is the box's, so that shifts are along the specimen's axes.

use std::sync::Arc;

use glam::DVec2;
use num_complex::Complex32;
use thon_ctf::CtfModel;
use thon_likelihood::{Observation, Observe, ParticleSource, SourceError, SphereMask};
use thon_units::PixelSize;

use crate::ExtractError;
use crate::band_transform::BandTransform;
use crate::delocalised::SeenThrough;
use crate::soft_mask::mask_image;
use crate::tilt_scheme::{PlanePoint, TiltScheme};

/// One particle in the tilt images that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct TiltParticle {
    /// Which scheme (tilt series); also its noise group.
    pub scheme: u32,
    /// The images that show it, indices into the scheme's views, one box for each.
    pub tilts: Vec<u16>,
    /// CTF at the particle's depth in each of them; absent for images without CTF.
    pub ctfs: Vec<Option<CtfModel>>,
    /// Where the particle's centre lies relative to pixel ⌊n/2⌋ of each box (x, y pixels); empty for 0.
    pub offsets: Vec<DVec2>,
    /// True when the boxes were multiplied by their transfer.
    pub premultiplied: bool,
}

/// Holds the boxes of particles.
pub trait BoxReader: Sync {
    /// Reads the boxes of one particle, `[tilts, n, n]`, dark matter (or premultiplied), into `boxes`, which has that length.
    ///
    /// # Errors
    /// What reading meets, naming the file.
    fn read(&self, index: usize, boxes: &mut [f32]) -> Result<(), SourceError>;

    /// What to call a particle in an error.
    fn place(&self, index: usize) -> String;
}

/// Particles that are tilt images.
pub struct TiltSource<R> {
    reader: R,
    box_size: usize,
    pixel_size: PixelSize,
    schemes: Vec<TiltScheme>,
    particles: Vec<TiltParticle>,
}

impl<R: BoxReader> TiltSource<R> {
    /// Particles in boxes of `box_size` pixels of `pixel_size`.
    ///
    /// # Errors
    /// [`ExtractError`] for a box outside 4 to 4096 pixels, a particle of an unknown scheme, image or number of CTFs, or one
    /// that no image shows.
    pub fn new(
        reader: R,
        box_size: usize,
        pixel_size: PixelSize,
        schemes: Vec<TiltScheme>,
        particles: Vec<TiltParticle>,
    ) -> Result<Self, ExtractError> {
        if !(4..=4096).contains(&box_size) {
            return Err(ExtractError::parameter(
                "box size",
                box_size,
                "4 to 4096 pixels",
            ));
        }
        if !(pixel_size.0.is_finite() && pixel_size.0 > 0.0) {
            return Err(ExtractError::parameter(
                "pixel size",
                pixel_size,
                "more than 0 Å",
            ));
        }
        for (index, particle) in particles.iter().enumerate() {
            let views = schemes
                .get(particle.scheme as usize)
                .map_or(0, |s| s.views.len());
            let last = particle.tilts.iter().copied().max();
            if last.is_none_or(|last| usize::from(last) >= views) {
                let expected = format!("at least one, below {views} (particle {index})");
                return Err(ExtractError::parameter(
                    "tilt images",
                    format!("{last:?}"),
                    expected,
                ));
            }
            let count = particle.tilts.len();
            ExtractError::check_length("CTFs of a particle", particle.ctfs.len(), count)?;
            if !particle.offsets.is_empty() {
                ExtractError::check_length("offsets of a particle", particle.offsets.len(), count)?;
            }
        }
        Ok(Self {
            reader,
            box_size,
            pixel_size,
            schemes,
            particles,
        })
    }

    fn samples(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        let n = self.box_size;
        let particle = &self.particles[index];
        let scheme = &self.schemes[particle.scheme as usize];
        if !(1..=n / 2).contains(&wanted.band) {
            let expected = format!("1 to {}", n / 2);
            return Err(ExtractError::parameter("band", wanted.band, expected).into());
        }
        let table = scheme.table(n, self.pixel_size, wanted.band, &particle.tilts)?;
        let transform = BandTransform::new(n, wanted.band);
        let mut planes = Vec::with_capacity(particle.tilts.len());
        let (mut fraction, mut power) = (0.0_f64, 0.0_f64);
        let mut boxes = vec![0.0; particle.tilts.len() * n * n];
        self.reader.read(index, &mut boxes)?;
        let mut plane = vec![Complex32::default(); transform.plane_len()];
        for (which, image) in boxes.chunks_exact_mut(n * n).enumerate() {
            let offset = particle.offsets.get(which).copied().unwrap_or(DVec2::ZERO);
            let projection = scheme.views[usize::from(particle.tilts[which])].projection;
            let mask = wanted.mask.map(|mask| {
                let seen = (projection * mask.centre).truncate() + offset;
                SphereMask {
                    centre: seen.extend(0.0),
                    ..mask
                }
            });
            let masked = mask_image(image, n, mask.as_ref());
            fraction += f64::from(masked.fraction);
            power += masked.power;
            transform.plane(image, &mut plane);
            let diameter = mask.map_or(n as f64, |m| 2.0 * m.radius + m.edge) * self.pixel_size.0;
            let view = ViewOf {
                points: &table.points[which],
                ctf: particle.ctfs[which].as_ref(),
                premultiplied: particle.premultiplied,
                offset,
                diameter,
                step: 1.0 / (n as f64 * self.pixel_size.0),
                n,
            };
            planes.push(view.samples(&plane));
        }
        if !power.is_finite() {
            return Err(ExtractError::NotFinite {
                what: "a tilt image",
            }
            .into());
        }
        if power <= 0.0 {
            return Err(ExtractError::Constant {
                what: "every tilt image of the particle",
            }
            .into());
        }
        let of = |(view, point): &(u16, u32)| planes[usize::from(*view)][*point as usize];
        let (products, weights) = table.sources.iter().map(of).unzip();
        Ok(Observation {
            geometry: Arc::clone(&table.geometry),
            products,
            weights,
            group: particle.scheme,
            mask_fraction: (fraction / particle.tilts.len() as f64) as f32,
        })
    }
}

/// One box on its way to samples.
struct ViewOf<'a> {
    points: &'a [PlanePoint],
    ctf: Option<&'a CtfModel>,
    premultiplied: bool,
    offset: DVec2,
    diameter: f64,
    step: f64,
    n: usize,
}

impl ViewOf<'_> {
    /// D and W of each point.
    fn samples(&self, plane: &[Complex32]) -> Vec<(Complex32, f32)> {
        let still = self.offset == DVec2::ZERO;
        let one = |point: &PlanePoint| {
            let [x, y] = point.k.map(f64::from);
            let mut value = plane[point.place as usize] * point.phase;
            if !still {
                let turn =
                    std::f64::consts::TAU * self.offset.dot(DVec2::new(x, y)) / self.n as f64;
                value *= Complex32::new(turn.cos() as f32, turn.sin() as f32);
            }
            let (kx, ky) = (x * self.step, y * self.step);
            let seen = self.ctf.map(|ctf| SeenThrough {
                ctf,
                diameter: self.diameter,
            });
            let left = point.left;
            if self.premultiplied {
                let square = seen.map_or(1.0, |seen| seen.square(kx, ky)) as f32;
                (value, square * left * left)
            } else {
                let c = seen.map_or(1.0, |seen| seen.amplitude(kx, ky)) as f32 * left;
                (value * c, c * c)
            }
        };
        self.points.iter().map(one).collect()
    }
}

impl<R: BoxReader> ParticleSource for TiltSource<R> {
    fn len(&self) -> usize {
        self.particles.len()
    }

    fn box_size(&self) -> usize {
        self.box_size
    }

    fn voxel_size(&self) -> f64 {
        self.pixel_size.0
    }

    fn groups(&self) -> usize {
        self.schemes.len()
    }

    fn observe(&self, index: usize, wanted: &Observe) -> Result<Observation, SourceError> {
        self.samples(index, wanted)
            .map_err(|e| format!("{}: {e}", self.reader.place(index)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TiltView;
    use glam::{DMat3, DVec3};
    use thon_ctf::ExposureModel;
    use thon_model::{Ctf, Optics};
    use thon_reconstruct::FourierVolume;
    use thon_units::{Angstrom, Dose, Kilovolt};

    struct Held(Vec<Vec<f32>>);

    impl BoxReader for Held {
        fn read(&self, index: usize, boxes: &mut [f32]) -> Result<(), SourceError> {
            boxes.copy_from_slice(&self.0[index]);
            Ok(())
        }

        fn place(&self, index: usize) -> String {
            format!("particle {index}")
        }
    }

    /// Projections of a moved phantom, as recorded, give D = W·V at the phantom's own place.
    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "one experiment from the phantom to its comparison"
    )]
    fn products_are_weights_times_the_map() {
        let (n, pixel_size) = (48, PixelSize(6.0));
        let map = thon_likelihood::simulated::phantom(n, 2);
        let volume = FourierVolume::new(&map, n, 2).unwrap();
        let shift = DVec3::new(1.5, -2.0, 1.0);
        let ctf = CtfModel::new(&Optics::default(), &Ctf::round(Angstrom(12000.0)));
        let transfer = ctf.half_spectrum(n, n, pixel_size);
        let (mut views, mut boxes, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
        let plan = thon_signal::fft::Fft2::plan([n, n]);
        for i in -6..=6 {
            let projection = DMat3::from_rotation_y(f64::from(i) * 0.15);
            let offset = DVec2::new(0.25, -0.125 * f64::from(i % 3));
            let seen = (projection * shift).truncate() + offset;
            let image = volume.project(&projection, seen);
            let mut spectrum = vec![Complex32::default(); n * (n / 2 + 1)];
            plan.forward_into(&image, &mut spectrum);
            spectrum
                .iter_mut()
                .zip(&transfer)
                .for_each(|(v, t)| *v *= *t);
            let mut recorded = vec![0.0; n * n];
            plan.inverse_into(&mut spectrum, &mut recorded);
            boxes.extend(recorded);
            offsets.push(offset);
            let dose = Dose(0.0);
            views.push(TiltView {
                projection,
                dose_before: dose,
                dose_during: dose,
            });
        }
        let count = views.len();
        let scheme = TiltScheme::new(views, ExposureModel::None, Kilovolt(300.0)).unwrap();
        let particle = TiltParticle {
            scheme: 0,
            tilts: (0..count as u16).collect(),
            ctfs: vec![Some(ctf); count],
            offsets,
            premultiplied: false,
        };
        let source = TiltSource::new(
            Held(vec![boxes]),
            n,
            pixel_size,
            vec![scheme],
            vec![particle],
        )
        .unwrap();
        let mask = SphereMask {
            radius: 18.0,
            edge: 5.0,
            centre: shift,
        };
        let seen = source
            .observe(
                0,
                &Observe {
                    band: 12,
                    mask: Some(mask),
                },
            )
            .unwrap();
        seen.check().unwrap();
        let reference = thon_likelihood::Reference::new(&map, n).unwrap();
        let (mut cross, mut model, mut data) = (0.0, 0.0, 0.0);
        for (i, q) in seen.geometry.positions.iter().enumerate() {
            let value = reference.seen(
                glam::DQuat::IDENTITY,
                shift,
                DVec3::from_array(q.map(f64::from)),
            );
            let expected = value * seen.weights[i];
            cross += f64::from((seen.products[i].conj() * expected).re);
            model += f64::from(expected.norm_sqr());
            data += f64::from(seen.products[i].norm_sqr());
        }
        let correlation = cross / (model * data).sqrt();
        assert!(
            correlation > 0.95 && (cross / model - 1.0).abs() < 0.15,
            "{correlation} {}",
            cross / model
        );
        // A zero of the CTF is a weight of zero, never less.
        assert!(seen.weights.iter().all(|w| *w >= 0.0));
        let error = source
            .observe(
                0,
                &Observe {
                    band: 25,
                    mask: None,
                },
            )
            .unwrap_err();
        assert!(
            error.to_string().starts_with("particle 0: band is 25"),
            "{error}"
        );
    }
}
