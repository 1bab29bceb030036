//! Low-pass filter of maps: the example of CONTRIBUTING.md, run through the engine in a project.
//!
//! Kernel: `thon_signal::filter`, a raised cosine around the cutoff. Maps are `[z, y, x]`, frequencies cycles/Å.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use thon_contract::compliance::check_declaration;
use thon_contract::kinds::MapKind;
use thon_contract::{AnyJob, Context, Cost, Each, Finding, Job, JobError, Methods, Output};
use thon_engine::{Catalogue, Engine, JobSpec, Settings, Silent, Source};
use thon_model::Map;
use thon_project::{Durable, Project};
use thon_signal::filter::{Edge, RadialFilter, apply_filters3};
use thon_tests::{output_file, read_map};
use thon_units::{Angstrom, PixelSize};

/// Low-pass filter.
struct LowPass;

/// Take fine detail out of maps.
///
/// The gain falls from 1 to 0 around the frequency of `resolution`, over a fifth of it to each side.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Params {
    /// Period at which half of the amplitude is left.
    #[schemars(range(min = 1.0, max = 1000.0))]
    resolution: Angstrom,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            resolution: Angstrom(20.0),
        }
    }
}

/// Inputs of the filter.
#[derive(Deserialize, JsonSchema)]
struct Inputs {
    /// The maps, one at a time.
    map: Each<MapKind>,
}

/// Outputs of the filter.
#[derive(Serialize, JsonSchema)]
struct Outputs {
    /// The filtered maps.
    map: Output<MapKind>,
}

impl Job for LowPass {
    const ID: &'static str = "maps.low-pass";
    type Params = Params;
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn check(params: &Params, inputs: &Inputs, context: &Context) -> Vec<Finding> {
        match context.load(inputs.map.item()) {
            Err(error) => vec![Finding::error("map", error.to_string())],
            Ok(map) if params.resolution.0 < 2.0 * map.voxel_size.0 => {
                let message = format!(
                    "{} is finer than the map's {} allow",
                    params.resolution, map.voxel_size
                );
                vec![
                    Finding::error("resolution", message)
                        .with_hint("it takes two voxels to show a period"),
                ]
            }
            Ok(_) => Vec::new(),
        }
    }

    fn cost(_: &Params, inputs: &Inputs, context: &Context) -> Cost {
        let voxels = context
            .load(inputs.map.item())
            .map_or(0, |map| map.data.len() as u64);
        Cost {
            memory: 16 * voxels,
            disk: 4 * voxels,
            cpu_seconds: voxels as f64 * 1e-7,
        }
    }

    fn run(params: &Params, inputs: &Inputs, context: &Context) -> Result<Outputs, JobError> {
        let item = inputs.map.item();
        let map = context.load(item)?;
        let cutoff = params.resolution.frequency().0;
        let filter = RadialFilter::LowPass {
            cutoff,
            edge: Edge::RaisedCosine(0.2 * cutoff),
        };
        let filtered = apply_filters3(&map.data, map.voxel_size.0, &[filter]);
        let record = context.store::<MapKind>(item.name(), &Map::new(filtered, map.voxel_size))?;
        Ok(Outputs {
            map: Output::of(vec![record]),
        })
    }

    fn methods(params: &Params) -> Methods {
        Methods {
            text: format!("Maps were low-pass filtered to {}.", params.resolution),
            citations: vec![],
        }
    }
}

/// What `thon_catalogue::ALL` is for the program.
static JOBS: &[&dyn AnyJob] = &[&LowPass];

/// A plane wave along x of the given period over a map of 64³ voxels of 5 Å.
fn wave(period: f64) -> Map {
    let value = |x: usize| (std::f64::consts::TAU * 5.0 * x as f64 / period).cos() as f32;
    Map::new(
        ndarray::Array3::from_shape_fn((64, 64, 64), |(_, _, x)| value(x)),
        PixelSize(5.0),
    )
}

#[test]
fn the_declaration_keeps_the_rules() {
    assert_eq!(check_declaration(&LowPass, &["map"]), Vec::<String>::new());
}

#[test]
fn coarse_waves_stay_and_fine_ones_go() {
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = Engine {
        project: &project,
        catalogue: Catalogue::new(JOBS),
        observer: &Silent,
        settings: Settings::default(),
    };
    let files: Vec<_> = [("coarse", 80.0), ("fine", 16.0)]
        .map(|(name, period)| {
            let (path, map) = (directory.path().join(format!("{name}.mrc")), wave(period));
            let voxels = map.data.as_slice().unwrap();
            thon_images::mrc::write_volume(&path, voxels, map.dims(), Some(5.0)).unwrap();
            path
        })
        .into();
    let spec = |resolution: f64| JobSpec {
        operation: "maps.low-pass".into(),
        parameters: json!({ "resolution": resolution }),
        inputs: [("map".into(), Source::Files(files.clone()))].into(),
        ..JobSpec::default()
    };
    let job = engine.submit(&spec(40.0)).unwrap();
    assert_eq!(engine.run(job).unwrap().items_out, 2);
    let contrast = |item| {
        read_map(&output_file(&project, job, "map", item))
            .data
            .std(0.0)
    };
    assert!((contrast(0) - 0.5f32.sqrt()).abs() < 1e-3);
    assert!(contrast(1) < 1e-4);

    let refused = engine
        .submit(&spec(8.0))
        .and_then(|job| engine.run(job))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("8 Å is finer than the map's 5 Å/px allow"),
        "{refused}"
    );
}
