//! `movies.correct-motion`: drift against truth, the gain's orientation, and movies that cannot be used.

use std::path::Path;

use serde_json::{Value, json};
use thon_contract::kinds::{CurvesKind, TiltSeriesKind};
use thon_contract::{JobError, Kind, SlotRecord};
use thon_images::eer::{Coding, EerSpec, EerWriter};
use thon_images::mrc::{Mrc, write_stack};
use thon_model::TiltSeries;
use thon_simulate::{Phantom, Simulation, SimulationOptions};

use crate::project::{Outcome, Project};

const CORRECT: &str = "movies.correct-motion";

fn options() -> Value {
    json!({
        "image_width": 320, "image_height": 256, "pixel_size": 3.0, "tilt_step": 30.0, "particles": 4,
        "ice_thickness": 500.0, "frames": 6, "drift": 15.0, "drift_settling": 0.3, "dose_per_tilt": 8.0,
        "shift_sigma": 0.0, "gain_sigma": 0.1, "defects": 10, "particle_distance": 200.0
    })
}

/// A session with movies and a gain reference that lies upside down.
fn session(project: &Project) -> (SlotRecord, String) {
    let simulated = project.run(
        "acquire.simulate-tilt-series",
        json!({ "seed": 4, "box_size": 16, "options": options() }),
        &[],
    );
    let place = simulated.place.display().to_string();
    let upright = project.path().join(&place).join("TS_01_gain.mrc");
    let gain = Mrc::open(upright).unwrap();
    let [_, ny, nx] = gain.shape();
    let values: Vec<f32> = gain
        .read_all()
        .unwrap()
        .chunks(nx)
        .rev()
        .flatten()
        .copied()
        .collect();
    write_stack(project.path().join("gain.mrc"), &values, [1, ny, nx], None).unwrap();
    let imported = project.run(
        "import.mdoc",
        json!({ "mdocs": [format!("{place}/*.mdoc")], "movies": format!("{place}/frames") }),
        &[],
    );
    (imported.outputs["tilt_series"].clone(), place)
}

fn series(project: &Project, outcome: &Outcome) -> TiltSeries {
    project
        .load::<TiltSeriesKind>(&outcome.outputs["tilt_series"])
        .remove(0)
}

fn movie_path(project: &Project, slot: &SlotRecord, image: usize) -> std::path::PathBuf {
    let series = &project.load::<TiltSeriesKind>(slot)[0];
    project
        .path()
        .join(&series.images[image].movie.as_ref().unwrap().path)
}

#[test]
fn the_orientation_of_the_gain_is_proven_with_its_evidence() {
    let project = Project::new();
    let (slot, _) = session(&project);
    let outcome = project.run(
        "movies.find-gain-orientation",
        json!({ "gain": "gain.mrc", "movies": 2 }),
        &[("tilt_series", &slot)],
    );
    let trials = &project.load::<CurvesKind>(&outcome.outputs["orientations"])[0];
    assert_eq!(trials.facts["proven"], 1.0);
    assert!(trials.facts["p"] < 1e-12);
    let best: Vec<f64> = trials
        .columns
        .iter()
        .map(|column| column.values[0].unwrap())
        .collect();
    println!("quarter turns, flip, slope, z: {best:?}");
    // Upside down; the other orientations explain nothing.
    assert_eq!(best[..2], [0.0, 1.0]);
    assert!((best[2] - 1.0).abs() < 0.15 && best[3] > 8.0);
    let others = trials.columns[3].values[1..].iter();
    assert!(others.map(|z| z.unwrap().abs()).all(|z| z < 5.0));
}

#[test]
fn weighted_sums_have_plain_ones_beside_them() {
    let project = Project::new();
    let (slot, _) = session(&project);
    let run = |params: serde_json::Value| project.run(CORRECT, params, &[("tilt_series", &slot)]);
    let plain = run(json!({ "gain": "gain.mrc" }));
    let weighted = run(json!({ "gain": "gain.mrc", "exposure_weighting": true }));
    assert!(plain.outputs["unweighted"].items.is_empty());
    let beside = &project.load::<TiltSeriesKind>(&weighted.outputs["unweighted"])[0];
    let (plain, weighted) = (series(&project, &plain), series(&project, &weighted));
    for ((plain, beside), weighted) in plain
        .images
        .iter()
        .zip(&beside.images)
        .zip(&weighted.images)
    {
        let [a, b, c] =
            [plain, beside, weighted].map(|image| read(&project, image.image.as_ref().unwrap()));
        let far = a.iter().zip(&b).map(|(a, b)| (a - b).abs());
        assert!(far.fold(0.0, f32::max) < 1e-2);
        // Fine detail has lost contrast, the mean has not.
        let moments = |v: &[f32]| {
            let mean = v.iter().map(|v| f64::from(*v)).sum::<f64>() / v.len() as f64;
            let power = v
                .iter()
                .map(|v| (f64::from(*v) - mean).powi(2))
                .sum::<f64>();
            [mean, power / v.len() as f64]
        };
        let ([mean, power], [kept, less]) = (moments(&a), moments(&c));
        assert!((kept / mean - 1.0).abs() < 1e-3 && less < 0.95 * power);
        assert!(beside.treatments.is_empty() && !weighted.treatments.is_empty());
        assert!(beside.halves.is_some());
    }
}

#[test]
fn drift_is_that_of_the_truth_and_the_gain_is_turned() {
    let project = Project::new();
    let (slot, _) = session(&project);
    let outcome = project.run(
        CORRECT,
        json!({ "gain": "gain.mrc" }),
        &[("tilt_series", &slot)],
    );
    assert!((outcome.metric("gain slope").unwrap() - 1.0).abs() < 0.1);
    let options: SimulationOptions = serde_json::from_value(options()).unwrap();
    let truth = Simulation::prepare("TS_01", &options, &Phantom::ribosome_70s(), 5).unwrap();
    let drift = &project.load::<CurvesKind>(&outcome.outputs["drift"])[0];
    let mut sum = 0.0;
    for (image, shifts) in truth.frame_shifts.iter().enumerate() {
        for (frame, shift) in shifts.iter().enumerate() {
            let found = [1, 2].map(|axis| drift.columns[2 * image + axis].values[frame].unwrap());
            sum += (found[0] - shift.x).powi(2) + (found[1] - shift.y).powi(2);
        }
    }
    let error = (sum / 30.0).sqrt();
    println!("drift: {error:.2} Å RMS on pixels of 3 Å");
    assert!(error < 1.0, "{error} Å");
    let series = series(&project, &outcome);
    assert_eq!(series.used().count(), 5);
    for image in &series.images {
        let whole = read(&project, image.image.as_ref().unwrap());
        let halves = image
            .halves
            .as_ref()
            .unwrap()
            .each_ref()
            .map(|half| read(&project, half));
        let far = whole
            .iter()
            .zip(halves[0].iter().zip(&halves[1]))
            .map(|(w, (a, b))| (w - a - b).abs());
        assert!(far.fold(0.0, f32::max) < 1e-2);
        // Hot pixels (50 counts a frame and more) and dead ones are gone.
        let mean = whole.iter().sum::<f32>() / whole.len() as f32;
        let range = whole
            .iter()
            .fold([f32::INFINITY, 0.0], |[l, h], v| [v.min(l), v.max(h)]);
        assert!(
            range[0] > 0.1 * mean && range[1] < 3.0 * mean,
            "{range:?} about {mean}"
        );
    }
}

fn read(project: &Project, reference: &thon_model::ImageReference) -> Vec<f32> {
    let file = Mrc::open(project.path().join(&reference.path)).unwrap();
    file.read_section(reference.section).unwrap()
}

#[test]
fn a_wrong_gain_is_named() {
    let project = Project::new();
    let (slot, place) = session(&project);
    let attempt = |params: Value| match project.try_run(
        CORRECT,
        params,
        &[("tilt_series", &slot)],
        &thon_compute::Quiet,
    ) {
        Err(JobError::Refused(findings)) => findings[0].to_string(),
        Err(error) => error.to_string(),
        Ok(_) => panic!("was accepted"),
    };
    let stated = json!({ "gain": "gain.mrc", "gain_orientation": { "quarter_turns": 2 } });
    let text = attempt(stated);
    assert!(
        text.contains("the movies say rotated by 0°, flipped upside down"),
        "{text}"
    );
    let text = attempt(json!({ "gain": "gain.mrc", "gain_values": "counts" }));
    assert!(text.contains("inverse of what was stated"), "{text}");
    write_stack(
        project.path().join("small.mrc"),
        &vec![1.0; 128 * 128],
        [1, 128, 128],
        None,
    )
    .unwrap();
    let text = attempt(json!({ "gain": "small.mrc" }));
    assert!(
        text.contains("128 × 128 pixels, the movie 256 × 320"),
        "{text}"
    );
    let other: Vec<f32> = (0..256 * 320)
        .map(|i| 1.0 + 0.1 * ((i * 7919) % 101) as f32 / 101.0)
        .collect();
    write_stack(
        project.path().join("other.mrc"),
        &other,
        [1, 256, 320],
        None,
    )
    .unwrap();
    let text = attempt(json!({ "gain": "other.mrc" }));
    assert!(
        text.contains("no orientation of the gain reference explains the movies"),
        "{text}"
    );
    project.write("defects.txt", "# x y w h\n10 10 4 1\n300 200 40 2\n");
    let text =
        attempt(json!({ "defects": "defects.txt", "gain": format!("{place}/TS_01_gain.mrc") }));
    assert!(text.contains("defect 2 covers rows 200..202"), "{text}");
}

#[test]
fn movies_that_cannot_be_used_leave_their_image_excluded_with_the_reason() {
    let project = Project::new();
    let (slot, _) = session(&project);
    let rewrite = |image: usize, change: &dyn Fn(usize, &mut f32)| {
        let path = movie_path(&project, &slot, image);
        let movie = Mrc::open(&path).unwrap();
        let (mut values, shape) = (movie.read_all().unwrap(), movie.shape());
        drop(movie);
        values
            .iter_mut()
            .enumerate()
            .for_each(|(i, v)| change(i, v));
        write_stack(&path, &values, shape, None).unwrap();
    };
    rewrite(0, &|_, v| *v = 0.0);
    rewrite(1, &|i, v| {
        if i == 100_000 {
            *v = f32::NAN;
        }
    });
    let frame = 256 * 320;
    rewrite(2, &|i, v| {
        if i / frame == 3 {
            *v = 0.0;
        }
    });
    let cut = movie_path(&project, &slot, 3);
    let bytes = std::fs::read(&cut).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() - 1000]).unwrap();
    let outcome = project.run(CORRECT, json!({}), &[("tilt_series", &slot)]);
    let series = series(&project, &outcome);
    let reason = |image: usize| {
        series.images[image]
            .exclusion
            .as_ref()
            .unwrap()
            .reason
            .clone()
    };
    assert!(
        reason(0).contains("all 6 frames are black"),
        "{}",
        reason(0)
    );
    assert!(
        reason(1).contains("frame 2: 1 pixels are infinite or not a number"),
        "{}",
        reason(1)
    );
    assert!(
        reason(3).contains("5 of 6 sections are complete"),
        "{}",
        reason(3)
    );
    assert!(series.images[2].is_used() && series.images[4].is_used());
    let warnings = outcome.warnings().join("\n");
    assert!(
        warnings.contains("image 3: frames without electrons are left out: 4"),
        "{warnings}"
    );
}

#[test]
fn electron_events_become_the_image_they_are() {
    let project = Project::new();
    let (slot, _) = session(&project);
    let mut series = project.load::<TiltSeriesKind>(&slot).remove(0);
    let path = project.path().join("events.eer");
    let spec = EerSpec {
        width: 320,
        height: 256,
        coding: Coding::SEVEN_BIT,
        metadata: None,
    };
    let mut writer = EerWriter::create_file(&path, spec).unwrap();
    let mut expected = vec![0.0_f32; 256 * 320];
    let mut finer = vec![0.0_f32; 512 * 640];
    for frame in 0..12_u64 {
        let mut counts = vec![0_u8; 256 * 4 * 320 * 4];
        for pixel in 0..256 * 320_u64 {
            let draw = (pixel * 12 + frame).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            if draw % 5 == 0 {
                let (y, x) = (
                    pixel / 320 * 4 + draw / 5 % 4,
                    pixel % 320 * 4 + draw / 20 % 4,
                );
                counts[(y * 1280 + x) as usize] = 1;
                expected[pixel as usize] += 1.0;
                finer[(y / 2 * 640 + x / 2) as usize] += 1.0;
            }
        }
        writer.write_counts(&counts).unwrap();
    }
    writer.finish().unwrap();
    series.images.truncate(1);
    series.images[0].movie.as_mut().unwrap().path = "events.eer".into();
    let stored = stored(&project, &series);
    let params = json!({ "eer_fractions": 1, "find_defects": false });
    let outcome = project.run(CORRECT, params, &[("tilt_series", &stored)]);
    let made = self::series(&project, &outcome);
    let image = read(&project, made.images[0].image.as_ref().unwrap());
    let far = image
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(far < 1e-4, "{far}");
    assert_eq!(made.images[0].movie.as_ref().unwrap().frames, Some(1));
    // On pixels half as large, every electron in its place.
    let params = json!({ "eer_fractions": 1, "find_defects": false, "eer_super_resolution": true });
    let outcome = project.run(CORRECT, params, &[("tilt_series", &stored)]);
    let super_resolved = self::series(&project, &outcome);
    assert_eq!(super_resolved.image_size, [512, 640]);
    assert!((super_resolved.pixel_size.0 - 0.5 * made.pixel_size.0).abs() < 1e-9);
    let image = read(&project, super_resolved.images[0].image.as_ref().unwrap());
    let far = image.iter().zip(&finer).map(|(a, b)| (a - b).abs());
    let far = far.fold(0.0, f32::max);
    assert!(far < 1e-4, "{far}");
}

/// Stores a changed series under the project.
fn stored(project: &Project, series: &TiltSeries) -> SlotRecord {
    let root = project.path().join("changed");
    std::fs::create_dir_all(&root).unwrap();
    let workspace = thon_contract::DirectoryWorkspace { root };
    let context = thon_contract::Context::new(&workspace, &thon_compute::Quiet, 0);
    let mut item = context
        .store::<TiltSeriesKind>(&series.name, series)
        .unwrap();
    for file in &mut item.files {
        *file = Path::new("changed").join(&file);
    }
    SlotRecord {
        kind: TiltSeriesKind::NAME.into(),
        items: vec![item],
    }
}
