//! Classification and post-processing on plain RELION files, without a project: RELION's names come out, and RELION goes on.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "figures and what is skipped are said")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use ndarray::Array3;
use rand::RngExt;
use serde_json::{Value, json};
use thon_catalogue::{ALL, BORDER};
use thon_compute::seed_stream;
use thon_engine::{Catalogue, JobSpec, Settings, Silent, Source, run_standalone};
use thon_formats::star::{self, Table};
use thon_images::mrc::{write_stack, write_volume};

/// Edge of images and volumes, and of their pixels, Å.
const BOX: usize = 32;
const PIXEL: f64 = 5.0;

fn run(operation: &str, parameters: Value, inputs: &[(&str, PathBuf)], output: &Path) {
    let inputs = inputs
        .iter()
        .map(|(slot, file)| ((*slot).to_owned(), Source::Files(vec![file.clone()])));
    let spec = JobSpec {
        operation: operation.into(),
        parameters,
        inputs: inputs.collect(),
        ..JobSpec::default()
    };
    let catalogue = Catalogue::new(ALL).with_border(BORDER);
    run_standalone(&catalogue, &spec, output, &Silent, Settings::default()).unwrap();
}

/// What a program of RELION says; none where it is not installed. It must succeed.
fn relion(folder: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    if Command::new(program).arg("--version").output().is_err() {
        println!("skipped: {program} is not installed");
        return None;
    }
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let failed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program}: {told}{failed}");
    Some(told)
}

/// A sum of round blobs (x, y, z, deviation, height) about the middle, pixels.
fn density(blobs: &[[f64; 5]], [x, y, z]: [f64; 3]) -> f64 {
    let one = |[bx, by, bz, width, height]: &[f64; 5]| {
        let distance = (x - bx).powi(2) + (y - by).powi(2) + (z - bz).powi(2);
        height * (-distance / (2.0 * width * width)).exp()
    };
    blobs.iter().map(one).sum()
}

const KINDS: [&[[f64; 5]]; 2] = [
    &[[6.0, 0.0, 0.0, 2.0, 1.0], [-4.0, 4.0, 0.0, 1.5, 0.9]],
    &[[0.0, 0.0, 0.0, 4.5, 0.7], [7.0, 3.0, 0.0, 1.3, 1.2]],
];

/// A table of optics and particles of RELION 3.1; `names` of images, one row each, of two micrographs.
fn table(path: &Path, dimensions: usize, names: &[String], ctfs: &[String]) {
    let mut text = format!(
        "\n# version 30001\n\ndata_optics\n\nloop_\n_rlnOpticsGroupName #1\n_rlnOpticsGroup #2\n_rlnVoltage #3\n\
         _rlnSphericalAberration #4\n_rlnAmplitudeContrast #5\n_rlnImagePixelSize #6\n_rlnImageSize #7\n\
         _rlnImageDimensionality #8\nog1 1 300.0 2.7 0.07 {PIXEL} {BOX} {dimensions}\n\n# version 30001\n\n\
         data_particles\n\nloop_\n_rlnMicrographName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnImageName #4\n\
         _rlnOpticsGroup #5\n"
    );
    if !ctfs.is_empty() {
        text += "_rlnCtfImage #6\n_rlnAngleRot #7\n_rlnAngleTilt #8\n_rlnAnglePsi #9\n";
    }
    for (i, name) in names.iter().enumerate() {
        write!(text, "mic{}.mrc {} 20 {name} 1", i % 2, 10 * i).unwrap();
        if let Some(ctf) = ctfs.get(i) {
            write!(text, " {ctf} 0 0 0").unwrap();
        }
        text.push('\n');
    }
    std::fs::write(path, text).unwrap();
}

/// Images of both kinds, turned at random in the plane, with noise of deviation 1.
fn images(folder: &Path, count: usize) -> PathBuf {
    let mut random = seed_stream(3, "images", 0);
    let mut pixels = Vec::with_capacity(count * BOX * BOX);
    for i in 0..count {
        let (sine, cosine) = random.random_range(0.0..std::f64::consts::TAU).sin_cos();
        for p in 0..BOX * BOX {
            let at = |i: usize| i as f64 - (BOX / 2) as f64;
            let (x, y) = (at(p % BOX), at(p / BOX));
            let turned = [cosine * x + sine * y, cosine * y - sine * x, 0.0];
            let noise: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
            pixels.push((3.0 * density(KINDS[i % 2], turned) + noise) as f32);
        }
    }
    let stack = folder.join("stack.mrcs");
    write_stack(&stack, &pixels, [count, BOX, BOX], Some(PIXEL)).unwrap();
    let names: Vec<String> = (1..=count).map(|i| format!("{i:06}@stack.mrcs")).collect();
    let path = folder.join("particles.star");
    table(&path, 2, &names, &[]);
    path
}

fn numbers(table: &Table, label: &str) -> Vec<f64> {
    table.column(label).unwrap().to_f64().unwrap()
}

/// Particles in the same class in both tables, and the medians of their turns, degrees, and moves, Å.
fn compared(ours: &Table, theirs: &Table) -> (usize, f64, f64) {
    // RELION orders particles by micrograph.
    let row_of = |row: usize| {
        let name = theirs.get(row, "rlnImageName");
        (0..ours.rows())
            .find(|i| ours.get(*i, "rlnImageName") == name)
            .unwrap()
    };
    let columns = [
        "rlnClassNumber",
        "rlnAnglePsi",
        "rlnOriginXAngst",
        "rlnOriginYAngst",
    ];
    let [a, b] = [ours, theirs].map(|table| columns.map(|label| numbers(table, label)));
    let (mut same, mut turns, mut moves) = (0, Vec::new(), Vec::new());
    let pose = |of: &[Vec<f64>; 4], row: usize| [0, 1, 2, 3].map(|column| of[column][row]);
    for row in 0..theirs.rows() {
        let (own, other) = (pose(&a, row_of(row)), pose(&b, row));
        if own[0] == other[0] {
            same += 1;
            let turn = (own[1] - other[1]).rem_euclid(360.0);
            turns.push(turn.min(360.0 - turn));
            moves.push((own[2] - other[2]).hypot(own[3] - other[3]));
        }
    }
    turns.sort_by(f64::total_cmp);
    moves.sort_by(f64::total_cmp);
    (same, turns[turns.len() / 2], moves[moves.len() / 2])
}

#[test]
fn relion_goes_on_from_classes_of_images() {
    let place = tempfile::tempdir().unwrap();
    let particles = images(place.path(), 100);
    let parameters = json!({ "options": { "classes": 4, "diameter": 130.0, "iterations": 8 } });
    let out = place.path().join("out");
    run(
        "classification.class-2d",
        parameters,
        &[("particles", particles)],
        &out,
    );
    let names = [
        "classes.mrcs",
        "data.star",
        "model.star",
        "optimiser.star",
        "sampling.star",
    ];
    for name in names.map(|name| format!("run_it008_{name}")) {
        assert!(out.join(&name).is_file(), "{name}");
    }
    let model = star::read(&out.join("run_it008_model.star")).unwrap();
    let classes = model.table("model_classes").unwrap();
    assert_eq!(
        classes.get(3, "rlnReferenceImage"),
        Some("000004@out/run_it008_classes.mrcs")
    );
    let shares: f64 = numbers(classes, "rlnClassDistribution").iter().sum();
    assert!((shares - 1.0).abs() < 1e-6);
    // Noise of variance 1 per pixel, as the images are normalised, of which RELION's mask leaves two thirds.
    let noise = numbers(model.table("model_group_2").unwrap(), "rlnSigma2Noise");
    let power = noise[BOX / 4] * 2.0 * (BOX * BOX) as f64;
    assert!((0.45..0.9).contains(&power), "{power}");

    std::fs::create_dir(place.path().join("next")).unwrap();
    let arguments = [
        "--continue",
        "out/run_it008_optimiser.star",
        "--iter",
        "9",
        "--o",
        "next/run",
        "--j",
        "1",
    ];
    if relion(place.path(), "relion_refine", &arguments).is_none() {
        return;
    }
    let of = |path: &str| star::read(&place.path().join(path)).unwrap();
    let (ours, theirs) = (
        of("out/run_it008_data.star"),
        of("next/run_it009_data.star"),
    );
    let (ours, theirs) = (
        ours.table("particles").unwrap(),
        theirs.table("particles").unwrap(),
    );
    let (same, turn, moved) = compared(ours, theirs);
    println!(
        "relion_refine --continue of classes of images: {same} of 100 stay in their class, median turn {turn:.1}°, move {moved:.1} Å"
    );
    // Its grid has steps of 3° and 5 Å.
    assert!(
        same >= 90 && turn < 3.0 && moved < 5.0,
        "{same} {turn} {moved}"
    );
}

/// Volumes of both kinds in turn, with noise of deviation 1, and the names of their files.
fn volumes(folder: &Path) -> (PathBuf, Vec<String>) {
    let mut random = seed_stream(5, "volumes", 0);
    let whole = vec![1.0; BOX * BOX * BOX];
    write_volume(folder.join("ctf.mrc"), &whole, [BOX; 3], Some(PIXEL)).unwrap();
    let mut names = Vec::new();
    for i in 0..24 {
        let volume: Vec<f32> = (0..BOX * BOX * BOX)
            .map(|p| {
                let at = |i: usize| i as f64 - (BOX / 2) as f64;
                let place = [at(p % BOX), at(p / BOX % BOX), at(p / BOX / BOX)];
                let noise: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
                (3.0 * density(KINDS[i % 2], place) + noise) as f32
            })
            .collect();
        let name = format!("volume{i:02}.mrc");
        write_volume(folder.join(&name), &volume, [BOX; 3], Some(PIXEL)).unwrap();
        names.push(name);
    }
    let particles = folder.join("particles.star");
    table(&particles, 3, &names, &vec!["ctf.mrc".to_owned(); 24]);
    (particles, names)
}

#[test]
fn relion_goes_on_from_classes_of_volumes() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let (particles, names) = volumes(folder);
    let parameters = json!({ "options": {
        "classes": 2, "alignment": "fixed", "empty_class": false, "target": { "diameter": 130.0 } } });
    let out = folder.join("out");
    run(
        "particles.classify",
        parameters,
        &[("particles", particles)],
        &out,
    );
    let data = star::read(&out.join("run_data.star")).unwrap();
    let classes = numbers(data.table("particles").unwrap(), "rlnClassNumber");
    let of_first = (0..24).filter(|i| classes[*i] == classes[i % 2]).count();
    assert!(of_first >= 23, "{classes:?}");
    assert_ne!(classes[0], classes[1]);
    let iteration = std::fs::read_dir(&out)
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .find_map(|name| name.strip_suffix("_optimiser.star").map(str::to_owned))
        .unwrap();
    assert!(iteration.starts_with("run_it"), "{iteration}");
    assert!(out.join(format!("{iteration}_class002.mrc")).is_file());
    std::fs::create_dir(folder.join("next")).unwrap();
    let optimiser = format!("out/{iteration}_optimiser.star");
    let next = iteration
        .trim_start_matches("run_it")
        .parse::<usize>()
        .unwrap()
        + 1;
    let number = next.to_string();
    let arguments = [
        "--continue",
        &optimiser,
        "--iter",
        &number,
        "--o",
        "next/run",
        "--skip_align",
        "--j",
        "1",
    ];
    if relion(folder, "relion_refine", &arguments).is_none() {
        return;
    }
    let theirs = star::read(&folder.join(format!("next/run_it{next:03}_data.star"))).unwrap();
    let theirs = theirs.table("particles").unwrap();
    let mut agreed = 0;
    for row in 0..24 {
        let name = theirs.get(row, "rlnImageName").unwrap();
        let own = names
            .iter()
            .position(|own| name.ends_with(own.as_str()))
            .unwrap();
        let class = theirs.get(row, "rlnClassNumber").unwrap();
        agreed += usize::from(class.parse::<f64>().unwrap() == classes[own]);
    }
    println!(
        "relion_refine --continue of classes of volumes: {agreed} of 24 stay in their class, {of_first} are where they belong"
    );
    assert!(agreed >= 23, "{agreed}");
    let model = format!("out/{iteration}_model.star");
    relion(
        folder,
        "relion_star_printtable",
        &[&model, "data_model_classes", "rlnReferenceImage"],
    );
    let map = format!("out/{iteration}_class001.mrc");
    let told = relion(folder, "relion_image_handler", &["--i", &map, "--stats"]).unwrap();
    assert!(told.contains("32 x 32 x 32"), "{told}");
}

#[test]
fn post_processing_leaves_what_relion_would() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let mut random = seed_stream(7, "halves", 0);
    let mut map = || {
        Array3::from_shape_fn((BOX, BOX, BOX), |(z, y, x)| {
            let at = |i: usize| i as f64 - (BOX / 2) as f64;
            let noise: f64 = (0..12).map(|_| random.random_range(-0.5..0.5)).sum();
            (3.0 * density(KINDS[0], [at(x), at(y), at(z)]) + 0.3 * noise) as f32
        })
    };
    let halves = ["half1.mrc", "half2.mrc"].map(|name| {
        let path = folder.join(name);
        write_volume(&path, map().as_slice().unwrap(), [BOX; 3], Some(PIXEL)).unwrap();
        path
    });
    let out = folder.join("out");
    let [first, second] = halves;
    let inputs = [("half_map_1", first), ("half_map_2", second)];
    run(
        "maps.post-process",
        json!({ "options": { "b_factor": { "fit_from": 60.0 } } }),
        &inputs,
        &out,
    );
    let names = [
        "postprocess.mrc",
        "postprocess_masked.mrc",
        "postprocess.star",
        "postprocess_fsc.xml",
    ];
    for name in names {
        assert!(out.join(name).is_file(), "{name}");
    }
    let told = relion(
        folder,
        "relion_image_handler",
        &["--i", "out/postprocess_masked.mrc", "--stats"],
    );
    let Some(told) = told else { return };
    assert!(told.contains("32 x 32 x 32"), "{told}");
    relion(
        folder,
        "relion_star_printtable",
        &["out/postprocess.star", "data_general"],
    );
    // It ends with an error where ghostscript is missing, after its files are written.
    let arguments = [
        "--i",
        "half1.mrc",
        "--i2",
        "half2.mrc",
        "--mask",
        "out/mask.mrc",
        "--auto_bfac",
        "--autob_lowres",
        "60",
        "--angpix",
        "5",
        "--o",
        "theirs",
    ];
    let _ = Command::new("relion_postprocess")
        .args(arguments)
        .current_dir(folder)
        .output();
    // The EMDB's documents agree line by line, but for the first frequency, which RELION does not leave at 0.
    let points = |path: &str| -> Vec<f64> {
        let text = std::fs::read_to_string(folder.join(path)).unwrap();
        let inside = |line: &str| {
            let value = line.trim().strip_prefix("<y>")?.strip_suffix("</y>")?;
            value.parse::<f64>().ok()
        };
        text.lines().filter_map(inside).collect()
    };
    let (ours, theirs) = (points("out/postprocess_fsc.xml"), points("theirs_fsc.xml"));
    assert_eq!(ours.len(), theirs.len());
    for (shell, (a, b)) in ours.iter().zip(&theirs).enumerate() {
        assert!((a - b).abs() < 1e-3, "shell {shell}: {a} against {b}");
    }
}
