//! Projections of particles: sections of stacks, or subtomograms summed along z as they are read.

use std::path::Path;

use thon_classify::two_dimensional::ImageSource;
use thon_contract::{Context, JobError};
use thon_images::mrc::Mrc;
use thon_likelihood::SourceError;
use thon_model::{ParticleImages, ParticleSet, RepresentationKind};

use super::particle_boxes::boxes;

/// All images of a set, in memory.
pub(super) struct Projections {
    box_size: usize,
    pixel_size: f64,
    images: Vec<Vec<f32>>,
    groups: Vec<usize>,
    group_count: usize,
}

impl Projections {
    /// Reads the images of a set; those of one file are read together.
    pub fn read(particles: &ParticleSet, context: &Context) -> Result<Self, JobError> {
        let images = boxes(particles)?;
        let mut read = vec![Vec::new(); particles.len()];
        let mut rows: Vec<usize> = (0..particles.len()).collect();
        rows.sort_by(|a, b| images.paths[*a].cmp(&images.paths[*b]).then(a.cmp(b)));
        for same in rows.chunk_by(|a, b| images.paths[*a] == images.paths[*b]) {
            thon_compute::check(context.progress()).map_err(|_| JobError::Cancelled)?;
            read_file(&images.paths[same[0]], same, images, &mut read, context)?;
        }
        Ok(Self {
            box_size: images.box_size,
            pixel_size: images.pixel_size.0,
            images: read,
            groups: particles.tilt_series.iter().map(|i| *i as usize).collect(),
            group_count: particles.tilt_series_names.len(),
        })
    }
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
}
