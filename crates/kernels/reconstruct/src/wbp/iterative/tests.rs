//! SIRT and SART: the transpose, the residuals against a dense matrix, blobs found again, bad input.

use glam::DVec3;
use rand::RngExt;
use thon_compute::{Quiet, seed_stream};
use thon_units::Degrees;

use super::super::tests::{images, series};
use super::super::{ImagesInMemory, VolumeInMemory};
use super::*;

fn task<'a>(images: &'a ImagesInMemory, views: &'a [View], grid: &'a Grid) -> Task<'a> {
    let options = WbpOptions::default();
    Task::new(images, views, PixelSize(4.0), grid, &options)
        .unwrap()
        .unweighted(&options)
}

#[test]
fn projection_and_back_projection_are_transposes() {
    let views = series((-6..=6).map(|i| 10.0 * f64::from(i)), |_, g| g);
    let grid = Grid::new([37, 4, 61], PixelSize(4.0));
    let images = images(&views, &[], 8.0, [8, 61], 4.0);
    let solver = SliceSolver::new(&task(&images, &views, &grid), &IterativeOptions::default());
    let mut stream = seed_stream(5, "transpose", 0);
    let mut random =
        |n: usize| -> Vec<f32> { (0..n).map(|_| stream.random_range(-1.0..1.0)).collect() };
    let (x, mut y) = (random(37 * 61), random(solver.plane_length()));
    // Between the rays of the views there is padding that belongs to none.
    let inside = |i: usize| solver.ranges().iter().any(|range| range.contains(&i));
    for (i, value) in y.iter_mut().enumerate() {
        if !inside(i) {
            *value = 0.0;
        }
    }
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let (ax, aty) = (solver.projections(&x), solver.transposed(&y));
    let (left, right) = (dot(&ax, &y), dot(&x, &aty));
    assert!(
        (left - right).abs() < 1e-4 * dot(&ax, &ax).sqrt(),
        "{left} against {right}"
    );
}

/// A dense matrix of the same projector, written down ray by ray from its definition.
#[expect(
    clippy::excessive_nesting,
    reason = "loops over the axes of an array, one in another"
)]
fn dense(views: &[View], [nz, nx]: [usize; 2], starts: &[(isize, usize)]) -> Vec<Vec<f64>> {
    let mut rows = Vec::new();
    for (view, &(first, count)) in views.iter().zip(starts) {
        let (sin, cos) = view.geometry.tilt_angle.0.sin_cos();
        for ray in 0..count {
            let mut row = vec![0.0; nz * nx];
            for z in 0..nz {
                let at = (ray as isize + first) as f64 - (z as f64 - (nz / 2) as f64) * sin / cos;
                let (whole, fraction) = (at.floor(), at - at.floor());
                for (x, weight) in [(whole, 1.0 - fraction), (whole + 1.0, fraction)] {
                    if x >= 0.0 && x < nx as f64 {
                        row[z * nx + x as usize] += weight * 4.0 / cos;
                    }
                }
            }
            rows.push(row);
        }
    }
    rows
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "the dense matrix beside the slices, step by step"
)]
fn residuals_are_those_of_the_dense_matrix() {
    let views = series((-4..=4).map(|i| 14.0 * f64::from(i)), |_, g| g);
    let (nz, nx) = (12, 30);
    let grid = Grid::new([nz, 1, nx], PixelSize(4.0));
    // A wide image, so that every ray is measured.
    let images = images(&views, &[], 8.0, [8, 256], 4.0);
    let options = IterativeOptions {
        iterations: 10,
        ..IterativeOptions::default()
    };
    let task = task(&images, &views, &grid);
    let solver = SliceSolver::new(&task, &options);
    let layout = task.layout(&(0..1));
    let starts: Vec<(isize, usize)> = (0..views.len())
        .map(|view| (layout.first_of(view), solver.ranges()[view].len()))
        .collect();
    let matrix = dense(&views, [nz, nx], &starts);
    let mut stream = seed_stream(6, "dense", 0);
    let truth: Vec<f32> = (0..nz * nx)
        .map(|_| stream.random_range(0.0..1.0))
        .collect();
    let plane = solver.projections(&truth);
    let data: Vec<f64> = solver
        .ranges()
        .iter()
        .flat_map(|range| plane[range.clone()].iter().map(|v| f64::from(*v)))
        .collect();
    let product = |x: &[f64]| -> Vec<f64> {
        matrix
            .iter()
            .map(|row| row.iter().zip(x).map(|(a, x)| a * x).sum())
            .collect()
    };
    let exact: Vec<f64> = truth.iter().map(|v| f64::from(*v)).collect();
    for (fast, slow) in data.iter().zip(product(&exact)) {
        assert!((fast - slow).abs() < 1e-3, "{fast} against {slow}");
    }
    // SIRT in double precision, with the same rays left out and the same C.
    let full = product(&vec![1.0; nz * nx]);
    let lengths: f64 = views
        .iter()
        .map(|v| 4.0 / v.geometry.tilt_angle.0.cos())
        .sum();
    let mut offsets = Vec::new();
    for (view, &(_, count)) in views.iter().zip(&starts) {
        offsets.extend(std::iter::repeat_n(
            4.0 / view.geometry.tilt_angle.0.cos(),
            count,
        ));
    }
    let gains: Vec<f64> = full
        .iter()
        .zip(&offsets)
        .map(|(sum, length)| {
            if sum / length > 0.01 * nz as f64 {
                1.0 / sum
            } else {
                0.0
            }
        })
        .collect();
    let mut x = vec![0.0; nz * nx];
    let solution = solver.solve(&plane, |view| 0..solver.ranges()[view].len());
    for squares in &solution.squares {
        let left: Vec<f64> = data
            .iter()
            .zip(product(&x))
            .zip(&gains)
            .map(|((b, p), gain)| if *gain > 0.0 { b - p } else { 0.0 })
            .collect();
        let square: f64 = left.iter().map(|r| r * r).sum();
        assert!(
            (squares[0] - square).abs() < 1e-3 * square,
            "{} against {square}",
            squares[0]
        );
        for (row, (r, gain)) in matrix.iter().zip(left.iter().zip(&gains)) {
            for (x, a) in x.iter_mut().zip(row) {
                *x += a * r * gain / lengths;
            }
        }
    }
    let worst = x
        .iter()
        .zip(&solution.voxels)
        .map(|(a, b)| (a - f64::from(*b)).abs())
        .fold(0.0, f64::max);
    assert!(worst < 1e-4, "{worst}");
}

fn run(
    method: IterativeMethod,
    iterations: usize,
    bound: Bound,
    memory: usize,
) -> (Vec<f32>, IterativeReport) {
    let views = series((-20..=20).map(|i| 3.0 * f64::from(i)), |i, g| {
        let mut turned = g;
        turned.tilt_axis_angle = Degrees(84.0 + 0.1 * i as f64).radians();
        turned.shift = glam::DVec2::new(5.0 * i as f64, -3.0);
        turned
    });
    let grid = Grid::new([32, 40, 48], PixelSize(4.0));
    let blobs = [
        DVec3::ZERO,
        DVec3::new(50.0, 30.0, -40.0),
        DVec3::new(-60.0, -40.0, 36.0),
    ];
    let images = images(&views, &blobs, 8.0, [80, 120], 4.0);
    let mut sink = VolumeInMemory::new(grid.dims);
    let options = IterativeOptions {
        method,
        iterations,
        bound,
        background: Background::Zero,
        memory,
        relaxation: if method == IterativeMethod::Sirt {
            1.0
        } else {
            0.5
        },
    };
    let report = reconstruct_iterative(
        &images,
        &views,
        PixelSize(4.0),
        &grid,
        &options,
        &Quiet,
        &mut sink,
    )
    .unwrap();
    (sink.voxels, report)
}

#[test]
fn blobs_come_back_and_residuals_fall() {
    for (method, iterations, density) in [
        (IterativeMethod::Sirt, 60, 0.55),
        (IterativeMethod::Sart { views: 3 }, 6, 0.55),
    ] {
        let (volume, report) = run(method, iterations, Bound::Bright, 100);
        let at = |x: usize, y: usize, z: usize| volume[(z * 40 + y) * 48 + x];
        for [x, y, z] in [[24, 20, 16], [36, 27, 6], [9, 10, 25]] {
            assert!(at(x, y, z) > density, "{} at {x}, {y}, {z}", at(x, y, z));
        }
        assert!(volume.iter().all(|v| *v >= 0.0));
        let residuals = &report.residuals;
        assert!(residuals.windows(2).all(|w| w[1] < w[0]), "{residuals:?}");
        assert!(*residuals.last().unwrap() < 0.2, "{residuals:?}");
    }
}

#[test]
fn iterations_in_one_step_are_those_one_by_one() {
    // Far from the sides of a wide slab nothing is left of the difference.
    let views = series((-20..=20).map(|i| 3.0 * f64::from(i)), |i, mut g| {
        g.tilt_axis_angle = Degrees(84.0).radians();
        g.shift = glam::DVec2::new(0.5 * i as f64, -3.0);
        g
    });
    let grid = Grid::new([24, 6, 320], PixelSize(4.0));
    let blobs = [DVec3::ZERO, DVec3::new(90.0, 4.0, -30.0)];
    let images = images(&views, &blobs, 8.0, [640, 160], 4.0);
    for iterations in [1, 4, 15] {
        let options = IterativeOptions {
            iterations,
            ..IterativeOptions::default()
        };
        let pixel = PixelSize(4.0);
        let mut slow = VolumeInMemory::new(grid.dims);
        reconstruct_iterative(&images, &views, pixel, &grid, &options, &Quiet, &mut slow).unwrap();
        let mut at_once = WbpOptions::default();
        at_once.filter.weighting = super::super::Weighting::SirtLike {
            iterations: iterations as u32,
        };
        let mut fast = VolumeInMemory::new(grid.dims);
        let run = super::super::reconstruct_wbp;
        run(&images, &views, pixel, &grid, &at_once, &Quiet, &mut fast).unwrap();
        let inner = |i: &usize| (80..240).contains(&(i % 320));
        let (mut worst, mut highest) = (0.0_f32, 0.0_f32);
        for i in (0..grid.len()).filter(inner) {
            worst = worst.max((slow.voxels[i] - fast.voxels[i]).abs());
            highest = highest.max(slow.voxels[i].abs());
        }
        assert!(worst < 0.01 * highest, "{iterations}: {worst} of {highest}");
    }
}

#[test]
fn memory_changes_no_byte_and_x_tilts_are_refused() {
    let whole = run(IterativeMethod::Sirt, 3, Bound::None, 200).0;
    assert!(whole == run(IterativeMethod::Sirt, 3, Bound::None, 0).0);
    let views = series([0.0, 10.0].into_iter(), |_, mut g| {
        g.x_tilt = Degrees(1.0).radians();
        g
    });
    let grid = Grid::new([8, 8, 8], PixelSize(4.0));
    let images = images(&views, &[DVec3::ZERO], 8.0, [16, 16], 4.0);
    let error = reconstruct_iterative(
        &images,
        &views,
        PixelSize(4.0),
        &grid,
        &IterativeOptions::default(),
        &Quiet,
        &mut VolumeInMemory::new(grid.dims),
    )
    .unwrap_err();
    assert!(error.to_string().contains("x-tilt"), "{error}");
}
