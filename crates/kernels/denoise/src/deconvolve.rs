//! Deconvolution: the low frequencies that a defocused lens weakens are raised where there is signal.
//!
//! ```text
//!   gain(k) = c / (c² + 1/SNR)      SNR(k) = 10^(3·strength) · exp(−100 Å · falloff · k/k_N / voxel) · (1 − cos(π min(1, k/k_h)))
//! ```
//! c the contrast transfer of the tomogram (its size, when phases were flipped), with matter dark, k_N Nyquist, k_h the end of the
//! high pass. The form and its defaults are those of Warp (Tegunov & Cramer 2019, Nat. Methods 16:1146). One radial filter for the
//! whole volume, band by band with mirrored edges.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_ctf::CtfModel;
use thon_model::{Ctf, Optics};
use thon_signal::fft::{Complex32, Fft3, next_fast_even_length, signed_index};
use thon_units::PixelSize;

use crate::DenoiseError;
use crate::bands::{Band, Bands, RowSink, RowSource};
use crate::continued::continued;

/// Rows around a band: the filter's reach, voxels.
const HALO: usize = 48;
/// Voxels by which edges are continued at least.
const EDGE: usize = 24;

/// Options of the deconvolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeconvolutionOptions {
    /// Signal at low frequencies: a thousandfold SNR for each unit.
    #[schemars(range(min = 0.0, max = 5.0))]
    pub strength: f64,
    /// How fast signal falls with frequency.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub falloff: f64,
    /// End of the high pass, part of Nyquist.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub high_pass: f64,
}

impl Default for DeconvolutionOptions {
    /// Strength 1, falloff 1, high pass to 0.02 of Nyquist.
    fn default() -> Self {
        Self {
            strength: 1.0,
            falloff: 1.0,
            high_pass: 0.02,
        }
    }
}

impl DeconvolutionOptions {
    fn check(&self) -> Result<(), DenoiseError> {
        DenoiseError::check("strength", self.strength, 0.0..=5.0, "0 to 5")?;
        DenoiseError::check("falloff", self.falloff, 0.0..=10.0, "0 to 10")?;
        DenoiseError::check("high_pass", self.high_pass, 0.0..=1.0, "0 to 1 of Nyquist")
    }
}

/// The gain at `k` (cycles/Å) for voxels of `voxel_size`.
pub fn deconvolution_gain(
    options: &DeconvolutionOptions,
    optics: &Optics,
    ctf: &Ctf,
    phases_flipped: bool,
    voxel_size: PixelSize,
    k: f64,
) -> f64 {
    let part = k / voxel_size.nyquist().0;
    let high = if options.high_pass > 0.0 {
        1.0 - (PI * (part / options.high_pass).min(1.0)).cos()
    } else {
        2.0
    };
    let falloff = (-part * options.falloff * 100.0 / voxel_size.0).exp();
    let snr = 10.0_f64.powf(3.0 * options.strength) * falloff * high;
    // Matter is dark, under a transfer that is negative at low frequencies: their product stays dark.
    let value = -CtfModel::new(optics, ctf).value(k, 0.0);
    let transfer = if phases_flipped { value.abs() } else { value };
    transfer / (transfer * transfer + 1.0 / snr.max(1e-30))
}

fn padded_dims(dims: [usize; 3]) -> [usize; 3] {
    dims.map(|length| next_fast_even_length(length + 2 * EDGE.min(length)))
}

fn bands(dims: [usize; 3], memory: usize) -> Bands {
    let [nz, _, nx] = padded_dims(dims);
    // The band, its padded copy, and the spectrum.
    let per_row = 4 * (dims[0] * dims[2] + 5 * nz * nx / 2);
    Bands::new(dims, HALO, per_row, memory)
}

impl DeconvolutionOptions {
    /// Bytes that [`deconvolve`] will use for a volume `[nz, ny, nx]` with a budget of `memory` MiB.
    pub fn working_bytes(&self, dims: [usize; 3], memory: usize) -> usize {
        let rows = bands(dims, memory).in_work(dims[1]);
        let [nz, ny, nx] = padded_dims([dims[0], rows, dims[2]]);
        4 * (dims[0] * rows * dims[2] + 2 * nz * ny * (nx + 2))
    }
}

/// Filters a volume from `source` into `sink`, within about `memory` MiB. `ctf` is that of the untilted specimen.
///
/// # Errors
/// [`DenoiseError`]: options outside their ranges, a volume that is not finite, a source or sink that fails, cancellation.
#[expect(clippy::too_many_arguments, reason = "the lens is four of them")]
pub fn deconvolve(
    source: &dyn RowSource,
    optics: &Optics,
    ctf: &Ctf,
    phases_flipped: bool,
    voxel_size: PixelSize,
    options: &DeconvolutionOptions,
    memory: usize,
    progress: &dyn Progress,
    sink: &mut dyn RowSink,
) -> Result<(), DenoiseError> {
    options.check()?;
    if !(voxel_size.0.is_finite() && voxel_size.0 > 0.0) {
        return Err(DenoiseError::parameter(
            "voxel_size",
            &voxel_size,
            "a positive number of Å",
        ));
    }
    let dims = source.dims();
    if dims.contains(&0) {
        let found = format!("{dims:?}");
        return Err(DenoiseError::parameter("size", &found, "no empty axis"));
    }
    // The gain over the diagonal of Fourier space, fine enough for linear interpolation.
    let step = voxel_size.nyquist().0 / 4096.0;
    let table: Vec<f32> = (0..8192)
        .map(|i| {
            let k = f64::from(i) * step;
            deconvolution_gain(options, optics, ctf, phases_flipped, voxel_size, k) as f32
        })
        .collect();
    bands(dims, memory).run(source, sink, progress, |band| {
        filter(band, &table, (step * voxel_size.0) as f32);
        Ok(())
    })
}

/// Multiplies the spectrum of a band with a gain tabulated in steps of `step` cycles per voxel.
fn filter(band: &mut Band, table: &[f32], step: f32) {
    use rayon::prelude::*;
    let [nz, ny, nx] = band.dims;
    let dims = padded_dims(band.dims);
    let [pz, py, px] = dims;
    let mut padded = continued(&band.voxels, band.dims, dims);
    let fft = Fft3::plan(dims);
    let half = px / 2 + 1;
    let mut spectrum = vec![Complex32::default(); pz * py * half];
    fft.forward_into(&padded, &mut spectrum);
    spectrum
        .par_chunks_mut(half)
        .enumerate()
        .for_each(|(line, row)| {
            let kz = signed_index(line / py, pz) as f32 / pz as f32;
            let ky = signed_index(line % py, py) as f32 / py as f32;
            for (ix, value) in row.iter_mut().enumerate() {
                let kx = ix as f32 / px as f32;
                let position = (kz * kz + ky * ky + kx * kx).sqrt() / step;
                let entry = (position as usize).min(table.len() - 2);
                let fraction = (position - entry as f32).min(1.0);
                *value *= table[entry] + fraction * (table[entry + 1] - table[entry]);
            }
        });
    fft.inverse_into(&mut spectrum, &mut padded);
    for z in 0..nz {
        for y in 0..ny {
            let from = &padded[(z * py + y) * px..][..nx];
            band.voxels[(z * ny + y) * nx..][..nx].copy_from_slice(from);
        }
    }
}
