//! The movies of a tilt series: which images have one, whether they fit, and how each is to be corrected.

use thon_contract::{Context, Finding, JobError};
use thon_ctf::ExposureModel;
use thon_model::TiltSeries;
use thon_motion::{CorrectOptions, EstimateOptions, ExposureWeighting, FrameSource, SumOptions};
use thon_units::{Dose, PixelSize};

use super::correct_motion::Params;
use super::movie_files::MovieFile;

/// Bytes of the copy of a movie that spares reading it again.
const KEEP: usize = 1 << 29;

/// Indices of the used images that have a movie.
pub(super) fn with_movies(series: &TiltSeries) -> Vec<usize> {
    series
        .used()
        .filter(|i| series.images[*i].movie.is_some())
        .collect()
}

/// The `count` of them with the lowest tilts.
pub(super) fn lowest(series: &TiltSeries, count: usize) -> Vec<usize> {
    let mut all = with_movies(series);
    let tilt = |i: &usize| series.images[*i].nominal_tilt_angle.0.abs();
    all.sort_by(|a, b| tilt(a).total_cmp(&tilt(b)));
    all.truncate(count);
    all
}

/// Opens the movie of one image.
pub(super) fn open(
    series: &TiltSeries,
    image: usize,
    params: &Params,
    context: &Context,
) -> Result<MovieFile, JobError> {
    let image = &series.images[image];
    let movie = image
        .movie
        .as_ref()
        .ok_or_else(|| JobError::data("there is no movie"))?;
    let exposure = image.exposure.map(|dose| dose.0);
    MovieFile::open(
        &context.resolve(&movie.path),
        params.eer_fractions,
        exposure,
        params.eer_resolution(),
    )
}

/// The kernel's options for the movie of one image.
pub(super) fn options(
    series: &TiltSeries,
    image: usize,
    params: &Params,
    frames: usize,
    size: [usize; 2],
) -> CorrectOptions {
    let image = &series.images[image];
    let pixel_size = PixelSize(series.pixel_size.0 / scale(series, size).unwrap_or(1) as f64);
    let exposure = image.exposure.filter(|_| params.exposure_weighting);
    CorrectOptions {
        motion: EstimateOptions {
            pixel_size: pixel_size.0,
            local: params.local_motion,
            resolution: params.resolution.0,
            group: 0,
        },
        sums: SumOptions {
            halves: params.halves,
            unweighted: params.unweighted(),
            exposure: exposure.map(|dose| ExposureWeighting {
                model: ExposureModel::GrantGrigorieff,
                voltage: series.optics.voltage,
                pixel_size,
                before: image.dose_before,
                per_frame: Dose(dose.0 / frames.max(1) as f64),
            }),
        },
        keep: KEEP,
    }
}

/// Movie pixels along an edge of an image pixel; `None` when the one is no multiple of the other.
pub(super) fn scale(series: &TiltSeries, size: [usize; 2]) -> Option<usize> {
    if series.image_size == [0, 0] {
        return Some(1);
    }
    (1..=8).find(|n| series.image_size.map(|length| length * n) == size)
}

/// Brings the series onto the pixels of its movies.
pub(super) fn rescale(series: &mut TiltSeries, size: [usize; 2]) {
    let factor = scale(series, size).unwrap_or(1);
    series.pixel_size = PixelSize(series.pixel_size.0 / factor as f64);
    series.volume_size = series.volume_size.map(|volume| volume.map(|n| n * factor));
    series.image_size = size;
}

/// What is wrong with the movies of a series, by their headers.
pub(super) fn movie_findings(
    series: &TiltSeries,
    params: &Params,
    context: &Context,
) -> Vec<Finding> {
    let movies = with_movies(series);
    if movies.is_empty() {
        let finding = Finding::error(&series.name, "none of its used images has a movie");
        return vec![finding.with_hint("import the mdoc with the folder of its movies")];
    }
    let mut findings = Vec::new();
    let mut size = None;
    let mut failed = 0;
    for image in &movies {
        let place = format!("{}, image {}", series.name, image + 1);
        match open(series, *image, params, context) {
            Err(e) => {
                failed += 1;
                findings.push(Finding::warning(
                    place,
                    format!("{e}; the image will be excluded"),
                ));
            }
            Ok(movie) => {
                let first = *size.get_or_insert(movie.size());
                if movie.size() != first {
                    let [a, b] = [first, movie.size()].map(|[ny, nx]| format!("{ny} × {nx}"));
                    findings.push(Finding::error(
                        place,
                        format!("expected a movie of {a} pixels, found {b}"),
                    ));
                }
            }
        }
    }
    if failed == movies.len() {
        findings.push(Finding::error(
            &series.name,
            "none of its movies can be read",
        ));
    }
    if let Some(size) = size
        && scale(series, size).is_none()
    {
        let [ny, nx] = series.image_size;
        let message = format!(
            "its movies have {} × {} pixels, its images {ny} × {nx}: no whole multiple",
            size[0], size[1]
        );
        findings.push(Finding::error(&series.name, message));
    }
    if params.exposure_weighting {
        let without = movies
            .iter()
            .filter(|i| series.images[**i].exposure.is_none())
            .count();
        if without > 0 {
            let message = format!(
                "the exposure of {without} images is not known, so that frames cannot be weighted by it"
            );
            findings.push(Finding::error(&series.name, message));
        }
    }
    findings
}
