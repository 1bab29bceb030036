//! Every job that refines, classifies or judges maps, with every kind of bad input: a named error, and no output.

use std::path::Path;

use ndarray::Array3;
use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{MapKind, MaskKind, ParticlesKind};
use thon_contract::{ItemRecord, JobError, SlotRecord, UnitInputs};
use thon_images::mrc::{Mrc, write_volume};
use thon_model::ParticleSet;

use crate::fixture::{Fixture, files_below, fixture, slot_of};

const EXTRACT: &str = "particles.extract-subtomograms";
const PROJECT: &str = "particles.project";

fn only(slot: &str, record: SlotRecord) -> UnitInputs {
    [(slot.to_owned(), record)].into()
}

fn stored(fixture: &Fixture, name: &str, data: &Array3<f32>, voxel_size: f64) -> ItemRecord {
    let path = fixture.root().join(format!("bad_{name}.mrc"));
    let (z, y, x) = data.dim();
    let values: Vec<f32> = data.iter().copied().collect();
    write_volume(&path, &values, [z, y, x], Some(voxel_size)).unwrap();
    ItemRecord {
        name: name.into(),
        files: vec![path],
        digest: String::new(),
    }
}

fn map(fixture: &Fixture, name: &str, data: &Array3<f32>, voxel_size: f64) -> SlotRecord {
    slot_of::<MapKind>(stored(fixture, name, data, voxel_size))
}

fn particles(
    fixture: &Fixture,
    of: &str,
    place: &str,
    change: &dyn Fn(&mut ParticleSet),
) -> UnitInputs {
    let mut set = fixture.value::<ParticlesKind>(of, "particles");
    change(&mut set);
    only(
        "particles",
        fixture.stored::<ParticlesKind>(place, "particles", &set),
    )
}

/// The first image of a set replaced: by one with a NaN, or by one of another box.
fn spoilt(fixture: &Fixture, place: &str, set: &mut ParticleSet, box_size: Option<usize>) {
    let images = set.images.as_mut().unwrap();
    let first = images.paths[0].clone();
    let file = Mrc::open(fixture.root().join(&first)).unwrap();
    let [z, y, x] = file.shape();
    let mut data = Array3::from_shape_vec((z, y, x), file.read_all().unwrap()).unwrap();
    data[[0, y / 2, x / 2]] = f32::NAN;
    if let Some(n) = box_size {
        data = Array3::zeros((if z == y { n } else { z }, n, n));
    }
    let path = stored(fixture, place, &data, 10.0).files.remove(0);
    for one in images.paths.iter_mut().filter(|path| **path == first) {
        one.clone_from(&path);
    }
}

/// One thing that is wrong with a job's input, and the words that name it.
struct Wrong {
    job: &'static str,
    inputs: UnitInputs,
    params: Value,
    named: &'static [&'static str],
}

fn small(job: &str) -> Value {
    match job {
        "particles.refine" => {
            json!({ "options": { "maximum_iterations": 1, "poses": { "start": "given" } } })
        }
        "particles.classify" => {
            json!({ "options": { "classes": 2, "restarts": 1, "iterations": 1 } })
        }
        "particles.initial-model" => json!({
            "options": { "particle_diameter": 250.0, "resolution": 70.0, "starts": 1, "start_iterations": 1, "iterations": 1 }
        }),
        "classification.class-2d" => json!({ "options": { "classes": 1, "iterations": 1 } }),
        _ => json!({}),
    }
}

/// Jobs on particles: which job made the sets they take.
const ON_PARTICLES: [(&str, &str); 4] = [
    ("particles.refine", EXTRACT),
    ("particles.classify", EXTRACT),
    ("particles.initial-model", EXTRACT),
    ("classification.class-2d", PROJECT),
];

fn wrong_particles(fixture: &Fixture) -> Vec<Wrong> {
    let mut all = Vec::new();
    for (job, of) in ON_PARTICLES {
        let mut case = |inputs: UnitInputs, named: &'static [&'static str]| {
            all.push(Wrong {
                job,
                inputs,
                params: small(job),
                named,
            });
        };
        let place = |what: &str| format!("bad-{what}-{job}");
        let short = |count: usize| {
            move |set: &mut ParticleSet| *set = set.select(&(0..count).collect::<Vec<_>>())
        };
        case(
            particles(fixture, of, &place("none"), &short(0)),
            &["empty", "no particles", "0 particles"],
        );
        case(
            particles(fixture, of, &place("one"), &short(1)),
            &["at least", "1 particles"],
        );
        let place_nan = place("nan");
        case(
            particles(fixture, of, &place_nan, &|set| {
                spoilt(fixture, &place_nan, set, None);
            }),
            &["not finite", "infinite", "not a number"],
        );
        let place_box = place("box");
        case(
            particles(fixture, of, &place_box, &|set| {
                spoilt(fixture, &place_box, set, Some(24));
            }),
            &["24 × 24"],
        );
    }
    all
}

fn wrong_maps(fixture: &Fixture) -> Vec<Wrong> {
    let mut all = Vec::new();
    let blob = |n: usize| Array3::from_shape_fn((n, n, n), |(z, y, x)| ((x * y * z) as f32).sin());
    let mut broken = blob(32);
    broken[[3, 4, 5]] = f32::NAN;
    let black = slot_of::<MaskKind>(stored(fixture, "black", &Array3::zeros((32, 32, 32)), 10.0));
    let bad = |name: &str, data: &Array3<f32>, voxel: f64| map(fixture, name, data, voxel);
    for (job, slot) in [
        ("particles.refine", "reference"),
        ("particles.classify", "references"),
    ] {
        let faults: [(&str, SlotRecord, &'static [&'static str]); 4] = [
            (slot, bad("small", &blob(24), 10.0), &["found 24 × 24 × 24"]),
            (slot, bad("coarse", &blob(32), 12.0), &["found 12.0000 Å"]),
            (slot, bad("broken", &broken, 10.0), &["not finite"]),
            ("mask", black.clone(), &["the mask is black"]),
        ];
        for (slot, record, named) in faults {
            let mut inputs = only("particles", fixture.slot(EXTRACT, "particles"));
            inputs.insert(slot.into(), record);
            let params = small(job);
            all.push(Wrong {
                job,
                inputs,
                params,
                named,
            });
        }
    }
    let mut inputs = only("particles", fixture.slot(EXTRACT, "particles"));
    inputs.insert("map".into(), bad("kept", &blob(32), 10.0));
    inputs.insert("mask".into(), black);
    all.push(Wrong {
        job: "particles.subtract",
        inputs,
        params: small("particles.subtract"),
        named: &["the mask is black"],
    });
    let long = blob(32).slice(ndarray::s![.., .., ..24]).to_owned();
    for (record, named) in [
        (
            bad("broken_symmetry", &broken, 10.0),
            &["finite", "infinite", "not a number"][..],
        ),
        (bad("long", &long, 10.0), &["expected a cube"][..]),
    ] {
        all.push(Wrong {
            job: "symmetry.find",
            inputs: only("map", record),
            params: json!({}),
            named,
        });
    }
    let half = fixture.slot("particles.reconstruct", "half_map_1");
    for (second, named) in [
        (bad("half_small", &blob(24), 10.0), "found 24 × 24 × 24"),
        (
            bad("half_coarse", &blob(32), 12.0),
            "expected voxels of 10.0000 Å",
        ),
        (
            bad("half_broken", &broken, 10.0),
            "infinite or not a number",
        ),
    ] {
        let mut inputs = only("half_map_1", half.clone());
        inputs.insert("half_map_2".into(), second);
        all.push(Wrong {
            job: "maps.post-process",
            inputs,
            params: json!({}),
            named: Box::leak(Box::new([named])),
        });
    }
    all
}

fn wrong_symmetries(fixture: &Fixture) -> Vec<Wrong> {
    let of = |job: &'static str, path: &[&str]| {
        let mut params = small(job);
        let mut place = &mut params;
        for key in path {
            place = &mut place[*key];
        }
        *place = "Q7".into();
        Wrong {
            job,
            inputs: only("particles", fixture.slot(EXTRACT, "particles")),
            params,
            named: &["is not a point group"],
        }
    };
    vec![
        of("particles.refine", &["options", "target", "symmetry"]),
        of("particles.classify", &["options", "target", "symmetry"]),
        of("particles.initial-model", &["symmetry"]),
        of("symmetry.expand", &["symmetry"]),
    ]
}

fn named(fixture: &Fixture, wrong: &Wrong) -> Result<(), String> {
    let aside = fixture.aside();
    let ran = fixture.run_with(wrong.job, &wrong.params, &wrong.inputs, &Quiet, &aside);
    let text = match ran {
        Ok(_) => return Err(format!("{}: ran; expected {:?}", wrong.job, wrong.named)),
        Err(error @ JobError::Refused(_)) => error.to_string(),
        Err(error) => {
            return Err(format!("{}: refused only once it ran: {error}", wrong.job));
        }
    };
    println!("{}: {text}", wrong.job);
    if !wrong.named.iter().any(|words| text.contains(words)) {
        return Err(format!(
            "{}: expected {:?}, found \"{text}\"",
            wrong.job, wrong.named
        ));
    }
    let left: Vec<_> = files_below(&aside).into_keys().collect();
    let results = |path: &&std::path::PathBuf| {
        let of = Path::new(path).extension().and_then(|e| e.to_str());
        matches!(of, Some("mrc" | "npz"))
    };
    match left.iter().find(results) {
        Some(path) => Err(format!("{}: left {}", wrong.job, path.display())),
        None => Ok(()),
    }
}

#[test]
fn bad_input_is_named_by_every_job() {
    let fixture = fixture();
    let mut all = wrong_particles(fixture);
    all.extend(wrong_maps(fixture));
    all.extend(wrong_symmetries(fixture));
    let failed: Vec<String> = all.iter().filter_map(|w| named(fixture, w).err()).collect();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        all.len(),
        failed.join("\n")
    );
}
