//! Membranes of tomograms as labels of voxels.
//!
//! Kernel: `thon_segment::find_membranes`, in bands of rows. Martinez-Sanchez et al. 2014, J. Struct. Biol. 186:49.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Column, Curves, CurvesKind, PictureKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_model::{Tomogram, Weighting};
use thon_segment::{MembraneOptions, MembraneReport, Sheets, find_membranes, paint};
use thon_units::Angstrom;

use super::{stopped, working};
use crate::tomogram::{FileSink, Storage, VolumeRows, memory_of, recorded, volume_findings};

/// Segmentation of membranes.
pub(crate) struct SegmentMembranes;

/// Segment membranes in tomograms by tensor voting.
///
/// Nothing is trained. Every membrane that hangs together gets a label of its own, the largest first; 0 is everything else. Tilt
/// series see no membrane that lies flat in the specimen: vesicles stay open above and below.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// What membranes look like, and which are kept.
    pub membranes: MembraneOptions,
    /// How thick labels are painted.
    #[schemars(range(min = 1.0, max = 1000.0))]
    pub painted_thickness: Angstrom,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 64), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            membranes: MembraneOptions::default(),
            painted_thickness: Angstrom(50.0),
            memory: 2048,
        }
    }
}

/// Inputs of the segmentation.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Tomograms, better smoothed by nothing but their reconstruction.
    tomograms: Each<TomogramKind>,
}

/// Outputs of the segmentation.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// A volume of labels for each tomogram.
    labels: Output<TomogramKind>,
    /// Label, area and completeness of each membrane.
    membranes: Output<CurvesKind>,
    /// Planes through the middle of the labels, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for SegmentMembranes {
    const ID: &'static str = "tomogram.segment-membranes";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let tomogram = match context.load(inputs.tomograms.item()) {
            Ok(tomogram) => tomogram,
            Err(e) => return vec![Finding::error("tomograms", e.to_string())],
        };
        let mut findings = volume_findings(&tomogram, false, context);
        if let Err(e) = params.membranes.check(tomogram.grid.voxel_size.0) {
            findings.push(
                Finding::error("membranes", e.to_string())
                    .with_hint("bin the tomogram to voxels of a quarter of a membrane, 8 to 15 Å"),
            );
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(tomogram) = context.load(inputs.tomograms.item()) else {
            return Cost::default();
        };
        let voxels = tomogram.grid.len();
        let [nz, _, nx] = tomogram.grid.dims;
        let tasks = rayon::current_num_threads() * 96 * nz * nx;
        Cost {
            memory: memory_of(working(voxels, params.memory) + tasks),
            disk: 2 * voxels as u64 + (1 << 19),
            cpu_seconds: 0.2 + voxels as f64 * 4e-6,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let voxel_size = tomogram.grid.voxel_size.0;
        let source = VolumeRows::open(&tomogram.path, context)?;
        let progress = context.progress();
        let (options, memory) = (&params.membranes, params.memory);
        let (sheets, report) =
            find_membranes(&source, voxel_size, options, memory, progress).map_err(stopped)?;
        if sheets.sheets.is_empty() {
            return Err(JobError::Data {
                message: format!("{}: no membrane was found", tomogram.name),
                hint: "look at contrast (dark or bright), thickness, threshold and least_area"
                    .into(),
            });
        }
        tell(&sheets, &report, voxel_size, context);
        let file = format!("{}.mrc", tomogram.name);
        // 16-bit floats hold whole numbers to 2048.
        let storage = if sheets.sheets.len() <= 2048 {
            Storage::Float16
        } else {
            Storage::Float32
        };
        let mut sink = FileSink::create(&file, &tomogram.grid, storage, context)?;
        let thickness = params.painted_thickness.0 / voxel_size;
        let dims = tomogram.grid.dims;
        paint(&sheets, thickness, dims, memory, &mut sink, progress).map_err(stopped)?;
        sink.finish(&file, context)?;
        let table = context.store::<CurvesKind>(&tomogram.name, &table(&sheets, voxel_size))?;
        let labels = Tomogram {
            path: context.published(&file),
            halves: None,
            weighting: Weighting::DisplayOnly("labels of membranes".into()),
            ..tomogram
        };
        let [record, picture] = recorded(&file, &labels, context)?;
        Ok(Outputs {
            labels: Output::of(vec![record]),
            membranes: Output::of(vec![table]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!(
                "Membranes were segmented by tensor voting over {} in thon.",
                params.membranes.scale
            ),
            citations: vec![Citation::new(
                "Martinez-Sanchez et al. 2014",
                "10.1016/j.jsb.2014.02.015",
            )],
        }
    }
}

fn tell(sheets: &Sheets, report: &MembraneReport, voxel_size: f64, context: &Context) {
    let area: f64 = sheets.sheets.iter().map(|s| s.area).sum();
    context.metric("membranes", sheets.sheets.len() as f64);
    context.metric("area, µm²", area * voxel_size * voxel_size * 1e-8);
    context.metric("membranes too small", sheets.too_small as f64);
    context.metric("ridge voxels", report.ridges as f64);
    context.metric("ridge voxels on membranes", report.on_membranes as f64);
    if sheets.beyond_labels > 0 {
        context.warn(format!(
            "{} membranes beyond 65,535 have no label and are left out",
            sheets.beyond_labels
        ));
    }
}

/// The membranes, one a row.
fn table(sheets: &Sheets, voxel_size: f64) -> Curves {
    let column = |label: &str, unit: &str, of: &dyn Fn(&thon_segment::Sheet) -> f64| {
        Column::new(label, unit, sheets.sheets.iter().map(of))
    };
    let square = voxel_size * voxel_size;
    Curves {
        title: "membranes".into(),
        columns: vec![
            column("label", "", &|s| f64::from(s.label)),
            column("area", "Å²", &|s| s.area * square),
            column("completeness", "", &|s| s.saliency),
        ],
        facts: [(
            "area (Å²)".to_owned(),
            sheets.sheets.iter().map(|s| s.area * square).sum(),
        )]
        .into(),
    }
}
