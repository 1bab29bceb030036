//! The real HAADF tilt series of a needle aligns and reconstructs into a straight, round needle.
//!
//! `THON_WRITE_PICTURES=docs/pictures` writes the picture that the validation shows.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use ndarray::{Array2, Array3, s};
use thon_compute::Quiet;
use thon_geometry::{Grid, TiltGeometry};
use thon_images::dm::DmFile;
use thon_markerless::{AxisSearch, Level, MatchOptions, Specimen, match_projections, prepare_view};
use thon_picture::{Contrast, gray, row_of};
use thon_reconstruct::{ImagesInMemory, View, VolumeInMemory, WbpOptions, reconstruct_wbp};
use thon_units::{Angstrom, Degrees, PixelSize};

const PIXEL: f64 = 179.949;
const EDGE: usize = 64;

#[test]
fn the_needle_is_straight_and_round() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/11_images/HAADF_tilt_series.dm3"
    );
    if !std::path::Path::new(path).exists() {
        println!("skipped: shared data absent");
        return;
    }
    let file = DmFile::open(path).unwrap();
    let stack = file.image().unwrap();
    let raw: Vec<Vec<f32>> = (0..91)
        .map(|z| file.read_section(&stack, z).unwrap())
        .collect();
    let views: Vec<_> = raw
        .iter()
        .map(|p| Array2::from_shape_vec((EDGE, EDGE), p.clone()).unwrap())
        .map(|i| prepare_view(&i.view(), PIXEL, 1, None))
        .collect();
    // The file's own calibration: 2° per image, 0° at number 45. The needle lies roughly along image x.
    let start: Vec<TiltGeometry> = (0..91)
        .map(|i| TiltGeometry {
            tilt_axis_angle: Degrees(-90.0).radians(),
            ..TiltGeometry::tilted(Degrees(2.0 * (f64::from(i) - 45.0)).radians())
        })
        .collect();
    let options = MatchOptions {
        specimen: Specimen::Needle {
            diameter: Angstrom(3000.0),
        },
        fit_extent: true,
        axis: AxisSearch::Range(20.0),
        level: Level::Never,
        shortest_period: 2.6 * PIXEL,
        coarse: Some(0.3),
    };
    let aligned = match_projections(&views, &start, &options, &Quiet).unwrap();
    let axis = aligned.geometries[0].tilt_axis_angle.degrees().0;
    let mean = aligned.reports.iter().map(|r| r.score).sum::<f64>() / 91.0;
    println!(
        "axis {axis:.2}°, diameter {:.0} Å, mean score {mean:.3}",
        aligned.specimen.extent()
    );
    let volume = reconstruct(raw, &aligned.geometries);
    picture(&volume);
    let sections = sections(&volume);
    let worst = sections.iter().map(|s| s.elongation).fold(0.0, f64::max);
    let bend = bend(&sections);
    println!(
        "{} sections, largest elongation {worst:.3}, bend {bend:.3} voxels",
        sections.len()
    );
    assert!(sections.len() > 25);
    assert!(worst < 1.2, "the needle is not round: {worst}");
    assert!(bend < 0.3, "the needle is not straight: {bend} voxels");
}

fn reconstruct(raw: Vec<Vec<f32>>, geometries: &[TiltGeometry]) -> Array3<f32> {
    let grid = Grid::new([48, EDGE, 48], PixelSize(PIXEL));
    let views: Vec<View> = geometries
        .iter()
        .enumerate()
        .map(|(image, geometry)| View {
            image,
            geometry: *geometry,
        })
        .collect();
    let images = ImagesInMemory {
        size: [EDGE, EDGE],
        images: raw,
    };
    let mut sink = VolumeInMemory::new(grid.dims);
    reconstruct_wbp(
        &images,
        &views,
        PixelSize(PIXEL),
        &grid,
        &WbpOptions::default(),
        &Quiet,
        &mut sink,
    )
    .unwrap();
    Array3::from_shape_vec((48, EDGE, 48), sink.voxels).unwrap()
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
