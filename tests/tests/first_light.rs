//! From simulated tilt series to a map, through the engine: the map against the phantom and the bound.

use serde_json::json;
use thon_engine::Source;
use thon_project::{Durable, Project};
use thon_tests::{curves, engine, files, output, read_curves, run, simulate};

#[test]
fn a_map_of_simulated_particles_reaches_the_bound() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let options =
        json!({ "particles": 40, "image_width": 512, "image_height": 512, "pixel_size": 7.0 });
    let truth = simulate(
        &data,
        &json!({ "series": 2, "box_size": 64, "options": options }),
    );
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = engine(&project);
    let [series, particles, phantom] =
        ["tilt_series", "particles", "phantom"].map(|slot| files(&data, &truth, slot));
    run(
        &engine,
        "tomogram.reconstruct-wbp",
        json!({}),
        &[("tilt_series", series.clone())],
    );
    let average = run(
        &engine,
        "particles.reconstruct",
        json!({ "box_size": 64 }),
        &[("tilt_series", series), ("particles", particles)],
    );
    let pair = [("map", output(average, "map")), ("reference", phantom)];
    let compared = curves(
        &project,
        run(&engine, "maps.compare", json!({}), &pair),
        "fsc",
    )
    .facts;
    let Source::Files(bound) = files(&data, &truth, "bound") else {
        unreachable!()
    };
    let bound = read_curves(&bound[0]).facts["resolution at FSC 0.5 (Å)"];
    let found = compared["resolution at FSC 0.5 (Å)"];
    println!("resolution at FSC 0.5: {found:.2} Å, bound {bound:.2} Å");
    assert!((found / bound - 1.0).abs() < 0.1);
    // The hand: the mirror image agrees much less.
    let (right, mirrored) = (
        compared["mean FSC to half Nyquist"],
        compared["mean FSC to half Nyquist, mirrored"],
    );
    assert!(right > 0.9 && mirrored < 0.5, "{right} against {mirrored}");

    let halves = [
        ("half_map_1", output(average, "half_map_1")),
        ("half_map_2", output(average, "half_map_2")),
    ];
    let post = curves(
        &project,
        run(&engine, "maps.post-process", json!({}), &halves),
        "fsc",
    )
    .facts;
    println!("half maps: {post:?}");
    // The mask takes the solvent's noise away, so the halves reach further than the bound for the whole box.
    assert!((0.6..1.1).contains(&(post["resolution (Å)"] / bound)));
}
