//! What is written comes back, in every mode; statistics and bytes are what they should be.

use std::io::Cursor;

use proptest::prelude::*;
use thon_images::ImageError;
use thon_images::mrc::{Mrc, MrcKind, MrcMode, MrcSpec, MrcWriter, Statistics};

const WRITABLE: [MrcMode; 6] = [
    MrcMode::Int8,
    MrcMode::Int16,
    MrcMode::Float32,
    MrcMode::Uint16,
    MrcMode::Float16,
    MrcMode::Packed4Bit,
];

fn written(spec: &MrcSpec, data: &[f32]) -> (Vec<u8>, u64) {
    let mut writer = MrcWriter::create(Cursor::new(Vec::new()), spec).unwrap();
    for section in data.chunks(spec.shape[1] * spec.shape[2]) {
        writer.write_section(section).unwrap();
    }
    let (cursor, summary) = writer.finish().unwrap();
    (cursor.into_inner(), summary.clamped)
}

/// What a mode can hold of a value.
fn stored(mode: MrcMode, value: f32) -> f32 {
    match mode {
        MrcMode::Int8 => value.round().clamp(-128.0, 127.0),
        MrcMode::Int16 => value.round().clamp(-32768.0, 32767.0),
        MrcMode::Uint16 => value.round().clamp(0.0, 65535.0),
        MrcMode::Packed4Bit => value.round().clamp(0.0, 15.0),
        MrcMode::Float16 => half::f16::from_f32(value).to_f32(),
        _ => value,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn samples_survive(
        shape in prop::array::uniform3(1usize..7),
        mode in prop::sample::select(WRITABLE.to_vec()),
        values in prop::collection::vec(-70000.0f32..70000.0, 6 * 6 * 6),
        scale in prop::sample::select(vec![1.0f32, 0.01, 0.0001]),
    ) {
        let [nz, ny, nx] = shape;
        let data: Vec<f32> = values[..nz * ny * nx].iter().map(|v| v * scale).collect();
        let spec = MrcSpec::stack(shape, Some(1.35)).with_mode(mode);
        let (bytes, clamped) = written(&spec, &data);
        let mrc = Mrc::parse(&bytes).unwrap().complete().unwrap();
        prop_assert_eq!(mrc.trailing_bytes(), 0);
        prop_assert_eq!(mrc.header().mode, mode);
        prop_assert!(mrc.header().notes.is_empty());
        let expected: Vec<f32> = data.iter().map(|&v| stored(mode, v)).collect();
        prop_assert_eq!(&mrc.read_all().unwrap(), &expected);
        let beyond = expected.iter().zip(&data).filter(|(s, v)| (**s - v.round()).abs() > 0.75);
        if !matches!(mode, MrcMode::Float16 | MrcMode::Float32) {
            prop_assert_eq!(beyond.count() as u64, clamped);
        }
        let window = mrc.read_window(nz - 1, ny / 2, nx / 2, ny - ny / 2, nx - nx / 2).unwrap();
        let mut cut = Vec::new();
        for y in ny / 2..ny {
            cut.extend_from_slice(&expected[((nz - 1) * ny + y) * nx..][nx / 2..nx]);
        }
        prop_assert_eq!(window, cut);
        let statistics = Statistics::of(&expected);
        if statistics.non_finite == 0 {
            prop_assert_eq!(mrc.header().min, statistics.min as f32);
            prop_assert_eq!(mrc.header().max, statistics.max as f32);
            prop_assert!((f64::from(mrc.header().mean) - statistics.mean).abs() <= 1e-6 * statistics.rms() + 1e-6);
            prop_assert!((f64::from(mrc.header().rms) - statistics.rms()).abs() <= 1e-6 * statistics.rms() + 1e-9);
        }
        prop_assert_eq!(written(&spec, &data).0, bytes);
    }
}

#[test]
fn everything_in_the_specification_comes_back() {
    let spec = MrcSpec {
        shape: [6, 3, 5],
        mode: MrcMode::Int8,
        voxel_size: Some([2.0, 2.5, 3.0]),
        kind: MrcKind::VolumeStack {
            sections_per_volume: 2,
        },
        origin: [10.0, -20.0, 30.5],
        start: [1, -2, 3],
        labels: vec!["first".into(), "second line".into()],
        tilt_angles: Some(vec![-60.0, -30.25, 0.0, 3.01, 45.0, 66.66]),
    };
    let (bytes, _) = written(&spec, &vec![-100.0; 90]);
    let mrc = Mrc::parse(&bytes).unwrap();
    let header = mrc.header();
    assert_eq!(header.shape(), spec.shape);
    assert_eq!(header.kind(), spec.kind);
    assert_eq!(header.voxel_size(), [Some(2.0), Some(2.5), Some(3.0)]);
    assert_eq!(header.origin(), spec.origin);
    assert_eq!(header.start, spec.start);
    assert_eq!(header.labels, spec.labels);
    assert_eq!(header.min, -100.0);
    let extended = mrc.extended_header().unwrap();
    let angles: Vec<f64> = extended
        .sections()
        .iter()
        .filter_map(|s| s.tilt_angle)
        .collect();
    assert_eq!(angles, [-60.0, -30.25, 0.0, 3.01, 45.0, 66.66]);
}

#[test]
fn mistakes_are_refused() {
    let spec = MrcSpec::stack([2, 2, 2], None).with_mode(MrcMode::Int16);
    let start = || MrcWriter::create(Cursor::new(Vec::new()), &spec).unwrap();
    assert!(start().write_section(&[0.0; 3]).is_err());
    assert!(start().finish().is_err());
    let nan = start()
        .write_section(&[0.0, 1.0, f32::NAN, 2.0])
        .unwrap_err();
    assert!(nan.to_string().contains("row 1, column 0"), "{nan}");
    let mut full = start();
    full.write_section(&[1.0; 4]).unwrap();
    full.write_section(&[1.0; 4]).unwrap();
    assert!(full.write_section(&[1.0; 4]).is_err());
    for mode in [MrcMode::Uint8, MrcMode::ComplexFloat32] {
        let spec = spec.clone().with_mode(mode);
        let refused = MrcWriter::create(Cursor::new(Vec::new()), &spec);
        assert!(matches!(
            refused,
            Err(ImageError::Header { field: "mode", .. })
        ));
    }
    let no_size = MrcSpec {
        shape: [0, 1, 1],
        ..spec
    };
    assert!(MrcWriter::create(Cursor::new(Vec::new()), &no_size).is_err());
}
