//! What a person decided about picks, as a list of edits: each stays for good, undoing is an edit too.
//!
//! Particles have numbers: those of the set that is curated are its rows, from 0; points that are added follow in the
//! order in which they were, also when the adding was undone later. Positions are Å in the specimen frame of their tilt
//! series.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Edit {
    /// A point is added.
    Add {
        /// Name of the tilt series.
        tilt_series: String,
        /// Where, Å (x, y, z).
        position: [f64; 3],
        /// Which group of points it belongs to, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<u32>,
    },
    /// A particle is moved.
    Move {
        /// Which.
        particle: u32,
        /// To where, Å (x, y, z).
        position: [f64; 3],
    },
    /// Particles are good.
    Accept {
        /// Which.
        particles: Vec<u32>,
    },
    /// Particles are none, or not wanted.
    Reject {
        /// Which.
        particles: Vec<u32>,
    },
    /// What was decided of particles is open again.
    Reopen {
        /// Which.
        particles: Vec<u32>,
    },
    /// The last edit that holds is taken back.
    Undo,
    /// The edit that was taken back last holds again.
    Redo,
}

/// The particle set that edits are about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CuratedSet {
    /// Digest of its item.
    pub digest: String,
    /// Number of its particles.
    pub count: u32,
}

/// A list of edits, and what it is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edits {
    /// The set whose particles are numbered by their rows; absent when all points are added by hand.
    pub particles: Option<CuratedSet>,
    /// The edits in their order.
    pub edits: Vec<Edit>,
}

/// What was decided of a particle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// It is good.
    Accepted,
    /// It is not wanted.
    Rejected,
}

/// A point that was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AddedPoint {
    /// Its number.
    pub particle: u32,
    /// Name of its tilt series.
    pub tilt_series: String,
    /// Where, Å (x, y, z).
    pub position: [f64; 3],
    /// Its group, from 1.
    pub class: Option<u32>,
}

/// What edits come to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curated {
    /// Points that were added and not rejected.
    pub added: Vec<AddedPoint>,
    /// Where particles of the set were moved to, Å (x, y, z).
    pub moved: BTreeMap<u32, [f64; 3]>,
    /// What was decided, of the set's particles and of added ones.
    pub decisions: BTreeMap<u32, Decision>,
    /// Edits that can be taken back.
    pub undoable: usize,
    /// Edits that can be made to hold again.
    pub redoable: usize,
}

/// An edit that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It names a particle that is not there.
    #[error("edit {edit}: there is no particle {particle}; there are {count}")]
    NoSuchParticle {
        /// Which edit, from 1.
        edit: usize,
        /// The particle it names.
        particle: u32,
        /// How many there are.
        count: u32,
    },
    /// A position that is not a number, or far outside of every specimen.
    #[error("edit {edit}: expected a position within 1 mm of the origin, in Å, found {found}")]
    NoPlace {
        /// Which edit, from 1.
        edit: usize,
        /// What was found.
        found: String,
    },
    /// A name or group that is none.
    #[error("edit {edit}: expected the name of a tilt series and a group from 1")]
    NoName {
        /// Which edit, from 1.
        edit: usize,
    },
    /// There is nothing to take back, or to make hold again.
    #[error("edit {edit}: there is nothing to {what}")]
    Nothing {
        /// Which edit, from 1.
        edit: usize,
        /// What was asked for.
        what: &'static str,
    },
}

/// Edits that hold, each with the number of the point it adds if it adds one.
type Holding<'a> = Vec<(u32, &'a Edit)>;

/// 1 mm in Å: no specimen is larger.
const FARTHEST: f64 = 1e7;

impl Edits {
    /// Number of the first point that is added.
    pub fn first_added(&self) -> u32 {
        self.particles.as_ref().map_or(0, |set| set.count)
    }

    /// What all edits come to.
    ///
    /// # Errors
    /// The first edit that makes no sense.
    pub fn curated(&self) -> Result<Curated, EditError> {
        let (holding, undone) = self.checked()?;
        let mut points: BTreeMap<u32, AddedPoint> = BTreeMap::new();
        let mut curated = Curated {
            undoable: holding.len(),
            redoable: undone,
            ..Curated::default()
        };
        for (number, edit) in holding {
            match edit {
                Edit::Add {
                    tilt_series,
                    position,
                    class,
                } => {
                    let point = AddedPoint {
                        particle: number,
                        tilt_series: tilt_series.clone(),
                        position: *position,
                        class: *class,
                    };
                    points.insert(number, point);
                }
                Edit::Move { particle, position } => match points.get_mut(particle) {
                    Some(point) => point.position = *position,
                    None if *particle < self.first_added() => {
                        curated.moved.insert(*particle, *position);
                    }
                    None => {}
                },
                Edit::Accept { particles } => {
                    curated.decide(particles, Decision::Accepted);
                }
                Edit::Reject { particles } => {
                    curated.decide(particles, Decision::Rejected);
                }
                Edit::Reopen { particles } => {
                    for particle in particles {
                        curated.decisions.remove(particle);
                    }
                }
                Edit::Undo | Edit::Redo => {}
            }
        }
        let wanted = |point: &AddedPoint| {
            curated.decisions.get(&point.particle) != Some(&Decision::Rejected)
        };
        curated.added = points.into_values().filter(wanted).collect();
        Ok(curated)
    }

    /// The edits that hold, and how many are taken back.
    fn checked(&self) -> Result<(Holding<'_>, usize), EditError> {
        let mut next = self.first_added();
        let (mut holding, mut undone) = (Holding::new(), Holding::new());
        for (index, edit) in self.edits.iter().enumerate() {
            let number = index + 1;
            match edit {
                Edit::Undo => {
                    let what = "take back";
                    let last = holding
                        .pop()
                        .ok_or(EditError::Nothing { edit: number, what })?;
                    undone.push(last);
                    continue;
                }
                Edit::Redo => {
                    let what = "make hold again";
                    let last = undone
                        .pop()
                        .ok_or(EditError::Nothing { edit: number, what })?;
                    holding.push(last);
                    continue;
                }
                _ => edit.check(number, next)?,
            }
            undone.clear();
            holding.push((next, edit));
            next += u32::from(matches!(edit, Edit::Add { .. }));
        }
        Ok((holding, undone.len()))
    }
}

impl Curated {
    fn decide(&mut self, particles: &[u32], decision: Decision) {
        for particle in particles {
            self.decisions.insert(*particle, decision);
        }
    }
}

impl Edit {
    /// What the edit of this number says of particles and places, where there are `count` particles.
    fn check(&self, edit: usize, count: u32) -> Result<(), EditError> {
        let named: &[u32] = match self {
            Self::Move { particle, .. } => std::slice::from_ref(particle),
            Self::Accept { particles }
            | Self::Reject { particles }
            | Self::Reopen { particles } => particles,
            _ => &[],
        };
        if let Some(&particle) = named.iter().find(|particle| **particle >= count) {
            return Err(EditError::NoSuchParticle {
                edit,
                particle,
                count,
            });
        }
        if let Self::Add { position, .. } | Self::Move { position, .. } = self
            && !position.iter().all(|value| value.abs() <= FARTHEST)
        {
            let found = format!("{position:?}");
            return Err(EditError::NoPlace { edit, found });
        }
        match self {
            Self::Add {
                tilt_series, class, ..
            } if tilt_series.is_empty() || *class == Some(0) => Err(EditError::NoName { edit }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(x: f64) -> Edit {
        Edit::Add {
            tilt_series: "TS_1".into(),
            position: [x, 0.0, 0.0],
            class: None,
        }
    }

    fn edits(edits: Vec<Edit>) -> Edits {
        let particles = Some(CuratedSet {
            digest: "d".into(),
            count: 2,
        });
        Edits { particles, edits }
    }

    #[test]
    fn edits_come_to_points_places_and_decisions() {
        let mut all = edits(vec![
            add(1.0),
            add(2.0),
            Edit::Move {
                particle: 2,
                position: [9.0, 0.0, 0.0],
            },
            Edit::Move {
                particle: 1,
                position: [5.0; 3],
            },
            Edit::Accept {
                particles: vec![0, 3],
            },
            Edit::Reject {
                particles: vec![1, 3],
            },
        ]);
        let found = all.curated().unwrap();
        assert_eq!(found.added.len(), 1);
        assert_eq!(found.added[0].position[0], 9.0);
        assert_eq!(found.moved[&1], [5.0; 3]);
        assert_eq!(found.decisions[&0], Decision::Accepted);
        assert_eq!(found.decisions[&1], Decision::Rejected);
        all.edits.push(Edit::Reopen {
            particles: vec![1, 3],
        });
        let found = all.curated().unwrap();
        assert_eq!((found.added.len(), found.decisions.len()), (2, 1));
    }

    #[test]
    fn what_is_taken_back_may_hold_again_until_something_else_is_done() {
        let mut all = edits(vec![add(1.0), add(2.0), Edit::Undo]);
        let found = all.curated().unwrap();
        assert_eq!(found.added.len(), 1);
        assert_eq!((found.undoable, found.redoable), (1, 1));
        all.edits.push(Edit::Redo);
        let whole = all.curated().unwrap();
        assert_eq!(
            whole.added.iter().map(|p| p.particle).collect::<Vec<_>>(),
            [2, 3]
        );
        // A number is never given twice, also when its point was taken back.
        all.edits.extend([Edit::Undo, add(3.0)]);
        let found = all.curated().unwrap();
        assert_eq!(
            found.added.iter().map(|p| p.particle).collect::<Vec<_>>(),
            [2, 4]
        );
        assert_eq!(found.redoable, 0);
        all.edits.push(Edit::Redo);
        assert!(matches!(
            all.curated(),
            Err(EditError::Nothing { edit: 7, .. })
        ));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let wrong = [
            Edit::Accept { particles: vec![2] },
            Edit::Move {
                particle: 0,
                position: [f64::NAN, 0.0, 0.0],
            },
            Edit::Move {
                particle: 0,
                position: [0.0, -1e9, 0.0],
            },
            Edit::Add {
                tilt_series: String::new(),
                position: [0.0; 3],
                class: None,
            },
            Edit::Undo,
            Edit::Redo,
        ];
        for edit in wrong {
            assert!(edits(vec![edit.clone()]).curated().is_err(), "{edit:?}");
        }
        let text = serde_json::to_string(&edits(vec![add(1.5), Edit::Undo])).unwrap();
        assert!(text.contains(r#"{"edit":"undo"}"#), "{text}");
        let read: Edits = serde_json::from_str(&text).unwrap();
        assert_eq!(read, edits(vec![add(1.5), Edit::Undo]));
        assert!(
            serde_json::from_str::<Edit>(r#"{"edit":"accept","particles":[],"why":1}"#).is_err()
        );
    }
}
