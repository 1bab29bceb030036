//! The tilt images of particles, one series at a time: cut from the series, or from stacks on disk.
//!
//! Whole tilt images are brought to mean 0 and unit noise before boxes are cut; stored stacks are
//! taken as they are. Order: series, then tilt, then particle, so that each image is read once and
//! sums do not depend on anything else.

use std::collections::BTreeMap;

use thon_contract::kinds::{ParticlesKind, TiltSeriesKind};
use thon_contract::{Artifact, Context, JobError};
use thon_ctf::{CtfModel, ExposureModel};
use thon_geometry::glam::DMat3;
use thon_model::{ParticleSet, RepresentationKind, TiltImage, TiltSeries};
use thon_reconstruct::{ParticleBox, ParticleView, Transfer, cut_box};
use thon_signal::statistics::standardise_background;
use thon_units::{Angstrom, Dose};

use super::stored_views::from_stacks;
use crate::tilt_images::TiltImages;

/// Tilt series by name.
pub(crate) type SeriesByName = BTreeMap<String, TiltSeries>;

/// Loads a set of particles and the tilt series they are seen in, if there are any.
pub(crate) fn load_particles(
    tilt_series: Option<&Artifact<TiltSeriesKind>>,
    particles: &Artifact<ParticlesKind>,
    context: &Context,
) -> Result<(SeriesByName, ParticleSet), JobError> {
    let mut series = SeriesByName::new();
    for item in tilt_series.iter().flat_map(|artifact| artifact.items()) {
        let one = context.load(item)?;
        series.insert(one.name.clone(), one);
    }
    Ok((series, context.load(particles.single()?)?))
}

/// How views are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewSettings {
    /// Edge of the box, pixels of the images.
    pub(crate) box_size: usize,
    /// Correct for the CTF.
    pub(crate) ctf: bool,
    /// Loss of signal with exposure.
    pub(crate) exposure: ExposureModel,
    /// Leave out images recorded after more exposure than this.
    pub(crate) maximum_dose: Option<Dose>,
    /// Cut twice the box and bring back what the CTF carried out of it.
    pub(crate) recover_delocalised: bool,
}

/// Views of all particles of one series that pass `wanted`, tilt by tilt, handed to `take`.
pub(crate) fn each_view(
    series: &TiltSeries,
    particles: &ParticleSet,
    rows: &[usize],
    settings: &ViewSettings,
    context: &Context,
    take: &mut dyn FnMut(usize, Vec<(usize, ParticleView)>) -> Result<(), JobError>,
) -> Result<(), JobError> {
    match &particles.images {
        Some(images) if images.kind == RepresentationKind::TiltStack => {
            from_stacks(series, particles, images, rows, settings, context, take)
        }
        Some(_) => Err(JobError::Data {
            message: "the particles are subtomogram volumes".into(),
            hint: "this job averages tilt images; import the particles without their volumes"
                .into(),
        }),
        None => from_series(series, particles, rows, settings, context, take),
    }
}

/// The used tilts of a series within the allowed exposure.
pub(crate) fn tilts<'a>(
    series: &'a TiltSeries,
    settings: &'a ViewSettings,
) -> impl Iterator<Item = usize> + 'a {
    series.used().filter(move |&i| {
        let dose = series.images[i].dose_before;
        series.images[i].geometry.is_some()
            && settings.maximum_dose.is_none_or(|maximum| dose <= maximum)
    })
}

fn from_series(
    series: &TiltSeries,
    particles: &ParticleSet,
    rows: &[usize],
    settings: &ViewSettings,
    context: &Context,
    take: &mut dyn FnMut(usize, Vec<(usize, ParticleView)>) -> Result<(), JobError>,
) -> Result<(), JobError> {
    let images = TiltImages::open(series, context)?;
    for tilt in tilts(series, settings) {
        thon_compute::check(context.progress())?;
        let mut pixels = images.read_image(tilt)?;
        normalise(&mut pixels, &format!("{}, image {}", series.name, tilt + 1))?;
        let mut views = Vec::new();
        for &row in rows {
            if let Some(view) = cut_view(series, tilt, particles, row, &pixels, settings)? {
                views.push((row, view));
            }
        }
        take(tilt, views)?;
    }
    Ok(())
}

/// Brings the pixels of an image to mean 0 and unit noise; `place` names it in the error.
pub(crate) fn normalise(pixels: &mut [f32], place: &str) -> Result<(), JobError> {
    if standardise_background(pixels) {
        return Ok(());
    }
    Err(JobError::Data {
        message: format!("{place}: the image is constant"),
        hint: "exclude it from the series".into(),
    })
}

fn cut_view(
    series: &TiltSeries,
    tilt: usize,
    particles: &ParticleSet,
    row: usize,
    pixels: &[f32],
    settings: &ViewSettings,
) -> Result<Option<ParticleView>, JobError> {
    let image = &series.images[tilt];
    let Some(geometry) = image.geometry else {
        return Ok(None);
    };
    let position = particles.poses[row].position;
    let centre = geometry.project_to_pixel(position, series.pixel_size, series.image_size);
    let n = settings.box_size;
    let large = if settings.recover_delocalised {
        2 * n
    } else {
        n
    };
    let Some(cut) = cut_box(pixels, series.image_size, centre, large).filter(mostly_inside) else {
        return Ok(None);
    };
    let depth = Angstrom(geometry.project(position).depth);
    let transfer = transfer(series, image, depth, settings);
    Ok(Some(ParticleView {
        image: cut.image,
        size: large,
        projection: projection(image, particles, row)?,
        offset: cut.offset,
        transfer: Some(transfer.half_spectrum(large, series.pixel_size)),
        premultiplied: false,
        weight: 1.0,
    }))
}

fn mostly_inside(cut: &ParticleBox) -> bool {
    cut.inside > 0.5
}

pub(super) fn projection(
    image: &TiltImage,
    particles: &ParticleSet,
    row: usize,
) -> Result<DMat3, JobError> {
    let geometry = image
        .geometry
        .ok_or_else(|| JobError::data("a tilt image without geometry"))?;
    let pose = particles.poses[row];
    Ok(geometry.near(pose.position).matrix() * pose.rotation.matrix())
}

/// What the lens and the exposure did to a particle at `depth`.
pub(crate) fn transfer(
    series: &TiltSeries,
    image: &TiltImage,
    depth: Angstrom,
    settings: &ViewSettings,
) -> Transfer {
    let at_depth = |ctf| match &series.defocus_hand {
        Some(hand) => CtfModel::at_depth(&series.optics, ctf, hand.sign, depth),
        None => CtfModel::new(&series.optics, ctf),
    };
    Transfer {
        ctf: image.ctf.as_ref().filter(|_| settings.ctf).map(at_depth),
        exposure_model: settings.exposure,
        dose_before: image.dose_before,
        dose_during: image.exposure.unwrap_or(Dose(0.0)),
        voltage: series.optics.voltage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_few_electrons_are_normalised() {
        let mut pixels = vec![0.0; 90];
        pixels.extend([1.0; 10]);
        normalise(&mut pixels, "a").unwrap();
        assert!((pixels[0] + 1.0 / 3.0).abs() < 0.01 && (pixels[95] - 3.0).abs() < 0.02);
        let error = normalise(&mut [2.0; 9], "TS, image 1").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("TS, image 1: the image is constant")
        );
    }
}
