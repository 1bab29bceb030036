//! What a microscope leaves of one simulated series: the stack, its mdoc, movies when there are frames.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use thon_contract::kinds::{FileListing, PictureKind};
use thon_contract::{Context, ItemRecord, JobError};
use thon_images::mrc::{MrcMode, MrcSpec, MrcWriter, write_stack};
use thon_model::{ImageReference, Movie, TiltSeries};
use thon_simulate::Simulation;

use super::mdoc_file::mdoc_text;
use crate::pictures;

/// Records one series: stack, mdoc, movies; gives the true series with its files.
pub(super) fn record(
    simulation: &Simulation,
    listing: &mut FileListing,
    drawn: &mut Vec<ItemRecord>,
    context: &Context,
) -> Result<TiltSeries, JobError> {
    let mut series = simulation.tilt_series.clone();
    let stack = format!("{}.mrc", series.name);
    let path = context.file(&stack)?;
    let [ny, nx] = series.image_size;
    let spec = MrcSpec::stack([series.images.len(), ny, nx], Some(series.pixel_size.0));
    let mut writer = MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
    let untilted = untilted(&series);
    let mut movies = Vec::new();
    simulation.record_each(
        context.progress(),
        |tilt, recording| -> Result<(), JobError> {
            if simulation.options.frames > 1 {
                movies.push(write_movie(&series, tilt, &recording.frames, context)?);
            }
            // The camera's own sums are corrected for its gain, not for defects and drift.
            let mut sum = recording.sum();
            if let Some(gain) = &simulation.gain {
                sum *= gain;
            }
            writer
                .write_section(samples(&sum)?)
                .map_err(|e| JobError::file(&path, e))?;
            if tilt == untilted {
                let picture = pictures::image(&sum.view()).to_png();
                drawn.push(context.store::<PictureKind>(&series.name, &picture)?);
            }
            Ok(())
        },
    )?;
    writer.finish().map_err(|e| JobError::file(&path, e))?;
    let mdoc = format!("{stack}.mdoc");
    let mdoc_path = context.file(&mdoc)?;
    std::fs::write(&mdoc_path, mdoc_text(simulation, &stack, &movies))
        .map_err(|e| JobError::file(&mdoc_path, e))?;
    refer_to_files(
        &mut series,
        &stack,
        &movies,
        simulation.options.frames,
        context,
    );
    listing
        .files
        .extend([PathBuf::from(&stack), PathBuf::from(&mdoc)]);
    listing
        .files
        .extend(movies.iter().map(|movie| Path::new("frames").join(movie)));
    if let Some(gain) = &simulation.gain {
        listing.files.push(write_gain(&series, gain, context)?);
    }
    Ok(series)
}

/// Writes the gain reference, upright: factors that counts are multiplied with.
fn write_gain(
    series: &TiltSeries,
    gain: &Array2<f32>,
    context: &Context,
) -> Result<PathBuf, JobError> {
    let name = format!("{}_gain.mrc", series.name);
    let path = context.file(&name)?;
    let [ny, nx] = series.image_size;
    write_stack(
        &path,
        samples(gain)?,
        [1, ny, nx],
        Some(series.pixel_size.0),
    )
    .map_err(|e| JobError::file(&path, e))?;
    Ok(name.into())
}

/// Index of the image with the least tilt.
fn untilted(series: &TiltSeries) -> usize {
    let tilt = |i: usize| series.images[i].nominal_tilt_angle.0.abs();
    (0..series.images.len())
        .min_by(|&a, &b| tilt(a).total_cmp(&tilt(b)))
        .unwrap_or(0)
}

fn refer_to_files(
    series: &mut TiltSeries,
    stack: &str,
    movies: &[String],
    frames: usize,
    context: &Context,
) {
    for (section, image) in series.images.iter_mut().enumerate() {
        image.image = Some(ImageReference {
            path: context.published(stack),
            section,
        });
        image.movie = movies.get(section).map(|movie| Movie {
            path: context.published(Path::new("frames").join(movie)),
            frames: Some(frames),
        });
    }
}

fn samples(image: &Array2<f32>) -> Result<&[f32], JobError> {
    image
        .as_slice()
        .ok_or_else(|| JobError::data("an image is not contiguous"))
}

/// Writes the frames of one tilt as counts; returns the file's name in `frames/`.
fn write_movie(
    series: &TiltSeries,
    tilt: usize,
    frames: &[Array2<f32>],
    context: &Context,
) -> Result<String, JobError> {
    let angle = series.images[tilt].nominal_tilt_angle.degrees().0;
    let rank = series.images[tilt].acquisition_index.unwrap_or(tilt);
    let name = format!("{}_{rank:03}_{angle:.1}.mrc", series.name);
    let path = context.file(Path::new("frames").join(&name))?;
    let [ny, nx] = series.image_size;
    let spec = MrcSpec::stack([frames.len(), ny, nx], Some(series.pixel_size.0))
        .with_mode(MrcMode::Uint16);
    let mut writer = MrcWriter::create_file(&path, &spec).map_err(|e| JobError::file(&path, e))?;
    for frame in frames {
        writer
            .write_section(samples(frame)?)
            .map_err(|e| JobError::file(&path, e))?;
    }
    writer.finish().map_err(|e| JobError::file(&path, e))?;
    Ok(name)
}
