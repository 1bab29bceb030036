//! Membrane labels of a whole real tomogram (mitochondria in a cell; `../shared/data/13_portal_segmentation`, 928 × 960 × 312 voxels) become surfaces
//! with area and normals within 2 GB.
//!
//! `THON_PICTURES` names a folder for the pictures.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is wrong"
)]

use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use thon_compute::Quiet;
use thon_denoise::{RowSource, SourceError};
use thon_geometry::glam::{DQuat, DVec3};
use thon_images::mrc::Mrc;
use thon_picture::Triangles;
use thon_segment::{Surface, SurfaceOptions, sheets_of_labels, thickness_of_labels, triangulate};

/// Å.
const THICKNESS: f64 = 50.0;
const CURVATURE_RADIUS: f64 = 100.0;
const LEAST_AREA: f64 = 1e6;

struct Rows(Mrc<'static>);

impl RowSource for Rows {
    fn dims(&self) -> [usize; 3] {
        self.0.shape()
    }

    fn read_rows(&self, rows: Range<usize>, out: &mut [f32]) -> Result<(), SourceError> {
        let nx = self.0.shape()[2];
        for (z, out) in out.chunks_mut(rows.len() * nx).enumerate() {
            out.copy_from_slice(&self.0.read_window(z, rows.start, 0, rows.len(), nx)?);
        }
        Ok(())
    }
}

/// Memory of this process at its height, MiB.
fn peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("VmHWM"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn seconds_on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let ticks = after.split_whitespace().skip(11).take(2);
    ticks.map(|t| t.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Part of the triangles that face the same way as the normals of their vertices.
fn facing(surface: &Surface) -> f64 {
    let right = surface.triangles.iter().filter(|t| {
        let [a, b, c] = t.map(|v| surface.positions[v as usize]);
        (b - a).cross(c - a).dot(surface.normals[t[0] as usize]) > 0.0
    });
    right.count() as f64 / surface.triangles.len() as f64
}

fn draw(surface: &Surface, name: &str) {
    let Some(folder) = std::env::var_os("THON_PICTURES") else {
        return;
    };
    let wide = |v: &thon_geometry::glam::Vec3| v.as_dvec3();
    let positions: Vec<DVec3> = surface.positions.iter().map(wide).collect();
    let normals: Vec<DVec3> = surface.normals.iter().map(wide).collect();
    let hue = |label: &u16| [40, 90, 150, 210].map(|v| (v + usize::from(*label) * 67) % 200 + 50);
    let colours: Vec<[u8; 3]> = surface
        .labels
        .iter()
        .map(|l| {
            let [a, b, c, _] = hue(l);
            [a as u8, b as u8, c as u8]
        })
        .collect();
    let tilted = DQuat::from_rotation_x(-0.9);
    for (side, rotation) in [("above", DQuat::IDENTITY), ("tilted", tilted)] {
        let view = Triangles {
            positions: &positions,
            normals: &normals,
            colours: &colours,
            triangles: &surface.triangles,
            rotation,
            size: 1000,
        };
        let path = Path::new(&folder).join(format!("{name}_{side}.png"));
        std::fs::write(path, view.draw().to_png()).unwrap();
    }
}

#[test]
#[ignore = "a minute, and the volumes are 600 MB"]
fn whole_label_volumes_become_surfaces_within_two_gigabytes() {
    let archive = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../shared/data/13_portal_segmentation/surface_morphometrics_examples.tar.gz"
    );
    if !Path::new(archive).exists() {
        println!("skipped: shared data absent");
        return;
    }
    let folder = std::env::temp_dir().join(format!("thon-portal-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let unpacked = Command::new("tar")
        .arg("xzf")
        .arg(archive)
        .arg("-C")
        .arg(&folder)
        .output();
    assert!(unpacked.unwrap().status.success());
    for name in ["TE1", "TF1"] {
        let file = Mrc::open(folder.join(format!("{name}.mrc"))).unwrap();
        let voxel = file.header().pixel_size().unwrap();
        let source = Rows(file);
        let (start, cpu) = (Instant::now(), seconds_on_cpu());
        let thick = THICKNESS / voxel;
        let least = LEAST_AREA / (voxel * voxel);
        let mut sheets = sheets_of_labels(&source, None, thick, least, 512, &Quiet).unwrap();
        sheets.orient();
        let estimated: f64 = sheets.sheets.iter().map(|s| s.area).sum();
        let options = SurfaceOptions {
            edge: 2.0,
            curvature_radius: CURVATURE_RADIUS / voxel,
            smoothing: (0.5 * thick).max(1.0),
        };
        let surface = triangulate(&sheets, &options, &Quiet).unwrap();
        drop(sheets);
        let thickness =
            thickness_of_labels(&surface, &source, None, 4.0 * thick, 512, &Quiet).unwrap();
        let mut known: Vec<f32> = thickness.into_iter().filter(|t| t.is_finite()).collect();
        known.sort_by(f32::total_cmp);
        let membranes = surface.labels.iter().max().unwrap();
        println!(
            "{name}: {:?} voxels of {voxel:.2} A: {membranes} membranes, {:.3} um2 ({:.3} by points), {} vertices, {} triangles, {:.4} face their normals, thickness {:.1} A, {:.1} s ({:.1} s of one core), peak {:.0} MiB",
            source.dims(),
            surface.area() * voxel * voxel * 1e-8,
            estimated * voxel * voxel * 1e-8,
            surface.positions.len(),
            surface.triangles.len(),
            facing(&surface),
            f64::from(known[known.len() / 2]) * voxel,
            start.elapsed().as_secs_f64(),
            seconds_on_cpu() - cpu,
            peak()
        );
        draw(&surface, name);
        let agreed = surface.area() / estimated;
        assert!((0.9..1.1).contains(&agreed), "{agreed}");
        assert!(facing(&surface) > 0.999 && peak() < 2048.0);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
