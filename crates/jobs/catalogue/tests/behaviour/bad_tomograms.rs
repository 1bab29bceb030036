//! Series and tomograms that the jobs of the tomogram room, and those that change images, refuse by name; and what is done once only.

use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{TiltSeriesKind, TomogramKind};
use thon_contract::{Finding, JobError, SlotRecord};
use thon_model::{TiltSeries, Tomogram};
use thon_units::Degrees;

use crate::fixture::{files_below, fixture};

const SIMULATE: &str = "acquire.simulate-tilt-series";

/// What a job says to a series that was changed.
fn refused(id: &str, params: &Value, change: impl Fn(&mut TiltSeries)) -> Vec<Finding> {
    let fixture = fixture();
    let mut series = fixture.value::<TiltSeriesKind>(SIMULATE, "tilt_series");
    change(&mut series);
    let place = format!(
        "bad-tomograms/{}",
        fixture.aside().display().to_string().replace('/', "-")
    );
    let slot = fixture.stored::<TiltSeriesKind>(&place, &series.name, &series);
    findings(id, params, "tilt_series", slot)
}

fn findings(id: &str, params: &Value, input: &str, slot: SlotRecord) -> Vec<Finding> {
    let fixture = fixture();
    let aside = fixture.aside();
    let inputs = [(input.to_owned(), slot)].into();
    let error = fixture
        .run_with(id, params, &inputs, &Quiet, &aside)
        .unwrap_err();
    assert!(
        files_below(&aside).is_empty(),
        "{id}: something was written, and yet: {error}"
    );
    let JobError::Refused(findings) = error else {
        panic!("{id}: not refused but {error}");
    };
    findings
}

fn says(found: &[Finding], words: &str) {
    assert!(
        found.iter().any(|finding| finding.message.contains(words)),
        "'{words}' is not in {found:?}"
    );
}

#[test]
fn contrast_transfer_is_corrected_only_where_it_is_known_and_once() {
    for id in ["tomogram.correct-ctf", "tomogram.reconstruct-ctf"] {
        let without = refused(id, &json!({}), |series| series.images[1].ctf = None);
        says(&without, "1 of");
        says(&without, "have no defocus");
        says(
            &refused(id, &json!({}), |series| series.defocus_hand = None),
            "sign of the defocus gradient is not known",
        );
        let unaligned = refused(id, &json!({}), |series| series.images[0].geometry = None);
        says(&unaligned, "have no geometry");
        let wild = json!({ "correction": { "wiener": { "snr": -1.0 } } });
        says(
            &refused(id, &wild, |_| {}),
            "expected a positive ratio, found -1",
        );
        let fixture = fixture();
        let corrected = fixture.slot("tomogram.correct-ctf", "tilt_series");
        let twice = findings(id, &json!({}), "tilt_series", corrected);
        says(&twice, "contrast transfer was corrected in");
    }
}

#[test]
fn exposure_is_weighted_once() {
    let fixture = fixture();
    let weighted = fixture.slot("tilt_series.filter-dose", "tilt_series");
    let twice = findings(
        "tilt_series.filter-dose",
        &json!({}),
        "tilt_series",
        weighted,
    );
    says(&twice, "weighted by exposure already");
    let same = refused("tilt_series.filter-dose", &json!({}), |series| {
        for image in &mut series.images {
            image.dose_before = thon_units::Dose(0.0);
        }
    });
    says(&same, "the same exposure before it");
}

#[test]
fn reconstructions_name_what_they_cannot_use() {
    let steep = |series: &mut TiltSeries| {
        let geometry = series.images[0].geometry.as_mut().unwrap();
        geometry.x_tilt = Degrees(3.0).radians();
    };
    let id = "tomogram.reconstruct-iterative";
    says(&refused(id, &json!({}), steep), "x-tilt");
    says(
        &refused(id, &json!({ "method": { "sart": { "views": 0 } } }), |_| {}),
        "at least 1 view",
    );
    for id in [id, "tomogram.reconstruct-wbp", "tomogram.reconstruct-ctf"] {
        let halves = json!({ "halves": "frames" });
        let without = refused(id, &halves, |series| {
            for image in &mut series.images {
                image.halves = None;
            }
        });
        says(&without, "no sums of half of the frames");
        let far = json!({ "region": { "centre_x": 1e9 } });
        says(&refused(id, &far, |_| {}), "coordinates within");
        let thin = json!({ "thickness": -5.0 });
        says(&refused(id, &thin, |_| {}), "expected more than 0");
    }
}

#[test]
fn views_are_excluded_by_numbers_that_exist() {
    let id = "tilt_series.exclude";
    says(
        &refused(id, &json!({ "images": "1-400" }), |_| {}),
        "expected numbers from 1 to",
    );
    says(
        &refused(id, &json!({ "images": "one" }), |_| {}),
        "found 'one'",
    );
    says(
        &refused(
            id,
            &json!({ "highest_dose": 0.0, "images": "1-9" }),
            |series| {
                for image in &mut series.images {
                    image.dose_before = thon_units::Dose(1.0);
                }
            },
        ),
        "every tilt image",
    );
    says(
        &refused("tilt_series.bin", &json!({ "factor": 32 }), |_| {}),
        "fewer than 16",
    );
    says(
        &refused(
            "tilt_series.clean",
            &json!({ "remove_peaks": false }),
            |_| {},
        ),
        "nothing to do",
    );
    let small = json!({ "bead_diameter": 12.0 });
    says(
        &refused("tilt_series.clean", &small, |_| {}),
        "less than three pixels",
    );
}

#[test]
fn tomograms_without_their_files_are_refused() {
    let fixture = fixture();
    let good = fixture.value::<TomogramKind>("tomogram.reconstruct-wbp", "tomograms");
    let stored = |place: &str, tomogram: &Tomogram| {
        fixture.stored::<TomogramKind>(place, &tomogram.name, tomogram)
    };
    let other = Tomogram {
        halves: None,
        grid: thon_geometry::Grid::new([4, 4, 4], good.grid.voxel_size),
        ..good.clone()
    };
    let absent = Tomogram {
        path: "nowhere.mrc".into(),
        halves: None,
        ..good.clone()
    };
    for id in ["tomogram.denoise", "tomogram.deconvolve"] {
        let found = findings(
            id,
            &json!({}),
            "tomograms",
            stored("bad-tomograms/other", &other),
        );
        says(&found, "expected [4, 4, 4] voxels");
        let found = findings(
            id,
            &json!({}),
            "tomograms",
            stored("bad-tomograms/absent", &absent),
        );
        says(&found, "nowhere.mrc");
    }
    let id = "tomogram.local-resolution";
    let found = findings(
        id,
        &json!({}),
        "tomograms",
        stored("bad-tomograms/whole", &other),
    );
    says(&found, "has no halves");
    let coarse = json!({ "options": { "finest": 1.0 } });
    let found = findings(
        id,
        &coarse,
        "tomograms",
        stored("bad-tomograms/good", &good),
    );
    says(&found, "can hold");
    let found = findings(
        "tomogram.deconvolve",
        &json!({}),
        "tomograms",
        stored("bad-tomograms/lens", &good),
    );
    says(&found, "no defocus is known");
}
