//! Every tilt image of every particle as one stack with a RELION 3.1 table.
//!
//! For programs that know single-particle images (`relion_reconstruct`, RELION 3.1, cryoDRGN). The
//! contrast is inverted: protein is white. Stacks that the particles bring already multiplied by their CTF are
//! white as they are. Exposure becomes a B factor per image, as in RELION's
//! 2016 protocol.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FileListing, FilesKind, ParticlesKind, TiltSeriesKind};
use thon_contract::{
    Artifact, Citation, Context, Cost, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_ctf::ExposureModel;
use thon_geometry::Rotation;
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_interop::relion::{ProjectionOptics, ProjectionRow, write_projections};
use thon_model::{Ctf, ParticleSet, TiltSeries};
use thon_units::{Angstrom, SquareAngstrom};

use crate::particles::{ViewSettings, each_view, load_particles, view_findings};

/// Export of single tilt images.
pub(crate) struct ExportProjections;

/// Export every tilt image of every particle as a stack with a RELION 3.1 table.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Edge of the box, pixels of the tilt images; that of the stacks when the particles have them.
    #[schemars(range(min = 8, max = 1024))]
    pub box_size: usize,
    /// B factor for each e⁻/Å² of exposure before an image, in Å² per e⁻/Å².
    pub b_factor_per_dose: SquareAngstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            box_size: 96,
            b_factor_per_dose: SquareAngstrom(4.0),
        }
    }
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// Aligned tilt series with CTF.
    tilt_series: Artifact<TiltSeriesKind>,
    /// Particles with poses.
    particles: Artifact<ParticlesKind>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The stack and its table.
    files: Output<FilesKind>,
}

const STACK: &str = "particles.mrcs";
const TABLE: &str = "particles.star";

impl Job for ExportProjections {
    const ID: &'static str = "export.relion-projections";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match load_particles(Some(&inputs.tilt_series), &inputs.particles, context) {
            Ok((_, particles)) if particles.is_empty() => {
                vec![Finding::error("particles", "there are none")]
            }
            Ok((series, particles)) => {
                view_findings(params.box_size, true, &series, &particles, context)
            }
            Err(e) => vec![Finding::error("inputs", e.to_string())],
        }
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok((series, particles)) =
            load_particles(Some(&inputs.tilt_series), &inputs.particles, context)
        else {
            return Cost::default();
        };
        let tilts = series.values().map(|s| s.images.len()).max().unwrap_or(0);
        let images = (tilts * particles.len()) as u64;
        let own = particles.images.as_ref();
        let edge = own.map_or(params.box_size, |images| images.box_size) as u64;
        let pixels = edge * edge;
        Cost {
            memory: PROCESS_MEMORY + 8 * images * pixels,
            disk: images * pixels * 4,
            cpu_seconds: (images * pixels) as f64 * 2e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let (series, particles) =
            load_particles(Some(&inputs.tilt_series), &inputs.particles, context)?;
        let settings = ViewSettings {
            box_size: params.box_size,
            ctf: true,
            exposure: ExposureModel::None,
            maximum_dose: None,
            recover_delocalised: false,
        };
        let (mut rows, mut boxes) = (Vec::new(), Vec::new());
        let mut shared = None;
        for name in &particles.tilt_series_names {
            let one = series
                .get(name)
                .ok_or_else(|| JobError::data(format!("no tilt series {name}")))?;
            let shared = *shared.get_or_insert_with(|| optics(params, one, &particles));
            let contrast = if shared.ctf_premultiplied { 1.0 } else { -1.0 };
            each_view(
                one,
                &particles,
                &particles.rows_of(name),
                &settings,
                context,
                &mut |tilt, views| {
                    for (row, view) in views {
                        rows.push(projection_row(
                            params,
                            one,
                            tilt,
                            &particles,
                            row,
                            view.offset,
                        )?);
                        boxes.extend(view.image.iter().map(|v| contrast * v));
                    }
                    Ok(())
                },
            )?;
        }
        let shared = shared.ok_or_else(|| JobError::data("there are no tilt series"))?;
        write_stack(rows.len(), &boxes, &shared, context)?;
        let table = context.file(TABLE)?;
        write_projections(&rows, &shared, STACK.as_ref(), &table)
            .map_err(|e| JobError::data(e.to_string()))?;
        let loss = "which images show the same particle is not written; local refinement treats them as single particles";
        context.warn(loss);
        let listing = FileListing {
            format: "relion-3.1".into(),
            files: vec![STACK.into(), TABLE.into()],
            losses: vec![loss.into()],
        };
        Ok(Outputs {
            files: Output::of(vec![context.store::<FilesKind>("particles", &listing)?]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Tilt images of the particles were exported as single-particle images.".into(),
            citations: vec![Citation::new(
                "Bharat & Scheres 2016",
                "10.1038/nprot.2016.124",
            )],
        }
    }
}

fn projection_row(
    params: &Params,
    series: &TiltSeries,
    tilt: usize,
    particles: &ParticleSet,
    row: usize,
    offset: thon_geometry::glam::DVec2,
) -> Result<ProjectionRow, JobError> {
    let image = &series.images[tilt];
    let missing = |what| JobError::data(format!("{}, image {}: no {what}", series.name, tilt + 1));
    let geometry = image.geometry.ok_or_else(|| missing("geometry"))?;
    let ctf: Ctf = image.ctf.ok_or_else(|| missing("CTF"))?;
    let pose = particles.poses[row];
    let depth = Angstrom(geometry.project(pose.position).depth);
    let change = series
        .defocus_hand
        .as_ref()
        .map_or(Angstrom(0.0), |hand| depth * hand.sign.value());
    Ok(ProjectionRow {
        tilt_series: series.name.clone(),
        rotation: Rotation::from_quaternion(
            geometry.near(pose.position).rotation().quaternion() * pose.rotation.quaternion(),
        ),
        offset,
        ctf: ctf.defocused(change),
        exposure: params.b_factor_per_dose * image.dose_before.0,
        half: particles.halves.get(row).copied(),
    })
}

/// What all images share: the pixels of the particles' own stacks, or of the tilt images they are cut from.
fn optics(params: &Params, series: &TiltSeries, particles: &ParticleSet) -> ProjectionOptics {
    let own = particles.images.as_ref();
    ProjectionOptics {
        optics: series.optics,
        pixel_size: own.map_or(series.pixel_size, |images| images.pixel_size),
        box_size: own.map_or(params.box_size, |images| images.box_size),
        ctf_premultiplied: own.is_some_and(|images| images.ctf_premultiplied),
    }
}

fn write_stack(
    count: usize,
    boxes: &[f32],
    shared: &ProjectionOptics,
    context: &Context,
) -> Result<(), JobError> {
    let n = shared.box_size;
    let path = context.file(STACK)?;
    let failed = |e: thon_images::ImageError| JobError::file(&path, e);
    let spec = MrcSpec::stack([count, n, n], Some(shared.pixel_size.0));
    let mut writer = MrcWriter::create_file(&path, &spec).map_err(failed)?;
    for section in boxes.chunks_exact(n * n) {
        writer.write_section(section).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    Ok(())
}
