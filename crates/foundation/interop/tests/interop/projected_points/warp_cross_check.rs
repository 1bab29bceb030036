//! The same real series aligned once, in AreTomo's and in Warp's words: angles, axis and shifts must be the model's
//! chain in both, up to a shift of the specimen (Warp: `ZRot = AxisAngle, YTilt = −Angle, shift = AxisOffset`).

use glam::{DMat3, DVec2, DVec3};
use thon_interop::aretomo::{AretomoImport, read_aretomo};
use thon_interop::imod::{EtomoImport, read_directory};
use thon_model::Optics;
use thon_units::PixelSize;

use crate::shared_data::shared;

#[test]
fn warp_and_aretomo_agree_on_a_real_series() {
    let Some(folder) = shared("03_aretomo/cross_tool_Position_16_3") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("Position_16_3_warp_xml_header.csv")).unwrap();
    let warp: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .map(|cell| cell.trim().parse().unwrap())
                .collect()
        })
        .collect();
    let options = AretomoImport {
        pixel_size: PixelSize(1.0),
        stack: None,
        ctf: None,
        volume_size: None,
        optics: Optics::default(),
    };
    let aln = folder.join("Position_16_3_global_only.aln");
    let series = read_aretomo(&aln, &options).unwrap().value;
    assert_eq!(series.images.len(), warp.len());
    // offset_warp = pixel · shift_aretomo + (image of one specimen shift): least squares for pixel and the shift.
    let mut normal = least_squares::Normal::new();
    for (image, row) in series.images.iter().zip(&warp) {
        let geometry = image.geometry.unwrap();
        let (tilt, axis) = (
            geometry.tilt_angle.degrees().0,
            geometry.tilt_axis_angle.degrees().0,
        );
        assert!((tilt + row[0]).abs() < 0.011, "{tilt} {}", row[0]);
        assert!((axis - row[1]).abs() < 0.02, "{axis} {}", row[1]);
        let seen: DMat3 = geometry.matrix();
        for axis in 0..2 {
            let specimen: DVec3 = seen.row(axis);
            normal.add(
                [geometry.shift[axis], specimen.x, specimen.y, specimen.z],
                row[2 + axis],
            );
        }
    }
    let ([pixel, x, y, z], rms) = normal.solve();
    println!(
        "Warp and AreTomo: pixel {pixel:.3} Å, specimen shift ({x:.1}, {y:.1}, {z:.1}) Å, residual {rms:.2} Å rms"
    );
    assert!((1.4..1.8).contains(&pixel), "{pixel}");
    assert!(rms < 6.0, "{rms}");
}

/// Numbers of one list of a Warp XML.
fn list(text: &str, name: &str) -> Vec<f64> {
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
    let (values, _) = rest.split_once('<').unwrap();
    values
        .lines()
        .map(|line| line.trim().parse().unwrap())
        .collect()
}

/// Warp's own import of an `.xf` (10 Å per pixel): the same axis, tilts and shifts as ours, once our half pixels
/// (IMOD turns about the middle of the edges) are taken off.
#[test]
fn warp_and_thon_read_the_same_transforms_alike() {
    let Some(folder) = shared("02_imod/warp_xf_import") else {
        return;
    };
    let text = std::fs::read_to_string(folder.join("00254.xml")).unwrap();
    let [angles, axes, x, y] =
        ["Angles", "AxisAngle", "AxisOffsetX", "AxisOffsetY"].map(|name| list(&text, name));
    let options = EtomoImport {
        pixel_size: Some(PixelSize(10.0)),
        ..EtomoImport::default()
    };
    let series = read_directory(&folder, &options).unwrap().value;
    assert_eq!(series.images.len(), angles.len());
    let mut worst: f64 = 0.0;
    for (index, image) in series.images.iter().enumerate() {
        let geometry = image.geometry.unwrap();
        assert!((geometry.tilt_angle.degrees().0 - angles[index]).abs() < 0.011);
        assert!((geometry.tilt_axis_angle.degrees().0 - axes[index]).abs() < 1e-4);
        let half = (geometry.matrix() * DVec3::splat(0.5)).truncate() - DVec2::splat(0.5);
        let shift = geometry.shift - half * 10.0;
        worst = worst.max((shift - DVec2::new(x[index], y[index])).length() / 10.0);
    }
    println!("Warp and thon on the same .xf: {worst:.2e} px");
    assert!(worst < 0.001, "{worst}");
}

/// Least squares with four unknowns, by Gaussian elimination.
mod least_squares {
    pub struct Normal {
        matrix: [[f64; 5]; 4],
        rows: Vec<([f64; 4], f64)>,
    }

    impl Normal {
        pub fn new() -> Self {
            Self {
                matrix: [[0.0; 5]; 4],
                rows: Vec::new(),
            }
        }

        pub fn add(&mut self, row: [f64; 4], value: f64) {
            for i in 0..4 {
                for j in 0..4 {
                    self.matrix[i][j] += row[i] * row[j];
                }
                self.matrix[i][4] += row[i] * value;
            }
            self.rows.push((row, value));
        }

        /// Solution and rms of what remains.
        pub fn solve(mut self) -> ([f64; 4], f64) {
            for column in 0..4 {
                let pivot = (column..4).max_by(|&a, &b| {
                    self.matrix[a][column]
                        .abs()
                        .total_cmp(&self.matrix[b][column].abs())
                });
                self.matrix.swap(column, pivot.unwrap());
                let top = self.matrix[column];
                for (_, line) in self
                    .matrix
                    .iter_mut()
                    .enumerate()
                    .filter(|(row, _)| *row != column)
                {
                    let factor = line[column] / top[column];
                    line.iter_mut()
                        .zip(top)
                        .for_each(|(cell, above)| *cell -= factor * above);
                }
            }
            let x: [f64; 4] = std::array::from_fn(|i| self.matrix[i][4] / self.matrix[i][i]);
            let left = |(row, value): &([f64; 4], f64)| {
                row.iter().zip(x).map(|(a, b)| a * b).sum::<f64>() - value
            };
            let sum: f64 = self.rows.iter().map(|row| left(row).powi(2)).sum();
            (x, (sum / self.rows.len() as f64).sqrt())
        }
    }
}
