//! One entrance to all methods: options, memory, bands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_signal::statistics::summarise;

use crate::DenoiseError;
use crate::bands::{Bands, RowSink, RowSource, read_tile};
use crate::beltrami::{BeltramiOptions, flow};
use crate::bilateral::{BilateralOptions, filter};
use crate::diffusion::{DiffusionOptions, diffuse, schedule};
use crate::median::{MedianOptions, median};
use crate::non_local_means::{NonLocalMeansOptions, average};

/// Rows and columns from the middle on which gradients and deviations are measured.
const SAMPLE: [usize; 2] = [32, 2048];

/// A way to denoise, with its options.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Anisotropic diffusion: smooths along structures, not across their edges.
    Diffusion(DiffusionOptions),
    /// Beltrami flow: the volume as a surface that shrinks.
    Beltrami(BeltramiOptions),
    /// Bilateral filter: the mean of neighbours that are alike.
    Bilateral(BilateralOptions),
    /// Non-local means: the mean of voxels whose surroundings are alike.
    NonLocalMeans(NonLocalMeansOptions),
    /// Median of the neighbourhood.
    Median(MedianOptions),
}

/// How denoising went.
#[derive(Clone, Debug, PartialEq)]
pub struct DenoiseReport {
    /// Standard deviation of the sample before.
    pub deviation: f64,
    /// K at each step of anisotropic diffusion, grey values per voxel.
    pub gradients: Vec<f64>,
    /// Bands, or tiles of bands, the volume was worked on in.
    pub bands: usize,
}

impl Method {
    fn check(&self) -> Result<(), DenoiseError> {
        match self {
            Self::Diffusion(options) => options.check(),
            Self::Beltrami(options) => options.check(),
            Self::Bilateral(options) => options.check(),
            Self::NonLocalMeans(options) => options.check(),
            Self::Median(options) => options.check(),
        }
    }

    fn halo(&self) -> usize {
        match self {
            Self::Diffusion(options) => options.halo(),
            Self::Beltrami(options) => options.halo(),
            Self::Bilateral(options) => options.radius,
            Self::NonLocalMeans(options) => options.search + options.patch,
            Self::Median(options) => options.radius * options.iterations,
        }
    }

    /// Bytes that one row in work needs: the band, its successor, and the planes of every thread.
    fn bytes_per_row(&self, [nz, _, nx]: [usize; 3]) -> usize {
        let planes = match self {
            Self::Diffusion(options) => options.planes_per_thread(),
            Self::Beltrami(_) => 8,
            Self::NonLocalMeans(_) => 4 * NonLocalMeansOptions::PLANES,
            Self::Bilateral(_) | Self::Median(_) => 0,
        };
        4 * nx * (2 * nz + planes * rayon::current_num_threads())
    }
}

fn bands(method: &Method, dims: [usize; 3], memory: usize) -> Bands {
    let per_row = method.bytes_per_row(dims);
    match method {
        Method::Diffusion(_) | Method::Beltrami(_) => {
            Bands::tiled(dims, method.halo(), per_row, memory)
        }
        // Their surroundings are small: eight rows of any tomogram fit.
        _ => Bands::new(dims, method.halo(), per_row, memory),
    }
}

/// Rows and columns of the sample.
fn sample_size([_, ny, nx]: [usize; 3]) -> [std::ops::Range<usize>; 2] {
    [(ny, SAMPLE[0]), (nx, SAMPLE[1])].map(|(length, sample)| {
        let first = length.saturating_sub(sample) / 2;
        first..(first + sample).min(length)
    })
}

/// Bytes that [`denoise`] will use for a volume `[nz, ny, nx]` with a budget of `memory` MiB.
pub fn working_bytes(method: &Method, dims: [usize; 3], memory: usize) -> usize {
    let per_row = method.bytes_per_row(dims);
    let sample = sample_size(dims);
    let sampled = per_row.div_ceil(dims[2].max(1)) * sample[0].len() * sample[1].len();
    bands(method, dims, memory)
        .bytes(dims, per_row)
        .max(sampled)
}

/// Denoises a volume from `source` into `sink`, within about `memory` MiB.
///
/// # Errors
/// [`DenoiseError`]: options outside their ranges, a volume that is flat or not finite, a source or sink that fails, cancellation.
pub fn denoise(
    source: &dyn RowSource,
    method: &Method,
    memory: usize,
    progress: &dyn Progress,
    sink: &mut dyn RowSink,
) -> Result<DenoiseReport, DenoiseError> {
    method.check()?;
    let dims = source.dims();
    if dims.contains(&0) {
        let found = format!("{dims:?}");
        return Err(DenoiseError::parameter("size", &found, "no empty axis"));
    }
    let [rows, columns] = sample_size(dims);
    let mut sample = read_tile(source, rows, columns)?;
    let summary = summarise(&sample.voxels);
    if summary.is_flat() {
        return Err(DenoiseError::Flat {
            value: summary.minimum,
        });
    }
    let deviation = summary.standard_deviation;
    let gradients = match method {
        Method::Diffusion(options) => schedule(options, &mut sample, deviation),
        _ => Vec::new(),
    };
    drop(sample);
    let bands = bands(method, dims, memory);
    bands.run(source, sink, progress, |band| {
        match method {
            Method::Diffusion(options) => diffuse(options, band, &gradients),
            Method::Beltrami(options) => flow(options, band, deviation),
            Method::Bilateral(options) => filter(options, band, deviation),
            Method::NonLocalMeans(options) => average(options, band, deviation),
            Method::Median(options) => median(options, band),
        }
        Ok(())
    })?;
    Ok(DenoiseReport {
        deviation,
        gradients,
        bands: dims[1].div_ceil(bands.rows) * dims[2].div_ceil(bands.columns),
    })
}
