//! Peaks, gold, exposure filter, binning, survey and order, each against what was put in.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use thon_ctf::{ExposureModel, exposure_weight};
use thon_prepare::*;
use thon_units::{Degrees, Dose, Kilovolt, PixelSize, Radians, SpatialFrequency};

fn normal(stream: &mut ChaCha8Rng) -> f32 {
    let (a, b): (f64, f64) = (
        stream.random_range(1e-12..1.0),
        stream.random_range(0.0..1.0),
    );
    ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
}

/// Noise of deviation 1 over a slope of intensity, with dark discs.
fn noisy(size: usize, seed: u64, beads: &[[f64; 2]], radius: f64, depth: f32) -> Vec<f32> {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels: Vec<f32> = (0..size * size)
        .map(|i| 50.0 + 3.0 * (i % size) as f32 / size as f32 + normal(&mut stream))
        .collect();
    for [x, y] in beads {
        for (index, value) in pixels.iter_mut().enumerate() {
            let r = ((index % size) as f64 - x).hypot((index / size) as f64 - y);
            *value -= depth * (1.0 / (1.0 + ((r - radius) / 0.7).exp())) as f32;
        }
    }
    pixels
}

fn grid_of_beads(size: usize) -> Vec<[f64; 2]> {
    (0..9)
        .map(|i| {
            let at = |i: usize| (i as f64 + 0.6) * size as f64 / 3.2;
            [at(i % 3), at(i / 3)]
        })
        .collect()
}

#[test]
fn planted_peaks_are_found_and_nothing_else() {
    let size = 1024;
    let beads = grid_of_beads(size);
    let mut pixels = noisy(size, 5, &beads, 9.0, 25.0);
    let clean = pixels.clone();
    let mut stream = ChaCha8Rng::seed_from_u64(9);
    let mut planted = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let (y, x) = (stream.random_range(0..size), stream.random_range(0..size));
        let count = stream.random_range(1..=9_usize);
        for i in 0..count {
            let (v, u) = ((y + i / 3).min(size - 1), (x + i % 3).min(size - 1));
            if planted.insert(v * size + u) {
                pixels[v * size + u] += 15.0;
            }
        }
    }
    let report = remove_peaks(&mut pixels, [size, size], &PeakOptions::default());
    let found: std::collections::BTreeSet<usize> = report.pixels.iter().copied().collect();
    let recall = planted.intersection(&found).count() as f64 / planted.len() as f64;
    let wrong = found.difference(&planted).count() as f64 / (size * size) as f64;
    assert!(recall >= 0.99, "recall {recall}");
    assert!(wrong < 2e-6, "{wrong}");
    for [x, y] in &beads {
        let index = *y as usize * size + *x as usize;
        assert!(
            planted.contains(&index) || pixels[index] == clean[index],
            "bead at {x}, {y}"
        );
    }
    let rest = found
        .iter()
        .map(|&i| (pixels[i] - clean[i]).abs())
        .fold(0.0, f32::max);
    assert!(rest < 8.0, "what is filled in differs by {rest}");
}

#[test]
fn an_image_of_noise_and_gold_stays_as_it_is() {
    let size = 1024;
    let mut pixels = noisy(size, 21, &grid_of_beads(size), 9.0, 25.0);
    let before = pixels.clone();
    let report = remove_peaks(&mut pixels, [size, size], &PeakOptions::default());
    assert!(report.pixels.len() <= 2, "{:?}", report.pixels.len());
    let changed = before.iter().zip(&pixels).filter(|(a, b)| a != b).count();
    assert_eq!(changed, report.pixels.len());
}

#[test]
fn gold_is_found_and_erased() {
    let size = 512;
    let beads = grid_of_beads(size);
    let mut pixels = noisy(size, 3, &beads, 8.0, 6.0);
    let found = find_beads(&pixels, [size, size], 16.0, &BeadOptions::default());
    assert_eq!(found.len(), beads.len());
    for [x, y] in &beads {
        let near = found
            .iter()
            .map(|f| (f[0] - x).hypot(f[1] - y))
            .fold(f64::INFINITY, f64::min);
        assert!(near < 0.5, "{near} from the bead at {x}, {y}");
    }
    let erased = erase_beads(
        &mut pixels,
        [size, size],
        &found,
        16.0,
        &BeadOptions::default(),
        1,
    );
    assert_eq!(erased, beads.len());
    let plain = noisy(size, 3, &[], 8.0, 0.0);
    for [x, y] in &beads {
        let (mut sum, mut count) = (0.0_f64, 0.0);
        for dy in -6..=6_i32 {
            for dx in -6..=6_i32 {
                let index = (*y as i32 + dy) as usize * size + (*x as i32 + dx) as usize;
                sum += f64::from(pixels[index] - plain[index]);
                count += 1.0;
            }
        }
        assert!((sum / count).abs() < 1.2, "{} left of a bead", sum / count);
    }
    let empty = noisy(size, 4, &[], 8.0, 0.0);
    assert!(find_beads(&empty, [size, size], 16.0, &BeadOptions::default()).is_empty());
}

#[test]
fn the_exposure_filter_is_its_formula() {
    // A cosine along x and y: one frequency, so the filter is one number.
    let (ny, nx, pixel) = (96, 128, 2.7);
    let (voltage, dose) = (Kilovolt(300.0), Dose(37.0));
    let mut worst = 0.0_f64;
    for (kx, ky) in [(3_i32, 5_i32), (20, 0), (0, 31), (41, -17), (60, 40)] {
        let wave = |i: usize| {
            let phase = f64::from(kx) * (i % nx) as f64 / nx as f64
                + f64::from(ky) * (i / nx) as f64 / ny as f64;
            (std::f64::consts::TAU * phase).cos()
        };
        let mut pixels: Vec<f32> = (0..ny * nx).map(|i| wave(i) as f32).collect();
        let model = ExposureModel::GrantGrigorieff;
        filter_exposure(
            &mut pixels,
            [ny, nx],
            PixelSize(pixel),
            model,
            dose,
            voltage,
        );
        let k = (f64::from(kx) / (nx as f64 * pixel)).hypot(f64::from(ky) / (ny as f64 * pixel));
        let weight = exposure_weight(SpatialFrequency(k), dose, voltage);
        for (i, value) in pixels.iter().enumerate() {
            worst = worst.max((f64::from(*value) - weight * wave(i)).abs());
        }
    }
    assert!(worst < 1e-6, "{worst}");
}

#[test]
fn binned_images_keep_their_centre_and_their_greys() {
    let (ny, nx) = (131, 150);
    let blob = |y: f64, x: f64| (10.0 + (-(y * y + x * x) / 128.0).exp()) as f32;
    let image = Array2::from_shape_fn((ny, nx), |(y, x)| {
        blob(y as f64 - (ny / 2) as f64, x as f64 - (nx / 2) as f64)
    });
    let binned = bin_image(&image, 4);
    assert_eq!(binned.dim(), (32, 36));
    for ((y, x), value) in binned.indexed_iter() {
        let expected = blob(4.0 * (y as f64 - 16.0), 4.0 * (x as f64 - 18.0));
        assert!(
            (value - expected).abs() < 2e-3,
            "{value} for {expected} at {y}, {x}"
        );
    }
    let mut flat = [2.0_f32; 9];
    assert!(!normalise_image(&mut flat));
}

/// A dark spot at (x, y).
fn darken(image: &mut Array2<f32>, [x, y]: [f64; 2], depth: f64) {
    for (dy, dx) in (-6..=6_i32).flat_map(|dy| (-6..=6_i32).map(move |dx| (dy, dx))) {
        let place = [
            (y + f64::from(dy)) as usize,
            (x.round() + f64::from(dx)) as usize,
        ];
        if let Some(value) = image.get_mut(place) {
            *value -= (depth * (-f64::from(dx * dx + dy * dy) / 14.0).exp()) as f32;
        }
    }
}

/// Views of a noisy specimen at tilts from −60° to 60°, with Poisson-like intensities.
fn series() -> Vec<(Array2<f32>, Radians)> {
    let size = 320;
    let mut stream = ChaCha8Rng::seed_from_u64(77);
    let spots: Vec<(f64, f64, f64)> = (0..60)
        .map(|_| {
            let mut at = |range: f64| stream.random_range(-range..range);
            (at(150.0), at(150.0), at(12.0))
        })
        .collect();
    (-20..=20)
        .map(|step| {
            let angle = Degrees(3.0 * f64::from(step)).radians();
            let level = 40.0 * (-0.5 / angle.0.cos()).exp();
            let mut image = Array2::from_shape_fn((size, size), |_| {
                (level + level.sqrt() * f64::from(normal(&mut stream))) as f32
            });
            for &(x, y, z) in &spots {
                let u = x * angle.0.cos() + z * angle.0.sin() + 160.0;
                darken(&mut image, [u, y + 160.0], 0.6 * level);
            }
            (image, angle)
        })
        .collect()
}

fn judge(views: &[(Array2<f32>, Radians)]) -> Vec<ViewVerdict> {
    let mut survey = ViewSurvey::new(SurveyOptions::default(), Radians(0.0));
    for (image, angle) in views {
        survey.add(image, *angle);
    }
    survey.judge()
}

#[test]
fn views_that_cannot_be_used_are_told_with_the_reason() {
    let mut views = series();
    for verdict in judge(&views) {
        assert_eq!(verdict.fault, None);
        assert!(verdict.displacement.is_some_and(|d| d < 0.02));
    }
    let roll = |image: &Array2<f32>, by: usize| {
        let (ny, nx) = image.dim();
        Array2::from_shape_fn((ny, nx), |(y, x)| image[[y, (x + by) % nx]])
    };
    for blank in [2, 11, 33] {
        views[blank].0.fill(17.0);
    }
    views[8].0.mapv_inplace(|v| 0.1 * v);
    views[15]
        .0
        .slice_mut(ndarray::s![.., ..140])
        .mapv_inplace(|v| 0.05 * v);
    views[20].0 = roll(&views[20].0, 96);
    views[21].0 = roll(&views[21].0, 96);
    views[30].0 = views[27].0.clone();
    views[38].0[[3, 3]] = f32::NAN;
    let verdicts = judge(&views);
    let fault = |view: usize| verdicts[view].fault;
    for blank in [2, 11, 33] {
        assert_eq!(fault(blank), Some(ViewFault::Blank));
    }
    assert!(
        matches!(fault(8), Some(ViewFault::Dark { .. })),
        "{:?}",
        fault(8)
    );
    assert!(
        matches!(fault(15), Some(ViewFault::Blocked { .. })),
        "{:?}",
        fault(15)
    );
    for shifted in [20, 21] {
        let found = fault(shifted);
        let Some(ViewFault::Shifted { percent }) = found else {
            panic!("{shifted}: {found:?}");
        };
        assert!((percent - 30.0).abs() < 3.0, "{percent}");
    }
    assert!(
        matches!(fault(30), Some(ViewFault::Copy { of: 28, .. })),
        "{:?}",
        fault(30)
    );
    assert_eq!(fault(38), Some(ViewFault::NotFinite { count: 1 }));
    let faulty = verdicts.iter().filter(|v| v.fault.is_some()).count();
    assert_eq!(faulty, 9, "{verdicts:?}");
}

fn timed(angles: &[f64]) -> Vec<TimedView> {
    angles
        .iter()
        .enumerate()
        .map(|(rank, angle)| {
            let tilt_angle = Degrees(*angle).radians();
            TimedView {
                tilt_angle,
                dose_before: Dose(3.0 * rank as f64),
                exposure: Some(Dose(3.0)),
                rank: Some(rank),
                time: Some(60.0 * rank as f64),
                intensity: 100.0 * (-0.5 / tilt_angle.0.cos()).exp(),
            }
        })
        .collect()
}

fn dose_symmetric() -> Vec<f64> {
    let mut angles = vec![0.0];
    for step in 1..=20 {
        let sign = if step % 2 == 0 { 1.0 } else { -1.0 };
        angles.extend([sign * 3.0 * f64::from(step), -sign * 3.0 * f64::from(step)]);
    }
    angles
}

#[test]
fn schemes_are_recognised() {
    let radians = |angles: &[f64]| angles.iter().map(|a| a.to_radians()).collect::<Vec<f64>>();
    let up: Vec<f64> = (-20..=20).map(|i| 3.0 * f64::from(i)).collect();
    assert_eq!(recognise_scheme(&radians(&up)), Scheme::Unidirectional);
    let both: Vec<f64> = (0..=20).chain(-20..0).map(|i| 3.0 * f64::from(i)).collect();
    assert_eq!(recognise_scheme(&radians(&both)), Scheme::Bidirectional);
    let mut lost = dose_symmetric();
    assert_eq!(recognise_scheme(&radians(&lost)), Scheme::DoseSymmetric);
    lost.remove(7);
    assert_eq!(recognise_scheme(&radians(&lost)), Scheme::DoseSymmetric);
    lost.reverse();
    lost.swap(4, 20);
    assert_eq!(recognise_scheme(&radians(&lost)), Scheme::Irregular);
}

#[test]
fn contradictions_in_the_order_are_named() {
    let good = timed(&dose_symmetric());
    assert_eq!(check_order(&good), []);
    let mut file_order = good.clone();
    file_order.sort_by(|a, b| a.tilt_angle.0.total_cmp(&b.tilt_angle.0));
    for (index, view) in file_order.iter_mut().enumerate() {
        view.dose_before = Dose(3.0 * index as f64);
    }
    let faults = check_order(&file_order);
    assert!(
        matches!(faults[0], OrderFault::RankAgainstDose { .. }),
        "{faults:?}"
    );
    assert!(
        matches!(faults[1], OrderFault::TimeAgainstDose { .. }),
        "{faults:?}"
    );
    let mut same = good.clone();
    for view in &mut same {
        view.dose_before = Dose(0.0);
    }
    assert!(matches!(check_order(&same)[0], OrderFault::SameDose { .. }));
    let mut doubled = good.clone();
    for view in &mut doubled {
        view.exposure = Some(Dose(6.0));
    }
    assert!(matches!(
        check_order(&doubled)[..],
        [OrderFault::DoseGap { .. }]
    ));
    let mut mixed = good.clone();
    let angles: Vec<_> = (0..41).map(|i| good[(i * 17) % 41].tilt_angle).collect();
    for (view, angle) in mixed.iter_mut().zip(angles) {
        view.tilt_angle = angle;
    }
    let faults = check_order(&mixed);
    assert!(
        matches!(
            faults[..],
            [
                OrderFault::NoScheme { .. },
                OrderFault::IntensityAgainstTilt { .. }
            ]
        ),
        "{faults:?}"
    );
}
