//! EER: what the encoder writes the decoder counts, for all three compressions and all resolutions.

use std::io::Cursor;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_images::ImageError;
use thon_images::eer::{Coding, EerFile, EerSpec, EerWriter, Electron, SuperResolution};

fn codings() -> Vec<Coding> {
    vec![
        Coding::EIGHT_BIT,
        Coding::SEVEN_BIT,
        Coding::variable(7, 1, 1).unwrap(),
        Coding::variable(5, 2, 1).unwrap(),
        Coding::variable(9, 0, 0).unwrap(),
        Coding::variable(2, 4, 3).unwrap(),
    ]
}

fn spec(width: u32, height: u32, coding: Coding) -> EerSpec {
    EerSpec {
        width,
        height,
        coding,
        metadata: Some(
            "<metadata><item name=\"exposureTime\" unit=\"s\">2.5</item></metadata>".into(),
        ),
    }
}

/// Random electrons, at most one per camera pixel.
fn electrons(seed: u64, coding: Coding, width: u32, height: u32, density: f64) -> Vec<Electron> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut list = Vec::new();
    for row in 0..height {
        for column in 0..width {
            if random.random_bool(density) {
                list.push(Electron {
                    x: column << coding.horizontal_bits
                        | random.random_range(0..1 << coding.horizontal_bits),
                    y: row << coding.vertical_bits
                        | random.random_range(0..1 << coding.vertical_bits),
                });
            }
        }
    }
    list
}

fn movie(spec: &EerSpec, frames: &[Vec<Electron>]) -> Vec<u8> {
    let mut writer = EerWriter::create(Cursor::new(Vec::new()), spec.clone()).unwrap();
    for frame in frames {
        writer.write_frame(frame).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The image by direct counting.
fn counted(spec: &EerSpec, frames: &[Vec<Electron>], resolution: SuperResolution) -> Vec<f32> {
    let factor = resolution.factor() as u32;
    let columns = spec.width * factor;
    let mut image = vec![0.0; (columns * spec.height * factor) as usize];
    for e in frames.iter().flatten() {
        let x = (e.x * factor) >> spec.coding.horizontal_bits;
        let y = (e.y * factor) >> spec.coding.vertical_bits;
        image[(y * columns + x) as usize] += 1.0;
    }
    image
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn electrons_survive(
        coding in prop::sample::select(codings()),
        width in 1u32..70,
        height in 1u32..40,
        density in prop::sample::select(vec![0.0, 0.001, 0.02, 0.3, 1.0]),
        seed in 0u64..1000,
    ) {
        let spec = spec(width, height, coding);
        let frames: Vec<_> = (0..3).map(|i| electrons(seed + i, coding, width, height, density)).collect();
        let bytes = movie(&spec, &frames);
        let eer = EerFile::parse(&bytes).unwrap();
        prop_assert_eq!(eer.frame_count(), 3);
        prop_assert!(eer.skipped().is_empty());
        prop_assert_eq!(eer.camera_shape(), [height as usize, width as usize]);
        prop_assert_eq!(eer.coding_of(2), Some(coding));
        prop_assert_eq!(eer.metadata(), spec.metadata.clone());
        for resolution in [SuperResolution::X1, SuperResolution::X2, SuperResolution::X4] {
            let result = eer.render(0..3, resolution);
            if resolution.factor() > 1 << coding.horizontal_bits.min(coding.vertical_bits) {
                let refused = matches!(result, Err(ImageError::Unsupported { .. }));
                prop_assert!(refused);
                continue;
            }
            let image = result.unwrap();
            prop_assert_eq!(image.frames, 3);
            prop_assert!(image.skipped.is_empty());
            prop_assert_eq!(image.electrons, frames.iter().map(|f| f.len() as u64).sum::<u64>());
            prop_assert_eq!(image.counts, counted(&spec, &frames, resolution));
        }
    }
}

#[test]
fn camera_sized_movie_in_fractions() {
    let coding = Coding::SEVEN_BIT;
    let spec = spec(512, 512, coding);
    let frames: Vec<_> = (0..11)
        .map(|i| electrons(i, coding, 512, 512, 0.01))
        .collect();
    let bytes = movie(&spec, &frames);
    let eer = EerFile::parse(&bytes).unwrap();
    let plan = eer.plan(4);
    assert_eq!(plan.fractions, [0..4, 4..8]);
    assert_eq!(plan.left_over, 8..11);
    let images = eer.render_fractions(&plan, SuperResolution::X2).unwrap();
    for (range, image) in plan.fractions.iter().zip(&images) {
        assert_eq!(
            image.counts,
            counted(&spec, &frames[range.clone()], SuperResolution::X2)
        );
    }
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let again = one_thread.install(|| eer.render_fractions(&plan, SuperResolution::X2).unwrap());
    assert_eq!(again, images);
}

#[test]
fn truncated_last_frame_is_skipped_with_a_note() {
    let coding = Coding::EIGHT_BIT;
    let spec = spec(128, 64, coding);
    let frames: Vec<_> = (0..4)
        .map(|i| electrons(i, coding, 128, 64, 0.05))
        .collect();
    let bytes = movie(&spec, &frames);
    let three = movie(&spec, &frames[..3]);
    // Cut inside the data of the last frame: its directory is gone.
    let cut = &bytes[..three.len() + 20];
    let eer = EerFile::parse(cut).unwrap();
    assert_eq!(eer.frame_count(), 3);
    assert_eq!(eer.skipped().len(), 1);
    assert!(
        eer.skipped()[0].reason.contains("not inside the file"),
        "{:?}",
        eer.skipped()
    );
    let image = eer.render(0..3, SuperResolution::X4).unwrap();
    assert_eq!(
        image.counts,
        counted(&spec, &frames[..3], SuperResolution::X4)
    );
    assert!(eer.render(0..4, SuperResolution::X1).is_err());
}

#[test]
fn damaged_frame_does_not_contribute() {
    let coding = Coding::EIGHT_BIT;
    let spec = spec(128, 64, coding);
    let frames: Vec<_> = (0..3)
        .map(|i| electrons(i, coding, 128, 64, 0.05))
        .collect();
    let mut bytes = movie(&spec, &frames);
    // The second frame's stream starts where a movie of one frame ends.
    let start = movie(&spec, &frames[..1]).len();
    bytes[start + 50..start + 54].fill(0xff);
    let eer = EerFile::parse(&bytes).unwrap();
    let image = eer.render(0..3, SuperResolution::X1).unwrap();
    assert_eq!(image.frames, 2);
    assert_eq!(image.skipped[0].directory, 1);
    let sound = [frames[0].clone(), frames[2].clone()];
    assert_eq!(image.counts, counted(&spec, &sound, SuperResolution::X1));
}

#[test]
fn the_bit_stream_is_the_published_one() {
    // 4 × 1 pixels, electron in pixel 2, sub-pixel (1, 2): run 2, symbol (1 | 2 << 2) ^ 0b1010 = 3, run 1.
    let spec = spec(4, 1, Coding::EIGHT_BIT);
    let bytes = movie(&spec, &[vec![Electron { x: 9, y: 2 }]]);
    assert_eq!(bytes[16..19], [0x02, 0x13, 0x00]);
    let seven = EerSpec {
        coding: Coding::SEVEN_BIT,
        ..spec
    };
    let bytes = movie(&seven, &[vec![Electron { x: 9, y: 2 }]]);
    // 0000010, then 0011 above it, then 0000001.
    let stream = 2u32 | 3 << 7 | 1 << 11;
    assert_eq!(bytes[16..19], stream.to_le_bytes()[..3]);
}

#[test]
fn impossible_frames_are_refused() {
    let spec = spec(4, 4, Coding::EIGHT_BIT);
    let mut writer = EerWriter::create(Cursor::new(Vec::new()), spec.clone()).unwrap();
    let twice = [Electron { x: 0, y: 0 }, Electron { x: 3, y: 3 }];
    assert!(
        writer
            .write_frame(&twice)
            .unwrap_err()
            .to_string()
            .contains("row 0, column 0")
    );
    assert!(writer.write_frame(&[Electron { x: 16, y: 0 }]).is_err());
    assert!(writer.write_counts(&[0; 16]).is_err());
    let mut counts = vec![0; 256];
    counts[17] = 1;
    writer.write_counts(&counts).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let image = EerFile::parse(&bytes)
        .unwrap()
        .render(0..1, SuperResolution::X4)
        .unwrap();
    assert_eq!(image.counts[17], 1.0);
    assert_eq!(image.electrons, 1);
    assert!(
        EerWriter::create(Cursor::new(Vec::new()), spec)
            .unwrap()
            .finish()
            .is_err()
    );
}
