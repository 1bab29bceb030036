//! The specimen of an aligned series laid flat by the density of a coarse tomogram: pre-tilt, pitch, thickness, middle.
//!
//! Kernel: `thon_align::find_slab`. Frames: specimen → specimen; images and shifts of points in them do not change. Needs no markers:
//! made for lamellae.

use ndarray::Array3;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_align::{Slab, SlabOptions, find_slab};
use thon_contract::kinds::{Column, Curves, CurvesKind, TiltSeriesKind, TomogramKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Each, Finding, Job, JobError, Methods, Output,
    PROCESS_MEMORY,
};
use thon_geometry::Grid;
use thon_geometry::glam::DVec3;
use thon_images::mrc::Mrc;
use thon_model::{TiltSeries, Tomogram};
use thon_units::{Angstrom, Degrees, PixelSize};

use super::level;
use crate::tilt_images::alignment_findings;
use crate::tomogram::volume_findings;

/// Voxels are averaged until they are about as large, Å.
const COARSE: f64 = 36.0;
/// Bytes for each coarse voxel while the slab is found.
const BYTES: usize = 21;
/// Largest deviation of a slope that is acted on, degrees.
const LARGEST_DEVIATION: f64 = 2.5;

/// Levelling by density.
pub(crate) struct LevelDensity;

/// Lay the specimen of aligned tilt series flat by the density of coarse tomograms.
///
/// For lamellae and crowded ice, without markers. The slab is where two half tomograms share texture; the tomogram must show vacuum on both
/// sides of it. A few molecules tell too little: the uncertainty of the slopes is stated. The specimen is turned and centred in height,
/// the images are not touched. Where no slab stands out, or its slopes are uncertain by more than 2.5°, the series stays as it is, with
/// a warning.
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
                findings.extend(volume_findings(&tomogram, true, context));
                let voxel = tomogram.grid.voxel_size.0;
                if !(voxel > 0.0 && voxel <= 60.0) {
                    let message = format!("expected voxels of at most 60 Å, found {voxel} Å");
                    findings.push(Finding::error(&tomogram.name, message));
                }
            }
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let images = context
            .load(inputs.tilt_series.item())
            .map_or(0, |series| series.images.len());
        let (voxels, coarse) = tomogram(inputs, context).map_or((0, 0), |tomogram| {
            let factor = coarsened(&tomogram.grid).0;
            (2 * tomogram.grid.len(), tomogram.grid.len() / factor.pow(3))
        });
        Cost {
            memory: PROCESS_MEMORY + (BYTES * coarse) as u64,
            disk: (64 << 10) + 1_100 * images as u64,
            cpu_seconds: 0.1 + voxels as f64 * 5e-9 + coarse as f64 * 2e-7,
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
        let Some(halves) = &tomogram.halves else {
            return Err(JobError::data(format!(
                "{}: the tomogram has no halves",
                tomogram.name
            )));
        };
        let (factor, grid) = coarsened(&tomogram.grid);
        let read = |path| coarse(path, factor, grid.dims, context);
        let found = find_slab([read(&halves[0])?, read(&halves[1])?], &grid, &options);
        act(found.as_ref(), &mut series, params.margin, context);
        let curves = curves(&series, found.as_ref());
        Ok(Outputs {
            surfaces: Output::of(vec![context.store::<CurvesKind>(item.name(), &curves)?]),
            tilt_series: Output::of(vec![context.store::<TiltSeriesKind>(item.name(), &series)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "The specimen was levelled by the texture that half tomograms share in thon."
                .into(),
            citations: vec![Citation::new(
                "Zheng et al. 2022",
                "10.1016/j.yjsbx.2022.100068",
            )],
        }
    }
}

/// Levels the series by a slab that is sure enough; warns otherwise.
fn act(found: Option<&Slab>, series: &mut TiltSeries, margin: Angstrom, context: &Context) {
    let Some(slab) = found else {
        context.warn(format!(
            "{}: no slab stands out in its tomogram; the series stays as it is. Vacuum must be seen on both sides: make the tomogram thicker",
            series.name
        ));
        return;
    };
    let uncertain = slab.slope_errors[0]
        .max(slab.slope_errors[1])
        .atan()
        .to_degrees();
    if uncertain > LARGEST_DEVIATION {
        context.warn(format!(
            "{}: the slopes of its slab are uncertain by {uncertain:.1}°; the series stays as it is. There is too little texture to tell",
            series.name
        ));
        return;
    }
    level::apply(series, &slab.surfaces, margin, context);
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
    let middle = f64::midpoint(surfaces.heights[0], surfaces.heights[1]);
    let degrees = |slope: f64| slope.atan().to_degrees();
    let facts = [
        ("pre-tilt (°)", surfaces.tilt_offset().degrees().0),
        ("pitch (°)", surfaces.pitch().degrees().0),
        (
            "uncertainty of the pre-tilt (°)",
            degrees(slab.slope_errors[0]),
        ),
        (
            "uncertainty of the pitch (°)",
            degrees(slab.slope_errors[1]),
        ),
        ("distance of the surfaces (Å)", surfaces.thickness()),
        ("height of the middle before (Å)", middle),
        ("uncertainty of the middle (Å)", surfaces.residual),
        ("log likelihood ratio per independent place", slab.evidence),
    ];
    let facts = facts.map(|(name, value)| (name.to_owned(), value));
    curves.facts.extend(facts);
    let (heights, shares) = (
        slab.profile.iter().map(|p| p.0),
        slab.profile.iter().map(|p| p.1),
    );
    curves.columns = vec![
        Column::new("height", "Å", heights),
        Column::new("places with texture", "", shares),
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

/// How many voxels become one along each axis, and the grid of the coarse ones.
fn coarsened(grid: &Grid) -> (usize, Grid) {
    let factor = ((COARSE / grid.voxel_size.0) as usize).max(1);
    let mut coarse = Grid::new(
        grid.dims.map(|n| n / factor),
        PixelSize(grid.voxel_size.0 * factor as f64),
    );
    // The middle of the voxels that become the centre one.
    let middle = coarse.centre_index() * factor as f64 + DVec3::splat(0.5 * (factor as f64 - 1.0));
    coarse.centre = grid.point_at_index(middle);
    (factor, coarse)
}

/// A volume, `factor`³ voxels averaged into one, read section by section.
fn coarse(
    path: &std::path::Path,
    factor: usize,
    dims: [usize; 3],
    context: &Context,
) -> Result<Array3<f32>, JobError> {
    let path = context.resolve(path);
    let file = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
    let [_, ny, nx] = file.shape();
    let mut out = Array3::zeros(dims);
    let mut section = vec![0.0_f32; ny * nx];
    for (z, mut plane) in out.outer_iter_mut().enumerate() {
        thon_compute::check(context.progress())?;
        for from in z * factor..(z + 1) * factor {
            file.read_section_into(from, &mut section)
                .map_err(|e| JobError::file(&path, e))?;
            for ((y, x), value) in plane.indexed_iter_mut() {
                let rows = section.chunks_exact(nx).skip(y * factor).take(factor);
                let sum: f32 = rows
                    .map(|row| row[x * factor..(x + 1) * factor].iter().sum::<f32>())
                    .sum();
                *value += sum / factor.pow(3) as f32;
            }
        }
    }
    Ok(out)
}
