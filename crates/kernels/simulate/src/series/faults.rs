//! What goes wrong at a microscope: a shut beam, a grid bar in the way, a lost target, an image stored twice.
//!
//! The faults are drawn after the specimen was made, so that the series without them is the same specimen. The image of
//! the lowest nominal tilt is spared: it is where alignments begin.

use ndarray::Array2;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use thon_compute::random::ChaCha8Rng;
use thon_compute::seed_stream;
use thon_geometry::glam::DVec2;
use thon_model::{Exclusion, TiltSeries};

use crate::{SimulateError, SimulationOptions};

/// Electrons that pass a shut beam or a bar, as a fraction.
const STRAY: f32 = 0.02;

/// What is wrong with one image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewFault {
    /// The beam was shut: stray electrons without contrast.
    Blank,
    /// An opaque bar covers the side of the image where `direction · r > offset`, r in pixels from the image centre.
    Blocked {
        /// Unit vector (x, y) towards the bar.
        direction: [f64; 2],
        /// Distance of its edge from the centre along `direction`, pixels.
        offset: f64,
    },
    /// The target was lost: the specimen lies `by` (x, y) Å farther than the stage's own scatter explains. The true
    /// geometry holds it.
    Shifted {
        /// Additional image shift, Å.
        by: [f64; 2],
    },
    /// The image is the same as that of index `of`, its geometry too.
    Duplicate {
        /// Index of the image that was stored twice.
        of: usize,
    },
}

/// Draws the faults that were asked for and changes the truth accordingly; sorted by image.
pub(super) fn draw(
    options: &SimulationOptions,
    series: &mut TiltSeries,
    seed: u64,
) -> Result<Vec<(usize, ViewFault)>, SimulateError> {
    let asked = [
        options.blank_views,
        options.blocked_views,
        options.shifted_views,
        options.duplicated_views,
    ];
    let mut free = candidates(series);
    let total: usize = asked.iter().sum();
    if total > free.len() {
        return Err(SimulateError::Crowded {
            what: "faulty views",
            placed: free.len(),
            asked: total,
        });
    }
    let mut random = seed_stream(seed, "simulate/faults", 0);
    let mut faults = Vec::with_capacity(total);
    for (kind, count) in asked.into_iter().enumerate() {
        for _ in 0..count {
            let index = free.swap_remove(random.random_range(0..free.len()));
            faults.push((index, fault(kind, index, options, &mut random)));
        }
    }
    faults.sort_by_key(|(index, _)| *index);
    for (index, fault) in &faults {
        tell(series, *index, fault);
    }
    Ok(faults)
}

/// Every image but the one of the lowest tilt.
fn candidates(series: &TiltSeries) -> Vec<usize> {
    let tilt = |i: &usize| series.images[*i].nominal_tilt_angle.0.abs();
    let count = series.images.len();
    let spared = (0..count).min_by(|a, b| tilt(a).total_cmp(&tilt(b)));
    (0..count).filter(|i| Some(*i) != spared).collect()
}

fn fault(
    kind: usize,
    index: usize,
    options: &SimulationOptions,
    random: &mut ChaCha8Rng,
) -> ViewFault {
    let mut uniform = |lowest: f64, highest: f64| {
        let draw: f64 = random.random();
        lowest + (highest - lowest) * draw
    };
    let direction = DVec2::from_angle(uniform(0.0, std::f64::consts::TAU));
    let [ny, nx] = options.image_size();
    match kind {
        0 => ViewFault::Blank,
        1 => ViewFault::Blocked {
            direction: direction.to_array(),
            offset: uniform(-0.15, 0.15) * nx.min(ny) as f64,
        },
        2 => {
            let field = DVec2::new(nx as f64, ny as f64) * options.pixel_size.0;
            ViewFault::Shifted {
                by: (direction * field * options.lost_by).to_array(),
            }
        }
        // The image before it in the file, or the second for the first.
        _ => ViewFault::Duplicate {
            of: if index == 0 { 1 } else { index - 1 },
        },
    }
}

/// Writes a fault into the truth.
fn tell(series: &mut TiltSeries, index: usize, fault: &ViewFault) {
    let reason = match fault {
        ViewFault::Blank => "simulated: blank".to_owned(),
        ViewFault::Blocked { .. } => "simulated: blocked".to_owned(),
        ViewFault::Shifted { by } => {
            if let Some(geometry) = &mut series.images[index].geometry {
                geometry.shift += DVec2::from_array(*by);
            }
            return;
        }
        ViewFault::Duplicate { of } => {
            let (geometry, ctf) = (series.images[*of].geometry, series.images[*of].ctf);
            series.images[index].geometry = geometry;
            series.images[index].ctf = ctf;
            format!("simulated: the same as image {}", of + 1)
        }
    };
    series.images[index].exclusion = Some(Exclusion { reason });
}

/// Applies a shut beam or a bar to the expected electrons `[ny, nx]` of one frame.
pub(super) fn obstruct(expected: &mut Array2<f32>, fault: Option<&ViewFault>, electrons: f32) {
    match fault {
        Some(ViewFault::Blank) => expected.fill(electrons * STRAY),
        Some(ViewFault::Blocked { direction, offset }) => {
            let (ny, nx) = expected.dim();
            let [dx, dy] = *direction;
            for ((y, x), value) in expected.indexed_iter_mut() {
                let along = dx * (x as f64 - (nx / 2) as f64) + dy * (y as f64 - (ny / 2) as f64);
                // Fresnel fringes aside, the edge of a bar out of focus is a few pixels wide.
                let open = (0.5 - (along - offset) / 6.0).clamp(0.0, 1.0) as f32;
                *value = *value * open + electrons * STRAY * (1.0 - open);
            }
        }
        Some(ViewFault::Shifted { .. } | ViewFault::Duplicate { .. }) | None => {}
    }
}
