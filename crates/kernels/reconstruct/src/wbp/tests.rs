//! Back-projection of Gaussian blobs with known projections: place, amplitude, chain, memory, threads.

use glam::{DMat2, DVec2, DVec3};
use thon_compute::Quiet;
use thon_geometry::{Point, TiltGeometry};
use thon_units::{Angstrom, Degrees};

use super::*;

/// Gaussian blobs exp(−r²/2σ²) of density 1 at the given places (Å), projected exactly: line integrals in Å.
pub(super) fn images(
    views: &[View],
    blobs: &[DVec3],
    sigma: f64,
    size: [usize; 2],
    pixel: f64,
) -> ImagesInMemory {
    let images = views
        .iter()
        .map(|view| {
            let centres: Vec<DVec2> = blobs
                .iter()
                .map(|blob| {
                    let point = Point::from_vector(*blob);
                    view.geometry
                        .project_to_pixel(point, PixelSize(pixel), size)
                })
                .collect();
            // With an affine chain the blob's picture is deformed, too.
            let back = view.geometry.affine.inverse();
            (0..size[0] * size[1])
                .map(|i| {
                    let at = DVec2::new((i % size[1]) as f64, (i / size[1]) as f64);
                    let sum: f64 = centres
                        .iter()
                        .map(|c| (back * (at - c) * pixel).length_squared())
                        .map(|r2| (-r2 / (2.0 * sigma * sigma)).exp())
                        .sum();
                    (sum * sigma * (2.0 * std::f64::consts::PI).sqrt()) as f32
                })
                .collect()
        })
        .collect();
    ImagesInMemory { size, images }
}

pub(super) fn series(
    angles: impl Iterator<Item = f64>,
    change: impl Fn(usize, TiltGeometry) -> TiltGeometry,
) -> Vec<View> {
    angles
        .enumerate()
        .map(|(image, angle)| View {
            image,
            geometry: change(image, TiltGeometry::tilted(Degrees(angle).radians())),
        })
        .collect()
}

fn zero() -> WbpOptions {
    WbpOptions {
        background: Background::Zero,
        ..WbpOptions::default()
    }
}

fn reconstruct(
    images: &ImagesInMemory,
    views: &[View],
    pixel: f64,
    grid: &Grid,
    options: &WbpOptions,
) -> Vec<f32> {
    let mut sink = VolumeInMemory::new(grid.dims);
    reconstruct_wbp(
        images,
        views,
        PixelSize(pixel),
        grid,
        options,
        &Quiet,
        &mut sink,
    )
    .unwrap();
    sink.voxels
}

/// Centre of mass of what is above half the maximum within `radius` voxels of a place, Å, and the maximum.
fn blob_at(volume: &[f32], grid: &Grid, near: DVec3, radius: f64) -> (DVec3, f32) {
    let centre = grid.index_of(Point::from_vector(near));
    let [_, ny, nx] = grid.dims;
    let at = |i: usize| DVec3::new((i % nx) as f64, (i / nx % ny) as f64, (i / nx / ny) as f64);
    let close: Vec<usize> = (0..volume.len())
        .filter(|&i| at(i).distance(centre) <= radius)
        .collect();
    let maximum = close.iter().map(|&i| volume[i]).fold(f32::MIN, f32::max);
    let (mut sum, mut weight) = (DVec3::ZERO, 0.0);
    for i in close {
        let value = f64::from(volume[i] - 0.5 * maximum).max(0.0);
        sum += grid.point_at_index(at(i)).xyz * value;
        weight += value;
    }
    (sum / weight, maximum)
}

#[test]
fn a_point_at_the_origin_stays_on_the_centre_voxel() {
    for (dims, size, axis) in [
        ([24, 32, 32], [40, 40], 0.0),
        ([25, 33, 31], [41, 39], 84.1),
        ([24, 31, 32], [40, 41], -93.0),
        ([25, 32, 33], [39, 40], 45.0),
    ] {
        let views = series((-20..=20).map(|i| 3.0 * f64::from(i)), |_, g| {
            TiltGeometry {
                tilt_axis_angle: Degrees(axis).radians(),
                ..g
            }
        });
        let grid = Grid::new(dims, PixelSize(4.0));
        let images = images(&views, &[DVec3::ZERO], 6.0, size, 4.0);
        let volume = reconstruct(&images, &views, 4.0, &grid, &WbpOptions::default());
        let highest = volume
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .unwrap()
            .0;
        let expected = (dims[0] / 2 * dims[1] + dims[1] / 2) * dims[2] + dims[2] / 2;
        assert_eq!(highest, expected, "{dims:?}, axis {axis}");
        let (centre, _) = blob_at(&volume, &grid, DVec3::ZERO, 5.0);
        assert!(
            centre.length() < 0.1,
            "{centre} Å off, {dims:?}, axis {axis}"
        );
    }
}

#[test]
fn a_full_half_circle_gives_true_density() {
    let views = series((-90..90).map(f64::from), |_, g| g);
    let grid = Grid::new([48, 16, 48], PixelSize(4.0));
    let blobs = [DVec3::ZERO, DVec3::new(40.0, 0.0, -32.0)];
    let sources = images(&views, &blobs, 10.0, [32, 64], 4.0);
    let volume = reconstruct(&sources, &views, 4.0, &grid, &zero());
    for blob in blobs {
        let (centre, density) = blob_at(&volume, &grid, blob, 4.0);
        assert!((density - 1.0).abs() < 0.01, "density {density} at {blob}");
        assert!(centre.distance(blob) < 0.1, "{centre} for {blob}");
    }
    // Half-pixel raw images of the same specimen, Fourier-cropped: the same density.
    let fine = images(&views, &blobs, 10.0, [64, 128], 2.0);
    let cropped = reconstruct(&fine, &views, 2.0, &grid, &zero());
    let (_, density) = blob_at(&cropped, &grid, blobs[1], 4.0);
    assert!(
        (density - 1.0).abs() < 0.01,
        "density {density} from raw images at half the pixel"
    );
}

#[test]
fn fourier_inversion_gives_true_density_and_equals_back_projection() {
    // A slab: half the circle is measured in the first case, a wedge in uneven steps with a turned axis in the second.
    let views = series((-75..76).map(f64::from), |_, g| g);
    let grid = Grid::new([48, 16, 48], PixelSize(4.0));
    let blobs = [DVec3::ZERO, DVec3::new(40.0, 0.0, -32.0)];
    let sources = images(&views, &blobs, 10.0, [32, 64], 4.0);
    let mut options = zero();
    let ramp = reconstruct(&sources, &views, 4.0, &grid, &options);
    options.filter.weighting = Weighting::Fourier;
    let volume = reconstruct(&sources, &views, 4.0, &grid, &options);
    for blob in blobs {
        let (centre, density) = blob_at(&volume, &grid, blob, 4.0);
        let (_, expected) = blob_at(&ramp, &grid, blob, 4.0);
        assert!(
            (density - expected).abs() < 0.02,
            "{density} at {blob}, {expected} by the ramp"
        );
        assert!(centre.distance(blob) < 0.4, "{centre} for {blob}");
    }
    let views = series(
        [
            -60.0, -50.0, -45.0, -30.0, -28.0, -10.0, 0.0, 0.0, 9.0, 20.0, 34.0, 41.0, 58.0,
        ]
        .into_iter(),
        |i, g| TiltGeometry {
            tilt_axis_angle: Degrees(84.1 + 0.1 * i as f64).radians(),
            shift: glam::DVec2::new(3.0 * i as f64, -5.0),
            ..g
        },
    );
    let grid = Grid::new([24, 31, 50], PixelSize(4.0));
    let blob = DVec3::new(30.0, -20.0, 17.0);
    let sources = images(&views, &[blob], 8.0, [80, 120], 4.0);
    let volume = reconstruct(&sources, &views, 4.0, &grid, &options);
    let (centre, density) = blob_at(&volume, &grid, blob, 14.0);
    assert!(
        centre.distance(blob) < 1.0 && density > 0.3,
        "{centre}, {density}"
    );
    let again = WbpOptions {
        memory: 0,
        ..options
    };
    assert!(volume == reconstruct(&sources, &views, 4.0, &grid, &again));
}

#[test]
fn the_exact_filter_gives_true_density_too() {
    let views = series((-45..45).map(|i| 2.0 * f64::from(i)), |_, g| g);
    let grid = Grid::new([48, 8, 48], PixelSize(4.0));
    let sources = images(&views, &[DVec3::ZERO], 10.0, [32, 64], 4.0);
    let mut options = zero();
    options.filter.weighting = Weighting::Exact {
        diameter: Angstrom(200.0),
    };
    let volume = reconstruct(&sources, &views, 4.0, &grid, &options);
    let (_, density) = blob_at(&volume, &grid, DVec3::ZERO, 4.0);
    // Its weights ring around the ramp at low frequencies, so the scale is good to a few percent only.
    assert!((density - 1.0).abs() < 0.05, "{density}");
}

#[expect(
    clippy::large_types_passed_by_value,
    reason = "the shape of what `series` takes"
)]
fn general(image: usize, g: TiltGeometry) -> TiltGeometry {
    TiltGeometry {
        x_tilt: Degrees(4.0 + 0.1 * image as f64).radians(),
        tilt_axis_angle: Degrees(84.1 - 0.02 * image as f64).radians(),
        affine: DMat2::from_cols(DVec2::new(1.01, 0.004), DVec2::new(-0.006, 0.99)),
        shift: DVec2::new(9.0 - 0.7 * image as f64, -5.0 + 0.4 * image as f64),
        ..g
    }
}

/// An asymmetric constellation: a mirrored or shifted reconstruction finds none of it.
fn constellation() -> Vec<DVec3> {
    [
        (-60.0, -40.0, 36.0),
        (52.0, -28.0, -20.0),
        (20.0, 60.0, 12.0),
        (-20.0, 36.0, -40.0),
    ]
    .map(DVec3::from)
    .to_vec()
}

#[test]
fn the_whole_chain_is_undone() {
    for (change, centre) in [
        (
            general as fn(usize, TiltGeometry) -> TiltGeometry,
            DVec3::ZERO,
        ),
        (|_, g| g, DVec3::new(8.0, -4.0, 6.0)),
    ] {
        let views = series((-30..=30).map(|i| 2.0 * f64::from(i)), change);
        let grid = Grid {
            centre: Point::from_vector(centre),
            ..Grid::new([32, 48, 48], PixelSize(4.0))
        };
        let blobs = constellation();
        let images = images(&views, &blobs, 8.0, [56, 60], 4.0);
        let volume = reconstruct(&images, &views, 4.0, &grid, &WbpOptions::default());
        for blob in blobs {
            let (found, density) = blob_at(&volume, &grid, blob, 4.0);
            assert!(density > 0.5, "density {density} at {blob}");
            assert!(found.distance(blob) < 0.6, "{found} for {blob}");
            let (_, mirrored) = blob_at(&volume, &grid, DVec3::new(blob.x, blob.y, -blob.z), 2.0);
            assert!(
                mirrored < 0.5 * density,
                "{mirrored} at the mirror image of {blob}"
            );
        }
    }
}

#[test]
fn memory_and_threads_change_no_byte() {
    let views = series([-85.0, -40.0, -5.0, 20.0, 51.0].into_iter(), general);
    let grid = Grid::new([20, 40, 37], PixelSize(4.0));
    let images = images(&views, &constellation(), 8.0, [56, 60], 4.0);
    let run = |memory: usize, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let mut sink = VolumeInMemory::new(grid.dims);
            let options = WbpOptions {
                memory,
                ..WbpOptions::default()
            };
            let report = reconstruct_wbp(
                &images,
                &views,
                PixelSize(4.0),
                &grid,
                &options,
                &Quiet,
                &mut sink,
            );
            (report.unwrap(), sink.voxels)
        })
    };
    let (whole, volume) = run(400, 1);
    assert_eq!((whole.bands, whole.reads_per_image), (1, 1));
    let (starved, again) = run(0, 2);
    assert_eq!((starved.bands, starved.reads_per_image), (40, 40));
    assert!(volume == again, "bands of one row");
    assert!(volume == run(400, 4).1, "four threads");
}
