//! The same particles through `relion_reconstruct` (Debian's RELION 3.1): the same map in the same hand.
#![expect(clippy::print_stdout, reason = "what is skipped is said")]

use std::process::Command;

use serde_json::json;
use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;
use thon_project::{Durable, Project};
use thon_signal::mask::{box_centre, sphere};
use thon_tests::{engine, files, output_file, read_map, run, simulate};

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
    let ours = in_sphere(read_map(&output_file(&project, ours, "map", 0)));
    for (gridding, needed) in [(&["--skip_gridding"][..], 0.999), (&[][..], 0.99)] {
        let map = directory.path().join("relion.mrc");
        let relion = Command::new("relion_reconstruct")
            .current_dir(&folder)
            .args(["--i", "particles.star", "--ctf", "--pad", "2", "--o"])
            .arg(&map)
            .args(gridding)
            .output()
            .unwrap();
        assert!(
            relion.status.success(),
            "{}",
            String::from_utf8_lossy(&relion.stderr)
        );
        let fsc = fsc_of_maps(&ours, &in_sphere(read_map(&map))).unwrap().fsc;
        let lowest = fsc[1..=12].iter().copied().fold(1.0, f64::min);
        println!(
            "relion_reconstruct {gridding:?}: lowest FSC to Nyquist/2 {lowest:.5}, {:.4?}",
            &fsc[1..=24]
        );
        assert!(lowest > needed);
    }
}

/// RELION clears its map outside the largest sphere of the box; compared is what both have.
fn in_sphere(map: Map) -> Map {
    let [nz, ny, nx] = map.dims();
    let radius = nx as f64 / 2.0 - 6.0;
    let mask = sphere([nz, ny, nx], box_centre([nz, ny, nx]), radius, 3.0);
    Map::new(map.data * mask, map.voxel_size)
}
