//! Tomograms with the low frequencies raised that a defocused lens weakens.
//!
//! Kernel: `thon_denoise::deconvolve`. Tegunov & Cramer 2019, Nat. Methods 16:1146.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{PictureKind, TiltSeriesKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_denoise::{DeconvolutionOptions, deconvolve};
use thon_model::{Ctf, TiltSeries, Tomogram, Treatment, Weighting};
use thon_units::Angstrom;

use super::rows::{VolumeRows, memory_of, stopped, volume_findings};
use super::volume::{FileSink, Storage, recorded};

/// Deconvolution.
pub(crate) struct Deconvolve;

/// Raise the contrast of tomograms by deconvolution, for looking at and picking in.
///
/// The defocus is that of the lowest tilt, when the tilt series are given, or the one stated.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Underfocus of the untilted specimen; that of the tilt series when empty.
    pub defocus: Option<Angstrom>,
    /// Whether phases were flipped before; told from the tilt series when empty.
    pub phases_flipped: Option<bool>,
    /// Strength and fall-off of the filter.
    pub filter: DeconvolutionOptions,
    /// How voxels are stored.
    pub storage: Storage,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            defocus: None,
            phases_flipped: None,
            filter: DeconvolutionOptions::default(),
            storage: Storage::Float16,
            memory: 1024,
        }
    }
}

/// Inputs of the deconvolution.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms.
    tomograms: Each<TomogramKind>,
    /// The tilt series they were reconstructed from, for defocus and microscope.
    tilt_series: Option<thon_contract::Artifact<TiltSeriesKind>>,
}

/// Outputs of the deconvolution.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The deconvolved tomograms.
    tomograms: Output<TomogramKind>,
    /// Planes through their middles, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for Deconvolve {
    const ID: &'static str = "tomogram.deconvolve";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let tomogram = match context.load(inputs.tomograms.item()) {
            Ok(tomogram) => tomogram,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = volume_findings(&tomogram, false, context);
        match series_of(&tomogram, inputs, context) {
            Err(e) => findings.push(Finding::error("tilt_series", e.to_string())),
            Ok(series) => {
                let known = series.as_ref().and_then(lowest_ctf);
                if params.defocus.is_none() && known.is_none() {
                    findings.push(
                        Finding::error(
                            "defocus",
                            format!("no defocus is known for {}", tomogram.name),
                        )
                        .with_hint(
                            "state it, or give tilt series whose contrast transfer was estimated",
                        ),
                    );
                }
            }
        }
        if let Some(defocus) = params.defocus
            && !(defocus.abs() > Angstrom(100.0) && defocus.abs() < Angstrom(1e6))
        {
            let message = format!("expected 100 to 1000000 Å, found {defocus}");
            findings.push(Finding::error("defocus", message));
        }
        findings
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
        let working = params
            .filter
            .working_bytes(tomogram.grid.dims, params.memory);
        Cost {
            memory: memory_of(working),
            disk: (voxels * bytes) as u64 + (1 << 19),
            cpu_seconds: 0.1 + voxels * 3e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let series = series_of(&tomogram, inputs, context)?;
        let optics = series.as_ref().map(|s| s.optics).unwrap_or_default();
        let known = series.as_ref().and_then(lowest_ctf);
        let mut ctf = known.unwrap_or(Ctf::round(Angstrom(0.0)));
        if let Some(defocus) = params.defocus {
            ctf = Ctf {
                phase_shift: ctf.phase_shift,
                ..Ctf::round(defocus)
            };
        }
        // The filter is round.
        let mean = (ctf.defocus_u + ctf.defocus_v) * 0.5;
        (ctf.defocus_u, ctf.defocus_v) = (mean, mean);
        let flipped = params.phases_flipped.unwrap_or_else(|| {
            series.as_ref().is_some_and(|series| {
                series
                    .used()
                    .any(|i| series.images[i].is_treated(Treatment::CtfCorrected))
            })
        });
        let source = VolumeRows::open(&tomogram.path, context)?;
        let file = format!("{}.mrc", tomogram.name);
        let mut sink = FileSink::create(&file, &tomogram.grid, params.storage, context)?;
        deconvolve(
            &source,
            &optics,
            &ctf,
            flipped,
            tomogram.grid.voxel_size,
            &params.filter,
            params.memory,
            context.progress(),
            &mut sink,
        )
        .map_err(stopped)?;
        sink.finish(&file, context)?;
        context.metric("defocus (Å)", mean.0);
        let made = Tomogram {
            path: context.published(&file),
            halves: None,
            weighting: Weighting::DisplayOnly("deconvolved".into()),
            ..tomogram
        };
        let [record, picture] = recorded(&file, &made, context)?;
        Ok(Outputs {
            tomograms: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tomograms were deconvolved for display in thon.".into(),
            citations: vec![Citation::new(
                "Tegunov & Cramer 2019",
                "10.1038/s41592-019-0580-y",
            )],
        }
    }
}

/// The tilt series of a tomogram among those given.
fn series_of(
    tomogram: &Tomogram,
    inputs: &Inputs,
    context: &Context,
) -> Result<Option<TiltSeries>, JobError> {
    let items = inputs
        .tilt_series
        .iter()
        .flat_map(thon_contract::Artifact::items);
    for item in items {
        let series = context.load(item)?;
        if series.name == tomogram.tilt_series {
            return Ok(Some(series));
        }
    }
    Ok(None)
}

/// Contrast transfer of the used image at the lowest tilt.
fn lowest_ctf(series: &TiltSeries) -> Option<Ctf> {
    let tilt = |index: &usize| series.images[*index].tilt_angle().0.abs();
    series
        .used()
        .filter(|&index| series.images[index].ctf.is_some())
        .min_by(|a, b| tilt(a).total_cmp(&tilt(b)))
        .and_then(|index| series.images[index].ctf)
}
