//! Truth of a simulated series and the gauge-free reprojection error: one rigid motion of the specimen is free.

#![expect(dead_code, reason = "each test uses a part of it")]

use std::path::Path;

use thon_compute::cholesky::Cholesky;
use thon_geometry::TiltGeometry;
use thon_geometry::glam::{DMat3, DQuat, DVec2, DVec3};

/// What the simulator put in.
pub struct Truth {
    pub pixel_size: f64,
    pub size: usize,
    pub thickness: f64,
    pub nominal: Vec<f64>,
    views: Vec<TiltGeometry>,
}

/// Errors of an alignment, Å and degrees.
#[derive(Debug)]
pub struct Score {
    pub rms: f64,
    pub worst: f64,
    pub views: Vec<f64>,
    pub axis: f64,
}

impl Truth {
    pub fn of(pixel_size: f64, size: usize, thickness: f64, views: &[TiltGeometry]) -> Self {
        Self {
            pixel_size,
            size,
            thickness,
            nominal: Vec::new(),
            views: views.to_vec(),
        }
    }

    /// The truth of some of the views.
    pub fn subset(&self, views: &[usize]) -> Self {
        Self {
            nominal: views.iter().map(|&i| self.nominal[i]).collect(),
            views: views.iter().map(|&i| self.views[i]).collect(),
            ..*self
        }
    }

    pub fn read(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("truth.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let list = |key: &str| -> Vec<f64> {
            json[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect()
        };
        let (tilt, rot, mag) = (list("tilt_true"), list("rot"), list("mag"));
        let pixel_size = json["apix"].as_f64().unwrap();
        let shifts = json["shift"].as_array().unwrap();
        let views = (0..tilt.len())
            .map(|i| {
                let s = |k: usize| shifts[i][k].as_f64().unwrap() * pixel_size;
                // The generator's centre is (n − 1)/2: half a pixel below ours.
                let shift = DVec2::new(s(0), s(1)) - DVec2::splat(0.5 * pixel_size);
                TiltGeometry {
                    tilt_axis_angle: thon_units::Radians(rot[i].to_radians()),
                    affine: thon_geometry::glam::DMat2::IDENTITY * mag[i],
                    shift,
                    ..TiltGeometry::tilted(thon_units::Radians(tilt[i].to_radians()))
                }
            })
            .collect();
        Self {
            pixel_size,
            size: json["n"].as_u64().unwrap() as usize,
            thickness: json["thick"].as_f64().unwrap(),
            nominal: list("tilts"),
            views,
        }
    }

    /// Errors over points of the specimen after the best rigid motion.
    pub fn score(&self, found: &[TiltGeometry]) -> Score {
        let half = 0.4 * self.size as f64 * self.pixel_size;
        let mut points = Vec::new();
        for x in [-1.0, -0.5, 0.0, 0.5, 1.0] {
            for y in [-1.0, -0.5, 0.0, 0.5, 1.0] {
                for z in [-1.0, 0.0, 1.0] {
                    points.push(DVec3::new(x * half, y * half, z * self.thickness / 2.0) * 0.9);
                }
            }
        }
        let project = |g: &TiltGeometry, p: DVec3| (g.matrix() * p).truncate() + g.shift;
        let error = |motion: &[f64; 6]| -> Vec<DVec2> {
            let r = DMat3::from_quat(DQuat::from_scaled_axis(
                DVec3::new(motion[0], motion[1], motion[2]) * 1e-4,
            ));
            let t = DVec3::new(motion[3], motion[4], motion[5]);
            (0..found.len())
                .flat_map(|i| {
                    let truth = self.views[i];
                    points
                        .iter()
                        .map(move |&p| project(&found[i], r * p + t) - project(&truth, p))
                })
                .collect()
        };
        let mut motion = [0.0; 6];
        for _ in 0..12 {
            let now = error(&motion);
            let columns: Vec<Vec<DVec2>> = (0..6)
                .map(|k| {
                    let mut up = motion;
                    up[k] += 1.0;
                    error(&up).iter().zip(&now).map(|(a, b)| *a - *b).collect()
                })
                .collect();
            let dot =
                |a: &[DVec2], b: &[DVec2]| a.iter().zip(b).map(|(u, v)| u.dot(*v)).sum::<f64>();
            let normal = (0..36)
                .map(|k| dot(&columns[k / 6], &columns[k % 6]))
                .collect();
            let right: Vec<f64> = columns.iter().map(|column| -dot(column, &now)).collect();
            let step = Cholesky::new(6, normal)
                .expect("six independent motions")
                .solve(&right);
            for (value, step) in motion.iter_mut().zip(step) {
                *value += step;
            }
        }
        let rest = error(&motion);
        let per = points.len();
        let views: Vec<f64> = rest
            .chunks(per)
            .map(|c| (c.iter().map(|d| d.length_squared()).sum::<f64>() / per as f64).sqrt())
            .collect();
        let rms = (views.iter().map(|v| v * v).sum::<f64>() / views.len() as f64).sqrt();
        let axis = (0..found.len())
            .map(|i| (found[i].tilt_axis_angle.0 - self.views[i].tilt_axis_angle.0).to_degrees())
            .sum::<f64>()
            / found.len() as f64;
        Score {
            rms,
            worst: views.iter().copied().fold(0.0, f64::max),
            views,
            axis,
        }
    }
}
