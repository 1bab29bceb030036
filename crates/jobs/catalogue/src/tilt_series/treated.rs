//! New stacks of images, and of their halves, with something done to the pixels of every used image.

use std::path::PathBuf;

use thon_contract::kinds::Health;
use thon_contract::{Context, Finding, JobError};
use thon_images::mrc::{MrcSpec, MrcWriter};
use thon_model::{ImageReference, TiltSeries, Treatment};
use thon_units::PixelSize;

use crate::tilt_images::{TiltImages, image_findings};

/// Which image of the series, and which sum of its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    /// Index in the series.
    pub image: usize,
    /// 0 for the whole sum, 1 and 2 for the halves.
    pub sum: usize,
}

/// Size and pixel size of the new images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewImages {
    pub size: [usize; 2],
    pub pixel_size: PixelSize,
}

/// Runs `treat` on every used image and on its halves, where all have some; the series with the new images, and their files.
///
/// Excluded images keep their files as long as the size stays, else they are left without.
pub(crate) fn treat_images(
    series: &TiltSeries,
    new: NewImages,
    context: &Context,
    mut treat: impl FnMut(Which, Vec<f32>) -> Result<Vec<f32>, JobError>,
) -> Result<(TiltSeries, Vec<PathBuf>), JobError> {
    let mut changed = series.clone();
    changed.image_size = new.size;
    changed.pixel_size = new.pixel_size;
    let same_size = new.size == series.image_size;
    let sums = if has_halves(series) { 3 } else { 1 };
    for image in changed.images.iter_mut().filter(|image| !image.is_used()) {
        if !same_size {
            image.image = None;
        }
        image.halves = image.halves.take().filter(|_| same_size);
    }
    for image in &mut changed.images {
        image.halves = image.halves.take().filter(|_| sums == 3);
    }
    let mut files = Vec::new();
    for sum in 0..sums {
        let suffix = ["", "_half_1", "_half_2"][sum];
        let file = format!("{}{suffix}.mrc", series.name);
        let images = TiltImages::open(&summed(series, sum), context)?;
        let path = context.file(&file)?;
        let used: Vec<usize> = series.used().collect();
        let shape = [used.len(), new.size[0], new.size[1]];
        let spec = MrcSpec::stack(shape, Some(new.pixel_size.0));
        let mut writer =
            MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
        let mut health = Health::default();
        for (section, image) in used.into_iter().enumerate() {
            thon_compute::check(context.progress())?;
            let pixels = treat(Which { image, sum }, images.read_image(image)?)?;
            health.add(&pixels);
            writer
                .write_section(&pixels)
                .map_err(|e| JobError::file(&path, e))?;
            let reference = ImageReference {
                path: context.published(&file),
                section,
            };
            let image = &mut changed.images[image];
            match (sum, &mut image.halves) {
                (0, _) => image.image = Some(reference),
                (half, Some(halves)) => halves[half - 1] = reference,
                (_, None) => {}
            }
        }
        health.verdict(&file)?;
        writer.finish().map_err(|e| JobError::file(&path, e))?;
        files.push(file.into());
    }
    Ok((changed, files))
}

/// True when every used image has both halves.
pub(crate) fn has_halves(series: &TiltSeries) -> bool {
    series.used().next().is_some()
        && series
            .used()
            .all(|index| series.images[index].halves.is_some())
}

/// The series with the images of one sum in place of the whole ones: 1 and 2 are the halves.
pub(crate) fn summed(series: &TiltSeries, sum: usize) -> TiltSeries {
    let mut other = series.clone();
    if sum > 0 {
        for image in &mut other.images {
            image.image = image.halves.clone().map(|halves| halves[sum - 1].clone());
        }
    }
    other
}

/// Marks every used image.
pub(crate) fn mark(series: &mut TiltSeries, treatment: Treatment) {
    let used = series.images.iter_mut().filter(|image| image.is_used());
    for image in used {
        image.treatments.push(treatment);
    }
}

/// What is wrong with the images, their halves included; and what was done to them already.
pub(crate) fn findings(series: &TiltSeries, once: &[Treatment], context: &Context) -> Vec<Finding> {
    if series.used().next().is_none() {
        return vec![Finding::error(&series.name, "every tilt image is excluded")];
    }
    let mut findings = image_findings(series, context);
    if findings.is_empty() && has_halves(series) {
        findings.extend(image_findings(&summed(series, 1), context));
        findings.extend(image_findings(&summed(series, 2), context));
    }
    for treatment in once {
        let done = series
            .used()
            .filter(|&index| series.images[index].is_treated(*treatment))
            .count();
        if done > 0 {
            let what = match treatment {
                Treatment::PeaksRemoved => "peaks were removed",
                Treatment::BeadsErased => "beads were erased",
                Treatment::Normalised => "grey values were normalised",
                Treatment::ExposureWeighted => "frequencies were weighted by exposure",
                Treatment::CtfCorrected => "contrast transfer was corrected",
            };
            findings.push(
                Finding::error(
                    &series.name,
                    format!("in {done} of its images {what} already"),
                )
                .with_hint("take the series as it was before that step"),
            );
        }
    }
    findings
}

/// Bytes of the new stacks.
pub(crate) fn stack_bytes(series: &TiltSeries, size: [usize; 2]) -> u64 {
    let sums = if has_halves(series) { 3 } else { 1 };
    (4 * sums * series.used().count() * size[0] * size[1]) as u64
}

/// Pixels of all used images and halves.
pub(crate) fn pixels(series: &TiltSeries) -> f64 {
    stack_bytes(series, series.image_size) as f64 / 4.0
}
