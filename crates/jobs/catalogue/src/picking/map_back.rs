//! Averages placed back into tomograms where their particles are.
//!
//! Kernel: `thon_pick::stamp_sections`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{MapKind, ParticlesKind, PictureKind, TomogramKind};
use thon_contract::{
    Artifact, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_images::mrc::{MrcMode, MrcSpec, MrcWriter};
use thon_model::{Tomogram, Weighting};
use thon_pick::stamp_sections;
use thon_units::Angstrom;

use super::places::set_findings;
use super::stamps::Averages;
use crate::tomogram::{Storage, recorded};

/// Map back.
pub(crate) struct MapBack;

/// Place averages back into the tomograms, at the positions and orientations of their particles.
///
/// With one map every particle gets it; with several each class gets its own. The volume has the grid of the tomogram it is made for.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Radius within which an average is taken; all of its box when empty.
    pub radius: Option<Angstrom>,
    /// How voxels are stored.
    pub storage: Storage,
    /// Memory for buffers, MiB.
    #[schemars(range(min = 16), extend("x-level" = "expert"))]
    pub memory: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            radius: None,
            storage: Storage::Float16,
            memory: 512,
        }
    }
}

/// Inputs of the mapping.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tomograms whose grids are filled.
    tomograms: Each<TomogramKind>,
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// The average, or one for each class.
    maps: Artifact<MapKind>,
}

/// Outputs of the mapping.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Volumes with the averages in place.
    tomograms: Output<TomogramKind>,
    /// Planes through their middles, 100 Å deep: xy, xz, yz.
    pictures: Output<PictureKind>,
}

impl Job for MapBack {
    const ID: &'static str = "tomogram.map-back";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = set_findings("particles", &inputs.particles, context);
        if let Ok(set) = inputs
            .particles
            .single()
            .and_then(|item| context.load(item))
        {
            findings.extend(Averages::findings(&inputs.maps, &set));
            if !set.oriented {
                let message = "the particles have no orientations";
                findings.push(Finding::error("particles", message));
            }
        }
        if let Err(e) = Averages::load(&inputs.maps, context) {
            findings.push(Finding::error("maps", e.to_string()));
        }
        if let Err(e) = context.load(inputs.tomograms.item()) {
            findings.push(Finding::error("tomograms", e.to_string()));
        }
        if params
            .radius
            .is_some_and(|radius| !(radius.0 > 0.0 && radius.0.is_finite()))
        {
            findings.push(Finding::error("radius", "expected a length above 0 Å"));
        }
        findings
    }

    fn cost(params: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let Ok(tomogram) = context.load(inputs.tomograms.item()) else {
            return Cost::default();
        };
        let voxels = tomogram.grid.len() as u64;
        let [_, ny, nx] = tomogram.grid.dims;
        let maps = Averages::load(&inputs.maps, context);
        let maps: usize = maps.map_or(0, |a| a.maps.iter().map(|map| map.data.len()).sum());
        let section = (ny * nx) as u64;
        Cost {
            // Buffers, the maps, and the pictures with the section they are drawn from.
            memory: PROCESS_MEMORY
                + (4 * voxels)
                    .min((params.memory as u64) << 20)
                    .max(4 * section)
                + 8 * maps as u64
                + 32 * section,
            disk: if params.storage == Storage::Float16 {
                2
            } else {
                4
            } * voxels
                + (1 << 17),
            cpu_seconds: 0.2 + voxels as f64 * 5e-8,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let set = context.load(inputs.particles.single()?)?;
        let averages = Averages::load(&inputs.maps, context)?;
        let stamps = averages.stamps(params.radius.map(|radius| radius.0));
        let copies = averages.copies(&set, &set.rows_of(&tomogram.tilt_series));
        if copies.is_empty() {
            context.warn(format!(
                "{}: no particle, the volume is empty",
                tomogram.name
            ));
        }
        let file = format!("{}.mrc", tomogram.name);
        let path = context.file(&file)?;
        let mode = match params.storage {
            Storage::Float16 => MrcMode::Float16,
            Storage::Float32 => MrcMode::Float32,
        };
        let grid = tomogram.grid;
        let [nz, ny, nx] = grid.dims;
        let spec = MrcSpec::volume(grid.dims, Some(grid.voxel_size.0)).with_mode(mode);
        let mut writer =
            MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
        let depth = ((params.memory << 20) / (4 * ny * nx)).clamp(1, nz);
        let mut voxels = vec![0.0; depth * ny * nx];
        for first in (0..nz).step_by(depth) {
            thon_compute::check(context.progress())?;
            let count = depth.min(nz - first);
            let slab = &mut voxels[..count * ny * nx];
            slab.fill(0.0);
            stamp_sections(&grid, first, &stamps, &copies, slab);
            for section in slab.chunks_exact(ny * nx) {
                writer
                    .write_section(section)
                    .map_err(|e| JobError::file(&path, e))?;
            }
        }
        writer.finish().map_err(|e| JobError::file(&path, e))?;
        context.metric("particles", copies.len() as f64);
        let made = Tomogram {
            path: context.published(&file),
            halves: None,
            weighting: Weighting::DisplayOnly("averages placed at their particles".into()),
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
            text: "Averages were placed back into the tomograms at their particles in thon.".into(),
            citations: Vec::new(),
        }
    }
}
