//! Tilt images that cannot be reconstructed from, and parameters that make no tomogram.

use std::path::Path;

use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::TiltSeriesKind;
use thon_contract::{JobError, SlotRecord};
use thon_images::mrc::{Mrc, write_stack};
use thon_model::{Exclusion, TiltSeries};

use crate::fixture::{Fixture, files_below, fixture};

const SIMULATE: &str = "acquire.simulate-tilt-series";
const WBP: &str = "tomogram.reconstruct-wbp";

fn series(fixture: &Fixture) -> TiltSeries {
    fixture.value::<TiltSeriesKind>(SIMULATE, "tilt_series")
}

/// The series with another stack in place of its own.
fn with_stack(
    fixture: &Fixture,
    place: &str,
    change: impl Fn(&mut Vec<f32>, &mut [usize; 3]),
) -> SlotRecord {
    let mut series = series(fixture);
    let stack = fixture
        .root()
        .join(&series.images[0].image.as_ref().unwrap().path);
    let stack = Mrc::open(stack).unwrap();
    let (mut pixels, mut shape) = (stack.read_all().unwrap(), stack.shape());
    change(&mut pixels, &mut shape);
    std::fs::create_dir_all(fixture.root().join(place)).unwrap();
    let path = fixture.root().join(place).join("stack.mrc");
    write_stack(&path, &pixels, shape, Some(series.pixel_size.0)).unwrap();
    refer(&mut series, &path);
    fixture.stored::<TiltSeriesKind>(place, "TS_01", &series)
}

fn refer(series: &mut TiltSeries, path: &Path) {
    for image in &mut series.images {
        path.clone_into(&mut image.image.as_mut().unwrap().path);
    }
}

fn attempt(fixture: &Fixture, slot: SlotRecord, params: &Value) -> JobError {
    let aside = fixture.aside();
    let inputs = [("tilt_series".to_owned(), slot)].into();
    let error = fixture
        .run_with(WBP, params, &inputs, &Quiet, &aside)
        .unwrap_err();
    if matches!(error, JobError::Refused(_)) {
        assert!(
            files_below(&aside).is_empty(),
            "refused, and yet something was written"
        );
    }
    error
}

fn refused(fixture: &Fixture, slot: SlotRecord, wanted: &str) {
    let error = attempt(
        fixture,
        slot,
        &json!({ "voxel_size": 20.0, "thickness": 400.0 }),
    );
    let text = error.to_string();
    assert!(matches!(error, JobError::Refused(_)), "{text}");
    assert!(
        text.contains(wanted),
        "expected \"{wanted}\", found \"{text}\""
    );
}

#[test]
fn files_that_cannot_be_right_are_refused_by_their_headers() {
    let fixture = fixture();
    let smaller = with_stack(fixture, "smaller", |pixels, shape| {
        *shape = [shape[0], 128, 128];
        pixels.truncate(shape[0] * 128 * 128);
    });
    refused(
        fixture,
        smaller,
        "expected images of 256 × 256 pixels, found 128 × 128",
    );
    let fewer = with_stack(fixture, "fewer", |pixels, shape| {
        shape[0] = 4;
        pixels.truncate(4 * 256 * 256);
    });
    refused(fixture, fewer, "expected section 5, found only 4 sections");
    let cut = with_stack(fixture, "cut", |_, _| {});
    let path = fixture.root().join("cut/stack.mrc");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    refused(fixture, cut, "stack.mrc");
    let mut absent = series(fixture);
    refer(&mut absent, Path::new("nowhere/stack.mrc"));
    let absent = fixture.stored::<TiltSeriesKind>("absent", "TS_01", &absent);
    refused(fixture, absent, "nowhere/stack.mrc");
}

#[test]
fn a_series_that_is_not_ready_is_refused() {
    let fixture = fixture();
    let mut loose = series(fixture);
    loose.images[2].geometry = None;
    let loose = fixture.stored::<TiltSeriesKind>("loose", "TS_01", &loose);
    refused(fixture, loose, "1 of 13 used tilt images have no geometry");
    let mut none = series(fixture);
    for image in &mut none.images {
        image.exclusion = Some(Exclusion {
            reason: "dark".into(),
        });
    }
    let none = fixture.stored::<TiltSeriesKind>("none", "TS_01", &none);
    refused(fixture, none, "every tilt image is excluded");
    let mut movies = series(fixture);
    movies.images[0].image = None;
    let movies = fixture.stored::<TiltSeriesKind>("movies", "TS_01", &movies);
    refused(fixture, movies, "there is no image, only a movie");
}

#[test]
fn worthless_pixels_are_named_with_their_image() {
    let fixture = fixture();
    let third = |value: f32| {
        move |pixels: &mut Vec<f32>, _: &mut [usize; 3]| pixels[2 * 65536..3 * 65536].fill(value)
    };
    for (place, value, wanted) in [
        (
            "black",
            0.0,
            "TS_01, image 3: the image is constant, every pixel is 0",
        ),
        (
            "nan",
            f32::NAN,
            "TS_01, image 3: 65536 pixels are infinite or not a number",
        ),
        (
            "infinite",
            f32::INFINITY,
            "TS_01, image 3: 65536 pixels are infinite",
        ),
    ] {
        let slot = with_stack(fixture, place, third(value));
        let error = attempt(fixture, slot, &json!({ "voxel_size": 20.0 })).to_string();
        assert!(
            error.contains(wanted) && error.contains("hint: exclude it"),
            "{error}"
        );
    }
    let slot = with_stack(fixture, "spot", |pixels, _| {
        pixels[5 * 65536 + 7] = f32::NAN;
    });
    let error = attempt(fixture, slot, &json!({ "voxel_size": 20.0 })).to_string();
    assert!(error.contains("TS_01, image 6: 1 pixels are"), "{error}");
}

#[test]
fn impossible_tomograms_are_refused() {
    let fixture = fixture();
    for (params, wanted) in [
        (
            json!({ "voxel_size": 1.0 }),
            "voxel_size: expected 1 to 64 times the pixel size",
        ),
        (json!({ "voxel_size": 1e9 }), "voxel_size"),
        (json!({ "thickness": -5.0 }), "thickness"),
        (json!({ "thickness": 1e12 }), "thickness"),
        (json!({ "voxelsize": 20.0 }), "did you mean `voxel_size`?"),
    ] {
        let error = attempt(fixture, fixture.slot(SIMULATE, "tilt_series"), &params);
        let text = error.to_string();
        assert!(
            matches!(error, JobError::Refused(_)) && text.contains(wanted),
            "{text}"
        );
    }
}
