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

/// Turns the queue of a project to its end, and kills the node of the first helper that is seen; answers which.
fn work_while_a_node_dies(program: &Path, cluster: &mut Cluster, project: &Path) -> String {
    let began = Instant::now();
    let mut owner = Command::new(program)
        .env("SLURM_CONF", cluster.configuration())
        .args(["--quiet", "--project", &project.display().to_string()])
        .arg("work")
        .spawn()
        .unwrap();
    let node = loop {
        if let Some(node) = Cluster::node_of_helper(project) {
            break node;
        }
        assert!(
            began.elapsed() < Duration::from_mins(30),
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
    node
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
    let node = work_while_a_node_dies(&program, &mut cluster, &third);
    assert_eq!(results(&third), expected);
    println!(
        "slurm: node {node} killed under a helper: {} files equal after {:.0} s",
        expected.len(),
        began.elapsed().as_secs_f64()
    );
}

/// The parts of an attempt that have a log with something in it.
fn part_logs(attempt: &Path) -> usize {
    let parts = fs::read_dir(attempt).unwrap().map(|entry| entry.unwrap());
    let named = parts.filter(|entry| entry.file_name().to_string_lossy().starts_with("part-"));
    let logs = named.map(|entry| fs::metadata(entry.path().join("log.txt")));
    logs.filter(|log| log.as_ref().is_ok_and(|log| log.len() > 0))
        .count()
}

/// Issue 5, criterion 4, with the demo as it is. A release build does it in minutes: `THON_PROGRAM` names another program
/// than the one that was built with this test.
#[test]
#[ignore = "starts a Slurm of its own and runs the demo twice; needs slurm-wlm, munge and root"]
fn the_demo_on_the_cluster_has_the_bytes_of_this_machine() {
    let place = tempfile::tempdir().unwrap();
    let Some(mut cluster) = Cluster::start(&place.path().join("cluster")) else {
        println!("skipped: slurmctld, slurmd or munged is absent");
        return;
    };
    let program = place.path().join("thon");
    let given = std::env::var_os("THON_PROGRAM").map(PathBuf::from);
    fs::copy(given.unwrap_or(env!("CARGO_BIN_EXE_thon").into()), &program).unwrap();
    let demo = place.path().join("demo");
    let began = Instant::now();
    let status = Command::new(&program)
        .args(["--quiet", "demo", "--output"])
        .arg(&demo)
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    println!(
        "slurm: the demo on this machine: {:.0} s",
        began.elapsed().as_secs_f64()
    );
    let expected = results(&demo.join("project"));
    assert!(expected.len() > 100, "{}", expected.len());

    let began = Instant::now();
    // Exports name their images in full: the second project stands where the first one stood.
    fs::rename(demo.join("project"), demo.join("here")).unwrap();
    let there = project(&program, &demo, "project");
    let file = demo.join("pipeline.toml").display().to_string();
    let words = ["run", &file, "--later", "--processes", "2"];
    thon(&program, &cluster, &there, &words);
    let node = work_while_a_node_dies(&program, &mut cluster, &there);
    let found = results(&there);
    let differ = expected
        .iter()
        .filter(|(path, hash)| found.get(*path) != Some(hash));
    let differ: Vec<_> = differ.map(|(path, _)| path).collect();
    assert!(differ.is_empty(), "{differ:?}");
    let jobs = fs::read_dir(there.join("jobs")).unwrap();
    let attempts = jobs.map(|job| job.unwrap().path().join("attempt-1"));
    let shared: Vec<usize> = attempts.map(|attempt| part_logs(&attempt)).collect();
    assert!(
        shared.iter().filter(|parts| **parts == 2).count() >= 5,
        "{shared:?}"
    );
    println!(
        "slurm: the demo, {} jobs, {} of them as array tasks with logs of their own, the refinement as 2 tasks, node {node} killed \
         under a helper: {} files equal, {:.0} s",
        shared.len(),
        shared.iter().filter(|parts| **parts > 1).count(),
        expected.len(),
        began.elapsed().as_secs_f64()
    );
}
