//! Local resolution of a tomogram from its halves: the finest frequency at which a place holds more than noise.
//!
//! Half the sum of the halves is signal and noise, half their difference noise of the same power. At each frequency both pass
//! a narrow band; their monogenic amplitudes, √(f² + |R f|²) with the Riesz transform R, are smoothed over a few periods. A voxel
//! resolves the frequency when its amplitude exceeds what noise alone reaches there in one case of twenty; its resolution is the
//! last frequency before two fail in a row. After Vilas et al. 2020 (MonoTomo; J. Struct. Biol.), the
//! threshold from the noise of the neighbourhood.
//!
//! Bands a quarter of their frequency wide still see what ends below them, and where noise is weak that would count. So power per
//! frequency, noise taken off, must not fall faster with frequency than structure does: a band whose density lies below a tenth of
//! the densest before it, that one taken down by the fourth power of the frequency, holds the flank of coarser detail and no
//! detail of its own. A sharp end of the signal is then found to within 15 %, however strong it is. Bands are Gaussian: others
//! ring in space, and see what lies far away.

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::{Counter, Progress};
use thon_signal::fft::{Complex32, Fft3, next_fast_even_length, signed_index};
use thon_units::{Angstrom, PixelSize};

use crate::DenoiseError;
use crate::bands::{Bands, RowSink, RowSource, read};
use crate::continued::continued;
use crate::smooth::{combine, mirrored, smooth_plane, weights};

/// The steepest fall of power with frequency that is taken for structure: this power of the frequency.
const STEEPEST: i32 = 4;
/// Part of that which a band must hold.
const LEAST_PART: f32 = 0.1;
/// Bands end so many half widths from their middle.
const BAND_END: f32 = 1.6;
/// Volumes in work, spectra and padding included.
const VOLUMES: usize = 12;
/// Voxels by which edges are continued.
const EDGE: usize = 32;

/// Options of the local resolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LocalResolutionOptions {
    /// Coarsest resolution that is tried.
    #[schemars(range(min = 1.0))]
    pub coarsest: Angstrom,
    /// Finest one; 2.2 voxels when empty.
    #[schemars(range(min = 1.0))]
    pub finest: Option<Angstrom>,
    /// Number of frequencies between them, evenly spaced.
    #[schemars(range(min = 2, max = 200))]
    pub frequencies: usize,
    /// Part of noise that stays below the threshold.
    #[schemars(range(min = 0.5, max = 0.999))]
    pub confidence: f64,
}

impl Default for LocalResolutionOptions {
    /// From 150 Å to 2.2 voxels by 24 frequencies, 0.95.
    fn default() -> Self {
        Self {
            coarsest: Angstrom(150.0),
            finest: None,
            frequencies: 24,
            confidence: 0.95,
        }
    }
}

impl LocalResolutionOptions {
    /// The frequencies, cycles per voxel.
    fn list(&self, voxel_size: PixelSize) -> Result<Vec<f64>, DenoiseError> {
        let finest = self
            .finest
            .map_or(1.0 / 2.2, |finest| voxel_size.0 / finest.0);
        let coarsest = voxel_size.0 / self.coarsest.0;
        DenoiseError::check("confidence", self.confidence, 0.5..=0.999, "0.5 to 0.999")?;
        DenoiseError::check(
            "frequencies",
            self.frequencies as f64,
            2.0..=200.0,
            "2 to 200",
        )?;
        if !(coarsest.is_finite() && coarsest > 0.0 && coarsest < finest && finest <= 0.5) {
            let found = format!("{} to {:.2} Å", self.coarsest, voxel_size.0 / finest);
            return Err(DenoiseError::parameter(
                "range of resolutions",
                &found,
                "from coarse to fine, two voxels at the finest",
            ));
        }
        let step = (finest - coarsest) / (self.frequencies - 1) as f64;
        Ok((0..self.frequencies)
            .map(|i| coarsest + step * i as f64)
            .collect())
    }

    fn halo(&self, voxel_size: PixelSize) -> usize {
        (0.5 * self.coarsest.0 / voxel_size.0)
            .ceil()
            .clamp(8.0, 64.0) as usize
    }

    fn bands(&self, dims: [usize; 3], voxel_size: PixelSize, memory: usize) -> Bands {
        let [nz, nx] = [dims[0], dims[2]].map(|n| next_fast_even_length(n + EDGE.min(n)));
        Bands::new(dims, self.halo(voxel_size), 4 * VOLUMES * nz * nx, memory)
    }

    /// Bytes that [`local_resolution`] will use for volumes `[nz, ny, nx]` with a budget of `memory` MiB.
    pub fn working_bytes(&self, dims: [usize; 3], voxel_size: PixelSize, memory: usize) -> usize {
        let rows = self.bands(dims, voxel_size, memory).in_work(dims[1]);
        let [nz, ny, nx] = [dims[0], rows, dims[2]].map(|n| next_fast_even_length(n + EDGE.min(n)));
        4 * VOLUMES * nz * ny * nx
    }
}

/// What was found, over all voxels.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalResolutionReport {
    /// The resolutions that were tried, Å.
    pub resolutions: Vec<f64>,
    /// Voxels that end at each of them; those that resolve none count with the first.
    pub voxels: Vec<u64>,
}

impl LocalResolutionReport {
    /// Resolution of the median voxel, Å.
    pub fn median(&self) -> f64 {
        let total: u64 = self.voxels.iter().sum();
        let mut seen = 0;
        for (resolution, count) in self.resolutions.iter().zip(&self.voxels) {
            seen += count;
            if 2 * seen >= total {
                return *resolution;
            }
        }
        f64::NAN
    }
}

/// Local resolution (Å) of the tomogram whose halves are `first` and `second`, into `sink`.
///
/// # Errors
/// [`DenoiseError`]: halves of different size, a range that voxels cannot hold, and as for [`crate::denoise`].
pub fn local_resolution(
    first: &dyn RowSource,
    second: &dyn RowSource,
    voxel_size: PixelSize,
    options: &LocalResolutionOptions,
    memory: usize,
    progress: &dyn Progress,
    sink: &mut dyn RowSink,
) -> Result<LocalResolutionReport, DenoiseError> {
    let frequencies = options.list(voxel_size)?;
    let dims = first.dims();
    if dims != second.dims() || dims.contains(&0) {
        let found = format!("{:?} and {:?}", dims, second.dims());
        return Err(DenoiseError::parameter(
            "halves",
            &found,
            "two volumes of one size",
        ));
    }
    let [nz, ny, nx] = dims;
    let bands = options.bands(dims, voxel_size, memory);
    let count = ny.div_ceil(bands.rows) * frequencies.len();
    let counter = Counter::new(progress, count as u64);
    let mut report = LocalResolutionReport {
        resolutions: frequencies.iter().map(|k| voxel_size.0 / k).collect(),
        voxels: vec![0; frequencies.len()],
    };
    for start in (0..ny).step_by(bands.rows) {
        let kept = start..(start + bands.rows).min(ny);
        let around = kept.start.saturating_sub(bands.halo)..(kept.end + bands.halo).min(ny);
        let mut signal = read(first, around.clone())?;
        let mut noise = read(second, around.clone())?;
        for (a, b) in signal.voxels.iter_mut().zip(&mut noise.voxels) {
            (*a, *b) = (0.5 * (*a + *b), 0.5 * (*a - *b));
        }
        let spectra = [
            Spectrum::new(&signal.voxels, signal.dims),
            Spectrum::new(&noise.voxels, signal.dims),
        ];
        let reached = reached(&spectra, signal.dims, &frequencies, options, &counter)?;
        let mut out = vec![0.0_f32; nz * kept.len() * nx];
        for (line, out) in out.chunks_mut(nx).enumerate() {
            let (z, y) = (line / kept.len(), line % kept.len() + kept.start);
            let from = &reached[(z * around.len() + y - around.start) * nx..][..nx];
            for (value, reached) in out.iter_mut().zip(from) {
                let index = usize::from(*reached).saturating_sub(1);
                report.voxels[index] += 1;
                *value = report.resolutions[index] as f32;
            }
        }
        sink.write_rows(start, &out)
            .map_err(|source| DenoiseError::Write {
                first_row: start,
                source,
            })?;
    }
    Ok(report)
}

/// For every voxel how many frequencies it resolves before two fail in a row.
fn reached(
    spectra: &[Spectrum; 2],
    dims: [usize; 3],
    frequencies: &[f64],
    options: &LocalResolutionOptions,
    counter: &Counter,
) -> Result<Vec<u8>, DenoiseError> {
    let width = frequencies[1] - frequencies[0];
    let mut reached = vec![0_u8; dims.iter().product()];
    let mut failed = vec![0_u8; reached.len()];
    let mut densest = vec![0.0_f32; reached.len()];
    let mut before = frequencies[0];
    for (number, &k) in frequencies.iter().enumerate() {
        counter.check()?;
        // A few periods, within what a band's neighbours reach.
        let sigma = (0.6 / k).clamp(1.0, 8.0);
        // Half width a quarter of the frequency at least: narrower bands ring over many periods, and see what lies far away.
        let band = width.max(0.25 * k);
        let [mut signal, mut noise] = [0, 1].map(|i| spectra[i].energy(k, band, dims));
        smooth(&mut signal, dims, sigma);
        smooth(&mut noise, dims, sigma);
        let mut around = noise.clone();
        smooth(&mut around, dims, 2.0 * sigma);
        let test = Test {
            limit: quantile(&noise, &around, options.confidence),
            per_frequency: (1.0 / passed(k, band)) as f32,
            fall: (before / k).powi(STEEPEST) as f32,
        };
        before = k;
        for ((((reached, failed), densest), signal), around) in reached
            .iter_mut()
            .zip(&mut failed)
            .zip(&mut densest)
            .zip(&signal)
            .zip(&around)
        {
            if *failed >= 2 {
                continue;
            }
            if test.resolves(*signal, *around, densest) {
                *reached = number as u8 + 1;
                *failed = 0;
            } else {
                *failed += 1;
            }
        }
        counter.unit_done();
    }
    Ok(reached)
}

/// What noise stays below with the given confidence, over the noise around it.
fn quantile(noise: &[f32], around: &[f32], confidence: f64) -> f32 {
    let ratios: Vec<f32> = noise
        .iter()
        .zip(around)
        .step_by(5)
        .map(|(own, around)| own / around.max(f32::MIN_POSITIVE))
        .collect();
    thon_signal::statistics::percentiles(&ratios, [confidence])
        .map_or(f32::INFINITY, |[limit]| limit)
}

/// Part of Fourier space that a band passes: ∫ gain² 4π r² dr.
fn passed(k: f64, width: f64) -> f64 {
    let steps = 128;
    let step = 2.0 * f64::from(BAND_END) / f64::from(steps);
    (0..steps)
        .map(|i| {
            let apart = (f64::from(i) + 0.5) * step - f64::from(BAND_END);
            let r = (k + apart * width).max(0.0);
            f64::from(gain(apart as f32)).powi(2) * r * r
        })
        .sum::<f64>()
        * 4.0
        * std::f64::consts::PI
        * width
        * step
}

/// Gain of a band so many half widths from its middle: a half at half of one.
fn gain(apart: f32) -> f32 {
    (-4.0 * std::f32::consts::LN_2 * apart * apart).exp()
}

/// Whether a voxel resolves a frequency.
struct Test {
    /// Noise stays below this, over the noise around.
    limit: f32,
    /// From power in the band to power per frequency.
    per_frequency: f32,
    /// How far power may have fallen since the frequency before.
    fall: f32,
}

impl Test {
    /// `densest` is the highest power per frequency so far, taken down by its natural fall.
    fn resolves(&self, signal: f32, noise: f32, densest: &mut f32) -> bool {
        let density = (signal - noise) * self.per_frequency;
        *densest *= self.fall;
        let own = density >= LEAST_PART * *densest;
        *densest = densest.max(density);
        own && signal > self.limit * noise
    }
}

/// The spectrum of a volume continued by mirroring.
struct Spectrum {
    dims: [usize; 3],
    values: Vec<Complex32>,
    fft: Fft3,
}

impl Spectrum {
    fn new(voxels: &[f32], [nz, ny, nx]: [usize; 3]) -> Self {
        let dims = [nz, ny, nx].map(|n| next_fast_even_length(n + EDGE.min(n)));
        let [pz, py, px] = dims;
        let padded = continued(voxels, [nz, ny, nx], dims);
        let fft = Fft3::plan(dims);
        let mut values = vec![Complex32::default(); pz * py * (px / 2 + 1)];
        fft.forward_into(&padded, &mut values);
        Self { dims, values, fft }
    }

    /// f² + |R f|² of the part around `k`, `width` to each side, cycles per voxel.
    fn energy(&self, k: f64, width: f64, [nz, ny, nx]: [usize; 3]) -> Vec<f32> {
        let [pz, py, px] = self.dims;
        let half = px / 2 + 1;
        let mut energy = vec![0.0_f32; nz * ny * nx];
        let mut part = vec![Complex32::default(); self.values.len()];
        let mut volume = vec![0.0_f32; pz * py * px];
        for component in 0..4 {
            part.par_chunks_mut(half)
                .enumerate()
                .for_each(|(line, row)| {
                    let kz = signed_index(line / py, pz) as f32 / pz as f32;
                    let ky = signed_index(line % py, py) as f32 / py as f32;
                    let source = &self.values[line * half..][..half];
                    for (ix, (to, from)) in row.iter_mut().zip(source).enumerate() {
                        let place = [ix as f32 / px as f32, ky, kz];
                        *to = from * response(place, k as f32, width as f32, component);
                    }
                });
            self.fft.inverse_into(&mut part, &mut volume);
            energy
                .par_chunks_mut(nx)
                .enumerate()
                .for_each(|(line, row)| {
                    let from = &volume[((line / ny) * py + line % ny) * px..][..nx];
                    for (sum, value) in row.iter_mut().zip(from) {
                        *sum += value * value;
                    }
                });
        }
        energy
    }
}

/// The band around `k` at a frequency (x, y, z): for component 0 itself, for 1 to 3 its Riesz transform along x, y, z.
fn response(place: [f32; 3], k: f32, width: f32, component: usize) -> Complex32 {
    let r = place.iter().map(|v| v * v).sum::<f32>().sqrt();
    let apart = (r - k) / width;
    if apart.abs() >= BAND_END || r == 0.0 {
        return Complex32::default();
    }
    let gain = gain(apart);
    match component {
        0 => Complex32::new(gain, 0.0),
        axis => Complex32::new(0.0, -gain * place[axis - 1] / r),
    }
}

/// Gaussian smoothing of a volume, edges mirrored.
fn smooth(voxels: &mut Vec<f32>, [nz, ny, nx]: [usize; 3], sigma: f64) {
    let weights = weights(sigma);
    let area = ny * nx;
    voxels
        .par_chunks_mut(area)
        .for_each_init(Vec::new, |spare, plane| {
            smooth_plane(plane, [ny, nx], &weights, spare);
        });
    let mut out = vec![0.0_f32; voxels.len()];
    out.par_chunks_mut(area).enumerate().for_each(|(z, plane)| {
        combine(plane, &weights, |d| {
            &voxels[mirrored(z as isize + d, nz) * area..][..area]
        });
    });
    *voxels = out;
}
