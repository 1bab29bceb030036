//! Half maps, references and masks that do not fit, or hold nothing.

use ndarray::Array3;
use serde_json::{Value, json};
use thon_compute::Quiet;
use thon_contract::kinds::{MapKind, MaskKind};
use thon_contract::{ItemRecord, JobError, Kind, Note, SlotRecord, UnitInputs};
use thon_images::mrc::write_volume;
use thon_model::Map;

use crate::fixture::{Fixture, fixture, slot_of};

const AVERAGE: &str = "particles.reconstruct";
const POST: &str = "maps.post-process";
const COMPARE: &str = "maps.compare";

fn half(fixture: &Fixture) -> Map {
    fixture.value::<MapKind>(AVERAGE, "half_map_2")
}

/// A map on disk as it is, sound or not.
fn written<K: Kind>(
    fixture: &Fixture,
    name: &str,
    data: &Array3<f32>,
    voxel_size: f64,
) -> SlotRecord {
    let path = fixture.root().join(format!("{name}.mrc"));
    let (nz, ny, nx) = data.dim();
    let voxels: Vec<f32> = data.iter().copied().collect();
    write_volume(&path, &voxels, [nz, ny, nx], Some(voxel_size)).unwrap();
    slot_of::<K>(ItemRecord {
        name: name.into(),
        files: vec![path],
        digest: String::new(),
    })
}

fn halves(fixture: &Fixture, second: SlotRecord) -> UnitInputs {
    let first = fixture.slot(AVERAGE, "half_map_1");
    [
        ("half_map_1".to_owned(), first),
        ("half_map_2".to_owned(), second),
    ]
    .into()
}

fn attempt(fixture: &Fixture, id: &str, inputs: &UnitInputs, params: &Value) -> JobError {
    fixture
        .run_with(id, params, inputs, &Quiet, &fixture.aside())
        .unwrap_err()
}

fn refused(fixture: &Fixture, inputs: &UnitInputs, wanted: &str) {
    let error = attempt(fixture, POST, inputs, &json!({}));
    let text = error.to_string();
    assert!(matches!(error, JobError::Refused(_)), "{text}");
    assert!(
        text.contains(wanted),
        "expected \"{wanted}\", found \"{text}\""
    );
}

#[test]
fn boxes_that_differ_are_refused_by_their_headers() {
    let fixture = fixture();
    let map = half(fixture);
    let small = map.data.slice(ndarray::s![..24, ..24, ..24]).to_owned();
    let small = written::<MapKind>(fixture, "small", &small, 10.0);
    refused(
        fixture,
        &halves(fixture, small.clone()),
        "half_map_2: expected 32 × 32 × 32 voxels as in half_map_1, found 24 × 24 × 24 voxels",
    );
    let fine = written::<MapKind>(fixture, "fine", &map.data, 9.0);
    refused(
        fixture,
        &halves(fixture, fine),
        "expected voxels of 10.0000 Å as in half_map_1",
    );
    let mut inputs = halves(fixture, fixture.slot(AVERAGE, "half_map_2"));
    let mask = Array3::ones((16, 16, 16));
    inputs.insert(
        "mask".into(),
        written::<MaskKind>(fixture, "small_mask", &mask, 10.0),
    );
    refused(fixture, &inputs, "mask: expected 32 × 32 × 32 voxels");
    let pair = [
        ("map".to_owned(), fixture.slot(AVERAGE, "map")),
        ("reference".to_owned(), small),
    ];
    let error = attempt(fixture, COMPARE, &pair.into(), &json!({}));
    assert!(matches!(error, JobError::Refused(_)), "{error}");
}

#[test]
fn files_that_are_no_maps_are_refused() {
    let fixture = fixture();
    let mut missing = fixture.slot(AVERAGE, "half_map_2");
    missing.items[0].files[0] = "nowhere/half.mrc".into();
    refused(fixture, &halves(fixture, missing), "nowhere/half.mrc");
    let text = fixture.root().join("text.mrc");
    std::fs::write(&text, "no map at all").unwrap();
    let mut wrong = fixture.slot(AVERAGE, "half_map_2");
    wrong.items[0].files[0] = text;
    refused(fixture, &halves(fixture, wrong), "half_map_2");
    let mut two = fixture.slot(AVERAGE, "half_map_2");
    two.items.extend(fixture.slot(AVERAGE, "map").items);
    refused(
        fixture,
        &halves(fixture, two),
        "half_map_2: expected one map, found 2",
    );
    let inputs = halves(fixture, fixture.slot(AVERAGE, "half_map_2"));
    let params = json!({ "detector": { "mtf": "nowhere/mtf.star" } });
    let error = attempt(fixture, POST, &inputs, &params);
    assert!(matches!(error, JobError::Refused(_)), "{error}");
    assert!(error.to_string().contains("nowhere/mtf.star"), "{error}");
}

#[test]
fn maps_without_content_are_named() {
    let fixture = fixture();
    let map = half(fixture).data;
    let mut spoilt = map.clone();
    spoilt[[3, 4, 5]] = f32::NAN;
    for (name, data, wanted) in [
        (
            "spoilt",
            spoilt,
            "half_map_2: 1 voxel is infinite or not a number",
        ),
        (
            "flat",
            Array3::from_elem(map.dim(), 2.0),
            "half_map_2: the map is constant",
        ),
    ] {
        let inputs = halves(fixture, written::<MapKind>(fixture, name, &data, 10.0));
        let error = attempt(fixture, POST, &inputs, &json!({})).to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let opposite = written::<MapKind>(fixture, "opposite", &map.mapv(|v| -v), 10.0);
    let opposite = attempt(fixture, POST, &halves(fixture, opposite), &json!({})).to_string();
    assert!(
        opposite.contains("the half maps do not agree") || opposite.contains("the mask is black"),
        "{opposite}"
    );
}

#[test]
fn masks_are_looked_at() {
    let fixture = fixture();
    let good = halves(fixture, fixture.slot(AVERAGE, "half_map_2"));
    let with = |name: &str, value: f32| {
        let mut inputs = good.clone();
        let mask = Array3::from_elem((32, 32, 32), value);
        inputs.insert(
            "mask".into(),
            written::<MaskKind>(fixture, name, &mask, 10.0),
        );
        inputs
    };
    let black = attempt(fixture, POST, &with("black_mask", 0.0), &json!({})).to_string();
    assert!(black.contains("the mask is black"), "{black}");
    let large = attempt(fixture, POST, &with("large_mask", 7.0), &json!({})).to_string();
    assert!(
        large.contains("values of the mask lie outside 0…1"),
        "{large}"
    );
    let high = json!({ "automask": { "threshold": 1e9 } });
    let high = attempt(fixture, POST, &good, &high).to_string();
    assert!(high.contains("the mask is black"), "{high}");
    let white = attempt(fixture, POST, &with("white_mask", 1.0), &json!({})).to_string();
    assert!(white.contains("the mask is 1 everywhere"), "{white}");
    let mut most = Array3::ones((32, 32, 32));
    most.slice_mut(ndarray::s![.., .., ..4]).fill(0.0);
    let mut inputs = good.clone();
    inputs.insert(
        "mask".into(),
        written::<MaskKind>(fixture, "most", &most, 10.0),
    );
    let (_, notes) = fixture
        .run_with(POST, &json!({}), &inputs, &Quiet, &fixture.aside())
        .unwrap();
    let warned = |words: &str| {
        notes
            .iter()
            .any(|note| matches!(note, Note::Warning { text } if text.contains(words)))
    };
    assert!(
        warned("covers 88 % of the box") && warned("cut off by the box"),
        "{notes:?}"
    );
}

#[test]
fn masks_that_cannot_be_made_are_named() {
    let fixture = fixture();
    let map = || -> UnitInputs { [("map".to_owned(), fixture.slot(AVERAGE, "map"))].into() };
    let error = |inputs: &UnitInputs, params: Value| {
        attempt(fixture, "maps.create-mask", inputs, &params).to_string()
    };
    let black = error(&map(), json!({ "from_map": { "threshold": 1e9 } }));
    assert!(black.contains("the mask is black"), "{black}");
    let nothing = error(&UnitInputs::new(), json!({}));
    assert!(nothing.contains("expected a map"), "{nothing}");
    let sphere = error(&UnitInputs::new(), json!({ "shape": "sphere" }));
    assert!(sphere.contains("box_size and voxel_size"), "{sphere}");
    let model = error(
        &map(),
        json!({ "shape": "model", "model": { "file": "nowhere.pdb" } }),
    );
    assert!(model.contains("nowhere.pdb"), "{model}");
    let alone = error(&map(), json!({ "combine": "or" }));
    assert!(
        alone.contains("both a mask and how it is combined"),
        "{alone}"
    );
    let small = Array3::from_shape_fn((16, 16, 16), |(z, _, _)| f32::from(u8::from(z > 8)));
    let mut inputs = map();
    let small = written::<MaskKind>(fixture, "half_mask", &small, 10.0);
    inputs.insert("mask".into(), small);
    let other = error(&inputs, json!({ "combine": "and" }));
    assert!(other.contains("expected 32 × 32 × 32 voxels"), "{other}");
}

#[test]
fn local_and_directional_resolution_name_bad_halves() {
    let fixture = fixture();
    let mut spoilt = half(fixture).data;
    spoilt[[3, 4, 5]] = f32::NAN;
    let spoilt = written::<MapKind>(fixture, "spoilt_half", &spoilt, 10.0);
    let fine = written::<MapKind>(fixture, "fine_half", &half(fixture).data, 9.0);
    for job in ["maps.local-resolution", "maps.directional-fsc"] {
        let error = attempt(fixture, job, &halves(fixture, spoilt.clone()), &json!({})).to_string();
        assert!(error.contains("1 voxel is infinite"), "{job}: {error}");
        let error = attempt(fixture, job, &halves(fixture, fine.clone()), &json!({}));
        assert!(matches!(error, JobError::Refused(_)), "{job}: {error}");
    }
    let wide = json!({ "options": { "window_edge": 500.0 } });
    let halves = halves(fixture, fixture.slot(AVERAGE, "half_map_2"));
    let wide = attempt(fixture, "maps.local-resolution", &halves, &wide).to_string();
    assert!(wide.contains("larger than the box of 32"), "{wide}");
}
