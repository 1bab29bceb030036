//! Where posteriors are looked for: the global search, the modes known before, the poses given at the start.

use std::ops::Range;

use rand::RngExt;
use rayon::prelude::*;
use thon_compute::seed_stream;
use thon_likelihood::{
    Candidate, Dictionary, Placement, Prior, SearchOptions, Whitened, candidates, search,
};

use super::UNIT;
use super::prepare::Prepared;
use super::read::Seen;
use crate::AverageError;

/// Modes with less weight are not followed into other classes.
const FOLLOWED: f64 = 0.1;

/// The best pose of the global search for the first particles of the set, whatever their half.
pub(super) fn best_poses(
    prepared: &Prepared<'_>,
    seen: &[Seen],
) -> Result<Vec<Placement>, AverageError> {
    let dictionaries = prepared.dictionaries(0);
    let members: Vec<usize> = (0..seen.len()).collect();
    let found = prepared.search(&dictionaries, &members, 0, seen)?;
    let best = found.iter().map(|candidates| candidates.first());
    Ok(best
        .map(|candidate| candidate.map_or_else(Placement::default, |c| c.placement))
        .collect())
}

impl Prepared<'_> {
    /// Where the posterior of each particle of a unit is looked for.
    pub(super) fn candidates(
        &self,
        dictionaries: &[Vec<Dictionary<'_>>],
        unit: Range<usize>,
        seen: &[Seen],
    ) -> Result<Vec<Vec<Candidate>>, AverageError> {
        let mut found: Vec<Vec<Candidate>> =
            unit.clone().map(|index| self.carried(index)).collect();
        for (half, dictionaries) in dictionaries.iter().enumerate() {
            if dictionaries.is_empty() {
                continue;
            }
            let members: Vec<usize> = unit
                .clone()
                .filter(|index| self.shared || usize::from(self.state.halves[*index]) == half)
                .collect();
            let searched = self.search(dictionaries, &members, unit.start, seen)?;
            for (index, candidates) in members.iter().zip(searched) {
                found[index - unit.start].extend(candidates);
            }
        }
        Ok(found)
    }

    /// Global search of the particles `members` of one half.
    fn search(
        &self,
        dictionaries: &[Dictionary<'_>],
        members: &[usize],
        first: usize,
        seen: &[Seen],
    ) -> Result<Vec<Vec<Candidate>>, AverageError> {
        let Some(grid) = self.grid.as_ref().filter(|_| !members.is_empty()) else {
            return Ok(vec![Vec::new(); members.len()]);
        };
        let on_lattice = |index: &usize| seen[index - first].whitened.on_lattice(grid.band);
        let particles: Vec<Whitened> = members.par_iter().map(on_lattice).collect();
        let priors: Vec<Prior> = members
            .iter()
            .map(|index| self.search_prior(*index))
            .collect();
        // With random classes all references are the same map: one is enough.
        let random = self.state.head.random_classes;
        let dictionaries = if random {
            &dictionaries[..1]
        } else {
            dictionaries
        };
        let options = SearchOptions {
            particles: UNIT,
            ..SearchOptions::default()
        };
        let found = search(dictionaries, grid, &particles, &priors, &options)?;
        let number = self.candidates_wanted();
        let of_particle = |((found, prior), index): ((&_, &Prior), &usize)| {
            let mut chosen = candidates(grid, found, prior, number);
            if random {
                let class = self.random_class(*index);
                for candidate in &mut chosen {
                    candidate.class = class;
                }
            }
            chosen
        };
        let all = found.iter().zip(&priors).zip(members);
        Ok(all.map(of_particle).collect())
    }

    fn random_class(&self, index: usize) -> u32 {
        let seed = self.state.head.task.poses().seed;
        let mut random = seed_stream(seed, "classes/first", index as u64);
        random.random_range(0..self.state.head.classes as u32)
    }

    /// The modes known before, each against every class, or the pose given at the start.
    fn carried(&self, index: usize) -> Vec<Candidate> {
        let classes = self.state.head.classes as u32;
        if let Some(before) = self.state.posteriors.get(index) {
            let mut carried: Vec<Candidate> = Vec::new();
            let shown = before.modes.iter().filter(|mode| mode.class < classes);
            for mode in shown {
                let follow = mode.weight >= FOLLOWED;
                for class in (0..classes).filter(|c| *c == mode.class || follow) {
                    carried.push(Candidate {
                        class,
                        placement: mode.placement,
                    });
                }
            }
            return carried;
        }
        let Some(start) = self.state.starts.get(index) else {
            return Vec::new();
        };
        let of_class = |class| Candidate {
            class,
            placement: *start,
        };
        if self.state.head.random_classes {
            vec![of_class(self.random_class(index))]
        } else {
            (0..classes).map(of_class).collect()
        }
    }
}
