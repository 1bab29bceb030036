//! Particles as stacks of tilt images that another program has cut (RELION 5, Warp).

use std::path::PathBuf;

use thon_contract::{Context, JobError};
use thon_extract::{BoxReader, TiltParticle, TiltSource};
use thon_images::mrc::Mrc;
use thon_likelihood::SourceError;
use thon_model::{ParticleImages, ParticleSet};
use thon_units::Angstrom;

use super::tilt_boxes::{series_of, series_views};
use crate::particles::{SeriesByName, ViewSettings, dark_protein, sections, transfer};

/// Stacks on disk, read one particle at a time.
pub(super) struct StackFiles {
    box_size: usize,
    premultiplied: bool,
    paths: Vec<PathBuf>,
    /// The section of each used tilt.
    sections: Vec<Vec<usize>>,
}

impl BoxReader for StackFiles {
    fn read(&self, index: usize, boxes: &mut [f32]) -> Result<(), SourceError> {
        let path = &self.paths[index];
        let named = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let stack = Mrc::open(path).map_err(|e| named(&e))?;
        let n = self.box_size;
        let [_, ny, nx] = stack.shape();
        if [ny, nx] != [n, n] {
            return Err(named(&format!(
                "expected sections of {n} × {n} pixels, found {nx} × {ny}"
            ))
            .into());
        }
        for (section, image) in self.sections[index]
            .iter()
            .zip(boxes.chunks_exact_mut(n * n))
        {
            stack
                .read_section_into(*section, image)
                .map_err(|e| named(&e))?;
        }
        dark_protein(boxes, self.premultiplied);
        Ok(())
    }

    fn place(&self, index: usize) -> String {
        self.paths[index].display().to_string()
    }
}

/// Stacks as a source; also the rows that have a used image. The others are rejected by name.
pub(super) fn source(
    series: &SeriesByName,
    set: &ParticleSet,
    images: &ParticleImages,
    settings: &ViewSettings,
    context: &Context,
) -> Result<(TiltSource<StackFiles>, Vec<usize>), JobError> {
    let mut schemes: Vec<Option<(u32, Vec<usize>)>> = vec![None; set.tilt_series_names.len()];
    let (mut made, mut rows, mut particles) = (Vec::new(), Vec::new(), Vec::new());
    let mut files = StackFiles {
        box_size: images.box_size,
        premultiplied: images.ctf_premultiplied,
        paths: Vec::new(),
        sections: Vec::new(),
    };
    for row in 0..set.len() {
        let index = set.tilt_series[row];
        let one = series_of(series, set, index)?;
        if schemes[index as usize].is_none() {
            let views = series_views(one, settings)?;
            schemes[index as usize] = Some((made.len() as u32, views.images));
            made.push(views.scheme);
        }
        let Some((scheme, used)) = &schemes[index as usize] else {
            continue;
        };
        let path = context.resolve(&images.paths[row]);
        let header = Mrc::read_header(&path).map_err(|e| JobError::file(&path, e))?;
        let visible = images.visible.get(row).map(Vec::as_slice);
        let pairs = sections(header.shape()[0], one.images.len(), visible)
            .map_err(|e| JobError::data(format!("{}: {e}", path.display())))?;
        let middle = images
            .boxes
            .get(row)
            .map_or(set.poses[row].position, |cut| cut.position);
        let (mut tilts, mut ctfs, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for (tilt, section) in pairs {
            let view = used.iter().position(|image| *image == tilt);
            let geometry = one.images[tilt].geometry;
            if let (Some(view), Some(geometry)) = (view, geometry) {
                let depth = Angstrom(geometry.project(middle).depth);
                tilts.push(view as u16);
                ctfs.push(transfer(one, &one.images[tilt], depth, settings).ctf);
                own.push(section);
            }
        }
        if tilts.is_empty() {
            context.reject(&set.names[row], "none of its tilt images is used");
            continue;
        }
        rows.push(row);
        files.paths.push(path);
        files.sections.push(own);
        particles.push(TiltParticle {
            scheme: *scheme,
            tilts,
            ctfs,
            offsets: Vec::new(),
            premultiplied: images.ctf_premultiplied,
        });
    }
    if rows.is_empty() {
        return Err(JobError::data(
            "no used tilt image shows any of the particles",
        ));
    }
    let source = TiltSource::new(files, images.box_size, images.pixel_size, made, particles);
    Ok((source.map_err(|e| JobError::data(e.to_string()))?, rows))
}
