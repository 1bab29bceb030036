//! What keeps particles from being refined, seen in tables, headers and the first bytes before anything runs.

use std::path::Path;

use thon_contract::{Context, Finding, JobError};
use thon_images::mrc::Mrc;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

use super::source::{PROJECTIONS, Views};
use crate::particles::{SeriesByName, image_set_findings};

/// Faults that are named, of many files.
const FEW: usize = 3;
/// Bytes of subtomograms that are looked through for values that are no numbers before a job starts; what lies beyond is
/// looked at when it is read first.
const LOOKED_THROUGH: u64 = 64 << 20;

/// Findings on a set and its images.
pub(super) fn set_findings(
    views: &Views,
    series: &SeriesByName,
    set: &ParticleSet,
    context: &Context,
) -> Vec<Finding> {
    if set.is_empty() {
        return vec![Finding::error("particles", "the set is empty")];
    }
    match &set.images {
        Some(images) if images.kind == RepresentationKind::Volume => {
            volume_findings(images, context)
        }
        Some(images) if images.kind == RepresentationKind::Projection => {
            let hint =
                "classify projections in two dimensions, and select their subtomograms by name";
            vec![Finding::error("particles", PROJECTIONS).with_hint(hint)]
        }
        _ => image_set_findings(views.box_size, views.ctf, series, set, context),
    }
}

/// Findings on stored subtomograms and their CTF volumes.
pub(super) fn volume_findings(images: &ParticleImages, context: &Context) -> Vec<Finding> {
    let (mut left, mut values) = (LOOKED_THROUGH, Vec::new());
    let mut faults = Vec::new();
    let size = images.pixel_size.0;
    if !(size.is_finite() && size > 0.0) {
        let message = format!("expected a pixel size above 0 Å, found {size}");
        faults.push(Finding::error("particles", message));
    }
    for (row, path) in images.paths.iter().enumerate() {
        if faults.len() >= FEW {
            break;
        }
        let ctf = images.ctf_paths.get(row);
        let files = std::iter::once((path, false)).chain(ctf.map(|path| (path, true)));
        for (path, is_ctf) in files {
            let path = context.resolve(path);
            if let Err(e) = volume_fault(&path, is_ctf, images, &mut left, &mut values) {
                faults.push(Finding::error("particles", e.to_string()));
            }
        }
    }
    faults
}

fn volume_fault(
    path: &Path,
    is_ctf: bool,
    images: &ParticleImages,
    left: &mut u64,
    values: &mut Vec<f32>,
) -> Result<(), JobError> {
    let file = Mrc::open(path).map_err(|e| JobError::file(path, e))?;
    let n = images.box_size;
    let [z, y, x] = file.shape();
    let half = n / 2 + 1;
    let fits = if is_ctf {
        [[n, n, n], [n, n, half], [2 * n, n, half]].contains(&[z, y, x])
    } else {
        [z, y, x] == [n, n, n]
    };
    if !fits {
        let expected = if is_ctf {
            format!("a 3D CTF for boxes of {n}")
        } else {
            format!("{n} × {n} × {n} voxels")
        };
        let message = format!("expected {expected}, found {x} × {y} × {z}");
        return Err(JobError::file(path, message));
    }
    let stated = file
        .header()
        .pixel_size()
        .filter(|size| *size > 0.0 && (*size - 1.0).abs() > 1e-3);
    if let Some(size) =
        stated.filter(|size| !is_ctf && (size / images.pixel_size.0 - 1.0).abs() > 0.01)
    {
        let message = format!(
            "expected voxels of {}, found {size:.4} Å",
            images.pixel_size
        );
        return Err(JobError::file(path, message));
    }
    let bytes = 4 * (x * y * z) as u64;
    if *left < bytes {
        return Ok(());
    }
    *left -= bytes;
    file.read_all_into(values)
        .map_err(|e| JobError::file(path, e))?;
    let bad = values.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        let voxels = if bad == 1 { "voxel is" } else { "voxels are" };
        let message = format!("{bad} {voxels} infinite or not a number");
        return Err(JobError::file(path, message));
    }
    // A CTF that is the same everywhere is that of a particle without wedge, unless it is 0.
    let says_nothing = !is_ctf || values[0] == 0.0;
    if says_nothing && values.iter().all(|v| *v == values[0]) {
        return Err(JobError::file(
            path,
            format!("every voxel is {}", values[0]),
        ));
    }
    Ok(())
}
