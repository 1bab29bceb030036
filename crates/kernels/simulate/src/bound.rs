//! How well an ideal average of simulated particles can agree with the phantom.
//!
//! Image (p, t) shows particle p at tilt t with amplitude A(k) = 2σₑ · MTF · envelope · exposure · CTF and contrast noise of
//! spectral density N(k) (Å²): electrons p²/I₀ plus ice (2σₑ · MTF · envelope · CTF)² · `ice_noise` · path. Its transform
//! is one central plane of the particle's. With orientations at random, a plane passes within ±½ voxel of a voxel at
//! distance k in a box of edge L with probability 1/(2kL) (annulus 2πk·L² samples, shell 4πk²·L³ voxels), so the best
//! weighted average, Σ A·X/N over Σ A²/N, leaves noise of spectral density (V²·Å³)
//!
//! ```text
//!   P(k) = 2k / Σ_p,t ⟨ A²/N ⟩          ⟨ ⟩: over directions in the image (astigmatism)
//!   SSNR(k) = ⟨|F(k)|²⟩ / (P(k) · V)     V: volume of the mask the map is looked at through (the box, without one)
//!   FSC(map, phantom) = √(SSNR / (1 + SSNR))        FSC(half, half) = (SSNR/2) / (1 + SSNR/2)
//! ```
//! so FSC(map, phantom) = 0.5 where SSNR = 1/3. Σ ⟨A²/N⟩ is gathered over ±½ voxel, as a voxel does, and P averaged over
//! the width of a shell, because the CTF oscillates faster than shells are wide; chance in the number of planes that meet
//! a voxel multiplies P by 1 + 2kL Σw²/(Σw)², w = ⟨A²/N⟩. What is left out: errors of interpolation, of poses, CTF and
//! doses (all known), neighbouring particles, and that the tilts of one particle share an axis. A single map scatters about the
//! expected correlation by 1/√(voxels per shell).

use thon_compute::parallel::{map_indices, sum_lists};
use thon_ctf::{CtfModel, ExposureModel};
use thon_model::HandSign;
use thon_signal::fft::{Fft3, signed_index};
use thon_units::{Angstrom, PixelSize, SpatialFrequency};

use crate::series::modulation_transfer;
use crate::{Phantom, ShotNoise, Simulation};

/// Directions in the image over which CTF² is averaged, half a circle.
const IMAGE_DIRECTIONS: usize = 12;
/// Frequencies looked at in each shell; even.
const PARTS: usize = 4;
/// Directions over which the phantom's power is averaged.
const POWER_DIRECTIONS: usize = 300;
/// Boxes up to this edge are sampled to measure the phantom's power.
const LARGEST_SAMPLED_BOX: usize = 192;

/// Expected spectral signal-to-noise ratio of an ideal average; shell i lies at i/(box edge), shell 0 at the origin.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolutionBound {
    /// Spatial frequency of each shell, cycles/Å.
    pub frequency: Vec<f64>,
    /// ⟨|F|²⟩ of the phantom, V²·Å⁶.
    pub signal_power: Vec<f64>,
    /// P · V, noise power in the mask, V²·Å⁶; infinite where no image says anything.
    pub noise_power: Vec<f64>,
}

/// Amplitude A of the signal and noise density N of one image at one spatial frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ImageTransfer {
    /// Contrast per V·Å³ of transform, 1/(V·Å).
    pub amplitude: f64,
    /// Spectral density of the contrast's noise, Å².
    pub noise: f64,
}

impl Simulation {
    /// What image `tilt` says about a particle at `depth` Å, at (kx, ky) cycles/Å.
    pub fn image_transfer(&self, tilt: usize, depth: f64, kx: f64, ky: f64) -> ImageTransfer {
        let image = &self.tilt_series.images[tilt];
        let hand = HandSign::from(self.options.defocus_hand);
        let model = image
            .ctf
            .map(|ctf| CtfModel::at_depth(&self.options.optics(), &ctf, hand, Angstrom(depth)));
        self.transfer(tilt, model.map_or(0.0, |m| m.value(kx, ky)), kx.hypot(ky))
    }

    fn transfer(&self, tilt: usize, ctf: f64, k: f64) -> ImageTransfer {
        let options = &self.options;
        let image = &self.tilt_series.images[tilt];
        let lens = 2.0
            * options.interaction_constant()
            * modulation_transfer(options, k / options.pixel_size.nyquist().0)
            * (-0.25 * options.b_factor.0 * k * k).exp()
            * ctf;
        let exposure = if options.dose_damage {
            let (before, during) = (image.dose_before, options.dose_per_tilt);
            ExposureModel::GrantGrigorieff.attenuation(
                SpatialFrequency(k),
                before,
                during,
                options.voltage,
            )
        } else {
            1.0
        };
        let electrons = match options.shot_noise {
            ShotNoise::None => 0.0,
            ShotNoise::Poisson | ShotNoise::Gaussian => {
                options.pixel_size.0.powi(2) / self.expected_electrons(tilt)
            }
        };
        let ice = options.ice_noise * self.path_in_ice(tilt);
        ImageTransfer {
            amplitude: lens * exposure,
            noise: electrons + ice * lens * lens,
        }
    }

    /// ⟨A²/N⟩ of one image at |k|, over directions.
    fn mean_weight(&self, tilt: usize, model: &CtfModel, k: f64) -> f64 {
        let unit = self.transfer(tilt, 1.0, k);
        let electrons = self.transfer(tilt, 0.0, k).noise;
        let mut sum = 0.0;
        for step in 0..IMAGE_DIRECTIONS {
            let angle = std::f64::consts::PI * step as f64 / IMAGE_DIRECTIONS as f64;
            let squared = model.value(k * angle.cos(), k * angle.sin()).powi(2);
            let noise = electrons + (unit.noise - electrons) * squared;
            if noise > 0.0 {
                sum += unit.amplitude.powi(2) * squared / noise;
            }
        }
        sum / IMAGE_DIRECTIONS as f64
    }

    /// ⟨A²/N⟩ of one particle at each frequency: its sum over the images, then the sum of its squares.
    fn information(&self, particle: usize, frequency: &[f64]) -> Vec<f64> {
        let options = &self.options;
        let hand = HandSign::from(options.defocus_hand);
        let position = self.particles.poses[particle].position;
        let mut sums = vec![0.0; 2 * frequency.len()];
        for (tilt, image) in self.tilt_series.images.iter().enumerate() {
            let (Some(geometry), Some(ctf)) = (image.geometry, image.ctf) else {
                continue;
            };
            let depth = Angstrom(geometry.project(position).depth);
            let model = CtfModel::at_depth(&options.optics(), &ctf, hand, depth);
            for (index, k) in frequency.iter().enumerate() {
                let weight = self.mean_weight(tilt, &model, *k);
                sums[index] += weight;
                sums[frequency.len() + index] += weight * weight;
            }
        }
        sums
    }
}

/// Spectral density of the noise of an average (V²·Å³) at each shell of a box of `edge` Å, from Σw and Σw² of all images
/// at [`PARTS`] frequencies per shell.
fn noise_density(information: &[f64], shells: usize, edge: f64) -> Vec<f64> {
    let fine = shells * PARTS;
    let (sum, squares) = information.split_at(fine);
    let at = |list: &[f64], index: usize, offset: usize| {
        list[(index + offset).saturating_sub(PARTS / 2).min(fine - 1)]
    };
    // A voxel gathers what lies within half a voxel of it.
    let gathered = |list: &[f64], index: usize| {
        let inner: f64 = (1..PARTS).map(|offset| at(list, index, offset)).sum();
        (inner + 0.5 * (at(list, index, 0) + at(list, index, PARTS))) / PARTS as f64
    };
    (0..shells)
        .map(|shell| {
            let parts = (0..PARTS).map(|part| {
                let index = shell * PARTS + part;
                let k = fine_frequency(index, edge).max(0.5 / edge);
                let (sum, squares) = (gathered(sum, index), gathered(squares, index));
                let uneven = 1.0 + 2.0 * k * edge * squares / (sum * sum);
                2.0 * k / sum * uneven
            });
            parts.sum::<f64>() / PARTS as f64
        })
        .collect()
}

/// The frequency of part `index` of the shells, cycles/Å.
fn fine_frequency(index: usize, edge: f64) -> f64 {
    (((index as f64 + 0.5) / PARTS as f64 - 0.5) / edge).abs()
}

impl ResolutionBound {
    /// The bound for all particles of some series averaged together into a box of `box_size` voxels, compared with the
    /// phantom of the first series through a mask of `mask_volume` Å³ (Σ mask² · voxel volume); `None`: the whole box.
    pub fn of(
        simulations: &[&Simulation],
        box_size: usize,
        voxel_size: PixelSize,
        mask_volume: Option<f64>,
    ) -> Self {
        let edge = box_size as f64 * voxel_size.0;
        let volume = mask_volume.unwrap_or(edge.powi(3));
        let shells = box_size / 2 + 1;
        let frequency: Vec<f64> = (0..shells).map(|shell| shell as f64 / edge).collect();
        let each: Vec<(usize, usize)> = simulations
            .iter()
            .enumerate()
            .flat_map(|(series, s)| (0..s.particles.len()).map(move |row| (series, row)))
            .collect();
        let fine: Vec<f64> = (0..shells * PARTS)
            .map(|index| fine_frequency(index, edge))
            .collect();
        let information = sum_lists(map_indices(each.len(), |index| {
            let (series, row) = each[index];
            simulations[series].information(row, &fine)
        }));
        let noise_power = if information.is_empty() {
            vec![f64::INFINITY; shells]
        } else {
            let density = noise_density(&information, shells, edge);
            density.into_iter().map(|p| p * volume).collect()
        };
        let signal_power = simulations.first().map_or_else(
            || vec![0.0; shells],
            |first| shell_power(first.phantom(), box_size, voxel_size),
        );
        Self {
            frequency,
            signal_power,
            noise_power,
        }
    }

    /// SSNR of each shell.
    pub fn spectral_snr(&self) -> Vec<f64> {
        self.signal_power
            .iter()
            .zip(&self.noise_power)
            .map(|(signal, noise)| signal / noise)
            .collect()
    }

    /// Expected FSC of the average with the phantom.
    pub fn fsc_with_truth(&self) -> Vec<f64> {
        let of = |snr: f64| {
            if snr.is_infinite() {
                1.0
            } else {
                (snr / (1.0 + snr)).sqrt()
            }
        };
        self.spectral_snr().into_iter().map(of).collect()
    }

    /// Expected FSC between averages of two halves of the particles.
    pub fn fsc_of_halves(&self) -> Vec<f64> {
        let of = |snr: f64| {
            if snr.is_infinite() {
                1.0
            } else {
                snr / (2.0 + snr)
            }
        };
        self.spectral_snr().into_iter().map(of).collect()
    }

    /// Where the FSC with the phantom first falls below `threshold`, linear between shells; `None` when it never does.
    pub fn resolution(&self, threshold: f64) -> Option<Angstrom> {
        first_crossing(&self.frequency, &self.fsc_with_truth(), threshold)
    }
}

/// ⟨|F|²⟩ of the phantom over the voxels of each shell of a box; over evenly spread directions when the box is too large to
/// sample.
fn shell_power(phantom: &Phantom, box_size: usize, voxel_size: PixelSize) -> Vec<f64> {
    let shells = box_size / 2 + 1;
    let edge = box_size as f64 * voxel_size.0;
    if box_size > LARGEST_SAMPLED_BOX {
        return map_indices(shells, |shell| {
            let k = SpatialFrequency(shell as f64 / edge);
            phantom.mean_power(k, POWER_DIRECTIONS)
        });
    }
    let volume = phantom.volume(box_size, voxel_size);
    let spectrum = Fft3::plan(volume.dims()).forward(&volume.data);
    let mut sums = vec![(0.0, 0.0); shells];
    for ((z, y, x), value) in spectrum.indexed_iter() {
        let index = [z, y, x].map(|i| signed_index(i, box_size) as f64);
        let radius = index.iter().map(|i| i * i).sum::<f64>().sqrt().round() as usize;
        if radius < shells {
            let pair = if x == 0 { 1.0 } else { 2.0 }; // −k is not stored
            sums[radius].0 += pair * f64::from(value.norm_sqr());
            sums[radius].1 += pair;
        }
    }
    let scale = voxel_size.0.powi(6);
    sums.into_iter()
        .map(|(sum, count)| scale * sum / f64::max(count, 1.0))
        .collect()
}

/// The period at which a curve first falls below a threshold, linear between shells.
fn first_crossing(frequency: &[f64], curve: &[f64], threshold: f64) -> Option<Angstrom> {
    let shell = (1..curve.len()).find(|&shell| curve[shell] < threshold)?;
    let (above, below) = (curve[shell - 1], curve[shell]);
    let fraction = ((above - threshold) / (above - below)).clamp(0.0, 1.0);
    let k = frequency[shell - 1] + fraction * (frequency[shell] - frequency[shell - 1]);
    Some(Angstrom(1.0 / k))
}

#[cfg(test)]
mod tests;
