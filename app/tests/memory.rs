//! Peak memory of every job from movies to a tomogram against what `cost` foretold, on data of any size.
//!
//! `THON_MOVIES_DATA` names a folder of mdocs, a folder `frames` of movies and `gain.mrc`, and `THON_MOVIES_WORK` an empty one
//! for the project. Each step of the pipeline that comes with the program is a process of its own, whose peak is read
//! from /proc; a process that is about to end may have grown after the last look by what it takes to end.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that reports figures"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use thon_engine::{Catalogue, Engine, Pipeline, Settings, Silent, draft_pipeline};
use thon_project::{Durable, JobNumber, Project};

/// Memory that a series of 4096² pixels may take.
const MOST: f64 = 8e9;
/// Measured over foretold.
const NEAR: std::ops::RangeInclusive<f64> = 0.75..=1.25;

const PIPELINE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/pipelines/movies-to-tomograms.toml"
);

fn folder(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(name).map(PathBuf::from);
    if found.is_none() {
        println!("skipped: {name} is not set");
    }
    found
}

/// Runs a recorded job; its peak memory in bytes, and seconds.
fn run(project: &Path, job: JobNumber) -> (f64, f64) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thon"))
        .current_dir(project)
        .args(["--quiet", "run", &job.0.to_string()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(line) = text.lines().find(|l| l.starts_with("VmHWM:")) {
            let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(kilobytes * 1024.0);
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "job {job:?}");
            return (peak, began.elapsed().as_secs_f64());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn variables(data: &Path) -> BTreeMap<String, Value> {
    let text = |path: PathBuf| Value::from(path.to_str().unwrap());
    let mut given: BTreeMap<String, Value> = [
        ("mdocs".to_owned(), text(data.join("*.mdoc"))),
        ("movies".to_owned(), text(data.join("frames"))),
        ("gain".to_owned(), text(data.join("gain.mrc"))),
    ]
    .into();
    for name in ["voxel_size", "thickness"] {
        if let Ok(value) = std::env::var(format!("THON_MOVIES_{}", name.to_uppercase())) {
            given.insert(name.into(), value.parse::<f64>().unwrap().into());
        }
    }
    given
}

/// `THON_MOVIES_HALVES=false`: no sums of half of the frames, for a disk with little room.
fn without_halves(pipeline: &mut Pipeline) {
    if std::env::var("THON_MOVIES_HALVES").is_ok_and(|value| value == "false") {
        for step in &mut pipeline.steps {
            if step.job == "movies.correct-motion" {
                step.parameters["halves"] = false.into();
            }
        }
    }
}

#[test]
#[ignore = "needs THON_MOVIES_DATA and THON_MOVIES_WORK; minutes to hours"]
fn peak_memory_is_what_was_foretold() {
    let (Some(data), Some(work)) = (folder("THON_MOVIES_DATA"), folder("THON_MOVIES_WORK")) else {
        return;
    };
    let place = work.join("project");
    let made = Command::new(env!("CARGO_BIN_EXE_thon"))
        .args(["new", place.to_str().unwrap()])
        .status();
    assert!(made.unwrap().success());
    let mut whole = Pipeline::read(Path::new(PIPELINE)).unwrap();
    without_halves(&mut whole);
    let mut wrong = Vec::new();
    for count in 1..=whole.steps.len() {
        let mut part = whole.clone();
        part.steps.truncate(count);
        let step = part.steps.last().unwrap().job.clone();
        let (job, foretold) = {
            let project = Project::open(&Durable::default(), &place).unwrap();
            let engine = Engine {
                project: &project,
                catalogue: Catalogue::new(thon_catalogue::ALL).with_border(thon_catalogue::BORDER),
                observer: &Silent,
                settings: Settings::default(),
            };
            let open = draft_pipeline(&engine, &part, Path::new(PIPELINE), &variables(&data));
            let job = *open.unwrap().last().unwrap();
            (job, engine.predict(job).unwrap().0 as f64)
        };
        let (peak, seconds) = run(&place, job);
        let ratio = peak / foretold;
        println!(
            "{step}: foretold {:.0} MB, measured {:.0} MB, ratio {ratio:.2}, {seconds:.0} s",
            foretold / 1e6,
            peak / 1e6
        );
        if !NEAR.contains(&ratio) || peak > MOST {
            wrong.push(format!("{step}: {ratio:.2}, {:.1} GB", peak / 1e9));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
