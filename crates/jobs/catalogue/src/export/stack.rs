//! The images of a tilt series as one stack with its angles, for programs that take nothing else.
//!
//! Writer: `thon_images::mrc`, mode 2. Sections stand in the order of the files they come from, so that what a program says of a
//! section belongs to the image of the same section; excluded images are among them, and the table says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, TiltSeriesKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_interop::Losses;
use thon_model::TiltSeries;

use super::written::record;
use crate::import::item_name;
use crate::tilt_images::TiltImages;

/// Export of the images.
pub(crate) struct ExportStack;

/// Export the images of tilt series as stacks with their tilt angles.
///
/// For each series `NAME.mrc` (32-bit floats), `NAME.rawtlt` (the angles in degrees, one line for each section), and
/// `NAME.sections.tsv` (which image each section is, its angle and the exposure before it).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Write `series` for the name of the series in file names, and no directory: for programs that want a fixed name.
    pub plain_names: bool,
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The stacks and tables.
    files: Output<FilesKind>,
}

impl Job for ExportStack {
    const ID: &'static str = "export.stack";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(_: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        if sections(&series).is_empty() {
            return vec![Finding::error(
                "tilt_series",
                format!("{} has no image in a file", series.name),
            )];
        }
        match TiltImages::open(&series, context) {
            Ok(_) => Vec::new(),
            Err(e) => vec![Finding::error("tilt_series", e.to_string())],
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let pixels = (series.image_size[0] * series.image_size[1]) as u64;
        let all = pixels * series.images.len() as u64;
        Cost {
            memory: (16 << 20) + 8 * pixels,
            disk: 4 * all + (1 << 16),
            cpu_seconds: all as f64 * 4e-9,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = context.load(inputs.tilt_series.item())?;
        let name = item_name(&series.name);
        let stem = if params.plain_names { "series" } else { &name };
        let folder = if params.plain_names { "series" } else { &name };
        let folder = Path::new(folder);
        let images = TiltImages::open(&series, context)?;
        let order = sections(&series);
        let [ny, nx] = series.image_size;
        let spec = MrcSpec::stack([order.len(), ny, nx], Some(series.pixel_size.0));
        let path = context.file(folder.join(format!("{stem}.mrc")))?;
        let failed = |e: thon_images::ImageError| JobError::file(&path, e);
        let mut writer = MrcWriter::create_file(&path, &spec).map_err(failed)?;
        let mut angles = String::new();
        let mut table = String::from("section\timage\ttilt (°)\texposure before (e⁻/Å²)\tused\n");
        for (section, &index) in order.iter().enumerate() {
            thon_compute::check(context.progress())?;
            let pixels = images.read_as_it_is(index)?;
            writer.write_section(&pixels).map_err(failed)?;
            let image = &series.images[index];
            let tilt = image
                .geometry
                .map_or(image.nominal_tilt_angle, |geometry| geometry.tilt_angle)
                .degrees()
                .0;
            let _ = writeln!(angles, "{tilt:.3}");
            let (number, dose) = (index + 1, image.dose_before.0);
            let used = if image.exclusion.is_none() {
                "yes"
            } else {
                "no"
            };
            let _ = writeln!(
                table,
                "{}\t{number}\t{tilt:.3}\t{dose:.3}\t{used}",
                section + 1
            );
            context
                .progress()
                .advance(section as u64 + 1, order.len() as u64);
        }
        writer.finish().map_err(failed)?;
        for (end, text) in [("rawtlt", angles), ("sections.tsv", table)] {
            let path = context.file(folder.join(format!("{stem}.{end}")))?;
            std::fs::write(&path, text).map_err(|e| JobError::file(&path, e))?;
        }
        let losses = Losses::new("a stack");
        Ok(Outputs {
            files: Output::of(vec![record(&name, "stack", folder, &losses, context)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt images were exported as stacks.".into(),
            citations: vec![Citation::new(
                "Cheng et al. 2015",
                "10.1016/j.jsb.2015.04.002",
            )],
        }
    }
}

/// The images in the files of the used ones, in the order of these files.
fn sections(series: &TiltSeries) -> Vec<usize> {
    let place = |index: usize| series.images[index].image.as_ref();
    let files: BTreeSet<&Path> = series
        .used()
        .filter_map(|index| Some(place(index)?.path.as_path()))
        .collect();
    let is_there = |index: &usize| place(*index).is_some_and(|i| files.contains(i.path.as_path()));
    let mut order: Vec<usize> = (0..series.images.len()).filter(is_there).collect();
    order.sort_by_key(|&index| place(index).map(|image| (&image.path, image.section)));
    order
}
