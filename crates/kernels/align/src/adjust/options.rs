//! What an adjustment solves for, and how it weighs its measurements.

use serde::{Deserialize, Serialize};

/// How a variable differs between views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Grouping {
    /// Not solved: the start stands.
    Fixed,
    /// One change for all views.
    One,
    /// One change for each view.
    PerView,
    /// One change at every n-th view (fewer views at high tilt), linear between them.
    Linear(usize),
    /// One change for each block of n views.
    Blocks(usize),
}

/// What is believed about the changes of a variable before the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Prior {
    /// Nothing.
    None,
    /// Changes are normal with this standard deviation.
    Width(f64),
    /// Changes are normal with a standard deviation estimated from the data, starting from this one.
    Estimated(f64),
}

/// One kind of variable. Angles in radians, magnification and deformations as fractions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    /// How it differs between views.
    pub grouping: Grouping,
    /// Belief about the changes from the start; for the rotation, from their common change.
    pub prior: Prior,
}

impl Variable {
    /// Not solved.
    pub const FIXED: Self = Self {
        grouping: Grouping::Fixed,
        prior: Prior::None,
    };
    /// One for all views.
    pub const ONE: Self = Self {
        grouping: Grouping::One,
        prior: Prior::None,
    };
    /// Free on every view.
    pub const PER_VIEW: Self = Self {
        grouping: Grouping::PerView,
        prior: Prior::None,
    };

    /// Linear between every n-th view.
    pub const fn linear(views: usize) -> Self {
        Self {
            grouping: Grouping::Linear(views),
            prior: Prior::None,
        }
    }

    /// Constant on blocks of n views.
    pub const fn blocks(views: usize) -> Self {
        Self {
            grouping: Grouping::Blocks(views),
            prior: Prior::None,
        }
    }

    /// Free on every view, its spread estimated from the data.
    pub const fn estimated(start: f64) -> Self {
        Self {
            grouping: Grouping::PerView,
            prior: Prior::Estimated(start),
        }
    }
}

/// Protection against outliers, in units of the standard deviation of one coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Robust {
    /// Least squares.
    None,
    /// Huber: linear beyond this many deviations.
    Huber(f64),
    /// Tukey's biweight: no influence beyond this many deviations.
    Tukey(f64),
}

/// Noise of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewNoise {
    /// The same on all views.
    Equal,
    /// Estimated for each view, drawn towards the mean of all.
    PerView,
}

/// Options of [`super::adjust`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Tilt angle, radians.
    pub tilt: Variable,
    /// Tilt-axis angle, radians; with a prior, a common change is solved beside it without one.
    pub rotation: Variable,
    /// Magnification, fraction.
    pub magnification: Variable,
    /// Stretch of the specimen along x, fraction.
    pub stretch: Variable,
    /// Skew of the specimen plane, y by x, radians.
    pub skew: Variable,
    /// Change of the specimen's thickness, fraction.
    pub thinning: Variable,
    /// Tilt about x, radians. `One` is not determined by a tilt series (it turns the specimen).
    pub x_tilt: Variable,
    /// Skew of the projected image (axes of the camera that are not square), radians; as a rule `One`.
    pub projection_skew: Variable,
    /// View at which tilt, magnification and the deformations stay as they are, and whose shift is kept; by default
    /// the one nearest to zero tilt with most points.
    pub reference_view: Option<usize>,
    /// Protection against outliers.
    pub robust: Robust,
    /// Noise of the views.
    pub noise: ViewNoise,
    /// Fewest observations of a track that is used; at least 2.
    pub minimum_observations: usize,
    /// Reweightings at most.
    pub reweightings: usize,
    /// Views on which groups of tilts that are linear between them stand, instead of every n-th view: as another program
    /// chose them.
    pub tilt_groups: Option<Vec<usize>>,
    /// Whether the covariance of the points is to be reported.
    pub point_covariance: bool,
}

impl Default for Adjustment {
    /// Fiducials on a good stage: every view's tilt, rotation and magnification with estimated spread.
    fn default() -> Self {
        Self {
            tilt: Variable::estimated(5e-4),
            rotation: Variable::estimated(7e-4),
            magnification: Variable::estimated(3e-4),
            stretch: Variable::FIXED,
            skew: Variable::FIXED,
            thinning: Variable::FIXED,
            x_tilt: Variable::FIXED,
            projection_skew: Variable::FIXED,
            reference_view: None,
            robust: Robust::Tukey(4.685),
            noise: ViewNoise::PerView,
            minimum_observations: 3,
            reweightings: 30,
            tilt_groups: None,
            point_covariance: false,
        }
    }
}

impl Adjustment {
    /// Shifts and points only; angles as they are.
    pub fn shifts_only() -> Self {
        Self {
            tilt: Variable::FIXED,
            rotation: Variable::FIXED,
            magnification: Variable::FIXED,
            ..Self::default()
        }
    }

    /// One axis angle, fixed tilts: the safe choice for patches and for few points.
    pub fn fixed_tilts() -> Self {
        Self {
            rotation: Variable::ONE,
            ..Self::shifts_only()
        }
    }

    pub(super) fn variables(&self) -> [Variable; KINDS] {
        [
            self.tilt,
            self.rotation,
            self.magnification,
            self.stretch,
            self.skew,
            self.thinning,
            self.x_tilt,
            self.projection_skew,
        ]
    }
}

/// Number of kinds of variables beside the shift.
pub(super) const KINDS: usize = 8;
pub(super) const TILT: usize = 0;
pub(super) const ROTATION: usize = 1;
pub(super) const MAGNIFICATION: usize = 2;
pub(super) const STRETCH: usize = 3;
pub(super) const SKEW: usize = 4;
pub(super) const THINNING: usize = 5;
pub(super) const X_TILT: usize = 6;
pub(super) const PROJECTION_SKEW: usize = 7;
