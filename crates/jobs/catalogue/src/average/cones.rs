//! Particles as cones in their tilt series, coloured by class or by score.
//!
//! A cone stands where the particle is, and points where the z axis of the reference points in the specimen.

use thon_contract::kinds::PictureKind;
use thon_contract::{Context, ItemRecord, JobError};
use thon_geometry::glam::DVec3;
use thon_model::ParticleSet;
use thon_picture::{Colour, Cone, Cones};

/// Tilt series that are drawn, at most.
const SERIES: usize = 4;
/// Colours of the classes, the first again after the last.
const CLASSES: [Colour; 8] = [
    [44, 160, 44],
    [31, 119, 180],
    [255, 127, 14],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [23, 190, 207],
    [214, 39, 40],
];
const WORST: Colour = [214, 39, 40];
const BEST: Colour = [44, 160, 44];

/// Draws particles by class, or all alike when they have none.
pub(crate) fn cones_by_class(
    set: &ParticleSet,
    context: &Context,
) -> Result<Vec<ItemRecord>, JobError> {
    let colour = |class: u32| CLASSES[(class.max(1) - 1) as usize % CLASSES.len()];
    let colours: Vec<Colour> = (0..set.len())
        .map(|row| colour(set.classes.get(row).copied().unwrap_or(1)))
        .collect();
    let last = set.classes.iter().copied().max().unwrap_or(0);
    let shown = last.min(CLASSES.len() as u32);
    let legend: Vec<_> = (1..=shown)
        .map(|class| (format!("class {class}"), colour(class)))
        .collect();
    drawn(set, &colours, &legend, context)
}

/// Draws particles by rank of their scores, the higher the better; `what` names them.
pub(super) fn cones_by_score(
    set: &ParticleSet,
    scores: &[f64],
    what: &str,
    context: &Context,
) -> Result<Vec<ItemRecord>, JobError> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(a.cmp(b)));
    let mut colours = vec![BEST; set.len()];
    let last = order.len().saturating_sub(1).max(1) as f64;
    for (rank, row) in order.into_iter().enumerate() {
        let part = rank as f64 / last;
        let mixed = |i: usize| {
            (f64::from(WORST[i]) * (1.0 - part) + f64::from(BEST[i]) * part).round() as u8
        };
        colours[row] = [mixed(0), mixed(1), mixed(2)];
    }
    let legend = [
        (format!("highest {what}"), BEST),
        (format!("lowest {what}"), WORST),
    ];
    drawn(set, &colours, &legend, context)
}

/// One picture for each of the first few tilt series.
fn drawn(
    set: &ParticleSet,
    colours: &[Colour],
    legend: &[(String, Colour)],
    context: &Context,
) -> Result<Vec<ItemRecord>, JobError> {
    let mut records = Vec::new();
    for (index, name) in set.tilt_series_names.iter().enumerate() {
        let rows: Vec<usize> = (0..set.len())
            .filter(|row| set.tilt_series[*row] as usize == index)
            .collect();
        if rows.is_empty() || records.len() == SERIES {
            continue;
        }
        let picture = cones(set, &rows, colours, legend, name).draw().to_png();
        let item = format!("cones_{:03}", index + 1);
        records.push(context.store::<PictureKind>(&item, &picture)?);
    }
    Ok(records)
}

fn cones(
    set: &ParticleSet,
    rows: &[usize],
    colours: &[Colour],
    legend: &[(String, Colour)],
    name: &str,
) -> Cones {
    let places = || rows.iter().map(|row| set.poses[*row].position.xyz);
    let low = places().fold(DVec3::INFINITY, DVec3::min);
    let high = places().fold(DVec3::NEG_INFINITY, DVec3::max);
    let extent = (high - low).max_element();
    let images = set.images.as_ref();
    let edge = images.map_or(0.0, |images| images.box_size as f64 * images.pixel_size.0);
    // As large as the particle, as far as the picture lets it be seen and told from others.
    let height = (0.6 * edge).max(extent / 40.0).min((extent / 8.0).max(1.0));
    let cone = |row: &usize| Cone {
        place: set.poses[*row].position.xyz,
        direction: set.poses[*row].rotation.apply(DVec3::Z),
        colour: colours[*row],
    };
    Cones {
        title: format!("{name}: {} particles", rows.len()),
        corners: [low - height, high + height],
        height,
        cones: rows.iter().map(cone).collect(),
        legend: legend.to_vec(),
    }
}
