//! Denoising of tomograms for display and picking.
//!
//! Kernel: `thon_denoise::denoise`, in bands of rows.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_denoise::{DiffusionKind, DiffusionOptions, Method, denoise, working_bytes};
use thon_model::{Tomogram, Weighting};

use super::rows::{VolumeRows, memory_of, stopped, volume_findings};
use super::volume::{FileSink, Storage, recorded};

/// Denoising.
pub(crate) struct Denoise;

/// Denoise tomograms for looking at and picking in.
///
/// Densities lose their linear relation to the images: nothing is averaged from what comes out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The method with its options.
    pub method: Method,
    /// How voxels are stored.
    pub storage: Storage,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            method: Method::Diffusion(DiffusionOptions::default()),
            storage: Storage::Float16,
            memory: 1024,
        }
    }
}

/// Inputs of denoising.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms.
    tomograms: Each<TomogramKind>,
}

/// Outputs of denoising.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The denoised tomograms.
    tomograms: Output<TomogramKind>,
    /// Planes through their middles, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for Denoise {
    const ID: &'static str = "tomogram.denoise";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match context.load(inputs.tomograms.item()) {
            Ok(tomogram) => volume_findings(&tomogram, false, context),
            Err(e) => vec![Finding::error("tomograms", e.to_string())],
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(tomogram) = context.load(inputs.tomograms.item()) else {
            return Cost::default();
        };
        let voxels = tomogram.grid.len() as f64;
        let bytes = if params.storage == Storage::Float16 {
            2.0
        } else {
            4.0
        };
        let nanoseconds = match params.method {
            Method::Diffusion(options) => 50.0 * options.iterations as f64,
            Method::Beltrami(options) => 3.0 * options.iterations as f64,
            Method::Bilateral(options) => 1.2 * (2.0 * options.radius as f64 + 1.0).powi(3),
            Method::NonLocalMeans(options) => {
                6.0 * (2.0 * options.search as f64 + 1.0).powi(3)
                    * (2.0 * options.patch as f64 + 1.0)
            }
            Method::Median(options) => {
                8.0 * (2.0 * options.radius as f64 + 1.0).powi(3) * options.iterations as f64
            }
        };
        Cost {
            memory: memory_of(working_bytes(
                &params.method,
                tomogram.grid.dims,
                params.memory,
            )),
            disk: (voxels * bytes) as u64 + (1 << 19),
            cpu_seconds: 0.1 + voxels * (nanoseconds + 10.0) * 1e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let source = VolumeRows::open(&tomogram.path, context)?;
        let file = format!("{}.mrc", tomogram.name);
        let mut sink = FileSink::create(&file, &tomogram.grid, params.storage, context)?;
        let report = denoise(
            &source,
            &params.method,
            params.memory,
            context.progress(),
            &mut sink,
        )
        .map_err(stopped)?;
        sink.finish(&file, context)?;
        if let Some(k) = report.gradients.first() {
            context.metric(
                "K of the first step, deviations per voxel",
                k / report.deviation,
            );
        }
        let denoised = Tomogram {
            path: context.published(&file),
            halves: None,
            weighting: Weighting::DisplayOnly(words(&params.method)),
            ..tomogram
        };
        let [record, picture] = recorded(&file, &denoised, context)?;
        Ok(Outputs {
            tomograms: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let citation = match params.method {
            Method::Diffusion(_) => {
                Citation::new("Frangakis & Hegerl 2001", "10.1006/jsbi.2001.4406")
            }
            Method::Beltrami(_) => Citation::new("Fernández 2009", "10.1186/1471-2105-10-178"),
            Method::Bilateral(_) => Citation::new("Jiang et al. 2003", "10.1016/j.jsb.2003.08.005"),
            Method::NonLocalMeans(_) => Citation::new("Buades et al. 2005", "10.1137/040616024"),
            Method::Median(_) => {
                return Methods {
                    text: "Tomograms were median-filtered for display in thon.".into(),
                    citations: Vec::new(),
                };
            }
        };
        Methods {
            text: format!(
                "Tomograms were denoised for display by {} in thon.",
                words(&params.method)
            ),
            citations: vec![citation],
        }
    }
}

fn words(method: &Method) -> String {
    match method {
        Method::Diffusion(options) => {
            let kind = match options.kind {
                DiffusionKind::EdgeEnhancing => "edge-enhancing diffusion",
                DiffusionKind::CoherenceEnhancing => "coherence-enhancing diffusion",
                DiffusionKind::Hybrid => "edge- and coherence-enhancing diffusion",
            };
            format!("{kind}, {} iterations", options.iterations)
        }
        Method::Beltrami(options) => format!("Beltrami flow, {} iterations", options.iterations),
        Method::Bilateral(_) => "a bilateral filter".into(),
        Method::NonLocalMeans(_) => "non-local means".into(),
        Method::Median(_) => "a median filter".into(),
    }
}
