//! A real Slurm on this machine: a controller and two nodes. Items run as array tasks, a refinement as tasks of one
//! allocation; a node that is killed in the middle costs its blocks; the bytes are those of a local run.
//!
//! Ignored: it needs Debian's `slurm-wlm` and `munge`, and root. `cargo test -p thon --test slurm -- --ignored --nocapture`.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "slurm/cluster.rs"]
mod cluster;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cluster::Cluster;

const PIPELINE: &str = r#"
name = "cluster"
[variables]
iterations = 3
[[step]]
name = "simulate"
job = "acquire.simulate-tilt-series"
parameters = { box_size = 32, series = 3, seed = 4, options = { image_width = 384, image_height = 384, pixel_size = 10.0, tilt_step = 12.0, particles = 70, particle_distance = 180.0, dose_per_tilt = 10.0, ice_noise = 0.0, dose_damage = false } }
[[step]]
name = "reconstruct"
job = "tomogram.reconstruct-wbp"
inputs = { tilt_series = "simulate.tilt_series" }
[[step]]
name = "refine"
job = "particles.refine"
parameters = { views = { box_size = 32 }, options = { poses = { start = "given" }, maximum_iterations = "${iterations}" } }
inputs = { tilt_series = "simulate.tilt_series", particles = "simulate.particles" }
"#;

fn thon(program: &Path, cluster: &Cluster, project: &Path, words: &[&str]) {
    let status = Command::new(program)
        .env("SLURM_CONF", cluster.configuration())
        .current_dir(project.parent().unwrap())
        .arg("--quiet")
        .arg("--project")
        .arg(project)
        .args(words)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{words:?}");
}

/// The results of a project by path.
fn results(project: &Path) -> BTreeMap<PathBuf, blake3::Hash> {
    let mut results = BTreeMap::new();
    let mut open = vec![project.join("jobs")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with("attempt-") {
                open.push(path);
            } else if path.is_file() && name != "job.json" && name != "history.jsonl" {
                let below = path.strip_prefix(project).unwrap().to_path_buf();
                results.insert(below, blake3::hash(&fs::read(&path).unwrap()));
            }
        }
    }
    results
}

/// Makes a project with the pipeline and the cluster in it.
fn project(program: &Path, place: &Path, name: &str) -> PathBuf {
    let project = place.join(name);
    let made = Command::new(program)
        .arg("--quiet")
        .arg("new")
        .arg(&project)
        .status();
    assert!(made.unwrap().success());
    fs::write(project.join("pipeline.toml"), PIPELINE).unwrap();
    let executor = "[[executor]]\nname = \"cluster\"\nkind = \"slurm\"\npartition = \"cpu\"\nminutes = 20\n\
                    poll = 1000\nvisibility = 5000\ncores_per_job = 1\nmemory = \"4G\"\n";
    fs::write(project.join("executors.toml"), executor).unwrap();
    project
}

#[test]
#[ignore = "starts a Slurm of its own; needs slurm-wlm, munge and root"]
fn the_cluster_has_the_bytes_of_this_machine() {
    let place = tempfile::tempdir().unwrap();
    let Some(mut cluster) = Cluster::start(&place.path().join("cluster")) else {
        println!("skipped: slurmctld, slurmd or munged is absent");
        return;
    };
    let program = place.path().join("thon");
    fs::copy(env!("CARGO_BIN_EXE_thon"), &program).unwrap();
    let here = project(&program, place.path(), "here");
    let file = here.join("pipeline.toml").display().to_string();
    thon(&program, &cluster, &here, &["--threads", "1", "run", &file]);
    let expected = results(&here);
    assert!(expected.len() > 40, "{}", expected.len());

    let began = Instant::now();
    let there = project(&program, place.path(), "there");
    let file = there.join("pipeline.toml").display().to_string();
    thon(
        &program,
        &cluster,
        &there,
        &["run", &file, "--later", "--processes", "2"],
    );
    thon(&program, &cluster, &there, &["work"]);
    assert_eq!(results(&there), expected);
    let parts = fs::read_dir(there.join("jobs/00002-reconstruct-wbp/attempt-1")).unwrap();
    let names = parts.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    assert_eq!(names.filter(|name| name.starts_with("part-")).count(), 3);
    println!(
        "slurm: {} files equal, items as 3 array tasks, refinement as 2 tasks: {:.0} s",
        expected.len(),
        began.elapsed().as_secs_f64()
    );

    // A node dies while a helper is at work on it.
    let began = Instant::now();
    let third = project(&program, place.path(), "third");
    let file = third.join("pipeline.toml").display().to_string();
    thon(
        &program,
        &cluster,
        &third,
        &["run", &file, "--later", "--processes", "2"],
    );
    let mut owner = Command::new(&program)
        .env("SLURM_CONF", cluster.configuration())
        .args(["--quiet", "--project", &third.display().to_string(), "work"])
        .spawn()
        .unwrap();
    let node = loop {
        if let Some(node) = Cluster::node_of_helper(&third) {
            break node;
        }
        assert!(
            began.elapsed() < Duration::from_mins(5),
            "no helper was seen"
        );
        assert!(
            owner.try_wait().unwrap().is_none(),
            "it was done without a helper"
        );
        std::thread::sleep(Duration::from_millis(5));
    };
    cluster.kill_node(&node);
    assert!(owner.wait().unwrap().success());
    assert_eq!(results(&third), expected);
    println!(
        "slurm: node {node} killed under a helper: {} files equal after {:.0} s",
        expected.len(),
        began.elapsed().as_secs_f64()
    );
}
