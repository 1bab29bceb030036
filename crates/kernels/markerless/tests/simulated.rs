//! Marker-free alignment of small simulated series: what was put in is recovered, and what is wrong is called by its name.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod truth;

use ndarray::Array2;
use rand::Rng;
use thon_compute::{Progress, Quiet};
use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DVec2, DVec3};
use thon_markerless::{
    AlignView, Alignment, AxisSearch, CoarseOptions, Diagnosis, Level, MarkerlessError,
    MatchOptions, Specimen, align_coarse, assess, check_order, diagnose, fixed_pattern,
    match_projections, prepare_view, unusable_views,
};
use thon_units::{Angstrom, Degrees};
use truth::Truth;

const SIZE: usize = 128;
const PIXEL: f64 = 20.0;
const AXIS: f64 = 84.0;
const THICKNESS: f64 = 700.0;

fn options() -> MatchOptions {
    MatchOptions {
        specimen: Specimen::Slab {
            thickness: Angstrom(900.0),
        },
        fit_extent: true,
        axis: AxisSearch::Range(4.0),
        level: Level::Automatic,
        shortest_period: 60.0,
        coarse: Some(0.4),
    }
}

/// Blobs in a layer that is wider than the field, seen from 25 sides with noise.
struct Simulated {
    raw: Vec<Array2<f32>>,
    truth: Vec<TiltGeometry>,
}

impl Simulated {
    fn new(seed: u64) -> Self {
        let mut random = thon_compute::seed_stream(seed, "markerless-test", 0);
        let mut uniform = move || (f64::from(random.next_u32()) + 0.5) / 4_294_967_296.0;
        let half = 0.9 * SIZE as f64 * PIXEL;
        let blobs: Vec<DVec3> = (0..900)
            .map(|_| {
                let mut place = || 2.0 * uniform() - 1.0;
                DVec3::new(place() * half, place() * half, place() * THICKNESS / 2.0)
            })
            .collect();
        let truth: Vec<TiltGeometry> = (-12..=12)
            .map(|i| TiltGeometry {
                tilt_axis_angle: Degrees(AXIS).radians(),
                shift: DVec2::new(300.0 * (uniform() - 0.5), 300.0 * (uniform() - 0.5)),
                ..TiltGeometry::tilted(Degrees(5.0 * f64::from(i)).radians())
            })
            .collect();
        let raw = truth
            .iter()
            .map(|g| {
                let mut image = projected(&blobs, g);
                image.mapv_inplace(|v| {
                    let noise =
                        (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
                    (100.0 - 12.0 * f64::from(v) + 8.0 * noise) as f32
                });
                image
            })
            .collect();
        Self { raw, truth }
    }

    fn views(&self) -> Vec<AlignView> {
        self.raw
            .iter()
            .map(|i| prepare_view(&i.view(), PIXEL, 1, None))
            .collect()
    }

    /// Where an alignment starts: nominal tilts, the axis off by some degrees.
    fn start(&self, axis: f64) -> Vec<TiltGeometry> {
        let nominal = |g: &TiltGeometry| TiltGeometry {
            tilt_axis_angle: Degrees(axis).radians(),
            ..TiltGeometry::tilted(g.tilt_angle)
        };
        self.truth.iter().map(nominal).collect()
    }

    fn score(&self, found: &[TiltGeometry]) -> truth::Score {
        Truth::of(PIXEL, SIZE, THICKNESS, &self.truth).score(found)
    }

    fn align(&self, options: &MatchOptions, axis: f64) -> Alignment {
        match_projections(&self.views(), &self.start(axis), options, &Quiet).unwrap()
    }

    fn diagnoses(&self, alignment: &Alignment, axis: f64) -> Vec<Diagnosis> {
        let order = check_order(&self.views(), &self.start(axis)).unwrap();
        diagnose(alignment, &order, Some(axis), SIZE as f64 * PIXEL)
    }
}

fn projected(blobs: &[DVec3], g: &TiltGeometry) -> Array2<f32> {
    let mut image = Array2::<f32>::zeros((SIZE, SIZE));
    let centre = (SIZE / 2) as f64;
    for blob in blobs {
        let at = ((g.matrix() * *blob).truncate() + g.shift) / PIXEL + centre;
        let (cx, cy) = (at.x.round() as i64, at.y.round() as i64);
        for y in cy - 5..=cy + 5 {
            for x in cx - 5..=cx + 5 {
                if x >= 0 && y >= 0 && x < SIZE as i64 && y < SIZE as i64 {
                    let square = (DVec2::new(x as f64, y as f64) - at).length_squared();
                    image[[y as usize, x as usize]] += (-square / 4.5).exp() as f32;
                }
            }
        }
    }
    image
}

#[test]
fn coarse_correlation_finds_the_shifts() {
    let simulated = Simulated::new(1);
    let found = align_coarse(
        &simulated.views(),
        &simulated.start(AXIS + 1.0),
        &CoarseOptions::default(),
    )
    .unwrap();
    let geometries: Vec<_> = found.iter().map(|f| f.geometry).collect();
    let score = simulated.score(&geometries);
    assert!(score.rms < 40.0 && score.worst < 100.0, "{score:?}");
    assert!(found.iter().all(|f| f.peak_ratio > 1.2));
}

#[test]
fn projection_matching_is_precise_and_finds_axis_and_thickness() {
    let simulated = Simulated::new(2);
    let aligned = simulated.align(&options(), AXIS + 2.5);
    let score = simulated.score(&aligned.geometries);
    // A fifth of a pixel on average.
    assert!(score.rms < 4.0 && score.worst < 12.0, "{score:?}");
    assert!(score.axis.abs() < 0.2, "{score:?}");
    let extent = aligned.specimen.extent();
    assert!((0.8..1.25).contains(&(extent / THICKNESS)), "{extent}");
    assert!(
        aligned
            .reports
            .iter()
            .all(|r| r.score > 0.3 && r.deviation < 5.0)
    );
    let diagnoses = simulated.diagnoses(&aligned, AXIS + 2.5);
    assert!(diagnoses.is_empty(), "{diagnoses:?}");
}

#[test]
fn views_that_jump_are_aligned_and_named() {
    let mut simulated = Simulated::new(3);
    for (view, x) in [(6, 38), (17, -38)] {
        let old = simulated.raw[view].clone();
        let shift = DVec2::new(x as f64, 0.0) * PIXEL;
        simulated.truth[view].shift += shift;
        simulated.raw[view] = Array2::from_shape_fn((SIZE, SIZE), |(y, column)| {
            let from = column as i64 - x;
            let seen = (0..SIZE as i64).contains(&from);
            // What comes in from outside shows something else.
            if seen {
                old[[y, from as usize]]
            } else {
                old[[(y + 40) % SIZE, column]]
            }
        });
    }
    let aligned = simulated.align(&options(), AXIS);
    let score = simulated.score(&aligned.geometries);
    assert!(score.rms < 8.0, "{score:?}");
    let named: Vec<usize> = simulated
        .diagnoses(&aligned, AXIS)
        .iter()
        .filter_map(|d| match d {
            Diagnosis::Displaced { view, .. } => Some(*view),
            _ => None,
        })
        .collect();
    assert_eq!(named, [6, 17]);
}

#[test]
fn empty_blocked_and_repeated_views_are_named() {
    let mut simulated = Simulated::new(4);
    simulated.raw[3].fill(100.0);
    simulated.raw[8].mapv_inplace(|v| 0.02 * v);
    simulated.raw[14] = simulated.raw[10].clone();
    let found = unusable_views(&simulated.views(), &simulated.start(AXIS));
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{text:?}");
    assert!(matches!(found[0], Diagnosis::Empty { view: 3 }));
    assert!(matches!(found[1], Diagnosis::Blocked { view: 8, .. }));
    assert!(matches!(
        found[2],
        Diagnosis::Duplicate { view: 14, of: 10 }
    ));
    assert!(
        text[2].contains("image 15 is a copy of image 11"),
        "{text:?}"
    );
}

#[test]
fn a_view_of_something_else_is_named() {
    let mut simulated = Simulated::new(5);
    simulated.raw[20] = Simulated::new(99).raw[4].clone();
    let aligned = simulated.align(&options(), AXIS);
    let diagnoses = simulated.diagnoses(&aligned, AXIS);
    let unrelated = |d: &&Diagnosis| matches!(d, Diagnosis::Unrelated { view: 20, .. });
    assert_eq!(
        diagnoses.iter().filter(unrelated).count(),
        1,
        "{diagnoses:?} {:?}",
        aligned.reports[20]
    );
}

#[test]
fn shuffled_images_are_named() {
    let mut simulated = Simulated::new(6);
    let order: Vec<usize> = (0..25).map(|i| (i * 7 + 3) % 25).collect();
    simulated.raw = order.iter().map(|&i| simulated.raw[i].clone()).collect();
    let report = check_order(&simulated.views(), &simulated.start(AXIS)).unwrap();
    assert!(report.is_wrong(), "{report:?}");
    let right = Simulated::new(6);
    let report = check_order(&right.views(), &right.start(AXIS)).unwrap();
    assert!(!report.is_wrong() && report.in_order > 0.9, "{report:?}");
}

#[test]
fn mirrored_images_and_a_wrong_axis_are_named() {
    let mut simulated = Simulated::new(7);
    let everywhere = MatchOptions {
        axis: AxisSearch::Everywhere,
        fit_extent: false,
        level: Level::Never,
        ..options()
    };
    let aligned = simulated.align(&everywhere, 30.0);
    let diagnoses = simulated.diagnoses(&aligned, 30.0);
    let wrong = |d: &&Diagnosis| matches!(d, Diagnosis::WrongAxis { found, .. } if (((found - AXIS + 90.0).rem_euclid(180.0)) - 90.0).abs() < 1.0);
    assert_eq!(diagnoses.iter().filter(wrong).count(), 1, "{diagnoses:?}");
    for image in &mut simulated.raw {
        image.invert_axis(ndarray::Axis(0));
        *image = image.as_standard_layout().into_owned();
    }
    let aligned = simulated.align(&everywhere, AXIS);
    let diagnoses = simulated.diagnoses(&aligned, AXIS);
    let mirrored = |d: &&Diagnosis| matches!(d, Diagnosis::Mirrored { .. });
    assert_eq!(
        diagnoses.iter().filter(mirrored).count(),
        1,
        "{diagnoses:?}"
    );
}

#[test]
fn a_flipped_gain_is_named() {
    let mut simulated = Simulated::new(10);
    assert_eq!(fixed_pattern(&simulated.views()), None);
    // A gain that deviates by 8 %, applied after a turn by half.
    let mut random = thon_compute::seed_stream(10, "gain", 0);
    let gain: Vec<f32> = (0..SIZE * SIZE)
        .map(|_| 1.0 + 0.14 * (random.next_u32() as f32 / 2.0_f32.powi(31) - 1.0))
        .collect();
    for image in &mut simulated.raw {
        for (i, pixel) in image.iter_mut().enumerate() {
            *pixel *= gain[gain.len() - 1 - i] / gain[i];
        }
    }
    let found = fixed_pattern(&simulated.views());
    assert!(
        matches!(found, Some(Diagnosis::FixedPattern { .. })),
        "{found:?}"
    );
}

#[test]
fn noise_and_a_wrong_pixel_size_are_named() {
    let mut noise = Simulated::new(8);
    let mut random = thon_compute::seed_stream(8, "noise-only", 0);
    for image in &mut noise.raw {
        image.mapv_inplace(|_| 100.0 + (random.next_u32() >> 24) as f32);
    }
    let aligned = noise.align(&options(), AXIS);
    let diagnoses = noise.diagnoses(&aligned, AXIS);
    assert!(
        diagnoses
            .iter()
            .any(|d| matches!(d, Diagnosis::WeakSignal { .. })),
        "{diagnoses:?}"
    );
    // Pixels said to be a twentieth of what they are: a layer 35 Å thick.
    let simulated = Simulated::new(9);
    let views: Vec<_> = simulated
        .raw
        .iter()
        .map(|i| prepare_view(&i.view(), PIXEL / 20.0, 1, None))
        .collect();
    let small = MatchOptions {
        shortest_period: 3.0,
        level: Level::Never,
        ..options()
    };
    let aligned = match_projections(&views, &simulated.start(AXIS), &small, &Quiet).unwrap();
    let order = check_order(&views, &simulated.start(AXIS)).unwrap();
    let diagnoses = diagnose(&aligned, &order, Some(AXIS), SIZE as f64);
    let named = |d: &&Diagnosis| matches!(d, Diagnosis::ImplausibleExtent { .. });
    assert_eq!(diagnoses.iter().filter(named).count(), 1, "{diagnoses:?}");
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let simulated = Simulated::new(10);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| simulated.align(&options(), AXIS))
            .geometries
    };
    assert_eq!(run(1), run(2));
}

struct Never;

impl Progress for Never {
    fn advance(&self, _: u64, _: u64) {}
    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn bad_input_and_cancellation_are_errors() {
    let simulated = Simulated::new(11);
    let (views, start) = (simulated.views(), simulated.start(AXIS));
    let stopped = match_projections(&views, &start, &options(), &Never);
    assert!(matches!(stopped, Err(MarkerlessError::Cancelled(_))));
    let few = match_projections(&views[..2], &start[..2], &options(), &Quiet);
    assert!(few.unwrap_err().to_string().contains("at least 3"));
    let uneven = match_projections(&views, &start[1..], &options(), &Quiet);
    assert!(uneven.unwrap_err().to_string().contains("geometries"));
    let fine = MatchOptions {
        shortest_period: 10.0,
        ..options()
    };
    let error = match_projections(&views, &start, &fine, &Quiet).unwrap_err();
    assert!(error.to_string().contains("shortest_period"), "{error}");
}

#[test]
fn a_better_alignment_is_told_from_a_worse_one_without_truth() {
    let simulated = Simulated::new(5);
    let views = simulated.views();
    let specimen = Specimen::Slab {
        thickness: Angstrom(THICKNESS),
    };
    let spoilt = |shift: f64, axis: f64| -> Vec<TiltGeometry> {
        let change = |(i, g): (usize, &TiltGeometry)| TiltGeometry {
            tilt_axis_angle: Degrees(g.tilt_axis_angle.degrees().0 + axis).radians(),
            shift: g.shift + DVec2::from_angle(i as f64 * 2.4) * shift,
            ..*g
        };
        simulated.truth.iter().enumerate().map(change).collect()
    };
    let of = |shift: f64, axis: f64| assess(&views, &spoilt(shift, axis), specimen, 60.0).unwrap();
    let good = of(0.0, 0.0);
    let by_shift: Vec<_> = [8.0, 16.0, 32.0].map(|shift| of(shift, 0.0)).into();
    for pair in std::iter::once(&good)
        .chain(&by_shift)
        .collect::<Vec<_>>()
        .windows(2)
    {
        assert!(
            pair[1].displacement > 1.3 * pair[0].displacement,
            "{pair:?}"
        );
        assert!(pair[1].score < pair[0].score, "{pair:?}");
    }
    // The displacement is the error itself, not only its rank.
    for (quality, put_in) in by_shift.iter().zip([8.0, 16.0, 32.0]) {
        assert!(
            (quality.displacement / put_in - 1.0).abs() < 0.35,
            "{} of {put_in}",
            quality.displacement
        );
    }
    let turned = [1.0, 3.0].map(|axis| of(0.0, axis).score);
    assert!(
        good.score > turned[0] && turned[0] > turned[1],
        "{} {turned:?}",
        good.score
    );
    println!(
        "alignment: quality without truth, 0, 8, 16, 32 Å put in: displacement {:.1}, {:.1}, {:.1}, {:.1} Å, score {:.3}, {:.3}, {:.3}, {:.3} | – | ranked, within 35 %",
        good.displacement,
        by_shift[0].displacement,
        by_shift[1].displacement,
        by_shift[2].displacement,
        good.score,
        by_shift[0].score,
        by_shift[1].score,
        by_shift[2].score
    );
}
