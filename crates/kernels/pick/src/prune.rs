//! Comparing and thinning out sets of positions: neighbours, duplicates, consensus.
//!
//! Positions in any unit of length, one specimen at a time. All results follow from the order of the input alone.

use std::collections::BTreeMap;

use glam::{DQuat, DVec3};
use thon_units::Radians;

/// A place and, when it is known, an orientation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// Where.
    pub position: DVec3,
    /// Which way; `None` for picks without orientation.
    pub rotation: Option<DQuat>,
}

impl Place {
    /// True when both are within `radius`, and within `angle` where both have an orientation and an angle is asked for. `symmetry` holds
    /// the rotations that change nothing (the identity at least).
    fn agrees(
        &self,
        other: &Self,
        radius: f64,
        angle: Option<Radians>,
        symmetry: &[DQuat],
    ) -> bool {
        self.position.distance(other.position) <= radius
            && match (angle, self.rotation, other.rotation) {
                (Some(angle), Some(a), Some(b)) => angle_between(a, b, symmetry) <= angle.0,
                _ => true,
            }
    }
}

/// Smallest angle between rotations that differ by a symmetry, radians.
pub fn angle_between(a: DQuat, b: DQuat, symmetry: &[DQuat]) -> f64 {
    let angle = |s: &DQuat| 2.0 * (a * *s).dot(b).abs().min(1.0).acos();
    symmetry.iter().map(angle).fold(f64::INFINITY, f64::min)
}

/// Positions by cells of a cube, for neighbours within one cell's edge.
pub(crate) struct Cells {
    edge: f64,
    cells: BTreeMap<[i64; 3], Vec<usize>>,
}

impl Cells {
    pub(crate) fn new(edge: f64) -> Self {
        Self {
            edge: edge.max(1e-9),
            cells: BTreeMap::new(),
        }
    }

    fn cell(&self, position: DVec3) -> [i64; 3] {
        position.to_array().map(|p| (p / self.edge).floor() as i64)
    }

    pub(crate) fn add(&mut self, index: usize, position: DVec3) {
        self.cells
            .entry(self.cell(position))
            .or_default()
            .push(index);
    }

    /// Indices in the 27 cells around, in ascending order of cell.
    pub(crate) fn around(&self, position: DVec3) -> impl Iterator<Item = usize> + '_ {
        let [x, y, z] = self.cell(position);
        (-1..=1).flat_map(move |a| {
            (-1..=1).flat_map(move |b| {
                (-1..=1).flat_map(move |c| {
                    self.cells
                        .get(&[x + a, y + b, z + c])
                        .into_iter()
                        .flatten()
                        .copied()
                })
            })
        })
    }
}

/// For every place the places that are kept instead of it: `None` when it is kept itself, else the index of the better one it repeats.
/// `order` lists all places, best first.
///
/// ```
/// use glam::DVec3;
/// use thon_pick::{Place, duplicates};
/// let at = |x| Place { position: DVec3::new(x, 0.0, 0.0), rotation: None };
/// let repeated = duplicates(&[at(0.0), at(3.0), at(10.0)], &[1, 0, 2], 5.0, None, &[glam::DQuat::IDENTITY]);
/// assert_eq!(repeated, [Some(1), None, None]);
/// ```
pub fn duplicates(
    places: &[Place],
    order: &[usize],
    radius: f64,
    angle: Option<Radians>,
    symmetry: &[DQuat],
) -> Vec<Option<usize>> {
    let mut kept = Cells::new(radius);
    let mut repeated = vec![None; places.len()];
    for &index in order {
        let place = &places[index];
        let better = kept
            .around(place.position)
            .filter(|&other| places[other].agrees(place, radius, angle, symmetry))
            .min_by(|&a, &b| {
                let distance = |i: usize| places[i].position.distance(place.position);
                distance(a).total_cmp(&distance(b)).then(a.cmp(&b))
            });
        repeated[index] = better;
        if better.is_none() {
            kept.add(index, place.position);
        }
    }
    repeated
}

/// For every position the distance to the nearest other one, and how many others are within `radius`.
pub fn neighbours(positions: &[DVec3], radius: f64) -> Vec<(Option<f64>, usize)> {
    let mut cells = Cells::new(radius);
    for (index, position) in positions.iter().enumerate() {
        cells.add(index, *position);
    }
    let one = |(index, position): (usize, &DVec3)| {
        let near: Vec<f64> = cells
            .around(*position)
            .filter(|&other| other != index)
            .map(|other| positions[other].distance(*position))
            .filter(|distance| *distance <= radius)
            .collect();
        (near.iter().copied().reduce(f64::min), near.len())
    };
    positions.iter().enumerate().map(one).collect()
}

/// One thing that some of the sets hold: for each set the index of its place, if it has one there.
pub type Agreement = Vec<Option<usize>>;

/// What several sets of places agree on: pairs of different sets are joined from the nearest on, as long as no group gets two places of one
/// set. Groups come in the order of their first set and place.
pub fn agreements(
    sets: &[Vec<Place>],
    radius: f64,
    angle: Option<Radians>,
    symmetry: &[DQuat],
) -> Vec<Agreement> {
    let all: Vec<(usize, usize, &Place)> = sets
        .iter()
        .enumerate()
        .flat_map(|(set, places)| {
            places
                .iter()
                .enumerate()
                .map(move |(index, place)| (set, index, place))
        })
        .collect();
    let mut cells = Cells::new(radius);
    let mut pairs = Vec::new();
    for (number, (set, _, place)) in all.iter().enumerate() {
        for other in cells.around(place.position) {
            let (other_set, _, other_place) = &all[other];
            if other_set != set && other_place.agrees(place, radius, angle, symmetry) {
                pairs.push((other_place.position.distance(place.position), other, number));
            }
        }
        cells.add(number, place.position);
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut group: Vec<usize> = (0..all.len()).collect();
    let mut members: Vec<Vec<usize>> = (0..all.len()).map(|i| vec![i]).collect();
    for (_, a, b) in pairs {
        let (a, b) = (group[a].min(group[b]), group[a].max(group[b]));
        let set = |i: &usize| all[*i].0;
        if a == b
            || members[a]
                .iter()
                .any(|i| members[b].iter().any(|j| set(i) == set(j)))
        {
            continue;
        }
        for moved in std::mem::take(&mut members[b]) {
            group[moved] = a;
            members[a].push(moved);
        }
    }
    let agreement = |group: &Vec<usize>| {
        let mut agreement = vec![None; sets.len()];
        for &i in group {
            agreement[all[i].0] = Some(all[i].1);
        }
        agreement
    };
    members
        .iter()
        .filter(|g| !g.is_empty())
        .map(agreement)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> Place {
        Place {
            position: DVec3::new(x, y, 0.0),
            rotation: Some(DQuat::IDENTITY),
        }
    }

    #[test]
    fn sets_agree_one_to_one_and_nearest_first() {
        let sets = [
            vec![at(0.0, 0.0), at(50.0, 0.0)],
            vec![at(3.0, 0.0), at(1.0, 0.0), at(90.0, 0.0)],
            vec![at(52.0, 0.0), at(0.0, 2.0)],
        ];
        let found = agreements(&sets, 5.0, None, &[DQuat::IDENTITY]);
        assert!(
            found.contains(&vec![Some(0), Some(1), Some(1)]),
            "{found:?}"
        );
        assert!(found.contains(&vec![Some(1), None, Some(0)]));
        assert!(
            found.contains(&vec![None, Some(0), None])
                && found.contains(&vec![None, Some(2), None])
        );
        assert_eq!(found.len(), 4);
        let total: usize = found.iter().map(|a| a.iter().flatten().count()).sum();
        assert_eq!(total, 7);
    }

    #[test]
    fn an_angle_tells_places_apart_unless_symmetry_joins_them() {
        let turned = Place {
            rotation: Some(DQuat::from_rotation_z(1.0)),
            ..at(1.0, 0.0)
        };
        let places = [at(0.0, 0.0), turned];
        let limit = Some(Radians(0.2));
        assert_eq!(
            duplicates(&places, &[0, 1], 5.0, limit, &[DQuat::IDENTITY]),
            [None, None]
        );
        let symmetry = [DQuat::IDENTITY, DQuat::from_rotation_z(1.05)];
        assert_eq!(
            duplicates(&places, &[0, 1], 5.0, limit, &symmetry),
            [None, Some(0)]
        );
        assert_eq!(
            duplicates(&places, &[0, 1], 5.0, None, &[DQuat::IDENTITY]),
            [None, Some(0)]
        );
    }

    #[test]
    fn neighbours_are_counted_across_cells() {
        let positions = [0.0, 9.9, 10.1, 30.0].map(|x| DVec3::new(x, -0.1, 0.1));
        let found = neighbours(&positions, 10.0);
        assert_eq!(found.iter().map(|n| n.1).collect::<Vec<_>>(), [1, 2, 1, 0]);
        assert!((found[1].0.unwrap() - 0.2).abs() < 1e-9 && found[3].0.is_none());
    }
}
