//! TIFF stacks: what is written comes back; real files agree with the manifest.

use std::io::Cursor;

use proptest::prelude::*;
use thon_images::mrc::Statistics;
use thon_images::tiff::{TiffCompression, TiffSample, TiffSpec, TiffStack, TiffWriter};
use thon_images::{ImageError, SampleKind, Samples};

use crate::shared_data::{agrees, facts};

fn spec(width: u32, height: u32, sample: TiffSample, compression: TiffCompression) -> TiffSpec {
    TiffSpec {
        width,
        height,
        sample,
        compression,
        pixel_size: Some(1.35),
        description: Some("a test".into()),
        big: false,
    }
}

fn written(spec: &TiffSpec, pages: &[Vec<f32>]) -> (Vec<u8>, u64) {
    let mut writer = TiffWriter::create(Cursor::new(Vec::new()), spec.clone()).unwrap();
    for page in pages {
        writer.write_page(page).unwrap();
    }
    let (out, clamped) = writer.finish().unwrap();
    (out.into_inner(), clamped)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_survive(
        width in 1u32..40,
        height in 1u32..20,
        sample in prop::sample::select(vec![TiffSample::U8, TiffSample::U16, TiffSample::I16, TiffSample::F32]),
        compression in prop::sample::select(vec![TiffCompression::Stored, TiffCompression::Lzw, TiffCompression::Deflate]),
        big in any::<bool>(),
        values in prop::collection::vec(-40000.0f32..70000.0, 40 * 20),
    ) {
        let area = (width * height) as usize;
        let pages: Vec<Vec<f32>> = (1..4).map(|i| values[..area].iter().map(|v| v / (i * i * i) as f32).collect()).collect();
        let spec = TiffSpec { big, ..spec(width, height, sample, compression) };
        let (bytes, clamped) = written(&spec, &pages);
        let stack = TiffStack::parse(&bytes).unwrap();
        prop_assert_eq!(stack.shape(), Some([3, height as usize, width as usize]));
        prop_assert_eq!(stack.page(0).unwrap().description.as_deref(), Some("a test"));
        prop_assert!((stack.page(2).unwrap().pixel_size.unwrap() - 1.35).abs() < 1e-5);
        let range = match sample {
            TiffSample::U8 => Some((0.0, 255.0)),
            TiffSample::U16 => Some((0.0, 65535.0)),
            TiffSample::I16 => Some((-32768.0, 32767.0)),
            TiffSample::F32 => None,
        };
        let expected: Vec<Vec<f32>> = pages
            .iter()
            .map(|p| p.iter().map(|v| range.map_or(*v, |(low, high)| v.round().clamp(low, high))).collect())
            .collect();
        prop_assert_eq!(&stack.read_pages(0..3).unwrap(), &expected);
        if let Some((low, high)) = range {
            let outside = pages.iter().flatten().filter(|v| v.round() < low || v.round() > high);
            prop_assert_eq!(outside.count() as u64, clamped);
        }
        prop_assert_eq!(written(&spec, &pages).0, bytes);
    }
}

#[test]
fn mistakes_are_refused() {
    let spec = spec(2, 2, TiffSample::U8, TiffCompression::Lzw);
    let start = || TiffWriter::create(Cursor::new(Vec::new()), spec.clone()).unwrap();
    assert!(start().finish().is_err());
    assert!(start().write_page(&[0.0; 3]).is_err());
    assert!(start().write_page(&[0.0, 1.0, f32::NAN, 3.0]).is_err());
    let none = TiffSpec {
        width: 0,
        ..spec.clone()
    };
    assert!(TiffWriter::create(Cursor::new(Vec::new()), none).is_err());
    let (bytes, _) = written(&spec, &[vec![1.0; 4]]);
    let stack = TiffStack::parse(&bytes).unwrap();
    assert!(matches!(
        stack.read_page(1),
        Err(ImageError::OutOfRange { .. })
    ));
    assert!(stack.read_pages(0..2).is_err());
}

/// A classic TIFF of one uncompressed strip with these entries besides the strip's.
fn hand_made(entries: &[(u16, u16, u32, u32)], data: &[u8]) -> Vec<u8> {
    let mut all = entries.to_vec();
    let count = all.len() + 2;
    let data_at = 8 + 2 + 12 * count as u32 + 4;
    all.push((273, 4, 1, data_at));
    all.push((279, 4, 1, data.len() as u32));
    all.sort_unstable();
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend((count as u16).to_le_bytes());
    for (tag, kind, n, value) in all {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(n.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend(data);
    bytes
}

#[test]
fn four_bit_and_half_float_samples() {
    let head = |bits, format| {
        vec![
            (256, 3, 1, 3),
            (257, 3, 1, 2),
            (258, 3, 1, bits),
            (259, 3, 1, 1),
            (262, 3, 1, 1),
            (277, 3, 1, 1),
            (278, 3, 1, 2),
            (339, 3, 1, format),
        ]
    };
    let packed = hand_made(&head(4, 1), &[0x12, 0x30, 0x45, 0x60]);
    let stack = TiffStack::parse(&packed).unwrap();
    assert_eq!(
        stack.read_page_samples(0).unwrap(),
        Samples::U8(vec![1, 2, 3, 4, 5, 6])
    );
    // "White is zero" says how to show samples, not what they are.
    let mut white = head(4, 1);
    white[4].3 = 0;
    let inverted = hand_made(&white, &[0x12, 0x30, 0x45, 0x60]);
    let stack = TiffStack::parse(&inverted).unwrap();
    assert_eq!(stack.read_page(0).unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let values = [0.5f32, -1.0, 2.0, 3.0, 4.0, 65504.0];
    let halves: Vec<u8> = values
        .iter()
        .flat_map(|&v| half::f16::from_f32(v).to_le_bytes())
        .collect();
    let file = hand_made(&head(16, 3), &halves);
    let stack = TiffStack::parse(&file).unwrap();
    assert_eq!(stack.page(0).unwrap().sample_kind, SampleKind::F16);
    assert_eq!(stack.read_page(0).unwrap(), values);
    // A huge image in a few bytes is refused before anything is allocated.
    let mut huge = head(8, 1);
    huge[0] = (256, 4, 1, 1 << 20);
    huge[1] = (257, 4, 1, 1 << 20);
    let file = hand_made(&huge, &[0; 4]);
    let error = TiffStack::parse(&file).unwrap().read_page(0).unwrap_err();
    assert!(error.to_string().contains("cannot hold"), "{error}");
}

#[test]
fn real_files_agree_with_the_manifest() {
    let all = facts("TIFF");
    for fact in &all {
        let stack = TiffStack::open(&fact.path).unwrap();
        let shape = stack.shape().unwrap();
        let stated = fact.dims().unwrap();
        let mut dims = shape.to_vec();
        if stated.len() == 2 {
            dims = shape[1..].to_vec();
        }
        let mut sorted = [dims.clone(), stated.clone()];
        for dims in &mut sorted {
            dims.sort_unstable();
        }
        assert_eq!(sorted[0], sorted[1], "{}: {shape:?} {stated:?}", fact.file);
        let data: Vec<f32> = stack.read_pages(0..stack.pages()).unwrap().concat();
        let statistics = Statistics::of(&data);
        assert!(
            agrees(statistics.mean, fact.number("mean").unwrap()),
            "{}",
            fact.file
        );
        assert!(
            agrees(statistics.rms(), fact.number("sd").unwrap()),
            "{}",
            fact.file
        );
        println!("{} {shape:?} {:?}", fact.file, stack.page(0).unwrap());
    }
    assert!(all.is_empty() || all.len() == 2);
}
