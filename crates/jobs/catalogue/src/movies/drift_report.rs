//! Drift and quality of the movies of a series, as curves and a picture.

use thon_contract::kinds::{Column, Curves};
use thon_model::TiltSeries;
use thon_motion::{Motion, MovieQuality};
use thon_picture::Picture;

use crate::pictures;

/// What is kept of one corrected movie.
pub(super) struct Corrected {
    /// Index of the image in the series.
    pub image: usize,
    pub motion: Motion,
    pub quality: MovieQuality,
}

/// Where the specimen was seen in each frame, Å.
pub(super) fn drift_curves(series: &TiltSeries, all: &[Corrected]) -> Curves {
    let frames = all
        .iter()
        .map(|c| c.quality.frame_means.len())
        .max()
        .unwrap_or(0);
    let pixel = series.pixel_size.0;
    let mut columns = vec![Column::new(
        "frame",
        "",
        (0..frames).map(|f| f as f64 + 1.0),
    )];
    for corrected in all {
        for (axis, name) in ["x", "y"].into_iter().enumerate() {
            let mut values = vec![f64::NAN; frames];
            for (frame, shift) in corrected.motion.frames.iter().zip(&corrected.motion.shifts) {
                values[*frame] = shift[axis] * pixel;
            }
            let label = format!("{name} of image {}", corrected.image + 1);
            columns.push(Column::new(&label, "Å", values));
        }
    }
    Curves {
        title: format!("Drift of {}", series.name),
        columns,
        facts: std::collections::BTreeMap::new(),
    }
}

/// One row per movie.
pub(super) fn quality_curves(series: &TiltSeries, all: &[Corrected]) -> Curves {
    let tilt = |c: &Corrected| series.images[c.image].nominal_tilt_angle.degrees().0;
    let column = |label: &str, unit: &str, of: &dyn Fn(&Corrected) -> f64| {
        Column::new(label, unit, all.iter().map(of))
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let columns = vec![
        column("tilt", "°", &tilt),
        column("drift", "Å", &|c| c.quality.drift),
        column("drift in the first quarter", "Å", &|c| {
            c.quality.early_drift
        }),
        column("largest local motion", "Å", &|c| c.quality.local),
        column("expected error", "Å", &|c| c.quality.uncertainty),
        column("jitter taken away", "Å", &|c| c.quality.jitter),
        column("shared signal", "σ", &|c| c.motion.signal),
        column("mean count of a frame", "e⁻/px", &|c| {
            mean(&c.quality.frame_means)
        }),
        column("defective pixels", "%", &|c| 100.0 * c.quality.defects),
        column("dark frames", "", &|c| c.quality.dark_frames.len() as f64),
    ];
    let drifts: Vec<f64> = all.iter().map(|c| c.quality.drift).collect();
    let local = all.iter().filter(|c| c.motion.local.is_some()).count();
    let facts = [
        ("mean drift (Å)".to_owned(), mean(&drifts)),
        ("movies with local motion".to_owned(), local as f64),
    ];
    Curves {
        title: format!("Movies of {}", series.name),
        columns,
        facts: facts.into_iter().collect(),
    }
}

/// Drift against tilt.
pub(super) fn drift_picture(curves: &Curves) -> Picture {
    pictures::against_tilt(curves, &[1, 2, 3, 4], "Å", &[])
}
