//! The same particles through `relion_reconstruct` (Debian's RELION 3.1): the same map in the same hand.

use std::process::Command;

use serde_json::json;
use thon_average::post_process::fsc_of_maps;
use thon_project::{Durable, Project};
use thon_tests::{engine, files, mean_to_half_nyquist, output_file, read_map, run, simulate};

fn relion_is_installed() -> bool {
    let found = Command::new("relion_reconstruct")
        .arg("--version")
        .output()
        .is_ok();
    if !found {
        println!("skipped: relion_reconstruct is not installed");
    }
    found
}

#[test]
fn the_average_equals_that_of_relion_reconstruct() {
    if !relion_is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let options = json!({ "particles": 25, "tilt_step": 4.0, "image_width": 384, "image_height": 384,
        "pixel_size": 8.0, "x_tilt": 2.0 });
    let truth = simulate(
        &data,
        &json!({ "series": 1, "box_size": 48, "options": options }),
    );
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = engine(&project);
    let inputs = [
        ("tilt_series", files(&data, &truth, "tilt_series")),
        ("particles", files(&data, &truth, "particles")),
    ];
    let exposure = json!({ "b-factor-per-dose": 4.0 });
    let ours = run(
        &engine,
        "particles.reconstruct",
        json!({ "box_size": 48, "exposure": exposure, "recover_delocalised": false }),
        &inputs,
    );
    let exported = run(
        &engine,
        "export.relion-projections",
        json!({ "box_size": 48, "b_factor_per_dose": 4.0 }),
        &inputs,
    );
    let folder = output_file(&project, exported, "files", 0)
        .parent()
        .unwrap()
        .to_path_buf();
    let map = directory.path().join("relion.mrc");
    let relion = Command::new("relion_reconstruct")
        .current_dir(&folder)
        .args(["--i", "particles.star", "--ctf", "--pad", "2", "--o"])
        .arg(&map)
        .output()
        .unwrap();
    assert!(
        relion.status.success(),
        "{}",
        String::from_utf8_lossy(&relion.stderr)
    );
    let ours = read_map(&output_file(&project, ours, "map", 0));
    let theirs = read_map(&map);
    let fsc = fsc_of_maps(&ours, &theirs).unwrap().fsc;
    let lowest = fsc[1..=12].iter().copied().fold(1.0, f64::min);
    println!("FSC with relion_reconstruct: {:?}", &fsc[1..=24]);
    println!(
        "mean to Nyquist/2 {:.5}, lowest {lowest:.5}",
        mean_to_half_nyquist(&fsc)
    );
    assert!(lowest > 0.99);
    if let Ok(keep) = std::env::var("THON_KEEP") {
        let _ = Command::new("cp")
            .arg("-r")
            .arg(directory.path())
            .arg(keep)
            .status();
    }
}
