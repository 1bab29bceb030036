//! End to end: simulate, run, compare with truth. The tests are in `tests/`; this is what they share.
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

pub mod atomic_maps;
pub mod crowd;
pub mod defocus_hand;
pub mod documents;
pub mod hand;
pub mod pictures;
pub mod program;
pub mod relion_truth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thon_catalogue::{ALL, BORDER};
use thon_contract::kinds::Curves;
use thon_contract::{ItemRecord, SlotRecord, UnitOutputs};
use thon_engine::{Catalogue, Engine, JobSpec, Settings, Silent, Source, run_standalone};
use thon_images::mrc::Mrc;
use thon_model::Map;
use thon_project::{JobNumber, Project};
use thon_units::PixelSize;

/// The folder of real data, when it lies beside the checkout; tests say so when it does not.
pub fn shared_data() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if path.is_dir() {
        return Some(path);
    }
    println!("skipped: shared data absent");
    None
}

/// Runs the simulator into `directory`; returns its outputs, files relative to `directory`.
pub fn simulate(directory: &Path, parameters: &Value) -> UnitOutputs {
    let spec = JobSpec {
        operation: "acquire.simulate-tilt-series".into(),
        parameters: parameters.clone(),
        ..JobSpec::default()
    };
    let outputs = run_standalone(
        &Catalogue::new(ALL),
        &spec,
        directory,
        &Silent,
        Settings::default(),
    );
    outputs
        .expect("the simulation runs")
        .remove("all")
        .expect("one unit")
}

/// Main files of an output slot of a stand-alone run in `directory`.
pub fn files(directory: &Path, outputs: &UnitOutputs, slot: &str) -> Source {
    let main = |item: &ItemRecord| directory.join(&item.files[0]);
    Source::Files(outputs[slot].items.iter().map(main).collect())
}

/// An engine over the whole catalogue that nobody watches.
pub fn engine(project: &Project) -> Engine<'_> {
    Engine {
        project,
        catalogue: Catalogue::new(ALL).with_border(BORDER),
        observer: &Silent,
        settings: Settings::default(),
    }
}

/// Submits and runs a job; panics with its message when it fails.
pub fn run(
    engine: &Engine<'_>,
    operation: &str,
    parameters: Value,
    inputs: &[(&str, Source)],
) -> JobNumber {
    let inputs = inputs
        .iter()
        .map(|(slot, source)| ((*slot).to_owned(), source.clone()))
        .collect();
    let spec = JobSpec {
        operation: operation.into(),
        parameters,
        inputs,
        ..JobSpec::default()
    };
    let ran = engine
        .submit(&spec)
        .and_then(|job| engine.run(job).map(|_| job));
    ran.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

/// An output slot of a job as a source.
pub fn output(job: JobNumber, slot: &str) -> Source {
    Source::Job {
        job,
        slot: slot.into(),
    }
}

/// Main file of an item of an output slot.
pub fn output_file(project: &Project, job: JobNumber, slot: &str, item: usize) -> PathBuf {
    let manifest = project.result(job).expect("the job is done");
    let outputs: BTreeMap<String, SlotRecord> =
        serde_json::from_value(manifest.outputs).expect("outputs are slots");
    project.root().join(&outputs[slot].items[item].files[0])
}

/// Curves that a job made.
pub fn curves(project: &Project, job: JobNumber, slot: &str) -> Curves {
    read_curves(&output_file(project, job, slot, 0))
}

/// Curves from their file.
pub fn read_curves(path: &Path) -> Curves {
    let text = std::fs::read(path).expect("the file is there");
    serde_json::from_slice(&text).expect("curves")
}

/// A map from an MRC file.
pub fn read_map(path: &Path) -> Map {
    let file = Mrc::open(path).expect("an MRC file");
    let voxel_size = file.header().pixel_size().expect("a voxel size");
    let data = file.read_all().expect("voxels");
    let data = ndarray::Array3::from_shape_vec(file.shape(), data).expect("as many as stated");
    Map::new(data, PixelSize(voxel_size))
}
