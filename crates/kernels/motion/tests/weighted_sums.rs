//! Sums weighted by exposure against the definition: every frame times the amplitude left at its own dose.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use thon_compute::Quiet;
use thon_ctf::ExposureModel;
use thon_motion::{
    CorrectOptions, DefectMap, Detector, EstimateOptions, ExposureWeighting, FramesInMemory,
    LocalChoice, Motion, SumOptions, correct_movie_by,
};
use thon_signal::fft::{Complex32, Fft2, half_length, signed_index};
use thon_units::{Dose, Kilovolt, PixelSize, SpatialFrequency};

const SIZE: [usize; 2] = [96, 128];

fn frames(count: usize) -> FramesInMemory {
    let mut state = 7_u32;
    let mut pixel = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as f32
    };
    FramesInMemory {
        size: SIZE,
        frames: (0..count)
            .map(|_| (0..SIZE[0] * SIZE[1]).map(|_| pixel()).collect())
            .collect(),
    }
}

fn weighting(per_frame: f64) -> ExposureWeighting {
    ExposureWeighting {
        model: ExposureModel::GrantGrigorieff,
        voltage: Kilovolt(300.0),
        pixel_size: PixelSize(1.35),
        before: Dose(20.0),
        per_frame: Dose(per_frame),
    }
}

fn sums(movie: &FramesInMemory, sums: SumOptions) -> thon_motion::CorrectedMovie {
    let count = movie.frames.len();
    let defects = DefectMap::none(SIZE);
    let detector = Detector {
        gain: None,
        defects: &defects,
        find_defects: false,
    };
    let options = CorrectOptions {
        motion: EstimateOptions {
            pixel_size: 1.35,
            local: LocalChoice::Never,
            resolution: 4.0,
            group: 0,
        },
        sums,
        keep: 1 << 30,
    };
    let still = Motion::none(SIZE, (0..count).collect());
    correct_movie_by(still, movie, &detector, &options, &Quiet).unwrap()
}

/// Every frame transformed and weighted by itself.
fn defined(movie: &FramesInMemory, exposure: &ExposureWeighting) -> Vec<f32> {
    let [ny, nx] = SIZE;
    let plan = Fft2::plan(SIZE);
    let half = half_length(nx);
    let mut total = vec![Complex32::default(); ny * half];
    for (number, frame) in movie.frames.iter().enumerate() {
        let mut spectrum = total.clone();
        plan.forward_into(frame, &mut spectrum);
        for (index, (sum, value)) in total.iter_mut().zip(&spectrum).enumerate() {
            let ky = signed_index(index / half, ny) as f64 / ny as f64;
            let kx = (index % half) as f64 / nx as f64;
            let left = exposure.model.attenuation(
                SpatialFrequency(kx.hypot(ky) / exposure.pixel_size.0),
                Dose(exposure.before.0 + exposure.per_frame.0 * number as f64),
                exposure.per_frame,
                exposure.voltage,
            );
            *sum += value * left as f32;
        }
    }
    let mut image = vec![0.0; ny * nx];
    plan.inverse_into(&mut total, &mut image);
    image
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    let differences = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    differences.fold(0.0, f32::max)
}

#[test]
fn nodes_stand_for_every_frame() {
    for (count, per_frame) in [(8, 0.4), (40, 0.4), (30, 2.0), (3, 1.0)] {
        let (movie, exposure) = (frames(count), weighting(per_frame));
        let weighted = sums(
            &movie,
            SumOptions {
                halves: false,
                exposure: Some(exposure),
                unweighted: true,
            },
        );
        let expected = defined(&movie, &exposure);
        let mean = expected.iter().sum::<f32>() / expected.len() as f32;
        let power: f32 = expected.iter().map(|v| (v - mean).powi(2)).sum();
        let deviation = (power / expected.len() as f32).sqrt();
        let far = largest_difference(&weighted.sums.whole, &expected) / deviation;
        println!("{count} frames of {per_frame} e⁻/Å²: {far:.5} deviations");
        assert!(far < 0.01, "{far}");
        let plain = sums(&movie, SumOptions::default());
        let unweighted = weighted.unweighted.unwrap().whole;
        assert!(largest_difference(&unweighted, &plain.sums.whole) < 1e-3);
    }
}

#[test]
fn halves_add_up_to_the_whole() {
    let movie = frames(7);
    let exposure = Some(weighting(0.5));
    let options = |halves| SumOptions {
        halves,
        exposure,
        unweighted: true,
    };
    let (apart, together) = (sums(&movie, options(true)), sums(&movie, options(false)));
    let pairs = [
        (apart.sums, together.sums),
        (apart.unweighted.unwrap(), together.unweighted.unwrap()),
    ];
    for (apart, together) in pairs {
        let [even, odd] = apart.halves.unwrap();
        let added: Vec<f32> = even.iter().zip(&odd).map(|(a, b)| a + b).collect();
        assert!(largest_difference(&added, &apart.whole) < 1e-4);
        assert!(largest_difference(&apart.whole, &together.whole) < 1e-3);
    }
}
