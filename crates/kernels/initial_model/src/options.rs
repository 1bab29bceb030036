//! What a first map is asked of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::InitialModelError;

/// How a first map is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InitialModelOptions {
    /// Diameter of the particle (Å): of the soft sphere around data and map.
    #[schemars(extend("x-unit" = "Å"))]
    pub particle_diameter: f64,
    /// Finest detail of the map (Å).
    #[schemars(extend("x-unit" = "Å"))]
    pub resolution: f64,
    /// Largest distance of a particle from the centre of its box (Å).
    #[schemars(extend("x-unit" = "Å"))]
    pub shift_range: f64,
    /// Number of maps.
    #[schemars(range(min = 1, max = 10))]
    pub classes: usize,
    /// Random starts, of which the best goes on.
    #[schemars(range(min = 1, max = 64))]
    pub starts: usize,
    /// Iterations of each start.
    #[schemars(range(min = 1, max = 200), extend("x-level" = "expert"))]
    pub start_iterations: usize,
    /// Iterations of the start that goes on.
    #[schemars(range(min = 1, max = 200), extend("x-level" = "expert"))]
    pub iterations: usize,
    /// Particles of a subset in the first iterations.
    #[schemars(range(min = 4), extend("x-level" = "expert"))]
    pub subset: usize,
    /// Particles that take part at all; more are thinned out evenly.
    #[schemars(range(min = 4), extend("x-level" = "expert"))]
    pub largest_set: usize,
    /// Trust in the map against the noise (T).
    #[schemars(extend("x-level" = "expert"))]
    pub trust: f64,
    /// Seed of all random choices.
    pub seed: u64,
}

impl Default for InitialModelOptions {
    fn default() -> Self {
        Self {
            particle_diameter: 300.0,
            resolution: 50.0,
            shift_range: 24.0,
            classes: 1,
            starts: 6,
            start_iterations: 16,
            iterations: 10,
            subset: 80,
            largest_set: 800,
            trust: 4.0,
            seed: 1,
        }
    }
}

impl InitialModelOptions {
    /// Fails for values that cannot be worked with.
    pub fn check(&self) -> Result<(), InitialModelError> {
        let positive = [
            ("particle_diameter", self.particle_diameter),
            ("resolution", self.resolution),
            ("trust", self.trust),
        ];
        for (name, value) in positive {
            if !(value.is_finite() && value > 0.0) {
                return refused(name, value.to_string(), "a number above 0");
            }
        }
        if !(self.shift_range.is_finite() && self.shift_range >= 0.0) {
            return refused("shift_range", self.shift_range.to_string(), "0 or more");
        }
        let counts = [
            ("classes", self.classes),
            ("starts", self.starts),
            ("start_iterations", self.start_iterations),
            ("iterations", self.iterations),
        ];
        for (name, value) in counts {
            if value == 0 {
                return refused(name, value.to_string(), "1 or more");
            }
        }
        if self.subset < 4 || self.largest_set < 4 {
            return refused(
                "subset",
                self.subset.min(self.largest_set).to_string(),
                "4 or more",
            );
        }
        Ok(())
    }
}

fn refused(
    name: &'static str,
    value: String,
    expected: &'static str,
) -> Result<(), InitialModelError> {
    Err(InitialModelError::Option {
        name,
        value,
        expected,
    })
}
