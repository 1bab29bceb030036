//! Issue 5, criterion 6: a project of ten thousand jobs and a million particles opens in under 2 s and scrolls smoothly, and
//! a tomogram of 4 GB is browsed with less than 200 ms a step and bounded memory; in headless Chromium, timed by
//! `web/tests/scale.mjs`.
//!
//! ```sh
//! cargo test -p thon --test scale -- --ignored --nocapture
//! ```
//! `THON_SCALE_PROJECT` names a directory where the project is kept, and found again, instead of a temporary one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that reports figures"
)]

mod project;
mod unsynced;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use thon_project::{JobNumber, Project};

const JOBS: usize = 10_000;
const PARTICLES: usize = 1_000_000;
/// In one tilt series, all drawn as cones.
const CONES: usize = 100_000;
/// 4.3 GB of 32-bit floats.
const TOMOGRAM: [usize; 3] = [268, 2000, 2000];

/// The project; its last three jobs are the cones, the particles and the tomogram.
fn made(root: &Path) -> [JobNumber; 3] {
    if root.join("project.toml").exists() {
        return [2, 1, 0].map(|before| JobNumber(JOBS as u32 - before));
    }
    let began = Instant::now();
    let project = Project::create(&unsynced::unsynced(), root).unwrap();
    project::chains(&project, JOBS - 3);
    let jobs = [
        project::particles(&project, CONES, 1),
        project::particles(&project, PARTICLES, 200),
        project::tomogram(&project, TOMOGRAM),
    ];
    println!(
        "scale: made {JOBS} jobs in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    jobs
}

#[test]
#[ignore = "two minutes, five gigabytes of holes on the disk, and Chromium"]
fn ten_thousand_jobs_a_million_particles_and_four_gigabytes() {
    let temporary = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("THON_SCALE_PROJECT").map(PathBuf::from);
    let root = kept.unwrap_or_else(|| temporary.path().join("project"));
    let [cones, particles, tomogram] = made(&root);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/tests/scale.mjs");
    let status = Command::new("node")
        .arg(script)
        .args(["--thon", env!("CARGO_BIN_EXE_thon")])
        .arg("--project")
        .arg(&root)
        .args(["--cones", &cones.0.to_string()])
        .args(["--particles", &particles.0.to_string()])
        .args(["--tomogram", &tomogram.0.to_string()])
        .status();
    assert!(
        status.unwrap().success(),
        "the figures are within their bounds"
    );
}
