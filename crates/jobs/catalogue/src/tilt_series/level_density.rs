//! The specimen of an aligned series laid flat by the density of a coarse tomogram: pre-tilt, pitch, thickness, middle.
//!
//! Kernel: `thon_align::find_slab`. Frames: specimen → specimen; images and shifts of points in them do not change. Needs no markers:
//! made for lamellae.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Slab, SlabOptions, find_slab};
use thon_contract::kinds::{Column, Curves, CurvesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output,
};
use thon_images::mrc::Mrc;
use thon_model::{TiltSeries, Tomogram};
use thon_units::{Angstrom, Degrees};

use super::level;
use crate::tilt_images::alignment_findings;
use crate::tomogram::volume_findings;

/// Most voxels of a tomogram that is held in memory.
const MOST_VOXELS: usize = 1 << 28;

/// Levelling by density.
pub(crate) struct LevelDensity;

/// Lay the specimen of aligned tilt series flat and centre it in height, by the density of coarse tomograms.
///
/// The slab of ice or lamella is told from vacuum by its texture; the tomogram must show vacuum on both sides. Voxels of 20 to 60 Å
/// serve best; with half tomograms noise does not matter. The specimen is turned and moved, the images are not touched. Where no
/// slab stands out, the series stays as it is, with a warning.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Steepest inclination of the slab along either axis.
    #[schemars(range(min = 0.0, max = 45.0))]
    pub steepest: Degrees,
    /// Thinnest slab that is believed.
    pub thinnest: Angstrom,
    /// Added to the distance of the surfaces for the thickness of the volume.
    pub margin: Angstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            steepest: Degrees(25.0),
            thinnest: Angstrom(SlabOptions::default().thinnest),
            margin: Angstrom(400.0),
        }
    }
}

/// Inputs of the levelling.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The aligned series.
    tilt_series: Each<TiltSeriesKind>,
    /// A tomogram reconstructed from each, found by the name of the series.
    tomograms: Artifact<TomogramKind>,
}

/// Outputs of the levelling.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The levelled series.
    tilt_series: Output<TiltSeriesKind>,
    /// Angles and thickness, and the texture across the slab.
    surfaces: Output<CurvesKind>,
}

impl Job for LevelDensity {
    const ID: &'static str = "tilt_series.level-density";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        let numbers = [
            ("steepest", params.steepest.0, 45.0, "0 to 45°"),
            ("thinnest", params.thinnest.0, 1e5, "0 to 10 µm"),
            ("margin", params.margin.0, 1e5, "0 to 10 µm"),
        ];
        for (name, value, most, expected) in numbers {
            if !(value >= 0.0 && value <= most) {
                let message = format!("expected {expected}, found {value}");
                findings.push(Finding::error(name, message));
            }
        }
        match context.load(inputs.tilt_series.item()) {
            Ok(series) => findings.extend(alignment_findings(&series)),
            Err(e) => findings.push(Finding::error("tilt_series", e.to_string())),
        }
        match tomogram(inputs, context) {
            Err(e) => findings.push(Finding::error("tomograms", e.to_string())),
            Ok(tomogram) => {
                findings.extend(volume_findings(
                    &tomogram,
                    tomogram.halves.is_some(),
                    context,
                ));
                if tomogram.grid.len() > MOST_VOXELS {
                    let message = format!(
                        "expected a coarse tomogram of at most {MOST_VOXELS} voxels, found {}",
                        tomogram.grid.len()
                    );
                    findings.push(
                        Finding::error(&tomogram.name, message)
                            .with_hint("reconstruct with voxels of 20 to 60 Å"),
                    );
                }
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |series| series.images.len());
        let voxels = tomogram(inputs, context).map_or(0, |tomogram| {
            tomogram.grid.len() * if tomogram.halves.is_some() { 2 } else { 1 }
        });
        Cost {
            memory: (32 << 20) + 5 * voxels as u64,
            disk: (64 << 10) + 1_100 * images as u64,
            cpu_seconds: 0.3 + voxels as f64 * 5e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let item = inputs.tilt_series.item();
        let mut series = context.load(item)?;
        let tomogram = tomogram(inputs, context)?;
        let options = SlabOptions {
            steepest: params.steepest.radians().0.tan(),
            thinnest: params.thinnest.0,
        };
        let paths = match &tomogram.halves {
            Some([first, second]) => vec![first, second],
            None => vec![&tomogram.path],
        };
        let volumes = paths
            .into_iter()
            .map(|path| read(path, context))
            .collect::<Result<Vec<_>, _>>()?;
        let pair = [volumes[0].view(), volumes[volumes.len() - 1].view()];
        let found = find_slab(pair, &tomogram.grid, &options);
        match &found {
            Some(slab) => level::apply(&mut series, &slab.surfaces, params.margin, context),
            None => context.warn(format!(
                "{}: no slab stands out in its tomogram; the series stays as it is. Vacuum must be seen on both sides: make the tomogram thicker",
                series.name
            )),
        }
        let curves = curves(&series, found.as_ref());
        Ok(Outputs {
            surfaces: Output::of(vec![context.store::<CurvesKind>(item.name(), &curves)?]),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(item.name(), &series)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The specimen was levelled by the texture of coarse tomograms in thon.".into(),
            citations: vec![Citation::new(
                "Zheng et al. 2022",
                "10.1016/j.yjsbx.2022.100068",
            )],
        }
    }
}

fn curves(series: &TiltSeries, found: Option<&Slab>) -> Curves {
    let mut curves = Curves {
        title: format!("{}: slab", series.name),
        ..Curves::default()
    };
    let Some(slab) = found else {
        return curves;
    };
    let surfaces = &slab.surfaces;
    let facts = [
        ("pre-tilt (°)", surfaces.tilt_offset().degrees().0),
        ("pitch (°)", surfaces.pitch().degrees().0),
        ("distance of the surfaces (Å)", surfaces.thickness()),
        (
            "height of the middle before (Å)",
            0.5 * (surfaces.heights[0] + surfaces.heights[1]),
        ),
        ("uncertainty of a surface (Å)", surfaces.residual),
        ("contrast to vacuum (deviations)", slab.contrast),
    ];
    curves
        .facts
        .extend(facts.map(|(name, value)| (name.to_owned(), value)));
    curves.columns = vec![
        Column::new(
            "height",
            "Å",
            slab.profile.iter().map(|(height, _)| *height),
        ),
        Column::new(
            "texture",
            "",
            slab.profile.iter().map(|(_, texture)| *texture),
        ),
    ];
    curves
}

/// The tomogram of the series.
fn tomogram(inputs: &Inputs, context: &Context) -> Result<Tomogram, JobError> {
    let name = inputs.tilt_series.item().name();
    for item in inputs.tomograms.items() {
        let tomogram = context.load(item)?;
        if tomogram.tilt_series == name {
            return Ok(tomogram);
        }
    }
    Err(JobError::Data {
        message: format!("no tomogram of a series named {name}"),
        hint: "reconstruct it from this series".into(),
    })
}

fn read(path: &std::path::Path, context: &Context) -> Result<ndarray::Array3<f32>, JobError> {
    let path = context.resolve(path);
    let file = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
    let [nz, ny, nx] = file.shape();
    let voxels = file.read_all().map_err(|e| JobError::file(&path, e))?;
    ndarray::Array3::from_shape_vec((nz, ny, nx), voxels).map_err(|e| JobError::data(e.to_string()))
}
