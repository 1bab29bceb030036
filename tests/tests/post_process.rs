//! Post-processing against RELION: the columns of a real project, and `relion_postprocess` on the same half maps.

use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array3;
use serde_json::json;
use thon_engine::Source;
use thon_formats::star;
use thon_images::mrc::write_volume;
use thon_maps::post_process::fsc_weights;
use thon_project::{Durable, Project};
use thon_signal::mask::{box_centre, sphere};
use thon_signal::shells::correct_for_mask;
use thon_tests::{
    curves, engine, files, output, output_file, read_map, run, shared_data, simulate,
};

struct Table {
    corrected: Vec<f64>,
    masked: Vec<f64>,
    unmasked: Vec<f64>,
    randomised: Vec<f64>,
    resolution: Vec<f64>,
    log_amplitudes: [Vec<f64>; 2],
    stated_resolution: f64,
    stated_b_factor: f64,
    randomise_from: f64,
}

fn read_table(path: &Path) -> Table {
    let file = star::read(path).expect("a table of post-processing");
    let column = |block: &str, label: &str| {
        file.table(block)
            .expect("a table of post-processing")
            .column(label)
            .expect("a table of post-processing")
            .to_f64()
            .expect("a table of post-processing")
    };
    let general = |label: &str| column("general", label)[0];
    Table {
        corrected: column("fsc", "rlnFourierShellCorrelationCorrected"),
        masked: column("fsc", "rlnFourierShellCorrelationMaskedMaps"),
        unmasked: column("fsc", "rlnFourierShellCorrelationUnmaskedMaps"),
        randomised: column(
            "fsc",
            "rlnCorrectedFourierShellCorrelationPhaseRandomizedMaskedMaps",
        ),
        resolution: column("fsc", "rlnAngstromResolution"),
        log_amplitudes: ["rlnLogAmplitudesOriginal", "rlnLogAmplitudesWeighted"]
            .map(|label| column("guinier", label)),
        stated_resolution: general("rlnFinalResolution"),
        stated_b_factor: general("rlnBfactorUsedForSharpening"),
        randomise_from: general("rlnRandomiseFrom"),
    }
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

/// The last shell before the curve falls below 0.143.
fn resolution(table: &Table, corrected: &[f64]) -> f64 {
    let below = (1..corrected.len()).find(|&shell| corrected[shell] < 0.143);
    table.resolution[below.unwrap_or(corrected.len()) - 1]
}

#[test]
fn the_columns_of_a_real_project_give_its_corrected_fsc_and_resolution() {
    let Some(data) = shared_data() else { return };
    let mut worst = 0.0f64;
    for job in ["job022", "job026", "job029", "job036", "job049", "job059"] {
        let path = data.join(format!(
            "04_relion5_project_empiar10164/PostProcess/{job}/postprocess.star"
        ));
        let table = read_table(&path);
        let from = table
            .resolution
            .iter()
            .position(|r| (r - table.randomise_from).abs() < 1e-3)
            .unwrap();
        let corrected = correct_for_mask(&table.masked, &table.randomised, from);
        let difference = largest_difference(&corrected, &table.corrected);
        worst = worst.max(difference);
        assert!(difference < 1e-5, "{job}: {difference}");
        let found = resolution(&table, &corrected);
        assert!(
            (found - table.stated_resolution).abs() < 1e-4,
            "{job}: {found}"
        );
        // Phases were randomised from the first shell with an unmasked FSC below 0.8 on.
        assert_eq!(
            table.unmasked.iter().position(|&f| f < 0.8),
            Some(from),
            "{job}"
        );
        // No B factor was asked for there, so the map keeps its own: the weighted curve is the original one
        // times the FSC weight, which is what a fit would have started from.
        assert_eq!(table.stated_b_factor, 0.0);
        let weights = fsc_weights(&table.corrected);
        let [original, weighted] = &table.log_amplitudes;
        for shell in 1..weights.len() {
            if weights[shell] > 0.0 && weighted[shell] > -90.0 {
                let expected = original[shell] + weights[shell].ln();
                assert!(
                    (weighted[shell] - expected).abs() < 2e-4,
                    "{job}, shell {shell}"
                );
            }
        }
    }
    println!("largest difference of the corrected FSC over 6 tables: {worst:.1e}");
}

/// What `relion_postprocess` says of two half maps inside a mask.
fn relion_table(directory: &Path, halves: &[PathBuf; 2], mask: &Path) -> Table {
    let relion = Command::new("relion_postprocess")
        .current_dir(directory)
        .args([
            "--auto_bfac",
            "--autob_lowres",
            "18",
            "--angpix",
            "4",
            "--o",
            "relion",
            "--i",
        ])
        .arg(&halves[0])
        .arg("--i2")
        .arg(&halves[1])
        .arg("--mask")
        .arg(mask)
        .output()
        .expect("relion runs and writes its table");
    // It ends with an error where ghostscript is missing, after its table is written.
    let table = directory.join("relion.star");
    assert!(
        table.exists(),
        "{}",
        String::from_utf8_lossy(&relion.stderr)
    );
    read_table(&table)
}

#[test]
fn relion_postprocess_finds_the_same() {
    if Command::new("relion_postprocess")
        .arg("--version")
        .output()
        .is_err()
    {
        println!("skipped: relion_postprocess is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let options = json!({ "particles": 45, "image_width": 512, "image_height": 512, "pixel_size": 4.0,
        "ice_thickness": 600.0, "ice_noise": 0.0, "shot_noise": "none", "dose_damage": false, "tilt_step": 6.0, "particle_distance": 250.0 });
    let truth = simulate(
        &data,
        &json!({ "series": 1, "box_size": 80, "options": options }),
    );
    let project = Project::create(&Durable::default(), &directory.path().join("project")).unwrap();
    let engine = engine(&project);
    let inputs = [
        ("tilt_series", files(&data, &truth, "tilt_series")),
        ("particles", files(&data, &truth, "particles")),
    ];
    let average = run(
        &engine,
        "particles.reconstruct",
        json!({ "box_size": 80, "exposure": "none" }),
        &inputs,
    );
    let halves = [1, 2].map(|half| output_file(&project, average, &format!("half_map_{half}"), 0));
    let dims = read_map(&halves[0]).dims();
    let mask: Array3<f32> = sphere(dims, box_centre(dims), 34.0, 4.0);
    let mask_file = directory.path().join("mask.mrc");
    write_volume(&mask_file, mask.as_slice().unwrap(), dims, Some(4.0)).unwrap();
    let post = run(
        &engine,
        "maps.post-process",
        json!({ "options": { "b_factor": { "fit_from": 18.0 } } }),
        &[
            ("half_map_1", output(average, "half_map_1")),
            ("half_map_2", output(average, "half_map_2")),
            ("mask", Source::Files(vec![mask_file.clone()])),
        ],
    );
    let theirs = relion_table(directory.path(), &halves, &mask_file);
    let ours = curves(&project, post, "fsc");
    let column = |label: &str| -> Vec<f64> {
        let column = ours.columns.iter().find(|c| c.label == label).unwrap();
        column.values.iter().map(|v| v.unwrap()).collect()
    };
    let unmasked = largest_difference(&column("unmasked"), &theirs.unmasked);
    let masked = largest_difference(&column("masked"), &theirs.masked);
    let found = ours.facts["resolution (Å)"];
    let b_factor = curves(&project, post, "guinier").facts["B factor (Å²)"];
    println!(
        "unmasked {unmasked:.1e}, masked {masked:.1e}; resolution {found:.3} against {:.3} Å; B {b_factor:.2} against {:.2} Å²",
        theirs.stated_resolution, theirs.stated_b_factor
    );
    assert!(unmasked < 1e-5 && masked < 1e-5);
    let shell = |r: f64| (80.0 * 4.0 / r).round();
    assert!((shell(found) - shell(theirs.stated_resolution)).abs() <= 1.0);
    // Random phases are drawn alike by default.
    let randomised = largest_difference(&column("phase randomised"), &theirs.randomised);
    assert!(randomised < 1e-4, "{randomised}");
    assert!((b_factor / theirs.stated_b_factor - 1.0).abs() < 0.002);
}
