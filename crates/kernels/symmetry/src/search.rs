//! The groups a map may have, fitted one by one, and the one that the evidence supports.

use std::collections::BTreeMap;

use ndarray::Array3;
use serde::{Deserialize, Serialize};
use thon_compute::Progress;
use thon_geometry::Symmetry;

use crate::axes::{Axis, axes_of_fold};
use crate::fit::{fit_group, principal_fold};
use crate::{GroupFit, SelfCorrelation, SymmetryFitError, centre_of_mass};

/// What is searched, and how.
#[derive(Clone, Debug)]
pub struct SymmetryOptions {
    /// Radius of the particle, voxels.
    pub radius: f64,
    /// Largest shell that is compared.
    pub band: usize,
    /// Largest fold of cyclic and dihedral groups.
    pub largest_fold: u16,
    /// How much of the best rotation's correlation (above that of random rotations) the weakest rotation of a group must reach.
    pub least_share: f64,
    /// Correlation that the weakest rotation of a group must reach in any case: a map without symmetry finds some rotation
    /// out of thousands at which it resembles itself by chance. Compare shells in which the map is good (FSC above a half).
    pub least_correlation: f64,
}

/// The groups and the evidence.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SymmetryReport {
    /// The group that the evidence supports; C1 when none.
    pub proposed: Symmetry,
    /// All groups that were fitted, in the order they were tried.
    pub fits: Vec<GroupFit>,
    /// Mean correlation of the map with itself at random rotations.
    pub random_mean: f64,
    /// Its deviation.
    pub random_deviation: f64,
}

impl SymmetryReport {
    /// The fit of the proposed group; none for C1.
    pub fn proposed_fit(&self) -> Option<&GroupFit> {
        self.fits.iter().find(|fit| fit.group == self.proposed)
    }
}

/// Finds the point group of a map `[n, n, n]`.
///
/// # Errors
/// See [`SymmetryFitError`].
pub fn find_symmetry(
    map: &Array3<f32>,
    options: &SymmetryOptions,
    progress: &dyn Progress,
) -> Result<SymmetryReport, SymmetryFitError> {
    check(map, options)?;
    let centre = centre_of_mass(map, options.radius).ok_or(SymmetryFitError::NoDensity)?;
    let prepared = SelfCorrelation::new(map, centre, options.radius, options.band)?;
    let (random_mean, random_deviation) = prepared.background(200);
    let mut axes: BTreeMap<u16, Vec<Axis>> = BTreeMap::new();
    let mut fits = Vec::new();
    for group in candidates(options.largest_fold) {
        thon_compute::check(progress)?;
        let fold = principal_fold(group);
        let axes = axes
            .entry(fold)
            .or_insert_with(|| axes_of_fold(&prepared, fold));
        fits.extend(fit_group(&prepared, group, axes));
    }
    let proposed = propose(&fits, options, random_mean, random_deviation);
    Ok(SymmetryReport {
        proposed,
        fits,
        random_mean,
        random_deviation,
    })
}

fn check(map: &Array3<f32>, options: &SymmetryOptions) -> Result<(), SymmetryFitError> {
    let refused = |name, value: String, expected| {
        Err(SymmetryFitError::Option {
            name,
            value,
            expected,
        })
    };
    if !(options.radius.is_finite() && options.radius >= 2.0) {
        return refused("radius", options.radius.to_string(), "at least two voxels");
    }
    if !(2..=60).contains(&options.largest_fold) {
        return refused("largest_fold", options.largest_fold.to_string(), "2 to 60");
    }
    if map.iter().any(|v| !v.is_finite()) {
        return refused("map", "not a number".into(), "finite values");
    }
    Ok(())
}

/// Cyclic, dihedral, and the three others.
fn candidates(largest_fold: u16) -> Vec<Symmetry> {
    let cyclic = (2..=largest_fold).map(Symmetry::Cyclic);
    let dihedral = (2..=largest_fold).map(Symmetry::Dihedral);
    let others = [
        Symmetry::Tetrahedral,
        Symmetry::Octahedral,
        Symmetry::Icosahedral(2),
    ];
    cyclic.chain(dihedral).chain(others).collect()
}

/// The largest group all of whose rotations hold about as well as the best cyclic group does.
fn propose(fits: &[GroupFit], options: &SymmetryOptions, mean: f64, deviation: f64) -> Symmetry {
    let best = fits
        .iter()
        .map(|fit| fit.weakest)
        .fold(f64::NEG_INFINITY, f64::max);
    if best < options.least_correlation.max(mean + 6.0 * deviation) {
        return Symmetry::Cyclic(1);
    }
    let least = (mean + options.least_share * (best - mean)).max(options.least_correlation);
    let held = fits.iter().filter(|fit| fit.weakest >= least);
    held.max_by(|a, b| {
        let order = a.group.order().cmp(&b.group.order());
        order.then(a.weakest.total_cmp(&b.weakest))
    })
    .map_or(Symmetry::Cyclic(1), |fit| fit.group)
}

#[cfg(test)]
mod tests;
