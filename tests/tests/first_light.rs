//! From simulated tilt series to a map, through the engine: the map against the phantom and the bound.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use thon_catalogue::ALL;
use thon_contract::UnitOutputs;
use thon_contract::kinds::Curves;
use thon_engine::{Catalogue, Engine, JobSpec, Settings, Silent, Source, run_standalone};
use thon_project::{Durable, JobNumber, Project};

fn simulate(directory: &Path, options: &Value) -> UnitOutputs {
    let spec = JobSpec {
        operation: "acquire.simulate-tilt-series".into(),
        parameters: options.clone(),
        ..JobSpec::default()
    };
    let outputs = run_standalone(&Catalogue(ALL), &spec, directory, &Silent, Settings::default());
    outputs.unwrap().remove("all").unwrap()
}

fn files(directory: &Path, outputs: &UnitOutputs, slot: &str) -> Source {
    let main = |item: &thon_contract::ItemRecord| directory.join(&item.files[0]);
    Source::Files(outputs[slot].items.iter().map(main).collect())
}

fn run(engine: &Engine, operation: &str, parameters: Value, inputs: &[(&str, Source)]) -> JobNumber {
    let inputs = inputs.iter().map(|(slot, source)| ((*slot).to_owned(), source.clone())).collect();
    let spec = JobSpec { operation: operation.into(), parameters, inputs, ..JobSpec::default() };
    let job = engine.submit(&spec).unwrap();
    engine.run(job).unwrap();
    job
}

fn output(job: JobNumber, slot: &str) -> Source {
    Source::Job { job, slot: slot.into() }
}

fn curves(project: &Project, job: JobNumber, slot: &str) -> Curves {
    let manifest = project.result(job).unwrap();
    let outputs: BTreeMap<String, thon_contract::SlotRecord> =
        serde_json::from_value(manifest.outputs).unwrap();
    let file: &PathBuf = &outputs[slot].items[0].files[0];
    serde_json::from_slice(&std::fs::read(project.root().join(file)).unwrap()).unwrap()
}

#[test]
fn a_map_of_simulated_particles_reaches_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let truth = simulate(
        &data,
        &json!({ "series": 2, "box_size": 64, "options": { "particles": 40, "tilt_step": 3.0, "image_width": 512, "image_height": 512, "pixel_size": 7.0 } }),
    );
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine =
        Engine { project: &project, catalogue: Catalogue(ALL), observer: &Silent, settings: Settings::default() };
    let series = files(&data, &truth, "tilt_series");
    let particles = files(&data, &truth, "particles");
    let phantom = files(&data, &truth, "phantom");
    let tomogram = run(&engine, "tomogram.reconstruct-wbp", json!({}), &[("tilt_series", series.clone())]);
    let average = run(
        &engine,
        "particles.reconstruct",
        json!({ "box_size": 64 }),
        &[("tilt_series", series), ("particles", particles)],
    );
    let compared =
        run(&engine, "maps.compare", json!({}), &[("map", output(average, "map")), ("reference", phantom)]);
    let post = run(
        &engine,
        "maps.post-process",
        json!({}),
        &[("half_map_1", output(average, "half_map_1")), ("half_map_2", output(average, "half_map_2"))],
    );
    println!("{:?}", curves(&project, compared, "fsc").facts);
    println!("{:?}", curves(&project, post, "fsc").facts);
    let bound: Curves = {
        let Source::Files(paths) = files(&data, &truth, "bound") else { unreachable!() };
        serde_json::from_slice(&std::fs::read(&paths[0]).unwrap()).unwrap()
    };
    println!("{:?}", bound.facts);
    println!("{:?}", project.result(tomogram).unwrap().outputs);
    if let Ok(keep) = std::env::var("THON_KEEP") {
        let _ = std::process::Command::new("cp").arg("-r").arg(directory.path()).arg(keep).status();
    }
}
