//! Refinement and classification: what is refused before anything runs, and what stored subtomograms give.

use ndarray::Array3;
use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{FilesKind, MapKind, ParticlesKind};
use thon_contract::{Item, ItemRecord, JobError, Kind, SlotRecord, UnitInputs, UnitOutputs};
use thon_images::mrc::{Mrc, write_volume};
use thon_model::{ParticleSet, RepresentationKind};

use crate::fixture::{Fixture, MEMORY, files_below, fixture, slot_of};

const SIMULATE: &str = "acquire.simulate-tilt-series";
const REFINE: &str = "particles.refine";
const EXTRACT: &str = "particles.extract-subtomograms";

fn given() -> Value {
    json!({
        "views": { "box_size": 32 },
        "options": { "poses": { "start": "given" }, "maximum_iterations": 1 }
    })
}

fn virtual_particles(fixture: &Fixture) -> UnitInputs {
    ["tilt_series", "particles"]
        .map(|slot| (slot.to_owned(), fixture.slot(SIMULATE, slot)))
        .into()
}

fn with_particles(fixture: &Fixture, place: &str, change: impl Fn(&mut ParticleSet)) -> UnitInputs {
    let mut set = fixture.value::<ParticlesKind>(SIMULATE, "particles");
    change(&mut set);
    let mut inputs = virtual_particles(fixture);
    inputs.insert(
        "particles".into(),
        fixture.stored::<ParticlesKind>(place, "particles", &set),
    );
    inputs
}

/// A volume as it lies on disk, whatever it holds.
fn volume<K: Kind>(
    fixture: &Fixture,
    name: &str,
    values: &Array3<f32>,
    voxel_size: f64,
) -> SlotRecord {
    let path = fixture.root().join(format!("{name}.mrc"));
    let (z, y, x) = values.dim();
    write_volume(
        &path,
        values.as_slice().unwrap(),
        [z, y, x],
        Some(voxel_size),
    )
    .unwrap();
    slot_of::<K>(ItemRecord {
        name: name.into(),
        files: vec![path],
        digest: String::new(),
    })
}

fn refused(fixture: &Fixture, id: &str, inputs: &UnitInputs, params: &Value, wanted: &str) {
    let aside = fixture.aside();
    let error = fixture
        .run_with(id, params, inputs, &Quiet, &aside)
        .unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, JobError::Refused(_)), "{text}");
    assert!(
        text.contains(wanted),
        "expected \"{wanted}\", found \"{text}\""
    );
    assert!(files_below(&aside).is_empty());
}

#[test]
fn sets_that_cannot_be_refined_are_refused() {
    let fixture = fixture();
    let short = |count: usize| {
        move |set: &mut ParticleSet| *set = set.select(&(0..count).collect::<Vec<_>>())
    };
    let none = with_particles(fixture, "refine-none", short(0));
    refused(fixture, REFINE, &none, &given(), "the set is empty");
    let lone = with_particles(fixture, "refine-lone", short(1));
    refused(
        fixture,
        REFINE,
        &lone,
        &given(),
        "1 particles: a refinement in two halves needs at least 2",
    );
    let mut symmetry = given();
    symmetry["options"]["target"] = json!({ "symmetry": "Q7" });
    refused(
        fixture,
        REFINE,
        &virtual_particles(fixture),
        &symmetry,
        "is not a point group",
    );
    let classes = json!({ "views": { "box_size": 32 }, "options": { "classes": 9 } });
    refused(
        fixture,
        "particles.classify",
        &virtual_particles(fixture),
        &classes,
        "3 particles",
    );
}

#[test]
fn maps_that_do_not_fit_are_refused() {
    let fixture = fixture();
    let with = |slot: &str, record: SlotRecord| {
        let mut inputs = virtual_particles(fixture);
        inputs.insert(slot.into(), record);
        inputs
    };
    let blob = |n: usize| Array3::from_shape_fn((n, n, n), |(z, y, x)| ((x * y * z) as f32).sin());
    let small = with(
        "reference",
        volume::<MapKind>(fixture, "small", &blob(24), 10.0),
    );
    refused(
        fixture,
        REFINE,
        &small,
        &given(),
        "expected the particles' 32 × 32 × 32 voxels, found 24 × 24 × 24",
    );
    let coarse = with(
        "reference",
        volume::<MapKind>(fixture, "coarse", &blob(32), 12.0),
    );
    refused(
        fixture,
        REFINE,
        &coarse,
        &given(),
        "expected the particles' voxels of 10.0000 Å, found 12.0000 Å",
    );
    let mut broken = blob(32);
    broken[[3, 4, 5]] = f32::NAN;
    let broken = with(
        "reference",
        volume::<MapKind>(fixture, "broken", &broken, 10.0),
    );
    refused(fixture, REFINE, &broken, &given(), "not finite");
    let black = Array3::zeros((32, 32, 32));
    let black = volume::<thon_contract::kinds::MaskKind>(fixture, "black-refine", &black, 10.0);
    refused(
        fixture,
        REFINE,
        &with("mask", black),
        &given(),
        "the mask is black",
    );
}

fn particles_of(outputs: &UnitOutputs, aside: &std::path::Path) -> ParticleSet {
    let mut item = outputs["particles"].items[0].clone();
    for file in &mut item.files {
        *file = aside.join(&file);
    }
    let workspace = thon_contract::DirectoryWorkspace { root: aside.into() };
    let context = thon_contract::Context::new(&workspace, &Quiet, MEMORY);
    context.load(&Item::<ParticlesKind>::new(item)).unwrap()
}

#[test]
fn stored_subtomograms_refine_as_particles_cut_from_the_series_do() {
    let fixture = fixture();
    let truth = fixture.value::<ParticlesKind>(SIMULATE, "particles");
    let stored: UnitInputs = [("particles".to_owned(), fixture.slot(EXTRACT, "particles"))].into();
    for (which, inputs) in [("stored", stored), ("cut", virtual_particles(fixture))] {
        let aside = fixture.aside();
        let (outputs, _) = fixture
            .run_with(REFINE, &given(), &inputs, &Quiet, &aside)
            .unwrap();
        let refined = particles_of(&outputs, &aside);
        assert_eq!((refined.len(), refined.halves.len()), (3, 3));
        assert!(refined.carried.column("thonAngleUncertainty").is_some());
        for (found, wanted) in refined.poses.iter().zip(&truth.poses) {
            let moved = found.position.distance(wanted.position);
            let turned = found.rotation.angle_to(wanted.rotation).degrees().0;
            println!("{which}: moved {moved:.2} Å, turned {turned:.2}°");
            assert!(
                moved < 10.0 && turned < 10.0,
                "{which}: {moved} Å, {turned}°"
            );
        }
    }
}

#[test]
fn a_refinement_goes_on_from_any_iteration() {
    let fixture = fixture();
    let mut inputs = virtual_particles(fixture);
    inputs.insert("iterations".into(), fixture.slot(REFINE, "iterations"));
    let mut params = given();
    params["options"]["maximum_iterations"] = 2.into();
    params["restart_from"] = 1.into();
    let aside = fixture.aside();
    let (outputs, _) = fixture
        .run_with(REFINE, &params, &inputs, &Quiet, &aside)
        .unwrap();
    let files = &outputs["iterations"].items[0].files;
    let has = |name: &str| files.iter().any(|file| file.ends_with(name));
    assert!(
        has("iteration-001.state") && has("iteration-002.state") && !has("iteration-000.state")
    );
    // Going on with the same options gives what the whole run gave.
    let whole = files_below(&fixture.root().join("jobs").join(REFINE));
    let now = files_below(&aside);
    for name in ["map.mrc", "half_map_1.mrc", "particles.particles.npz"] {
        let name = std::path::Path::new(name);
        assert!(whole[name] == now[name], "{}", name.display());
    }
    params["restart_from"] = 7.into();
    let error = fixture
        .run_with(REFINE, &params, &inputs, &Quiet, &fixture.aside())
        .unwrap_err();
    assert!(
        error.to_string().contains("the state after iteration 7"),
        "{error}"
    );
    let listing = fixture.value::<FilesKind>(REFINE, "iterations");
    assert!(
        listing
            .files
            .iter()
            .any(|file| file.ends_with("iteration-002_half1.mrc"))
    );
}

#[test]
fn subtomograms_come_from_tomograms_too() {
    let fixture = fixture();
    let mut inputs = virtual_particles(fixture);
    inputs.insert(
        "tomograms".into(),
        fixture.slot("tomogram.reconstruct-wbp", "tomograms"),
    );
    let params = json!({ "box_size": 20, "rescaled_box": 16 });
    let aside = fixture.aside();
    let (outputs, _) = fixture
        .run_with(EXTRACT, &params, &inputs, &Quiet, &aside)
        .unwrap();
    let set = particles_of(&outputs, &aside);
    let images = set.images.as_ref().unwrap();
    assert_eq!(
        (images.kind, images.box_size),
        (RepresentationKind::Volume, 16)
    );
    assert!((images.pixel_size.0 - 25.0).abs() < 1e-9 && images.ctf_paths.len() == set.len());
    for row in 0..set.len() {
        let shift = set.pose_in_box(row).unwrap().position.xyz;
        assert!(
            shift.abs().max_element() <= 10.0 + 1e-6,
            "half a voxel of the tomogram: {shift}"
        );
        let file = images.paths[row]
            .strip_prefix(format!("jobs/{EXTRACT}"))
            .unwrap();
        let volume = Mrc::open(aside.join(file)).unwrap();
        assert_eq!(volume.shape(), [16, 16, 16]);
        let values = volume.read_all().unwrap();
        let centre = |i: usize| {
            [i % 16, i / 16 % 16, i / 256]
                .iter()
                .all(|v| (5..11).contains(v))
        };
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            (0..values.len()).partition(|i| centre(*i));
        let mean =
            |rows: &[usize]| rows.iter().map(|i| values[*i]).sum::<f32>() / rows.len() as f32;
        assert!(mean(&inside) > mean(&outside) + 0.3, "matter is white");
    }
}
