//! Particle sets that cannot be averaged, or only in part.

use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{JobError, Note, SlotRecord, UnitInputs};
use thon_geometry::Point;
use thon_model::{Half, ParticleSet, TiltSeries};

use crate::fixture::{Fixture, files_below, fixture};

const SIMULATE: &str = "acquire.simulate-tilt-series";
const AVERAGE: &str = "particles.reconstruct";

fn inputs(tilt_series: SlotRecord, particles: SlotRecord) -> UnitInputs {
    [
        ("tilt_series".to_owned(), tilt_series),
        ("particles".to_owned(), particles),
    ]
    .into()
}

fn particles(fixture: &Fixture, place: &str, change: impl Fn(&mut ParticleSet)) -> UnitInputs {
    let mut set = fixture.value::<ParticlesKind>(SIMULATE, "particles");
    change(&mut set);
    let set = fixture.stored::<ParticlesKind>(place, "particles", &set);
    inputs(fixture.slot(SIMULATE, "tilt_series"), set)
}

fn series(fixture: &Fixture, place: &str, change: impl Fn(&mut TiltSeries)) -> UnitInputs {
    let mut one = fixture.value::<TiltSeriesKind>(SIMULATE, "tilt_series");
    change(&mut one);
    let one = fixture.stored::<TiltSeriesKind>(place, "TS_01", &one);
    inputs(one, fixture.slot(SIMULATE, "particles"))
}

fn refused(fixture: &Fixture, inputs: &UnitInputs, params: &Value, wanted: &str) {
    let aside = fixture.aside();
    let error = fixture
        .run_with(AVERAGE, params, inputs, &Quiet, &aside)
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
fn sets_that_cannot_be_averaged_are_refused() {
    let fixture = fixture();
    let small = json!({ "box_size": 32 });
    let lone = particles(fixture, "lone", |set| {
        set.names.truncate(1);
        set.poses.truncate(1);
        set.tilt_series.truncate(1);
    });
    refused(fixture, &lone, &small, "expected at least two particles");
    let picks = particles(fixture, "picks", |set| set.oriented = false);
    refused(
        fixture,
        &picks,
        &small,
        "the particles have no orientations",
    );
    let strange = particles(fixture, "strange", |set| {
        set.tilt_series_names[0] = "TS_99".into();
    });
    refused(
        fixture,
        &strange,
        &small,
        "particles of TS_99, but no tilt series of this name",
    );
    let half = particles(fixture, "half", |set| set.halves = vec![Half::One; 3]);
    refused(fixture, &half, &small, "no particle belongs to half 2");
}

#[test]
fn parameters_that_do_not_fit_the_data_are_refused() {
    let fixture = fixture();
    let good = particles(fixture, "good", |_| {});
    for (params, wanted) in [
        (
            json!({ "box_size": 512 }),
            "box_size: expected at most the images' 256 × 256 pixels",
        ),
        (json!({ "symmetry": "Q7" }), "symmetry"),
        (json!({ "symmetry": "" }), "symmetry"),
        (json!({ "box_size": 4 }), "box_size"),
        (json!({ "padding": 9 }), "padding"),
    ] {
        refused(fixture, &good, &params, wanted);
    }
}

#[test]
fn a_missing_ctf_is_named_unless_it_is_not_wanted() {
    let fixture = fixture();
    let bare = series(fixture, "bare", |one| {
        one.images[0].ctf = None;
        one.images[4].ctf = None;
    });
    refused(
        fixture,
        &bare,
        &json!({ "box_size": 32 }),
        "2 used images have no CTF",
    );
    let params = json!({ "box_size": 32, "ctf": false });
    let done = fixture.run_with(AVERAGE, &params, &bare, &Quiet, &fixture.aside());
    assert!(done.is_ok(), "{:?}", done.err());
}

#[test]
fn particles_outside_all_images_are_listed() {
    let fixture = fixture();
    let far = particles(fixture, "far", |set| {
        set.poses[1].position = Point::new(1e6, 0.0, 0.0);
    });
    let params = json!({ "box_size": 32 });
    let ran = fixture.run_with(AVERAGE, &params, &far, &Quiet, &fixture.aside());
    let rejected = |notes: Vec<Note>| -> Vec<String> {
        let name = |note| match note {
            Note::Rejected(rejection) => Some(rejection.name),
            _ => None,
        };
        notes.into_iter().filter_map(name).collect()
    };
    let name = fixture.value::<ParticlesKind>(SIMULATE, "particles").names[1].clone();
    match ran {
        Ok((_, notes)) => assert_eq!(rejected(notes), [name]),
        // When it was the only one of its half.
        Err(e) => assert!(e.to_string().contains("no view"), "{e}"),
    }
    for (place, at) in [
        ("all-far", 1e9),
        ("nowhere", f64::NAN),
        ("infinite", f64::INFINITY),
    ] {
        let none = particles(fixture, place, |set| {
            for pose in &mut set.poses {
                pose.position = Point::new(at, at, at);
            }
        });
        let error = fixture
            .run_with(AVERAGE, &params, &none, &Quiet, &fixture.aside())
            .unwrap_err();
        assert!(error.to_string().contains("no view"), "{error}");
    }
}

#[test]
fn an_export_of_views_looks_at_the_same_things() {
    let fixture = fixture();
    let id = "export.relion-projections";
    let bare = series(fixture, "bare_export", |one| one.images[0].ctf = None);
    let strange = particles(fixture, "strange_export", |set| {
        set.tilt_series_names[0] = "TS_99".into();
    });
    let good = particles(fixture, "good_export", |_| {});
    for (inputs, size, wanted) in [
        (&bare, 32, "1 used images have no CTF"),
        (
            &strange,
            32,
            "particles of TS_99, but no tilt series of this name",
        ),
        (
            &good,
            512,
            "box_size: expected at most the images' 256 × 256 pixels",
        ),
    ] {
        let params = json!({ "box_size": size });
        let error = fixture
            .run_with(id, &params, inputs, &Quiet, &fixture.aside())
            .unwrap_err();
        let text = error.to_string();
        assert!(
            matches!(error, JobError::Refused(_)) && text.contains(wanted),
            "{text}"
        );
    }
}
