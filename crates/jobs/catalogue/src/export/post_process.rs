//! FSC and Guinier curves as RELION's `postprocess.star` and the EMDB's FSC document.
//!
//! Writers: `thon_interop::relion`, `thon_interop::emdb`.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, FilesKind, MapKind, MaskKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Kind, Methods, Output,
    PROCESS_MEMORY,
};
use thon_interop::Losses;
use thon_interop::emdb::{FscDocument, write_fsc_xml};
pub(super) use thon_interop::relion::PostProcessFiles;
use thon_interop::relion::{FscShell, GuinierLine, GuinierShell, PostProcess, write_post_process};
use thon_units::{Angstrom, SquareAngstrom};

use super::written::record;
use crate::import::given_files::{self, stopped};

/// Export of post-processing.
pub(crate) struct ExportPostProcess;

/// Export the curves of post-processing for RELION and for the EMDB.
///
/// Writes `postprocess.star` and `fsc.xml` (uploaded with a deposition). The maps are named where they are given.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Title of the curve in the EMDB's document.
    pub title: String,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            title: "Masked FSC, corrected by phase randomisation".into(),
        }
    }
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// FSC curves of `maps.post-process`.
    fsc: Artifact<CurvesKind>,
    /// Guinier curves of `maps.post-process`.
    guinier: Artifact<CurvesKind>,
    /// First half map, to be named.
    half_map_1: Option<Artifact<MapKind>>,
    /// Second half map, to be named.
    half_map_2: Option<Artifact<MapKind>>,
    /// The sharpened map, to be named.
    map: Option<Artifact<MapKind>>,
    /// The sharpened map inside the mask, to be named.
    masked_map: Option<Artifact<MapKind>>,
    /// The mask, to be named.
    mask: Option<Artifact<MaskKind>>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The table and the document.
    files: Output<FilesKind>,
}

impl Job for ExportPostProcess {
    const ID: &'static str = "export.post-process";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match gather(inputs, context) {
            Ok(_) => Vec::new(),
            Err(e) => vec![given_files::finding("fsc", &e)],
        }
    }

    fn cost(_: &Params, _: &Inputs, _: &Context) -> Cost {
        Cost {
            memory: PROCESS_MEMORY,
            disk: 1 << 17,
            cpu_seconds: 0.01,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        thon_compute::check(context.progress())?;
        let post = gather(inputs, context)?;
        let folder = Path::new("post_process");
        write_post_process(&post, &context.file(folder.join("postprocess.star"))?)
            .map_err(stopped)?;
        let document = document(&post, &params.title);
        write_fsc_xml(&document, &context.file(folder.join("fsc.xml"))?).map_err(stopped)?;
        let losses = Losses::new("postprocess.star");
        Ok(Outputs {
            files: Output::of(vec![record(
                "post_process",
                "RELION, EMDB",
                folder,
                &losses,
                context,
            )?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Fourier shell correlations were exported for deposition.".into(),
            citations: vec![Citation::new("Scheres 2012", "10.1016/j.jsb.2012.09.006")],
        }
    }
}

/// The corrected curve as the EMDB's document.
pub(super) fn document(post: &PostProcess, title: &str) -> FscDocument {
    let shells = post.shells.iter();
    FscDocument {
        title: title.to_owned(),
        points: shells
            .map(|shell| [shell.frequency, shell.corrected])
            .collect(),
    }
}

/// Reads the curves and puts them together with the names of the maps.
pub(super) fn gather(inputs: &Inputs, context: &Context) -> Result<PostProcess, JobError> {
    let fsc = context.load(inputs.fsc.single()?)?;
    let guinier = context.load(inputs.guinier.single()?)?;
    let fact = |curves: &Curves, name: &str| curves.facts.get(name).copied();
    let shells = shells(&fsc)?;
    let from = fact(&fsc, "randomised from shell").and_then(|shell| shells.get(shell as usize));
    let randomised_from = from
        .filter(|shell| shell.frequency > 0.0)
        .map(|shell| Angstrom(1.0 / shell.frequency));
    let line = (
        fact(&guinier, "intercept"),
        fact(&guinier, "slope (Å²)"),
        fact(&guinier, "correlation of the fit"),
    );
    let fit = match line {
        (Some(intercept), Some(slope), Some(correlation)) => Some(GuinierLine {
            intercept,
            slope,
            correlation,
        }),
        _ => None,
    };
    let missing = |name: &str| {
        JobError::data(format!(
            "expected curves of maps.post-process, found no {name}"
        ))
    };
    Ok(PostProcess {
        resolution: Angstrom(fact(&fsc, "resolution (Å)").ok_or_else(|| missing("resolution"))?),
        b_factor: SquareAngstrom(
            fact(&guinier, "B factor (Å²)").ok_or_else(|| missing("B factor"))?,
        ),
        files: PostProcessFiles {
            half_maps: path(inputs.half_map_1.as_ref())?
                .zip(path(inputs.half_map_2.as_ref())?)
                .map(|(a, b)| [a, b]),
            map: path(inputs.map.as_ref())?,
            masked_map: path(inputs.masked_map.as_ref())?,
            mask: path(inputs.mask.as_ref())?,
        },
        box_over_mask: fact(&fsc, "box volume over particle volume"),
        randomised_from,
        fit,
        shells,
        guinier: guinier_shells(&guinier)?,
    })
}

/// The file of a map that is only named.
fn path<K: Kind>(slot: Option<&Artifact<K>>) -> Result<Option<String>, JobError> {
    let Some(slot) = slot else { return Ok(None) };
    let record = &slot.single()?.record;
    Ok(record.files.first().map(|file| file.display().to_string()))
}

fn column<'a>(curves: &'a Curves, label: &str) -> Result<&'a Column, JobError> {
    curves
        .columns
        .iter()
        .find(|column| column.label == label)
        .ok_or_else(|| {
            let labels: Vec<&str> = curves
                .columns
                .iter()
                .map(|column| column.label.as_str())
                .collect();
            JobError::Data {
                message: format!(
                    "{}: expected a column \"{label}\", found {}",
                    curves.title,
                    labels.join(", ")
                ),
                hint: "give the outputs `fsc` and `guinier` of maps.post-process".into(),
            }
        })
}

fn shells(fsc: &Curves) -> Result<Vec<FscShell>, JobError> {
    let columns = [
        "frequency",
        "corrected",
        "unmasked",
        "masked",
        "phase randomised",
    ];
    let [frequency, corrected, unmasked, masked, randomised] =
        columns.map(|label| column(fsc, label));
    let [corrected, unmasked, masked, randomised] = [corrected?, unmasked?, masked?, randomised?];
    let at =
        |column: &Column, shell: usize| column.values.get(shell).copied().flatten().unwrap_or(0.0);
    let shell = |(shell, frequency): (usize, &Option<f64>)| FscShell {
        frequency: frequency.unwrap_or(0.0),
        corrected: at(corrected, shell),
        unmasked: at(unmasked, shell),
        masked: at(masked, shell),
        randomised: at(randomised, shell),
    };
    Ok(frequency?.values.iter().enumerate().map(shell).collect())
}

fn guinier_shells(guinier: &Curves) -> Result<Vec<GuinierShell>, JobError> {
    let columns = ["frequency squared", "original", "weighted", "sharpened"];
    let [squared, original, weighted, sharpened] = columns.map(|label| column(guinier, label));
    let [original, weighted, sharpened] = [original?, weighted?, sharpened?];
    let at = |column: &Column, shell: usize| column.values.get(shell).copied().flatten();
    let shell = |(shell, squared): (usize, &Option<f64>)| GuinierShell {
        frequency_squared: squared.unwrap_or(0.0),
        original: at(original, shell),
        weighted: at(weighted, shell),
        sharpened: at(sharpened, shell),
    };
    Ok(squared?.values.iter().enumerate().map(shell).collect())
}
