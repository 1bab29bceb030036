//! Marker-free alignment of simulated series with known truth: the folder named by `THON_RECON_DATA` (see the generators
//! of the benches). Run: `THON_RECON_DATA=… cargo test -p thon-tests --test markerless_recon -- --ignored --nocapture`.
#![expect(
    clippy::print_stdout,
    reason = "the figures are what the test is run for"
)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../../crates/kernels/markerless/tests/truth/mod.rs"]
mod truth;

use std::path::Path;

use ndarray::Array2;
use thon_compute::Quiet;
use thon_geometry::TiltGeometry;
use thon_images::mrc::Mrc;
use thon_markerless::{
    AxisSearch, GoldOptions, MatchOptions, Specimen, binning_for, match_projections, prepare_view,
};
use thon_units::{Angstrom, Degrees};
use truth::Truth;

fn folder() -> Option<std::path::PathBuf> {
    std::env::var_os("THON_RECON_DATA").map(Into::into)
}

/// What an operator knows before the alignment: the stage's tilts, and the axis to 0.1°.
fn nominal_start(truth: &Truth) -> Vec<TiltGeometry> {
    truth
        .nominal
        .iter()
        .map(|t| TiltGeometry {
            tilt_axis_angle: Degrees(85.1).radians(),
            ..TiltGeometry::tilted(Degrees(*t).radians())
        })
        .collect()
}

/// The recorded images.
fn images(truth: &Truth, folder: &Path) -> Vec<Array2<f32>> {
    let file = Mrc::open(folder.join("ts.mrc")).unwrap();
    (0..truth.nominal.len())
        .map(|z| {
            let pixels = file.read_section(z).unwrap();
            Array2::from_shape_vec((truth.size, truth.size), pixels.into_iter().collect()).unwrap()
        })
        .collect()
}

fn run(name: &str, options: &MatchOptions, gold: bool, axis_error: f64) -> Option<truth::Score> {
    let folder = folder()?.join(name);
    let truth = Truth::read(&folder);
    let binning = binning_for(truth.pixel_size, options.shortest_period / 2.5);
    let started = std::time::Instant::now();
    let gold = gold.then(GoldOptions::default);
    let views: Vec<_> = images(&truth, &folder)
        .iter()
        .map(|i| prepare_view(&i.view(), truth.pixel_size, binning, gold.as_ref()))
        .collect();
    let start: Vec<TiltGeometry> = truth
        .nominal
        .iter()
        .map(|t| TiltGeometry {
            tilt_axis_angle: Degrees(84.1 + axis_error).radians(),
            ..TiltGeometry::tilted(Degrees(*t).radians())
        })
        .collect();
    let result = match_projections(&views, &start, options, &Quiet).unwrap();
    let elapsed = started.elapsed().as_secs_f64();
    let score = truth.score(&result.geometries);
    let mean = |f: &dyn Fn(&thon_markerless::ViewReport) -> f64| {
        result.reports.iter().map(f).sum::<f64>() / result.reports.len() as f64
    };
    println!(
        "{name}: {:.3} nm RMS, worst view {:.3} nm, axis {:+.3}°, {elapsed:.1} s; extent {:.0} Å, offset {:?}, pitch {:?}; score {:.3}, sd {:.3} nm, halves {:.3} nm; in-painted {:.3}",
        score.rms / 10.0,
        score.worst / 10.0,
        score.axis,
        result.specimen.extent(),
        result.tilt_offset.as_ref().map(|p| (p.best, p.deviation)),
        result.pitch.as_ref().map(|p| (p.best, p.deviation)),
        mean(&|r| r.score),
        mean(&|r| r.deviation) / 10.0,
        mean(&|r| r.residual) / 10.0,
        views.iter().map(|v| v.in_painted).sum::<f64>() / views.len() as f64,
    );
    println!(
        "alignment: {name}, projections: {:.2} nm, axis {:+.2}° | IMOD common lines 6.9° | bound 0.6 nm, 0.5°; stretch 0.3 nm",
        score.rms / 10.0,
        score.axis
    );
    if std::env::var_os("THON_VERBOSE").is_some() {
        for (i, r) in result.reports.iter().enumerate() {
            println!("  {i} err {:.2} nm {r:?}", score.views[i] / 10.0);
        }
        println!(
            "  axis {:?}\n  extent {:?}\n  offset {:?}\n pitch {:?}\n signal {:?}",
            result.axis, result.extent, result.tilt_offset, result.pitch, result.signal
        );
    }
    Some(score)
}

fn options() -> MatchOptions {
    MatchOptions {
        specimen: Specimen::Slab {
            thickness: Angstrom(1500.0),
        },
        fit_extent: true,
        axis: AxisSearch::Range(6.0),
        level: thon_markerless::Level::Automatic,
        shortest_period: 30.0,
        coarse: Some(0.4),
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn coarse_correlation_reaches_its_target() {
    for name in (1..=5).flat_map(|s| [format!("ts512_s{s}"), format!("ts512_nobeads_s{s}")]) {
        let Some(folder) = folder() else { return };
        let folder = folder.join(&name);
        let truth = Truth::read(&folder);
        let images = images(&truth, &folder);
        let started = std::time::Instant::now();
        let binning = binning_for(truth.pixel_size, 2765.0 / 24.0 / 2.5);
        let views: Vec<_> = images
            .iter()
            .map(|i| {
                prepare_view(
                    &i.view(),
                    truth.pixel_size,
                    binning,
                    Some(&GoldOptions::default()),
                )
            })
            .collect();
        let start = nominal_start(&truth);
        let found = thon_markerless::align_coarse(
            &views,
            &start,
            &thon_markerless::CoarseOptions::default(),
        )
        .unwrap();
        let elapsed = started.elapsed().as_secs_f64();
        let score = truth.score(&found.iter().map(|f| f.geometry).collect::<Vec<_>>());
        let lowest = found
            .iter()
            .map(|f| f.peak_ratio)
            .fold(f64::INFINITY, f64::min);
        println!(
            "{name}: {:.2} nm RMS, worst view {:.2} nm, lowest ratio {lowest:.2}, {elapsed:.2} s",
            score.rms / 10.0,
            score.worst / 10.0
        );
        println!(
            "alignment: {name}, coarse: {:.2} nm, worst view {:.2} nm | tiltxcorr 2.9 nm | bound 5, worst 15; stretch 1.5",
            score.rms / 10.0,
            score.worst / 10.0
        );
        assert!(
            score.rms <= 50.0 && score.worst <= 150.0,
            "{name}: {score:?}"
        );
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn patch_tracking_with_bundle_adjustment() {
    for name in (1..=5).flat_map(|s| [format!("ts512_s{s}"), format!("ts512_nobeads_s{s}")]) {
        let Some(folder) = folder() else { return };
        let folder = folder.join(&name);
        let truth = Truth::read(&folder);
        let started = std::time::Instant::now();
        let views: Vec<_> = images(&truth, &folder)
            .iter()
            .map(|i| {
                prepare_view(
                    &i.view(),
                    truth.pixel_size,
                    2,
                    Some(&GoldOptions::default()),
                )
            })
            .collect();
        let mut geometry = nominal_start(&truth);
        let coarse = thon_markerless::align_coarse(
            &views,
            &geometry,
            &thon_markerless::CoarseOptions::default(),
        )
        .unwrap();
        geometry = coarse.iter().map(|c| c.geometry).collect();
        for (round, period) in [100.0, 60.0, 40.0].into_iter().enumerate() {
            let specimen = Specimen::Slab {
                thickness: Angstrom(1250.0),
            };
            let found = thon_markerless::track_patches(
                &views,
                &geometry,
                specimen,
                period,
                &thon_markerless::PatchOptions::default(),
                &Quiet,
            )
            .unwrap();
            let solution = thon_align::adjust(
                &found.tracks,
                &geometry,
                &thon_align::Adjustment::fixed_tilts(),
            )
            .unwrap();
            geometry = solution
                .geometry
                .iter()
                .zip(&geometry)
                .map(|(new, old)| new.unwrap_or(*old))
                .collect();
            let score = truth.score(&geometry);
            println!(
                "{name} round {round}: {} patches, residual {:.2} nm; {:.3} nm RMS, worst {:.3} nm, axis {:+.3}°, {:.1} s",
                found.tracks.len(),
                solution.mean_residual / 10.0,
                score.rms / 10.0,
                score.worst / 10.0,
                score.axis,
                started.elapsed().as_secs_f64()
            );
        }
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn projection_matching_reaches_its_target() {
    let names = std::env::var("THON_RECON_NAMES").unwrap_or_else(|_| {
        (1..=5)
            .flat_map(|s| [format!("ts512_s{s}"), format!("ts512_nobeads_s{s}")])
            .collect::<Vec<_>>()
            .join(",")
    });
    for name in names.split(',') {
        let gold = std::env::var("THON_GOLD").is_ok_and(|v| v == "0");
        if let Some(score) = run(name, &options(), !gold, 2.0) {
            assert!(
                score.rms <= 6.0 && score.axis.abs() <= 0.5,
                "{name}: {score:?}"
            );
        }
    }
}

/// Views that are spoilt in the test of robustness.
const BLANK: [usize; 3] = [2, 17, 39];
const DISPLACED: [usize; 2] = [9, 30];
/// The second is a copy of the first.
const REPEATED: [usize; 2] = [24, 25];

/// Three blank views, two displaced by 30 % of the field, one repeated.
fn spoil(images: &mut [Array2<f32>]) {
    for view in BLANK {
        let mean = images[view].mean().unwrap();
        images[view].fill(0.01 * mean);
    }
    for (view, axis) in DISPLACED.into_iter().zip([0, 1]) {
        let (ny, nx) = images[view].dim();
        let by = (0.3 * ny as f64) as usize;
        let old = images[view].clone();
        images[view] = Array2::from_shape_fn((ny, nx), |(y, x)| match axis {
            0 => old[[(y + ny - by) % ny, x]],
            _ => old[[y, (x + nx - by) % nx]],
        });
    }
    let first = images[REPEATED[0]].clone();
    images[REPEATED[1]].assign(&first);
}

struct Beads(Vec<Array2<f32>>);

impl thon_align::Images for Beads {
    fn size(&self) -> [usize; 2] {
        self.0[0].dim().into()
    }

    fn load(&self, view: usize) -> Result<Array2<f32>, String> {
        Ok(self.0[view].clone())
    }
}

/// Views of a spoilt series that are named, and what remains of the others' error, Å: by projections, and by beads.
struct Spoilt {
    named: Vec<usize>,
    projections: f64,
    beads: Option<f64>,
}

fn spoilt(folder: &Path, with_beads: bool) -> Spoilt {
    use thon_markerless::{Diagnosis, check_order, diagnose, unusable_views};
    let truth = Truth::read(folder);
    let mut images = images(&truth, folder);
    spoil(&mut images);
    let binning = binning_for(truth.pixel_size, options().shortest_period / 2.5);
    let gold = GoldOptions::default();
    let prepared =
        |i: &usize| prepare_view(&images[*i].view(), truth.pixel_size, binning, Some(&gold));
    let start = nominal_start(&truth);
    let all: Vec<usize> = (0..images.len()).collect();
    let mut named: Vec<usize> =
        unusable_views(&all.iter().map(prepared).collect::<Vec<_>>(), &start)
            .iter()
            .filter_map(|fault| match fault {
                Diagnosis::Empty { view }
                | Diagnosis::Blocked { view, .. }
                | Diagnosis::Duplicate { view, .. } => Some(*view),
                _ => None,
            })
            .collect();
    let kept: Vec<usize> = all.into_iter().filter(|i| !named.contains(i)).collect();
    let views: Vec<_> = kept.iter().map(prepared).collect();
    let start: Vec<TiltGeometry> = kept.iter().map(|&i| start[i]).collect();
    let aligned = match_projections(&views, &start, &options(), &Quiet).unwrap();
    let order = check_order(&views, &start).unwrap();
    let field = truth.size as f64 * truth.pixel_size;
    for fault in diagnose(&aligned, &order, Some(85.1), field) {
        if let Diagnosis::Displaced { view, .. } | Diagnosis::Unrelated { view, .. } = fault {
            named.push(kept[view]);
        }
    }
    named.sort_unstable();
    named.dedup();
    // A view displaced by rolling it shows two places at once: its own score does not count.
    let counted: Vec<usize> = (0..kept.len())
        .filter(|&k| !DISPLACED.contains(&kept[k]))
        .collect();
    let rest = truth.subset(&counted.iter().map(|&k| kept[k]).collect::<Vec<_>>());
    let found: Vec<TiltGeometry> = counted.iter().map(|&k| aligned.geometries[k]).collect();
    let by_beads = || {
        let stack = Beads(counted.iter().map(|k| images[kept[*k]].clone()).collect());
        let begin: Vec<TiltGeometry> = counted.iter().map(|&k| start[k]).collect();
        let used = vec![true; counted.len()];
        let options = thon_align::BeadOptions::default();
        let found =
            thon_align::align_beads(&stack, &begin, &used, truth.pixel_size, &options, &Quiet);
        let geometry = found.unwrap().solution.unwrap().geometry;
        rest.score(&geometry.into_iter().flatten().collect::<Vec<_>>())
            .rms
    };
    Spoilt {
        named,
        projections: rest.score(&found).rms,
        beads: with_beads.then(by_beads),
    }
}

#[test]
#[ignore = "needs THON_RECON_DATA"]
fn spoilt_views_are_all_named_and_the_rest_stays_within_the_limits() {
    let mut wrong = Vec::new();
    let names = (1..=5).flat_map(|s| [format!("ts512_s{s}"), format!("ts512_nobeads_s{s}")]);
    for name in names {
        let Some(folder) = folder() else { return };
        let found = spoilt(&folder.join(&name), !name.contains("nobeads"));
        let beads = found.beads.map_or_else(
            || "no beads".to_owned(),
            |beads| format!("{:.3} nm by beads", beads / 10.0),
        );
        println!(
            "alignment: {name}, spoilt: named {:?}; the rest {:.2} nm by projections, {beads} | – | all named, 0.6 and 0.15 nm",
            found.named,
            found.projections / 10.0,
        );
        let named = |view: &usize| found.named.contains(view);
        let all = BLANK.iter().chain(&DISPLACED).all(named) && REPEATED.iter().any(named);
        let near = found.projections <= 6.0 && found.beads.is_none_or(|beads| beads <= 1.5);
        if !(all && near) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
