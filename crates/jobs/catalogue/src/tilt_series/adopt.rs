//! The alignment and contrast transfer of another program for series that are already in the project.
//!
//! Readers: `thon_interop`. Images are matched by section of the stack, else by tilt angle; their angles must agree.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{
    Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_model::TiltSeries;
use thon_units::Degrees;

use super::adopted::{Adopted, adopt};
use crate::import::foreign_alignment::{Format, Source};
use crate::import::given_files;

/// Adoption of an alignment.
pub(crate) struct Adopt;

/// Adopt the alignment and CTF that another program found for imported tilt series.
///
/// Geometry, defocus, exclusions, defocus hand and volume size come over; names, images, exposures stay. Images that
/// the other program left out are excluded with that reason.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// The program whose files are read.
    pub format: Format,
    /// The file or directory; `{name}` stands for the name of the tilt series: `etomo/{name}`, `{name}.aln`.
    #[schemars(extend("x-path" = true))]
    pub path: String,
    /// AreTomo's defocus table, with `{name}` likewise; `_CTF.txt` beside the `.aln` when empty, if there is one.
    #[schemars(extend("x-path" = true))]
    pub ctf: Option<String>,
    /// How far the tilt angles of an image may differ between the two.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub tolerance: Degrees,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            format: Format::Imod,
            path: String::new(),
            ctf: None,
            tolerance: Degrees(1.0),
        }
    }
}

/// Inputs of the adoption.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tilt series of the same images.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the adoption.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The aligned tilt series.
    tilt_series: Output<TiltSeriesKind>,
}

impl Job for Adopt {
    const ID: &'static str = "tilt_series.adopt";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        if let Some(finding) =
            given_files::required("path", Path::new(&params.path), "a file or directory")
        {
            return vec![finding];
        }
        match adopted(params, inputs, context) {
            Ok((_, adopted, _)) if adopted.geometries == 0 && adopted.ctfs == 0 => {
                vec![Finding::error(
                    "path",
                    "it holds neither an alignment nor a defocus",
                )]
            }
            Ok(_) => Vec::new(),
            Err(e) => vec![given_files::finding("path", &e)],
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: PROCESS_MEMORY,
            disk: 1 << 18,
            cpu_seconds: 0.1,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let (series, adopted, remarks) = adopted(params, inputs, context)?;
        for remark in remarks {
            context.warn(remark);
        }
        let used = series.used().count();
        let aligned = series
            .used()
            .filter(|&index| series.images[index].geometry.is_some())
            .count();
        if aligned < used {
            context.warn(format!(
                "{} of {used} used images have no geometry",
                used - aligned
            ));
        }
        context.metric("adopted geometries", adopted.geometries as f64);
        context.metric("adopted CTFs", adopted.ctfs as f64);
        context.metric("newly excluded images", adopted.excluded as f64);
        context.metric(
            "largest difference of tilt angles (°)",
            adopted.largest_difference.0,
        );
        let record = context.store::<TiltSeriesKind>(inputs.tilt_series.item().name(), &series)?;
        Ok(Outputs {
            tilt_series: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let (program, citation) = match params.format {
            Format::Relion => (
                "RELION",
                Citation::new("Burt et al. 2024", "10.1002/2211-5463.13873"),
            ),
            Format::Imod => (
                "IMOD",
                Citation::new("Mastronarde & Held 2017", "10.1016/j.jsb.2016.07.011"),
            ),
            Format::Aretomo => (
                "AreTomo",
                Citation::new("Zheng et al. 2022", "10.1016/j.yjsbx.2022.100068"),
            ),
        };
        Methods {
            text: format!(
                "The alignment and contrast transfer of the tilt series were taken from {program}."
            ),
            citations: vec![citation],
        }
    }

    /// The files of all series: the template with any name.
    fn external_files(params: &Params, context: &Context) -> Result<Vec<PathBuf>, JobError> {
        Ok(params.source().files(context))
    }
}

impl Params {
    fn source(&self) -> Source<'_> {
        Source {
            format: self.format,
            path: &self.path,
            ctf: self.ctf.as_deref(),
        }
    }
}

/// The series with what it adopts, what came over, and remarks.
fn adopted(
    params: &Params,
    inputs: &Inputs,
    context: &Context,
) -> Result<(TiltSeries, Adopted, Vec<String>), JobError> {
    let mut series = context.load(inputs.tilt_series.item())?;
    let source = params.source();
    let foreign = source.read(&series, context)?;
    let adopted = adopt(
        &mut series,
        &foreign.series,
        foreign.tilt_offset,
        params.tolerance,
    );
    let adopted = adopted.map_err(|message| JobError::Data {
        message: format!(
            "{} and {}: {message}",
            series.name,
            source.of(&series.name).display()
        ),
        hint: "do both belong to the same stack? `tolerance` allows for angles that were rounded"
            .into(),
    })?;
    Ok((series, adopted, foreign.remarks))
}
