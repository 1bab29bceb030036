//! Bundle adjustment of a tilt series: geometry of the views and places of the points from measured positions.
//!
//! Model (Mastronarde, J. Struct. Biol. 343, 2007; the order of operations is tiltalign's): a point X of the specimen
//! appears on view i at
//!
//! ```text
//!   p = A0 · m_i · R(ρ_i) · E · [ Ry(θ_i) Rx(α_i) D_i X ]xy + s_i      D = | 1+stretch  0   0        |
//!                                                                          | skew       1   0        |
//!   E = | 1  projection skew |                                             | 0          0   thinning |
//!       | 0  1               |
//! ```
//!
//! with magnification m, axis angle ρ, tilt θ, x tilt α, deformation D in the specimen plane, projection skew E and shift s (Å from the
//! centre pixel ⌊n/2⌋ of the raw image); A0 is whatever deformation the start already carried. Shifts and points are
//! always solved; each other variable is fixed, one for all views, free per view, or interpolated between groups of
//! views, and may carry a Gaussian prior whose width is given or estimated from the data (empirical Bayes).
//! Levenberg–Marquardt with the points eliminated (Schur complement), iteratively reweighted against outliers.

pub(crate) use weights::median;
mod driver;
mod layout;
mod normal_equations;
mod options;
mod report;
mod solution;
mod view_model;
mod weights;

pub use driver::adjust;
pub use options::{Adjustment, Grouping, Prior, Robust, Variable, ViewNoise};
pub use solution::{Solution, ViewReport};

use glam::DVec2;

/// One measured position of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Index of the view.
    pub view: usize,
    /// Measured position, Å in the raw image from its centre pixel ⌊n/2⌋.
    pub position: DVec2,
    /// Relative weight, ∝ 1/variance of the position; 1 for all when nothing is known. 0 switches it off.
    pub weight: f64,
}

/// One point of the specimen, observed on some views (at most once per view).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    /// The measured positions.
    pub points: Vec<Observation>,
}
