//! Answers on files made here: kinds by content, doubts, errors, neighbours, words.
use std::fs;
use std::path::Path;

use thon_inspect::{Description, InspectError, Kind, inspect, inspect_bytes};

/// An MRC file of floats, `columns × rows × sections`, all samples `value(index)`.
fn mrc(sides: [i32; 3], voxel: f32, value: impl Fn(usize) -> f32) -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let mut put = |at: usize, value: i32| bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    for (axis, side) in sides.into_iter().enumerate() {
        put(4 * axis, side);
        put(28 + 4 * axis, side);
        put(40 + 4 * axis, (voxel * side as f32).to_bits() as i32);
        put(52 + 4 * axis, 90.0_f32.to_bits() as i32);
        put(64 + 4 * axis, axis as i32 + 1);
    }
    for (at, value) in [(12, 2), (108, 20140), (208, 0x2050_414d), (212, 0x4444)] {
        put(at, value);
    }
    let samples = sides.iter().product::<i32>() as usize;
    let values: Vec<f32> = (0..samples).map(value).collect();
    let (low, high) = values.iter().fold((f32::MAX, f32::MIN), |(low, high), v| {
        (low.min(*v), high.max(*v))
    });
    for (at, value) in [(76, low), (80, high), (84, 0.0), (216, -1.0)] {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

fn answer(bytes: &[u8], name: &str) -> Description {
    inspect_bytes(bytes, name).unwrap_or_else(|error| panic!("{error}"))
}

fn doubts(bytes: &[u8], said: &str) -> bool {
    let description = answer(bytes, "a.mrc");
    description.doubts.iter().any(|doubt| doubt.contains(said))
}

#[test]
fn content_decides_before_the_name() {
    let ramp = mrc([8, 6, 4], 2.5, |index| index as f32);
    for (bytes, name, kind) in [
        (ramp.as_slice(), "movie.tif", Kind::Mrc),
        (b"\x93NUMPY", "a.mrc", Kind::Npy),
        (b"data_x\n_a 1\n", "a.txt", Kind::Star),
        (b"[ZValue = 0]\nTiltAngle = 1\n", "a.txt", Kind::Mdoc),
        (b"{\"a\": 1}", "a", Kind::Json),
        (b"<?xml version=\"1.0\"?><a/>", "a", Kind::Xml),
        (b"1.5\n2.5\n3.5\n", "a", Kind::NumberTable),
        (b"a,b\n1,2\n", "a.csv", Kind::Csv),
        (b"$tilt -StandardInput\nA 1\n", "a.com", Kind::CommandFile),
        (b"words, just words\n", "a", Kind::Text),
        (b"\x89PNG\r\n\x1a\n", "a", Kind::Png),
        (b"\x89HDF\r\n\x1a\n", "a.mrc", Kind::Hdf5),
        (b"\0\x01\x02\xff\xfe\0\0", "a", Kind::Binary),
    ] {
        let found = inspect_bytes(bytes, name).map(|description| description.kind);
        assert!(
            found
                .as_ref()
                .map_or(kind == Kind::Npy, |found| *found == kind),
            "{name}: {found:?} {kind:?}"
        );
    }
}

/// A TIFF directory with one entry, compression 65001, directly after the header and after some data.
#[test]
fn electron_events_are_told_from_tiff() {
    let directory = |at: u32| {
        let entries: [(u16, u32); 7] = [
            (256, 16),
            (257, 16),
            (258, 1),
            (259, 65001),
            (273, 200),
            (278, 16),
            (279, 24),
        ];
        let mut bytes = b"II*\0".to_vec();
        bytes.extend(at.to_le_bytes());
        bytes.resize(at as usize, 0);
        bytes.extend(7_u16.to_le_bytes());
        for (tag, value) in entries {
            bytes.extend([tag.to_le_bytes(), 4_u16.to_le_bytes()].concat());
            bytes.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.resize(90_000, 7);
        bytes
    };
    for at in [8, 80_000] {
        let kind = inspect_bytes(&directory(at), "movie").map(|description| description.kind);
        assert_eq!(
            kind.unwrap_or_else(|error| panic!("{error}")),
            Kind::Eer,
            "directory at {at}"
        );
    }
}

#[test]
fn figures_of_a_volume_are_right() {
    let description = answer(&mrc([8, 6, 4], 2.5, |index| index as f32), "a.mrc");
    assert_eq!(
        description.facts.get("dimensions").unwrap(),
        &serde_json::json!([8, 6, 4])
    );
    let statistics = description.facts.get("statistics").unwrap();
    assert_eq!(statistics["min"], 0.0);
    assert_eq!(statistics["max"], 191.0);
    assert_eq!(statistics["mean"], 95.5);
    let sd = ((192.0_f64 * 192.0 - 1.0) / 12.0).sqrt();
    assert!((statistics["sd"].as_f64().unwrap() - sd).abs() < 1e-9);
    assert_eq!(description.doubts, Vec::<String>::new());
    assert!(description.summary.contains("8 × 6 × 4") && description.summary.contains("2.5 Å/px"));
}

#[test]
fn oddities_are_doubted() {
    let ramp = |index: usize| index as f32;
    assert!(doubts(
        &mrc([8, 6, 4], 1.0, ramp),
        "1.0 Å is probably unset"
    ));
    assert!(doubts(&mrc([8, 6, 4], 0.0, ramp), "no usable voxel size"));
    assert!(doubts(
        &mrc([8, 6, 4], 2.0, |_| 7.0),
        "all 192 samples are 7"
    ));
    assert!(doubts(
        &mrc([8, 6, 4], 2.0, |index| if index == 5 {
            f32::NAN
        } else {
            1.0
        }),
        "1 samples are not finite"
    ));
    let mut lying = mrc([8, 6, 4], 2.0, ramp);
    lying[80..84].copy_from_slice(&1e6_f32.to_le_bytes());
    assert!(doubts(&lying, "the header says"));
    lying[80..84].copy_from_slice(&(-5.0_f32).to_le_bytes());
    assert!(doubts(&lying, "above its maximum"));
    let mut promising = mrc([8, 6, 4], 2.0, ramp);
    promising[8..12].copy_from_slice(&100_i32.to_le_bytes());
    assert!(doubts(&promising, "promises 96 more sections"));
    let mut longer = mrc([8, 6, 4], 2.0, ramp);
    longer.extend([0; 12]);
    assert!(doubts(&longer, "12 bytes follow"));
    let header_only = &mrc([8, 6, 4], 2.0, ramp)[..1024];
    assert!(doubts(header_only, "no section is there"));
}

#[test]
fn truncated_and_empty_files_are_one_clear_error() {
    let whole = mrc([8, 6, 4], 2.0, |index| index as f32);
    for length in [10, 500, 1023, 1025, 1024 + 191, whole.len() - 1] {
        let error = inspect_bytes(&whole[..length], "a.mrc")
            .expect_err("it is cut off")
            .to_string();
        assert!(error.starts_with("a.mrc: "), "{length}: {error}");
    }
    assert!(matches!(
        inspect_bytes(&[], "a"),
        Err(InspectError::Empty { .. })
    ));
    let missing = inspect(Path::new("no/such/file.mrc"))
        .expect_err("it does not exist")
        .to_string();
    assert!(missing.contains("no/such/file.mrc"), "{missing}");
    let folder = inspect(Path::new(env!("CARGO_MANIFEST_DIR")))
        .expect_err("it is a folder")
        .to_string();
    assert!(folder.contains("is a folder"), "{folder}");
}

#[test]
fn a_header_cannot_ask_for_memory() {
    let mut hostile = mrc([8, 6, 4], 2.0, |index| index as f32);
    for side in 0..3 {
        hostile[4 * side..4 * side + 4].copy_from_slice(&((1_i32 << 24) - 1).to_le_bytes());
    }
    let error = inspect_bytes(&hostile, "a.mrc")
        .expect_err("there is no such volume")
        .to_string();
    assert!(
        error.contains("too short") || error.contains("large"),
        "{error}"
    );
}

#[test]
fn files_beside_a_stack_must_agree() {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("ts.st");
    fs::write(&stack, mrc([8, 6, 4], 2.0, |index| index as f32)).unwrap();
    fs::write(folder.path().join("ts.rawtlt"), "-3\n0\n3\n").unwrap();
    fs::write(
        folder.path().join("ts.st.mdoc"),
        "[ZValue = 0]\nTiltAngle = 1\n[ZValue = 1]\nTiltAngle = 2\n",
    )
    .unwrap();
    let description = inspect(&stack).unwrap();
    for said in [
        "ts.rawtlt beside it lists 3 images, the stack has 4",
        "ts.st.mdoc beside it lists 2 images",
    ] {
        assert!(
            description.doubts.iter().any(|doubt| doubt.contains(said)),
            "{said}: {:?}",
            description.doubts
        );
    }
    fs::write(folder.path().join("ts.rawtlt"), "-3\n0\n3\n6\n").unwrap();
    fs::remove_file(folder.path().join("ts.st.mdoc")).unwrap();
    assert_eq!(inspect(&stack).unwrap().doubts, Vec::<String>::new());
}

#[test]
fn mdoc_entries_that_contradict_each_other_are_doubted() {
    let text = "PixelSpacing = 2\n[ZValue = 0]\nTiltAngle = -3\nExposureDose = 0\nSubFramePath = a.tif\n\
                [ZValue = 0]\nTiltAngle = 0\nExposureDose = 0\nSubFramePath = a.tif\n\
                [ZValue = 2]\nTiltAngle = 0\nExposureDose = 0\n";
    let description = answer(text.as_bytes(), "a.mdoc");
    for said in [
        "[ZValue = 0] stands 2 times",
        "2 sections name the same frames a.tif",
        "not calibrated",
        "1 tilt angles stand",
    ] {
        assert!(
            description.doubts.iter().any(|doubt| doubt.contains(said)),
            "{said}: {:?}",
            description.doubts
        );
    }
}

#[test]
fn words_and_json_say_the_same() {
    let description = answer(&mrc([8, 6, 4], 1.0, |index| index as f32), "a.mrc");
    let words = description.to_string();
    assert!(
        words.starts_with("a.mrc: MRC image stack, 8 × 6 × 4, float32, 1 Å/px\n"),
        "{words}"
    );
    assert!(
        words.contains("doubt: voxel size 1.0 Å is probably unset"),
        "{words}"
    );
    let json = serde_json::to_value(&description).unwrap();
    assert_eq!(json["kind"], "mrc");
    assert_eq!(json["facts"]["mode"], 2);
    let keys: Vec<&String> = json["facts"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys[..3],
        ["bytes", "content", "dimensions"],
        "the order is kept"
    );
}
