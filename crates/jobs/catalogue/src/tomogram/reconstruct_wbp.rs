//! Weighted back-projection of an aligned tilt series into a tomogram.
//!
//! Kernel: `thon_reconstruct::reconstruct_wbp`; each raw image is filtered, interpolated once and summed.
//! Radermacher 1988, J. Electron Microsc. Tech. 9:359. Frames: tilt image → specimen. The volume is
//! written in slabs of rows as they are finished and is never held in memory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{Health, PictureKind, TiltSeriesKind, TomogramKind};
use thon_contract::{Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_geometry::Grid;
use thon_images::mrc::{Mrc, MrcMode, MrcSlabWriter, MrcSpec};
use thon_model::{TiltSeries, Tomogram, Weighting};
use thon_reconstruct::{
    RadialFilter, Slab, SlabSink, SourceError, WbpOptions, reconstruct_wbp, used_views,
};
use thon_units::{Angstrom, PixelSize};

use crate::kernel_errors::stopped;
use crate::pictures;
use crate::tilt_images::{TiltImages, alignment_findings, image_findings};

/// Depth of the slab that is drawn.
const SLAB: Angstrom = Angstrom(100.0);
/// No specimen that electrons pass is thicker.
const THICKEST: Angstrom = Angstrom(100_000.0);

/// Weighted back-projection.
pub(crate) struct ReconstructWbp;

/// Reconstruct tomograms by weighted back-projection.
///
/// Densities keep the contrast of the tilt images: protein is dark when it is dark there.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge length of a tomogram voxel; four image pixels when empty.
    pub voxel_size: Option<PixelSize>,
    /// Extent of the tomogram along the beam; that of the series' volume, or 2000 Å, when empty.
    pub thickness: Option<Angstrom>,
    /// Radial filter applied to every tilt image.
    pub filter: RadialFilter,
    /// How voxels are stored.
    pub storage: Storage,
}

/// How voxels are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Storage {
    /// 16-bit floats: half the disk, eleven bits of precision.
    Float16,
    /// 32-bit floats.
    Float32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            voxel_size: None,
            thickness: None,
            filter: RadialFilter::default(),
            storage: Storage::Float16,
        }
    }
}

/// Inputs of the reconstruction.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series.
    tilt_series: Each<TiltSeriesKind>,
}

/// Outputs of the reconstruction.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The tomograms.
    tomograms: Output<TomogramKind>,
    /// Their middles, 100 Å deep.
    pictures: Output<PictureKind>,
}

impl Job for ReconstructWbp {
    const ID: &'static str = "tomogram.reconstruct-wbp";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let series = match context.load(inputs.tilt_series.item()) {
            Ok(series) => series,
            Err(e) => return vec![Finding::error("tilt_series", e.to_string())],
        };
        let mut findings = alignment_findings(&series);
        findings.extend(image_findings(&series, context));
        let voxel_size = voxel_size(params, &series);
        if !(voxel_size.0 >= 0.999 * series.pixel_size.0
            && voxel_size.0 <= 64.0 * series.pixel_size.0)
        {
            let message = format!(
                "expected 1 to 64 times the pixel size {}, found {voxel_size}",
                series.pixel_size
            );
            findings.push(Finding::error("voxel_size", message));
        }
        if let Some(thickness) = params.thickness
            && !(thickness > Angstrom(0.0) && thickness <= THICKEST)
        {
            let message = format!("expected more than 0 and at most {THICKEST}, found {thickness}");
            findings.push(Finding::error("thickness", message));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(series) = context.load(inputs.tilt_series.item()) else {
            return Cost::default();
        };
        let voxels = grid(params, &series).len() as f64;
        let bytes = if params.storage == Storage::Float16 {
            2.0
        } else {
            4.0
        };
        let pixels = (series.image_size[0] * series.image_size[1]) as f64;
        let images = series.used().count() as f64;
        let kernel = (kernel_memory(params, &series, context) as u64) << 20;
        Cost {
            memory: kernel + (32 << 20) + 16 * pixels as u64,
            disk: (voxels * bytes) as u64 + (1 << 19),
            // 3 G voxel·view/s, and preparing images at 25 M pixel/s.
            cpu_seconds: 0.05 + voxels * images / 3e9 + pixels * images / 2.5e7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let series = context.load(inputs.tilt_series.item())?;
        let images = TiltImages::open(&series, context)?;
        let views = used_views(&series).map_err(stopped)?;
        let grid = grid(params, &series);
        let file = format!("{}.mrc", series.name);
        let path = context.file(&file)?;
        let spec =
            MrcSpec::volume(grid.dims, Some(grid.voxel_size.0)).with_mode(match params.storage {
                Storage::Float16 => MrcMode::Float16,
                Storage::Float32 => MrcMode::Float32,
            });
        let writer =
            MrcSlabWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
        let mut sink = FileSink {
            writer,
            health: Health::default(),
        };
        let options = WbpOptions {
            filter: params.filter,
            memory: kernel_memory(params, &series, context),
            ..WbpOptions::default()
        };
        reconstruct_wbp(
            &images,
            &views,
            series.pixel_size,
            &grid,
            &options,
            context.progress(),
            &mut sink,
        )
        .map_err(stopped)?;
        sink.health.verdict(&file)?;
        let summary = sink.writer.finish().map_err(|e| JobError::file(&path, e))?;
        if summary.clamped > 0 {
            context.warn(format!(
                "{} voxels overflow 16-bit floats; store 32-bit floats",
                summary.clamped
            ));
        }
        let tomogram = Tomogram {
            name: series.name.clone(),
            tilt_series: series.name.clone(),
            grid,
            path: context.published(&file),
            halves: None,
            weighting: weighting(&params.filter),
        };
        let mut record = context.store::<TomogramKind>(&series.name, &tomogram)?;
        record.files.push(file.into());
        let volume = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
        let slab = pictures::middle_slab(&volume, grid.voxel_size, SLAB)?;
        let picture = context.store::<PictureKind>(&series.name, &slab.to_png())?;
        Ok(Outputs {
            tomograms: Output::of(vec![record]),
            pictures: Output::of(vec![picture]),
        })
    }

    fn methods(params: &Params) -> Methods {
        let display = if weighting(&params.filter) == Weighting::BackProjection {
            ""
        } else {
            " for display"
        };
        Methods {
            text: format!(
                "Tomograms were reconstructed{display} by weighted back-projection in thon."
            ),
            citations: vec![Citation::new("Radermacher 1988", "10.1002/jemt.1060090405")],
        }
    }
}

/// Writes slabs into the volume and looks at every voxel on the way.
struct FileSink {
    writer: MrcSlabWriter,
    health: Health,
}

impl SlabSink for FileSink {
    fn write(&mut self, slab: &Slab<'_>) -> Result<(), SourceError> {
        self.health.add(slab.voxels);
        Ok(self.writer.write_slab(slab.first_row, slab.voxels)?)
    }
}

/// Buffers of the kernel in MiB: what holds every prepared image, so that each is read once, and some rows; at most half of
/// what the unit may use.
fn kernel_memory(params: &Params, series: &TiltSeries, context: &Context) -> usize {
    let pixels = (series.image_size[0] * series.image_size[1]) as f64;
    let crop = (series.pixel_size / voxel_size(params, series)).min(1.0);
    let prepared = 4.0 * pixels * crop * crop * series.used().count() as f64;
    let wanted = ((1.5 * prepared + 16.0 * pixels) / f64::from(1 << 20)) as usize;
    let allowed = (context.memory >> 21) as usize;
    wanted.min(allowed).max(64)
}

fn voxel_size(params: &Params, series: &TiltSeries) -> PixelSize {
    params
        .voxel_size
        .unwrap_or(PixelSize(4.0 * series.pixel_size.0))
}

/// The tomogram's grid: the series' volume, or the field of view, at the asked voxel size.
fn grid(params: &Params, series: &TiltSeries) -> Grid {
    let voxel = voxel_size(params, series);
    let [ny, nx] = series.image_size;
    let full = series.volume_size.unwrap_or([0, ny, nx]);
    let length = |pixels: usize| Angstrom(pixels as f64 * series.pixel_size.0);
    let thickness = params.thickness.unwrap_or(if full[0] == 0 {
        Angstrom(2000.0)
    } else {
        length(full[0])
    });
    let even = |length: Angstrom| (((length / voxel).0 / 2.0).round() as usize * 2).max(2);
    Grid::new(
        [
            even(thickness),
            even(length(full[1])),
            even(length(full[2])),
        ],
        voxel,
    )
}

fn weighting(filter: &RadialFilter) -> Weighting {
    match filter.weighting {
        thon_reconstruct::Weighting::SirtLike { iterations } => {
            Weighting::DisplayOnly(format!("SIRT-like filter of {iterations} iterations"))
        }
        _ => Weighting::BackProjection,
    }
}
