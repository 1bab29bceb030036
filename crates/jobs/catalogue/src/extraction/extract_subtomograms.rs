//! Subtomograms as files, for programs that want them: cut from tomograms as in 2016, or made from tilt images as in RELION 4 and 5.
//!
//! Frame: axes of the specimen, particle near voxel ⌊n/2⌋ (the set says where exactly). Matter is white.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, ParticlesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_ctf::ExposureModel;
use thon_units::Angstrom;

use super::model_ctf::Weights;
use super::volume_paths::Written;
use super::{from_images, from_tomograms};
use crate::particles::{image_set_findings, load_particles};

/// Extraction.
pub(crate) struct ExtractSubtomograms;

/// Write subtomograms and their 3D CTF files, cut from tomograms or made from the tilt images.
///
/// With tomograms: plain boxes, inverted and normalised, with 3D CTF models (RELION 1.4 to 3.1). Without: volumes multiplied by
/// their CTF with their weights (RELION 4 and 5). No other job here needs such files.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge of the box, voxels of the tomograms, or pixels of the tilt images.
    #[schemars(range(min = 8, max = 1024))]
    pub box_size: usize,
    /// Edge of the box after rescaling boxes of tomograms; not rescaled when empty.
    #[schemars(range(min = 8, max = 1024))]
    pub rescaled_box: Option<usize>,
    /// Invert the contrast of boxes of tomograms, when matter is dark there.
    pub invert: bool,
    /// Bring the background of boxes of tomograms to mean 0 and deviation 1.
    pub normalise: bool,
    /// Diameter of the particle: the background lies outside. 0: three quarters of the box.
    pub diameter: Angstrom,
    /// How 3D CTF models weight tilt images (with tomograms).
    pub weights: Weights,
    /// Loss of signal with exposure (without tomograms).
    pub exposure: ExposureModel,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            box_size: 96,
            rescaled_box: None,
            invert: true,
            normalise: true,
            diameter: Angstrom(0.0),
            weights: Weights::default(),
            exposure: ExposureModel::GrantGrigorieff,
        }
    }
}

impl Params {
    /// Radius outside which the background lies, voxels.
    pub(super) fn background_radius(&self, voxel_size: f64) -> f64 {
        if self.diameter.0 > 0.0 {
            0.5 * self.diameter.0 / voxel_size
        } else {
            0.375 * self.box_size as f64
        }
    }
}

/// Inputs of the extraction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series, with CTF unless it is not wanted.
    tilt_series: Artifact<TiltSeriesKind>,
    /// Particles.
    particles: Artifact<ParticlesKind>,
    /// Tomograms to cut from; made from the tilt images when empty.
    tomograms: Option<Artifact<TomogramKind>>,
}

/// Outputs of the extraction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The particles with their files.
    particles: Output<ParticlesKind>,
    /// The files.
    files: Output<FilesKind>,
}

impl Job for ExtractSubtomograms {
    const ID: &'static str = "particles.extract-subtomograms";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let (series, mut set) =
            match load_particles(Some(&inputs.tilt_series), &inputs.particles, context) {
                Ok((_, set)) if set.is_empty() => {
                    return vec![Finding::error("particles", "the set is empty")];
                }
                Ok(loaded) => loaded,
                Err(e) => return vec![Finding::error("inputs", e.to_string())],
            };
        set.images = None;
        let cut_from_images = inputs.tomograms.is_none();
        let size = if cut_from_images { params.box_size } else { 8 };
        let mut findings = image_set_findings(size, params.weights.ctf, &series, &set, context);
        if let Some(tomograms) = &inputs.tomograms {
            findings.extend(from_tomograms::findings(tomograms, &set, context));
        } else if params.rescaled_box.is_some() {
            let message = "only boxes of tomograms are rescaled; give tomograms";
            findings.push(Finding::error("rescaled_box", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((series, set)) =
            load_particles(Some(&inputs.tilt_series), &inputs.particles, context)
        else {
            return Cost::default();
        };
        let tilts = series.values().map(|s| s.images.len()).max().unwrap_or(0) as u64;
        let particles = set.len() as u64;
        let n = params.box_size as u64;
        let to = params.rescaled_box.map_or(n, |to| to as u64);
        if inputs.tomograms.is_some() {
            return Cost {
                memory: PROCESS_MEMORY + 60 * n.max(to).pow(3),
                disk: particles * (8 * to.pow(3) + 4096),
                cpu_seconds: 0.1 + particles as f64 * (tilts * to * to) as f64 * 1e-7,
            };
        }
        let pixels = series.values().map(|s| s.image_size[0] * s.image_size[1]);
        let half = 8 * n * n * (n / 2 + 1);
        Cost {
            memory: PROCESS_MEMORY
                + 2 * particles * tilts * n * n
                + 16 * 80 * n.pow(3)
                + 16 * pixels.max().unwrap_or(0) as u64,
            disk: particles * (4 * n.pow(3) + half + 4096),
            cpu_seconds: 0.2 + (particles * tilts * n * n) as f64 * 4e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, set) = load_particles(Some(&inputs.tilt_series), &inputs.particles, context)?;
        let mut written = Written::default();
        let kept = match &inputs.tomograms {
            Some(tomograms) => {
                let tomograms = from_tomograms::by_series(tomograms, context)?;
                from_tomograms::extract(params, &series, &tomograms, &set, &mut written, context)?
            }
            None => from_images::extract(params, &series, &set, &mut written, context)?,
        };
        context.metric("subtomograms", kept.len() as f64);
        let record = context.store::<ParticlesKind>("particles", &kept)?;
        Ok(Outputs {
            particles: Output::of(vec![record]),
            files: Output::of(vec![written.listing("subtomograms, MRC", context)?]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Subtomograms of {} voxels were extracted with 3D CTF models.",
                params.box_size
            ),
            citations: vec![
                Citation::new("Bharat & Scheres 2016", "10.1038/nprot.2016.124"),
                Citation::new("Zivanov et al. 2022", "10.7554/eLife.83724"),
            ],
        }
    }
}
