//! The tilt images of particles from the stacks of another program: which section shows which tilt.

use thon_contract::{Context, JobError};
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
    let position = particles.poses[row].position;
    let cut = images.boxes.get(row).map_or(position, |cut| cut.position);
    // What a box was multiplied by is the CTF at its middle; what it shows was seen through that at the particle.
    let seen = if images.ctf_premultiplied {
        cut
    } else {
        position
    };
    let depth = Angstrom(geometry.project(seen).depth);
    let transfer = transfer(series, image, depth, settings);
    let offset = (geometry.near(position).matrix() * (position.xyz - cut.xyz)).truncate()
        / images.pixel_size.0;
    Ok(ParticleView {
        image: pixels,
        size: images.box_size,
        projection: projection(image, particles, row)?,
        offset,
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
    use thon_ctf::ExposureModel;
    use thon_geometry::glam::DVec2;
    use thon_geometry::{Point, Pose, Rotation, Specimen, TiltGeometry};
    use thon_model::{Carried, Optics, RepresentationKind, TiltImage};
    use thon_units::{Dose, PixelSize, Radians};

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
    fn a_particle_off_the_middle_of_its_box_is_seen_off_the_middle() {
        let mut image = TiltImage::new(Radians(0.5), Dose(0.0));
        image.geometry = Some(TiltGeometry {
            tilt_axis_angle: Radians(0.3),
            ..TiltGeometry::tilted(Radians(0.5))
        });
        let series = TiltSeries {
            name: "TS".into(),
            pixel_size: PixelSize(2.0),
            image_size: [64, 64],
            volume_size: None,
            optics: Optics::default(),
            nominal_tilt_axis_angle: None,
            defocus_hand: None,
            images: vec![image],
            carried: Carried::default(),
            carried_global: Carried::default(),
        };
        let place = |x, y, z| Pose::new(Rotation::identity(), Point::new(x, y, z));
        let mut set = ParticleSet {
            names: vec!["a".into()],
            poses: vec![place(100.0, -50.0, 30.0)],
            ..ParticleSet::default()
        };
        let images = ParticleImages {
            kind: RepresentationKind::TiltStack,
            box_size: 8,
            pixel_size: PixelSize(4.0),
            ctf_premultiplied: false,
            paths: vec!["a.mrcs".into()],
            sections: vec![],
            ctf_paths: vec![],
            ctfs: vec![],
            visible: vec![],
            boxes: vec![place(100.0, -50.0, 30.0)],
        };
        let settings = ViewSettings {
            box_size: 8,
            ctf: false,
            exposure: ExposureModel::None,
            maximum_dose: None,
            recover_delocalised: false,
        };
        let seen = |set: &ParticleSet| {
            stored_view(&series, 0, set, 0, &images, vec![0.0; 64], &settings).unwrap()
        };
        assert_eq!(seen(&set).offset, DVec2::ZERO);
        // A refinement has moved the particle, not its box.
        set.poses[0] = place(106.0, -42.0, 35.0);
        let pixel = |place: Point<Specimen>| {
            let geometry = series.images[0].geometry.unwrap();
            geometry.project_to_pixel(place, PixelSize(4.0), [64, 64])
        };
        let expected = pixel(set.poses[0].position) - pixel(images.boxes[0].position);
        assert!(expected.length() > 1.0);
        assert!((seen(&set).offset - expected).length() < 1e-9);
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
