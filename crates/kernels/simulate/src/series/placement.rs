//! Where particles and beads lie: inside the ice, apart from one another, in the field of view of every image.

use rand::RngExt;
use thon_compute::random::ChaCha8Rng;
use thon_compute::seed_stream;
use thon_geometry::glam::{DQuat, DVec2, DVec3};
use thon_geometry::{Point, Pose, Rotation, Specimen, random_rotation};
use thon_model::{ParticleSet, TiltSeries};

use super::truth::ice_normal;
use crate::{Phantom, SimulateError, SimulationOptions};

/// Draws for one object before the layer counts as full.
const TRIES: usize = 2000;

/// Balls holding this fraction of each particle's weight do not overlap.
const WEIGHT_APART: f64 = 0.98;

/// Places particles and beads.
pub(super) fn place(
    options: &SimulationOptions,
    phantom: &Phantom,
    series: &TiltSeries,
    seed: u64,
) -> Result<(ParticleSet, Vec<Point<Specimen>>), SimulateError> {
    let radius = phantom.radius().0;
    let bead = options.bead_radius.0;
    let distance = match options.particle_distance.0 {
        0.0 => 2.0 * phantom.radius_holding(WEIGHT_APART).0,
        asked => asked,
    };
    let room = (0.5 * options.ice_thickness.0 - radius).max(0.0);
    let mut random = seed_stream(seed, "simulate/particles", 0);
    let field = Field::new(options, series);
    let mut centres: Vec<Point<Specimen>> = Vec::new();
    for _ in 0..options.particles {
        let far = |p: &Point<Specimen>| centres.iter().all(|q| q.distance(*p) >= distance);
        let draw = |random: &mut ChaCha8Rng| field.point(random, radius, [-room, room]);
        let Some(point) = search(&mut random, draw, far) else {
            return Err(crowded("particles", centres.len(), options.particles));
        };
        centres.push(point);
    }
    let mut random = seed_stream(seed, "simulate/beads", 0);
    let mut beads: Vec<Point<Specimen>> = Vec::new();
    for index in 0..options.beads {
        let side = if index % 2 == 0 { 1.0 } else { -1.0 };
        let height = side * (0.5 * options.ice_thickness.0 - bead).max(0.0);
        let far = |p: &Point<Specimen>| {
            centres.iter().all(|q| q.distance(*p) >= radius + bead)
                && beads.iter().all(|q| q.distance(*p) >= 4.0 * bead)
        };
        let draw = |random: &mut ChaCha8Rng| field.point(random, bead, [height, height]);
        let Some(point) = search(&mut random, draw, far) else {
            return Err(crowded("beads", beads.len(), options.beads));
        };
        beads.push(point);
    }
    Ok((particle_set(series, &centres, seed), beads))
}

fn crowded(what: &'static str, placed: usize, asked: usize) -> SimulateError {
    SimulateError::Crowded {
        what,
        placed,
        asked,
    }
}

fn search(
    random: &mut ChaCha8Rng,
    draw: impl Fn(&mut ChaCha8Rng) -> Option<Point<Specimen>>,
    accept: impl Fn(&Point<Specimen>) -> bool,
) -> Option<Point<Specimen>> {
    (0..TRIES).find_map(|_| draw(random).filter(&accept))
}

fn particle_set(series: &TiltSeries, centres: &[Point<Specimen>], seed: u64) -> ParticleSet {
    let poses = centres.iter().enumerate().map(|(index, centre)| {
        let mut random = seed_stream(seed, "simulate/orientations", index as u64);
        Pose::new(
            Rotation::from_unit_quaternion(random_rotation(&mut random)),
            *centre,
        )
    });
    ParticleSet {
        names: (0..centres.len())
            .map(|index| format!("{}/{:05}", series.name, index + 1))
            .collect(),
        tilt_series_names: vec![series.name.clone()],
        tilt_series: vec![0; centres.len()],
        poses: poses.collect(),
        oriented: true,
        optics: Some(series.optics),
        ..ParticleSet::default()
    }
}

/// The region that every image sees.
struct Field<'a> {
    options: &'a SimulationOptions,
    series: &'a TiltSeries,
    layer: DQuat,
}

impl<'a> Field<'a> {
    fn new(options: &'a SimulationOptions, series: &'a TiltSeries) -> Self {
        Self {
            options,
            series,
            layer: DQuat::from_rotation_arc(DVec3::Z, ice_normal(options)),
        }
    }

    /// A point whose height in the layer lies in `heights`; `None` when some image has it closer than `margin` to its
    /// border.
    fn point(
        &self,
        random: &mut ChaCha8Rng,
        margin: f64,
        heights: [f64; 2],
    ) -> Option<Point<Specimen>> {
        let half = self.half_field();
        let reach = half.length();
        let mut uniform = |lowest: f64, highest: f64| {
            let draw: f64 = random.random();
            lowest + (highest - lowest) * draw
        };
        let (x, y) = (uniform(-reach, reach), uniform(-reach, reach));
        let height = uniform(heights[0], heights[1]);
        let point = Point::from_vector(self.layer * DVec3::new(x, y, height));
        let seen = self.series.images.iter().all(|image| {
            image.geometry.is_some_and(|geometry| {
                let at = geometry.project(point).position.abs() + DVec2::splat(margin);
                at.x < half.x && at.y < half.y
            })
        });
        seen.then_some(point)
    }

    /// Half the image's extent, Å.
    fn half_field(&self) -> DVec2 {
        let [ny, nx] = self.options.image_size();
        DVec2::new(nx as f64, ny as f64) * (0.5 * self.options.pixel_size.0)
    }
}
