//! What keeps the views of particles from being made, seen in tables and headers before anything runs.

use thon_contract::{Context, Finding, JobError};
use thon_images::mrc::Mrc;
use thon_model::{Half, ParticleImages, ParticleSet, RepresentationKind, TiltSeries};
use thon_units::PixelSize;

use super::particle_views::SeriesByName;
use crate::tilt_images::{alignment_findings, image_findings};

/// Findings on the views of a whole set: `box_size` pixels are to be cut where there are no stacks, `ctf` is to be known.
pub(crate) fn view_findings(
    box_size: usize,
    ctf: bool,
    series: &SeriesByName,
    particles: &ParticleSet,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !particles.oriented {
        findings.push(
            Finding::error("particles", "the particles have no orientations")
                .with_hint("refine them first, or import them with angles"),
        );
    }
    findings.extend(image_set_findings(
        box_size, ctf, series, particles, context,
    ));
    findings
}

/// As [`view_findings`], whether the particles have orientations or not.
pub(crate) fn image_set_findings(
    box_size: usize,
    ctf: bool,
    series: &SeriesByName,
    particles: &ParticleSet,
    context: &Context,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in &particles.tilt_series_names {
        if let Some(one) = series.get(name) {
            findings.extend(series_findings(box_size, ctf, one, particles, context));
        } else {
            let known: Vec<&str> = series.keys().map(String::as_str).collect();
            let message = format!("particles of {name}, but no tilt series of this name");
            findings.push(
                Finding::error("tilt_series", message)
                    .with_hint(format!("found: {}", known.join(", "))),
            );
        }
    }
    if let Some(images) = &particles.images {
        findings.extend(stack_findings(images, context));
    }
    if let Err(e) = voxel_size(series, particles) {
        findings.push(Finding::error("tilt_series", e.to_string()));
    }
    findings
}

/// Both halves need particles.
pub(super) fn half_findings(particles: &ParticleSet) -> Vec<Finding> {
    if particles.len() < 2 {
        let message = format!(
            "expected at least two particles for two halves, found {}",
            particles.len()
        );
        return vec![Finding::error("particles", message)];
    }
    [(1, Half::One), (2, Half::Two)]
        .into_iter()
        .filter(|(_, half)| !particles.halves.is_empty() && !particles.halves.contains(half))
        .map(|(number, _)| {
            Finding::error("particles", format!("no particle belongs to half {number}"))
        })
        .collect()
}

fn series_findings(
    n: usize,
    ctf: bool,
    series: &TiltSeries,
    particles: &ParticleSet,
    context: &Context,
) -> Vec<Finding> {
    let name = &series.name;
    let mut findings = alignment_findings(series);
    if particles.images.is_none() {
        findings.extend(image_findings(series, context));
        let [ny, nx] = series.image_size;
        if n > ny.min(nx) {
            let message =
                format!("expected at most the images' {nx} × {ny} pixels ({name}), found {n}");
            findings.push(Finding::error("box_size", message));
        }
    }
    let used = series.used();
    let without_ctf = used.filter(|&i| series.images[i].ctf.is_none()).count();
    if ctf && without_ctf > 0 {
        let message = format!("{without_ctf} used images have no CTF");
        findings.push(
            Finding::error(name, message)
                .with_hint("estimate the CTF first, or set `ctf` to false"),
        );
    }
    if ctf && series.defocus_hand.is_none() {
        let message =
            "the defocus hand is not known: one defocus per image is used for all heights";
        findings.push(Finding::warning(name, message));
    }
    findings
}

/// The first few stacks that are absent or of another size.
fn stack_findings(images: &ParticleImages, context: &Context) -> Vec<Finding> {
    const FEW: usize = 3;
    if images.kind != RepresentationKind::TiltStack {
        let message = "they are subtomogram volumes; this job averages tilt images";
        return vec![
            Finding::error("particles", message)
                .with_hint("import the particles without their volumes"),
        ];
    }
    let fault = |row: usize, path: &std::path::PathBuf| {
        let wanted = images.visible.get(row);
        let wanted = wanted.map_or(1, |v| v.iter().filter(|visible| **visible).count());
        let n = images.box_size;
        match Mrc::read_header(context.resolve(path)).map(|header| header.shape()) {
            Err(e) => Some(Finding::error("particles", e.to_string())),
            Ok([nz, ny, nx]) if ny != n || nx != n || nz < wanted => {
                let message = format!(
                    "{}: expected {wanted} sections of {n} × {n} pixels, found {nz} of {nx} × {ny}",
                    path.display()
                );
                Some(Finding::error("particles", message))
            }
            Ok(_) => None,
        }
    };
    let paths = images.paths.iter().enumerate();
    paths
        .filter_map(|(row, path)| fault(row, path))
        .take(FEW)
        .collect()
}

/// The one pixel size of all images.
pub(crate) fn voxel_size(
    series: &SeriesByName,
    particles: &ParticleSet,
) -> Result<PixelSize, JobError> {
    if let Some(images) = &particles.images {
        return Ok(images.pixel_size);
    }
    let mut sizes = particles
        .tilt_series_names
        .iter()
        .filter_map(|name| series.get(name))
        .map(|s| s.pixel_size);
    let first = sizes
        .next()
        .ok_or_else(|| JobError::data("no tilt series"))?;
    match sizes.find(|size| (*size / first - 1.0).abs() > 1e-4) {
        None => Ok(first),
        Some(other) => Err(JobError::data(format!(
            "tilt series of different pixel sizes: {first} and {other}"
        ))),
    }
}
