//! What is asked of an analysis of components.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_units::Angstrom;

use crate::ClassifyError;

/// How differences between particles are taken apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ComponentOptions {
    /// Number of components.
    #[schemars(range(min = 1, max = 24))]
    pub components: usize,
    /// Number of classes that the factors are sorted into; 1 for none.
    #[schemars(range(min = 1, max = 100))]
    pub classes: usize,
    /// Finest period that is compared; coarser is quicker and less noisy.
    pub resolution: Angstrom,
    /// Diameter of the spherical mask; 80 % of the box when empty.
    pub diameter: Option<Angstrom>,
    /// Width of the soft edge outside the mask; 5 voxels when empty.
    #[schemars(extend("x-level" = "expert"))]
    pub mask_edge: Option<Angstrom>,
    /// Rounds of refining components and factors against each other.
    #[schemars(range(min = 0, max = 200), extend("x-level" = "expert"))]
    pub iterations: usize,
    /// Starts of the sorting into classes; the best one counts.
    #[schemars(range(min = 1, max = 10000), extend("x-level" = "expert"))]
    pub restarts: usize,
    /// Seed of all starts.
    pub seed: u64,
}

impl Default for ComponentOptions {
    fn default() -> Self {
        Self {
            components: 4,
            classes: 3,
            resolution: Angstrom(40.0),
            diameter: None,
            mask_edge: None,
            iterations: 15,
            restarts: 50,
            seed: 1,
        }
    }
}

/// The options in voxels and shells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Settings {
    /// Largest shell.
    pub band: usize,
    /// Radius of the mask, voxels.
    pub radius: f64,
    /// Width of its edge, voxels.
    pub edge: f64,
}

impl ComponentOptions {
    /// Fails unless particles of a box (voxels) and voxel size (Å) can be compared so.
    ///
    /// # Errors
    /// [`ClassifyError::Parameter`], naming what is out of range.
    pub fn check(&self, box_size: usize, voxel_size: f64) -> Result<(), ClassifyError> {
        self.settings(box_size, voxel_size).map(|_| ())
    }

    /// Bytes that `count` particles take, and seconds of one core to compare them (reading apart).
    ///
    /// # Errors
    /// As [`ComponentOptions::check`].
    pub fn needs(
        &self,
        count: usize,
        box_size: usize,
        voxel_size: f64,
    ) -> Result<(u64, f64), ClassifyError> {
        let band = self.settings(box_size, voxel_size)?.band as f64;
        let points = 2.1 * band.powi(3);
        let (n, q) = (count as f64, self.components as f64);
        let memory = n * points * 36.0 + 60.0 * (box_size as f64).powi(3) + 8e6;
        let products = n * points * (q * (q + 5.0) * self.iterations as f64 + 100.0 * (q + 8.0));
        Ok((
            memory as u64,
            0.2 + products / 1e10 + n * (points + (box_size as f64).powi(3)) * 1e-7,
        ))
    }

    /// Checks the options against particles of a box and voxel size (Å).
    pub(crate) fn settings(
        &self,
        box_size: usize,
        voxel_size: f64,
    ) -> Result<Settings, ClassifyError> {
        use ClassifyError as E;
        let counts = [
            ("components", self.components, 1..=24, "1 to 24"),
            ("classes", self.classes, 1..=100, "1 to 100"),
            ("iterations", self.iterations, 0..=200, "0 to 200"),
            ("restarts", self.restarts, 1..=10_000, "1 to 10000"),
            ("box size", box_size, 8..=2048, "8 to 2048 voxels"),
        ];
        for (name, value, range, expected) in counts {
            E::require(range.contains(&value), name, value, expected)?;
        }
        let sane = voxel_size.is_finite() && voxel_size > 0.0;
        E::require(sane, "voxel size", voxel_size, "a length above 0 Å")?;
        let n = box_size as f64;
        let wanted = n * voxel_size / self.resolution.0;
        E::require(
            wanted.is_finite() && wanted >= 2.0,
            "resolution",
            self.resolution.0,
            "above 0 and at most half the box's edge, Å",
        )?;
        let radius = self.diameter.map_or(0.4 * n, |d| d.0 / 2.0 / voxel_size);
        E::require(
            (2.0..=n / 2.0).contains(&radius),
            "diameter",
            2.0 * radius * voxel_size,
            "4 voxels to the edge of the box",
        )?;
        let edge = self.mask_edge.map_or(5.0, |e| e.0 / voxel_size);
        E::require(
            (0.0..=n / 2.0).contains(&edge),
            "mask edge",
            edge * voxel_size,
            "0 to half the box",
        )?;
        Ok(Settings {
            band: (wanted.floor() as usize).min(box_size / 2 - 2),
            radius,
            edge: edge.min(n / 2.0 - radius),
        })
    }
}
