//! Picks against the truth of the simulated series: places, orientations, and what is listed as left out.

use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{CurvesKind, ParticlesKind};
use thon_contract::{Context, Item, Kind, Note, SlotRecord, UnitInputs, UnitOutputs};
use thon_geometry::glam::DVec3;
use thon_model::ParticleSet;

use crate::fixture::{Fixture, MEMORY, Unit, fixture};

const SIMULATE: &str = "acquire.simulate-tilt-series";

/// Runs a job; its outputs are found at once by jobs that come after.
fn run(
    fixture: &Fixture,
    id: &str,
    params: &Value,
    inputs: &UnitInputs,
) -> (UnitOutputs, Vec<Note>) {
    let aside = fixture.aside();
    let (mut outputs, notes) = fixture
        .run_with(id, params, inputs, &Quiet, &aside)
        .unwrap();
    for file in outputs
        .values_mut()
        .flat_map(|slot| &mut slot.items)
        .flat_map(|item| &mut item.files)
    {
        *file = aside.join(&file);
    }
    (outputs, notes)
}

fn value<K: Kind>(fixture: &Fixture, slot: &SlotRecord) -> K::Value {
    let unit = Unit {
        root: fixture.root().to_owned(),
        aside: fixture.aside(),
        id: String::new(),
    };
    let context = Context::new(&unit, &Quiet, MEMORY);
    context
        .load(&Item::<K>::new(slot.items[0].clone()))
        .unwrap()
}

fn rejected(notes: &[Note]) -> Vec<String> {
    let reason = |note: &Note| match note {
        Note::Rejected(rejection) => Some(format!("{}: {}", rejection.name, rejection.reason)),
        _ => None,
    };
    notes.iter().filter_map(reason).collect()
}

fn truth(fixture: &Fixture) -> ParticleSet {
    fixture.value::<ParticlesKind>(SIMULATE, "particles")
}

/// Every true particle with the nearest of a set: distance (Å) and angle (°).
fn errors(truth: &ParticleSet, found: &ParticleSet) -> Vec<(f64, f64)> {
    let nearest = |pose: &thon_geometry::Pose| {
        let error = |other: &thon_geometry::Pose| {
            (
                pose.position.distance(other.position),
                pose.rotation.angle_to(other.rotation).degrees().0,
            )
        };
        found
            .poses
            .iter()
            .map(error)
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap()
    };
    truth.poses.iter().map(nearest).collect()
}

/// The template's search without error rates, published under a name of its own: what `tomogram.extract-peaks` takes.
fn searched(fixture: &Fixture) -> UnitInputs {
    let tomograms = fixture.slot("tomogram.reconstruct-wbp", "tomograms");
    let inputs: UnitInputs = [
        ("tomograms".to_owned(), tomograms),
        (
            "tilt_series".to_owned(),
            fixture.slot(SIMULATE, "tilt_series"),
        ),
        ("template".to_owned(), fixture.slot(SIMULATE, "phantom")),
    ]
    .into();
    let place = fixture.root().join("jobs").join("picking-test");
    std::fs::create_dir_all(&place).unwrap();
    let unit = Unit {
        root: fixture.root().to_owned(),
        aside: place.clone(),
        id: "picking-test".into(),
    };
    let context = Context::new(&unit, &Quiet, MEMORY);
    let job = crate::fixture::job("tomogram.match-template");
    let params = json!({ "angular_step": 30.0, "options": { "mask_diameter": 270.0, "significance": false } });
    let params = job.complete_params(&params).unwrap();
    let mut outputs = job.run(&params, &inputs, &context).unwrap();
    let items = outputs.values_mut().flat_map(|slot| &mut slot.items);
    for file in items.flat_map(|item| &mut item.files) {
        *file = place.join(&file);
    }
    [("search".to_owned(), outputs["search"].clone())].into()
}

#[test]
fn the_template_finds_particles_in_their_places_and_orientations() {
    let fixture = fixture();
    let search = searched(fixture);
    let id = "tomogram.extract-peaks";
    let (picked, _) = run(
        fixture,
        id,
        &json!({ "threshold": { "count": 3 } }),
        &search,
    );
    let set = value::<ParticlesKind>(fixture, &picked["particles"]);
    let errors = errors(&truth(fixture), &set);
    println!("distance (Å) and angle (°) of the nearest pick: {errors:.1?}");
    // Steps of 30° in 13 views with nine gold beads: not all three, but those found lie right.
    let found = errors.iter().filter(|(distance, _)| *distance < 20.0);
    assert!(found.count() >= 2, "{errors:?}");
    let turned = |(distance, angle): &(f64, f64)| *distance < 20.0 && *angle < 20.0;
    assert!(errors.iter().any(turned), "{errors:?}");
    assert_eq!(set.len(), 3);
    assert!(set.oriented && set.carried.column("score").is_some());
    let rated = json!({ "threshold": { "false-discovery-rate": 0.1 } });
    let refused = fixture.run_with(id, &rated, &search, &Quiet, &fixture.aside());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("without error rates"), "{refused}");
    // A bead on a particle: it is left out by name, the next best takes its place.
    let well = (0..3).find(|&i| turned(&errors[i])).unwrap();
    let mut with_beads = search.clone();
    let beads = truth(fixture).select(&[well]);
    let beads = fixture.stored::<ParticlesKind>("picking-beads", "particles", &beads);
    with_beads.insert("beads".into(), beads);
    let (picked, notes) = run(
        fixture,
        id,
        &json!({ "threshold": { "count": 3 } }),
        &with_beads,
    );
    let kept = value::<ParticlesKind>(fixture, &picked["particles"]);
    let place = truth(fixture).poses[well].position;
    assert_eq!(kept.len(), 3);
    assert!(
        kept.poses
            .iter()
            .all(|pose| pose.position.distance(place) > 150.0)
    );
    assert_eq!(
        rejected(&notes)
            .iter()
            .filter(|r| r.contains("gold bead"))
            .count(),
        1
    );
}

#[test]
fn blobs_of_the_right_size_lie_on_the_particles() {
    let fixture = fixture();
    let set = fixture.value::<ParticlesKind>("tomogram.pick-blobs", "particles");
    assert!(!set.oriented && set.len() >= 3);
    let worst = errors(&truth(fixture), &set)
        .iter()
        .map(|e| e.0)
        .fold(0.0, f64::max);
    assert!(worst < 60.0, "{worst}");
}

#[test]
fn duplicates_and_neighbours_are_left_out_with_their_reason() {
    let fixture = fixture();
    let set = truth(fixture);
    let mut doubled = set.select(&[0, 1, 2, 1]);
    doubled.names[3] = "TS_01/again".into();
    doubled.poses[3].position = doubled.poses[3]
        .position
        .translated(DVec3::new(9.0, 0.0, 0.0));
    let slot = fixture.stored::<ParticlesKind>("doubled", "particles", &doubled);
    let inputs: UnitInputs = [("particles".to_owned(), slot.clone())].into();
    let (made, notes) = run(
        fixture,
        "particles.remove-duplicates",
        &json!({ "radius": 10.0 }),
        &inputs,
    );
    assert_eq!(
        value::<ParticlesKind>(fixture, &made["particles"]).names,
        set.names
    );
    assert_eq!(
        rejected(&notes),
        [format!("TS_01/again: repeats {}", set.names[1])]
    );
    let lone = json!({ "neighbours": { "radius": 20.0, "at_most": 0 } });
    let (made, notes) = run(fixture, "particles.filter", &lone, &inputs);
    assert_eq!(value::<ParticlesKind>(fixture, &made["particles"]).len(), 2);
    assert!(
        rejected(&notes)
            .iter()
            .all(|r| r.contains("1 neighbours within"))
            && rejected(&notes).len() == 2
    );
    let missing = json!({ "column": { "name": "score", "at_least": 1.0 } });
    let refused = fixture
        .run_with(
            "particles.filter",
            &missing,
            &inputs,
            &Quiet,
            &fixture.aside(),
        )
        .unwrap_err();
    assert!(refused.to_string().contains("no column score"), "{refused}");
}

#[test]
fn sets_are_compared_and_their_consensus_kept() {
    let fixture = fixture();
    let first = truth(fixture);
    let mut second = first.select(&[2, 0]);
    second.names = vec!["a".into(), "b".into()];
    for pose in &mut second.poses {
        pose.position = pose.position.translated(DVec3::new(3.0, -4.0, 0.0));
    }
    second.poses[1].position = second.poses[1]
        .position
        .translated(DVec3::new(500.0, 0.0, 0.0));
    let inputs: UnitInputs = [
        ("particles".to_owned(), fixture.slot(SIMULATE, "particles")),
        (
            "second".to_owned(),
            fixture.stored::<ParticlesKind>("second-set", "particles", &second),
        ),
    ]
    .into();
    let (made, notes) = run(
        fixture,
        "particles.consensus",
        &json!({ "radius": 10.0 }),
        &inputs,
    );
    let kept = value::<ParticlesKind>(fixture, &made["particles"]);
    assert_eq!(kept.names, [first.names[2].clone()]);
    assert_eq!(rejected(&notes).len(), 3);
    let curves = value::<CurvesKind>(fixture, &made["agreement"]);
    assert_eq!(curves.facts["in sets 1+2 alone"], 1.0);
    assert_eq!(
        (
            curves.facts["in sets 1 alone"],
            curves.facts["in sets 2 alone"]
        ),
        (2.0, 1.0)
    );
    let (joined, _) = run(
        fixture,
        "particles.consensus",
        &json!({ "radius": 10.0, "sets": 1 }),
        &inputs,
    );
    assert_eq!(
        value::<ParticlesKind>(fixture, &joined["particles"]).len(),
        4
    );
}
