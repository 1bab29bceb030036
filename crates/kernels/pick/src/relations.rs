//! How particles stand to their neighbours: distances, relative orientations, the pair correlation, and the lattice that offsets in the
//! particles' own frames show.
//!
//! Lengths in the unit of the positions, one specimen at a time; angles in radians. Deterministic.

use std::collections::BTreeMap;

use glam::{DQuat, DVec3};

use crate::Place;
use crate::prune::{Cells, angle_between};

/// One neighbour of a particle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbour {
    /// Index of the particle.
    pub of: usize,
    /// Index of its neighbour.
    pub other: usize,
    /// Distance.
    pub distance: f64,
    /// Where the neighbour lies in the frame of the particle; in the specimen's when it has no orientation.
    pub offset: DVec3,
    /// Smallest angle between the two orientations under the symmetry; `None` when one has none.
    pub angle: Option<f64>,
}

/// All neighbours within `radius`, by particle, the nearest first; at most `most` of each.
pub fn relations(places: &[Place], radius: f64, most: usize, symmetry: &[DQuat]) -> Vec<Neighbour> {
    let mut cells = Cells::new(radius);
    for (at, place) in places.iter().enumerate() {
        cells.add(at, place.position);
    }
    let mut all = Vec::new();
    for (of, place) in places.iter().enumerate() {
        let turn = place.rotation.unwrap_or(DQuat::IDENTITY);
        let relation = |other: usize| {
            let step = places[other].position - place.position;
            let both = place.rotation.zip(places[other].rotation);
            Neighbour {
                of,
                other,
                distance: step.length(),
                offset: turn.conjugate() * step,
                angle: both.map(|(a, b)| angle_between(a, b, symmetry)),
            }
        };
        let around = cells.around(place.position).filter(|other| *other != of);
        let mut near: Vec<Neighbour> = around.map(relation).collect();
        near.retain(|neighbour| neighbour.distance <= radius);
        near.sort_by(|a, b| {
            a.distance
                .total_cmp(&b.distance)
                .then(a.other.cmp(&b.other))
        });
        near.truncate(most);
        all.extend(near);
    }
    all
}

/// Pair correlation g(r) in `bins` shells up to `radius`: 1 where neighbours are as frequent as in the mean density of the box that holds
/// all places. Shells that reach out of the box count only by the share of directions that stay in it.
pub fn pair_correlation(places: &[Place], radius: f64, bins: usize) -> Vec<f64> {
    let low = places
        .iter()
        .fold(DVec3::INFINITY, |low, p| low.min(p.position));
    let high = places
        .iter()
        .fold(DVec3::NEG_INFINITY, |high, p| high.max(p.position));
    let size = high - low;
    let volume = size.x * size.y * size.z;
    let mut counts = vec![0.0; bins];
    let mut expected = vec![0.0; bins];
    if places.len() < 2 || volume <= 0.0 {
        return counts;
    }
    let density = (places.len() - 1) as f64 / volume;
    for one in relations(places, radius, usize::MAX, &[DQuat::IDENTITY]) {
        let bin = (one.distance / radius * bins as f64) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    let directions = crate::orientations::even_directions(64);
    for place in places {
        for (bin, sum) in expected.iter_mut().enumerate() {
            let edge = radius / bins as f64;
            let (inner, outer) = (edge * bin as f64, edge * (bin as f64 + 1.0));
            let shell = 4.0 / 3.0 * std::f64::consts::PI * (outer.powi(3) - inner.powi(3));
            let middle = 0.5 * (inner + outer);
            let stays = |d: &&DVec3| {
                let p = place.position + **d * middle;
                p.cmpge(low).all() && p.cmple(high).all()
            };
            let share = directions.iter().filter(stays).count() as f64 / directions.len() as f64;
            *sum += density * shell * share;
        }
    }
    let ratio = |(count, wanted): (&f64, &f64)| if *wanted > 0.0 { count / wanted } else { 0.0 };
    counts.iter().zip(&expected).map(ratio).collect()
}

/// A place in the frame of a particle where neighbours gather.
#[derive(Clone, Debug, PartialEq)]
pub struct LatticeSite {
    /// Mean offset of the neighbours there.
    pub offset: DVec3,
    /// Root mean square distance of them from it.
    pub spread: f64,
    /// How many there are.
    pub count: usize,
    /// How many more than in a ball of the same size anywhere in the shell of their distance.
    pub excess: f64,
}

/// Sites where the offsets of neighbours gather within `size`, the fullest first: at least `share` of the particles have a neighbour there,
/// and three times more than at other offsets of that length. Only oriented particles have offsets in their own frames.
pub fn lattice_sites(
    relations: &[Neighbour],
    particles: usize,
    size: f64,
    share: f64,
) -> Vec<LatticeSite> {
    let mut cells = Cells::new(size);
    for (at, one) in relations.iter().enumerate() {
        cells.add(at, one.offset);
    }
    let mut free = vec![true; relations.len()];
    let mut sites = Vec::new();
    let inside = |centre: DVec3, free: &[bool]| -> Vec<usize> {
        let near = cells.around(centre);
        near.filter(|&at| free[at] && relations[at].offset.distance(centre) <= size)
            .collect()
    };
    // Counts only fall as sites are taken out: one pass from the fullest to the emptiest start suffices.
    let mut starts: Vec<(usize, usize)> = (0..relations.len())
        .map(|at| (inside(relations[at].offset, &free).len(), at))
        .collect();
    starts.sort_by_key(|(count, at)| (std::cmp::Reverse(*count), *at));
    for (_, start) in starts {
        if !free[start] {
            continue;
        }
        let mut centre = relations[start].offset;
        let mut members = inside(centre, &free);
        for _ in 0..4 {
            if members.is_empty() {
                break;
            }
            centre = members
                .iter()
                .map(|&at| relations[at].offset)
                .sum::<DVec3>()
                / members.len() as f64;
            members = inside(centre, &free);
        }
        if members.len() < 2 || (members.len() as f64) < share * particles as f64 {
            continue;
        }
        let length = centre.length();
        let in_shell = relations
            .iter()
            .filter(|r| (r.distance - length).abs() <= size)
            .count();
        // Share of the shell's volume that the ball takes.
        let shell = 4.0 * std::f64::consts::PI * length * length * 2.0 * size;
        let ball = 4.0 / 3.0 * std::f64::consts::PI * size.powi(3);
        let by_chance = in_shell as f64 * (ball / shell.max(ball)).min(1.0);
        let excess = members.len() as f64 / by_chance.max(1e-9);
        for &at in &members {
            free[at] = false;
        }
        if excess < 3.0 {
            continue;
        }
        let square = members
            .iter()
            .map(|&at| relations[at].offset.distance_squared(centre));
        sites.push(LatticeSite {
            offset: centre,
            spread: (square.sum::<f64>() / members.len() as f64).sqrt(),
            count: members.len(),
            excess,
        });
    }
    sites.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then(a.offset.length().total_cmp(&b.offset.length()))
    });
    sites
}

/// For every place the nearest of other places and how far it is, within `radius`.
pub fn nearest_of(places: &[Place], others: &[Place], radius: f64) -> Vec<Option<(usize, f64)>> {
    let mut cells = Cells::new(radius);
    for (at, other) in others.iter().enumerate() {
        cells.add(at, other.position);
    }
    let one = |place: &Place| {
        let distance = |at: usize| (at, others[at].position.distance(place.position));
        cells
            .around(place.position)
            .map(distance)
            .filter(|(_, distance)| *distance <= radius)
            .min_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)))
    };
    places.iter().map(one).collect()
}

/// How often values fall into each of `bins` equal ranges up to `most`.
pub fn histogram(values: impl Iterator<Item = f64>, most: f64, bins: usize) -> Vec<f64> {
    let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
    for value in values.filter(|value| (0.0..=most).contains(value)) {
        let bin = ((value / most * bins as f64) as usize).min(bins - 1);
        *counts.entry(bin).or_default() += 1.0;
    }
    (0..bins)
        .map(|bin| counts.get(&bin).copied().unwrap_or(0.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Shape, TubeLattice, sample_shape};
    use rand::RngExt;

    #[test]
    fn the_lattice_of_a_microtubule_is_seen_from_its_subunits() {
        let lattice = TubeLattice {
            protofilaments: 13,
            rise: 82.0,
            start: 3,
            twist: 0.0,
        };
        let points = vec![[0.0; 3], [100.0, 0.0, 1500.0]];
        let tube = Shape::Tube {
            points,
            radius: 112.0,
            lattice: Some(lattice),
        };
        let mut random = thon_compute::seed_stream(5, "lattice", 0);
        let mut places = sample_shape(&tube, 1.0, 1).unwrap();
        for place in &mut places {
            let mut jitter = || random.random_range(-3.0..3.0);
            place.position += DVec3::new(jitter(), jitter(), jitter());
        }
        let found = relations(&places, 100.0, 12, &[DQuat::IDENTITY]);
        let sites = lattice_sites(&found, places.len(), 10.0, 0.4);
        // x along the axis: a rise up and down, and the neighbours of the three-start helix, 2 r sin(π/13) across.
        let across = 2.0 * 112.0 * (std::f64::consts::PI / 13.0).sin();
        let up = 3.0 * 82.0 / 13.0;
        let has = |wanted: [f64; 2]| {
            let near = |site: &LatticeSite| {
                (site.offset.x - wanted[0]).abs() < 2.0
                    && (site.offset.y.abs() - wanted[1]).abs() < 2.5
            };
            sites.iter().any(near)
        };
        assert!(has([82.0, 0.0]) && has([-82.0, 0.0]), "{sites:?}");
        assert!(has([up, across]) && has([-up, across]), "{sites:?}");
        let angles = found
            .iter()
            .filter(|r| (r.distance - across.hypot(up)).abs() < 6.0);
        for one in angles {
            assert!((one.angle.unwrap() - std::f64::consts::TAU / 13.0).abs() < 0.01);
        }
    }

    #[test]
    fn scattered_places_have_no_lattice_and_a_flat_pair_correlation() {
        let mut random = thon_compute::seed_stream(6, "gas", 0);
        let mut anywhere = || random.random_range(0.0..1000.0);
        let places: Vec<Place> = (0..1500)
            .map(|_| Place {
                position: DVec3::new(anywhere(), anywhere(), anywhere()),
                rotation: Some(DQuat::from_axis_angle(DVec3::Z, anywhere())),
            })
            .collect();
        let g = pair_correlation(&places, 200.0, 10);
        assert!(g[2..].iter().all(|g| (g - 1.0).abs() < 0.15), "{g:?}");
        let found = relations(&places, 150.0, 20, &[DQuat::IDENTITY]);
        assert_eq!(lattice_sites(&found, places.len(), 10.0, 0.3), []);
        let near = nearest_of(&places[..3], &places[3..], 500.0);
        for (place, found) in places.iter().zip(near) {
            let best = places[3..]
                .iter()
                .map(|o| o.position.distance(place.position));
            assert!((found.unwrap().1 - best.fold(f64::INFINITY, f64::min)).abs() < 1e-9);
        }
        assert_eq!(
            histogram([0.0, 4.9, 5.0, 10.0, 11.0].into_iter(), 10.0, 2),
            [2.0, 2.0]
        );
    }
}
