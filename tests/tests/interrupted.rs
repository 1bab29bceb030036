//! What is stopped leaves nothing that counts, and what is taken up again ends with the same bytes.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use thon_catalogue::ALL;
use thon_engine::{
    Catalogue, Engine, EngineError, Event, JobSpec, Observer, Pipeline, Settings, run_pipeline,
    run_standalone,
};
use thon_project::{Durable, JobState, Project};
use thon_tests::{files, simulate};

/// Stops at the n-th report of progress.
struct StopAt {
    reports: AtomicU64,
    at: u64,
}

impl StopAt {
    fn new(at: u64) -> Self {
        Self {
            reports: AtomicU64::new(0),
            at,
        }
    }
}

impl Observer for StopAt {
    fn tell(&self, event: Event<'_>) {
        if matches!(event, Event::Progress { .. }) {
            self.reports.fetch_add(1, Ordering::SeqCst);
        }
    }
    fn stop(&self) -> bool {
        self.reports.load(Ordering::SeqCst) >= self.at
    }
}

fn simulation() -> Value {
    json!({
        "series": 2, "seed": 3, "box_size": 32,
        "options": {
            "image_width": 192, "image_height": 192, "pixel_size": 10.0, "tilt_step": 10.0,
            "particles": 3, "dose_per_tilt": 10.0, "ice_noise": 0.0, "dose_damage": false
        }
    })
}

const PIPELINE: &str = r#"
name = "interrupted"
[variables]
simulation = {}
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
parameters = "${simulation}"
[[step]]
name = "tomograms"
job = "tomogram.reconstruct-wbp"
parameters = { voxel_size = 20.0, thickness = 800.0 }
inputs = { tilt_series = "simulate.tilt_series" }
[[step]]
name = "average"
job = "particles.reconstruct"
parameters = { box_size = 32 }
inputs = { tilt_series = "simulate.tilt_series", particles = "simulate.particles" }
[[step]]
name = "post-process"
job = "maps.post-process"
inputs = { half_map_1 = "average.half_map_1", half_map_2 = "average.half_map_2" }
"#;

/// Runs the pipeline; `Ok` holds the number of finished jobs.
fn run(project: &Project, observer: &dyn Observer) -> Result<usize, EngineError> {
    let engine = Engine {
        project,
        catalogue: Catalogue::new(ALL),
        observer,
        settings: Settings::default(),
    };
    let file = Path::new("interrupted.toml");
    let mut pipeline = Pipeline::parse(PIPELINE, file)?;
    pipeline.steps[0].parameters = simulation();
    pipeline.variables.clear();
    run_pipeline(&engine, &pipeline, file, &BTreeMap::new()).map(|steps| steps.len())
}

/// Digests of all published units, by path in the project.
fn digests(project: &Project) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for job in project.jobs().unwrap() {
        let manifest = project.result(job).unwrap();
        for unit in &manifest.units {
            for file in &unit.files {
                let name = format!("{job}/{}/{}", unit.item, file.path);
                found.insert(name, file.digest.to_string());
            }
        }
    }
    found
}

/// Directories of published units that no record of the project names.
fn unrecorded(project: &Project) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for job in project.jobs().unwrap() {
        let facts = project.facts(job).unwrap();
        let known: Vec<PathBuf> = facts
            .units
            .values()
            .map(|unit| project.root().join(unit.directory.as_str()))
            .collect();
        let units = project
            .root()
            .join(project.job_directory(job).unwrap().as_str());
        let Ok(entries) = std::fs::read_dir(units.join("units")) else {
            continue;
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| !known.contains(path)));
    }
    found
}

#[test]
fn stopped_anywhere_and_taken_up_again_is_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let whole = Project::create(&Durable::default(), &directory.path().join("whole")).unwrap();
    let watched = StopAt::new(u64::MAX);
    assert_eq!(run(&whole, &watched).unwrap(), 4);
    let (wanted, reports) = (digests(&whole), watched.reports.into_inner());
    assert!(wanted.len() > 12, "{}", wanted.len());

    let broken = Project::create(&Durable::default(), &directory.path().join("broken")).unwrap();
    let mut stops = 0;
    // Every run gets a little further; what was finished is not done again.
    for share in [0.05, 0.2, 0.1, 0.3, 0.15] {
        let observer = StopAt::new(((share * reports as f64) as u64).max(1));
        match run(&broken, &observer) {
            Err(EngineError::Cancelled) => stops += 1,
            Ok(_) => break,
            Err(other) => panic!("{other}"),
        }
        let last = *broken.jobs().unwrap().last().unwrap();
        assert_eq!(broken.status(last).unwrap().state, JobState::Cancelled);
        assert!(
            broken.result(last).is_err(),
            "a stopped job has no manifest"
        );
        assert_eq!(unrecorded(&broken), Vec::<PathBuf>::new());
    }
    assert!(stops >= 2, "stopped {stops} times");
    assert_eq!(run(&broken, &StopAt::new(u64::MAX)).unwrap(), 4);
    assert_eq!(digests(&broken), wanted);
}

#[test]
fn a_stopped_stand_alone_run_leaves_no_result() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("data");
    let spec = JobSpec {
        operation: "acquire.simulate-tilt-series".into(),
        parameters: simulation(),
        ..JobSpec::default()
    };
    let attempt = |observer: &StopAt| {
        run_standalone(
            &Catalogue::new(ALL),
            &spec,
            &output,
            observer,
            Settings::default(),
        )
    };
    for at in [1, 5] {
        assert!(matches!(
            attempt(&StopAt::new(at)),
            Err(EngineError::Cancelled)
        ));
        let left: Vec<_> = std::fs::read_dir(&output).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
    attempt(&StopAt::new(u64::MAX)).unwrap();
    assert!(output.join("thon.json").is_file());
}

#[test]
fn a_refused_stand_alone_run_writes_nothing_although_other_items_are_good() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let truth = simulate(&data, &simulation());
    std::fs::remove_file(data.join("TS_02.mrc")).unwrap();
    let spec = JobSpec {
        operation: "tomogram.reconstruct-wbp".into(),
        parameters: json!({ "voxel_size": 20.0, "thickness": 800.0 }),
        inputs: [(
            "tilt_series".to_owned(),
            files(&data, &truth, "tilt_series"),
        )]
        .into(),
        ..JobSpec::default()
    };
    let output = directory.path().join("tomograms");
    let watched = StopAt::new(u64::MAX);
    let result = run_standalone(
        &Catalogue::new(ALL),
        &spec,
        &output,
        &watched,
        Settings::default(),
    );
    let error = result.unwrap_err();
    assert!(matches!(error, EngineError::Refused(_)), "{error}");
    assert!(error.to_string().contains("TS_02.mrc"), "{error}");
    assert!(!output.exists());
    assert_eq!(watched.reports.into_inner(), 0);
}
