//! Subtomograms of the 2016 protocol: boxes out of tomograms, with 3D CTF models beside them.

use std::collections::BTreeMap;

use thon_contract::kinds::TomogramKind;
use thon_contract::{Artifact, Context, Finding, JobError};
use thon_extract::{BoxInVolume, normalise_background, rescaled};
use thon_geometry::{Point, Pose, Rotation, Specimen};
use thon_images::mrc::Mrc;
use thon_likelihood::SourceError;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind, TiltSeries, Tomogram};
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

/// Tomograms that are absent or cannot be read.
pub(super) fn findings(
    tomograms: &Artifact<TomogramKind>,
    set: &ParticleSet,
    context: &Context,
) -> Vec<Finding> {
    let found = match by_series(tomograms, context) {
        Ok(found) => found,
        Err(e) => return vec![Finding::error("tomograms", e.to_string())],
    };
    let names = set.tilt_series_names.iter();
    let absent = names
        .filter(|name| !found.contains_key(*name))
        .map(|name| format!("particles of {name}, but no tomogram of it"));
    let broken = found.values().filter_map(|one| {
        let path = context.resolve(&one.path);
        let error = Mrc::open(&path).err()?;
        Some(format!("{}: {error}", path.display()))
    });
    let faults = absent.take(1).chain(broken);
    faults
        .map(|fault| Finding::error("tomograms", fault))
        .collect()
}

/// A particle cut out of a tomogram.
struct Cut {
    volume: Vec<f32>,
    model: Vec<f32>,
    /// Where the box's voxel ⌊n/2⌋ lies.
    middle: Point<Specimen>,
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
            let message = format!("tomograms of different voxel sizes: {first} and {size}");
            return Err(JobError::data(message));
        }
        let one = series_of(series, set, set.tilt_series[row])?;
        let place = set.poses[row].position;
        let cut = cut_one(params, one, tomogram, &file_of, place, to)
            .map_err(|e| JobError::data(format!("{name} ({}): {e}", path.display())))?;
        if let Some(cut) = cut {
            let mut write = |kind, values: &[f32]| {
                written.volume(file(set, row, kind), values, [to; 3], size.0, context)
            };
            paths.push(write("subtomo", &cut.volume)?);
            ctf_paths.push(write("ctf", &cut.model)?);
            boxes.push(Pose::new(Rotation::identity(), cut.middle));
            rows.push(row);
        } else {
            context.reject(name, "its box lies outside the tomogram");
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
        ctfs: Vec::new(),
        visible: Vec::new(),
        boxes,
    });
    Ok(kept)
}

/// One particle; `None` when most of its box lies outside the tomogram.
fn cut_one(
    params: &Params,
    series: &TiltSeries,
    tomogram: &Tomogram,
    file: &Mrc<'_>,
    place: Point<Specimen>,
    to: usize,
) -> Result<Option<Cut>, SourceError> {
    let n = params.box_size;
    let cut = BoxInVolume::around(tomogram.grid.index_of(place), n);
    let Some(cut) = cut.filter(|cut| cut.inside(file.shape()) > 0.5) else {
        return Ok(None);
    };
    let mut volume = read_box(file, &cut)?;
    let voxel = tomogram.grid.voxel_size.0;
    if params.normalise {
        let radius = params.background_radius(voxel);
        normalise_background(&mut volume, n, radius, params.invert)?;
    } else if params.invert {
        for value in &mut volume {
            *value = -*value;
        }
    }
    let middle = tomogram.grid.point_at_index(cut.centre());
    let size = PixelSize(voxel * n as f64 / to as f64);
    let model = slices(series, middle, to, size, &params.weights)?;
    Ok(Some(Cut {
        volume: rescaled(volume, n, to)?,
        model: model.full_volume()?,
        middle,
    }))
}

/// A box of a volume on disk; what lies outside holds the mean of what lies inside.
fn read_box(file: &Mrc<'_>, cut: &BoxInVolume) -> Result<Vec<f32>, SourceError> {
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
    if !sum.is_finite() {
        return Err("voxels of the tomogram are infinite or not a number".into());
    }
    if cut.inside(file.shape()) < 1.0 {
        let mean = (sum / count) as f32;
        for value in volume.iter_mut().filter(|value| value.is_nan()) {
            *value = mean;
        }
    }
    Ok(volume)
}
