//! Subtomograms of the 2016 protocol: boxes out of tomograms, with 3D CTF models beside them.

use std::collections::BTreeMap;

use thon_contract::kinds::TomogramKind;
use thon_contract::{Artifact, Context, JobError};
use thon_extract::{BoxInVolume, normalise_background, rescaled};
use thon_geometry::{Pose, Rotation};
use thon_images::mrc::Mrc;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind, Tomogram};
use thon_units::PixelSize;

use super::extract_subtomograms::Params;
use super::model_ctf::slices;
use super::volume_paths::{Written, file};
use crate::average::series_of;
use crate::particles::SeriesByName;

/// Tomograms by the name of their tilt series.
pub(super) fn by_series(
    tomograms: &Artifact<TomogramKind>,
    context: &Context,
) -> Result<BTreeMap<String, Tomogram>, JobError> {
    let mut found = BTreeMap::new();
    for item in tomograms.items() {
        let one = context.load(item)?;
        found.insert(one.tilt_series.clone(), one);
    }
    Ok(found)
}

/// Cuts all particles, writes them and their 3D CTF models, and returns the particles that were cut.
pub(super) fn extract(
    params: &Params,
    series: &SeriesByName,
    tomograms: &BTreeMap<String, Tomogram>,
    set: &ParticleSet,
    written: &mut Written,
    context: &Context,
) -> Result<ParticleSet, JobError> {
    let mut rows = Vec::new();
    let (mut paths, mut ctf_paths, mut boxes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut open, mut voxel): (Option<(String, Mrc<'static>)>, Option<PixelSize>) = (None, None);
    let to = params.rescaled_box.unwrap_or(params.box_size);
    for (row, name) in set.names.iter().enumerate() {
        thon_compute::check(context.progress())?;
        context.progress().advance(row as u64, set.len() as u64);
        let own = &set.tilt_series_names[set.tilt_series[row] as usize];
        let tomogram = tomograms
            .get(own)
            .ok_or_else(|| JobError::data(format!("particles of {own}, but no tomogram of it")))?;
        let path = context.resolve(&tomogram.path);
        let file_of = match open.take().filter(|(opened, _)| opened == own) {
            Some((_, file)) => file,
            None => Mrc::open(&path).map_err(|e| JobError::file(&path, e))?,
        };
        let size = PixelSize(tomogram.grid.voxel_size.0 * params.box_size as f64 / to as f64);
        let first = *voxel.get_or_insert(size);
        if (size.0 / first.0 - 1.0).abs() > 1e-4 {
            return Err(JobError::data(format!(
                "tomograms of different voxel sizes: {first} and {size}"
            )));
        }
        let centre = tomogram.grid.index_of(set.poses[row].position);
        let cut = BoxInVolume::around(centre, params.box_size);
        let cut = cut.filter(|cut| cut.inside(file_of.shape()) > 0.5);
        match cut {
            None => context.reject(name, "its box lies outside the tomogram"),
            Some(cut) => {
                let named = |e: &dyn std::fmt::Display| {
                    JobError::data(format!("{name} ({}): {e}", path.display()))
                };
                let mut volume = read_box(&file_of, &cut).map_err(|e| named(&e))?;
                let radius = params.background_radius(tomogram.grid.voxel_size.0);
                if params.normalise {
                    normalise_background(&mut volume, params.box_size, radius, params.invert)
                        .map_err(|e| named(&e))?;
                } else if params.invert {
                    volume.iter_mut().for_each(|value| *value = -*value);
                }
                let volume = rescaled(volume, params.box_size, to).map_err(|e| named(&e))?;
                let middle = tomogram.grid.point_at_index(cut.centre());
                let one = series_of(series, set, set.tilt_series[row])?;
                let model = slices(one, middle, to, size, &params.weights)?;
                let model = model.full_volume().map_err(|e| named(&e))?;
                paths.push(written.volume(
                    file(set, row, "subtomo"),
                    &volume,
                    [to; 3],
                    size.0,
                    context,
                )?);
                ctf_paths.push(written.volume(
                    file(set, row, "ctf"),
                    &model,
                    [to; 3],
                    size.0,
                    context,
                )?);
                boxes.push(Pose::new(Rotation::identity(), middle));
                rows.push(row);
            }
        }
        open = Some((own.clone(), file_of));
    }
    let Some(pixel_size) = voxel.filter(|_| !rows.is_empty()) else {
        return Err(JobError::data("every box lies outside its tomogram"));
    };
    let mut kept = set.select(&rows);
    kept.images = Some(ParticleImages {
        kind: RepresentationKind::Volume,
        box_size: to,
        pixel_size,
        ctf_premultiplied: false,
        paths,
        sections: Vec::new(),
        ctf_paths,
        visible: Vec::new(),
        boxes,
    });
    Ok(kept)
}

/// A box of a volume on disk; what lies outside holds the mean of what lies inside.
fn read_box(file: &Mrc<'_>, cut: &BoxInVolume) -> Result<Vec<f32>, thon_images::ImageError> {
    let [nz, ny, nx] = file.shape();
    let n = cut.size;
    let ([x0, x1], [y0, y1], [z0, z1]) = (cut.range(0, nx), cut.range(1, ny), cut.range(2, nz));
    let mut volume = vec![f32::NAN; n * n * n];
    let (mut sum, mut count) = (0.0_f64, 0.0_f64);
    for z in z0..z1 {
        let window = file.read_window(z, y0, x0, y1 - y0, x1 - x0)?;
        sum += window.iter().map(|v| f64::from(*v)).sum::<f64>();
        count += window.len() as f64;
        for (y, line) in window.chunks_exact(x1 - x0).enumerate() {
            let at = |index: usize, axis: usize| (index as i64 - cut.first[axis]) as usize;
            let first = (at(z, 2) * n + at(y0 + y, 1)) * n + at(x0, 0);
            volume[first..first + line.len()].copy_from_slice(line);
        }
    }
    if cut.inside(file.shape()) < 1.0 {
        let mean = (sum / count) as f32;
        let outside = volume.iter_mut().filter(|value| value.is_nan());
        outside.for_each(|value| *value = mean);
    }
    Ok(volume)
}
