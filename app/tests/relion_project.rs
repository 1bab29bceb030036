//! RELION projects: one of RELION 5 and one of RELION 3 as graphs here, and ours as a project that RELION's own program reads,
//! checks and writes again.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const SHARED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");

const SIMULATION: &str = r#"
name = "small"
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
[step.parameters]
series = 1
seed = 4
box_size = 32
[step.parameters.options]
image_width = 160
image_height = 160
pixel_size = 8.0
particles = 8
beads = 0
tilt_step = 10.0
ice_thickness = 400.0
frames = 1
[[step]]
name = "tomogram"
job = "tomogram.reconstruct-wbp"
parameters = { voxel_size = 16.0, thickness = 800.0 }
inputs = { tilt_series = "simulate.tilt_series" }
[[step]]
name = "cut"
job = "particles.extract-subtomograms"
parameters = { box_size = 16 }
inputs = { tilt_series = "simulate.tilt_series", particles = "simulate.particles", tomograms = "tomogram.tomograms" }
[[step]]
name = "filter"
job = "maps.transform"
inputs = { map = "simulate.phantom" }
"#;

/// A directory in memory where there is one: a hundred jobs are synced many times.
fn quick() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory)
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn run(directory: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thon"));
    command.args(words).current_dir(directory).output().unwrap()
}

fn thon(directory: &Path, words: &[&str]) -> Value {
    let words = [words, &["--json"]].concat();
    let output = run(directory, &words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let own = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &own);
        } else if fs::metadata(&path).unwrap().len() < 1 << 20 {
            fs::copy(&path, &own).unwrap();
        }
    }
}

#[test]
fn relion_projects_come_in_as_graphs() {
    let (old, new) = (
        Path::new(SHARED).join("05_star_other/starfile/default_pipeline.star"),
        Path::new(SHARED).join("04_relion5_project_empiar10164"),
    );
    if !old.exists() || !new.exists() {
        println!("skipped: shared data absent");
        return;
    }
    let here = quick();
    run(here.path(), &["new", "project"]);
    let project = here.path().join("project");
    let five = here.path().join("five");
    copy(&new, &five);
    fs::copy(
        five.join("pipelines/default_pipeline.star"),
        five.join("default_pipeline.star"),
    )
    .unwrap();
    let adopted = thon(&project, &["project", "adopt", "../five"]);
    let adopted = adopted.as_array().unwrap();
    assert!(adopted.len() > 70, "{}", adopted.len());
    let job = |name: &str| {
        let found = adopted.iter().find(|one| one["name"] == name).unwrap();
        found["job"].as_u64().unwrap()
    };
    for (name, above) in [
        ("CtfFind/job003/", vec!["MotionCorr/job002/"]),
        (
            "Refine3D/job012/",
            vec!["Extract/job010/", "Reconstruct/job011/"],
        ),
    ] {
        let record = project_file(&project, job(name), "job.json");
        let upstream: Vec<u64> = record["request"]["upstream"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job.as_u64().unwrap())
            .collect();
        assert_eq!(
            upstream,
            above.iter().map(|name| job(name)).collect::<Vec<_>>()
        );
    }
    // States, kinds and parameters as RELION says them.
    let done = adopted.iter().filter(|one| one["state"] == "done").count();
    assert!(done > 60, "{done} of {}", adopted.len());
    let picks = project_file(&project, job("Picks/job009/"), "job.json");
    assert_eq!(picks["request"]["parameters"]["kind"], "relion.picktomo");
    // The same again finds them all.
    let again = thon(&project, &["project", "adopt", "../five"]);
    assert_eq!(again.as_array().unwrap(), adopted);

    let three = here.path().join("three");
    fs::create_dir(&three).unwrap();
    fs::copy(&old, three.join("default_pipeline.star")).unwrap();
    let adopted = thon(&project, &["project", "adopt", "../three"]);
    assert_eq!(adopted.as_array().unwrap().len(), 31);
    println!("RELION 5: {done} jobs done; RELION 3: 31 jobs");
}

fn project_file(project: &Path, job: u64, name: &str) -> Value {
    let jobs = fs::read_dir(project.join("jobs")).unwrap();
    let own: PathBuf = jobs
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(&format!("{job:05}-"))
        })
        .unwrap();
    serde_json::from_slice(&fs::read(own.join(name)).unwrap()).unwrap()
}

#[test]
fn relion_opens_our_project() {
    let here = tempfile::tempdir().unwrap();
    run(here.path(), &["new", "project"]);
    let project = here.path().join("project");
    fs::write(project.join("simulation.toml"), SIMULATION).unwrap();
    thon(&project, &["run", "simulation.toml"]);
    let written = thon(&project, &["project", "export", "../relion"]);
    assert_eq!(written["jobs"], 4);
    let relion = here.path().join("relion");
    for file in [
        "default_pipeline.star",
        "Import/job001/tilt_series.star",
        "Import/job001/particles.star",
        "Extract/job003/particles.star",
        "Extract/job003/RELION_JOB_EXIT_SUCCESS",
        "External/job004/map.mrc",
    ] {
        assert!(relion.join(file).is_file(), "{file}");
    }
    // It comes back as the graph that it was.
    run(here.path(), &["new", "again"]);
    let adopted = thon(
        &here.path().join("again"),
        &["project", "adopt", "../relion"],
    );
    let states: Vec<&Value> = adopted
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["done"; 4]);

    let program = |words: &[&str]| {
        let mut command = Command::new("relion_pipeliner");
        command.args(words).current_dir(&relion).output()
    };
    if program(&["--version"]).is_err() {
        println!("skipped: relion is not installed");
        return;
    }
    // A job that RELION believes to run: it looks for our mark and writes the whole pipeline again.
    let path = relion.join("default_pipeline.star");
    let text = fs::read_to_string(&path).unwrap();
    let line = text
        .lines()
        .find(|line| line.contains("Extract/job003/ ") && line.contains("None"));
    let line = line.unwrap();
    let running = format!("{} 0", line.trim_end().trim_end_matches('2'));
    fs::write(&path, text.replace(line, &running)).unwrap();
    let checked = program(&["--check_job_completion"]).unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        checked.status.success() && !said.contains("ERROR"),
        "{said}"
    );
    run(here.path(), &["new", "third"]);
    let third = thon(
        &here.path().join("third"),
        &["project", "adopt", "../relion"],
    );
    let states: Vec<&Value> = third
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(
        states,
        ["done"; 4],
        "{}",
        fs::read_to_string(&path).unwrap()
    );
    // And it can be worked on: RELION adds a job to it, and takes its numbers further.
    let added = program(&["--addJobFromStar", "External/job004/job.star"]).unwrap();
    let said = String::from_utf8_lossy(&added.stderr).into_owned();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("External/job005/"), "{said}{text}");
    assert!(relion.join("External/job005").is_dir());
    println!("relion_pipeliner read, checked and extended the project");
}
