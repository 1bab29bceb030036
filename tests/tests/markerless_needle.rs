//! The real HAADF tilt series of a needle aligns and reconstructs into a straight, round needle.
//!
//! `THON_WRITE_PICTURES=docs/pictures` writes the picture that the validation shows.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::PathBuf;

use ndarray::{Array2, Array3, s};
use serde_json::json;
use thon_picture::{Contrast, gray, row_of};
use thon_project::{Durable, Project};
use thon_tests::{engine, output, output_file, read_map, run, shared_data};

const PIXEL: f64 = 179.949;
const EDGE: usize = 64;

fn series() -> Option<PathBuf> {
    shared_data().map(|data| data.join("11_images/HAADF_tilt_series.dm3"))
}

/// The three jobs, as `thon run` starts them one after the other.
#[test]
fn the_needle_is_straight_and_round() {
    let Some(file) = series() else { return };
    let here = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), &here.path().join("project")).unwrap();
    let engine = engine(&project);
    let imported = run(
        &engine,
        "import.digital-micrograph",
        json!({ "files": [file], "tilt_axis_angle": -90.0 }),
        &[],
    );
    let aligned = run(
        &engine,
        "tilt_series.align-projections",
        json!({ "specimen": "needle", "axis_range": 20.0, "level": "never", "ignore_gold": false }),
        &[("tilt_series", output(imported, "tilt_series"))],
    );
    let extent = 48.0 * PIXEL;
    let made = run(
        &engine,
        "tomogram.reconstruct-wbp",
        json!({
            "voxel_size": PIXEL, "thickness": extent, "storage": "float32",
            "region": { "width": extent },
        }),
        &[("tilt_series", output(aligned, "tilt_series"))],
    );
    let place = output_file(&project, made, "tomograms", 0);
    let tomogram = std::fs::read_dir(place.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "mrc"))
        .unwrap();
    let volume = read_map(&tomogram).data;
    assert_eq!(volume.dim(), (48, EDGE, 48));
    picture(&volume);
    let sections = sections(&volume);
    let worst = sections.iter().map(|s| s.elongation).fold(0.0, f64::max);
    let bend = bend(&sections);
    println!(
        "alignment: HAADF needle by jobs: {} sections, largest elongation {worst:.3}, bend {bend:.3} voxels | – | bound 1.2, 0.3",
        sections.len()
    );
    assert!(sections.len() > 25);
    assert!(worst < 1.2, "the needle is not round: {worst}");
    assert!(bend < 0.3, "the needle is not straight: {bend} voxels");
}

/// The list of angles beside the series has 77 lines for 91 images.
#[test]
fn angles_of_another_stack_are_refused() {
    let Some(file) = series() else { return };
    let here = tempfile::tempdir().unwrap();
    let project = Project::create(&Durable::default(), &here.path().join("project")).unwrap();
    let engine = engine(&project);
    let spec = thon_engine::JobSpec {
        operation: "import.digital-micrograph".into(),
        parameters: json!({ "files": [file], "angles": file.with_extension("rawtlt") }),
        ..thon_engine::JobSpec::default()
    };
    let refused = engine.submit(&spec).and_then(|job| engine.run(job));
    let said = format!("{:?}", refused.unwrap_err());
    assert!(said.contains("91 angles") && said.contains("77"), "{said}");
}

/// Middle and shape of the needle in a plane across its axis.
struct Section {
    y: f64,
    middle: [f64; 2],
    elongation: f64,
}

fn sections(volume: &Array3<f32>) -> Vec<Section> {
    let high = volume.iter().copied().fold(0.0, f32::max);
    // The dim base leaves the field of the inclined images; what lies above it is in all of them.
    (13..EDGE)
        .filter_map(|y| {
            let plane = volume.slice(s![.., y, ..]);
            let top = plane.iter().copied().fold(0.0, f32::max);
            if top < 0.35 * high {
                return None;
            }
            let inside: Vec<[f64; 2]> = plane
                .indexed_iter()
                .filter(|(_, v)| **v > 0.4 * top)
                .map(|((z, x), _)| [x as f64, z as f64])
                .collect();
            let n = inside.len() as f64;
            let middle = [0, 1].map(|k| inside.iter().map(|p| p[k]).sum::<f64>() / n);
            let moment = |a: usize, b: usize| {
                inside
                    .iter()
                    .map(|p| (p[a] - middle[a]) * (p[b] - middle[b]))
                    .sum::<f64>()
                    / n
            };
            let (xx, zz, xz) = (moment(0, 0), moment(1, 1), moment(0, 1));
            let spread = ((xx - zz).powi(2) / 4.0 + xz * xz).sqrt();
            let half = f64::midpoint(xx, zz);
            // Small sections are ragged at this sampling.
            (n > 25.0).then(|| Section {
                y: y as f64,
                middle,
                elongation: ((half + spread) / (half - spread)).sqrt(),
            })
        })
        .collect()
}

/// Root mean square distance of the sections' middles from a straight line, voxels.
fn bend(sections: &[Section]) -> f64 {
    let n = sections.len() as f64;
    let mean = sections.iter().map(|s| s.y).sum::<f64>() / n;
    let mut total = 0.0;
    for k in 0..2 {
        let level = sections.iter().map(|s| s.middle[k]).sum::<f64>() / n;
        let (up, down) = sections.iter().fold((0.0, 0.0), |(u, d), s| {
            (
                u + (s.y - mean) * (s.middle[k] - level),
                d + (s.y - mean).powi(2),
            )
        });
        let slope = up / down;
        total += sections
            .iter()
            .map(|s| (s.middle[k] - level - slope * (s.y - mean)).powi(2))
            .sum::<f64>();
    }
    (total / n).sqrt()
}

/// Slices along the needle from two sides and four across it.
fn picture(volume: &Array3<f32>) {
    let Some(folder) = std::env::var_os("THON_WRITE_PICTURES") else {
        return;
    };
    let enlarged = |slice: ndarray::ArrayView2<'_, f32>| {
        let (ny, nx) = slice.dim();
        let large = Array2::from_shape_fn((4 * ny, 4 * nx), |(y, x)| slice[[y / 4, x / 4]]);
        gray(&large.view(), Contrast::Percentile(0.002), 256)
    };
    let mut panels = vec![
        enlarged(volume.slice(s![24, .., ..])),
        enlarged(volume.slice(s![.., .., 24]).t()),
    ];
    for y in [16, 26, 36, 46] {
        panels.push(enlarged(volume.slice(s![.., y, ..])));
    }
    let picture = row_of(&panels, 8, [255, 255, 255]);
    std::fs::write(
        std::path::Path::new(&folder).join("haadf-needle.png"),
        picture.to_png(),
    )
    .unwrap();
}
