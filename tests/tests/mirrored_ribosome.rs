//! The real particles whose volume hand was measured to be wrong (`real_ribosome.rs`), mirrored by `tilt_series.mirror`:
//! the map is a ribosome in its own hand, and at least as good.
#![expect(clippy::unwrap_used, reason = "what the tests share is in functions")]

use ndarray::Array3;
use serde_json::json;
use thon_engine::{Engine, Source};
use thon_maps::post_process::fsc_of_maps;
use thon_model::Map;
use thon_project::{Durable, Project};
use thon_signal::mask::{box_centre, sphere};
use thon_tests::atomic_maps::map_of_model;
use thon_tests::hand::{Comparison, measure_hand};
use thon_tests::{engine, output, output_file, read_map, run, shared_data};
use thon_units::PixelSize;

const EVIDENCE: &str = "the map fits 70S ribosomes mirrored (correlation 0.53) and not as it is (0.36), and the CTFs of the \
    images grow with the depth of the files' geometry";

fn inside(data: Array3<f32>) -> Map {
    let ball = sphere([32; 3], box_centre([32; 3]), 13.0, 3.0);
    Map::new(data * ball, PixelSize(12.0))
}

/// The map and the mean FSC between its halves in the first eight shells.
fn average(project: &Project, engine: &Engine<'_>, inputs: &[(&str, Source)]) -> (Map, f64) {
    let job = run(
        engine,
        "particles.reconstruct",
        json!({ "box_size": 32 }),
        inputs,
    );
    let map = |slot: &str| read_map(&output_file(project, job, slot, 0));
    let [first, second] = ["half_map_1", "half_map_2"].map(|slot| inside(map(slot).data));
    let fsc = fsc_of_maps(&first, &second).unwrap().fsc;
    (map("map"), fsc[1..=8].iter().sum::<f64>() / 8.0)
}

#[test]
fn mirrored_with_evidence_the_ribosome_has_its_own_hand() {
    let Some(data) = shared_data() else { return };
    let directory = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = engine(&project);
    let file = data.join(
        "10_particles/empiar10499_warp_2d_series/\
         warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star",
    );
    let given = json!({ "file": file });
    let series = run(&engine, "import.relion-tilt-series", given.clone(), &[]);
    let series = ("tilt_series", output(series, "tilt_series"));
    let particles = run(
        &engine,
        "import.relion-particles",
        given,
        std::slice::from_ref(&series),
    );
    let inputs = [series, ("particles", output(particles, "particles"))];
    let (_, halves_before) = average(&project, &engine, &inputs);
    // The table states the defocus hand of the true specimen, so it stays.
    let choice = json!({ "evidence": EVIDENCE, "defocus_hand": "keep" });
    let mirrored = run(&engine, "tilt_series.mirror", choice, &inputs);
    let inputs = ["tilt_series", "particles"].map(|slot| (slot, output(mirrored, slot)));
    let (map, halves_after) = average(&project, &engine, &inputs);
    println!(
        "mean FSC of the halves, shells 1 to 8: {halves_before:.3}, mirrored {halves_after:.3}"
    );
    assert!(halves_after > halves_before - 0.02);
    for name in ["70S_tteftu_with_tRNA.pdb.gz", "70S_state_grp0.pdb.gz"] {
        let model = map_of_model(&data.join("12_models").join(name), 32, PixelSize(12.0));
        let comparison = Comparison {
            periods: [150.0, 28.0],
            radius: 160.0,
        };
        let measured = measure_hand(&map, &model, comparison);
        let (own, other) = (measured.as_is.correlation, measured.mirrored.correlation);
        println!(
            "mirrored tilt series against {name}: correlation as it is {own:.3}, mirrored {other:.3}"
        );
        assert!(own - other > 0.1 && own > 0.5);
    }
}
