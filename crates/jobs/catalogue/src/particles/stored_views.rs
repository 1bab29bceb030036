//! The tilt images of particles from the stacks of another program: which section shows which tilt.

use thon_contract::{Context, JobError};
use thon_geometry::glam::DVec2;
use thon_images::mrc::Mrc;
use thon_model::{ParticleImages, ParticleSet, TiltSeries};
use thon_reconstruct::ParticleView;
use thon_units::Angstrom;

use super::particle_views::{ViewSettings, projection, tilts, transfer};

/// Views from stacks of cut-out tilt images: one section per visible tilt, as RELION writes them, or per tilt, as Warp does, the
/// invisible ones blank.
pub(super) fn from_stacks(
    series: &TiltSeries,
    particles: &ParticleSet,
    images: &ParticleImages,
    rows: &[usize],
    settings: &ViewSettings,
    context: &Context,
    take: &mut dyn FnMut(usize, Vec<(usize, ParticleView)>) -> Result<(), JobError>,
) -> Result<(), JobError> {
    for &row in rows {
        thon_compute::check(context.progress())?;
        let path = context.resolve(&images.paths[row]);
        let stack = Mrc::open(&path).map_err(|e| JobError::file(&path, e))?;
        let visible = images.visible.get(row).map(Vec::as_slice);
        let sections = sections(stack.shape()[0], series.images.len(), visible)
            .map_err(|expected| JobError::data(format!("{}: {expected}", path.display())))?;
        for (tilt, section) in sections {
            if !tilts(series, settings).any(|t| t == tilt) {
                continue;
            }
            let pixels = stack
                .read_section(section)
                .map_err(|e| JobError::file(&path, e))?;
            let stored = stored_view(series, tilt, particles, row, images, pixels, settings)?;
            take(tilt, vec![(row, stored)])?;
        }
    }
    Ok(())
}

/// Which section of a stack shows which tilt: pairs (tilt, section) of the visible tilts.
pub(crate) fn sections(
    count: usize,
    tilts: usize,
    visible: Option<&[bool]>,
) -> Result<Vec<(usize, usize)>, String> {
    let is_visible = |&tilt: &usize| visible.is_none_or(|v| v.get(tilt).copied().unwrap_or(false));
    let seen: Vec<usize> = (0..tilts).filter(is_visible).collect();
    if count == tilts {
        Ok(seen.into_iter().map(|tilt| (tilt, tilt)).collect())
    } else if count == seen.len() {
        Ok(seen.into_iter().zip(0..).collect())
    } else {
        Err(format!(
            "{count} sections, expected one per tilt ({tilts}) or per visible tilt ({})",
            seen.len()
        ))
    }
}

fn stored_view(
    series: &TiltSeries,
    tilt: usize,
    particles: &ParticleSet,
    row: usize,
    images: &ParticleImages,
    mut pixels: Vec<f32>,
    settings: &ViewSettings,
) -> Result<ParticleView, JobError> {
    dark_protein(&mut pixels, images.ctf_premultiplied);
    let image = &series.images[tilt];
    let geometry = image
        .geometry
        .ok_or_else(|| JobError::data("a tilt image without geometry"))?;
    let depth = Angstrom(geometry.project(particles.poses[row].position).depth);
    let transfer = transfer(series, image, depth, settings);
    Ok(ParticleView {
        image: pixels,
        size: images.box_size,
        projection: projection(image, particles, row)?,
        offset: DVec2::ZERO,
        transfer: Some(transfer.half_spectrum(images.box_size, images.pixel_size)),
        premultiplied: images.ctf_premultiplied,
        weight: 1.0,
    })
}

/// Boxes on disk hold white protein under a CTF that is positive at low frequencies, as RELION and Warp extract them; ours is
/// −sin χ with dark protein. Multiplied by its CTF an image is the same in both.
pub(crate) fn dark_protein(pixels: &mut [f32], premultiplied: bool) {
    if !premultiplied {
        for pixel in pixels {
            *pixel = -*pixel;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_without_their_ctf_change_contrast() {
        let turned = |premultiplied| {
            let mut pixels = [1.0, -2.0];
            dark_protein(&mut pixels, premultiplied);
            pixels
        };
        assert_eq!(turned(false), [-1.0, 2.0]);
        assert_eq!(turned(true), [1.0, -2.0]);
    }

    #[test]
    fn a_stack_has_a_section_per_tilt_or_per_visible_tilt() {
        let visible = [false, true, true, false];
        let of = |count| sections(count, 4, Some(&visible));
        assert_eq!(of(4).unwrap(), [(1, 1), (2, 2)]);
        assert_eq!(of(2).unwrap(), [(1, 0), (2, 1)]);
        assert!(of(3).unwrap_err().contains("3 sections"));
        assert_eq!(sections(2, 2, None).unwrap(), [(0, 0), (1, 1)]);
    }
}
