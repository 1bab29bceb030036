//! The pipeline that comes with the program, on movies of a camera with a gain: from mdocs, movies and the gain reference
//! alone to a CTF-corrected tomogram, compared with what was simulated.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One tilt series of ribosomes and beads, in movies that drift, seen through a gain.
const SIMULATION: &str = r#"
name = "microscope"
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
[step.parameters]
series = 1
seed = 1
box_size = 96
[step.parameters.options]
image_width = 640
image_height = 640
pixel_size = 4.0
particles = 50
beads = 10
bead_radius = 40.0
ice_thickness = 700.0
defocus = 25000.0
frames = 4
drift = 16.0
drift_settling = 0.5
gain_sigma = 0.05
"#;

fn thon(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_thon"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The directory of the one unit of a job.
fn unit(project: &Path, job: &str) -> PathBuf {
    let units = project.join("jobs").join(job).join("units");
    fs::read_dir(units).unwrap().next().unwrap().unwrap().path()
}

fn images(series: &Path) -> Vec<Value> {
    let text = fs::read(series.join("TS_01.tilt_series.json")).unwrap();
    let series: Value = serde_json::from_slice(&text).unwrap();
    series["images"].as_array().unwrap().clone()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn mdocs_movies_and_a_gain_are_enough() {
    let here = tempfile::tempdir().unwrap();
    thon(here.path(), &["new", "microscope"]);
    let microscope = here.path().join("microscope");
    fs::write(microscope.join("simulation.toml"), SIMULATION).unwrap();
    thon(&microscope, &["run", "simulation.toml"]);
    let truth = unit(&microscope, "00001-simulate-tilt-series");

    thon(here.path(), &["new", "project"]);
    let project = here.path().join("project");
    let pipeline = thon(&project, &["help", "movies-to-tomograms"]);
    fs::write(project.join("pipeline.toml"), pipeline).unwrap();
    let given = [
        ("mdocs", "*.mdoc"),
        ("movies", "frames"),
        ("gain", "TS_01_gain.mrc"),
    ]
    .map(|(name, file)| format!("{name}={}", truth.join(file).display()));
    let mut words = vec!["run", "pipeline.toml"];
    for variable in &given {
        words.extend(["--var", variable]);
    }
    thon(&project, &words);

    let mean = |image: &Value, of: &[&str]| {
        let sum: f64 = of.iter().map(|f| image["ctf"][f].as_f64().unwrap()).sum();
        sum / of.len() as f64
    };
    let defocus = ["defocus_u", "defocus_v"];
    let angle = |image: &Value, name: &str| image["geometry"][name].as_f64().unwrap().to_degrees();
    let found = images(&unit(&project, "00006-estimate"));
    let pairs: Vec<(Value, Value)> = images(&truth).into_iter().zip(found).collect();
    assert_eq!(pairs.len(), 41);
    let errors = pairs
        .iter()
        .map(|(truth, found)| (mean(truth, &defocus) - mean(found, &defocus)).abs());
    let error = median(errors.collect());
    assert!(error < 250.0, "median defocus error {error} Å");
    for name in ["tilt_angle", "tilt_axis_angle"] {
        let errors = pairs
            .iter()
            .map(|(truth, found)| (angle(truth, name) - angle(found, name)).abs());
        let error = median(errors.collect());
        assert!(error < 0.2, "{name}: median error {error}°");
    }
    let tomogram = unit(&project, "00007-reconstruct-ctf").join("TS_01.mrc");
    let stated = thon(&project, &["inspect", "--json", tomogram.to_str().unwrap()]);
    let stated: Value = serde_json::from_str(&stated).unwrap();
    let facts = &stated[0]["facts"];
    assert_eq!(facts["dimensions"], serde_json::json!([256, 256, 250]));
    let [least, sd] = ["min", "sd"].map(|name| facts["statistics"][name].as_f64().unwrap());
    assert!(least < -8.0 * sd, "beads are dark: {least}, {sd}");
}
