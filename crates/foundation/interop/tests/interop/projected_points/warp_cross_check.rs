//! The same real series aligned once, in AreTomo's and in Warp's words: angles, axis and shifts must be the model's
//! chain in both, up to a shift of the specimen (Warp: `ZRot = AxisAngle, YTilt = −Angle, shift = AxisOffset`).

use glam::{DMat3, DVec3};
use thon_interop::aretomo::{AretomoImport, read_aretomo};
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
    assert!((1.9..2.05).contains(&pixel), "{pixel}");
    assert!(rms < 6.0, "{rms}");
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
                for (row, line) in self.matrix.iter_mut().enumerate() {
                    if row != column {
                        let factor = line[column] / top[column];
                        line.iter_mut()
                            .zip(top)
                            .for_each(|(cell, above)| *cell -= factor * above);
                    }
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
