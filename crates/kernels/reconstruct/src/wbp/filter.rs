//! The radial filter of weighted back-projection: which weight each frequency across the tilt axis gets.
//!
//! All weightings are scaled so that a plain ramp gives **true density**: a tilt image is the line integral
//! density × Å, the filter is |k| (1/Å) times the angle a view stands for (rad), and back-projection sums the views.
//! Inside the measured wedge the Fourier components of the result then equal those of the specimen.
//!
//! Sources: Radermacher 1988 (J. Electron Microsc. Tech. 9:359, ramp and general filters); Harauz & van Heel 1986
//! (Optik 73:146, exact filter); Wolf, Lubk & Lichte 2014 (Ultramicroscopy 136:15, the filter equal to iterations of SIRT).
//!
//! SIRT from an empty volume has restored 1 − (1 − λ)^N of a component after N iterations, λ the eigenvalue of its step. On the
//! slice of view u of a slab of n rows, at k cycles per voxel,
//! ```text
//!   λ(k) = Σ_v F(n, k sin(θ_u − θ_v)/cos θ_v)/cos θ_v / Σ_v 1/cos θ_v        F(n, q) = (sin(π n q)/(n sin(π q)))²
//! ```
//! and the filter is s (1 − (1 − λ s²)^N)/(λ s²) over the slab's thickness and Σ 1/cos θ_v: what N steps do, with the response
//! s = sinc²(k cos θ_u) of the projector's interpolation along x.

use std::f64::consts::PI;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thon_units::{Angstrom, Radians};

use super::tilt_spacing::{TiltSpacing, view_angles};
use crate::ReconstructError;
use crate::half_space::sinc;

/// How frequencies across the tilt axis are weighted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Weighting {
    /// |k|: linear response, fit for subtomogram averaging.
    #[default]
    Ramp,
    /// What so many iterations of SIRT give, in one step: more contrast, for viewing and picking only. Where all views are
    /// without x-tilt this is SIRT itself, but for the tomogram's sides and for places that a view does not show, which count as
    /// background; else a radial filter stands for it.
    SirtLike {
        /// Number of iterations; 10 to 15 are usual.
        iterations: u32,
    },
    /// Exact weights for the angles at hand (Harauz & van Heel) for an object of this diameter across the axis.
    Exact {
        /// Diameter of the object, as a rule the thickness of the specimen.
        diameter: Angstrom,
    },
    /// No back-projection: the views' transforms are put where they belong in Fourier space, every frequency counted once. Fit for
    /// subtomogram averaging. Views without x-tilt only.
    Fourier,
}

/// How the filter falls off at high frequencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FallOff {
    /// 1 up to the cut-off, then half a cosine down to 0 over the width.
    #[default]
    RaisedCosine,
    /// 1 up to the cut-off, then exp(−((k − cut-off)/width)²): IMOD's `RADIAL` convention, no factor 2.
    Gaussian,
    /// Hamming window 0.54 + 0.46 cos(π k / cut-off), 0 beyond the cut-off; the width is not used.
    Hamming,
    /// A sharp edge at the cut-off.
    None,
}

/// The radial filter of weighted back-projection.
///
/// ```
/// use thon_reconstruct::RadialFilter;
/// let filter = RadialFilter::default();
/// assert_eq!(filter.pass(0.40), 1.0);                       // cycles per voxel
/// assert!((filter.pass(0.475) - 0.5).abs() < 1e-12);        // half way down the raised cosine
/// assert_eq!(filter.pass(0.51), 0.0);                       // nothing beyond Nyquist
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RadialFilter {
    /// Weighting of frequencies.
    pub weighting: Weighting,
    /// Shape of the fall-off at high frequencies.
    pub fall_off: FallOff,
    /// Where the fall-off starts (for the Hamming window: ends), cycles per voxel of the tomogram; above 0, at most 0.5.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub cutoff: f64,
    /// Width of the fall-off, cycles per voxel; 0 to 0.5.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub fall_off_width: f64,
    /// Which angle each view stands for.
    pub tilt_spacing: TiltSpacing,
}

impl Default for RadialFilter {
    /// A plain ramp to 0.45 cycles per voxel, down to 0 at 0.5.
    fn default() -> Self {
        Self {
            weighting: Weighting::Ramp,
            fall_off: FallOff::RaisedCosine,
            cutoff: 0.45,
            fall_off_width: 0.05,
            tilt_spacing: TiltSpacing::Density,
        }
    }
}

impl RadialFilter {
    /// Fails on values outside their ranges.
    ///
    /// # Errors
    /// [`ReconstructError::Parameter`] naming the field.
    pub fn check(&self) -> Result<(), ReconstructError> {
        if !(self.cutoff > 0.0 && self.cutoff <= 0.5) {
            return Err(ReconstructError::parameter(
                "cutoff",
                &self.cutoff,
                "above 0 and at most 0.5 cycles per voxel",
            ));
        }
        if !(0.0..=0.5).contains(&self.fall_off_width) {
            return Err(ReconstructError::parameter(
                "fall_off_width",
                &self.fall_off_width,
                "0 to 0.5 cycles per voxel",
            ));
        }
        match self.weighting {
            Weighting::SirtLike { iterations: 0 } => {
                Err(ReconstructError::parameter("iterations", &0, "at least 1"))
            }
            Weighting::Exact { diameter } if !(diameter.0.is_finite() && diameter.0 > 0.0) => Err(
                ReconstructError::parameter("diameter", &diameter, "a positive number of Å"),
            ),
            _ => Ok(()),
        }
    }

    /// The fall-off alone at `k` cycles per voxel: 1 in the pass band, 0 from Nyquist on.
    pub fn pass(&self, k: f64) -> f64 {
        let k = k.abs();
        if k > 0.5 {
            return 0.0;
        }
        match self.fall_off {
            FallOff::Hamming if k <= self.cutoff => 0.54 + 0.46 * (PI * k / self.cutoff).cos(),
            FallOff::Hamming => 0.0,
            _ if k <= self.cutoff => 1.0,
            FallOff::RaisedCosine if k < self.cutoff + self.fall_off_width => {
                0.5 + 0.5 * (PI * (k - self.cutoff) / self.fall_off_width).cos()
            }
            FallOff::Gaussian if self.fall_off_width > 0.0 => {
                (-((k - self.cutoff) / self.fall_off_width).powi(2)).exp()
            }
            _ => 0.0,
        }
    }

    /// The weights of one view among `angles`, ready for evaluation at any frequency.
    pub(crate) fn for_view(
        &self,
        view: usize,
        angles: &[Radians],
        voxel_size: f64,
        sections: usize,
    ) -> ViewWeights {
        let sines = match self.weighting {
            Weighting::Ramp | Weighting::Fourier => Vec::new(),
            _ => angles
                .iter()
                .map(|angle| (angles[view].0 - angle.0).sin())
                .collect(),
        };
        // Rays of very steep views are as long as those at 80°.
        let lengths: Vec<f64> = angles
            .iter()
            .map(|angle| 1.0 / angle.0.cos().abs().max(0.17))
            .collect();
        ViewWeights {
            filter: *self,
            voxel_size,
            angle: view_angles(self.tilt_spacing, angles)[view],
            sines,
            length: lengths[view],
            lengths,
            sections,
            flat: false,
        }
    }

    /// The fall-off alone, without any weighting: projections as they are, at the resolution of the tomogram.
    pub(crate) fn unweighted(&self, voxel_size: f64) -> ViewWeights {
        ViewWeights {
            filter: *self,
            voxel_size,
            angle: 1.0,
            sines: Vec::new(),
            lengths: Vec::new(),
            length: 1.0,
            sections: 1,
            flat: true,
        }
    }
}

/// The filter of one view.
pub(crate) struct ViewWeights {
    filter: RadialFilter,
    voxel_size: f64,
    /// The angle the view stands for, rad.
    angle: f64,
    /// Sines of the angles to all views; not for the ramp.
    sines: Vec<f64>,
    /// 1/cos of all tilts, and of its own.
    lengths: Vec<f64>,
    length: f64,
    /// Sections of the tomogram.
    sections: usize,
    /// True for the fall-off alone.
    flat: bool,
}

impl ViewWeights {
    /// The fall-off at `k` (1/Å), when there is nothing else to the filter.
    pub(crate) fn flat(&self, k: f64) -> Option<f64> {
        self.flat.then(|| self.filter.pass(k * self.voxel_size))
    }

    /// Weight at `k` (1/Å, ≥ 0) across the axis, in rad/Å; `floor` stands for |k| below it.
    pub(crate) fn at(&self, k: f64, floor: f64) -> f64 {
        let per_voxel = k * self.voxel_size;
        let ramp = k.max(floor);
        let weight = match self.filter.weighting {
            Weighting::Ramp | Weighting::Fourier => ramp * self.angle,
            Weighting::SirtLike { iterations } => self.sirt(per_voxel, iterations),
            Weighting::Exact { diameter } => {
                let overlap: f64 = self
                    .sines
                    .iter()
                    .map(|sine| sinc(diameter.0 * k * sine))
                    .sum();
                1.0 / (overlap.max(1.0) * diameter.0)
            }
        };
        weight * self.filter.pass(per_voxel)
    }

    /// What so many iterations of SIRT do to the slice of this view at `k` cycles per voxel.
    fn sirt(&self, k: f64, iterations: u32) -> f64 {
        let rows = self.sections as f64;
        let total: f64 = self.lengths.iter().sum();
        let seen: f64 = self
            .sines
            .iter()
            .zip(&self.lengths)
            .map(|(sine, length)| length * fejer(rows, k * sine * length))
            .sum();
        let response = sinc(k / self.length).powi(2);
        let step = (seen / total * response * response).clamp(1e-9, 1.0);
        let restored = 1.0 - (1.0 - step).powf(f64::from(iterations));
        response * restored / step / (rows * self.voxel_size * total)
    }
}

/// (sin(π n q) / (n sin(π q)))².
fn fejer(n: f64, q: f64) -> f64 {
    let below = (PI * q).sin();
    if below.abs() < 1e-9 {
        return 1.0;
    }
    ((PI * n * q).sin() / (n * below)).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use thon_units::Degrees;

    fn degrees(values: &[f64]) -> Vec<Radians> {
        values.iter().map(|v| Degrees(*v).radians()).collect()
    }

    #[test]
    fn exact_weights_equal_the_ramp_for_even_tilts() {
        // Dense even views over the half circle: 1/Σ sinc = D·k·Δθ beyond the first few frequencies.
        let angles = degrees(&(0..180).map(f64::from).collect::<Vec<_>>());
        let ramp = RadialFilter::default().for_view(90, &angles, 10.0, 100);
        let exact = RadialFilter {
            weighting: Weighting::Exact {
                diameter: Angstrom(1000.0),
            },
            ..RadialFilter::default()
        }
        .for_view(90, &angles, 10.0, 100);
        // The overlap integral of a disc rings around the ramp: equal on average.
        let ratios = (100..450).map(|i| 1e-4 * f64::from(i));
        let mean = ratios
            .map(|k| exact.at(k, 0.0) / ramp.at(k, 0.0))
            .sum::<f64>()
            / 350.0;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
    }

    #[test]
    fn more_iterations_approach_the_ramp() {
        let angles = degrees(&(-20..=20).map(|i| 3.0 * f64::from(i)).collect::<Vec<_>>());
        let weights = |iterations: u32| {
            let filter = RadialFilter {
                weighting: Weighting::SirtLike { iterations },
                ..RadialFilter::default()
            };
            filter.for_view(20, &angles, 1.0, 200)
        };
        let values: Vec<f64> = [1, 5, 20, 100].map(|n| weights(n).at(0.1, 0.0)).to_vec();
        assert!(values.windows(2).all(|w| w[0] < w[1]), "{values:?}");
        // One step is plain back-projection, but for its interpolation.
        let one = weights(1);
        let ratio = one.at(0.1, 0.0) / one.at(0.3, 0.0);
        assert!(
            (ratio - (sinc(0.1) / sinc(0.3)).powi(2)).abs() < 1e-9,
            "{ratio}"
        );
        // In the end views that do not overlap are divided by what they share: the ramp's slope, within the slab's ringing.
        let ramp = RadialFilter::default().for_view(20, &angles, 1.0, 200);
        let end = weights(1_000_000);
        let ratios = (10..40).map(|i| 0.001 * f64::from(i));
        let mean = ratios
            .map(|k| end.at(k, 0.0) / ramp.at(k, 0.0))
            .sum::<f64>()
            / 30.0;
        assert!((mean - 1.0).abs() < 0.35, "{mean}");
    }

    #[test]
    fn wrong_values_are_named() {
        let filter = RadialFilter {
            cutoff: 0.7,
            ..RadialFilter::default()
        };
        let message = filter.check().unwrap_err().to_string();
        assert!(message.contains("cutoff is 0.7"), "{message}");
    }
}
