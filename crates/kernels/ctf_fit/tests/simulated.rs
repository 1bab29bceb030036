//! Series of thon's own simulator, whose Thon rings follow the tilt: defocus, astigmatism, hand, and named diagnoses.
#![expect(clippy::unwrap_used, reason = "test helpers may panic")]

use thon_compute::Quiet;
use thon_ctf_fit::{
    Fault, FitOptions, SeriesFit, SeriesView, TileMode, Tiler, ViewFit, diagnose, fit_series,
};
use thon_geometry::TiltGeometry;
use thon_geometry::glam::DVec2;
use thon_model::HandSign;
use thon_simulate::{Hand, Phantom, Simulation, SimulationOptions};
use thon_units::{Angstrom, Degrees, Dose, PixelSize};

const TILE: usize = 128;

/// Ice of strong rings in images of 512 × 512 pixels.
fn base() -> SimulationOptions {
    SimulationOptions {
        image_width: 512,
        image_height: 512,
        pixel_size: PixelSize(4.0),
        tilt_min: Degrees(-50.0),
        tilt_max: Degrees(50.0),
        tilt_step: Degrees(10.0),
        tilt_axis_angle: Degrees(70.0),
        dose_per_tilt: Dose(5.0),
        defocus: Angstrom(28_000.0),
        defocus_sigma: Angstrom(300.0),
        astigmatism: Angstrom(500.0),
        ice_noise: 60.0,
        ice_depth_step: Angstrom(200.0),
        particles: 1,
        ..SimulationOptions::default()
    }
}

struct Recorded {
    images: Vec<Vec<f32>>,
    truth: Simulation,
}

fn record(options: &SimulationOptions, seed: u64) -> Recorded {
    let truth = Simulation::prepare("TS", options, &Phantom::ribosome_70s(), seed).unwrap();
    let images = truth.record_all(&Quiet).unwrap();
    Recorded {
        images: images
            .into_iter()
            .map(|image| image.into_iter().collect())
            .collect(),
        truth,
    }
}

fn options() -> FitOptions {
    FitOptions {
        resolution: [50.0, 9.0],
        defocus: [10_000.0, 60_000.0],
        ..FitOptions::default()
    }
}

fn views(
    recorded: &Recorded,
    pixel_size: f64,
    geometry: impl Fn(usize, TiltGeometry) -> TiltGeometry,
) -> (Vec<SeriesView>, Tiler) {
    let scale = pixel_size / recorded.truth.options.pixel_size.0;
    let band = options().resolution.map(|r| 1.0 / (r * scale));
    let tiler = Tiler::new(TILE, pixel_size, band, 12);
    let size = recorded.truth.options.image_size();
    let views = recorded
        .images
        .iter()
        .enumerate()
        .map(|(i, image)| SeriesView {
            spectra: tiler.spectra(&mut image.clone(), size).unwrap(),
            geometry: geometry(i, recorded.truth.tilt_series.images[i].geometry.unwrap()),
            rank: recorded.truth.tilt_series.images[i]
                .acquisition_index
                .unwrap_or(i),
        })
        .collect();
    (views, tiler)
}

fn fit(
    views: &[SeriesView],
    tiler: &Tiler,
    recorded: &Recorded,
    options: &FitOptions,
) -> SeriesFit {
    fit_series(
        views,
        tiler.grid(),
        &recorded.truth.options.optics(),
        options,
        &Quiet,
    )
    .unwrap()
}

/// Errors of u − v (Å) and of its direction (degrees).
fn astigmatism_errors(recorded: &Recorded, fit: &SeriesFit) -> Vec<[f64; 2]> {
    let images = recorded.truth.tilt_series.images.iter();
    images
        .zip(&fit.views)
        .map(|(image, view)| {
            let (truth, [x, y]) = (image.ctf.unwrap(), view.as_ref().unwrap().astigmatism);
            let angle = 0.5 * y.atan2(x) - truth.defocus_angle.0;
            let turned = (angle + 0.5 * std::f64::consts::PI).rem_euclid(std::f64::consts::PI);
            [
                2.0 * x.hypot(y) - (truth.defocus_u - truth.defocus_v).0,
                (turned - 0.5 * std::f64::consts::PI).to_degrees(),
            ]
        })
        .collect()
}

/// Errors of defocus and of the astigmatism vector (u − v), Å.
fn errors(recorded: &Recorded, fit: &SeriesFit) -> Vec<[f64; 2]> {
    let images = recorded.truth.tilt_series.images.iter();
    images
        .zip(&fit.views)
        .map(|(image, view)| {
            let (truth, view) = (image.ctf.unwrap(), view.as_ref().unwrap());
            let (half, angle) = (
                0.5 * (truth.defocus_u - truth.defocus_v).0,
                2.0 * truth.defocus_angle.0,
            );
            let astigmatism = [
                view.astigmatism[0] - half * angle.cos(),
                view.astigmatism[1] - half * angle.sin(),
            ];
            let mean = 0.5 * (truth.defocus_u + truth.defocus_v).0;
            [
                view.defocus - mean,
                2.0 * astigmatism[0].hypot(astigmatism[1]),
            ]
        })
        .collect()
}

fn faults(views: &[SeriesView], fit: &SeriesFit) -> Vec<(Fault, Option<usize>)> {
    diagnose(views, fit, options().defocus)
        .into_iter()
        .map(|d| (d.fault, d.view))
        .collect()
}

#[test]
fn defocus_astigmatism_and_hand_are_recovered() {
    for (hand, sign) in [(Hand::Minus, HandSign::Minus), (Hand::Plus, HandSign::Plus)] {
        let recorded = record(
            &SimulationOptions {
                defocus_hand: hand,
                ..base()
            },
            5,
        );
        let (views, tiler) = views(&recorded, 4.0, |_, g| g);
        for mode in [TileMode::Joint, TileMode::StretchSum] {
            let fit = fit(&views, &tiler, &recorded, &FitOptions { mode, ..options() });
            let errors = errors(&recorded, &fit);
            println!(
                "{mode:?} {errors:.0?} margin {:.0} p {:.1e} B {:.0} t {:?}",
                fit.hand.margin, fit.hand.p_value, fit.b_factor, fit.thickness
            );
            assert_eq!(fit.hand.sign, sign);
            assert!(fit.hand.is_certain());
            assert!(errors.iter().all(|e| e[0].abs() < 400.0 && e[1] < 100.0));
            // B3 of bisect-cspt.md.
            let parts = astigmatism_errors(&recorded, &fit);
            assert!(
                parts
                    .iter()
                    .all(|e| e[0].abs() <= 80.0 && e[1].abs() <= 8.0),
                "{parts:.0?}"
            );
            let fitted = fit.views.iter().flatten();
            assert!(fitted.clone().all(ViewFit::has_determined_astigmatism));
            // Two of three views lie within a deviation, nearly all within three of them, of what is expected.
            assert!(fitted.filter(|v| v.deviate().abs() < 3.0).count() >= 10);
            let mut sizes: Vec<f64> = errors.iter().map(|e| e[0].abs()).collect();
            sizes.sort_by(f64::total_cmp);
            assert!(sizes[5] < 150.0, "{sizes:?}");
            assert_eq!(faults(&views, &fit), []);
        }
    }
}

#[test]
fn a_round_lens_has_no_direction() {
    let round = SimulationOptions {
        astigmatism: Angstrom(0.0),
        ..base()
    };
    let recorded = record(&round, 6);
    let (views, tiler) = views(&recorded, 4.0, |_, g| g);
    let fit = fit(&views, &tiler, &recorded, &options());
    let determined = fit.views.iter().flatten();
    let determined = determined.filter(|v| v.has_determined_astigmatism());
    assert_eq!(determined.count(), 0);
}

#[test]
fn a_pre_tilt_is_found_and_does_not_hide_the_hand() {
    let inclined = SimulationOptions {
        ice_y_tilt: Degrees(12.0),
        defocus_hand: Hand::Plus,
        ..base()
    };
    let recorded = record(&inclined, 7);
    let (views, tiler) = views(&recorded, 4.0, |_, g| g);
    let fit = fit(&views, &tiler, &recorded, &options());
    println!(
        "plane {:.1}° {:.1}°",
        fit.plane.tilt_offset.to_degrees(),
        fit.plane.x_tilt_offset.to_degrees()
    );
    assert_eq!(fit.hand.sign, HandSign::Plus);
    assert!((fit.plane.tilt_offset.to_degrees() - 12.0).abs() < 3.0);
    assert!(fit.plane.x_tilt_offset.to_degrees().abs() < 4.0);
}

#[test]
fn single_views_are_named() {
    let mut recorded = record(&base(), 9);
    recorded.images[3].fill(12.0);
    // Another image under this tilt angle: that of the opposite tilt.
    recorded.images[8] = recorded.images[2].clone();
    // Counts without rings.
    let noise = record(
        &SimulationOptions {
            ice_noise: 0.0,
            ..base()
        },
        10,
    );
    recorded.images[5] = noise.images[5].clone();
    let (views, tiler) = views(&recorded, 4.0, |_, g| g);
    let fit = fit(&views, &tiler, &recorded, &options());
    let found = faults(&views, &fit);
    println!("{found:?}");
    assert!(found.contains(&(Fault::Blank, Some(3))) && fit.views[3].is_none());
    assert!(found.contains(&(Fault::NoRings, Some(5))));
    assert!(found.contains(&(Fault::WrongTilt, Some(8))));
    assert_eq!(found.len(), 3);
}

#[test]
fn a_bar_and_a_flipped_gain_are_named() {
    let mut recorded = record(&base(), 13);
    // Stray electrons behind a bar that covers the left quarter of one image.
    for row in recorded.images[4].chunks_exact_mut(512) {
        for (x, pixel) in row[..140].iter_mut().enumerate() {
            *pixel *= if x % 3 == 0 { 0.02 } else { 0.01 };
        }
    }
    let (blocked, tiler) = views(&recorded, 4.0, |_, g| g);
    let found = faults(&blocked, &fit(&blocked, &tiler, &recorded, &options()));
    assert!(found.contains(&(Fault::Blocked, Some(4))), "{found:?}");
    // A gain of 8 % deviation, applied after a turn by half: its quotient with itself is a pattern.
    let gain: Vec<f32> = (0..512 * 512u32)
        .map(|i| 1.0 + 0.08 * ((i.wrapping_mul(2_654_435_761) >> 16) as f32 / 32768.0 - 1.0) * 1.7)
        .collect();
    let mut recorded = record(&base(), 14);
    for image in &mut recorded.images {
        for (i, pixel) in image.iter_mut().enumerate() {
            *pixel *= gain[gain.len() - 1 - i] / gain[i];
        }
    }
    let (flipped, tiler) = views(&recorded, 4.0, |_, g| g);
    let found = faults(&flipped, &fit(&flipped, &tiler, &recorded, &options()));
    assert!(found.contains(&(Fault::FixedPattern, None)), "{found:?}");
}

#[test]
fn whole_series_are_named() {
    let recorded = record(
        &SimulationOptions {
            tilt_step: Degrees(5.0),
            ..base()
        },
        11,
    );
    let named = |views: &[SeriesView], tiler: &Tiler| -> Vec<Fault> {
        let fit = fit(views, tiler, &recorded, &options());
        println!(
            "scale {:.2} turn {:.0}° gain {:.0}, of single views {:.0}",
            fit.gradient.scale,
            fit.gradient.turn.to_degrees(),
            fit.gradient.gain,
            fit.gradient.per_view.iter().map(|v| v[0]).sum::<f64>()
        );
        faults(views, &fit)
            .into_iter()
            .filter(|f| f.1.is_none())
            .map(|f| f.0)
            .collect()
    };
    // Pixels that are 1.4 times too large: rings of 1.96 times the defocus, with a gradient 1.4 times the expected one.
    let (wrong, tiler) = views(&recorded, 5.6, |_, g| g);
    assert_eq!(named(&wrong, &tiler), [Fault::WrongScale]);
    // The axis of mirrored images.
    let mirrored = |_: usize, g: TiltGeometry| TiltGeometry {
        tilt_axis_angle: Degrees(110.0).radians(),
        shift: DVec2::ZERO,
        ..g
    };
    let (wrong, tiler) = views(&recorded, 4.0, mirrored);
    assert_eq!(named(&wrong, &tiler), [Fault::WrongAxis]);
    // Tilt angles in another order.
    let count = recorded.images.len();
    let angles: Vec<_> = recorded
        .truth
        .tilt_series
        .images
        .iter()
        .map(|i| i.nominal_tilt_angle)
        .collect();
    let shuffled = |i: usize, g: TiltGeometry| TiltGeometry {
        tilt_angle: angles[(i * 4 + 3) % count],
        ..g
    };
    let (wrong, tiler) = views(&recorded, 4.0, shuffled);
    assert!(named(&wrong, &tiler).contains(&Fault::WrongOrder));
    // Nothing but counts.
    let noise = record(
        &SimulationOptions {
            ice_noise: 0.0,
            ..base()
        },
        12,
    );
    let (blind, tiler) = views(&noise, 4.0, |_, g| g);
    assert_eq!(named(&blind, &tiler), [Fault::RingsDoNotFit]);
    // The wrong hand, given.
    let (right, tiler) = views(&recorded, 4.0, |_, g| g);
    let given = FitOptions {
        hand: Some(HandSign::Plus),
        find_plane: false,
        ..options()
    };
    let found = diagnose(
        &right,
        &fit(&right, &tiler, &recorded, &given),
        given.defocus,
    );
    assert!(
        found.iter().any(|d| d.fault == Fault::ContraryHand),
        "{found:?}"
    );
}

#[test]
#[ignore = "simulates fifty series, minutes"]
fn the_hand_of_fifty_series() {
    let (mut right, mut least) = (0, f64::INFINITY);
    for seed in 0..50u64 {
        let hand = if seed % 2 == 0 {
            Hand::Plus
        } else {
            Hand::Minus
        };
        let options = SimulationOptions {
            defocus_hand: hand,
            ice_y_tilt: Degrees(if seed % 3 == 0 { 10.0 } else { 0.0 }),
            ice_x_tilt: Degrees(if seed % 4 == 0 { -6.0 } else { 0.0 }),
            dose_per_tilt: Dose(3.0),
            ice_noise: 30.0,
            ..base()
        };
        let recorded = record(&options, 100 + seed);
        let (views, tiler) = views(&recorded, 4.0, |_, g| g);
        let fit = fit(&views, &tiler, &recorded, &self::options());
        right += u32::from(fit.hand.sign == HandSign::from(hand));
        least = least.min(fit.hand.margin);
        println!(
            "{seed}: {:?} margin {:.0} p {:.1e} plane {:.1}° {:.1}°",
            fit.hand.sign,
            fit.hand.margin,
            fit.hand.p_value,
            fit.plane.tilt_offset.to_degrees(),
            fit.plane.x_tilt_offset.to_degrees()
        );
    }
    println!("right {right} of 50, least margin {least:.0}");
    assert_eq!(right, 50);
}
