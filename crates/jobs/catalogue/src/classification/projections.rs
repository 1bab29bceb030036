//! Projections of particles: sections of stacks, or subtomograms summed along z as they are read; and their CTFs.
//!
//! A projection of a subtomogram was seen through the section of its 3D CTF that lies across z, an image of a stack through the
//! CTF that its table states.

use std::path::Path;

use thon_classify::two_dimensional::{
    CtfCorrection, HalfDisc, ImageSource, divided, leave_first_peak, transfer_of_ctf,
};
use thon_contract::{Context, JobError};
use thon_extract::TransferVolume;
use thon_images::mrc::Mrc;
use thon_likelihood::SourceError;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

use super::particle_boxes::boxes;
use crate::average::read_volume;

/// All images of a set, in memory.
pub(super) struct Projections {
    box_size: usize,
    pixel_size: f64,
    images: Vec<Vec<f32>>,
    /// What each image was seen through, on the largest half disc; empty when that is not corrected for.
    transfers: Vec<Vec<f32>>,
    groups: Vec<usize>,
    group_count: usize,
}

impl Projections {
    /// Reads the images of a set; those of one file are read together.
    pub fn read(
        particles: &ParticleSet,
        correction: CtfCorrection,
        context: &Context,
    ) -> Result<Self, JobError> {
        let images = boxes(particles)?;
        let mut read = vec![Vec::new(); particles.len()];
        let mut rows: Vec<usize> = (0..particles.len()).collect();
        rows.sort_by(|a, b| images.paths[*a].cmp(&images.paths[*b]).then(a.cmp(b)));
        for same in rows.chunk_by(|a, b| images.paths[*a] == images.paths[*b]) {
            thon_compute::check(context.progress()).map_err(|_| JobError::Cancelled)?;
            read_file(&images.paths[same[0]], same, images, &mut read, context)?;
        }
        let mut transfers = Vec::new();
        if correction != CtfCorrection::None && has_transfers(particles) {
            for (row, image) in read.iter_mut().enumerate() {
                thon_compute::check(context.progress()).map_err(|_| JobError::Cancelled)?;
                transfers.push(transfer(particles, row, image, correction, context)?);
            }
        }
        Ok(Self {
            box_size: images.box_size,
            pixel_size: images.pixel_size.0,
            images: read,
            transfers,
            groups: particles.tilt_series.iter().map(|i| *i as usize).collect(),
            group_count: particles.tilt_series_names.len(),
        })
    }
}

/// True when something says through what the images were seen.
pub(super) fn has_transfers(particles: &ParticleSet) -> bool {
    let Some(images) = &particles.images else {
        return false;
    };
    match images.kind {
        RepresentationKind::Volume => !images.ctf_paths.is_empty(),
        // A projection of a subtomogram keeps the 3D CTF of that.
        RepresentationKind::Projection => {
            !images.ctf_paths.is_empty() || (!images.ctfs.is_empty() && particles.optics.is_some())
        }
        RepresentationKind::TiltStack => false,
    }
}

/// What an image was seen through, on the largest half disc; one that was multiplied by it already is divided in place.
fn transfer(
    particles: &ParticleSet,
    row: usize,
    image: &mut Vec<f32>,
    correction: CtfCorrection,
    context: &Context,
) -> Result<Vec<f32>, JobError> {
    let images = boxes(particles)?;
    let n = images.box_size;
    let disc = HalfDisc::new((n - 1) / 2);
    let (mut values, premultiplied) = match (images.ctfs.get(row), particles.optics) {
        (Some(ctf), Some(optics)) if images.ctf_paths.is_empty() => {
            let values = transfer_of_ctf(&optics, ctf, &disc, n, images.pixel_size.0);
            (values, images.ctf_premultiplied)
        }
        _ => section_of_volume(images, row, &disc, context)?,
    };
    if !values.iter().all(|c| c.is_finite()) || values.iter().all(|c| *c == 0.0) {
        let name = &particles.names[row];
        return Err(JobError::data(format!(
            "{name}: its CTF is zero everywhere, or not a number"
        )));
    }
    if premultiplied {
        (*image, values) = divided(image, n, &values);
    }
    if correction == CtfCorrection::FromFirstPeak {
        leave_first_peak(&mut values, &disc);
    }
    Ok(values)
}

/// The section of a 3D CTF volume across z, and whether the subtomogram was multiplied by it: then of squares the root.
fn section_of_volume(
    images: &ParticleImages,
    row: usize,
    disc: &HalfDisc,
    context: &Context,
) -> Result<(Vec<f32>, bool), JobError> {
    let path = context.resolve(&images.ctf_paths[row]);
    let (values, shape) = read_volume(&path).map_err(|e| JobError::data(e.to_string()))?;
    let volume = TransferVolume::of_shape(&values, shape, images.box_size)
        .map_err(|e| JobError::file(&path, e))?;
    let mut section = volume.central_section(images.box_size, &disc.points);
    let premultiplied = images.ctf_premultiplied || matches!(volume, TransferVolume::Weights(_));
    if premultiplied {
        for c in &mut section {
            *c = c.max(0.0).sqrt();
        }
    }
    Ok((section, premultiplied))
}

/// Reads the images of some rows from their file.
fn read_file(
    path: &Path,
    rows: &[usize],
    images: &ParticleImages,
    read: &mut [Vec<f32>],
    context: &Context,
) -> Result<(), JobError> {
    let path = &context.resolve(path);
    let file = Mrc::open(path).map_err(|e| JobError::file(path, e))?;
    let area = images.box_size * images.box_size;
    for &row in rows {
        let section = images.sections.get(row).map_or(0, |s| *s as usize);
        let sections = match images.kind {
            RepresentationKind::Volume => 0..file.shape()[0],
            RepresentationKind::Projection | RepresentationKind::TiltStack => section..section + 1,
        };
        let values = file
            .read_sections(sections)
            .map_err(|e| JobError::file(path, e))?;
        let mut sum = vec![0.0; area];
        for one in values.chunks_exact(area) {
            sum.iter_mut().zip(one).for_each(|(s, v)| *s += v);
        }
        read[row] = sum;
    }
    Ok(())
}

impl ImageSource for Projections {
    fn len(&self) -> usize {
        self.images.len()
    }

    fn box_size(&self) -> usize {
        self.box_size
    }

    fn pixel_size(&self) -> f64 {
        self.pixel_size
    }

    fn groups(&self) -> usize {
        self.group_count
    }

    fn group(&self, index: usize) -> usize {
        self.groups[index]
    }

    fn image(&self, index: usize) -> Result<Vec<f32>, SourceError> {
        Ok(self.images[index].clone())
    }

    fn transfer(&self, index: usize, disc: &HalfDisc) -> Option<Vec<f32>> {
        // A smaller half disc is a prefix of a larger one.
        let transfer = self.transfers.get(index)?;
        Some(transfer[..disc.points.len()].to_vec())
    }
}
