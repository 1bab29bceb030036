//! Point groups of rotations, named and oriented as RELION does.
//!
//! | name | order | axes |
//! |---|---|---|
//! | `Cn` | n | n-fold along z |
//! | `Dn` | 2n | n-fold along z, 2-fold along x |
//! | `T` | 12 | 3-fold along z, 2-fold in the yz plane |
//! | `O` | 24 | 4-fold along z, 3-fold along (1, 1, 1) |
//! | `I1` | 60 | 2-fold along x, 5-fold in the xz plane |
//! | `I2` (`I`) | 60 | 2-fold along z, 5-fold in the xz plane |
//! | `I3` | 60 | 5-fold along z, 2-fold in the xz plane |
//! | `I4` | 60 | as I3, mirrored across the yz plane |
//!
//! The elements are the closure of two or three generating rotations; element 0 is the identity.

use std::str::FromStr;

use glam::{DQuat, DVec3};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A point group of rotations.
///
/// ```
/// use thon_geometry::Symmetry;
/// let d7: Symmetry = "D7".parse()?;
/// assert_eq!(d7.rotations().len(), 14);
/// assert!("D0".parse::<Symmetry>().is_err());
/// # Ok::<(), thon_geometry::SymmetryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Symmetry {
    /// n-fold axis.
    Cyclic(u16),
    /// n-fold axis with 2-fold axes across it.
    Dihedral(u16),
    /// Rotations of the tetrahedron.
    Tetrahedral,
    /// Rotations of the cube.
    Octahedral,
    /// Rotations of the icosahedron, in orientation 1 to 4.
    Icosahedral(u8),
}

/// A name that is no point group.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a point group\nhint: use C1, C2, …, D1, D2, …, T, O, I, I1, I2, I3 or I4")]
pub struct SymmetryError(String);

/// Largest n of Cn and Dn.
const MAXIMUM_FOLD: u16 = 200;

impl FromStr for Symmetry {
    type Err = SymmetryError;

    fn from_str(name: &str) -> Result<Self, SymmetryError> {
        let refused = || SymmetryError(name.to_owned());
        let upper = name.trim().to_ascii_uppercase();
        let fold = |digits: &str| match digits.parse::<u16>() {
            Ok(n) if (1..=MAXIMUM_FOLD).contains(&n) && !digits.starts_with(['+', '0']) => Ok(n),
            _ => Err(refused()),
        };
        match upper.as_str() {
            "T" => Ok(Self::Tetrahedral),
            "O" => Ok(Self::Octahedral),
            "I" | "I2" => Ok(Self::Icosahedral(2)),
            "I1" => Ok(Self::Icosahedral(1)),
            "I3" => Ok(Self::Icosahedral(3)),
            "I4" => Ok(Self::Icosahedral(4)),
            _ => match upper.split_at_checked(1) {
                Some(("C", digits)) => fold(digits).map(Self::Cyclic),
                Some(("D", digits)) => fold(digits).map(Self::Dihedral),
                _ => Err(refused()),
            },
        }
    }
}

impl TryFrom<String> for Symmetry {
    type Error = SymmetryError;
    fn try_from(name: String) -> Result<Self, SymmetryError> {
        name.parse()
    }
}

impl From<Symmetry> for String {
    fn from(symmetry: Symmetry) -> Self {
        symmetry.to_string()
    }
}

impl std::fmt::Display for Symmetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cyclic(n) => write!(f, "C{n}"),
            Self::Dihedral(n) => write!(f, "D{n}"),
            Self::Tetrahedral => write!(f, "T"),
            Self::Octahedral => write!(f, "O"),
            Self::Icosahedral(orientation) => write!(f, "I{orientation}"),
        }
    }
}

impl Symmetry {
    /// Number of rotations.
    pub fn order(self) -> usize {
        match self {
            Self::Cyclic(n) => n.into(),
            Self::Dihedral(n) => 2 * usize::from(n),
            Self::Tetrahedral => 12,
            Self::Octahedral => 24,
            Self::Icosahedral(_) => 60,
        }
    }

    /// All rotations of the group, acting on the reference; the identity first.
    ///
    /// A map m with this symmetry satisfies m(S x) = m(x) for each S.
    pub fn rotations(self) -> Vec<DQuat> {
        let generators = self.generators();
        let mut elements = vec![DQuat::IDENTITY];
        let mut next = 0;
        while next < elements.len() {
            for &generator in &generators {
                let product = (generator * elements[next]).normalize();
                if !elements
                    .iter()
                    .any(|&known| known.dot(product).abs() > 1.0 - 1e-7)
                {
                    elements.push(product);
                }
            }
            next += 1;
        }
        elements
    }

    fn generators(self) -> Vec<DQuat> {
        let golden = f64::midpoint(1.0, 5f64.sqrt());
        match self {
            Self::Cyclic(n) => vec![turn(n, DVec3::Z)],
            Self::Dihedral(n) => vec![turn(n, DVec3::Z), turn(2, DVec3::X)],
            Self::Tetrahedral => vec![
                turn(3, DVec3::Z),
                turn(2, DVec3::new(0.0, 2f64.sqrt(), 1.0)),
            ],
            Self::Octahedral => vec![turn(4, DVec3::Z), turn(3, DVec3::ONE)],
            Self::Icosahedral(1) => {
                vec![
                    turn(2, DVec3::X),
                    turn(5, DVec3::new(golden, 0.0, -1.0)),
                    turn(2, DVec3::Z),
                ]
            }
            Self::Icosahedral(3) => vec![turn(5, DVec3::Z), turn(2, DVec3::new(-1.0, 0.0, golden))],
            Self::Icosahedral(4) => vec![turn(5, DVec3::Z), turn(2, DVec3::new(1.0, 0.0, golden))],
            Self::Icosahedral(_) => {
                vec![
                    turn(2, DVec3::Z),
                    turn(5, DVec3::new(1.0, 0.0, golden)),
                    turn(2, DVec3::X),
                ]
            }
        }
    }

    /// True when a direction of the reference lies in the group's asymmetric unit.
    ///
    /// The unit is the set of directions that are closest to one generic direction among all its
    /// symmetry copies; its copies under the group tile the sphere.
    pub fn is_asymmetric(rotations: &[DQuat], direction: DVec3) -> bool {
        let generic = DVec3::new(0.0613, 0.0177, 0.998).normalize();
        let own = direction.dot(generic);
        rotations[1..]
            .iter()
            .all(|&s| own >= direction.dot(s * generic) - 1e-12)
    }
}

fn turn(fold: u16, axis: DVec3) -> DQuat {
    DQuat::from_axis_angle(axis.normalize(), std::f64::consts::TAU / f64::from(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Symmetry> {
        [
            "C1", "C6", "C7", "D1", "D2", "D7", "T", "O", "I1", "I2", "I3", "I4",
        ]
        .map(|name| name.parse().unwrap())
        .to_vec()
    }

    #[test]
    fn orders_are_those_of_the_groups() {
        for group in groups() {
            assert_eq!(group.rotations().len(), group.order(), "{group}");
        }
    }

    #[test]
    fn groups_are_closed_and_hold_inverses() {
        for group in groups() {
            let elements = group.rotations();
            let holds = |q: DQuat| elements.iter().any(|e| e.dot(q).abs() > 1.0 - 1e-9);
            for &a in &elements {
                assert!(holds(a.conjugate()), "{group}");
                assert!(elements.iter().all(|&b| holds(a * b)), "{group}");
            }
        }
    }

    #[test]
    fn icosahedral_orientations_have_the_stated_axes() {
        let has = |name: &str, fold: u16, axis: DVec3| {
            let group: Symmetry = name.parse().unwrap();
            let wanted = turn(fold, axis);
            group
                .rotations()
                .iter()
                .any(|e| e.dot(wanted).abs() > 1.0 - 1e-9)
        };
        assert!(has("I1", 2, DVec3::X) && has("I1", 5, DVec3::new(0.850650807, 0.0, -0.525731114)));
        assert!(has("I1", 3, DVec3::new(0.934172364, 0.356822077, 0.0)));
        assert!(has("I2", 2, DVec3::Z) && has("I2", 5, DVec3::new(0.525731114, 0.0, 0.850650807)));
        assert!(has("I2", 3, DVec3::new(0.0, 0.356822077, 0.934172364)));
        assert!(has("I3", 5, DVec3::Z) && has("I3", 2, DVec3::new(-0.525731114, 0.0, 0.850650807)));
        assert!(has(
            "I3",
            3,
            DVec3::new(-0.491123478, 0.356822077, 0.794654475)
        ));
        assert!(has("I4", 5, DVec3::Z) && has("I4", 2, DVec3::new(0.525731114, 0.0, 0.850650807)));
        assert!(
            has("I4", 5, DVec3::new(0.894427193, 0.0, 0.447213591))
                || has("I4", 5, DVec3::new(-0.894427193, 0.0, 0.447213591))
        );
    }

    #[test]
    fn names_round_trip_and_nonsense_is_refused() {
        for group in groups() {
            assert_eq!(group.to_string().parse(), Ok(group));
        }
        for name in [
            "",
            "C",
            "C0",
            "D-1",
            "X3",
            "I5",
            "C99999999999",
            "ç1",
            "C+4",
            "C04",
        ] {
            assert!(name.parse::<Symmetry>().is_err(), "{name}");
        }
    }
}
