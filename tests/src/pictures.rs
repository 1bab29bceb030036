//! Pictures for docs/validation.md: slices and surface of a map, FSC curves.

use glam::DQuat;
use ndarray::{Array3, s};
use thon_picture::{Contrast, Curve, Picture, Plot, Surface, gray, row_of, surface};

const EDGE: usize = 192;
const WHITE: [u8; 3] = [255, 255, 255];

/// Central slices across z, y and x, and the surface that encloses 4 % of the box, from two sides.
pub fn slices_and_surface(data: &Array3<f32>) -> Picture {
    let (nz, ny, nx) = data.dim();
    let slices = [
        data.slice(s![nz / 2, .., ..]),
        data.slice(s![.., ny / 2, ..]),
        data.slice(s![.., .., nx / 2]),
    ];
    let mut panels: Vec<Picture> = slices
        .iter()
        .map(|slice| enlarged(&gray(slice, Contrast::Percentile(0.002), EDGE), EDGE / nx))
        .collect();
    let mut sorted: Vec<f32> = data.iter().copied().collect();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let threshold = sorted[sorted.len() / 25];
    let sides = [
        DQuat::IDENTITY,
        DQuat::from_rotation_y(std::f64::consts::FRAC_PI_2),
    ];
    panels.extend(sides.map(|rotation| {
        let view = Surface {
            threshold,
            rotation,
            size: EDGE,
            colour: [120, 170, 225],
        };
        surface(data, &view)
    }));
    row_of(&panels, 6, WHITE)
}

/// Pictures below each other.
pub fn column_of(pictures: &[Picture], gap: usize) -> Picture {
    let width = pictures
        .iter()
        .map(|picture| picture.width)
        .max()
        .unwrap_or(1);
    let height = pictures
        .iter()
        .map(|picture| picture.height + gap)
        .sum::<usize>()
        .max(gap + 1)
        - gap;
    let mut column = Picture::filled(width, height, WHITE);
    let mut top = 0;
    for picture in pictures {
        column.paste(picture, 0, top);
        top += picture.height + gap;
    }
    column
}

/// FSC curves by shell of a box of `edge` Å, the period along the axis.
pub fn fsc_plot(title: &str, curves: &[(&str, &[f64])], edge: f64) -> Picture {
    let points = |fsc: &[f64]| {
        let point = |(shell, &value): (usize, &f64)| (shell as f64 / edge, value);
        fsc.iter().enumerate().skip(1).map(point).collect()
    };
    let curve = |&(label, fsc): &(&str, &[f64])| Curve {
        label: label.into(),
        points: points(fsc),
    };
    Plot {
        title: title.into(),
        x_label: "period, Å".into(),
        y_label: "FSC".into(),
        y_range: Some((-0.1, 1.0)),
        x_ticks: [192.0, 96.0, 64.0, 48.0, 38.0, 32.0, 27.0, 24.0_f64]
            .map(|period| (1.0 / period, format!("{period:.0}")))
            .to_vec(),
        levels: vec![0.0, 0.143, 0.5],
        curves: curves.iter().map(curve).collect(),
    }
    .draw()
}

fn enlarged(picture: &Picture, factor: usize) -> Picture {
    let factor = factor.max(1);
    let mut large = Picture::filled(picture.width * factor, picture.height * factor, WHITE);
    for y in 0..large.height {
        for x in 0..large.width {
            large.set(x as i64, y as i64, picture.get(x / factor, y / factor));
        }
    }
    large
}
