//! Amorphous ice: white noise in layers along the beam, each with the CTF of its depth.

use rand::RngExt;
use rand_distr::StandardNormal;
use thon_compute::parallel::map_indices;
use thon_compute::seed_stream;
use thon_ctf::CtfModel;
use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DMat2, DVec2, DVec3};
use thon_model::{Ctf, HandSign};
use thon_signal::fft::{Complex32, Fft2};
use thon_units::Angstrom;

use super::truth::ice_normal;
use crate::SimulationOptions;

/// Layers at most in one image; thicker ones are used beyond.
const MOST_LAYERS: f64 = 256.0;

/// The ice as one image sees it.
pub(super) struct Ice<'a> {
    options: &'a SimulationOptions,
    geometry: TiltGeometry,
    ctf: Ctf,
    normal: DVec3,
    /// Back from image Å to the camera's.
    undo: DMat2,
    seed: u64,
    index: u64,
}

impl<'a> Ice<'a> {
    pub(super) fn new(
        options: &'a SimulationOptions,
        geometry: &TiltGeometry,
        ctf: Ctf,
        seed: u64,
        index: u64,
    ) -> Self {
        Self {
            options,
            geometry: *geometry,
            ctf,
            normal: geometry.rotation().apply(ice_normal(options)),
            undo: geometry.affine.inverse(),
            seed,
            index,
        }
    }

    /// Depth of the layer's mid-plane under pixel (x, y), Å.
    fn middle(&self, x: f64, y: f64) -> f64 {
        let [ny, nx] = self.options.image_size();
        let pixel = DVec2::new(x - (nx / 2) as f64, y - (ny / 2) as f64);
        let camera = self.undo * (pixel * self.options.pixel_size.0 - self.geometry.shift);
        -self.normal.truncate().dot(camera) / self.normal.z
    }

    /// Half the path of the beam in the ice, Å.
    fn half_path(&self) -> f64 {
        0.5 * self.options.ice_thickness.0 / self.normal.z.abs()
    }

    /// Adds the half spectrum of CTF · noise (V·Å) to `sum`.
    pub(super) fn add(&self, sum: &mut [Complex32], plan: &Fft2) {
        if self.options.ice_noise == 0.0 || self.options.ice_thickness.0 == 0.0 {
            return;
        }
        let [ny, nx] = self.options.image_size();
        let (right, top) = ((nx - 1) as f64, (ny - 1) as f64);
        let corners =
            [(0.0, 0.0), (right, 0.0), (0.0, top), (right, top)].map(|(x, y)| self.middle(x, y));
        let half = self.half_path();
        let lowest = corners.iter().copied().fold(f64::INFINITY, f64::min) - half;
        let highest = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max) + half;
        let step = self
            .options
            .ice_depth_step
            .0
            .max((highest - lowest) / MOST_LAYERS);
        let first = (lowest / step).floor();
        let count = ((highest / step).ceil() - first) as usize;
        // Two layers at a time keep memory bounded; their order of addition is fixed.
        for pair in (0..count).step_by(2) {
            let layers = map_indices(2.min(count - pair), |offset| {
                let layer = pair + offset;
                let top_of = (first + layer as f64) * step;
                self.layer(layer, top_of, top_of + step, plan)
            });
            for spectrum in layers {
                for (total, value) in sum.iter_mut().zip(spectrum) {
                    *total += value;
                }
            }
        }
    }

    /// CTF · noise of the ice between two depths.
    fn layer(&self, layer: usize, from: f64, to: f64, plan: &Fft2) -> Vec<Complex32> {
        let [ny, nx] = self.options.image_size();
        let half = self.half_path();
        let pixel = self.options.pixel_size.0;
        let stream = self.index * 1024 + layer as u64;
        let mut random = seed_stream(self.seed, "simulate/ice", stream);
        let mut noise = vec![0.0f32; ny * nx];
        for (y, row) in noise.chunks_exact_mut(nx).enumerate() {
            let start = self.middle(0.0, y as f64);
            let slope = self.middle(1.0, y as f64) - start;
            for (x, value) in row.iter_mut().enumerate() {
                let middle = start + slope * x as f64;
                let path = to.min(middle + half) - from.max(middle - half);
                if path > 0.0 {
                    let sigma = (path * self.options.ice_noise).sqrt() / pixel;
                    let deviate: f32 = random.sample(StandardNormal);
                    *value = deviate * sigma as f32;
                }
            }
        }
        let mut spectrum = vec![Complex32::default(); ny * (nx / 2 + 1)];
        plan.forward_into(&noise, &mut spectrum);
        let hand = HandSign::from(self.options.defocus_hand);
        let depth = Angstrom(0.5 * (from + to));
        let model = CtfModel::at_depth(&self.options.optics(), &self.ctf, hand, depth);
        let mut transfer = vec![0.0f32; spectrum.len()];
        model.fill_half_spectrum(&mut transfer, ny, nx, self.options.pixel_size);
        for (value, factor) in spectrum.iter_mut().zip(&transfer) {
            *value *= *factor;
        }
        spectrum
    }
}
