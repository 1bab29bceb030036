//! Averages at their particles as scenes of other programs: GLB for Blender and the browser, a script of ChimeraX, lists for ArtiaX.
//!
//! Writers: `thon_interop::scene`, `thon_interop::particles`; surfaces by `thon_pick::isosurface`.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_contract::kinds::{FilesKind, MapKind, ParticlesKind, TomogramKind};
use thon_contract::{
    Artifact, Context, Cost, Each, Finding, Job, JobError, Methods, Output, PROCESS_MEMORY,
};
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_interop::Losses;
use thon_interop::particles::{Frames, ParticleFormat, write_any};
use thon_interop::scene::{SceneMap, SceneObject, chimerax, glb};
use thon_model::{Map, ParticleSet, Tomogram};
use thon_pick::isosurface;

use super::written::record;
use crate::import::given_files::stopped;
use crate::picking::Averages;

/// Export of a scene.
pub(crate) struct ExportScene;

/// Export averages at their particles for ChimeraX, ArtiaX and Blender.
///
/// For each tomogram: `scene.glb` holds the surface of every average once with the transforms of its particles, `scene.cxc` opens tomogram
/// and averages in ChimeraX, `particles.em` and `particles.star` are lists for ArtiaX. Positions count from the tomogram's first voxel.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Params {
    /// Level of the surfaces, in standard deviations above the mean of each map.
    pub level: f64,
    /// Most particles that the script of ChimeraX opens maps for; the lists and the GLB hold all.
    #[schemars(range(min = 0, max = 100_000), extend("x-level" = "expert"))]
    pub most_in_script: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            level: 3.0,
            most_in_script: 500,
        }
    }
}

/// Inputs of the export.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Inputs {
    /// The tomograms.
    tomograms: Each<TomogramKind>,
    /// The particles.
    particles: Artifact<ParticlesKind>,
    /// The average, or one for each class.
    maps: Artifact<MapKind>,
}

/// Outputs of the export.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The files of each tomogram.
    files: Output<FilesKind>,
}

impl Job for ExportScene {
    const ID: &'static str = "export.scene";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        let mut findings = Vec::new();
        match inputs
            .particles
            .single()
            .and_then(|item| context.load(item))
        {
            Err(e) => findings.push(Finding::error("particles", e.to_string())),
            Ok(set) if set.is_empty() => {
                findings.push(Finding::error("particles", "the set is empty"));
            }
            Ok(set) => findings.extend(Averages::findings(&inputs.maps, &set)),
        }
        if let Err(e) = Averages::load(&inputs.maps, context) {
            findings.push(Finding::error("maps", e.to_string()));
        }
        if let Err(e) = context.load(inputs.tomograms.item()) {
            findings.push(Finding::error("tomograms", e.to_string()));
        }
        if !params.level.is_finite() {
            findings.push(Finding::error("level", "expected a number"));
        }
        findings
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let maps = Averages::load(&inputs.maps, context);
        let voxels: usize = maps.map_or(0, |a| a.maps.iter().map(|map| map.data.len()).sum());
        let set = inputs
            .particles
            .single()
            .and_then(|item| context.load(item));
        let rows = set.map_or(0, |set| set.len()) as u64;
        Cost {
            memory: PROCESS_MEMORY + 64 * voxels as u64 + 8192 * rows,
            disk: (1 << 17) + 14 * voxels as u64 + 2048 * rows,
            cpu_seconds: 0.2 + voxels as f64 * 1e-6 + rows as f64 * 2e-5,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let tomogram = context.load(inputs.tomograms.item())?;
        let all = context.load(inputs.particles.single()?)?;
        let averages = Averages::load(&inputs.maps, context)?;
        let set = all.select(&all.rows_of(&tomogram.tilt_series));
        let folder = Path::new("scene");
        let anchor = context.file(folder.join("scene.glb"))?;
        let target = anchor.parent().unwrap_or(folder).to_owned();
        let (mut objects, mut maps) = (Vec::new(), Vec::new());
        let mut left = params.most_in_script;
        for (index, map) in averages.maps.iter().enumerate() {
            thon_compute::check(context.progress())?;
            let rows = (0..set.len()).filter(|&row| averages.of(&set, row) == Some(index));
            let poses: Vec<_> = rows.map(|row| set.poses[row]).collect();
            let file = format!("average_{}.mrc", index + 1);
            let spec = MrcSpec::volume(map.dims(), Some(map.voxel_size.0));
            let values: Vec<f32> = map.data.iter().copied().collect();
            let path = target.join(&file);
            let mut writer =
                MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
            let [_, ny, nx] = map.dims();
            for section in values.chunks_exact(ny * nx) {
                writer
                    .write_section(section)
                    .map_err(|e| JobError::file(&path, e))?;
            }
            writer.finish().map_err(|e| JobError::file(&path, e))?;
            let level = level_of(map, params.level);
            let surface = isosurface(&map.data.view(), level, map.voxel_size.0);
            let colour = COLOURS[index % COLOURS.len()];
            objects.push(SceneObject {
                name: format!("average {}", index + 1),
                colour,
                corners: surface.corners,
                triangles: surface.triangles,
                poses: poses.clone(),
            });
            let shown = poses.len().min(left);
            left -= shown;
            maps.push(SceneMap {
                file,
                grid: Averages::grid(map),
                level,
                colour,
                poses: poses[..shown].to_vec(),
            });
        }
        let write = |name: &str, bytes: &[u8]| {
            let path = target.join(name);
            std::fs::write(&path, bytes).map_err(|e| JobError::file(&path, e))
        };
        write("scene.glb", &glb(&objects, &tomogram.grid))?;
        let volume = context.resolve(&tomogram.path);
        write(
            "scene.cxc",
            chimerax(&volume, &tomogram.grid, &maps).as_bytes(),
        )?;
        let losses = lists(&set, &tomogram, &target)?;
        context.metric("particles", set.len() as f64);
        let listing = record(&tomogram.name, "scene", folder, &losses, context)?;
        Ok(Outputs {
            files: Output::of(vec![listing]),
        })
    }

    fn methods(_: &Params) -> Methods {
        Methods {
            text: "Averages were shown at the positions and orientations of their particles."
                .into(),
            citations: Vec::new(),
        }
    }
}

/// Colours of classes that people of all kinds of sight can tell apart (Okabe & Ito 2008).
const COLOURS: [[f32; 3]; 7] = [
    [0.34, 0.71, 0.91],
    [0.90, 0.62, 0.0],
    [0.0, 0.62, 0.45],
    [0.80, 0.47, 0.65],
    [0.94, 0.89, 0.26],
    [0.0, 0.45, 0.70],
    [0.84, 0.37, 0.0],
];

fn level_of(map: &Map, deviations: f64) -> f32 {
    let count = map.data.len().max(1) as f64;
    let mean = map.data.iter().map(|v| f64::from(*v)).sum::<f64>() / count;
    let square = map
        .data
        .iter()
        .map(|v| (f64::from(*v) - mean).powi(2))
        .sum::<f64>()
        / count;
    (mean + deviations * square.sqrt()) as f32
}

/// The lists that ArtiaX reads.
fn lists(set: &ParticleSet, tomogram: &Tomogram, folder: &Path) -> Result<Losses, JobError> {
    let mut frames = Frames::default();
    frames
        .grids
        .insert(tomogram.tilt_series.clone(), tomogram.grid);
    let mut losses = Losses::new("scene");
    if set.is_empty() {
        return Ok(losses);
    }
    for format in [ParticleFormat::MotiveList, ParticleFormat::Relion3] {
        let written = write_any(set, format, &frames, folder, "particles").map_err(stopped)?;
        losses.extend(written.losses);
    }
    Ok(losses)
}
