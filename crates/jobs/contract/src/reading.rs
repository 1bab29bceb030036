//! What a long unit can say of itself while it runs: a few numbers after each step.

use serde::{Deserialize, Serialize};

/// Numbers after a step, such as an iteration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Number of the step.
    pub step: u64,
    /// Names with their units, as `resolution (Å)`, and values; only what is a number.
    pub values: Vec<(String, f64)>,
}
